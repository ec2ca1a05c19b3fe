"""From any map to findings: its ranking and curve, and for each γ parts that were seen to suffice."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.borrowing import own_precision
from unseen.errors import NotApplicableError
from unseen.explainers.method import Method
from unseen.explainers.sufficient.evaluation import Evaluator, SufficiencyCriterion
from unseen.explainers.sufficient.extraction import Prefix, Ranking, curve, rank, shortest_prefix
from unseen.explainers.sufficient.minimisation import minimise
from unseen.explanation import Findings, Part
from unseen.inputs.space import check_axes, length_of, side_of, size_of
from unseen.removal import MaskedClassifier
from unseen.system.arguments import Reals, reals
from unseen.system.options import Count, Options, Share

Blur = Annotated[
    float,
    Share(
        "the standard deviation of the Gaussian that smooths the map before pixels are ranked, as a share of the "
        "photograph's shorter side; the map itself is left as it is"
    ),
]

Block = Annotated[
    float,
    Share(
        "the side of the square blocks for which a part is made minimal, as a share of the photograph's shorter side; "
        "blocks of twice that side go first, and 0 keeps the shortest prefix of the ranking, as ReX does",
        high=0.5,
    ),
]

_FLAT = 1e-6
"""Share of a map's largest value that float32 makes by rounding."""


@dataclass(frozen=True, kw_only=True)
class FromMap(Options, Method, ABC):
    """A method that makes a map and takes parts from it; lengths are shares of the photograph's shorter side.

    Attributes:
        stage: what making a map is called while it goes on.
        empty: the note on a map of zeros; ``{label}`` stands for the class.
        renewed: whether further disjoint parts need a new map of what is left.

    Raises:
        ParameterError: an option outside its range.

    Example:
        >>> from dataclasses import dataclass
        >>> from unseen import explain
        >>> from unseen.explainers import FromMap
        >>> from unseen.explanation import Findings
        >>> @dataclass(frozen=True)
        ... class Redness(FromMap):
        ...     def attribute(self, evaluate, seed, domain):
        ...         return Findings(evaluate.masked.image[0])
        >>> explain(photo, classifier, method=Redness(), removal="black").saliency.max()
        tensor(1.)
    """

    blur: Blur = 0.0
    block: Block = 0.0
    steps: Annotated[
        int, Count("how many prefix sizes are evaluated for the curves, where each bisection begins", 2)
    ] = 24

    stage: ClassVar[str] = "map"
    empty: ClassVar[str] = "the map of {label} is empty"
    renewed: ClassVar[bool] = False

    @abstractmethod
    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """The map with its notes and its own evidence, no parts yet; pixels outside ``domain`` are not ranked."""

    def cost(self, shape: tuple[int, ...]) -> int | None:
        """Evaluations that a map takes at most, passes with a gradient among them; 1 unless a method says so.

        ``None`` where what is found on the way decides how many follow; progress then has no total.
        """
        del shape
        return 1

    def __call__(
        self,
        masked: MaskedClassifier,
        target: int,
        *,
        confidence: Reals = (0.5,),
        seed: int = 0,
        parts: int = 1,
        contrastive: bool = False,
    ) -> Findings:
        """Explain why the model says class ``target``; see :class:`unseen.explainers.catalogue.Method`."""
        check_method(self, masked)
        wanted = reals("confidence", confidence)
        return _Search(self, Evaluator(masked, target), seed, contrastive).findings(wanted, parts)


def check_method(method: Method, masked: MaskedClassifier) -> None:
    """Refuse a method that has no rule for a signal or a volume.

    Raises:
        NotApplicableError: it has none.
    """
    remedy = "choose a method that has a rule, such as 'occlusion'"
    check_axes(f"method {type(method).__name__!r}", method.axes, masked.shape, remedy)


@own_precision()
def map_of(method: Method, masked: MaskedClassifier, target: int, seed: int = 0) -> Float[Tensor, "*space"]:
    """The method's map alone, without parts and curves where it can do without.

    Example:
        >>> from unseen.explainers import METHODS, map_of
        >>> map_of(METHODS.create("input-x-gradient"), masked, target=0).sum()  # the logit, for nothing has a bias
        tensor(6.2500)
    """
    return findings_of(method, masked, target, seed).saliency


@own_precision()
def findings_of(method: Method, masked: MaskedClassifier, target: int, seed: int = 0) -> Findings:
    """The method's map with its notes, without parts and curves where it can do without."""
    check_method(method, masked)
    if isinstance(method, FromMap):
        return method.attribute(Evaluator(masked, target), seed, None)
    return method(masked, target, seed=seed)


