#!/usr/bin/env python3
"""Writes Docs/from-pytorch.md: PyTorch's public names and their spelling here.

The spellings come from the sources' own doc comments (`SeeAlso: torch.x`); the list of names from the installed PyTorch.
Run it in an environment with torch: python Scripts/from_pytorch.py
"""
import collections, inspect, pathlib, re
import torch

root = pathlib.Path(__file__).resolve().parent.parent
declaration = re.compile(
    r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*public\s+(?:(?:static|final|open|convenience|mutating|nonmutating|override)\s+)*"
    r"(func|init|var|let|class|struct|enum|protocol|typealias|subscript|static func|prefix func|case)\b(.*)")
open_class = re.compile(r"^\s*(?:open|public final|public)\s+class\s+(\w+)")

spellings = collections.defaultdict(list)
for path in sorted((root / "Sources").rglob("*.swift")):
    if "FlamebackTesting" in str(path): continue
    owner, comment = None, []
    for line in path.read_text().splitlines():
        text = line.strip()
        if text.startswith("///"):
            comment.append(text[3:].strip())
            continue
        top = re.match(r"^(?:public |open |final |package )*(?:extension|class|struct|enum|protocol)\s+([\w.]+)", line)
        if top: owner = top.group(1)
        if text.startswith("@"): continue
        if comment:
            names = re.findall(r"torch(?:vision|audio)?\.[\w.]+", " ".join(comment[-3:])) if "SeeAlso" in " ".join(comment) else []
            found = declaration.match(line) or open_class.match(line)
            if names and found:
                head = re.sub(r"\s*(\{|where |->.*).*$", "", text)
                head = re.sub(r"\b(public|open|final|static|convenience|mutating|override|func|class|struct|enum|protocol|var|let)\s+", "", head)
                head = re.sub(r"<[^(]*>(?=\()", "", head).rstrip("( {")
                head = re.split(r"[:=]", head)[0].strip() if "(" not in head else head
                call = re.match(r"([^\s(]+)\s*\((.*)", head)
                if call:
                    labels = re.findall(r"(?:^|,\s*)(?:@\w+ )?(\w+)(?:\s+\w+)?:", call.group(2))
                    head = f"{call.group(1)}({''.join(l + ':' for l in labels)})"
                if text.startswith("public init") or " init(" in text: head = head.replace("init", owner or "init", 1)
                elif owner == "Tensor" and "func" in line and "static" not in line and "prefix" not in line: head = "x." + head
                elif owner == "Tensor" and re.search(r"\bvar\b", line): head = "x." + head
                elif owner and owner not in ("Tensor", "Module") and line.startswith(" ") and not top: head = f"{owner}.{head}"
                operator = re.match(r"^([-+*/%&|^<>=.!~]+)\(", head)
                if operator: head = f"a {operator.group(1)} b"
                for name in names: spellings[name.rstrip(".")].append(head)
        comment = []

def public(module, kinds=None):
    for name in sorted(getattr(module, "__all__", None) or dir(module)):
        if name.startswith("_"): continue
        value = getattr(module, name, None)
        if value is None or inspect.ismodule(value): continue
        if kinds is None or kinds(value): yield name

callable_only = lambda v: callable(v) and not inspect.isclass(v)
classes = lambda v: inspect.isclass(v)
areas = [
    ("Functions", "torch", torch, callable_only),
    ("Tensor methods and properties", "torch.Tensor", torch.Tensor, None),
    ("Layers and losses", "torch.nn", torch.nn, classes),
    ("Functional", "torch.nn.functional", torch.nn.functional, callable_only),
    ("Initialisation", "torch.nn.init", torch.nn.init, callable_only),
    ("Utilities of nn", "torch.nn.utils", torch.nn.utils, callable_only),
    ("Sequences", "torch.nn.utils.rnn", torch.nn.utils.rnn, None),
    ("Optimizers", "torch.optim", torch.optim, classes),
    ("Learning-rate schedulers", "torch.optim.lr_scheduler", torch.optim.lr_scheduler, classes),
    ("Averaging", "torch.optim.swa_utils", torch.optim.swa_utils, None),
    ("Linear algebra", "torch.linalg", torch.linalg, callable_only),
    ("Fourier transforms", "torch.fft", torch.fft, callable_only),
    ("Special functions", "torch.special", torch.special, callable_only),
    ("Windows", "torch.signal.windows", torch.signal.windows, callable_only),
    ("Distributions", "torch.distributions", torch.distributions, None),
    ("Function transforms", "torch.func", torch.func, callable_only),
    ("Autograd", "torch.autograd", torch.autograd, None),
    ("Data", "torch.utils.data", torch.utils.data, None),
]
# Names that PyTorch itself has twice.
aliases = {
    "absolute": "abs", "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh", "arctan": "atan",
    "arctan2": "atan2", "arctanh": "atanh", "clip": "clamp", "concat": "cat", "concatenate": "cat", "divide": "div",
    "fix": "trunc", "greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le", "multiply": "mul",
    "negative": "neg", "not_equal": "ne", "subtract": "sub", "true_divide": "div", "det": "linalg.det",
    "inverse": "linalg.inv", "swapaxes": "transpose", "swapdims": "transpose", "moveaxis": "movedim",
    "row_stack": "vstack", "ger": "outer", "orgqr": "linalg.householder_product", "qr": "linalg.qr",
    "svd": "linalg.svd", "slogdet": "linalg.slogdet", "matrix_power": "linalg.matrix_power",
}
out = [
    "# From PyTorch",
    "",
    "PyTorch's public names and their spelling here, made by `Scripts/from_pytorch.py` from the sources' doc comments.",
    "`x` is a tensor. Methods ending in `_` are written as an assignment (`x = x.relu()`, `x += y`); `–` means missing.",
    "",
]
counts = []
for title, prefix, module, kinds in areas:
    names = [n for n in public(module, kinds) if not n.endswith("_") or prefix == "torch.nn.init"]
    have = 0
    rows = []
    for name in names:
        heads = spellings.get(f"{prefix}.{name}")
        if not heads:  # the same function under another of PyTorch's roofs
            twins = [f"{p}.{name}" for p in ("torch", "torch.Tensor", "torch.nn.functional", "torch.special", "torch.linalg")]
            heads = next((spellings[t] for t in twins if t in spellings), None)
        if not heads and name in aliases:
            other = aliases[name]
            heads = next((spellings[t] for t in (f"torch.{other}", f"torch.Tensor.{other}") if t in spellings), None)
        have += bool(heads)
        text = ", ".join(f"`{h}`" for h in list(dict.fromkeys(heads))[:3]) if heads else "–"
        rows.append(f"| `{name}` | {text} |")
    counts.append((title, have, len(names)))
    out += [f"## {title} (`{prefix}`)", "", f"{have} of {len(names)} names.", "", "| PyTorch | here |", "|---|---|", *rows, ""]
(root / "Docs" / "from-pytorch.md").write_text("\n".join(out))
for title, have, total in counts: print(f"{title:32} {have:4} of {total}")
