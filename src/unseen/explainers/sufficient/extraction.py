"""From a saliency map to a small set that was seen to do what is asked: to suffice, or to be necessary.

The set starts as a prefix of the pixels' ranking. Whether a prefix passes is not monotone in its length, so every
set that is returned was itself evaluated, and where a longer one fails the stable prefix is taken. ReX scans the
prefixes ten pixels at a time; here one shared grid of lengths serves all thresholds and both curves, and a bisection
refines it for each threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from jaxtyping import Bool
from torch import Tensor

from unseen.explainers.sufficient.criterion import Test
from unseen.explainers.sufficient.evaluation import Evaluate
from unseen.explanation import Curve
from unseen.explanation.ranking import Ranking
from unseen.inputs.space import size_of

_POINTS = 3
"""Integers that a bisection asks for at once: they cut the gap to a quarter, for 1.5 evaluations a bit where one at a
time takes 1, alone in its batch, and eight take 2.5."""


def boundary(passes: Callable[[Sequence[int]], Sequence[bool]], good: int, bad: int, *, tolerance: int = 1) -> int:
    """An integer that passes, next to one that fails, between ``good`` (passes) and ``bad`` (fails).

    The bisection asks for three integers at a time; the answer was itself asked for, or is ``good``. Where passing is
    not monotone it is the boundary nearest to ``bad`` among those seen.

    Args:
        passes: verdicts on some integers, in one batch.
        good: an integer that is known to pass.
        bad: an integer, larger or smaller, that is known or taken to fail.
        tolerance: the largest distance that may remain between the answer and a failing integer.
    """
    while abs(good - bad) > tolerance:
        points = dict.fromkeys(np.linspace(bad, good, _POINTS + 2).round().astype(int).tolist())
        asked = [p for p in points if p not in (good, bad)]
        for point, passing in zip(asked, passes(asked), strict=True):
            if passing:
                good = point
                break
            bad = point
    return good


@dataclass(frozen=True, eq=False)
class Prefix:
    """A short prefix of a ranking that was seen to pass.

    Attributes:
        visible: the stable prefix, or the first one that passes where the longest fails; shape ``space``.
        first: pixels of the shortest prefix that was seen to pass.
        stable: pixels from which on every evaluated prefix passes too; ``None`` if the longest fails.
    """

    visible: Bool[Tensor, "*space"]
    first: int
    stable: int | None


def shortest_prefix(
    test: Test, ranking: Ranking, sizes: Sequence[int], *, tolerance: int | None = None
) -> Prefix | None:
    """The shortest prefix that passes among ``sizes``, refined between it and the failing size before it.

    Where a longer prefix fails, the stable one is refined in the same way.

    Args:
        test: what is asked of a set.
        ranking: the order of pixels.
        sizes: ascending prefix lengths to begin with.
        tolerance: pixels; the refined prefix is at most this much longer than one that fails. ``None`` takes 1 % of
            the length.

    Returns:
        ``None`` when no prefix of these sizes passes.
    """
    known: dict[int, bool] = {}

    def passes(asked: Sequence[int]) -> list[bool]:
        verdicts: list[bool] = test(ranking.prefix(size) for size in asked).passes.tolist()
        known.update(zip(asked, verdicts, strict=True))
        return verdicts

    def refined(good: int, bad: int) -> int:
        return boundary(passes, good, bad, tolerance=tolerance or ceil(good / 100))

    index = next((i for i, passing in enumerate(passes(sizes)) if passing), None)
    if index is None:
        return None
    first = refined(sizes[index], sizes[index - 1]) if index > 0 else sizes[0]
    stable, failing = _stable(known)
    if stable is not None and failing is not None and stable > first:
        refined(stable, failing)
        stable, _ = _stable(known)
    return Prefix(ranking.prefix(first if stable is None else stable), first, stable)


def _stable(known: Mapping[int, bool]) -> tuple[int | None, int | None]:
    """The size from which on all that are known pass, and the largest that fails; ``None`` where there is none."""
    failing = max((size for size, passing in known.items() if not passing), default=None)
    return min((size for size in known if failing is None or size > failing), default=None), failing


def curve(evaluate: Evaluate, ranking: Ranking, sizes: Sequence[int]) -> Curve:
    """Probability of the target with each prefix visible (insertion) and with each hidden (deletion)."""
    insertion = evaluate(ranking.prefix(size) for size in sizes)
    deletion = evaluate(~ranking.prefix(size) for size in sizes)
    total = size_of(ranking.shape)
    return Curve(
        tuple(size / total for size in sizes),
        tuple(insertion.probability.tolist()),
        tuple(deletion.probability.tolist()),
    )
