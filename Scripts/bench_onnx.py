"""The time of an ONNX model in onnxruntime and in `flameback run`, alternately, and the difference of their results.

    python Scripts/bench_onnx.py TOOL THREADS MODEL.onnx INPUT.npy ...
"""

import re
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnxruntime

tool, threads, model, *inputs = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(threads)
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
given = {v.name: np.load(path) for v, path in zip(session.get_inputs(), inputs)}
ours, theirs = [], []
with tempfile.TemporaryDirectory() as folder:
    results = [f"{folder}/{i}.npy" for i in range(len(session.get_outputs()))]
    command = [tool, "run", model, "--times", "30", "--threads", threads]
    for path in inputs:
        command += ["--input", path]
    for path in results:
        command += ["--output", path]
    for _ in range(3):
        samples = []
        for _ in range(30):
            start = time.perf_counter()
            outputs = session.run(None, given)
            samples.append((time.perf_counter() - start) * 1e3)
        theirs.append(sorted(samples)[15])
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        ours.append(float(re.search(r"median of \d+ runs: ([\d.]+) ms", text).group(1)))
    difference = max(float(np.abs(np.load(path) - output).max()) for path, output in zip(results, outputs))
print(f"onnxruntime {min(theirs):.2f} ms, flameback {min(ours):.2f} ms, ratio {min(ours) / min(theirs):.2f}, "
      f"difference {difference:.1e}")
