"""Make a visible set smaller by hiding square blocks of it, until no single block can be spared.

The result is 1-minimal with respect to the blocks (Zeller & Hildebrandt, "Simplifying and Isolating Failure-Inducing
Input", IEEE TSE 2002): every block that is left was tried, and nothing else was hidden since.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unseen.explainers.sufficient.criterion import Test
from unseen.explainers.sufficient.extraction import boundary

_TOGETHER = 8
"""Blocks that are tried in one batch; what is found of them is known to the next."""


def minimise(
    test: Test, part: Bool[Tensor, "*space"], sides: Sequence[int], standing: Float[Tensor, "*space"]
) -> list[Bool[Tensor, "*space"]]:
    """Ever smaller parts that pass, from ``part`` itself to one that is minimal for blocks of the last side.

    Blocks are hidden one at a time, a few of them in a batch, those first whose pixels stand lowest in all. Of those
    that can be spared as many are hidden together as a bisection finds, first what costs the least margin, and the next
    few are tried on what is left. When all were tried, those that were indispensable before something else
    was hidden are tried again, until none is left to try: that is the proof. Before a smaller side it is left out, for
    what it could still spare is tried in smaller blocks.

    Args:
        test: what is asked of a visible set; ``part`` passes.
        part: the set to begin with.
        sides: block sides in pixels, coarse to fine; the blocks tile the photograph from its top left corner.
        standing: of each pixel; see :attr:`~unseen.explanation.ranking.Ranking.standing`.
    """
    trail = [part]
    for side in sides:
        trail.extend(_without_blocks(test, trail[-1], _tiles(part.shape, side), standing, proved=side == sides[-1]))
    return trail


def _without_blocks(
    test: Test,
    part: Bool[Tensor, "*space"],
    tiles: Int[Tensor, "*space"],
    standing: Float[Tensor, "*space"],
    *,
    proved: bool,
) -> list[Bool[Tensor, "*space"]]:
    found: list[Tensor] = []
    indispensable: dict[int, int] = {}  # block → how many parts had been found when it was tried
    waiting = _present(part, tiles, standing)
    while waiting:
        some, waiting = waiting[:_TOGETHER], waiting[_TOGETHER:]
        trial = test(part & (tiles != block) for block in some)
        indispensable |= {block: len(found) for block, passes in zip(some, trial.passes, strict=True) if not passes}
        spare = [some[i] for i in trial.margin.argsort(descending=True).tolist() if trial.passes[i]]
        if spare:
            count = _most(test, part, tiles, spare)
            part = _hide(part, tiles, spare[:count])
            found.append(part)
            waiting = spare[count:] + waiting
        if proved and not waiting:
            waiting = [block for block in _present(part, tiles, standing) if indispensable[block] < len(found)]
    return found


def _most(test: Test, part: Bool[Tensor, "*space"], tiles: Int[Tensor, "*space"], spare: Sequence[int]) -> int:
    """How many of the blocks, in order, can be hidden together; the first of them can alone."""

    def passes(counts: Sequence[int]) -> list[bool]:
        return test(_hide(part, tiles, spare[:count]) for count in counts).passes.tolist()

    return boundary(passes, 1, len(spare) + 1)


def _present(
    part: Bool[Tensor, "*space"], tiles: Int[Tensor, "*space"], standing: Float[Tensor, "*space"]
) -> list[int]:
    """The blocks of which the part has any pixel, those first whose pixels in it stand lowest in all."""
    pixels = torch.bincount(tiles[part])
    total = torch.bincount(tiles[part], weights=standing[part])
    return [block for block in total.argsort(stable=True).tolist() if pixels[block]]


def _tiles(shape: Sequence[int], side: int) -> Int[Tensor, "*space"]:
    """The number of the block that each pixel lies in: a square of an image, a cube of a volume."""
    numbers = torch.zeros((), dtype=torch.long)
    for length in shape:
        numbers = numbers[..., None] * -(-length // side) + torch.arange(length) // side
    return numbers


def _hide(part: Bool[Tensor, "*space"], tiles: Int[Tensor, "*space"], blocks: Sequence[int]) -> Bool[Tensor, "*space"]:
    kept = torch.ones(int(tiles.max()) + 1, dtype=torch.bool)
    kept[list(blocks)] = False
    return part & kept[tiles]
