"""Responsibility of pixels for a class: random refinement of the photograph, all iterations in lockstep.

Each iteration splits the input at random into four boxes (an image at a point, a volume at a point of two of its axes,
a signal at three places), looks for a small subset of boxes that keeps
the target on top when all else is hidden, and refines the boxes of that subset in the same way (Chockler, Kroening
& Sun, "Explanations for Occluded Images", ICCV 2021, Algorithms 1 and 2; the tool is ReX). While one box is refined
the other boxes of its subset, at every level above, stay visible: an explanation of several distant regions is
followed down to the smallest boxes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, pairwise, product
from math import isclose
from typing import Annotated, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.rounding import ROUNDING
from unseen.explainers.sufficient.evaluation import Evaluate
from unseen.inputs.space import Space
from unseen.system.options import Meaning, check

Credit = Annotated[
    Literal["minimal", "rex", "definition"],
    Meaning(
        "what a box earns; ``rex`` and ``definition`` evaluate every subset of boxes: two to three times the cost, for "
        "parts of the same size"
    ),
]

_Interval = tuple[int, int]
_Box = tuple[_Interval, ...]
"""From where to where along each axis."""

_Subset = tuple[int, ...]

_SPLIT = 2
"""Along so many axes a box is split at most, once each: into four. A signal has one, and is split along it thrice."""


@dataclass(frozen=True)
class _Job:
    """A box to refine while the boxes in ``static`` stay visible."""

    iteration: int
    path: tuple[int, ...]
    box: _Box
    static: tuple[_Box, ...] = ()

    def quarters(self, seed: int, min_side: int) -> tuple[_Box, ...]:
        """The boxes around a random point: four, or two where a volume is long enough along one axis only."""
        stream = self._stream(seed)
        if len(self.box) == 1:
            return tuple((piece,) for piece in _pieces(self.box[0], 4, min_side, stream))
        axes = _long(self.box, min_side)
        if len(axes) > _SPLIT:
            axes = sorted(stream.permutation(axes)[:_SPLIT].tolist())
        pieces = [
            _pieces(interval, 2, min_side, stream) if axis in axes else (interval,)
            for axis, interval in enumerate(self.box)
        ]
        return tuple(product(*pieces))

    def chosen(self, found: Mapping[_Subset, float], seed: int) -> _Subset:
        """The most probable of the smallest subsets; of equal ones any, so that no place is preferred."""
        size = min(map(len, found))
        smallest = {subset: probability for subset, probability in found.items() if len(subset) == size}
        highest = max(smallest.values())
        equal = [subset for subset, value in smallest.items() if isclose(value, highest, rel_tol=ROUNDING)]
        return equal[0] if len(equal) == 1 else equal[int(self._stream(seed, 4).integers(len(equal)))]

    def children(self, quarters: Sequence[_Box], kept: _Subset, min_side: int) -> Iterator[_Job]:
        for index in kept:
            if _divisible(quarters[index], min_side):
                others = tuple(quarters[other] for other in kept if other != index)
                yield _Job(self.iteration, (*self.path, index), quarters[index], self.static + others)

    def _stream(self, seed: int, *use: int) -> np.random.Generator:
        """Belongs to (seed, iteration, path) alone; a ``use`` above 3 is no box's number: no other box's path."""
        return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(self.iteration, *self.path, *use)))


def responsibility(
    evaluate: Evaluate,
    shape: Space,
    *,
    iterations: int,
    credit: Credit = "minimal",
    min_side: int = 28,
    seed: int = 0,
    domain: Bool[Tensor, "*space"] | None = None,
) -> Float[Tensor, "*space"]:
    """Responsibility map of the class that ``evaluate`` judges, summed over iterations and levels, ≥ 0.

    Args:
        evaluate: verdicts on visible sets.
        shape: of the input without its channels, in pixels.
        iterations: random refinements of the whole photograph.
        credit: what the boxes of a split earn. ``minimal``: each smallest passing subset S gives ``1/|S|`` to its
            boxes; larger subsets are evaluated only when no smaller one passes. ``rex``: each of the proper
            subsets (14 of four boxes) that passes gives ``1/|S|``, as in the ReX tool. ``definition``: 1/(1 + k), k the
            size of the smallest witness, a set of other boxes that can be hidden without losing the class such that
            hiding the box as well loses it (Chockler & Halpern, "Responsibility and Blame", JAIR 2004); 0 without
            a witness.
        min_side: no box gets a shorter side, in pixels.
        seed: of the split points, and of which of several equally good subsets is refined.
        domain: only these pixels are ever visible; ``None`` allows all.

    Returns:
        float32, of that shape; all zero when no subset keeps the class.

    Raises:
        ParameterError: an unknown credit.
    """
    check("credit", credit, Credit)
    saliency = torch.zeros(shape, dtype=torch.float32)
    everything: _Box = tuple((0, length) for length in shape)
    jobs = [_Job(i, (), everything) for i in range(iterations) if _divisible(everything, min_side)]
    whole = credit != "definition" or bool(evaluate([_paint(shape, [everything], domain)]).top)
    while jobs:
        quarters = [job.quarters(seed, min_side) for job in jobs]
        passing = _passing(evaluate, jobs, quarters, shape, by_size=credit == "minimal", domain=domain)
        children: list[_Job] = []
        for job, boxes, found in zip(jobs, quarters, passing, strict=True):
            if not found:
                continue
            shares = (
                _witness_shares(found, len(boxes), whole or bool(job.path))
                if credit == "definition"
                else _subset_shares(found, len(boxes))
            )
            for box, share in zip(boxes, shares, strict=True):
                saliency[_within(box)] += share
            children.extend(job.children(boxes, job.chosen(found, seed), min_side))
        jobs = children
    return saliency if domain is None else saliency * domain


def _passing(
    evaluate: Evaluate,
    jobs: Sequence[_Job],
    quarters: Sequence[Sequence[_Box]],
    shape: Space,
    *,
    by_size: bool,
    domain: Bool[Tensor, "*space"] | None,
) -> list[dict[_Subset, float]]:
    """For each job the subsets that keep the class, with its probability; one model call a round for all jobs."""
    found: list[dict[_Subset, float]] = [{} for _ in jobs]
    for sizes in ((1,), (2,), (3,)) if by_size else ((1, 2, 3),):
        asked = [(j, subset) for j in range(len(jobs)) if not found[j] for subset in _subsets(len(quarters[j]), sizes)]
        verdicts = evaluate(
            _paint(shape, [*jobs[j].static, *(quarters[j][index] for index in subset)], domain) for j, subset in asked
        )
        outcomes = zip(verdicts.probability.tolist(), verdicts.top.tolist(), strict=True)
        for (j, subset), (probability, top) in zip(asked, outcomes, strict=True):
            if top:
                found[j][subset] = probability
    return found


def _paint(shape: Space, boxes: Iterable[_Box], domain: Bool[Tensor, "*space"] | None) -> Bool[Tensor, "*space"]:
    visible = torch.zeros(shape, dtype=torch.bool)
    for box in boxes:
        visible[_within(box)] = True
    return visible if domain is None else visible & domain


def _within(box: _Box) -> tuple[slice, ...]:
    return tuple(slice(*interval) for interval in box)


def _long(box: _Box, min_side: int) -> list[int]:
    """The axes along which a box has room for two."""
    return [axis for axis, (start, stop) in enumerate(box) if stop - start >= 2 * min_side]


def _divisible(box: _Box, min_side: int) -> bool:
    """Whether a box can be split: of an image along both sides, so that its boxes keep about its proportions."""
    if len(box) == 1:
        return box[0][1] - box[0][0] >= 4 * min_side
    return len(_long(box, min_side)) >= (2 if len(box) == 2 else 1)


def _pieces(interval: _Interval, count: int, min_side: int, stream: np.random.Generator) -> tuple[_Interval, ...]:
    """So many intervals between random places, each at least ``min_side`` long."""
    start, stop = interval
    room = stop - start - count * min_side
    cuts = sorted(int(stream.integers(0, room, endpoint=True)) for _ in range(count - 1))
    places = [start, *(start + (number + 1) * min_side + cut for number, cut in enumerate(cuts)), stop]
    return tuple(pairwise(places))


@cache
def _subsets(boxes: int, sizes: tuple[int, ...]) -> tuple[_Subset, ...]:
    """Of so many boxes those of these sizes, but never all."""
    return tuple(subset for size in sizes if size < boxes for subset in combinations(range(boxes), size))


def _subset_shares(passing: Mapping[_Subset, float], boxes: int) -> list[float]:
    return [sum(1 / len(subset) for subset in passing if box in subset) for box in range(boxes)]


def _witness_shares(passing: Mapping[_Subset, float], boxes: int, whole: bool) -> list[float]:
    return [_degree(box, passing, boxes, whole) for box in range(boxes)]


def _degree(box: int, passing: Mapping[_Subset, float], boxes: int, whole: bool) -> float:
    """1/(1 + k); ``whole``: all boxes visible keep the class; none visible lose it."""

    def holds(visible: frozenset[int]) -> bool:
        return whole if len(visible) == boxes else tuple(sorted(visible)) in passing

    others = [other for other in range(boxes) if other != box]
    for size in range(boxes):
        for witness in combinations(others, size):
            visible = frozenset(range(boxes)).difference(witness)
            if holds(visible) and not holds(visible - {box}):
                return 1 / (1 + size)
    return 0.0
