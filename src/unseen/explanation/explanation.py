"""The result of every explainer: a saliency map and/or visible parts, with the evidence to check them."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import Tensor

from unseen.errors import ParameterError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Role = Literal["sufficient", "contrastive"]


@dataclass(frozen=True, eq=False)
class Part:
    """A set of pixels that was shown to the model alone, and what the model said.

    Attributes:
        mask: the visible pixels, bool, shape (H, W).
        role: ``sufficient`` — visible alone, the target stays on top with the asked confidence; ``contrastive`` —
            that, and hiding it from the photograph changes the class.
        confidence_threshold: the asked γ: confidence at least γ times the confidence on the full photograph.
        confidence: probability of the target with only this part visible, evaluated alone (batch of one).
        verified: evaluated afresh when the search was over, it passed alone and in a batch with other visible sets;
            where the model takes one set at a time (batch size 1), alone only.
        minimal_block: side in pixels of the square blocks with respect to which the part is proved minimal (taking
            any one block away from it breaks it), or ``None`` when that was not proved.
        first_passing: fraction of pixels of the shortest prefix of the ranking that was seen to pass.
        stable: fraction of pixels from which every evaluated longer prefix passes too.
        rank: 0 for the first explanation, 1, 2, … for further ones that are disjoint from those before.
    """

    mask: Tensor
    role: Role
    confidence_threshold: float
    confidence: float
    verified: bool
    minimal_block: int | None = None
    first_passing: float | None = None
    stable: float | None = None
    rank: int = 0

    def __post_init__(self) -> None:
        if self.mask.ndim != 2 or self.mask.dtype != torch.bool:
            raise ParameterError(f"a part's mask is {_form(self.mask)}; expected bool of shape (H, W)")
        if self.role not in get_args(Role):
            raise ParameterError(f"a part's role is one of {get_args(Role)}, not {self.role!r}")
        _check_share("confidence threshold", self.confidence_threshold)
        _check_share("confidence", self.confidence)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Part) and _same(self, other)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the mask, and the share of pixels that it shows, ready for JSON."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "mask"}
        return {**values, "fraction": self.fraction}

    @property
    def fraction(self) -> float:
        """Share of the photograph's pixels that the part shows."""
        return float(self.mask.float().mean())


