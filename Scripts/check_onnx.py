"""Runs every NAME.onnx of a folder in onnxruntime on NAME.input_*.npy and compares with NAME.output_*.npy.

    python Scripts/check_onnx.py FOLDER [--time]

The folder is written by `FLAMEBACK_PYTHON=python FLAMEBACK_ONNX_FOLDER=FOLDER swift test --filter OnnxruntimeTests`,
which runs this script too. --time: the median time of a run, two threads.
"""

import glob
import sys
import time

import numpy as np
import onnx
import onnxruntime

TOLERANCE = 1e-5


def main(folder, timed):
    failures = 0
    for path in sorted(glob.glob(folder + "/*.onnx")):
        name = path[:-len(".onnx")]
        onnx.checker.check_model(path, full_check=True)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 2
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        inputs = {v.name: np.load(f"{name}.input_{i}.npy") for i, v in enumerate(session.get_inputs())}
        try:
            outputs = session.run(None, inputs)
        except Exception as error:
            failures += 1
            print(f"FAILED {name.split('/')[-1]}: {error}")
            continue
        worst = 0.0
        for i, output in enumerate(outputs):
            expected = np.load(f"{name}.output_{i}.npy")
            assert output.shape == expected.shape and output.dtype == expected.dtype, (name, output.shape, expected.shape)
            if output.size == 0:
                continue
            finite = np.isfinite(expected)
            assert (np.isfinite(output) == finite).all(), name
            scale = max(1.0, float(np.abs(expected[finite]).max(initial=0)))
            worst = max(worst, float(np.abs(output.astype(np.float64) - expected)[finite].max(initial=0)) / scale)
        ok = worst <= TOLERANCE
        failures += not ok
        line = f"{'ok    ' if ok else 'FAILED'} {name.split('/')[-1]}: {worst:.1e}"
        if timed:
            samples = []
            for _ in range(30):
                start = time.perf_counter()
                session.run(None, inputs)
                samples.append(time.perf_counter() - start)
            line += f", {1e3 * sorted(samples)[len(samples) // 2]:.2f} ms"
        print(line)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], "--time" in sys.argv))
