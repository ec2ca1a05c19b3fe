"""The causal search as a method: map, ranking, parts, verification, notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool
from torch import Tensor

from unseen.causal.evaluation import Criterion, Evaluator
from unseen.causal.extraction import Prefix, Ranking, curve, rank, shortest_prefix
from unseen.causal.minimisation import minimise
from unseen.causal.responsibility import Credit, responsibility
from unseen.errors import ParameterError
from unseen.explanation import Findings, Part
from unseen.removal import MaskedClassifier

_EVALUATIONS_OF_ITERATION = {"minimal": 12, "rex": 28, "definition": 28}
_EVALUATIONS_OF_PART = 130


@dataclass(frozen=True)
class Causal:
    """Search for the pixels that cause a decision, then for a small part that suffices for it.

    After ReX (Chockler, Kelly & Kroening, "Causal Explanations for Image Classifiers", 2024), with static boxes kept
    at every level, a smoothed ranking, and parts that are evaluated, minimised and verified. Lengths are shares of
    the photograph's shorter side, so that they mean the same at every resolution.

    Args:
        iterations: random refinements of the whole photograph; about twelve evaluations each.
        credit: what a box earns: ``minimal``, ``rex`` or ``definition``, see :func:`responsibility`. The last two
            evaluate every subset of boxes: two to three times the cost, for parts of the same size.
        min_box: no box of the search is narrower (0.18 is 40 pixels of 224).
        blur: standard deviation of the Gaussian that smooths the map before pixels are ranked.
        block: side of the square blocks for which a part is made minimal; blocks of twice that side go first. 0 keeps
            the shortest prefix of the ranking, as ReX does: a larger part for a fraction of the evaluations.
        steps: prefix sizes evaluated for the curves, where each bisection begins.

    Raises:
        ParameterError: a parameter outside its range.

    Example:
        >>> Causal(iterations=5)(masked, target=3, confidence=(0.5, 0.9)).parts[0].fraction  # doctest: +SKIP
        0.04
    """

    iterations: int = 12
    credit: Credit = "minimal"
    min_box: float = 0.18
    blur: float = 0.05
    block: float = 0.072
    steps: int = 24

    def __post_init__(self) -> None:
        if self.iterations < 1:
            raise ParameterError(f"iterations {self.iterations} must be at least 1")
        if self.steps < 2:
            raise ParameterError(f"steps {self.steps} must be at least 2")
        if not 0 <= self.blur <= 1:
            raise ParameterError(f"blur {self.blur} must lie in [0, 1]; it is a share of the shorter side")
        if not 0 < self.min_box <= 0.5:
            raise ParameterError(f"min_box {self.min_box} must lie in (0, 0.5]; it is a share of the shorter side")
        if not 0 <= self.block <= 0.5:
            raise ParameterError(f"block {self.block} must lie in [0, 0.5]; it is a share of the shorter side")

    def __call__(
        self,
        masked: MaskedClassifier,
        target: int,
        *,
        confidence: Sequence[float] = (0.5,),
        seed: int = 0,
        parts: int = 1,
        contrastive: bool = False,
    ) -> Findings:
        """Explain why the model says class ``target``; see :class:`unseen.methods.Method`."""
        search = _Search(self, Evaluator(masked, target), seed, contrastive)
        return search.findings(confidence, parts)


@dataclass
class _Search:
    """One photograph's search: its parameters, and what must be told besides the parts."""

    causal: Causal
    evaluate: Evaluator
    seed: int
    contrastive: bool
    notes: list[str] = field(default_factory=list)
    spent: dict[str, int] = field(default_factory=dict)

    @property
    def masked(self) -> MaskedClassifier:
        return self.evaluate.masked

    @property
    def label(self) -> str:
        return self.masked.classifier.label(self.evaluate.target)

    def findings(self, confidence: Sequence[float], count: int) -> Findings:
        """The map with its curve, and for each γ, in the order asked, ``count`` disjoint parts or a note."""
        wanted = sorted(set(confidence), reverse=True)
        with self._stage("responsibility", maps=1, parts=count * len(wanted)):
            saliency, ranking, sizes = self._map(None)
        line = None
        if bool(saliency.any()):
            with self._stage("curves", parts=count * len(wanted)):
                line = curve(self.evaluate, ranking, sizes)
        else:
            self.notes.append(f"no set of boxes alone keeps {self.label} on top: the responsibility map is empty")
        found: dict[float, list[Part]] = {}
        costs: dict[str, int] = {}
        for index, gamma in enumerate(wanted):
            with self._stage("parts", maps=count - 1, parts=count * (len(wanted) - index)):
                before = self.masked.evaluations
                larger = [parts[0].mask for parts in found.values() if parts]
                found[gamma] = list(self._parts(gamma, count, ranking, sizes, larger[-1:]))
                costs[str(gamma)] = self.masked.evaluations - before
        return Findings(
            saliency,
            tuple(part for gamma in dict.fromkeys(confidence) for part in found[gamma]),
            line,
            tuple(self.notes),
            {
                "evaluations": self.spent,
                "evaluations_by_threshold": costs,
                "full_probability": float(self.evaluate.full.probability),
            },
        )

    def _map(self, domain: Bool[Tensor, "H W"] | None) -> tuple[Tensor, Ranking, list[int]]:
        """Saliency, ranking and prefix sizes to begin with; an empty map ranks nothing before all pixels."""
        causal, shape = self.causal, self.masked.shape
        saliency = responsibility(
            self.evaluate,
            shape,
            iterations=causal.iterations,
            credit=causal.credit,
            min_side=max(1, round(causal.min_box * min(shape))),
            seed=self.seed,
            domain=domain,
        )
        ranking = rank(saliency, blur=causal.blur * min(shape), seed=self.seed, domain=domain)
        return saliency, ranking, ranking.grid(causal.steps) if bool(saliency.any()) else [len(ranking.order)]

    def _parts(
        self, gamma: float, count: int, ranking: Ranking, sizes: Sequence[int], larger: Sequence[Tensor]
    ) -> Iterator[Part]:
        """Disjoint parts that reach γ; each further one is searched where the photograph is left over."""
        criterion = Criterion(self.evaluate, gamma * float(self.evaluate.full.probability), self.contrastive)
        rest = torch.ones(self.masked.shape, dtype=torch.bool)
        for number in range(count):
            if number > 0:
                if not bool(criterion([rest]).passes):
                    self.notes.append(
                        f"{number} of {count} disjoint parts found: "
                        f"what is left of the photograph does not {self._asked(gamma)}"
                    )
                    return
                _, ranking, sizes = self._map(rest)
            prefix = shortest_prefix(criterion, ranking, sizes)
            if prefix is None:
                self.notes.append(f"no part found: nothing that was tried is seen to {self._asked(gamma)}")
                return
            start = min([prefix.visible, *(larger if number == 0 else [])], key=lambda mask: int(mask.sum()))
            trail = [ranking.prefix(size) for size in reversed(sizes) if size > prefix.size]
            fine = max(1, round(self.causal.block * min(self.masked.shape))) if self.causal.block else None
            trail += minimise(criterion, start, (2 * fine, fine) if fine else ())
            part = self._part(criterion, trail, prefix, gamma=gamma, block=fine, number=number)
            rest = rest & ~part.mask
            yield part

    def _part(
        self,
        criterion: Criterion,
        trail: Sequence[Tensor],
        prefix: Prefix,
        *,
        gamma: float,
        block: int | None,
        number: int,
    ) -> Part:
        """The last set of the trail that passes alone and in a batch; the trail runs from large to minimal."""
        pixels = self.masked.shape[0] * self.masked.shape[1]
        for visible in reversed(trail):
            trial = criterion.verify(visible)
            verified = bool(trial.passes)
            if verified:
                break
        else:
            self.notes.append(
                f"γ = {gamma:g}: the part is not verified: none of the {len(trail)} sets tried passes both alone and "
                "in a batch; it is the last and largest of them"
            )
        if not bool(visible.any()):
            self.notes.append(
                f"γ = {gamma:g}: the part is empty, because with everything hidden the model still says {self.label}"
            )
        return Part(
            mask=visible,
            role="contrastive" if self.contrastive else "sufficient",
            confidence_threshold=gamma,
            confidence=float(trial.confidence),
            verified=verified,
            minimal_block=block if visible is trail[-1] and verified else None,
            first_passing=prefix.size / pixels,
            stable=prefix.stable / pixels if prefix.stable is not None else None,
            rank=number,
        )

    def _asked(self, gamma: float) -> str:
        hidden = " when visible and take it off when hidden" if self.contrastive else ""
        return f"keep {self.label} on top with γ = {gamma:g}{hidden}"

    @contextmanager
    def _stage(self, name: str, *, maps: int = 0, parts: int = 0) -> Iterator[None]:
        """Tell progress what is ahead, and keep account of what the stage spent."""
        maps_ahead = maps * self.causal.iterations * _EVALUATIONS_OF_ITERATION[self.causal.credit]
        curves_ahead = 0 if name == "parts" else 2 * self.causal.steps
        before = self.masked.evaluations
        self.masked.announce(name, before + maps_ahead + curves_ahead + parts * _EVALUATIONS_OF_PART)
        yield
        self.spent[name] = self.spent.get(name, 0) + self.masked.evaluations - before
