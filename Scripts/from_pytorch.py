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
    if "FlamebackKernels/Random+" in str(path): continue
    if "FlamebackTesting" in str(path) and path.name != "GradCheck.swift": continue
    owner, comment = None, []
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines):
        text = line.strip()
        if text.startswith("///"):
            comment.append(text[3:].strip())
            continue
        top = re.match(r"^(?:public |open |final |package )*(?:extension|class|struct|enum|protocol)\s+([\w.]+)", line)
        if top: owner = top.group(1)
        if text.startswith("@"): continue
        if comment:
            names = [
                name for part in " ".join(comment).split("SeeAlso:")[1:]
                for name in re.findall(r"torch(?:vision|audio)?\.[\w.]+", part.split(". ")[0] + " ")]
            found = declaration.match(line) or open_class.match(line)
            if names and found:
                if re.search(r"\b(var|let|class|struct|enum|protocol)\b", text): text = re.split(r"[{:<=]", text)[0].strip()
                for rest in lines[number + 1:]:  # a declaration over several lines
                    if text.count("(") <= text.count(")"): break
                    text += " " + rest.strip()
                text, depth = text.replace("( ", "("), 0
                for i, letter in enumerate(text):  # up to the closing parenthesis
                    depth += (letter == "(") - (letter == ")")
                    if letter == ")" and depth == 0:
                        text = text[:i + 1]
                        break
                head = text if text.endswith(")") else re.sub(r"\s*(\{|where |->.*).*$", "", text)
                head = re.sub(r"\b(public|open|final|static|convenience|mutating|override|func|class|struct|enum|protocol|var|let)\s+", "", head)
                head = re.sub(r"<[^(]*>(?=\()", "", head).rstrip("( {")
                head = re.split(r"[:=]", head)[0].strip() if "(" not in head else head
                call = re.match(r"([^\s(]+)\s*\((.*)", head)
                if call:
                    labels = re.findall(r"(?:^|,\s*)(?:@\w+ )?(\w+)(?:\s+\w+)?:", call.group(2))
                    head = f"{call.group(1)}({''.join(l + ':' for l in labels)})"
                operator = re.match(r"^([-+*/%&|^<>=.!~]+)\(", head)
                if operator: head = f"a {operator.group(1)} b"
                elif " prefix func " in line: head = re.search(r"prefix func (\S+?)\s*\(", line).group(1) + "x"
                elif text.startswith("public init") or " init(" in text: head = head.replace("init", owner or "init", 1)
                elif not line.startswith(" "): pass
                elif owner == "Tensor" and "func" in line and "static" not in line and "prefix" not in line: head = "x." + head
                elif owner == "Tensor" and re.search(r"\bvar\b", line): head = "x." + head
                elif owner == "Tensor" and "static func" in line and re.match(r"\w", head): head = "Tensor." + head
                elif owner and owner not in ("Tensor", "Module") and line.startswith(" ") and not top: head = f"{owner}.{head}"
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
    "clamp_max": "clamp", "clamp_min": "clamp", "adjoint": "Tensor.mH", "pinverse": "linalg.pinv",
    "igamma": "special.gammainc", "igammac": "special.gammaincc", "mvlgamma": "special.multigammaln",
    "expit": "sigmoid", "gammaln": "lgamma", "psi": "digamma", "trapz": "trapezoid", "nelement": "numel",
    "ndimension": "Tensor.dim", "itemsize": "Tensor.element_size", "frobenius_norm": "linalg.matrix_norm",
    "nuclear_norm": "linalg.matrix_norm", "norm_except_dim": "linalg.vector_norm", "spmm": "sparse.mm",
    "smm": "sparse.mm", "dsmm": "sparse.mm", "hspmm": "sparse.mm", "native_norm": "linalg.vector_norm",
    "constant_pad_nd": "nn.functional.pad", "convolution": "nn.functional.conv2d",
    "affine_grid_generator": "nn.functional.affine_grid", "grid_sampler": "nn.functional.grid_sample",
    "grid_sampler_2d": "nn.functional.grid_sample", "grid_sampler_3d": "nn.functional.grid_sample",
    "native_batch_norm": "nn.functional.batch_norm", "native_group_norm": "nn.functional.group_norm",
    "native_layer_norm": "nn.functional.layer_norm", "native_dropout": "nn.functional.dropout",
    "native_channel_shuffle": "nn.functional.channel_shuffle", "feature_dropout": "nn.functional.dropout2d",
    "lstm": "nn.LSTM", "gru": "nn.GRU", "rnn_tanh": "nn.RNN", "rnn_relu": "nn.RNN", "lstm_cell": "nn.LSTMCell",
    "gru_cell": "nn.GRUCell", "rnn_tanh_cell": "nn.RNNCell", "rnn_relu_cell": "nn.RNNCell",
    "bartlett_window": "signal.windows.bartlett", "blackman_window": "signal.windows.blackman",
    "hamming_window": "signal.windows.hamming", "kaiser_window": "signal.windows.kaiser",
    "NLLLoss2d": "nn.NLLLoss", "CrossMapLRN2d": "nn.LocalResponseNorm", "Container": "nn.Module",
    "weight_norm": "nn.utils.parametrizations.weight_norm",
    "spectral_norm": "nn.utils.parametrizations.spectral_norm",
    "remove_weight_norm": "nn.utils.parametrize.remove_parametrizations",
    "remove_spectral_norm": "nn.utils.parametrize.remove_parametrizations",
    "clip_grad_norm": "nn.utils.clip_grad_norm_", "UninitializedParameter": "nn.LazyLinear",
    "fractional_max_pool2d_with_indices": "nn.functional.fractional_max_pool2d",
    "fractional_max_pool3d_with_indices": "nn.functional.fractional_max_pool3d",
    "get_swa_avg_fn": "optim.swa_utils.AveragedModel", "get_swa_multi_avg_fn": "optim.swa_utils.AveragedModel",
    "get_ema_avg_fn": "optim.swa_utils.AveragedModel", "get_ema_multi_avg_fn": "optim.swa_utils.AveragedModel",
    "detect_anomaly": "autograd.set_detect_anomaly", "set_anomaly_enabled": "autograd.set_detect_anomaly",
    "hessian": "autograd.functional.hessian", "vmap": "func.vmap", "as_tensor": "tensor", "asarray": "tensor",
    "new": "Tensor.new_empty", "new_tensor": "tensor", "Variable": "Tensor.requires_grad_",
    "variable": "Tensor.requires_grad_", "manual_seed": "manual_seed",
    "seed": "Generator.manual_seed", "initial_seed": "Generator.initial_seed", "get_rng_state": "Generator.get_state",
    "set_rng_state": "Generator.get_state", "resolve_conj": "Tensor.contiguous", "resolve_neg": "Tensor.contiguous",
    "conj_physical": "conj", "set_default_device": "device", "set_default_tensor_type": "set_default_dtype", "positive": "clone", "numpy": "Tensor.tolist",
}
# Copies of views (here every view is a value), and variants that skip checks.
def twin(name):
    if name in aliases: return aliases[name]
    if name.endswith("_copy"): return name[:-5]
    if name.startswith("unsafe_"): return name[7:]
