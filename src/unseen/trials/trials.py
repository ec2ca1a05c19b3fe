"""A chosen part under every removal: what is shown, told and kept of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.classifier.decision import Decision
from unseen.explanation.original import mask_on, region_on
from unseen.explanation.plotting import pixels
from unseen.explanation.plotting.original import picture_of, png_of
from unseen.system.files import check_writable, replace_file
from unseen.system.pictures import inline, png
from unseen.trials.part import ChosenPart
from unseen.trials.sheet import sheet
from unseen.trials.trial import RemovalTrial
from unseen.trials.words import told_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMAT, VERSION = "unseen hide", 1
SHEET, RECORD, MASK = "hide.png", "hide.json", "part.png"


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
        photograph's own size where that is known: it can be painted further and given again. Of each removal that
        paints, ``hidden-1.png`` and ``shown-1.png`` (2, 3, …) are what the model got.

        Raises:
            OutputError: the folder cannot be written.
        """
        place = Path(folder)
        check_writable(place)
        geometry = self.decision.prepared.geometry if self.decision.prepared else None
        mask = mask_on(self.part.mask, geometry) if geometry else self.part.mask
        white = mask[..., None].expand(-1, -1, 3).float().numpy()
        contents = {SHEET: png(self.plot()), MASK: png_of(picture_of(white))}
        bands = self.decision.classifier.preprocessing.bands
        record = self.to_dict()
        for number, (trial, about) in enumerate(zip(self.trials, record["trials"], strict=True), 1):
            for name, view in (("hidden", trial.hidden), ("shown", trial.shown)):
                if view is not None and view.picture is not None:
                    file = about[name]["picture"] = f"{name}-{number}.png"
                    contents[file] = png_of(picture_of(pixels.photograph(view.picture, bands)))
        text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
        contents[RECORD] = f"{text}\n".encode(errors="backslashreplace")
        for name, content in contents.items():
            replace_file(place / name, content)
        return {"sheet": place / SHEET, "record": place / RECORD, "part": place / MASK}

    def _repr_png_(self) -> bytes:
        return png(self.plot())

    def _repr_html_(self) -> str:
        return inline(self._repr_png_(), " ".join(self.words))
