"""Makes Tests/FlamebackFilesTests/Fixtures: small files of other programs that our readers must read.

Needs PyTorch, safetensors, NumPy and Pillow; run it only to change the fixtures.
    python Scripts/make_file_fixtures.py
"""
import os, struct, warnings
import numpy as np
import torch
from torch import nn

warnings.simplefilter("ignore")
out = os.path.join(os.path.dirname(__file__), "..", "Tests", "FlamebackFilesTests", "Fixtures")
os.makedirs(out, exist_ok=True)
os.chdir(out)
torch.manual_seed(0)

# PyTorch: a training checkpoint, all dtypes, views, and the format before the zip one.
model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
with torch.no_grad():
    for i, p in enumerate(model.parameters()):
        p.copy_(torch.arange(p.numel()).reshape(p.shape) / 4 + i)
optimizer = torch.optim.Adam(model.parameters())
model(torch.ones(4, 2)).sum().backward()
optimizer.step()
checkpoint = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 7, "losses": [1.5, 0.25]}
torch.save(checkpoint, "checkpoint.pth")
names = ("bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128 "
         "uint16 uint32 uint64 float8_e4m3fn float8_e5m2").split()
dtypes = {n: torch.tensor([0, 1, 1]).to(getattr(torch, n)) for n in names}
torch.save(dtypes, "dtypes.pth")
base = torch.arange(12.0).reshape(3, 4)
views = {"base": base, "transposed": base.t(), "row": base[1], "scalar": torch.tensor(2.5), "empty": torch.zeros(0, 2),
         "parameter": nn.Parameter(torch.ones(2)), "misc": (1, -2, 2**40, 2**70, "h\u00e9", None, True, b"\x00\xff", 1e-300),
         "size": torch.Size([2, 3]), "dtype": torch.float16, "device": torch.device("cpu"), 3: {"x": []}}
torch.save(views, "views.pth")
torch.save(views, "views-legacy.pth", _use_new_zipfile_serialization=False)
torch.jit.script(nn.Linear(2, 1)).save("script.pt")

# safetensors and NumPy.
from safetensors.torch import save_file
save_file({"a": torch.arange(6).reshape(2, 3), "b": torch.tensor([1.5, -2.0], dtype=torch.bfloat16)},
          "two.safetensors", metadata={"format": "pt", "note": "x"})
np.save("float32.npy", np.arange(6, dtype="f4").reshape(2, 3))
np.save("fortran-big-endian.npy", np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3)))
np.savez("two.npz", a=np.arange(5), b=np.ones((2, 2), "f2"))
np.savez_compressed("two-compressed.npz", a=np.arange(500) // 100, b=np.ones((2, 2), "f2"))
np.save("objects.npy", np.array([{}, None], dtype=object), allow_pickle=True)

# CIFAR-10's Python batches: pickled by Python 2 (byte strings), and by Python 3 with protocol 2.
import pickle
data = (np.arange(2 * 3072) % 251).astype(np.uint8).reshape(2, 3072)
with open("cifar-python3.pickle", "wb") as f:
    pickle.dump({b"data": data, b"labels": [3, 9], b"batch_label": b"x"}, f, protocol=2)
def s(b):
    return b"U" + bytes([len(b)]) + b if len(b) < 256 else b"T" + struct.pack("<i", len(b)) + b
dtype = b"cnumpy\ndtype\n" + s(b"u1") + b"K\x00K\x01\x87R(K\x03" + s(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
array = (b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + s(b"b") + b"\x87R(K\x01K\x02M\x00\x0c\x86"
         + dtype + b"\x89" + s(data.tobytes()) + b"tb")
with open("cifar-python2.pickle", "wb") as f:
    f.write(b"\x80\x02}q\x01(" + s(b"data") + array + s(b"labels") + b"]q\x02(K\x03K\x09e" + s(b"batch_label") + s(b"x") + b"u.")
assert (pickle.load(open("cifar-python2.pickle", "rb"), encoding="bytes")[b"data"] == data).all()

# PNG: every colour type and depth.
from PIL import Image
y, x = np.mgrid[0:5, 0:7]
gray = (x * 30 + y * 7).astype(np.uint8)
rgb = np.stack([gray, 255 - gray, gray // 2], -1)
Image.fromarray(gray).save("gray.png")
Image.fromarray(rgb).save("rgb.png")
Image.fromarray(np.concatenate([rgb, gray[..., None]], -1)).save("rgba.png")
Image.fromarray(rgb).quantize(16).save("palette.png")
Image.fromarray(gray > 100).save("bits.png")
Image.fromarray(gray.astype(np.uint16) * 257).save("gray16.png")
Image.fromarray(np.stack([gray, gray], -1), "LA").save("gray-alpha.png")
np.save("palette-rgb.npy", np.array(Image.open("palette.png").convert("RGB")))
