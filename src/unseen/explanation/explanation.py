"""The result of every explainer: a saliency map and/or visible parts, with the evidence to check them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Unpack, overload

import torch
from torch import Tensor

from unseen.classifier.outputs.readings import told
from unseen.errors import NotApplicableError, ParameterError
from unseen.explanation import original
from unseen.explanation.evidence import ByChance, Robustness
from unseen.explanation.findings import Curve, Part, Said, check_share, form_of, same
from unseen.explanation.original import OnPhoto
from unseen.explanation.plotting.flat import coordinates_of
from unseen.explanation.plotting.on_axes import Style
from unseen.explanation.plotting.original import LONGEST, Canvas, photograph_of, png_of
from unseen.explanation.regions import Region
from unseen.explanation.words import effort, headline, parts_found
from unseen.inputs.coordinates import Coordinates
from unseen.inputs.geometry import Affine
from unseen.inputs.photo import PhotoSource
from unseen.inputs.space import ANY, check_axes
from unseen.system.arguments import boolean
from unseen.system.files import check_writable
from unseen.system.names import lines_of
from unseen.system.options import Count, check
from unseen.system.pictures import png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from unseen.explanation.storage import PartRecord, Stored

Across = Annotated[int, Count("how many pictures stand side by side")]
Longest = Annotated[int, Count("the longest side of what is made, in pixels; by default that of the photograph")]


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """What one method found for one photograph and one class.

    Attributes:
        image: the photograph as the model saw it, float32 in [0, 1], shape ``(C, *space)``.
        saliency: signed, unscaled, float32, shape ``space``; larger means more responsible.
        parts: sets of pixels and what each does, in the order in which they were asked for.
        target: class index.
        label: the target's name.
        probability: of the target on the full photograph; of a regression its value.
        method: spec of the method.
        removal: spec of the removal.
        curve: insertion and deletion along the ranking, or ``None``.
        notes: plain sentences that the reader must know (the photograph is not of the target class; no part found …).
        provenance: all that is needed to run it again and to judge it: versions, parameters, seed, evaluations,
            seconds, convergence.
        photo: the photograph as it was given, for pictures; neither compared nor stored.
        unit: of a value, which may be empty; ``None`` where what is told is a probability.

    Example:
        >>> from unseen import Explanation, explain
        >>> explanation = explain(photo, classifier, method="occlusion", removal="black")
        >>> explanation.label, round(explanation.probability, 2)
        ('red', 0.7)
        >>> explanation.save("red")["record"].name
        'explanation.json'
        >>> Explanation.load("red") == explanation
        True
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
    photo: PhotoSource | None = field(default=None, compare=False)
    unit: str | None = None

    def __post_init__(self) -> None:
        shape = self.image.shape[1:]
        if self.image.ndim - 1 not in ANY or not len(self.image) or self.image.dtype != torch.float32:
            raise ParameterError(f"the image is {form_of(self.image)}; expected float32 of shape (C, H, W)")
        if self.saliency.shape != shape or self.saliency.dtype != torch.float32:
            raise ParameterError(f"the saliency is {form_of(self.saliency)}; expected float32 of shape {tuple(shape)}")
        if not bool(self.saliency.isfinite().all()):
            raise ParameterError("the saliency has NaN or infinite values; the method that made it is at fault")
        for part in self.parts:
            if part.mask.shape != shape:
                raise ParameterError(f"a part's mask is {form_of(part.mask)}; expected bool of shape {tuple(shape)}")
        if self.unit is None:
            check_share("probability", self.probability)
        object.__setattr__(self, "provenance", _as_json(self.provenance))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Explanation) and same(self, other)

    def __repr__(self) -> str:
        return f"<Explanation: {headline(self)}; {parts_found(self)}>"

    def __str__(self) -> str:
        """Three lines: what was explained, what was found, and what it took."""
        return lines_of([headline(self), parts_found(self), effort(self)])

    @property
    def told(self) -> str:
        """What the model says of the target on the full photograph, as people read it."""
        return told(self.probability, self.unit)

    @property
    def evidence(self) -> tuple[str, ...]:
        """What the method recorded of the map itself, in words: its layer, its gap, the fit."""
        record = self.provenance.get("search", {}).get("map", {})
        return tuple(f"{name.replace('_', ' ')} {_said(value)}" for name, value in record.items() if _is_plain(value))

    # ---- the photograph itself ------------------------------------------------------------------------------

    @property
    def geometry(self) -> Affine | None:
        """From pixels of the photograph, as it is displayed, to pixels of ``image``; ``None`` where it is not known."""
        record = ((self.provenance.get("prepared") or {}).get("geometry") or {}).get("photograph_to_input")
        return Affine.of(record) if record else None

    @property
    def coordinates(self) -> Coordinates:
        """Where the samples of a signal, or the voxels of a volume, lie, as far as its file says."""
        return coordinates_of(self)

    @property
    def original_size(self) -> tuple[int, int] | None:
        """(height, width) of the photograph as it is displayed, in pixels; ``None`` where it is not known."""
        return self.geometry.source_size if self.geometry else None

    @property
    def file_sha256(self) -> str | None:
        """Of the bytes of the photograph's file, as ``sha256sum`` prints it; ``None`` if no file was given."""
        sha256: str | None = self.provenance.get("photo", {}).get("file_sha256")
        return sha256

    def on_photo(self, *, longest: int | None = None) -> OnPhoto:
        """The map and the parts at the photograph's own resolution, in its own pixels.

        What the preprocessing cropped away the model never saw: the map is NaN there, ``seen`` is false, and no part
        reaches it. The photograph is taken as it is displayed, after its EXIF rotation.

        Args:
            longest: side in pixels to which a larger photograph is scaled down. At full size the arrays take 5 bytes a
                pixel and one for each part: 0.6 GB for 100 megapixels.

        Raises:
            NotApplicableError: the way from the photograph to the model's input is not known.
            ParameterError: ``longest`` is below 1.

        Example:
            >>> from unseen import explain
        >>> explanation = explain(photo, classifier, method="occlusion", removal="black")
            >>> explanation.on_photo().saliency.shape == explanation.original_size
            True
        """
        geometry = self._known_geometry()
        check("longest", longest, Longest | None)
        to_input = geometry if longest is None else original.at_most(longest, geometry)
        return OnPhoto(
            original.saliency_on(self.saliency, to_input),
            tuple(original.mask_on(part.mask, to_input) for part in self.parts),
            original.seen_on((int(self.image.shape[1]), int(self.image.shape[2])), to_input),
        )

    def canvas(self, *, longest: int = LONGEST) -> Canvas:
        """The photograph, on which the map and the parts are drawn; see :meth:`save`.

        Where it is not at hand any more, or its file was changed, the model's input stands for it.

        Raises:
            NotApplicableError: as of :meth:`on_photo`.
        """
        return Canvas(self.image, photograph_of(self.photo, self.provenance), self._known_geometry(), longest)

    def _known_geometry(self) -> Affine:
        check_axes("a photograph", (2,), self.saliency.shape, "saliency and parts already lie on its own samples")
        if self.geometry is None:
            raise NotApplicableError(
                "the way from the photograph to the model's input is not known: it was bent on the way, or the "
                "explanation was put together by hand; use saliency and image, or unseen.explain, which records it"
            )
        return self.geometry

    # ---- records --------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """The record without its arrays, ready for JSON: target, method, removal, parts, curve, notes, provenance.

        ``original`` has what lies where on the photograph: its size, the box that the model saw, and for each part its
        box, polygons and run length as COCO has them, in pixels of the photograph as it is displayed.
        """
        unit = {} if self.unit is None else {"unit": self.unit}
        return {
            "target": {"index": self.target, "label": self.label, "probability": self.probability, **unit},
            "method": self.method,
            "removal": self.removal,
            "parts": [part.to_dict() for part in self.parts],
            "curve": asdict(self.curve) if self.curve else None,
            "notes": list(self.notes),
            "provenance": dict(self.provenance),
            "original": self._original(),
        }

    def _original(self) -> dict[str, Any] | None:
        if self.geometry is None:
            return None
        return {
            "size": list(self.geometry.source_size),
            "orientation": self.geometry.orientation,
            "file_sha256": self.file_sha256,
            "seen": original.window((int(self.image.shape[1]), int(self.image.shape[2])), self.geometry),
            "parts": [region.to_dict() for region in self._regions],
        }

    @cached_property
    def _regions(self) -> tuple[Region, ...]:
        """Of each part on the photograph, traced once; none where the photograph is not known."""
        geometry = self.geometry
        return () if geometry is None else tuple(original.region_on(part.mask, geometry) for part in self.parts)

    def save(self, folder: str | Path, *, pictures: bool = True) -> dict[str, Path]:
        """Write arrays, pictures and record into ``folder``, all or nothing; return the files by what they hold.

        Args:
            folder: where; what it holds of another explanation is replaced.
            pictures: whether they are drawn, which takes a second or two; what is loaded and saved again gets them
                later, and no report needs them.

        The files: ``saliency.npy``, ``arrays.npz`` (the image and the parts' masks), ``overlay.png``, ``part.png``,
        ``panel.png`` and ``explanation.json``; on the photograph itself ``overlay-original.png`` and
        ``part-original.png``, at most 2,048 pixels a side, with stripes over what the model never saw, and below each
        part whether it suffices or is necessary. Of a volume
        whose file places its voxels, ``saliency.nii.gz`` and ``parts.nii.gz`` in the same places. An explanation that
        is already there is replaced; other files stay.

        Raises:
            OutputError: the folder cannot be written.
        """
        from unseen.explanation import nifti, storage

        place = Path(folder)
        check_writable(place)
        masks = [part.mask for part in self.parts]
        stacked = torch.stack(masks) if masks else torch.zeros(0, *self.saliency.shape, dtype=torch.bool)
        files = self._pictures() if boolean("pictures", pictures) else {}
        if self.coordinates.affine is not None:
            files |= nifti.files_of(self.saliency, stacked, self.coordinates.affine)
        return storage.write(place, self.to_dict(), self.image, self.saliency, stacked, files)

    def _pictures(self) -> dict[str, bytes]:
        """PNG files by what they show."""
        from unseen.explanation import wording
        from unseen.explanation.plotting import figures

        drawn = {"overlay": figures.overlay(self), "part": figures.parts(self), "panel": figures.panel(self)}
        found = {what: png(figure) for what, figure in drawn.items()}
        if self.geometry is not None:
            canvas, shown = self.canvas(), tuple(part.mask for part in self.parts[: figures.PARTS_SHOWN])
            titles = [wording.title(part) for part in self.parts[: figures.PARTS_SHOWN]]
            found["overlay_original"] = png_of(canvas.overlay(self.saliency, shown))
            found["part_original"] = png_of(canvas.parts(shown, titles))
        return found

    @classmethod
    def load(cls, folder: str | Path) -> Explanation:
        """Read back what :meth:`save` wrote; the result equals the saved explanation bit for bit.

        Raises:
            OutputError: no explanation there, a damaged one, or one of a newer format.
        """
        from unseen.explanation import storage

        stored = storage.read(Path(folder))
        with storage.damage_in(Path(folder)):
            return _rebuilt(stored)

    @overload
    def plot(self, ax: None = None, *, across: int = 3, **style: Unpack[Style]) -> Figure: ...

    @overload
    def plot(self, ax: Axes, **style: Unpack[Style]) -> Axes: ...

    def plot(self, ax: Axes | None = None, *, across: Across = 3, **style: Unpack[Style]) -> Figure | Axes:
        """Photograph, map, parts and deletion/insertion curve; or the map alone, on axes of yours.

        Args:
            ax: matplotlib's axes, on which the map is drawn over the photograph, and which are returned. The map is the
                last of ``ax.images``, for a colour bar.
            across: without ``ax``, how many pictures stand side by side at most.
            style: of the map on ``ax``, as of :meth:`matplotlib.axes.Axes.imshow`: ``cmap``, ``alpha`` (by default
                transparent where the map is near 0), ``vmin`` and ``vmax``; ``parts=False`` leaves the outlines out.

        Raises:
            ParameterError: a style without axes, one that there is not, or one for a signal, whose map is a band.

        Example:
            >>> import matplotlib.pyplot as plt
            >>> from unseen import explain
            >>> figure, ax = plt.subplots()
            >>> _ = explain(photo, classifier, method="occlusion", removal="black").plot(ax, cmap="viridis", alpha=0.5)
            >>> len(ax.images)  # the photograph, and the map
            2
        """
        from unseen.explanation.plotting import figures, on_axes

        if ax is not None:
            return on_axes.drawn(self, ax, **style)
        if style:
            raise ParameterError(
                f"{', '.join(style)} can be chosen for a map on axes of yours: figure, ax = plt.subplots(), and "
                "plot(ax, …)"
            )
        check("across", across, Across)
        return figures.panel(self, across)

    def _repr_png_(self) -> bytes:
        return png(self.plot())

    def _repr_html_(self) -> str:
        from unseen.explanation.html.maps import map_of
        from unseen.explanation.html.rendering import cell

        return cell(headline(self), [map_of(self, headline(self))])


def _rebuilt(stored: Stored) -> Explanation:
    record, curve = stored.record, stored.record["curve"]
    return Explanation(
        image=stored.image,
        saliency=stored.saliency,
        target=record["target"]["index"],
        label=record["target"]["label"],
        probability=record["target"]["probability"],
        unit=record["target"].get("unit"),
        method=record["method"],
        removal=record["removal"],
        parts=tuple(_part(mask, about) for mask, about in zip(stored.masks, record["parts"], strict=True)),
        curve=Curve(curve["fractions"], curve["insertion"], curve["deletion"]) if curve else None,
        notes=record["notes"],
        provenance=record["provenance"],
    )


def _part(mask: Tensor, about: PartRecord) -> Part:
    role, instead = about["role"], about.get("instead")
    by_chance, robustness = about.get("by_chance"), about.get("robustness")
    return Part(
        mask=mask,
        role="both" if role == "contrastive" else role,
        confidence_threshold=about["confidence_threshold"],
        confidence=about["confidence"],
        verified=about["verified"],
        asked=about.get("asked"),
        instead=Said(**instead) if instead else None,
        by_chance=ByChance(**by_chance) if by_chance else None,
        robustness=Robustness(**robustness) if robustness else None,
        minimal_block=about["minimal_block"],
        first_passing=about["first_passing"],
        stable=about["stable"],
        rank=about["rank"],
    )


def _is_plain(value: object) -> bool:
    return isinstance(value, (bool, int, float, str))


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _as_json(provenance: Mapping[str, Any]) -> Any:
    try:
        return json.loads(json.dumps(dict(provenance), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ParameterError(f"the provenance cannot be written as JSON ({error}); use plain values") from None
