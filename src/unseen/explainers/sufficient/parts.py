"""Disjoint parts of one role along a ranking: prefixes that pass, without the blocks that can be spared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool
from torch import Tensor

from unseen.explainers.sufficient.chance import alike
from unseen.explainers.sufficient.criterion import Criterion
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.extraction import Prefix, shortest_prefix
from unseen.explainers.sufficient.minimisation import minimise
from unseen.explanation import Part
from unseen.explanation.ranking import Ranking
from unseen.explanation.roles import Asked, Missing

Ranked = Callable[[Bool[Tensor, "*space"] | None], tuple[Ranking, list[int]]]
"""The domain (``None``: everything) → a ranking of its pixels, and the prefix sizes to begin with."""


@dataclass
class PartSearch:
    """The search of parts of one role: what it asks, what it found, and what must be told besides.

    Attributes:
        evaluate: verdicts on the target.
        role: what is asked of a part.
        ranked: orders the pixels.
        block: side of the blocks for which parts are made minimal, in pixels; ``None`` keeps prefixes.
        chance: how many sets of the same size and shape each part is compared with.
        seed: of those sets.
        found: the parts for each γ.
        missing: for each γ without a part, why.
        notes: plain sentences.
    """

    evaluate: Evaluator
    role: Asked
    ranked: Ranked
    block: int | None
    chance: int
    seed: int
    found: dict[float, list[Part]] = field(default_factory=dict)
    missing: dict[float, Missing] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def search(self, gamma: float, count: int) -> None:
        """Look for ``count`` disjoint parts for γ."""
        self.found[gamma] = []
        criterion = Criterion(self.evaluate, gamma, self.role)
        nothing = torch.zeros(self.evaluate.masked.shape, dtype=torch.bool)
        if bool(criterion([nothing]).passes):
            self.missing[gamma] = "empty"
            self.notes.append(f"no part: {self._needless(gamma)}")
            return
        self.found[gamma] += self._disjoint(criterion, count)
        if not self.found[gamma]:
            self.missing[gamma] = "not found"

    def _disjoint(self, criterion: Criterion, count: int) -> Iterator[Part]:
        """Each further part is searched where the photograph is left over."""
        rest = torch.ones(self.evaluate.masked.shape, dtype=torch.bool)
        for number in range(count):
            if number > 0 and not bool(criterion([rest]).passes):
                self.notes.append(
                    f"{number} of {count} disjoint parts found: {self._subject('what is left of the photograph')} "
                    f"does not {self._asked(criterion)}"
                )
                return
            ranking, sizes = self.ranked(rest if number else None)
            prefix = shortest_prefix(criterion, ranking, sizes)
            known = self._known(criterion, rest)
            starts = [] if known is None else [known]
            starts += [prefix.visible] if prefix else []
            if not starts:
                self.notes.append(
                    f"no part found: {self._subject('nothing that was tried')} is seen to {self._asked(criterion)}"
                )
                return
            least = _size(prefix.visible if prefix else rest)
            grown = (ranking.prefix(size) for size in sizes if size > least)
            *larger, start = sorted([*starts, *grown], key=_size, reverse=True)
            sides = (2 * self.block, self.block) if self.block else ()
            trail = [*larger, *minimise(criterion, start, sides, ranking.standing)]
            part = self._part(criterion, trail, prefix, number)
            rest = rest & ~part.mask
            yield part

    def _known(self, criterion: Criterion, rest: Bool[Tensor, "*space"]) -> Tensor | None:
        """The smallest set in what is left of the photograph that was seen to pass on the way, at no further cost."""
        within = (one for one in self._seen() if not bool((one & ~rest).any()))
        some: list[Tensor]
        for some in self.evaluate.chunks(within):
            passes: list[bool] = criterion(some).passes.tolist()
            if any(passes):
                return some[passes.index(True)]
        return None

    def _seen(self) -> Iterator[Tensor]:
        """Sets about which enough was asked, the smallest first: those of the map's own search among them.

        Where parts are to be prefixes, or hiding them was not asked about, only the parts for a larger γ.
        """
        memory, shape = self.evaluate.memory, self.evaluate.masked.shape
        if self.block is None or self.role == "both":
            yield from sorted((parts[0].mask for parts in self.found.values() if parts), key=_size)
        elif self.role == "necessary":
            yield from (~one for one in memory.masks(shape, largest_first=True))
        else:
            yield from memory.masks(shape)

    def _part(self, criterion: Criterion, trail: Sequence[Tensor], prefix: Prefix | None, number: int) -> Part:
        """The last set of the trail that passes alone and in a batch; the trail runs from large to minimal."""
        pixels, gamma = trail[-1].numel(), criterion.gamma
        for mask in reversed(trail):
            verified = criterion.verify(mask, alike(mask, self.chance, self.seed))
            if verified.passes:
                break
        else:
            self.notes.append(
                f"γ = {gamma:g}: the part is not verified: none of the {len(trail)} sets tried passes both alone and "
                "in a batch; it is the last and largest of them"
            )
        necessary = self.role == "necessary"
        return Part(
            mask=mask,
            role=self.role,
            confidence_threshold=gamma,
            confidence=verified.confidence,
            verified=verified.passes,
            asked=(criterion.rise.ceiling if necessary else criterion.rise.floor)(gamma),
            instead=None if self.role == "sufficient" or criterion.weakens else self.evaluate.said(~mask),
            by_chance=verified.by_chance,
            minimal_block=self.block if mask is trail[-1] and verified.passes else None,
            first_passing=prefix.first / pixels if prefix else None,
            stable=prefix.stable / pixels if prefix and prefix.stable is not None else None,
            rank=number,
        )

    def _subject(self, what: str) -> str:
        return f"hiding {what}" if self.role == "necessary" else what

    def _asked(self, criterion: Criterion) -> str:
        label, gamma = self.evaluate.label, f"γ = {criterion.gamma:g}"
        if self.role == "necessary":
            if criterion.rise.default:
                return f"end the decision for {label}"
            return f"take {gamma} of the rise away{'' if criterion.weakens else f' and end the decision for {label}'}"
        hidden = " when visible and end it when hidden" if self.role == "both" else ""
        return f"keep the decision for {label} with {gamma} of the rise{hidden}"

    def _needless(self, gamma: float) -> str:
        if self.role == "necessary":
            return (
                f"{self.evaluate.label} is not what the model says of the whole photograph, so nothing must be hidden"
            )
        return (
            f"with everything hidden the model still says {self.evaluate.label}, and γ = {gamma:g} asks for no more; "
            "ask for a larger γ"
        )


def _size(mask: Bool[Tensor, "*space"]) -> int:
    return int(mask.sum())
