"""Packs one small node test per operator into Tests/FlamebackONNXTests/Fixtures/node-tests.zip.

    pip download --no-deps onnx==1.15.0 && unzip onnx-1.15.0*.whl 'onnx/backend/test/data/node/*'
    python Scripts/make_onnx_fixtures.py onnx/backend/test/data/node

The tests are ONNX's own (Apache License 2.0), those of opset 20. Their models and data are taken as they are.
"""

import collections
import os
import sys
import zipfile

import onnx

SKIP = {"Bernoulli", "Dropout", "RandomUniformLike", "Adam"}  # random, or at odds with the standard
MAX_BYTES = 4000


def operators(graph):
    for node in graph.node:
        yield (node.domain + "." if node.domain else "") + node.op_type
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from operators(attribute.g)


def tensors_only(model):
    return all(i.type.HasField("tensor_type") and i.type.tensor_type.elem_type not in (8, 17, 18, 19, 20)
               for i in list(model.graph.input) + list(model.graph.output))


def main(folder):
    candidates = collections.defaultdict(list)
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        model = onnx.load(os.path.join(path, "model.onnx"))
        ops = set(operators(model.graph))
        if not tensors_only(model) or "expanded" in name or name == "test_scan_sum":
            continue
        files = [os.path.join(root, f) for root, _, fs in os.walk(path) for f in fs]
        size = sum(os.path.getsize(f) for f in files)
        if size <= MAX_BYTES and len(model.graph.node) <= 12:
            candidates[model.graph.node[0].op_type if len(ops) == 1 else "+".join(sorted(ops))].append((size, name, files))
    target = os.path.join(os.path.dirname(__file__), "../Tests/FlamebackONNXTests/Fixtures/node-tests.zip")
    count = 0
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for op, tests in sorted(candidates.items()):
            if SKIP & set(op.split("+")):
                continue
            for _, name, files in sorted(tests)[:1] + sorted(tests)[-1:] if len(tests) > 1 else tests:
                count += 1
                for file in sorted(files):
                    info = zipfile.ZipInfo(os.path.relpath(file, folder), (1980, 1, 1, 0, 0, 0))
                    info.compress_type = zipfile.ZIP_DEFLATED
                    archive.writestr(info, open(file, "rb").read())
    print(count, "tests,", os.path.getsize(target), "bytes")


if __name__ == "__main__":
    main(sys.argv[1])
