"""Activation–Deactivation once more, slowly and obviously: loops over windows, one photograph, one mask.

It shares no code with the package. Everything is zeroed eagerly; a feature map is three arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Pair = tuple[int, int]


@dataclass(frozen=True)
class Map:
    """A feature map: values and ``on`` (C, h, w), and ``valid`` (h, w), false on explicit padding."""

    values: Tensor
    on: Tensor
    valid: Tensor

    @property
    def keep(self) -> Tensor:
        return self.on | ~self.valid

    @property
    def zeroed(self) -> Tensor:
        return torch.where(self.keep, self.values, torch.zeros_like(self.values))

    def with_values(self, values: Tensor, on: Tensor | None = None) -> Map:
        on = self.on.any(0) if on is None else on
        return Map(values, on.expand(values.shape), self.valid)


def pair(value: int | Sequence[int]) -> Pair:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


@dataclass(frozen=True)
class Reference:
    """The parameters of the removal, and the photograph's mask (H, W)."""

    mask: Tensor
    travel: str = "dilating"
    threshold: float = 0.0
    fill: str = "zero"
    pooling: str = "active"
    join: str = "or"

    def enter(self, image: Tensor) -> Map:
        return Map(image, self.mask.bool().expand(image.shape), torch.ones_like(self.mask, dtype=torch.bool))

    # ---- windows ------------------------------------------------------------------------------------------------

    def conv(self, x: Map, layer: nn.Conv2d) -> Map:
        weight, groups = layer.weight, layer.groups
        kernel, stride, dilation = pair(layer.kernel_size), pair(layer.stride), pair(layer.dilation)
        border = layer.padding
        if layer.padding_mode != "zeros":
            top, left = pair(border)
            x, border = self.pad(x, (left, left, top, top), layer.padding_mode), (0, 0)
        before, after = _borders(border, kernel, dilation)
        seen = x.zeroed
        if self.fill == "neighbour" and kernel != (1, 1):
            seen = self._filled(x)
        if self.travel == "pooled" and kernel == (1, 1) and stride != (1, 1):
            seen = self._filled(x, rings=max(stride) - 1)
        windows = _Windows(kernel, stride, before, after, dilation)

        def product(patch: Tensor) -> Tensor:
            parts = zip(patch.chunk(groups), weight.chunk(groups), strict=True)
            out = torch.cat([(w * p[None]).sum((1, 2, 3)) for p, w in parts])
            return out if layer.bias is None else out + layer.bias

        values = windows.map(seen, product)
        return self._dilated(x, values, windows)

    def conv_transpose(self, x: Map, layer: nn.ConvTranspose2d) -> Map:
        seen, stride, kernel = x.zeroed, pair(layer.stride), pair(layer.kernel_size)
        border, extra, dilation = pair(layer.padding), pair(layer.output_padding), pair(layer.dilation)
        size = tuple(
            (n - 1) * s - 2 * p + d * (k - 1) + e + 1
            for n, s, p, d, k, e in zip(seen.shape[1:], stride, border, dilation, kernel, extra, strict=True)
        )
        values = [[layer.bias + 0 for _ in range(size[1])] for _ in range(size[0])]
        on, total = torch.zeros(size), torch.zeros(size)
        for r in range(seen.shape[1]):
            for c in range(seen.shape[2]):
                for a in range(kernel[0]):
                    for b in range(kernel[1]):
                        i = r * stride[0] - border[0] + a * dilation[0]
                        j = c * stride[1] - border[1] + b * dilation[1]
                        if 0 <= i < size[0] and 0 <= j < size[1]:
                            values[i][j] = values[i][j] + layer.weight[:, :, a, b].T @ seen[:, r, c]
                            on[i, j] += bool(x.on[:, r, c].any())
                            total[i, j] += bool(x.valid[r, c])
        out = torch.stack([torch.stack(row, -1) for row in values], 1)
        if self.travel == "pooled":
            return self._at_size(out)
        return self._thresholded(out, on, total)

    def max_pool(self, x: Map, layer: nn.MaxPool2d) -> Map | Tensor:
        windows = _Windows.of_pool(layer, pair(layer.dilation), x.values.shape[1:])
        lowest = torch.where(x.keep, x.values, torch.full_like(x.values, -math.inf))

        def largest(patch: Tensor) -> Tensor:
            top = patch.amax((1, 2))
            return torch.where(top == -math.inf, torch.zeros_like(top), top)

        return self._pooled(x, windows.map(lowest, largest, outside=-math.inf), windows)

    def avg_pool(self, x: Map, layer: nn.AvgPool2d) -> Map | Tensor:
        windows = _Windows.of_pool(layer, (1, 1), x.values.shape[1:])
        counts_padding = layer.count_include_pad and any(pair(layer.padding))
        area = windows.areas(x.values.shape[1:], layer.count_include_pad)
        if layer.divisor_override:
            area = torch.full_like(area, layer.divisor_override)
        elif self.pooling == "active" and not counts_padding:
            area = windows.map(x.keep.double(), lambda patch: patch.sum((1, 2))).clamp(min=1)
        total = windows.map(x.zeroed, lambda patch: patch.sum((1, 2)))
        return self._pooled(x, total / area, windows)

    def adaptive_avg(self, x: Map, size: Pair) -> Map | Tensor:
        cells = list(_cells(x.values.shape[1:], size))
        values = []
        for rows, columns in cells:
            kept = x.keep[:, rows, columns].sum((1, 2)).clamp(min=1)
            area = (rows.stop - rows.start) * (columns.stop - columns.start)
            total = x.zeroed[:, rows, columns].sum((1, 2))
            values.append(total / (kept if self.pooling == "active" else area))
        out = torch.stack(values, -1).unflatten(-1, size)
        if size == (1, 1):
            return out
        if self.travel == "pooled":
            return self._at_size(out)
        shares = [x.on.any(0)[r, c].double().mean() > self.threshold for r, c in cells]
        return Map(out, torch.stack(shares).reshape(size).expand(out.shape), torch.ones(size, dtype=torch.bool))

    def pad(self, x: Map, border: tuple[int, int, int, int], mode: str = "constant", value: float = 0.0) -> Map:
        if mode == "constant":
            return Map(
                F.pad(x.zeroed, border, value=value),
                F.pad(x.on.any(0), border).expand(len(x.on), -1, -1),
                F.pad(x.valid, border),
            )
        on = F.pad(x.on.double()[None], border, mode)[0].bool()
        valid = F.pad(x.valid.double()[None, None], border, mode)[0, 0].bool()
        return Map(F.pad(x.zeroed[None], border, mode)[0], on, valid)

    def upsample(self, x: Map, factor: int) -> Map:
        def repeat(values: Tensor) -> Tensor:
            return values.repeat_interleave(factor, -2).repeat_interleave(factor, -1)

        if self.travel == "pooled":
            return self._at_size(repeat(x.zeroed))
        return Map(repeat(x.zeroed), repeat(x.on.any(0)).expand(len(x.on), -1, -1), repeat(x.valid))

    # ---- positions by themselves, joins, ends -------------------------------------------------------------------

    def each(self, x: Map, function: Callable[[Tensor], Tensor]) -> Map:
        """A function of every value by itself."""
        return Map(function(x.values), x.on, x.valid)

    def channels(self, x: Map, function: Callable[[Tensor], Tensor]) -> Map:
        """A function of the channel vectors (…, C), the same everywhere."""
        return x.with_values(function(x.zeroed.permute(1, 2, 0)).permute(2, 0, 1))

    def add(self, x: Map, y: Map, sign: int = 1) -> Map:
        if self.join == "and":
            return Map(x.values + sign * y.values, x.on & y.on, x.valid)
        return Map(x.zeroed + sign * y.zeroed, x.on | y.on, x.valid)

    def mul(self, x: Map, y: Map) -> Map:
        return Map(x.values * y.values, x.on & y.on, x.valid)

    def cat(self, maps: Sequence[Map]) -> Map:
        on = torch.cat([m.on for m in maps])
        if self.join == "and":
            on = torch.stack([m.on.all(0) for m in maps]).all(0).expand_as(on)
        return Map(torch.cat([m.values for m in maps]), on, maps[0].valid)

    def mean(self, x: Map) -> Tensor:
        kept = x.keep.sum((1, 2)).clamp(min=1)
        return x.zeroed.sum((1, 2)) / (kept if self.pooling == "active" else x.valid.numel())

    def amax(self, x: Map) -> Tensor:
        top = torch.where(x.keep, x.values, torch.full_like(x.values, -math.inf)).amax((1, 2))
        return torch.where(top == -math.inf, torch.zeros_like(top), top)

    def flatten(self, x: Map) -> Tensor:
        return x.zeroed.flatten()

    # ---- how positions travel -----------------------------------------------------------------------------------

    def _dilated(self, x: Map, values: Tensor, windows: _Windows) -> Map:
        if self.travel == "pooled":
            return self._at_size(values)
        on = windows.map(x.on.any(0, keepdim=True).double(), lambda patch: patch.sum((1, 2)))[0]
        total = windows.map(x.valid[None].double(), lambda patch: patch.sum((1, 2)))[0]
        return self._thresholded(values, on, total)

    def _thresholded(self, values: Tensor, on: Tensor, total: Tensor) -> Map:
        share = on / total.clamp(min=1)
        return Map(values, (share > self.threshold).expand(values.shape), total > 0)

    def _pooled(self, x: Map, values: Tensor, windows: _Windows) -> Map | Tensor:
        if values.shape[1:] == (1, 1) != x.values.shape[1:]:
            return values
        return self._dilated(x, values, windows)

    def _at_size(self, values: Tensor) -> Map:
        size = values.shape[1:]
        shares = [self.mask[r, c].double().mean() > self.threshold for r, c in _cells(self.mask.shape, size)]
        return Map(values, torch.stack(shares).reshape(size).expand(values.shape), torch.ones(size, dtype=torch.bool))

    def _filled(self, x: Map, rings: int = 99) -> Tensor:
        values, known = x.zeroed.clone(), x.on.any(0)
        height, width = known.shape
        for _ in range(rings):
            new, grown = values.clone(), known.clone()
            for r in range(height):
                for c in range(width):
                    near = [
                        values[:, a, b]
                        for a in range(max(r - 1, 0), min(r + 2, height))
                        for b in range(max(c - 1, 0), min(c + 2, width))
                        if known[a, b]
                    ]
                    if near and x.valid[r, c] and not known[r, c]:
                        new[:, r, c] = torch.stack(near).mean(0)
                        grown[r, c] = True
            if bool((grown == known).all()):
                break
            values, known = new, grown
        return values


