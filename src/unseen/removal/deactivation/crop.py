"""Less to compute where little is visible: run the network on the part of the photograph around it.

Under ``pooled`` travel a network sees a true cut-out: all that lies outside a box around the visible pixels is zero in
every layer, as is what lies beyond a photograph's border. Cut to that box, the pass is the same, as long as strided
windows fall on the same pixels: boxes begin and end at multiples of 32. Networks that tell the two apart, by their
input size or by a border of their own, are found out when they are bound, and are never cut. Under ``dilating`` travel
positions outside every box are on in the deeper layers, so there is nothing to cut.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

STEP = 32
"""Pixels; a multiple of the total stride of nearly every network."""

_WORTHWHILE = 0.75


@dataclass(frozen=True, eq=False)
class Boxes:
    """One box of the same size for each photograph of a batch.

    Attributes:
        top: first row of each, shape (N,).
        left: first column of each, shape (N,).
        size: (height, width) of all.
    """

    top: Tensor
    left: Tensor
    size: tuple[int, int]

    def of(self, tensor: Tensor) -> Tensor:
        """What lies inside, of (N, C, H, W) or (N, H, W)."""
        rows = (self.top[:, None] + torch.arange(self.size[0], device=self.top.device))[:, :, None]
        columns = (self.left[:, None] + torch.arange(self.size[1], device=self.left.device))[:, None, :]
        numbers = torch.arange(len(tensor), device=self.top.device)[:, None, None]
        if tensor.ndim == 3:
            return tensor[numbers, rows, columns]
        return tensor[numbers, :, rows, columns].permute(0, 3, 1, 2)

    def share(self, masks: Tensor) -> float:
        """The part of the photographs, (N, H, W), that lies inside."""
        return self.size[0] * self.size[1] / (masks.shape[1] * masks.shape[2])


def around(masks: Tensor) -> Boxes | None:
    """The smallest common boxes around what is visible, (N, H, W); ``None`` if they save too little.

    So far of images only: a signal has little to save, and a volume's networks begin with larger steps.
    """
    if masks.ndim != 3:
        return None
    (top, height), (left, width) = (_span(masks.amax(axis) > 0) for axis in (2, 1))
    if masks.shape[1] % STEP or masks.shape[2] % STEP:
        return None
    if height * width > _WORTHWHILE * masks.shape[1] * masks.shape[2]:
        return None
    return Boxes(top, left, (height, width))


def _span(seen: Tensor) -> tuple[Tensor, int]:
    """Where spans of the same length begin that cover what is seen in each row of (N, L), in steps."""
    length = seen.shape[1]
    first = seen.float().argmax(1)
    last = length - 1 - seen.flip(1).float().argmax(1)
    begin, end = first // STEP * STEP, (last // STEP + 1) * STEP
    begin, end = (
        torch.where(seen.any(1), edge, edge.new_tensor(default)) for edge, default in ((begin, 0), (end, STEP))
    )
    extent = int((end - begin).max())
    return torch.minimum(begin, begin.new_tensor(length - extent)), extent