@dataclass(frozen=True)
class Curve:
    """Probability of the target along the ranking; one row per evaluated fraction of pixels.

    Attributes:
        fractions: shares of the pixels, ascending from 0 to 1.
        insertion: probability with only the top share visible.
        deletion: probability with the top share hidden.
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


@dataclass(frozen=True, eq=False)
class Explanation:
    """What one method found for one photograph and one class.

    Attributes:
        image: the photograph as the model saw it, float32 in [0, 1], shape (3, H, W).
        saliency: signed, unscaled, float32, shape (H, W); larger means more responsible.
        parts: visible parts, in the order in which they were asked for.
        target: class index.
        label: the target's name.
        probability: softmax probability of the target on the full photograph.
        method: spec of the method.
        removal: spec of the removal.
        curve: insertion and deletion along the ranking, or ``None``.
        notes: plain sentences that the reader must know (the photograph is not of the target class; no part found …).
        provenance: all that is needed to run it again and to judge it: versions, parameters, seed, evaluations,
            seconds, convergence.
    """

    image: Tensor
    saliency: Tensor
    target: int
    label: str
    probability: float
    method: str
    removal: str
    parts: tuple[Part, ...] = ()
    curve: Curve | None = None
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = self.image.shape[1:]
        if self.image.ndim != 3 or len(self.image) != 3 or self.image.dtype != torch.float32:
            raise ParameterError(f"the image is {_form(self.image)}; expected float32 of shape (3, H, W)")
        if self.saliency.shape != shape or self.saliency.dtype != torch.float32:
            raise ParameterError(f"the saliency is {_form(self.saliency)}; expected float32 of shape {tuple(shape)}")
        if not bool(self.saliency.isfinite().all()):
            raise ParameterError("the saliency has NaN or infinite values; the method that made it is at fault")
        for part in self.parts:
            if part.mask.shape != shape:
                raise ParameterError(f"a part's mask is {_form(part.mask)}; expected bool of shape {tuple(shape)}")
        _check_share("probability", self.probability)
        object.__setattr__(self, "provenance", _as_json(self.provenance))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Explanation) and _same(self, other)

    @property
    def evidence(self) -> tuple[str, ...]:
        """What the method recorded of the map itself, in words: its layer, its gap, the fit."""
        record = self.provenance.get("search", {}).get("map", {})
        return tuple(f"{name.replace('_', ' ')} {_said(value)}" for name, value in record.items() if _is_plain(value))

    def to_dict(self) -> dict[str, Any]:
        """The record without its arrays, ready for JSON: target, method, removal, parts, curve, notes, provenance."""
        return {
            "target": {"index": self.target, "label": self.label, "probability": self.probability},
            "method": self.method,
            "removal": self.removal,
            "parts": [part.to_dict() for part in self.parts],
            "curve": asdict(self.curve) if self.curve else None,
            "notes": list(self.notes),
            "provenance": dict(self.provenance),
        }

    def save(self, folder: str | Path) -> dict[str, Path]:
        """Write arrays, pictures and record into ``folder``, all or nothing; return the files by what they hold.

        The files: ``saliency.npy``, ``arrays.npz`` (the image and the parts' masks), ``overlay.png``, ``part.png``,
        ``panel.png`` and ``explanation.json``. An explanation that is already there is replaced; other files stay.

        Raises:
            OutputError: the folder cannot be written.
        """
        from unseen.explanation import storage

        return storage.save(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> Explanation:
        """Read back what :meth:`save` wrote; the result equals the saved explanation bit for bit.

        Raises:
            OutputError: no explanation there, a damaged one, or one of a newer format.
        """
        from unseen.explanation import storage

        return storage.load(Path(folder))

    def plot(self) -> Figure:
        """Photograph, map, parts and deletion/insertion curve side by side, as a matplotlib figure."""
        from unseen.explanation import plotting

        return plotting.panel(self)

    def _repr_png_(self) -> bytes:
        from unseen.explanation import plotting

        return plotting.png(self.plot())

    def _repr_html_(self) -> str:
        alt = html.escape(f"{self.label}: {self.method} explanation under removal {self.removal}", quote=True)
        picture = base64.b64encode(self._repr_png_()).decode()
        return f'<img alt="{alt}" style="max-width: 100%" src="data:image/png;base64,{picture}">'


@dataclass(frozen=True, eq=False)
class Findings:
    """What a method returns; :func:`unseen.explain` adds photograph, target and provenance.

    Attributes:
        saliency: signed, unscaled, float32, shape (H, W); larger means more responsible.
        parts: visible parts, in the order in which they were asked for.
        curve: insertion and deletion along the ranking, or ``None``.
        notes: plain sentences that the reader must know.
        record: parameters, convergence and spending of the search, ready for JSON.
    """

    saliency: Tensor
    parts: tuple[Part, ...] = ()
    curve: Curve | None = None
    notes: tuple[str, ...] = ()
    record: Mapping[str, Any] = field(default_factory=dict)


def _is_plain(value: object) -> bool:
    return isinstance(value, (bool, int, float, str))


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _same(one: Any, other: Any) -> bool:
    for name in (f.name for f in fields(one)):
        a, b = getattr(one, name), getattr(other, name)
        if not (torch.equal(a, b) if isinstance(a, Tensor) else a == b):
            return False
    return True


def _form(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ParameterError(f"{name} {value} must lie in [0, 1]")


def _as_json(provenance: Mapping[str, Any]) -> Any:
    try:
        return json.loads(json.dumps(dict(provenance), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ParameterError(f"the provenance cannot be written as JSON ({error}); use plain values") from None
