#!/usr/bin/env python3
"""Extracts the conformance cases that the repository keeps: about one of each kind and tier-1 operation.

usage: extract_conformance.py SOURCE DESTINATION     (format: FORMAT.md beside the source)
"""
import json
import os
import struct
import sys

source, destination = sys.argv[1:3]
EVERYTHING = {"programs", "train"}
LARGEST_CASE = 30_000


def read_tensors(path):
    with open(path, "rb") as file:
        data = file.read()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    return {
        key: (entry["dtype"], entry["shape"], data[8 + length + entry["data_offsets"][0] : 8 + length + entry["data_offsets"][1]])
        for key, entry in header.items()
    }


def descriptors(value):
    """All objects that name a tensor."""
    if isinstance(value, dict):
        if isinstance(value.get("key"), str) and "dtype" in value:
            yield value
        for item in value.values():
            yield from descriptors(item)
    elif isinstance(value, list):
        for item in value:
            yield from descriptors(item)


def size(case, tensors):
    keys = {descriptor["key"] for descriptor in descriptors(case)}
    return len(json.dumps(case)) + sum(len(tensors[key][2]) for key in keys)


def subject(case):
    """What a case is about: at most one case of each is kept."""
    if "steps" in case:
        step = case["steps"][-1]
        return step.get("fn") or step.get("module") or step.get("model") or json.dumps(step.get("sampling"))
    return case.get("fn") or case.get("module") or case.get("optimizer") or case.get("scheduler") or case.get("model")


def choose(kind, cases, tensors):
    if kind in EVERYTHING:
        return cases
    best = {}
    for case in cases:
        bytes = size(case, tensors)
        if bytes > LARGEST_CASE and kind != "models":
            continue
        # Most is checked where there are gradients; float32 is what is used most.
        rank = (not case.get("backward2"), not case.get("backward"), case.get("dtype") != "float32", bytes)
        key = (subject(case), bool(case.get("error")))
        if key not in best or rank < best[key][0]:
            best[key] = (rank, case)
    if kind == "models":
        return [min((entry[1] for entry in best.values()), key=lambda case: size(case, tensors))]
    return [entry[1] for entry in best.values()]


def write(folder, name, kind, tier, cases, blobs):
    os.makedirs(f"{destination}/{folder}", exist_ok=True)
    header, body = {}, b""
    for key, (dtype, shape, data) in blobs.items():
        header[key] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(f"{destination}/{folder}/{name}.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)
    content = {"format": 1, "kind": kind, "op": name, "tier": tier, "aliases": [], "tensors": f"{name}.safetensors"}
    content["cases"] = cases
    with open(f"{destination}/{folder}/{name}.json", "w") as file:
        json.dump(content, file, separators=(",", ":"))
    return {"file": f"{folder}/{name}.json", "op": name, "tier": tier, "cases": len(cases), "kind": kind}


groups = {}
with open(f"{source}/index.json") as file:
    index = json.load(file)["files"]
for entry in index:
    if entry["tier"] != 1 and entry["kind"] not in ("models", "averaged", "gradscaler"):
        continue
    with open(f"{source}/{entry['file']}") as file:
        content = json.load(file)
    folder = entry["file"].split("/")[0]
    tensors = read_tensors(f"{source}/{folder}/{content['tensors']}") if "tensors" in content else {}
    cases, blobs, numbers = groups.setdefault((folder, entry["kind"]), ([], {}, {}))
    for case in choose(entry["kind"], content["cases"], tensors):
        if "also" in case:
            # Aliases belong to a file; here one file holds all operations.
            own = {"Tensor." + case["fn"], "Tensor." + case["fn"] + "_"}
            case["also"] = [name for name in case["also"] if name in own]
        for descriptor in descriptors(case):
            dtype, shape, data = tensors[descriptor["key"]]
            number = numbers.setdefault((dtype, tuple(shape), data), f"t{len(numbers)}")
            blobs[number] = (dtype, shape, data)
            descriptor["key"] = number
        cases.append(case)
files = [
    write(folder, kind, kind, 2 if kind in ("models", "averaged", "gradscaler") else 1, cases, blobs)
    for (folder, kind), (cases, blobs, _) in groups.items()
]
with open(f"{destination}/index.json", "w") as file:
    json.dump({"format": 1, "files": files}, file, indent=1)
for entry in files:
    print(entry["file"], entry["cases"])
