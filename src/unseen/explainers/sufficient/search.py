"""From any map to findings: its ranking and curve, and for each γ parts that were seen to do what is asked of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, ClassVar

from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.backend import WORTH
from unseen.classifier.borrowing import own_precision
from unseen.classifier.outputs.readings import percent
from unseen.errors import NotApplicableError
from unseen.explainers.method import CHANCES, Method
from unseen.explainers.sufficient.criterion import Criterion, Rise, lost, rise_of
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.extraction import curve
from unseen.explainers.sufficient.parts import PartSearch
from unseen.explanation import Curve, Findings
from unseen.explanation.ranking import Ranking, rank
from unseen.explanation.roles import Asked
from unseen.inputs.space import check_axes, length_of, side_of
from unseen.removal import MaskedClassifier
from unseen.removal.engine import one_engine
from unseen.removal.memory import remembering
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

    def necessity(self, criterion: Criterion, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings | None:
        """A map for necessary parts: how responsible each pixel is for the decision being lost when it is hidden.

        Args:
            criterion: whether hiding a set takes the decision away.
            seed: random seed.
            domain: only these pixels are ever hidden; ``None`` allows all.

        Returns:
            ``None`` where the method has no such map: that of :meth:`attribute` serves.
        """
        del criterion, seed, domain
        return None

    def cost(self, shape: tuple[int, ...]) -> int | None:
        """Evaluations that a map takes at most, passes with a gradient among them; 1 unless a method says so.

        ``None`` where what is found on the way decides how many follow; progress then has no total.
        """
        del shape
        return 1

    def _coming(self, masked: MaskedClassifier) -> int:
        """Evaluations that a map takes; many where that is not known."""
        cost = self.cost(masked.shape)
        return WORTH if cost is None else cost

    def __call__(
        self,
        masked: MaskedClassifier,
        target: int,
        *,
        confidence: Reals = (0.5,),
        seed: int = 0,
        parts: int = 1,
        part: Sequence[Asked] = ("sufficient",),
        chance: int = CHANCES,
    ) -> Findings:
        """Explain why the model says class ``target``; see :class:`unseen.explainers.catalogue.Method`."""
        check_method(self, masked)
        wanted = reals("confidence", confidence)
        with one_engine(masked, self._coming(masked) + 2 * self.steps), remembering(masked) as memory:
            return _Search(self, Evaluator(masked, target, memory), seed, chance).findings(wanted, parts, part)


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
        with one_engine(masked, method._coming(masked)), remembering(masked) as memory:
            return method.attribute(Evaluator(masked, target, memory), seed, None)
    return method(masked, target, seed=seed)


@dataclass
class _Search:
    """The search of one photograph: what it asks, and what must be told besides the parts."""

    method: FromMap
    evaluate: Evaluator
    seed: int
    chance: int
    notes: list[str] = field(default_factory=list)
    spent: dict[str, int] = field(default_factory=dict)

    @property
    def masked(self) -> MaskedClassifier:
        return self.evaluate.masked

    @property
    def label(self) -> str:
        return self.evaluate.label

    def findings(self, confidence: Sequence[float], count: int, asked: Sequence[Asked]) -> Findings:
        """The map with its curve, and for each role and γ, in the order asked, ``count`` disjoint parts or a note."""
        wanted = sorted(set(confidence), reverse=True)
        with self._stage(self.method.stage, self.method.cost(self.masked.shape)):
            made = self._made(None)
            self.notes += made.notes
        line = self._curve(made.saliency)
        rise = rise_of(self.evaluate)
        roles: list[Asked] = [*dict.fromkeys("necessary" if rise.default else role for role in asked)]
        if rise.default:
            self.notes.append(self._default(rise))
        searches = {role: self._search(role, made) for role in roles}
        costs: dict[str, int] = {}
        for search in searches.values():
            for gamma in wanted:
                with self._stage("parts"):
                    before = self.masked.evaluations
                    search.search(gamma, count)
                    costs[f"{gamma}"] = costs.get(f"{gamma}", 0) + self.masked.evaluations - before
            self.notes += search.notes
        return Findings(
            made.saliency,
            tuple(part for one in searches.values() for g in dict.fromkeys(confidence) for part in one.found[g]),
            line,
            tuple(dict.fromkeys(self.notes)),
            {
                "evaluations": self.spent,
                "evaluations_by_threshold": costs,
                "full_probability": rise.everything,
                "nothing_probability": rise.nothing,
                "default_class": rise.default,
                "missing": {role: {f"{g}": why for g, why in one.missing.items()} for role, one in searches.items()},
                **({"map": dict(made.record)} if made.record else {}),
            },
        )

    def _curve(self, saliency: Tensor) -> Curve | None:
        if not bool(saliency.any()):
            self.notes.append(self.method.empty.format(label=self.label))
            return None
        if float(saliency.max() - saliency.min()) <= _FLAT * float(saliency.abs().max()):
            self.notes.append(
                f"the map of {self.label} is the same everywhere: it ranks no pixel before another, and curves and "
                "parts follow a random order"
            )
        ranking, sizes = self._ranked(saliency, None)
        with self._stage("curves", 2 * len(sizes)):
            return curve(self.evaluate, ranking, sizes)

    def _default(self, rise: Rise) -> str:
        return (
            f"{self.label} is the model's answer to nothing: {percent(rise.nothing)} with everything hidden, "
            f"{percent(rise.everything)} of the whole photograph. No part makes it so; searched instead is a part "
            f"whose hiding ends the decision for {self.label}"
        )

    def _search(self, role: Asked, made: Findings) -> PartSearch:
        block = self.method.block
        fine = side_of(block, self.masked.shape) if block else None

        @cache
        def whole() -> tuple[Ranking, list[int]]:
            """The same for every γ."""
            return self._ranked(self._map(role, made, None).saliency, None)

        def ranked(domain: Tensor | None) -> tuple[Ranking, list[int]]:
            if domain is None:
                return whole()
            again = self._map(role, made, domain) if self.method.renewed else made
            return self._ranked(again.saliency, domain)

        return PartSearch(self.evaluate, role, ranked, fine, self.chance, self.seed)

    def _map(self, role: Asked, made: Findings, domain: Tensor | None) -> Findings:
        """The map that ranks the pixels of ``domain`` for parts of a role."""
        if role == "necessary":
            found = self.method.necessity(lost(self.evaluate), self.seed, domain)
            if found is not None:
                return found
        return made if domain is None else self._made(domain)

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

    @contextmanager
    def _stage(self, name: str, most: int | None = None) -> Iterator[None]:
        """Tell progress what the stage takes at most, if that is known, and keep account of what it spent."""
        before = self.masked.evaluations
        self.masked.announce(name, None if most is None else before + most)
        yield
        self.spent[name] = self.spent.get(name, 0) + self.masked.evaluations - before
