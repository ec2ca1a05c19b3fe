"""What is asked of a set of pixels: that it suffices for the decision, that the decision needs it, or both.

What a part does is counted from what the model says of *nothing*. A class may be the model's answer to a photograph of
which everything is hidden; a single pixel then "suffices" for it, and says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.rounding import ROUNDING
from unseen.explainers.sufficient.evaluation import Evaluator, Verdicts
from unseen.explanation.evidence import ByChance
from unseen.explanation.roles import Role

CLEAR = 0.1
"""A class whose probability the photograph raises by less than this share of it is the model's answer to nothing."""

_COMPANY = 8
"""Sets in the batch in which one is verified, where no others are to be evaluated with it."""


@dataclass(frozen=True)
class Rise:
    """From what the model says of the target when nothing is visible to what it says of the whole photograph.

    Attributes:
        nothing: how far the decision goes with everything hidden, as a rule the target's probability.
        everything: the same on the whole photograph.
        answers_nothing: whether the decision holds with everything hidden.
    """

    nothing: float
    everything: float
    answers_nothing: bool

    @property
    def clear(self) -> bool:
        """Whether the photograph raises the probability by a clear margin, :data:`CLEAR`."""
        return self.everything - self.nothing > CLEAR * self.everything

    @property
    def default(self) -> bool:
        """Whether the class is the model's answer to nothing, so that no part makes it."""
        return self.answers_nothing and not self.clear

    def floor(self, gamma: float) -> float:
        """The probability that keeps the share γ of the rise."""
        return self.nothing + gamma * (self.everything - self.nothing)

    def ceiling(self, gamma: float) -> float:
        """The probability from which the share γ of the rise is gone."""
        return self.everything - gamma * (self.everything - self.nothing)

    def kept(self, probability: Float[Tensor, " N"], gamma: float) -> Bool[Tensor, " N"]:
        """Where the share γ of the rise is kept, but for rounding.

        What it is a share of was itself evaluated in some batch, and a set is in several: see :data:`ROUNDING`.
        """
        return probability >= self.floor(gamma) * (1 - ROUNDING)

    def gone(self, probability: Float[Tensor, " N"], gamma: float) -> Bool[Tensor, " N"]:
        """Where the share γ of the rise is gone, but for rounding."""
        return probability <= self.ceiling(gamma) * (1 + ROUNDING)


@dataclass(frozen=True, eq=False)
class SetVerdicts:
    """Whether each set does what is asked, and how clearly.

    Attributes:
        passes: shape (N,).
        margin: the larger, the more clearly; comparable between sets of one test, shape (N,).
    """

    passes: Bool[Tensor, " N"]
    margin: Float[Tensor, " N"]


Test = Callable[[Iterable[Tensor]], SetVerdicts]
"""Sets, each bool ``space`` → a verdict on each; usually a :class:`Criterion`."""


@dataclass(frozen=True)
class Verified:
    """What fresh evaluations say of one set.

    Attributes:
        passes: whether it does what is asked, alone *and* in a batch.
        confidence: probability of the target with only the set visible; of a necessary one, with it hidden. Alone.
        by_chance: how many of the sets in its company do as well; ``None`` without such.
    """

    passes: bool
    confidence: float
    by_chance: ByChance | None


