"""A training run that changes hands: PyTorch trains, Flameback goes on, PyTorch goes on again.

    python Scripts/check_checkpoints.py make     # writes the fixtures of Tests/FlamebackIOTests (needs PyTorch)
    FLAMEBACK_OUT=/tmp/handed swift test --filter CheckpointTests
    python Scripts/check_checkpoints.py check /tmp/handed    # PyTorch goes on from what Flameback wrote there
"""
import os, sys
import numpy as np
import torch
from torch import nn

fixtures = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Tests", "FlamebackIOTests", "Fixtures")


def parts():
    # No bias before the norm: its gradient is rounding noise, which Adam would blow up.
    model = nn.Sequential(nn.Linear(4, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05, weight_decay=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    return model, optimizer, scheduler


def steps(model, optimizer, scheduler, epochs):
    x = torch.arange(24.0).reshape(6, 4).sin()
    y = torch.tensor([0, 1, 2, 0, 1, 2])
    losses = []
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x + 0.1 * torch.randn(6, 4)), y)
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    return losses


def save(path, model, optimizer, scheduler, epoch):
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict(),
                "epoch": epoch, "generator": torch.get_rng_state(), "note": "h\u00e9", "best": None}, path)


if sys.argv[1] == "make":
    os.makedirs(fixtures, exist_ok=True)
    torch.manual_seed(3)
    run = parts()
    steps(*run, 3)
    save(os.path.join(fixtures, "after3.pth"), *run, 3)
    arrays = {}
    for name in ("after6", "after9"):
        arrays[f"{name}.losses"] = np.array(steps(*run, 3))
        for key, value in run[0].state_dict().items():
            arrays[f"{name}.{key}"] = value.numpy().copy()
    np.savez(os.path.join(fixtures, "expected.npz"), **arrays)
else:
    expected = np.load(os.path.join(fixtures, "expected.npz"))
    for mmap in (False, True):
        saved = torch.load(os.path.join(sys.argv[2], "after6.pth"), weights_only=True, mmap=mmap)
        assert saved["epoch"] == 6 and saved["note"] == "h\u00e9" and saved["best"] is None
        assert saved["model"]._metadata["1"] == {"version": 2}, saved["model"]._metadata
        model, optimizer, scheduler = parts()
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        scheduler.load_state_dict(saved["scheduler"])
        torch.set_rng_state(saved["generator"])
        losses = steps(model, optimizer, scheduler, 3)
        worst = max(abs(np.array(losses) - expected["after9.losses"]).max(),
                    max(abs(v.numpy() - expected[f"after9.{k}"]).max() for k, v in model.state_dict().items()))
        print(f"mmap={mmap}: greatest difference after three more steps {worst:.2e}")
        assert worst < 1e-5