@dataclass
class _Search:
    """The search of one photograph: what it asks, and what must be told besides the parts."""

    method: FromMap
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
        with self._stage(self.method.stage, self.method.cost(self.masked.shape)):
            made = self._made(None)
            saliency = made.saliency
            self.notes += made.notes
            ranking, sizes = self._ranked(saliency, None)
        line = None
        if bool(saliency.any()):
            if float(saliency.max() - saliency.min()) <= _FLAT * float(saliency.abs().max()):
                self.notes.append(
                    f"the map of {self.label} is the same everywhere: it ranks no pixel before another, and curves and "
                    "parts follow a random order"
                )
            with self._stage("curves", 2 * len(sizes)):
                line = curve(self.evaluate, ranking, sizes)
        else:
            self.notes.append(self.method.empty.format(label=self.label))
        found: dict[float, list[Part]] = {}
        costs: dict[str, int] = {}
        for gamma in wanted:
            with self._stage("parts"):
                before = self.masked.evaluations
                larger = [parts[0].mask for parts in found.values() if parts]
                found[gamma] = list(self._parts(gamma, count, made, (ranking, sizes), larger[-1:]))
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
                **({"map": dict(made.record)} if made.record else {}),
            },
        )

    def _made(self, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """What the method finds; a map with values that are not finite is none."""
        made = self.method.attribute(self.evaluate, self.seed, domain)
        if not bool(made.saliency.isfinite().all()):
            half = self.masked.classifier.dtype.itemsize < 4
            raise NotApplicableError(
                f"the map of {self.label} has NaN or infinite values, as when numbers overflow; "
                f"{'use the network in float32, or ' if half else 'choose '}another method, such as 'occlusion'"
            )
        return made

    def _ranked(self, saliency: Tensor, domain: Bool[Tensor, "*space"] | None) -> tuple[Ranking, list[int]]:
        """The ranking and prefix sizes to begin with; an empty map ranks nothing before all pixels."""
        ranking = rank(saliency, blur=length_of(self.method.blur, saliency.shape), seed=self.seed, domain=domain)
        return ranking, ranking.grid(self.method.steps) if bool(saliency.any()) else [len(ranking.order)]

    def _parts(
        self,
        gamma: float,
        count: int,
        made: Findings,
        ranked: tuple[Ranking, list[int]],
        larger: Sequence[Tensor],
    ) -> Iterator[Part]:
        """Disjoint parts that reach γ; each further one is searched where the photograph is left over."""
        criterion = SufficiencyCriterion(self.evaluate, gamma * float(self.evaluate.full.probability), self.contrastive)
        rest = torch.ones(self.masked.shape, dtype=torch.bool)
        for number in range(count):
            ranking, sizes = ranked
            if number > 0:
                if not bool(criterion([rest]).passes):
                    self.notes.append(
                        f"{number} of {count} disjoint parts found: "
                        f"what is left of the photograph does not {self._asked(gamma)}"
                    )
                    return
                again = self._made(rest) if self.method.renewed else made
                ranking, sizes = self._ranked(again.saliency, rest)
            prefix = shortest_prefix(criterion, ranking, sizes)
            if prefix is None:
                self.notes.append(f"no part found: nothing that was tried is seen to {self._asked(gamma)}")
                return
            start = min([prefix.visible, *(larger if number == 0 else [])], key=lambda mask: int(mask.sum()))
            trail = [ranking.prefix(size) for size in reversed(sizes) if size > prefix.size]
            block = self.method.block
            fine = side_of(block, self.masked.shape) if block else None
            trail += minimise(criterion, start, (2 * fine, fine) if fine else ())
            part = self._part(criterion, trail, prefix, gamma=gamma, block=fine, number=number)
            rest = rest & ~part.mask
            yield part

    def _part(
        self,
        criterion: SufficiencyCriterion,
        trail: Sequence[Tensor],
        prefix: Prefix,
        *,
        gamma: float,
        block: int | None,
        number: int,
    ) -> Part:
        """The last set of the trail that passes alone and in a batch; the trail runs from large to minimal."""
        pixels = size_of(self.masked.shape)
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
    def _stage(self, name: str, most: int | None = None) -> Iterator[None]:
        """Tell progress what the stage takes at most, if that is known, and keep account of what it spent."""
        before = self.masked.evaluations
        self.masked.announce(name, None if most is None else before + most)
        yield
        self.spent[name] = self.spent.get(name, 0) + self.masked.evaluations - before
