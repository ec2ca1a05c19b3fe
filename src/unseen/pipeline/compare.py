"""One photograph explained by several methods under several removals, each cell kept as soon as it is there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from unseen.classifier import Classifier
from unseen.classifier.borrowing import own_precision
from unseen.classifier.decision import Decision, decide
from unseen.classifier.targets import Target
from unseen.classifier.zoo.loading import classifier_of
from unseen.errors import ModelError, OutputError, ParameterError, UnseenError
from unseen.explainers.catalogue import METHODS
from unseen.explainers.method import Method
from unseen.inputs.photo import PhotoSource
from unseen.pipeline.comparison import Cell, Comparison
from unseen.pipeline.explain import Request, explain_decision
from unseen.removal import REMOVALS, Removal
from unseen.system.arguments import Integer, boolean, several
from unseen.system.engines.local import IN_THIS_PROCESS
from unseen.system.engines.work import Engine, Work, warned
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
    pictures: bool = True,
    progress: Listening = None,
    finished: Callable[[Cell], None] | None = None,
    engine: Engine = IN_THIS_PROCESS,
    again: Callable[[], Classifier] | None = None,
    note: Callable[[str], None] | None = None,
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
        pictures: whether pictures are drawn into the folder, which takes a second or two a cell; :func:`draw` makes
            them up, and no report needs them.
        progress: ``True`` draws a bar for each cell; a function is told of every batch, with the cell's name in the
            stage: ``"[3/8] rise × grey: masks"``; see :func:`unseen.explain`.
        finished: told of every cell when it is over.
        engine: where cells are explained; the results do not depend on it beyond rounding.
        again: makes the same classifier in another process, on its device; by default a name is loaded there, and an
            object handed over.
        note: told in plain sentences of what an engine could not do; by default they are warnings.

    Raises:
        UnseenError: one of its kinds, for what no cell can do: a photograph, model, target or name that is not there,
            a folder that cannot be written.

    Example:
        >>> from unseen import compare
        >>> comparison = compare(photo, classifier, methods=["occlusion"], removals=["ad", "grey"])
        >>> comparison.plot().savefig("sheet.png")
    """
    request, drawn = Request.of(seed=seed, batch_size=batch_size), boolean("pictures", pictures)
    made = [(given, METHODS.resolve(given)) for given in several("methods", methods)]
    searches = {given if isinstance(given, str) else METHODS.spec_of(method): method for given, method in made}
    hiding = [(given, REMOVALS.resolve(given)) for given in several("removals", removals)]
    hides = {given if isinstance(given, str) else removal.name: removal for given, removal in hiding}
    if not searches or not hides:
        raise ParameterError("nothing to compare; give at least one method and one removal")
    pairs = [_Pair(method, removal) for removal in hides for method in searches]
    place = None if folder is None else Path(folder)
    folders = dict.fromkeys(pairs) if place is None else _folders(place, pairs)
    decision = decide(photo, classifier_of(classifier), target, batch_size=request.batch_size)
    removal_independent = frozenset(name for name, search in searches.items() if not search.uses_removal)
    comparison = Comparison(decision, tuple(searches), tuple(hides), removal_independent)
    labels = {pair: f"[{number}/{len(pairs)}] {pair.method} × {pair.removal}" for number, pair in enumerate(pairs, 1)}
    made_there = again or partial(classifier_of, classifier)
    work: Work[_Pair, Cell] = Work(
        pairs,
        _Explainer(decision, searches, hides, request, progress, labels),
        partial(_explainer, photo, made_there, decision.target, decision.asked, searches, hides, request),
        lambda pair, reason: Cell(pair.method, pair.removal, error=ModelError(reason)),
        note=note or warned,
    )
    over: dict[_Pair, Cell] = {}
    try:
        with closing(engine.results(work)) as results:
            for cell in (cell for some in results for cell in some):
                pair = _Pair(cell.method, cell.removal)
                with listening(progress, labels[pair], named=True) as listener:
                    over[pair] = _saved(cell, folders[pair], drawn, listener)
                comparison = replace(comparison, cells=tuple(over[one] for one in pairs if one in over))
                try:
                    if place is not None:
                        _write_record(comparison, place)
                finally:  # a full disk keeps nobody from being told of the cell
                    if finished is not None:
                        finished(over[pair])
    finally:  # an interruption keeps what there is
        if place is not None and drawn and comparison.cells:
            replace_file(place / SHEET, png(comparison.plot()))
    return comparison


