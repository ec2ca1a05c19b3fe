"""Make a visible set smaller by hiding square blocks of it, until no single block can be spared.

The result is 1-minimal with respect to the blocks (Zeller & Hildebrandt, "Simplifying and Isolating Failure-Inducing
Input", IEEE TSE 2002), and the last round, which tries every block that is left, is the proof.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from unseen.explainers.sufficient.criterion import Test
from unseen.explainers.sufficient.extraction import boundary


def minimise(test: Test, part: Bool[Tensor, "*space"], sides: Sequence[int]) -> list[Bool[Tensor, "*space"]]:
    """Ever smaller parts that pass, from ``part`` itself to one that is minimal for blocks of the last side.

    A round hides each block of the part alone, all in one batch, and then as many of the dispensable ones together as
    a bisection finds, those first that cost the least margin. Blocks that were indispensable are tried again when
    no other is left; a round in which every block of the part is indispensable ends the last side, and is the proof.
    Before a smaller side that trial is left out: what it could still spare is tried in smaller blocks.

    Args:
        test: what is asked of a visible set; ``part`` passes.
        part: the set to begin with.
        sides: block sides in pixels, coarse to fine; the blocks tile the photograph from its top left corner.
    """
    trail = [part]
    for side in sides:
        trail.extend(_without_blocks(test, trail[-1], _tiles(part.shape, side), proved=side == sides[-1]))
    return trail


def _without_blocks(
    test: Test, part: Bool[Tensor, "*space"], tiles: Int[Tensor, "*space"], *, proved: bool
) -> list[Bool[Tensor, "*space"]]:
    found: list[Tensor] = []
    candidates, whole = _present(part, tiles), True
    while candidates:
        trial = test(part & (tiles != block) for block in candidates)
        ranked = trial.margin.argsort(descending=True).tolist()
        spare = [candidates[i] for i in ranked if trial.passes[i]]
        if spare:
            start = part

            def passes(counts: Sequence[int], start: Tensor = start, spare: Sequence[int] = spare) -> list[bool]:
                return test(_hide(start, tiles, spare[:count]) for count in counts).passes.tolist()

            count = boundary(passes, 1, len(spare) + 1)
            part = _hide(part, tiles, spare[:count])
            found.append(part)
            candidates, whole = spare[count:], False
        else:
            candidates = []
        if not candidates and not whole and proved:
            candidates, whole = _present(part, tiles), True
    return found


def _present(part: Bool[Tensor, "*space"], tiles: Int[Tensor, "*space"]) -> list[int]:
    """The blocks of which the part has any pixel."""
    present: list[int] = torch.bincount(tiles[part]).nonzero().flatten().tolist()
    return present


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
