"""``unseen hide``: what does the model say without this part, and of it alone, under every removal?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from unseen.cli.loading import ready
from unseen.cli.messages import complain, print_json, say
from unseen.cli.options import BUNDLED, Flag, Labelled, Listed, ModelChoice, target_of
from unseen.system.names import lines_of
from unseen.system.process import wait_passively

if TYPE_CHECKING:
    from unseen.trials.trial import View
    from unseen.trials.trials import Trials

HELP = """Hide a part of a photograph, a signal or a volume, and see what the model says.

The model is asked twice under each removal: of the photograph without the part,
and of the part alone. OUT receives hide.png (look at it first: the pictures
that the model gets, its five best classes, what changed), report.html (one file
to send), hide.json, and part.png, the part in white on black, which can be
painted further and given again (of a signal part.npy, of a volume part.nii.gz).

PART is in pixels of the photograph as it is displayed, from its upper left
corner, or a file:

  box:X,Y,WIDTH,HEIGHT       ellipse:X,Y,WIDTH,HEIGHT      polygon:X,Y,X,Y,X,Y
  mask.png              of the photograph's size: white (or opaque) is the part
  explanations/cat      the part that "unseen explain" found; cat#2 its second

Of a signal in samples, of a volume in voxels along the axes of its file; or
with the unit that the file has; or a mask of its size, true where the part is:

  box:START,LENGTH           box:0.4s,0.2s      box:D,H,W,DEPTH,HEIGHT,WIDTH
  mask.npy  mask.nii.gz      ellipse:D,H,W,DEPTH,HEIGHT,WIDTH

  unseen hide cat.jpg --part box:120,80,200,150
  unseen hide cat.jpg --part mask.png --removals ad,grey,blur:20,mae:my-mae
  unseen hide cat.jpg --part explanations/cat --invert
  unseen hide cat.jpg --part ellipse:90,40,60,60 --target "tiger cat" --json
  unseen hide beat.csv --part box:0.4s,0.2s --model python:ecg.py:model

A removal that paints shows the model something that it may never have met. With
--reference, a folder of photographs, each answer comes with how far what the
model sees is from photographs: 1 is as far as the full photograph.
"""
EXIT_CODES = """Exit codes: 0 all removals tried; 1 some failed, the others were tried;
2 nothing was tried; 130 interrupted. Every error is one line on stderr."""


def hide(
    photo: Path,
    /,
    *,
    part: Annotated[str, Parameter(metavar="PART")],
    invert: Flag = False,
    removals: Listed = None,
    reference: Path | None = None,
    chosen: ModelChoice = BUNDLED,
    target: Labelled = None,
    batch_size: int | None = None,
    out: Path = Path("hidden"),
    json: Flag = False,
) -> int:
    """Hide a part of a photograph, a signal or a volume, and see what the model says.

    Parameters
    ----------
    photo
        A file, or a folder that is one volume.
    part
        What is hidden: box:X,Y,WIDTH,HEIGHT, ellipse:X,Y,WIDTH,HEIGHT, polygon:X,Y,X,Y,X,Y, the path of a mask, or the
        folder of an explanation; of a signal box:START,LENGTH, of a volume box:D,H,W,DEPTH,HEIGHT,WIDTH.
    invert
        Hide all but the part.
    removals
        Names from "unseen list removals", with options, separated by commas; by default
        ad,ad:pooled,fill=neighbour,grey,blur.
    reference
        Folder of at least 20 photographs, signals or volumes that say what is usual.
    target
        Repeatable. Label or index of the class to follow; of findings also "no LABEL" for absence, and several, which
        must all hold. By default the model's top class.
    batch_size
        Masks per pass; chosen from the device by default.
    out
        Folder of the results; checked before the work.
    json
        Print one JSON object a line for each removal, and nothing else, on stdout.
    """
    wait_passively()
    from unseen.inputs.finding import photos_of
    from unseen.removal import REMOVALS
    from unseen.report import write_report
    from unseen.system.files import check_writable
    from unseen.trials.hiding import USUAL
    from unseen.trials.hiding import hide as hide_part
    from unseen.trials.part import pointed_at

    specs = REMOVALS.split(removals) or USUAL
    for spec in specs:
        REMOVALS.create(spec)
    pointed_at(part)
    if reference is not None:
        photos_of(reference, "--reference")
    check_writable(out)
    trials = hide_part(
        photo,
        ready(chosen, target),
        part=part,
        removals=specs,
        invert=invert,
        target=target_of(target),
        reference=reference,
        batch_size=batch_size,
        progress=True,
    )
    for trial in trials.failures:
        complain(trial.error or Exception(), about=trial.removal)
    files = {**trials.save(out), "report": write_report(out)}
    if json:
        for trial in trials.trials:
            print_json({"photo": str(photo), "part": trials.part.name, **trial.to_dict()})
    else:
        say(as_text(photo, trials, files))
    failed = len(trials.failures)
    return 0 if not failed else 1 if failed < len(trials.trials) else 2


def as_text(photo: Path, trials: Trials, files: dict[str, Path]) -> str:
    """For people: a row a removal, what came of it in words, and where the sheet is."""
    from unseen.classifier.outputs.readings import percent, told
    from unseen.system.table import Table

    decision = trials.decision
    said = told(decision.probability, decision.classifier.outputs.unit)
    head = [
        f"{photo}  ({decision.label} {said})",
        f"  the part: {trials.part.name}, {percent(trials.part.fraction)} of what the model sees",
    ]
    far = any(view.distance is not None for trial in trials.trials for view in (trial.hidden, trial.shown) if view)
    columns = ["says", "change", *(["distance"] if far else [])]
    rows = [["hidden by", *(f"{name} {column}" for name in ("without:", "alone:") for column in columns), "seconds"]]
    for trial in trials.trials:
        cells = [*_cells(trial.hidden, trials, far), *_cells(trial.shown, trials, far)]
        rows.append([trial.removal, *cells, f"{trial.seconds:.2f}"])
    table = Table(
        f"  what the model says without the part, and of the part alone; changes are those of {decision.label}:", rows
    ).as_text(110)
    notes = [*trials.notes, *(f"{trial.removal}: {note}" for trial in trials.trials for note in trial.notes)]
    tail = [
        *(f"  {sentence}" for sentence in trials.words),
        *(f"  note: {note}" for note in dict.fromkeys(notes) if note not in decision.classifier.notes),
        f"  sheet: {files['sheet']}",
        f"  record: {files['record']}",
        f"  report: {files['report']}",
    ]
    return "\n".join([lines_of(head), table, lines_of(tail)])


def _cells(view: View | None, trials: Trials, far: bool) -> list[str]:
    """What the model says of a view, and by how much the target's reading changed."""
    from unseen.classifier.outputs.readings import told
    from unseen.trials.sheet import changed

    if view is None:
        return ["failed", "–", *(["–"] if far else [])]
    unit = trials.decision.classifier.outputs.unit
    best = view.top[0]
    cells = [f"{best['label'][:24]} {told(best['probability'], unit)}", changed(view, unit)]
    return [*cells, *([f"{view.distance:.2f}" if view.distance is not None else "–"] if far else [])]
