"""Loading and saving an 80 MB checkpoint: PyTorch against `flameback bench --file`, alternately in one run.

    swift build -c release --product flameback; python Scripts/bench_files.py .build/release/flameback
"""
import os, re, statistics, subprocess, sys, tempfile, time
import torch

tool = sys.argv[1]
torch.manual_seed(0)
state = {f"layers.{i}.weight": torch.randn(1000, 1000) for i in range(20)}
state |= {f"layers.{i}.bias": torch.randn(1000) for i in range(20)}


def median(body):
    times = []
    for _ in range(11):
        start = time.perf_counter()
        body()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def save_synced(path):
    torch.save(state, path)
    with open(path, "rb+") as f:
        os.fsync(f.fileno())


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "model.pth")
    torch.save(state, path)
    rounds = []
    for _ in range(3):
        t = {"load": median(lambda: torch.load(path, weights_only=True)),
             "load mmap": median(lambda: torch.load(path, weights_only=True, mmap=True)),
             "save": median(lambda: torch.save(state, path + ".t")), "save, forced": median(lambda: save_synced(path + ".t"))}
        text = subprocess.run([tool, "bench", "--file", path], capture_output=True, text=True, check=True).stdout
        f = {m[1].strip(): float(m[2]) for m in re.finditer(r"^(.+?)\s+([\d.]+) ms$", text, re.M)}
        rounds.append((t, f))
    t = {k: statistics.median(r[0][k] for r in rounds) for k in rounds[0][0]}
    f = {k: statistics.median(r[1][k] for r in rounds) for k in rounds[0][1]}
    for name, ours, theirs in [("open, read one tensor", "open, read one tensor", "load"), ("the same against mmap=True", "open, read one tensor", "load mmap"),
                               ("read all, checksums compared", "read all, checksums compared", "load"),
                               ("read all, copied", "read all, copied into fresh memory", "load"),
                               ("write, forced to the disk", "write, forced to the disk", "save, forced"),
                               ("write, against PyTorch's without", "write, forced to the disk", "save")]:
        print(f"{name:36} flameback {f[ours]:8.2f} ms   PyTorch {t[theirs]:8.2f} ms   ratio {t[theirs] / f[ours]:6.2f}")
