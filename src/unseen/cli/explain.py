"""``unseen explain``: photographs in, one folder of pictures and records each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from unseen.cli.loading import again, ready
from unseen.cli.messages import complain, note, print_json, say
from unseen.cli.mixing import mixed
from unseen.cli.options import (
    BUNDLED,
    IN_THIS_PROCESS,
    EngineOptions,
    Flag,
    Labelled,
    Listed,
    ModelChoice,
    target_of,
)
from unseen.cli.summary import Explained, write
from unseen.errors import UnseenError
from unseen.explanation.roles import Asked
from unseen.system.process import wait_passively
from unseen.system.progress import progress_bar

if TYPE_CHECKING:
    from unseen.classifier import Classifier
    from unseen.explanation import Explanation
    from unseen.pipeline.many import Outcome
    from unseen.system.engines.work import Engine

HELP = """Find and show the parts of photographs that cause a model's decision.

For each PHOTO the folder OUT/NAME, named like the photograph, receives
panel.png (look at it first), report.html (one file to send), overlay.png,
part.png, overlay-original.png and part-original.png (on the photograph itself),
saliency.npy, arrays.npz and explanation.json. An earlier explanation there is
replaced. Of several photographs OUT receives index.csv, a row for each,
contact-sheet.png and a report.html of all.

  unseen explain cat.jpg
  unseen explain cat.jpg dog.jpg holiday/ --out results --workers 0
  unseen explain cat.jpg --target "tiger cat"
  unseen explain cat.jpg --confidence 0.5 --confidence 0.9
  unseen explain cat.jpg --part both --parts 2
  unseen explain cat.jpg --robust 0.9 --contexts textures
  unseen explain cat.jpg --removal ad:pooled --json

Signals and volumes are explained by models that take them: CSV, WAV, NumPy,
NIfTI, and folders of DICOM slices.

  unseen explain beat.csv --model python:models.py:ecg
  unseen explain scan.nii.gz --model python:models.py:nodules

Of a model of your own, say where it comes from, what it is fed and what its
numbers mean ("unseen list outputs" has the words):

  unseen explain scan.png --model python:my_model.py:build
  unseen explain scan.png --model onnx:mine.onnx --labels names.txt \\
    --preprocessing size=224,mean=0.5,0.5,0.5,std=0.5,0.5,0.5 \\
    --outputs sigmoid:threshold=0.3 --target "no nodule" --removal grey

No method is best for every photograph: "aggregate" mixes several with the
weights that serve robustness, faithfulness or both best on this one, and shows
each weight and what the mixture gains where it was not fitted.

  unseen explain cat.jpg --method aggregate --of grad-cam,occlusion,rise
  unseen explain cat.jpg --method aggregate --of causal,rise:masks=500 \\
    --for both --lambda 0.3
