"""Feature maps of several resolutions or depths, laid over the photograph: what a network sees on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from unseen.classifier import Classifier
from unseen.classifier.autograd_graph import first_among
from unseen.classifier.intercepting import Function
from unseen.errors import NotApplicableError
from unseen.removal.deactivation.cells import Cells, cells_of
from unseen.removal.deactivation.features import watched_passes
from unseen.removal.deactivation.final_maps import FEATURES, PROJECTIONS
from unseen.removal.deactivation.interception import Interception

_NO_ATTENTION = ("no spatial attention", "do without (beta=1), or take it from another network (attention=timm:NAME)")
_FRAMES = frozenset(["pad", "zero_pad2d"])
"""Functions that put a frame around a map, which is no map of its own."""


@dataclass(frozen=True, eq=False)
class _Level:
    """The maps of one tensor, a row for each copy of the photograph; ``sources`` are the first layers behind them."""

    maps: list[Tensor]
    cells: list[Cells]
    sources: frozenset[Any]

    @property
    def size(self) -> tuple[int, int]:
        return int(self.maps[0].shape[-2]), int(self.maps[0].shape[-1])


def feature_levels(
    classifier: Classifier, image: Float[Tensor, "C H W"], *, most: int = 4
) -> list[Float[Tensor, "_ _ _"]]:
    """Feature maps of several resolutions or depths, finest first, each of shape (C, h, w), float32; one pass.

    Of each of the ``most`` coarsest resolutions the last map is taken; of a network that looks at the photograph in
    several ways (an ensemble, a mirrored copy), the last of each way. A network with fewer resolutions, such as a
    vision transformer, adds maps of the coarsest at depths evenly apart. Each map divides the photograph: what the
    network mirrors, crops or turns is moved back to its place, with 0 where nothing was seen.

    Args:
        classifier: any network whose positions can be followed.
        image: at the network's resolution, in [0, 1].
        most: how many resolutions or depths at most.

    Raises:
        NotApplicableError: positions cannot be followed through the network, or it has no feature map.
    """
    by_size: dict[tuple[int, int], list[_Level]] = {}
    for level in _levels(classifier, image):
        if level.size[0] < image.shape[1] and min(level.size) > 1:
            by_size.setdefault(level.size, []).append(level)
    if not by_size:
        lack, remedy = _NO_ATTENTION
        raise NotApplicableError(f"{lack}: {classifier.name} has no feature map with positions; {remedy}")
    coarsest = sorted(by_size)[:most]
    taken = [level for size in reversed(coarsest[1:]) for level in _last_of_each_way(by_size[size])]
    last = _last_of_each_way(by_size[coarsest[0]])
    deep = [one for one in by_size[coarsest[0]] if one.sources & last[-1].sources or one is last[-1]]
    missing = most - len(coarsest)
    depths = sorted({len(deep) * number // (missing + 1) for number in range(1, missing + 1)} - {len(deep) - 1})
    taken += [*(deep[depth] for depth in depths), *last]
    pairs = [pair for level in taken for pair in zip(level.maps, level.cells, strict=True)]
    return [_on_photograph(*pair).float().cpu() for pair in pairs]


def _levels(classifier: Classifier, image: Tensor) -> list[_Level]:
    """Every tensor whose rows are maps, in the order in which the network makes them."""
    kept: dict[int, Tensor] = {}
    runs: list[Interception] = []
    sources: set[Any] = set()

    def watch(run: Interception, func: Function, operands: Sequence[Tensor], output: Tensor) -> None:
        del operands
        runs[:] = [run]
        kept.pop(id(output), None)  # changed in place: it belongs where it was changed last
        if func in FEATURES and output.grad_fn is not None:
            sources.add(output.grad_fn)
        if func not in PROJECTIONS and func.__name__ not in _FRAMES:
            kept[id(output)] = output

    with classifier.frozen(), torch.enable_grad():
        pixels = image[None].to(classifier.device).detach().requires_grad_()
        watched_passes(classifier, image, _NO_ATTENTION)(pixels, watch)
    run = runs.pop() if runs else None
    found = []
    for tensor, behind in zip(kept.values(), first_among(kept.values(), sources), strict=True):
        positions = None if run is None else run.positions(tensor)
        if run is None or positions is None:
            continue
        cells = cells_of(tensor, positions)
        if cells is not None:
            values = run.switched_off(tensor.detach().clone(), positions)
            found.append(_Level([one.of(values[row : row + 1])[0] for row, one in enumerate(cells)], cells, behind))
    return found


def _last_of_each_way(levels: Sequence[_Level]) -> list[_Level]:
    """The last, and those before it that share no layer with any taken so far."""
    taken: list[_Level] = []
    seen: frozenset[Any] = frozenset()
    for level in reversed(levels):
        if not taken or (level.sources and level.sources.isdisjoint(seen)):
            taken.insert(0, level)
            seen |= level.sources
    return taken


def _on_photograph(found: Float[Tensor, "C h w"], cells: Cells) -> Float[Tensor, "C _ _"]:
    """The map where it divides the photograph evenly; else moved to its place, with cells of about the same size."""
    if cells.placement.whole:
        return found
    laid = cells.laid(found, smooth=False)
    side = cells.placement.pitch**0.5
    height, width = (max(1, round(extent / side)) for extent in laid.shape[-2:])
    return adaptive_avg_pool2d(laid, (height, width))
