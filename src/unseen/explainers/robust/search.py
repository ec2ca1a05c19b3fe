"""The smallest part found that keeps the decision on the share ρ of backgrounds, with a bound.

Prefixes of a ranking are tried on *search* contexts: first ever longer ones, then a bisection; each trial stops as soon
as it is decided. The *proof* contexts are others. On them a ladder of prefixes, fixed by the search alone, is tested
from the largest down, and the test ends at the first whose bound does not reach ρ. Such a fixed sequence keeps the
error of the whole at 5 %, however many rungs are tested (Maurer, Hothorn & Lehmacher 1995; Angelopoulos et al., *Learn
then Test*, 2021): what is reported holds on at least ρ of all backgrounds of this kind with 95 % confidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor

from jaxtyping import Bool
from torch import Tensor

from unseen.explainers.robust.planting import Planting
from unseen.explanation.evidence import Robustness, needed
from unseen.explanation.ranking import Ranking

SEARCH, PROOF = 60, 100
"""Contexts to search with, and others to prove on."""

_FIRST = 0.02
"""Share of the pixels of the shortest prefix that is tried."""
_RUNG = 1.06
"""From one rung of the ladder to the next larger one."""
_ABOVE = 2
"""Rungs above the first that misses hardly any search context: where the proof begins."""


@dataclass(frozen=True, eq=False)
class RobustPart:
    """What was found.

    Attributes:
        mask: the smallest part whose bound reaches ρ; ``None`` where none does.
        robustness: of that part; where there is none, of the largest that was tested.
        fraction: share of the pixels of the set that ``robustness`` is about.
        searched: share of the pixels of the smallest prefix that keeps the decision on ρ of the search contexts.
    """

    mask: Bool[Tensor, "*space"] | None
    robustness: Robustness
    fraction: float
    searched: float


def robust_part(search: Planting, proof: Planting, ranking: Ranking, share: float, kind: str) -> RobustPart:
    """See the module.

    Args:
        search: contexts to search with.
        proof: contexts to prove on, none of them among the others.
        ranking: of all pixels.
        share: ρ, in (0, 1).
        kind: what the contexts are, in words.
    """
    total = len(ranking.order)
    smallest = shortest(lambda size: reaches(search, ranking.prefix(size), share), total)
    ladder = list(_ladder(search, ranking, smallest))
    least = needed(share, len(proof)) or len(proof) + 1
    best: RobustPart | None = None
    for size in ladder:
        part = ranking.prefix(size)
        hits, tried = _trial(proof, part, least)
        found = Robustness.of(hits, tried, kind, share)
        if found.bound < share:
            return best or RobustPart(None, found, size / total, smallest / total)
        best = RobustPart(part, found, size / total, smallest / total)
    assert best is not None  # a ladder has a rung
    return best


def reaches(planting: Planting, part: Bool[Tensor, "*space"], share: float) -> bool:
    """Whether the part keeps the decision on the share of the contexts; stops as soon as that is decided."""
    count = len(planting)
    hits, _ = _trial(planting, part, ceil(share * count - 1e-9))
    return hits >= share * count - 1e-9


def shortest(passes: Callable[[int], bool], total: int) -> int:
    """A size that passes, at most a hundredth of ``total`` above one that fails; ``total`` is taken to pass.

    Sizes double until one passes; then the gap is halved.
    """
    step, bad, good = max(1, total // 100), 0, max(1, ceil(_FIRST * total))
    while good < total and not passes(good):
        bad, good = good, min(total, 2 * good)
    while good - bad > step:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if passes(middle) else (good, middle)
    return good


def _ladder(search: Planting, ranking: Ranking, smallest: int) -> Iterator[int]:
    """The sizes to test, the largest first: from above the first that misses next to no search context, downwards."""
    total = len(ranking.order)
    sizes = [smallest]
    while sizes[-1] < total and not reaches(search, ranking.prefix(sizes[-1]), (len(search) - 1) / len(search)):
        sizes.append(min(total, ceil(sizes[-1] * _RUNG)))
    for _ in range(_ABOVE):
        sizes.append(min(total, ceil(sizes[-1] * _RUNG)))
    lower = [floor(smallest / _RUNG**rung) for rung in (1, 2, 3)]
    yield from sorted({*sizes, *(size for size in lower if size > 0)}, reverse=True)


def _trial(planting: Planting, part: Bool[Tensor, "*space"], least: int) -> tuple[int, ...]:
    """Hits and contexts tried; all of them, unless ``least`` hits are out of reach before."""
    hits = tried = 0
    while tried < len(planting) and hits + len(planting) - tried >= least:
        numbers: Sequence[int] = range(tried, min(len(planting), tried + planting.masked.batch))
        hits += int(planting.holds([(part, number) for number in numbers]).sum())
        tried += len(numbers)
    return hits, tried