# PyTorch's own machinery that its modules happen to export: no user calls it.
internal = re.compile(
    r"cudnn_|miopen_|mkldnn_|fbgemm_|fused_moving|fake_quantize|quantize|dequantize|int_repr|q_(per|scale|zero)|qscheme"
    r"|sym_|batch_norm_(backward|elemt|gather|stats|update)|import_ir|parse_|merge_type|unify_type|choose_qparams"
    r"|.*autocast|(ccol|col|crow|row)_indices|(values|indices)_copy|is_(vulkan|ipu|maia|mkldnn|mps|mtia|xla|xpu|nested)"
    r"|thread_safe_generator|init_num_threads|handle_torch_function|has_torch_function|boolean_dispatch|assert_int"
    r"|Optional$|const_data_ptr|volatile$|symeig$|slice_inverse|sparse_compressed|hsmm|saddmm|sspaddmm|empty_quantized"
    r"|to_(mkldnn|padded_tensor|sparse_bs[cr]|sparse_csc)|sparse_(bsc|bsr|csc)_tensor|module_load|as_subclass|name$"
    r"|storage_type|is_storage|typename|fork$|wait$|NestedIOFunction|enforce_grad_layout|.*DataPipe|functional_datapipe"
    r"|guaranteed_datapipes|non_deterministic|runtime_validation|argument_validation|DataChunk|reinforce|record_stream"
    r"|is_distributed|output_nr|grad_dtype|dim_order|is_set_to|debug_unwrap|rearrange|(ipu|mtia|xpu)$|invert_permutation")
out = [
    "# From PyTorch",
    "",
    "PyTorch's public names and their spelling here, made by `Scripts/from_pytorch.py` from the sources' doc comments.",
    "`x` is a tensor. Methods ending in `_` are written as an assignment (`x = x.relu()`, `x += y`); `–` means missing.",
    "Views are values here, so `x.permute_copy` and the like are the methods themselves.",
    "",
]
counts = []
for title, prefix, module, kinds in areas:
    names = [n for n in public(module, kinds)
             if (not n.endswith("_") or prefix == "torch.nn.init") and not (prefix == "torch.nn.init" and hasattr(module, n + "_"))]
    have = 0
    rows, left_out = [], []
    for name in names:
        heads = spellings.get(f"{prefix}.{name}")
        if not heads:  # the same function under another of PyTorch's roofs
            twins = [f"{p}.{name}" for p in (() if inspect.ismodule(getattr(torch, name, None)) else ("torch", "torch.Tensor", "torch.nn.functional", "torch.special", "torch.linalg"))]
            heads = next((spellings[t] for t in twins if t in spellings), None)
        other = twin(name)
        if not heads and other:
            places = (f"torch.{other}", f"torch.Tensor.{other}", f"torch.nn.functional.{other}", f"torch.special.{other}",
                      f"torch.linalg.{other}")
            heads = next((spellings[t] for t in places if t in spellings), None)
        if not heads and internal.match(name):
            left_out.append(name)
            continue
        have += bool(heads)
        text = ", ".join(f"`{h}`" for h in list(dict.fromkeys(heads))[:3]) if heads else "–"
        rows.append(f"| `{name}` | {text} |")
    counts.append((title, have, len(rows)))
    out += [f"## {title} (`{prefix}`)", "", f"{have} of {len(rows)} names.", "", "| PyTorch | here |", "|---|---|", *rows, ""]
    if left_out: out += ["PyTorch's internals: " + ", ".join(f"`{n}`" for n in left_out) + ".", ""]
(root / "Docs" / "from-pytorch.md").write_text("\n".join(out))
for title, have, total in counts: print(f"{title:32} {have:4} of {total}")
