"""A model that remembers everything that is done to it, and the check that nothing was."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class Fragile(nn.Module):
    """Layers of every sort that remembers something; it can be told to fail, or to be what no method looks into."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Conv2d(4, 4, 3, 2, 1),
        )
        self.norm, self.head = nn.BatchNorm2d(4, momentum=None), nn.Linear(4, 3)
        self.passes_left: int | None = None
        self.strange = False

    def forward(self, x: Tensor) -> Tensor:
        values = self.norm(self.features(x)).relu()
        if self.passes_left is not None:
            self.passes_left -= 1
            if self.passes_left < 0:
                raise RuntimeError("the lights went out")
        if self.strange:
            values = torch.fft.fft2(torch.nn.functional.silu(values)).abs()
        return self.head(values.mean((2, 3)))


@contextlib.contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """What is inside must leave everything as it is."""
    before = state(model)
    tensors = [
        (tensor, tensor.detach().clone(), tensor.grad, None if tensor.grad is None else tensor.grad.clone())
        for tensor in [*model.parameters(), *model.buffers()]
    ]
    chance = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    yield
    assert state(model) == before
    for tensor, value, grad, slopes in tensors:
        assert torch.equal(tensor, value)
        assert tensor.grad is grad
        assert slopes is None or torch.equal(tensor.grad, slopes)
    assert torch.equal(torch.get_rng_state(), chance[0])
    assert np.array_equal(np.random.get_state()[1], chance[1])  # noqa: NPY002
    assert random.getstate() == chance[2]


def state(model: nn.Module) -> list[Any]:
    """Everything but numbers: tensors by identity, flags, hooks, and switches of torch."""
    modules = [
        (name, module.training, sorted(key for key in vars(module) if not key.startswith("_compiled")),
         [len(getattr(module, key)) for key in vars(module) if "hooks" in key and hasattr(getattr(module, key), "__len__")])
        for name, module in model.named_modules()
    ]  # fmt: skip
    tensors = [
        (name, id(tensor), tensor.requires_grad, tensor._version, tensor.dtype, tensor._backward_hooks)
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]
    ]
    switches = torch.is_grad_enabled(), torch.backends.mha.get_fastpath_enabled(), torch.get_default_dtype()
    return [modules, tensors, switches, len(torch.overrides._get_current_function_mode_stack())]


def fragile() -> Fragile:
    torch.manual_seed(0)
    model = Fragile()
    model.head.bias.requires_grad_(False)
    with torch.no_grad():
        model.head.bias += 1
    model(torch.rand(4, 3, 16, 16))[:, 0].sum().backward()  # gradients and running statistics of their own
    model.features[0].weight.grad = None
    model.features[1].eval()
    return model
