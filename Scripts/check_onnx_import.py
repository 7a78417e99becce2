"""PyTorch exports models, `flameback run` runs them, the outputs are compared.

    python Scripts/check_onnx_import.py .build/release/flameback
"""

import subprocess
import sys
import tempfile
import warnings

import numpy as np
import torch
from torch import nn

TOLERANCE = 1e-5


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x)[0]


class Recurrent(nn.Module):
    def __init__(self, kind, **options):
        super().__init__()
        self.net = kind(8, 12, batch_first=True, **options)

    def forward(self, x):
        return self.net(x)[0]


class Views(nn.Module):
    def forward(self, x):
        a, b = x.chunk(2, dim=1)
        y = torch.cat([a.transpose(2, 3), b.permute(0, 1, 3, 2).flip(2)], 1)
        y = y[:, :, 1:, ::2] + y.new_ones(y.shape[0], 1, 1, 1)
        return y.reshape(y.shape[0], -1).cumsum(1).topk(5).values


class Pointwise(nn.Module):
    def forward(self, x):
        return torch.where(x > 0, nn.functional.gelu(x), x.abs().log1p()) + x.clamp(-1, 1).erf() * x.remainder(0.7)


def models():
    image = torch.randn(2, 4, 10, 10)
    sequence = torch.randn(3, 7, 8)
    yield "convnet", nn.Sequential(
        nn.Conv2d(4, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True),
        nn.Conv2d(8, 8, 3, groups=4), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)), image
    yield "decoder", nn.Sequential(
        nn.ConvTranspose2d(4, 6, 3, 2, 1, 1), nn.InstanceNorm2d(6, affine=True), nn.LeakyReLU(0.2),
        nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(6, 3, 3, padding=1, padding_mode="reflect")), image
    yield "groupnorm", nn.Sequential(nn.GroupNorm(2, 4), nn.Hardswish(), nn.AvgPool2d(3, 2, 1), nn.PReLU(4)), image
    yield "encoder", nn.TransformerEncoder(
        nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, activation="gelu"), 2, enable_nested_tensor=False
    ), torch.randn(2, 6, 16)
    yield "attention", Attention(), torch.randn(2, 6, 16)
    yield "lstm", Recurrent(nn.LSTM, num_layers=2, bidirectional=True), sequence
    yield "gru", Recurrent(nn.GRU), sequence
    yield "rnn", Recurrent(nn.RNN, nonlinearity="relu"), sequence
    yield "embedding", nn.Sequential(nn.Embedding(20, 8), nn.LayerNorm(8), nn.Linear(8, 3)), torch.randint(0, 20, (2, 5))
    yield "views", Views(), image
    yield "pointwise", Pointwise(), image


def main(tool):
    warnings.filterwarnings("ignore")
    torch.manual_seed(0)
    torch.backends.mha.set_fastpath_enabled(False)  # its operator cannot be exported
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, model, x in models():
            for opset in (14, 17, 20):
                model.train()
                with torch.no_grad():
                    model(x)  # running statistics that are not 0 and 1
                model.eval()
                path = f"{folder}/{name}{opset}.onnx"
                with torch.no_grad():
                    expected = model(x).numpy()
                    torch.onnx.export(
                        model, (x,), path, opset_version=opset, dynamo=False, input_names=["x"],
                        dynamic_axes={"x": {0: "batch"}})
                np.save(folder + "/x.npy", x.numpy())
                run = subprocess.run(
                    [tool, "run", path, "--input", folder + "/x.npy", "--output", folder + "/y.npy"],
                    capture_output=True, text=True)
                if run.returncode:
                    failures += 1
                    print(f"FAILED {name} opset {opset}: {run.stderr.strip()}")
                    continue
                found = np.load(folder + "/y.npy")
                worst = float(np.abs(found - expected).max()) / max(1.0, float(np.abs(expected).max()))
                ok = found.shape == expected.shape and worst <= TOLERANCE
                failures += not ok
                print(f"{'ok    ' if ok else 'FAILED'} {name} opset {opset}: {worst:.1e}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
