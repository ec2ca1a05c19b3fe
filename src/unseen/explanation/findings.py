"""What an explainer finds: a map, parts of the photograph, a curve along the ranking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from typing import Any, get_args

import torch
from torch import Tensor

from unseen.errors import ParameterError
from unseen.explanation.evidence import ByChance, Robustness
from unseen.explanation.roles import Role
from unseen.inputs.space import ANY


@dataclass(frozen=True)
class Said:
    """What a model says.

    Attributes:
        label: name of the target that is decided for.
        probability: its reading.
    """

    label: str
    probability: float


@dataclass(frozen=True, eq=False, repr=False)
class Part:
    """A set of pixels, what it does, and what the model said.

    Attributes:
        mask: the pixels, bool, shape ``space``.
        role: ``sufficient`` — with only the part visible the decision holds, and the share γ of the rise is kept, from
            what the model says of the target when nothing is visible to what it says of the whole photograph;
            ``necessary`` — with the part hidden the decision does not hold, and the share γ of the rise is gone;
            ``both`` — sufficient, and hiding the part changes the decision; ``robust`` — planted on other backgrounds,
            the part keeps the decision on most of them.
        confidence_threshold: the asked γ.
        confidence: probability of the target with only this part visible, evaluated alone (batch of one); of a
            necessary part, with the part hidden. Of a robust part under the removal, which it was not searched with.
        verified: evaluated afresh when the search was over, it passed alone and in a batch with other sets; where the
            model takes one set at a time (batch size 1), alone only. Of a robust part: the bound reaches ρ.
        asked: the probability that γ stands for: at least this much with the part visible, or at most this much with
            it hidden; ``None`` for a robust part.
        instead: what the model says with the part hidden, of a part that is necessary; ``None`` of others.
        by_chance: how many other sets of its size and shape do as well; ``None`` where none was tried.
        robustness: on how many backgrounds it does what it says; ``None`` where none was tried.
        minimal_block: side in pixels of the square blocks with respect to which the part is proved minimal (taking
            any one block away from it breaks it), or ``None`` when that was not proved.
        first_passing: fraction of pixels of the shortest prefix of the ranking that was seen to pass.
        stable: fraction of pixels from which every evaluated longer prefix passes too.
        rank: 0 for the first explanation, 1, 2, … for further ones that are disjoint from those before.

    Example:
        >>> from unseen import Part
        >>> part = Part(square, "sufficient", confidence_threshold=0.5, confidence=0.7, verified=True)
        >>> part.fraction
        0.0625
    """

    mask: Tensor
    role: Role
    confidence_threshold: float
    confidence: float
    verified: bool
    asked: float | None = None
    instead: Said | None = None
    by_chance: ByChance | None = None
    robustness: Robustness | None = None
    minimal_block: int | None = None
    first_passing: float | None = None
    stable: float | None = None
    rank: int = 0

    def __post_init__(self) -> None:
        if self.mask.ndim not in ANY or self.mask.dtype != torch.bool:
            raise ParameterError(f"a part's mask is {form_of(self.mask)}; expected bool of shape (H, W)")
        if self.role not in get_args(Role):
            raise ParameterError(f"a part's role is one of {get_args(Role)}, not {self.role!r}")
        check_share("confidence threshold", self.confidence_threshold)
        check_share("confidence", self.confidence)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Part) and same(self, other)

    def __repr__(self) -> str:
        about = ", ".join(f"{name}={value!r}" for name, value in self.to_dict().items() if value is not None)
        return f"Part({about})"

    def to_dict(self) -> dict[str, Any]:
        """Everything but the mask, and the share of pixels that it shows, ready for JSON."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "mask"}
        told = ("instead", "by_chance", "robustness")
        return {
            **values,
            **{name: asdict(values[name]) if values[name] else None for name in told},
            "fraction": self.fraction,
        }

    @property
    def fraction(self) -> float:
        """Share of the photograph's pixels that the part takes."""
        return float(self.mask.float().mean())


@dataclass(frozen=True)
class Curve:
    """Probability of the target along the ranking; one row per evaluated fraction of pixels.

    Attributes:
        fractions: shares of the pixels, ascending from 0 to 1.
        insertion: probability with only the top share visible.
        deletion: probability with the top share hidden.

    Example:
        >>> from unseen import Curve
        >>> curve = Curve(fractions=(0.0, 0.5, 1.0), insertion=(0.1, 0.9, 0.9), deletion=(0.9, 0.1, 0.1))
        >>> round(curve.insertion_area, 3), round(curve.deletion_area, 3)
        (0.7, 0.3)
    """

    fractions: tuple[float, ...]
    insertion: tuple[float, ...]
    deletion: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.fractions) == len(self.insertion) == len(self.deletion):
            raise ParameterError("a curve has one insertion and one deletion value per fraction")
        if list(self.fractions) != sorted(self.fractions):
            raise ParameterError("a curve's fractions must ascend")

    @property
    def insertion_area(self) -> float:
        """Area under the insertion curve, by the trapezium rule; the larger the better."""
        return area(self.fractions, self.insertion)

    @property
    def deletion_area(self) -> float:
        """Area under the deletion curve, by the trapezium rule; the smaller the better."""
        return area(self.fractions, self.deletion)


def area(fractions: Sequence[float], heights: Sequence[float]) -> float:
    """Area under a curve by the trapezium rule; fractions from 0 to 1 make it the curve's mean height."""
    x, y = pairwise(fractions), pairwise(heights)
    return sum((right - left) * (before + after) / 2 for (left, right), (before, after) in zip(x, y, strict=True))


@dataclass(frozen=True, eq=False, repr=False)
class Findings:
    """What a method returns; :func:`unseen.explain` adds photograph, target and provenance.

    Attributes:
        saliency: signed, unscaled, float32, shape ``space``; larger means more responsible.
        parts: visible parts, in the order in which they were asked for.
        curve: insertion and deletion along the ranking, or ``None``.
        notes: plain sentences that the reader must know.
        record: parameters, convergence and spending of the search, ready for JSON.

    Example:
        >>> from unseen.explanation import Findings
        >>> Findings(square.float(), notes=("drawn by hand",)).saliency.sum()
        tensor(64.)
    """

    saliency: Tensor
    parts: tuple[Part, ...] = ()
    curve: Curve | None = None
    notes: tuple[str, ...] = ()
    record: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        sides = " × ".join(map(str, self.saliency.shape))
        return f"<Findings: a map of {sides}, {len(self.parts)} parts, {len(self.notes)} notes>"


def same(one: Any, other: Any) -> bool:
    """Whether two objects of a dataclass are equal in what is compared, tensors bit for bit."""
    for name in (f.name for f in fields(one) if f.compare):
        a, b = getattr(one, name), getattr(other, name)
        if not (torch.equal(a, b) if isinstance(a, Tensor) else a == b):
            return False
    return True


def form_of(tensor: Tensor) -> str:
    """What a tensor is, in words: "float32 of shape (3, 8, 8)"."""
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"


def check_share(name: str, value: float) -> None:
    """Refuse what is no share.

    Raises:
        ParameterError: outside [0, 1].
    """
    if not 0 <= value <= 1:
        raise ParameterError(f"{name} {value} must lie in [0, 1]")
