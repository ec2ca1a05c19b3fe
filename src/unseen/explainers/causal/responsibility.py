"""Responsibility of pixels for a class: random refinement of the photograph, all iterations in lockstep.

Each iteration splits the photograph at a random point into four boxes, looks for a small subset of boxes that keeps
the target on top when all else is hidden, and refines the boxes of that subset in the same way (Chockler, Kroening
& Sun, "Explanations for Occluded Images", ICCV 2021, Algorithms 1 and 2; the tool is ReX). While one box is refined
the other boxes of its subset, at every level above, stay visible: an explanation of several distant regions is
followed down to the smallest boxes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isclose
from typing import Annotated, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.rounding import ROUNDING
from unseen.explainers.sufficient.evaluation import Evaluate
from unseen.system.options import Meaning, check

Credit = Annotated[
    Literal["minimal", "rex", "definition"],
    Meaning(
        "what a box earns; ``rex`` and ``definition`` evaluate every subset of boxes: two to three times the cost, for "
        "parts of the same size"
    ),
]

_Box = tuple[int, int, int, int]
_Subset = tuple[int, ...]

_BY_SIZE: tuple[tuple[_Subset, ...], ...] = tuple(tuple(combinations(range(4), size)) for size in (1, 2, 3))


@dataclass(frozen=True)
class _Job:
    """A box (top, left, bottom, right) to refine while the boxes in ``static`` stay visible."""

    iteration: int
    path: tuple[int, ...]
    box: _Box
    static: tuple[_Box, ...] = ()

    def quarters(self, seed: int, min_side: int) -> tuple[_Box, ...]:
        """The four boxes around a random point."""
        stream = self._stream(seed)
        top, left, bottom, right = self.box
        y = int(stream.integers(top + min_side, bottom - min_side, endpoint=True))
        x = int(stream.integers(left + min_side, right - min_side, endpoint=True))
        return (top, left, y, x), (top, x, y, right), (y, left, bottom, x), (y, x, bottom, right)

    def chosen(self, found: Mapping[_Subset, float], seed: int) -> _Subset:
        """The most probable of the smallest subsets; of equal ones any, so that no place is preferred."""
        size = min(map(len, found))
        smallest = {subset: probability for subset, probability in found.items() if len(subset) == size}
        highest = max(smallest.values())
        equal = [subset for subset, value in smallest.items() if isclose(value, highest, rel_tol=ROUNDING)]
        return equal[0] if len(equal) == 1 else equal[int(self._stream(seed, 4).integers(len(equal)))]

    def children(self, quarters: Sequence[_Box], kept: _Subset, min_side: int) -> Iterator[_Job]:
        for index in kept:
            top, left, bottom, right = quarters[index]
            if min(bottom - top, right - left) >= 2 * min_side:
                others = tuple(quarters[other] for other in kept if other != index)
                yield _Job(self.iteration, (*self.path, index), quarters[index], self.static + others)

    def _stream(self, seed: int, *use: int) -> np.random.Generator:
        """Belongs to (seed, iteration, path) alone; a ``use`` above 3 is no box's number: no other box's path."""
        return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(self.iteration, *self.path, *use)))


def responsibility(
    evaluate: Evaluate,
    shape: tuple[int, int],
    *,
    iterations: int,
    credit: Credit = "minimal",
    min_side: int = 28,
    seed: int = 0,
    domain: Bool[Tensor, "H W"] | None = None,
) -> Float[Tensor, "H W"]:
    """Responsibility map of the class that ``evaluate`` judges, summed over iterations and levels, ≥ 0.

    Args:
        evaluate: verdicts on visible sets.
        shape: (H, W) of the photograph, in pixels.
        iterations: random refinements of the whole photograph.
        credit: what the four boxes of a split earn. ``minimal``: each smallest passing subset S gives ``1/|S|`` to its
            boxes; larger subsets are evaluated only when no smaller one passes. ``rex``: each of the 14 proper
            subsets that passes gives ``1/|S|``, as in the ReX tool. ``definition``: 1/(1 + k), k the size of the
            smallest witness, a set of other boxes that can be hidden without losing the class such that hiding the
            box as well loses it (Chockler & Halpern, "Responsibility and Blame", JAIR 2004); 0 without a witness.
        min_side: no box gets a shorter side, in pixels.
        seed: of the split points, and of which of several equally good subsets is refined.
        domain: only these pixels are ever visible; ``None`` allows all.

    Returns:
        float32, shape (H, W); all zero when no subset keeps the class.

    Raises:
        ParameterError: an unknown credit.
    """
    check("credit", credit, Credit)
    saliency = torch.zeros(shape, dtype=torch.float32)
    height, width = shape
    jobs = [_Job(i, (), (0, 0, height, width)) for i in range(iterations) if min(shape) >= 2 * min_side]
    whole = credit != "definition" or bool(evaluate([_paint(shape, [(0, 0, height, width)], domain)]).top)
    while jobs:
        quarters = [job.quarters(seed, min_side) for job in jobs]
        passing = _passing(evaluate, jobs, quarters, shape, by_size=credit == "minimal", domain=domain)
        children: list[_Job] = []
        for job, boxes, found in zip(jobs, quarters, passing, strict=True):
            if not found:
                continue
            shares = (
                _witness_shares(found, whole or bool(job.path)) if credit == "definition" else _subset_shares(found)
            )
            for (top, left, bottom, right), share in zip(boxes, shares, strict=True):
                saliency[top:bottom, left:right] += share
            children.extend(job.children(boxes, job.chosen(found, seed), min_side))
        jobs = children
    return saliency if domain is None else saliency * domain


def _passing(
    evaluate: Evaluate,
    jobs: Sequence[_Job],
    quarters: Sequence[Sequence[_Box]],
    shape: tuple[int, int],
    *,
    by_size: bool,
    domain: Bool[Tensor, "H W"] | None,
) -> list[dict[_Subset, float]]:
    """For each job the subsets that keep the class, with its probability; one model call a round for all jobs."""
    found: list[dict[_Subset, float]] = [{} for _ in jobs]
    for subsets in _BY_SIZE if by_size else (sum(_BY_SIZE, ()),):
        asked = [(j, subset) for j in range(len(jobs)) if not found[j] for subset in subsets]
        verdicts = evaluate(
            _paint(shape, [*jobs[j].static, *(quarters[j][index] for index in subset)], domain) for j, subset in asked
        )
        outcomes = zip(verdicts.probability.tolist(), verdicts.top.tolist(), strict=True)
        for (j, subset), (probability, top) in zip(asked, outcomes, strict=True):
            if top:
                found[j][subset] = probability
    return found


def _paint(shape: tuple[int, int], boxes: Iterable[_Box], domain: Bool[Tensor, "H W"] | None) -> Bool[Tensor, "H W"]:
    visible = torch.zeros(shape, dtype=torch.bool)
    for top, left, bottom, right in boxes:
        visible[top:bottom, left:right] = True
    return visible if domain is None else visible & domain


def _subset_shares(passing: Mapping[_Subset, float]) -> list[float]:
    return [sum(1 / len(subset) for subset in passing if box in subset) for box in range(4)]


def _witness_shares(passing: Mapping[_Subset, float], whole: bool) -> list[float]:
    return [_degree(box, passing, whole) for box in range(4)]


def _degree(box: int, passing: Mapping[_Subset, float], whole: bool) -> float:
    """1/(1 + k); ``whole``: all four boxes visible keep the class; none visible lose it."""

    def holds(visible: frozenset[int]) -> bool:
        return whole if len(visible) == 4 else tuple(sorted(visible)) in passing

    others = [other for other in range(4) if other != box]
    for size in range(4):
        for witness in combinations(others, size):
            visible = frozenset(range(4)).difference(witness)
            if holds(visible) and not holds(visible - {box}):
                return 1 / (1 + size)
    return 0.0
