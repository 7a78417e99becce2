"""Files of PyTorch, safetensors and NumPy through `flameback convert` and back, compared bit by bit.

    python Scripts/check_roundtrip.py .build/release/flameback
"""
import os, subprocess, sys, tempfile, warnings
import numpy as np
import torch
from safetensors.torch import load_file, save_file

warnings.simplefilter("ignore")
tool = sys.argv[1]
torch.manual_seed(0)
names = ("bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128 uint16 uint32 uint64 "
         "float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu complex32").split()


def random(dtype):
    size = torch.empty(0, dtype=dtype).element_size()
    raw = torch.randint(0, 2 if dtype == torch.bool else 256, (5 * 3 * size,), dtype=torch.uint8)
    return raw.view(dtype).reshape(5, 3)


def raw(t):
    return t.detach().contiguous().flatten().view(torch.uint8).tolist() if t.numel() else []


def same(a, b, path=""):
    if isinstance(a, torch.Tensor):
        assert a.dtype == b.dtype and a.shape == b.shape and raw(a) == raw(b), path
        assert isinstance(b, torch.nn.Parameter) or a.requires_grad == b.requires_grad, path
    elif isinstance(a, dict):
        assert type(a) is type(b) and list(a) == list(b), (path, list(a), list(b))
        for key in a:
            same(a[key], b[key], f"{path}.{key}")
    elif isinstance(a, (list, tuple)):
        assert type(a) is type(b) and len(a) == len(b), path
        for i, (x, y) in enumerate(zip(a, b)):
            same(x, y, f"{path}[{i}]")
    else:
        assert type(a) is type(b) and a == b, (path, a, b)


def convert(source, target):
    subprocess.run([tool, "convert", source, target], check=True, stdout=subprocess.DEVNULL)


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    tensors = {n: random(getattr(torch, n)) for n in names}
    base = torch.randn(4, 6)
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(4, 2)).sum().backward()
    optimizer.step()
    everything = {
        "tensors": tensors, "base": base, "transposed": base.t(), "row": base[2], "step": base[::2, ::3], "tied": base,
        "expanded": torch.ones(1).expand(3, 4), "scalar": torch.tensor(1.5), "empty": torch.zeros(0, 3), 7: {-1: "x", 2**40: None},
        "numbers": [1, -2, 2**31, -2**63, 2**80, 1e-300, float("inf"), True], "text": "h\u00e9 \U0001F600", "bytes": b"\x00\xff",
        "tuple": (1, (2, ())), "size": torch.Size([1, 2]), "dtype": torch.bfloat16, "device": torch.device("cpu"),
        "model": model.state_dict(), "optimizer": optimizer.state_dict(), "complex": 1 + 2j, "rng": torch.get_rng_state()}
    torch.save(everything, "zip.pth")
    torch.save({k: v for k, v in everything.items()}, "old.pth", _use_new_zipfile_serialization=False)
    for source in ("zip.pth", "old.pth"):
        convert(source, "again.pth")
        for mmap in (False, True):
            again = torch.load("again.pth", weights_only=True, mmap=mmap)
            same(everything, again)
            assert again["model"]._metadata == everything["model"]._metadata
            assert again["base"].data_ptr() == again["transposed"].data_ptr() == again["tied"].data_ptr()
        print(source, "bit by bit the same, shared storages shared, with and without mmap")
    plain = {n: t for n, t in tensors.items() if n not in ("complex128", "complex32", "float8_e5m2fnuz", "float8_e4m3fnuz")}
    torch.save(plain, "plain.pth")
    convert("plain.pth", "plain.safetensors")
    same(plain, {k: load_file("plain.safetensors")[k] for k in plain})
    save_file(plain, "theirs.safetensors")
    convert("theirs.safetensors", "theirs.pth")
    loaded = torch.load("theirs.pth", weights_only=True)
    same(plain, {k: loaded[k] for k in plain})
    print("safetensors: the same both ways")
    arrays = {n: t.numpy() for n, t in tensors.items() if not n.startswith(("float8", "bfloat", "complex32"))}
    for save in (np.savez, np.savez_compressed):
        save("arrays.npz", **arrays)
        convert("arrays.npz", "arrays.pth")
        convert("arrays.pth", "back.npz")
        back = np.load("back.npz")
        assert set(back.files) == set(arrays)
        for n, a in arrays.items():
            assert back[n].dtype == a.dtype and back[n].tobytes() == a.tobytes(), n
    print("NumPy: the same both ways, compressed and not")