def draw(comparison: Comparison, folder: str | Path) -> None:
    """Draw the pictures of a comparison that was saved without them.

    Args:
        comparison: what :func:`compare` gave.
        folder: where it was saved.

    Raises:
        OutputError: the folder cannot be written.
    """
    for cell in comparison.cells:
        if cell.explanation is not None and cell.folder is not None:
            cell.explanation.save(cell.folder)
    replace_file(Path(folder) / SHEET, png(comparison.plot()))


@dataclass(frozen=True)
class _Pair:
    """A method and a removal, by what they are called in the comparison."""

    method: str
    removal: str


@dataclass(frozen=True, eq=False)
class _Explainer:
    """Explains one decision by a method under a removal at a time; a :class:`~unseen.system.engines.work.Worker`."""

    decision: Decision
    methods: Mapping[str, Method]
    removals: Mapping[str, Removal]
    request: Request
    progress: Listening = None
    labels: Mapping[_Pair, str] = field(default_factory=dict)

    @property
    def same(self) -> Mapping[str, str]:
        """The model."""
        return {"other weights of the model": self.decision.classifier.fingerprint}

    def __call__(self, pair: _Pair) -> Cell:
        """The cell, or why there is none."""
        cell = Cell(pair.method, pair.removal)
        with listening(self.progress, self.labels.get(pair, ""), named=True) as listener:
            method, removal = self.methods[pair.method], self.removals[pair.removal]
            try:
                found = explain_decision(self.decision, method, removal, self.request, progress=listener)
            except UnseenError as error:
                return replace(cell, error=error)
        return replace(cell, explanation=found)


def _explainer(
    photo: PhotoSource,
    again: Callable[[], Classifier],
    target: int,
    asked: str | int | tuple[str | int, ...] | None,
    methods: Mapping[str, Method],
    removals: Mapping[str, Removal],
    request: Request,
) -> _Explainer:
    """The same in another process, for the target of this one: rounded otherwise, another may come out on top."""
    decision = decide(photo, again(), target if asked is None else asked, batch_size=request.batch_size)
    return _Explainer(replace(decision, asked=asked), methods, removals, request)


def _folders(place: Path, pairs: Sequence[_Pair]) -> dict[_Pair, Path | None]:
    """A folder for every cell that can be written, named like it."""
    names = (re.sub(r"[^\w.,=+-]+", "_", f"{pair.method}-{pair.removal}")[:_LONGEST] for pair in pairs)
    folders = [place / name for name in distinct_names(names)]
    for folder in (place, *folders):
        check_writable(folder)
    return dict(zip(pairs, folders, strict=True))


def _saved(cell: Cell, folder: Path | None, pictures: bool, listener: ProgressListener | None) -> Cell:
    """The cell once it is on disk where that was asked for, or with the reason why it is not."""
    if cell.explanation is None or folder is None:
        return cell
    if pictures and listener is not None:
        spent = cell.explanation.provenance["evaluations"]
        listener("drawing pictures", spent, spent)
    try:
        cell.explanation.save(folder, pictures=pictures)
    except OutputError as error:
        return replace(cell, explanation=None, error=error)
    return replace(cell, folder=folder)


def _write_record(comparison: Comparison, place: Path) -> None:
    text = json.dumps(comparison.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
    # A file name that is not UTF-8 becomes an escape, which JSON reads back as it was.
    replace_file(place / RECORD, f"{text}\n".encode(errors="backslashreplace"))