@dataclass(frozen=True)
class Criterion:
    """What is asked of a set.

    *Sufficient*: with only the set visible, the decision holds and the share γ of the rise is kept. *Necessary*: with
    the set hidden the decision does not hold, and the share γ of the rise is gone. Where the decision holds with
    everything hidden, hiding cannot change it by taking away: of a clear rise γ must be gone, and of the model's answer
    to nothing some set may still end the decision. *Both*: sufficient, and hiding it changes the decision.

    Args:
        evaluator: verdicts on one class.
        gamma: the share γ of the rise, in [0, 1].
        role: what is asked.
    """

    evaluator: Evaluator
    gamma: float
    role: Role = "sufficient"

    @cached_property
    def rise(self) -> Rise:
        """What γ is a share of; two evaluations for all criteria of an evaluator."""
        return rise_of(self.evaluator)

    @property
    def weakens(self) -> bool:
        """Whether hiding can do no more than to take the rise away: the decision holds with everything hidden."""
        return self.role == "necessary" and self.rise.answers_nothing and not self.rise.default

    def __call__(self, sets: Iterable[Bool[Tensor, "*space"]]) -> SetVerdicts:
        """The verdict on each set; of *both*, the hidden side is evaluated only where the visible side passes."""
        found = [SetVerdicts(torch.zeros(0, dtype=torch.bool), torch.zeros(0, dtype=torch.float32))]
        found += [self._verdicts(chunk) for chunk in self.evaluator.chunks(sets)]
        return SetVerdicts(torch.cat([one.passes for one in found]), torch.cat([one.margin for one in found]))

    def verify(self, part: Bool[Tensor, "*space"], others: Bool[Tensor, "N *space"]) -> Verified:
        """One set from fresh evaluations: alone, and in the company of the others, which are tried with it.

        Without others its company is its complement and shifted copies. A model that takes one set at a time
        (``batch`` 1) has no batch to try: there the set is evaluated alone only.
        """
        passes, confidence = self._fresh(part[None])
        alone, tried = bool(passes), len(others)
        size = self.evaluator.masked.batch
        if not tried:
            shifts = (part.roll(part.shape[-1] * i // _COMPANY, dims=-1) for i in range(2, _COMPANY))
            others = torch.stack([~part, *shifts])[: size - 1]
        together, _ = self._fresh(torch.cat([part[None], others])[int(size == 1) :]) if len(others) else (passes, None)
        by_chance = ByChance.of(int(together[-tried:].sum()), tried) if tried else None
        return Verified(alone and (size == 1 or bool(together[0])), float(confidence), by_chance)

    def _verdicts(self, sets: list[Tensor]) -> SetVerdicts:
        if self.role == "necessary":
            hidden = self.evaluator(~one for one in sets)
            return SetVerdicts(self._changes(hidden), -hidden.probability)
        shown = self.evaluator(sets)
        passes = shown.top & self.rise.kept(shown.probability, self.gamma)
        if self.role == "both":
            candidates = passes.nonzero().flatten()
            passes[candidates] = ~self.evaluator(~sets[index] for index in candidates.tolist()).top
        return SetVerdicts(passes, shown.probability)

    def _fresh(self, sets: Bool[Tensor, "N *space"]) -> tuple[Bool[Tensor, " N"], Float[Tensor, " N"]]:
        fresh, none = self.evaluator.fresh, torch.ones(len(sets), dtype=torch.bool)
        hidden = fresh(~sets) if self.role != "sufficient" else None
        if self.role == "necessary" and hidden is not None:
            return self._changes(hidden), hidden.probability
        shown = fresh(sets)
        passes = shown.top & self.rise.kept(shown.probability, self.gamma) & (none if hidden is None else ~hidden.top)
        return passes, shown.probability

    def _changes(self, hidden: Verdicts) -> Bool[Tensor, " N"]:
        """Where hiding takes away what it is to take away."""
        if self.rise.default:
            return ~hidden.top
        gone = self.rise.gone(hidden.probability, self.gamma)
        return gone if self.weakens else gone & ~hidden.top


def rise_of(evaluator: Evaluator) -> Rise:
    """What the model says of the target with nothing and with everything visible."""
    nothing = evaluator.nothing
    return Rise(float(nothing.probability), float(evaluator.full.probability), bool(nothing.top))


def lost(evaluator: Evaluator) -> Criterion:
    """Whether hiding a set ends the decision; of one that holds with everything hidden, takes half of its rise."""
    return Criterion(evaluator, 0.5 if rise_of(evaluator).answers_nothing else 0.0, "necessary")
