"""One photograph explained by several methods under several removals, each cell kept as soon as it is there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from unseen.classifier import Classifier
from unseen.classifier.borrowing import own_precision
from unseen.classifier.decision import decide
from unseen.classifier.targets import Target
from unseen.classifier.zoo.loading import classifier_of
from unseen.errors import OutputError, ParameterError, UnseenError
from unseen.explainers.catalogue import METHODS
from unseen.explainers.method import Method
from unseen.inputs.photo import PhotoSource
from unseen.pipeline.comparison import Cell, Comparison
from unseen.pipeline.explain import Request, explain_decision
from unseen.removal import REMOVALS, Removal
from unseen.system.arguments import Integer, several
from unseen.system.files import check_writable, replace_file
from unseen.system.names import distinct_names
from unseen.system.pictures import png
from unseen.system.progress import Listening, ProgressListener, listening

SHEET, RECORD = "sheet.png", "comparison.json"

_LONGEST = 120
"""Letters of a folder's name at most."""


@own_precision()
def compare(
    photo: PhotoSource,
    classifier: str | Classifier = "efficientnet-lite0",
    *,
    methods: str | Method | Iterable[str | Method] = ("causal", "occlusion"),
    removals: str | Removal | Iterable[str | Removal] = ("ad", "grey"),
    target: Target | None = None,
    seed: Integer = 0,
    batch_size: Integer | None = None,
    folder: str | Path | None = None,
    progress: Listening = None,
    finished: Callable[[Cell], None] | None = None,
) -> Comparison:
    """Explain one decision by every method under every removal.

    A cell that fails keeps its reason, and the others go on.

    Args:
        photo: path, PIL image, array or tensor.
        classifier: the model, or a name for :func:`unseen.load_classifier`.
        methods: objects or specs such as ``"rise:masks=1000"``, one or several.
        removals: objects or specs such as ``"ad:pooled"``, one or several.
        target: class index or label, or several findings; by default the model's top class on the full photograph.
        seed: random seed, the same in every cell.
        batch_size: masks per pass; chosen from the device by default.
        folder: where each cell is saved, with ``comparison.json``, as soon as it is there; ``sheet.png`` comes at
            the end, also if it is interrupted.
        progress: ``True`` draws a bar for each cell; a function is told of every batch, with the cell's name in the
            stage: ``"[3/8] rise × grey: masks"``; see :func:`unseen.explain`.
        finished: told of every cell when it is over.

    Raises:
        UnseenError: one of its kinds, for what no cell can do: a photograph, model, target or name that is not there,
            a folder that cannot be written.

    Example:
        >>> from unseen import compare
        >>> comparison = compare(photo, classifier, methods=["occlusion"], removals=["ad", "grey"])
        >>> comparison.plot().savefig("sheet.png")
    """
    request = Request.of(seed=seed, batch_size=batch_size)
    made = [(given, METHODS.resolve(given)) for given in several("methods", methods)]
    searches = {given if isinstance(given, str) else METHODS.spec_of(method): method for given, method in made}
    hiding = [(given, REMOVALS.resolve(given)) for given in several("removals", removals)]
    hides = {given if isinstance(given, str) else removal.name: removal for given, removal in hiding}
    if not searches or not hides:
        raise ParameterError("nothing to compare; give at least one method and one removal")
    pairs = [(method, removal) for removal in hides for method in searches]
    place = None if folder is None else Path(folder)
    folders = [None] * len(pairs) if place is None else _folders(place, pairs)
    decision = decide(photo, classifier_of(classifier), target, batch_size=request.batch_size)
    removal_independent = frozenset(name for name, search in searches.items() if not search.uses_removal)
    comparison = Comparison(decision, tuple(searches), tuple(hides), removal_independent)
    try:
        for number, ((method, removal), own) in enumerate(zip(pairs, folders, strict=True), 1):
            with listening(progress, f"[{number}/{len(pairs)}] {method} × {removal}", named=True) as listener:
                cell = Cell(method, removal)
                try:
                    explanation = explain_decision(
                        decision, searches[method], hides[removal], request, progress=listener
                    )
                except UnseenError as error:
                    cell = replace(cell, error=error)
                else:
                    cell = _saved(replace(cell, explanation=explanation, folder=own), listener)
            comparison = replace(comparison, cells=(*comparison.cells, cell))
            try:
                if place is not None:
                    _write_record(comparison, place)
            finally:  # a full disk keeps nobody from being told of the cell
                if finished is not None:
                    finished(cell)
    finally:  # an interruption keeps what there is
        if place is not None and comparison.cells:
            replace_file(place / SHEET, png(comparison.plot()))
    return comparison


def _folders(place: Path, pairs: Sequence[tuple[str, str]]) -> list[Path]:
    """A folder for every cell that can be written, named like it."""
    names = (re.sub(r"[^\w.,=+-]+", "_", f"{method}-{removal}")[:_LONGEST] for method, removal in pairs)
    folders = [place / name for name in distinct_names(names)]
    for folder in (place, *folders):
        check_writable(folder)
    return folders


def _saved(cell: Cell, listener: ProgressListener | None) -> Cell:
    """The cell once it is on disk where that was asked for, or with the reason why it is not."""
    if cell.explanation is None or cell.folder is None:
        return cell
    if listener is not None:
        spent = cell.explanation.provenance["evaluations"]
        listener("drawing pictures", spent, spent)
    try:
        cell.explanation.save(cell.folder)
    except OutputError as error:
        return replace(cell, explanation=None, folder=None, error=error)
    return cell


def _write_record(comparison: Comparison, place: Path) -> None:
    text = json.dumps(comparison.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
    # A file name that is not UTF-8 becomes an escape, which JSON reads back as it was.
    replace_file(place / RECORD, f"{text}\n".encode(errors="backslashreplace"))
