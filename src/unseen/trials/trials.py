"""A chosen part under every removal: what is shown, told and kept of it."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from unseen.classifier.decision import Decision
from unseen.explanation import nifti
from unseen.explanation.original import mask_on, region_on
from unseen.explanation.plotting.original import picture_of, png_of
from unseen.system.files import check_writable, replace_file
from unseen.system.pictures import inline, png
from unseen.trials.part import ChosenPart
from unseen.trials.pictures import pictures_of
from unseen.trials.sheet import sheet
from unseen.trials.trial import RemovalTrial
from unseen.trials.words import told_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMAT, VERSION = "unseen hide", 1
SHEET, RECORD, MASK = "hide.png", "hide.json", "part.png"
ARRAY, NIFTI = "part.npy", "part.nii.gz"
"""How the part of a signal or a volume is kept: as an array, or in the places of the volume's own file."""


@dataclass(frozen=True, eq=False, repr=False)
class Trials:
    """A chosen part under every removal.

    Attributes:
        decision: what the model says of the full photograph.
        part: what was chosen, on the model's input.
        trials: one a removal, in the order in which they were asked for; those that are over.
        notes: plain sentences that the reader must know.
        provenance: versions, model, reference and command.

    Example:
        >>> import unseen
        >>> trials = unseen.hide(photo, classifier, part="box:8,8,8,8", removals="black")
        >>> trials.words[-1]
        'So under these removals the part is not needed for red; it suffices for red.'
        >>> trials.save("square")["sheet"].name
        'hide.png'
    """

    decision: Decision
    part: ChosenPart
    trials: tuple[RemovalTrial, ...] = ()
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Trials: {self.part.name} under {len(self.trials)} removals; {' '.join(self.words)}>"

    @property
    def words(self) -> tuple[str, ...]:
        """What came of all trials, in plain sentences."""
        return told_of(self.decision, self.trials)

    @property
    def failures(self) -> tuple[RemovalTrial, ...]:
        """The trials that failed."""
        return tuple(trial for trial in self.trials if trial.error is not None)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the pictures, ready for JSON."""
        decision = self.decision
        geometry = decision.prepared.geometry if decision.prepared else None
        target = {"index": decision.target, "label": decision.label, "probability": decision.probability}
        unit = decision.classifier.outputs.unit
        return {
            "format": FORMAT,
            "version": VERSION,
            "words": list(self.words),
            "photo": decision.photo_record,
            "prepared": decision.prepared.to_dict() if decision.prepared else None,
            "target": target if unit is None else {**target, "unit": unit},
            "top": decision.top,
            "part": {
                "name": self.part.name,
                "fraction": self.part.fraction,
                "original": region_on(self.part.mask, geometry).to_dict() if geometry else None,
            },
            "trials": [trial.to_dict() for trial in self.trials],
            "notes": list(self.notes),
            "provenance": dict(self.provenance),
        }

    def plot(self) -> Figure:
        """The trials as one sheet, a row each: the pictures that the model gets, and its five best classes."""
        return sheet(self.decision, self.part, self.trials, self.words, self.notes)

    def save(self, folder: str | Path) -> dict[str, Path]:
        """Write sheet, record and pictures into ``folder``; return the files by what they hold.

        ``hide.png`` is the sheet, ``hide.json`` the record, and ``part.png`` the part, white on black, at the
        photograph's own size where that is known: it can be painted further and given again. Of a signal and a volume
        it is ``part.npy``, or ``part.nii.gz`` where the volume's file places its voxels. Of each removal that paints,
        ``hidden-1.png`` and ``shown-1.png`` (2, 3, …) are what the model got.

        Raises:
            OutputError: the folder cannot be written.
        """
        place = Path(folder)
        check_writable(place)
        kept, part = self._kept(), self.part.mask
        contents = {SHEET: png(self.plot()), **kept}
        pictures, record = pictures_of(self.decision, part), self.to_dict()
        for number, (trial, about) in enumerate(zip(self.trials, record["trials"], strict=True), 1):
            for name, view, visible in (("hidden", trial.hidden, ~part), ("shown", trial.shown, part)):
                if view is not None and view.picture is not None:
                    file = about[name]["picture"] = f"{name}-{number}.png"
                    contents[file] = pictures.png(view, visible)
        text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
        contents[RECORD] = f"{text}\n".encode(errors="backslashreplace")
        for name, content in contents.items():
            replace_file(place / name, content)
        return {"sheet": place / SHEET, "record": place / RECORD, "part": place / next(iter(kept))}

    def _kept(self) -> dict[str, bytes]:
        """The part as a file that can be given again."""
        prepared, mask = self.decision.prepared, self.part.mask
        if mask.ndim == 2:
            geometry = prepared.geometry if prepared else None
            laid = mask_on(mask, geometry) if geometry else mask
            return {MASK: png_of(picture_of(laid[..., None].expand(-1, -1, 3).float().numpy()))}
        affine = prepared.coordinates.affine if prepared and prepared.coordinates else None
        return {ARRAY: _array(mask)} if affine is None else {NIFTI: nifti.mask_of(mask, affine)}

    def _repr_png_(self) -> bytes:
        return png(self.plot())

    def _repr_html_(self) -> str:
        return inline(self._repr_png_(), " ".join(self.words))


def _array(mask: Tensor) -> bytes:
    file = io.BytesIO()
    np.save(file, mask.numpy())
    return file.getvalue()
