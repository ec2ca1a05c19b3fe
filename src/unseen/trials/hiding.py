"""Hide a part of a photograph yourself: what the model says without it, and of it alone, under every removal."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier import Classifier
from unseen.classifier.borrowing import own_precision
from unseen.classifier.decision import Decision, decide
from unseen.classifier.targets import Target
from unseen.classifier.zoo.loading import classifier_of
from unseen.errors import NotApplicableError, ParameterError, UnseenError
from unseen.inputs.finding import find_photos
from unseen.inputs.photo import PhotoSource
from unseen.pipeline.provenance import classifier_record, repeating, versions
from unseen.removal import REMOVALS, MaskedClassifier, Removal
from unseen.system.arguments import Integer, boolean, integer, several
from unseen.system.progress import Listening, ProgressListener, listening
from unseen.trials.part import PartSource, Pointed, chosen_part, pointed_at
from unseen.trials.remoteness import NEIGHBOUR, Reference
from unseen.trials.trial import RemovalTrial, View
from unseen.trials.trials import Trials

USUAL = ("ad", "ad:pooled,fill=neighbour", "grey", "blur")
"""Removals that are tried if none is asked for."""


@own_precision()
def hide(
    photo: PhotoSource,
    classifier: str | Classifier = "efficientnet-lite0",
    *,
    part: PartSource,
    removals: str | Removal | Iterable[str | Removal] = USUAL,
    invert: bool = False,
    target: Target | None = None,
    reference: str | PathLike[str] | Iterable[str | PathLike[str]] | None = None,
    batch_size: Integer | None = None,
    progress: Listening = None,
) -> Trials:
    """Ask a model about a photograph without a part of it, and about that part alone, under every removal.

    A removal that does not apply keeps its reason, and the others go on. This is what Figures 9, 10 and 14 of
    Lymperopoulos, *A Study of Explainable AI: The Concept of Zero Information*, 2023, show for parts of the author's
    choice.

    Args:
        photo: path, PIL image, array or tensor; of a signal or a volume where the model takes one.
        classifier: the model, or a name for :func:`unseen.load_classifier`.
        part: what is hidden: ``"box:X,Y,WIDTH,HEIGHT"``, ``"ellipse:…"`` or ``"polygon:X,Y,X,Y,X,Y…"`` in pixels of the
            photograph as it is displayed; the path of a mask of its size, white where the part is; the folder of an
            explanation; an explanation, one of its parts, or a mask of bool, shape (H, W), of the photograph or of the
            model's input. Of a signal ``"box:START,LENGTH"``, and of a volume ``"box:D,H,W,DEPTH,HEIGHT,WIDTH"`` or
            ``"ellipse:…"``, in samples and voxels, or in the unit of its file, as in ``"box:0.4s,0.2s"``; a mask of the
            model's input, or the path of a ``.npy`` or NIfTI file that holds one.
        removals: objects or specs such as ``"ad:pooled"``, one or several.
        invert: hide all but the part.
        target: class index or label, or several findings; by default the model's top class on the full photograph.
        reference: folder of at least 20 photographs, or their paths, that say what is usual; with them each view gets
            its distance from photographs, of which 1 is that of the full photograph.
        batch_size: masks per pass; chosen from the device by default.
        progress: ``True`` draws a bar; a function is told of every batch, with the removal in the stage.

    Raises:
        UnseenError: one of its kinds, for what no removal can do: a photograph, part, model, target or name that is
            not there or does not fit.

    Example:
        >>> import unseen
        >>> trials = unseen.hide(photo, classifier, part="box:8,8,8,8", removals=["ad", "black"])
        >>> [round(trial.hidden.reading, 2) for trial in trials.trials]
        [0.33, 0.33]
        >>> [round(trial.shown.reading, 2) for trial in trials.trials]
        [1.0, 0.7]
    """
    asked = _Asked.of(part, removals, invert, reference, batch_size)
    return asked.of_photo(decide(photo, classifier_of(classifier), target, batch_size=asked.batch_size), progress)


@own_precision()
def hide_decided(
    decision: Decision,
    *,
    part: PartSource,
    removals: str | Removal | Iterable[str | Removal] = USUAL,
    invert: bool = False,
    progress: Listening = None,
) -> Trials:
    """The same for a photograph about which the model has decided, so that several parts cost one decision.

    Args:
        decision: see :func:`unseen.classifier.decision.decide`.
        part: see :func:`hide`, as are the others.
        removals: objects or specs.
        invert: hide all but the part.
        progress: a bar or a function.

    Raises:
        UnseenError: as there.

    Example:
        >>> from unseen.classifier.decision import decide
        >>> from unseen.trials.hiding import hide_decided
        >>> decision = decide(photo, classifier)
        >>> [hide_decided(decision, part=part, removals="black").trials[0].shown.holds
        ...     for part in ("box:8,8,8,8", "box:0,0,4,4")]
        [True, True]
    """
    return _Asked.of(part, removals, invert).of_photo(decision, progress)


@dataclass(frozen=True, eq=False)
class _Asked:
    """What is asked, checked before the model is."""

    part: PartSource
    pointed: Pointed
    removals: Mapping[str, Removal]
    invert: bool
    reference: Any = None
    usual: Sequence[Path] | None = None
    batch_size: int | None = None

    @classmethod
    def of(
        cls,
        part: PartSource,
        removals: str | Removal | Iterable[str | Removal],
        invert: bool,
        reference: str | PathLike[str] | Iterable[str | PathLike[str]] | None = None,
        batch_size: Integer | None = None,
    ) -> _Asked:
        size = None if batch_size is None else integer("batch size", batch_size)
        if size is not None and size < 1:
            raise ParameterError(f"batch size {size} must be at least 1")
        invert = boolean("invert", invert)
        made = [(given, REMOVALS.resolve(given)) for given in several("removals", removals)]
        hiding = {given if isinstance(given, str) else removal.name: removal for given, removal in made}
        if not hiding:
            raise ParameterError("no removal was given; name at least one, such as 'ad'")
        pointed = pointed_at(part)
        usual = (
            None if reference is None else find_photos([os.fspath(path) for path in several("reference", reference)])
        )
        return cls(part, pointed, hiding, invert, reference, usual, size)

    def of_photo(self, decision: Decision, progress: Listening) -> Trials:
        """What comes of it."""
        chosen = chosen_part(self.pointed, decision, invert=self.invert)
        known = None
        if self.usual is not None:
            with listening(progress, "reference", unit="photographs", named=True) as listener:
                known = Reference.of(self.usual, decision.classifier, decision.image, listener)
        run = _Run(decision, chosen.mask, known, self.batch_size)
        found = []
        for number, (spec, removal) in enumerate(self.removals.items(), 1):
            with listening(progress, f"[{number}/{len(self.removals)}] {spec}", named=True) as listener:
                found.append(run.tried(spec, removal, listener))
        notes = (*decision.notes, *chosen.notes, *(known.notes if known else ()))
        return Trials(decision, chosen, tuple(found), notes, _provenance(decision, self, known, found))


@dataclass(frozen=True, eq=False)
class _Run:
    decision: Decision
    part: Bool[Tensor, "*space"]
    reference: Reference | None
    batch_size: int | None

    def tried(self, spec: str, removal: Removal, listener: ProgressListener | None) -> RemovalTrial:
        """The part under one removal, or why that does not go."""
        began = time.perf_counter()
        try:
            masked = removal.bind(
                self.decision.classifier, self.decision.image, batch_size=self.batch_size, progress=listener
            )
            masks = torch.stack([~self.part, self.part])
            masked.announce("hiding the part, and all but the part", 2 * (1 + (self.reference is not None)))
            scores = masked(masks)
            pictures = self._pictures(masked, masks)
            distances = self._distances(masked, masks)
        except UnseenError as error:
            return RemovalTrial(spec, error=error, seconds=time.perf_counter() - began)
        hidden, shown = (
            self._view(row, picture, distance)
            for row, picture, distance in zip(scores, pictures, distances, strict=True)
        )
        return RemovalTrial(spec, hidden, shown, masked.evaluations, time.perf_counter() - began, masked.notes)

    def _pictures(self, masked: MaskedClassifier, masks: Bool[Tensor, "N *space"]) -> list[Tensor | None]:
        return [*masked.painted(masks)] if masked.removal.paints else [None] * len(masks)

    def _distances(self, masked: MaskedClassifier, masks: Bool[Tensor, "N *space"]) -> list[float | None]:
        if self.reference is None:
            return [None] * len(masks)
        try:
            return [*self.reference.relative(masked, masks)]
        except NotApplicableError as error:
            masked.note(f"no distance from what is usual: {error}")
            return [None] * len(masks)

    def _view(self, scores: Float[Tensor, " T"], picture: Tensor | None, distance: float | None) -> View:
        """What the model says by these scores, read as those of the full photograph are."""
        said = replace(self.decision, scores=scores)
        return View(
            reading=said.probability,
            change=said.probability - self.decision.probability,
            score=float(scores[said.target]),
            holds=said.holds,
            top=tuple(said.top),
            picture=picture,
            distance=distance,
        )


def _provenance(
    decision: Decision, asked: _Asked, known: Reference | None, found: Sequence[RemovalTrial]
) -> dict[str, Any]:
    """What is needed to judge the trials, and to repeat them."""
    model, part, reference, removals = decision.classifier, asked.part, asked.reference, tuple(asked.removals)
    words = None
    if isinstance(part, (str, PathLike)) and (reference is None or isinstance(reference, (str, PathLike))):
        more = ["--part", os.fspath(part), *(["--invert"] if asked.invert else []), "--removals", ",".join(removals)]
        more += ["--reference", os.fspath(reference)] if reference is not None else []
        words = repeating("hide", decision.photo, model, decision.asked, [(REMOVALS, one) for one in removals], more)
    return {
        "versions": versions(),
        "classifier": classifier_record(model, len(decision.probabilities)),
        "invert": asked.invert,
        "reference": {"photographs": len(known.features), "neighbour": NEIGHBOUR} if known else None,
        "evaluations": decision.evaluations
        + (known.evaluations if known else 0)
        + sum(one.evaluations for one in found),
        "command": words,
    }