@dataclass(frozen=True)
class _Windows:
    kernel: Pair
    stride: Pair
    before: Pair
    after: Pair
    dilation: Pair = (1, 1)

    @classmethod
    def of_pool(cls, layer: nn.MaxPool2d | nn.AvgPool2d, dilation: Pair, size: Sequence[int]) -> _Windows:
        kernel, border = pair(layer.kernel_size), pair(layer.padding)
        stride, after = pair(layer.stride), list(border)
        if layer.ceil_mode:
            for axis in (0, 1):
                reach = dilation[axis] * (kernel[axis] - 1) + 1
                extent = size[axis] + 2 * border[axis]
                count = math.ceil((extent - reach) / stride[axis]) + 1
                if (count - 1) * stride[axis] >= size[axis] + border[axis]:
                    count -= 1
                after[axis] += max(0, (count - 1) * stride[axis] + reach - extent)
        return cls(kernel, stride, border, (after[0], after[1]), dilation)

    def map(self, values: Tensor, function: Callable[[Tensor], Tensor], outside: float = 0.0) -> Tensor:
        border = (self.before[1], self.after[1], self.before[0], self.after[0])
        padded = F.pad(values, border, value=outside)
        spans = [d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel, strict=True)]
        rows = []
        for top in range(0, padded.shape[1] - spans[0] + 1, self.stride[0]):
            row = []
            for left in range(0, padded.shape[2] - spans[1] + 1, self.stride[1]):
                patch = padded[:, top : top + spans[0] : self.dilation[0], left : left + spans[1] : self.dilation[1]]
                row.append(function(patch))
            rows.append(torch.stack(row, -1))
        return torch.stack(rows, -2)

    def areas(self, size: Sequence[int], counts_padding: bool) -> Tensor:
        """The divisor of an average pool: windows never count what ``ceil_mode`` adds."""
        ones = torch.ones(1, *size, dtype=torch.float64)
        if counts_padding:
            # implicit padding counts, the overhang of ceil_mode does not
            ones = F.pad(ones, (self.before[1], self.before[1], self.before[0], self.before[0]), value=1.0)
            inner = _Windows(
                self.kernel, self.stride, (0, 0), (self.after[0] - self.before[0], self.after[1] - self.before[1])
            )
            return inner.map(ones, lambda patch: patch.sum((1, 2)))
        return self.map(ones, lambda patch: patch.sum((1, 2)))


def _borders(border: str | int | Sequence[int], kernel: Pair, dilation: Pair) -> tuple[Pair, Pair]:
    if border == "same":
        reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        return (reach[0] // 2, reach[1] // 2), (reach[0] - reach[0] // 2, reach[1] - reach[1] // 2)
    if border == "valid":
        return (0, 0), (0, 0)
    assert not isinstance(border, str)
    return pair(border), pair(border)


def _cells(extent: Sequence[int], size: Sequence[int]) -> Iterator[tuple[slice, slice]]:
    def spans(axis: int) -> list[slice]:
        n, k = extent[axis], size[axis]
        return [slice(i * n // k, -(-(i + 1) * n // k)) for i in range(k)]

    return ((rows, columns) for rows in spans(0) for columns in spans(1))
