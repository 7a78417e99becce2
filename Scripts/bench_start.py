#!/usr/bin/env python3
"""How long the tool takes to start: until `--version` has ended, and until the bar of `train digits` shows its first
step (it is drawn in a terminal as soon as that is done). Milliseconds, lowest and median.

    Scripts/bench_start.py .build/release/flameback [runs]"""
import os, pty, shutil, statistics, subprocess, sys, tempfile, time

tool, runs = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20


def version():
    start = time.perf_counter()
    subprocess.run([tool, "--version"], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def first_step(folder):
    start = time.perf_counter()
    child, terminal = pty.fork()
    if child == 0:
        os.execv(tool, [tool, "train", "digits", "--epochs", "1", "--out", folder])
    shown, end = b"", None
    try:
        while data := os.read(terminal, 65536):
            shown += data
            if end is None and b"epoch 1/1" in shown:
                end = time.perf_counter()
    except OSError:  # the terminal ends with the child
        pass
    if os.waitpid(child, 0)[1] != 0 or end is None:
        sys.exit("train failed: " + shown.decode(errors="replace"))
    return end - start


folder = tempfile.mkdtemp()
for name, measure in [("--version", version), ("first step of train digits", lambda: first_step(folder))]:
    times = sorted(1e3 * measure() for _ in range(runs))
    print(f"{name}: {times[0]:.1f} ms lowest, {statistics.median(times):.1f} ms median")
shutil.rmtree(folder)
