"""``unseen explain``: photographs in, one folder of pictures and records each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from unseen.cli.loading import ready
from unseen.cli.messages import complain, print_json, say
from unseen.cli.mixing import mixed
from unseen.cli.options import FROM_THE_SOURCE, Flag, Labelled, Listed, ModelOptions, target_of
from unseen.cli.summary import Explained, write
from unseen.errors import UnseenError
from unseen.explanation.roles import Asked
from unseen.system.process import wait_passively
from unseen.system.progress import ProgressListener, progress_bar

if TYPE_CHECKING:
    from unseen.classifier import Classifier
    from unseen.explanation import Explanation

HELP = """Find and show the parts of photographs that cause a model's decision.

For each PHOTO the folder OUT/NAME, named like the photograph, receives
panel.png (look at it first), report.html (one file to send), overlay.png,
part.png, overlay-original.png and part-original.png (on the photograph itself),
saliency.npy, arrays.npz and explanation.json. An earlier explanation there is
replaced. Of several photographs OUT receives index.csv, a row for each,
contact-sheet.png and a report.html of all.

  unseen explain cat.jpg
  unseen explain cat.jpg dog.jpg holiday/ --out results
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
    model: str = "efficientnet-lite0",
    described: ModelOptions = FROM_THE_SOURCE,
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
    device: str = "auto",
    out: Path = Path("explanations"),
    json: Flag = False,
) -> int:
    """Explain why a model sees what it sees in each photograph.

    Parameters
    ----------
    photos
        Files, or folders whose photographs are taken.
    model
        A name from "unseen list models", NAME@PATH for weights of your own, python:FILE.py:NAME, onnx:FILE,
        torchscript:FILE, or an address, http://….
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
    device
        auto, cpu, cuda, cuda:1, mps.
    out
        Where the folders go; checked before the work.
    json
        Print one JSON object a line for each photograph, and nothing else, on stdout.
    """
    wait_passively()
    from unseen.explainers.catalogue import METHODS
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
    check_writable(out)
    found, kept = _find(photos, json)
    for name in distinct_names([photo.stem for photo in found]):
        check_writable(out / name)
    if found:
        classifier = ready(model, device, described, request.target)
        found = as_volumes(photos, found) if classifier.preprocessing.axes == 3 else found
    total = len(found) + len(kept)
    folders = [out / name for name in distinct_names([photo.stem for photo in found])]
    told = True
    try:
        for number, (photo, folder) in enumerate(zip(found, folders, strict=True), 1):
            label = photo.name if len(found) == 1 else f"[{number}/{len(found)}] {photo.name}"
            kept.append(_explained(photo, folder, label, classifier, request, json))
    finally:  # an interruption keeps what there is
        if total > 1 and any(one.done for one in kept):
            told = _summary(out, kept, json)
    done = sum(one.done for one in kept)
    return 0 if done == total and told else 1 if done else 2


def _find(paths: Sequence[Path], json: bool) -> tuple[list[Path], list[Explained]]:
    from unseen.inputs.photo import find_photos

    found: list[Path] = []
    lost: list[Explained] = []
    for path in paths:
        try:
            found += find_photos([path])
        except UnseenError as error:
            lost.append(_failed(path, error, json))
    return found, lost


def _explained(photo: Path, folder: Path, label: str, classifier: Classifier, request: Wanted, json: bool) -> Explained:
    """Explain a photograph and tell of it, or of why that failed."""
    try:
        with progress_bar(label) as listener:
            explanation, files = _explain_one(photo, folder, classifier, request, listener)
    except UnseenError as error:
        return _failed(photo, error, json)
    _report(photo, explanation, files, json)
    return Explained.of(photo, explanation, folder)


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


def _explain_one(
    photo: Path, folder: Path, classifier: Classifier, request: Wanted, listener: ProgressListener
) -> tuple[Explanation, dict[str, Path]]:
    from unseen.pipeline.explain import explain as explain_photo
    from unseen.report import write_report

    explanation = explain_photo(photo, classifier, progress=listener, **asdict(request))
    spent = explanation.provenance["evaluations"]
    listener("drawing pictures", spent, spent)
    files = explanation.save(folder)
    return explanation, {**files, "report": write_report(folder)}


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
