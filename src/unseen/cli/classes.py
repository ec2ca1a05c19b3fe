"""``unseen classes``: what do the decisions for a class have in common, and do they hang on one place?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from unseen.cli.loading import ready
from unseen.cli.messages import complain, note, print_json, say
from unseen.cli.options import BUNDLED, Flag, Labelled, ModelChoice, target_of
from unseen.errors import UnseenError
from unseen.system.names import lines_of
from unseen.system.process import wait_passively

if TYPE_CHECKING:
    from unseen.evaluation.classes.view import ClassView

HELP = """Look at classes instead of photographs: do decisions hang on one place?

Every PHOTO is explained and belongs to the class that the model decides for. Of
each class one half of the photographs says where to look: their maps are sorted
into kinds that are alike (spectral relevance analysis), and for each kind the
box in which its maps are densest is taken. In the other half the same box is
hidden in every photograph, and the decisions that change are counted. A place
is named where they are more than with boxes of its size elsewhere, and more
than with the same box in photographs of other classes: a sticker, a caption, a
watermark that the model learnt instead of the class. Signals and volumes are
PHOTOs as well, where the model takes them: boxes are intervals and cuboids.

OUT receives class-1.png, class-2.png, … (look at them first: mean map, where
parts lie, kinds of maps with examples and the box), report.html (one file to
send), classes.json, and maps.sqlite. Stop it whenever you like: the same
command explains no photograph again.

  unseen classes photos/
  unseen classes photos/ --method occlusion --removal grey --limit 200
  unseen classes horses/ --target sorrel --boxes 199
  unseen classes photos/*/ --fewest 20 --out classes
"""
EXIT_CODES = """Exit codes: 0 all photographs looked at; 1 some failed, the others were looked
at; 2 nothing was found out; 130 interrupted. Every error is one line on stderr."""


def classes(
    photos: Annotated[list[Path], Parameter(name="PHOTO", negative="")],
    /,
    *,
    method: str = "causal",
    removal: str = "ad",
    target: Labelled = None,
    fewest: int = 10,
    boxes: int = 99,
    limit: int | None = None,
    seed: int = 0,
    chosen: ModelChoice = BUNDLED,
    out: Path = Path("classes"),
    json: Flag = False,
) -> int:
    """Look at classes instead of photographs: do decisions hang on one place?

    Parameters
    ----------
    photos
        Files, or folders whose photographs are taken; lists (.txt), shards (.tar), data sets that "datasets" saved.
    method
        How photographs are explained: a name from "unseen list methods", with options.
    removal
        How parts and boxes are hidden: a name from "unseen list removals", with options.
    target
        Repeatable. Look at this class alone, and at photographs of which the model decides for it; of findings also
        "no LABEL" for absence, and several, which must all hold. By default every photograph's top class.
    fewest
        Photographs that a class needs; half of them find places, half judge.
    boxes
        Boxes of the same size elsewhere that a place is compared with.
    limit
        Take only so many of the photographs, at random; a larger limit adds to a smaller one.
    seed
        Random seed.
    out
        Folder of the results; photographs that were explained there already are not explained again.
    json
        Print one JSON object a line for each class, and nothing else, on stdout.
    """
    wait_passively()
    from unseen.evaluation.classes.viewing import ClassRequest, view_classes
    from unseen.explainers.catalogue import METHODS
    from unseen.inputs.finding import Finding, sample
    from unseen.removal import REMOVALS
    from unseen.report import write_report
    from unseen.system.files import check_writable

    ClassRequest(fewest, boxes, seed)
    METHODS.create(method)
    REMOVALS.create(removal)
    given = Finding.of(photos)
    found = sample(given.photos, limit, seed)
    check_writable(out)
    for sentence in given.left_out:
        note(sentence)
    view = view_classes(
        found,
        ready(chosen, target),
        method=method,
        removal=removal,
        target=target_of(target),
        fewest=fewest,
        boxes=boxes,
        seed=seed,
        folder=out,
        progress=True,
    )
    for photo, reason in view.failed.items():
        complain(UnseenError(reason), photo)
    files = {**view.save(out), "report": write_report(out)}
    if json:
        for one in view.classes:
            print_json(one.to_dict())
    else:
        say(as_text(view, files))
    return 1 if view.failed else 0


def as_text(view: ClassView, files: dict[str, Path]) -> str:
    """For people: what is named, a row a kind of maps, and where the files are."""
    from unseen.system.table import Table

    inputs = f"{view.provenance.get('kind', 'photograph')}s"
    rows = [["class", inputs, "kind", "box", "changed", "elsewhere", "other classes", "p", "named"]]
    for one in view.classes:
        for number, kind in enumerate(one.clusters, 1):
            place = kind.place
            cells = ["–"] * 5 + ["no"]
            if place is not None:
                there = place.elsewhere
                cells = [
                    place.box.spec.removeprefix("box:"),
                    f"{place.changed} of {place.judged}",
                    f"{sum(there) / len(there):.1f}" if there else "–",
                    f"{place.others_changed} of {place.others}" if place.others else "–",
                    f"{place.p:.2g}",
                    "yes" if place.named else "no",
                ]
            rows.append([one.label[:30], str(kind.photographs), str(number), *cells])
    title = f"  decisions that change with one box hidden in all {inputs}; boxes on what the model sees:"
    small = [f"{label} ({count})" for label, count in view.small.items()]
    tail = [
        *(f"  note: too few {inputs} of {', '.join(small[:10])}{', …' * (len(small) > 10)}" for _ in small[:1]),
        *(f"  {name}: {files[name]}" for name in ("picture 1", "record", "report")),
    ]
    return "\n".join(
        [lines_of([f"  {sentence}" for sentence in view.words]), Table(title, rows).as_text(120), lines_of(tail)]
    )