"""
EXIT_CODES = """Exit codes: 0 all explained; 1 some photographs failed, the others are
explained; 2 nothing was explained; 130 interrupted. Every error is one line
on stderr."""

Repeatable = Annotated[list[float] | None, Parameter(negative="", metavar="FLOAT", show_default=lambda _: "0.5")]

Roles = Annotated[
    list[Asked] | None, Parameter(negative="", show_choices=True, show_default=lambda _: "sufficient necessary")
]


@dataclass(frozen=True)
class Wanted:
    """What is asked of every photograph."""

    method: str
    removal: str
    target: str | tuple[str, ...] | None
    confidence: tuple[float, ...]
    seed: int
    parts: int
    part: tuple[Asked, ...]
    chance: int
    robustness: float | None
    contexts: str | None
    backgrounds: int
    batch_size: int | None


def explain(
    photos: Annotated[list[Path], Parameter(name="PHOTO", negative="")],
    /,
    *,
    chosen: ModelChoice = BUNDLED,
    method: str = "causal",
    of: Listed = None,
    goal: Annotated[str | None, Parameter(name="--for", metavar="GOAL")] = None,
    balance: Annotated[float | None, Parameter(name="--lambda")] = None,
    removal: str = "ad",
    target: Labelled = None,
    confidence: Repeatable = None,
    seed: int = 0,
    parts: int = 1,
    part: Roles = None,
    chance: int = 16,
    robust: float | None = None,
    contexts: str | None = None,
    backgrounds: int = 20,
    batch_size: int | None = None,
    engine: EngineOptions = IN_THIS_PROCESS,
    out: Path = Path("explanations"),
    json: Flag = False,
) -> int:
    """Explain why a model sees what it sees in each photograph.

    Parameters
    ----------
    photos
        Files, or folders whose photographs are taken.
    method
        A name from "unseen list methods", with options after a colon; "unseen list methods NAME" shows them.
    of
        With --method aggregate: the methods to mix, with options, separated by commas.
    goal
        With --method aggregate: what the mixture should be best at: robustness (the map stays when the
        photograph hardly changes), faithfulness (it predicts what hiding parts costs), or both; by default both.
    balance
        With --method aggregate and both goals: the weight of robustness, from 0 to 1; by default 0.5.
    removal
        How parts are hidden: a name from "unseen list removals", also with options;
        "unseen list removals NAME" shows them.
    target
        Repeatable. Label or index of the class to explain; of findings also "no LABEL" for absence, and several, which
        must all hold. By default the model's top class.
    confidence
        Repeatable. The share γ, from 0 to 1, of the rise from what the model says of nothing to what it says of the
        whole photograph, that a part must keep when it alone is visible, or take away when it is hidden.
    seed
        Random seed.
    parts
        How many disjoint parts to look for.
    part
        Repeatable: sufficient (what keeps the decision when it alone is visible), necessary (what changes the
        decision when it is hidden), both (a part that does both).
    chance
        How many sets of the same size and shape, at other places, each part is compared with.
    robust
        Also find the smallest part that keeps the decision when it is planted on at least this share of other
        backgrounds, such as 0.9, proved on backgrounds that the search never saw.
    contexts
        Those backgrounds: colours, textures, or a folder of photographs; by default colours and textures.
    backgrounds
        On how many of them every other part is judged.
    batch_size
        Masks per pass; chosen from the device by default.
    out
        Where the folders go; checked before the work.
    json
        Print one JSON object a line for each photograph, and nothing else, on stdout.
    """
    wait_passively()
    from unseen.explainers.catalogue import METHODS
    from unseen.inputs.photo import stem_of
    from unseen.inputs.volumes import as_volumes
    from unseen.pipeline.explain import EXPLAINED, Request
    from unseen.removal import REMOVALS
    from unseen.system.files import check_writable
    from unseen.system.names import distinct_names

    method = mixed(method, of, goal, balance)
    roles = tuple(dict.fromkeys(part or EXPLAINED))
    request = Wanted(
        method,
        removal,
        target_of(target),
        tuple(confidence or (0.5,)),
        seed,
        parts,
        roles,
        chance,
        robust,
        contexts,
        backgrounds,
        batch_size,
    )
    Request(request.confidence, seed, parts, roles, chance, robust, contexts, backgrounds, batch_size)
    METHODS.create(method)
    REMOVALS.create(removal)
    works = engine.made()
    check_writable(out)
    found, kept = _find(photos, json)
    for name in distinct_names([stem_of(photo) for photo in found]):
        check_writable(out / name)
    if found:
        classifier = ready(chosen, request.target)
        found = as_volumes(photos, found) if classifier.preprocessing.axes == 3 else found
    total = len(found) + len(kept)
    names = distinct_names([stem_of(photo) for photo in found])
    folders = dict(zip(found, (out / name for name in names), strict=True))
    over: dict[Path, Explained] = {}
    told = True
    try:
        if found:
            for photo, one in _explained(folders, classifier, request, works, partial(again, chosen), json):
                over[photo] = one
    finally:  # an interruption keeps what there is
        kept += [over[photo] for photo in found if photo in over]
        if total > 1 and any(one.done for one in kept):
            told = _summary(out, kept, json)
    done = sum(one.done for one in kept)
    return 0 if done == total and told else 1 if done else 2


def _find(paths: Sequence[Path], json: bool) -> tuple[list[Path], list[Explained]]:
    from unseen.inputs.finding import find_photos

    found: list[Path] = []
    lost: list[Explained] = []
    for path in paths:
        try:
            found += find_photos([path])
        except UnseenError as error:
            lost.append(_failed(path, error, json))
    return [*dict.fromkeys(found)], lost


def _explained(
    folders: Mapping[Path, Path],
    classifier: Classifier,
    request: Wanted,
    engine: Engine,
    again: Callable[[], Classifier],
    json: bool,
) -> Iterator[tuple[Path, Explained]]:
    """Photographs as they are explained, saved and told of: in this process with a bar for each, else with one for all.

    Args:
        folders: by photograph, where its explanation goes.
        classifier: the model.
        request: what is asked.
        engine: where the work is done.
        again: makes the same classifier in another process.
        json: whether one object a line is printed.
    """
    from unseen.pipeline.many import Explainer, work_of
    from unseen.system.engines.local import IN_THIS_PROCESS

    alone = engine == IN_THIS_PROCESS
    total = len(folders)
    labels = {photo: photo.name if total == 1 else f"[{n}/{total}] {photo.name}" for n, photo in enumerate(folders, 1)}
    here = Explainer(classifier, asdict(request), lambda photo: progress_bar(labels[photo]))
    work = work_of([*folders], here, again, note)
    with (
        nullcontext() if alone else progress_bar("explaining", unit="photographs") as together,
        closing(engine.results(work)) as results,
    ):
        if together:
            together("starting", 0, total)
        for done, outcome in enumerate((outcome for some in results for outcome in some), 1):
            photo = outcome.photo
            with nullcontext(together) if together else progress_bar(labels[photo]) as listener:
                if together:
                    listener(f"drawing pictures of {photo.name}", done, total)
                elif outcome.explanation is not None:
                    spent = outcome.explanation.provenance["evaluations"]
                    listener("drawing pictures", spent, spent)
                files = _saved(outcome, folders[photo])
            yield photo, _told(outcome, files, folders[photo], json)


def _saved(outcome: Outcome, folder: Path) -> dict[str, Path] | UnseenError:
    """The files of an explanation, or why there are none."""
    from unseen.report import write_report

    if outcome.explanation is None:
        assert outcome.error is not None
        return outcome.error
    try:
        return {**outcome.explanation.save(folder), "report": write_report(folder)}
    except UnseenError as error:
        return error


def _told(outcome: Outcome, files: dict[str, Path] | UnseenError, folder: Path, json: bool) -> Explained:
    """Tell of an explanation, or of why there is none."""
    if isinstance(files, UnseenError):
        return _failed(outcome.photo, files, json)
    assert outcome.explanation is not None
    _report(outcome.photo, outcome.explanation, files, json)
    return Explained.of(outcome.photo, outcome.explanation, folder)


def _summary(out: Path, kept: Sequence[Explained], json: bool) -> bool:
    """Write the index and the contact sheet, and say so; whether they could be written."""
    from unseen.report import write_report

    try:
        said = f"{write(out, kept)}\n  report: {write_report(out)}"
    except UnseenError as error:
        complain(error)
        return False
    if not json:
        say(said)
    return True


def _report(photo: Path, explanation: Explanation, files: Mapping[str, Path], json: bool) -> None:
    from unseen.cli import report

    if json:
        print_json(report.as_object(photo, explanation, files))
    else:
        say(report.as_table(photo, explanation, files))


def _failed(photo: Path, error: UnseenError, json: bool) -> Explained:
    complain(error, about=photo.name)
    if json:
        print_json({"photo": str(photo), "error": str(error)})
    return Explained.failed(photo, error)
