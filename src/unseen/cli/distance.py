"""``unseen distance``: how far from photographs are those of which a part is hidden, by every removal?"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from unseen.cli.loading import again, ready
from unseen.cli.messages import complain, note, print_json, say
from unseen.cli.options import BUNDLED, IN_THIS_PROCESS, EngineOptions, Flag, Listed, ModelChoice, numbers
from unseen.cli.repeating import repeated
from unseen.errors import ParameterError, UnseenError
from unseen.system.process import wait_passively
from unseen.system.progress import progress_bar

HELP = """Measure how far photographs with a part hidden are from photographs.

A removal may show the model something that it has never met. Here random parts
of each PHOTO stay visible, the rest is hidden by each removal, and what the
model's head receives (its penultimate features) is compared with what it
receives of other photographs: by the distance to the nearest of them and by
Mahalanobis' distance from all, of which 1 is as far as a photograph is; and by
a linear discriminant, which finds the one way in which all are moved. The
AUROC says how well each tells hidden from whole, 0.5 not at all. A removal that
paints nothing, such as ad, is judged by what the head receives under the mask.
Signals and volumes are PHOTOs as well, where the model takes them.

OUT receives report.html (look at it first), report.md, distances.csv (each
photograph), distance.png and features.png. Stop it whenever you like: the same
command goes on where it was, and photographs, removals or fractions can be
added.

  unseen distance photos/ --limit 40
  unseen distance mine/ --reference photos/ --removals grey,ad --fractions 0.5
  unseen distance photos/ --limit 40 --form window --removals blur:20,mae:my-mae
  unseen distance photos/ --engine ray --address auto
"""


def distance(
    photos: Annotated[list[Path], Parameter(name="PHOTO", negative="")],
    /,
    *,
    removals: Listed = None,
    fractions: Listed = None,
    form: Literal["cells", "window"] = "cells",
    cells: int = 7,
    reference: Path | None = None,
    limit: int | None = None,
    neighbour: int = 10,
    chosen: ModelChoice = BUNDLED,
    seed: int = 0,
    engine: EngineOptions = IN_THIS_PROCESS,
    out: Path = Path("distance"),
    json: Flag = False,
) -> int:
    """Measure how far from photographs are those of which a part is hidden, by every removal.

    Parameters
    ----------
    photos
        Files, or folders whose photographs are taken.
    removals
        Names from "unseen list removals", separated by commas; by default black,grey,blur:20,noise,neighbour,ad.
    fractions
        Shares of the photograph that stay visible, separated by commas; by default 0.9,0.7,0.5,0.3,0.1.
    form
        What stays visible: random cells of a grid, or one window at random.
    cells
        On each side of the grid.
    reference
        Folder of the photographs that say what is usual; by default those that --limit leaves over.
    limit
        Judge only so many of the photographs, at random; a larger limit adds to a smaller one.
    neighbour
        k of the distance to the k-th nearest photograph of the reference.
    seed
        Random seed.
    out
        Folder of the results; what was computed there already is not computed again.
    json
        Print one JSON object a line for each measure, removal and share, and nothing else, on stdout.
    """
    words = repeated(distance, {**locals(), "engine": IN_THIS_PROCESS})  # results do not depend on it
    wait_passively()
    from unseen.evaluation.distance import figures, report
    from unseen.evaluation.distance.measuring import DistributionShift
    from unseen.evaluation.distance.store import FILE
    from unseen.removal import REMOVALS
    from unseen.report import write_report
    from unseen.system.engines import local
    from unseen.system.files import check_writable, replace_file
    from unseen.system.pictures import png

    given = {"fractions": numbers(fractions, "a fraction is a number between 0 and 1")} if fractions else {}
    specs = REMOVALS.split(removals) or ("black", "grey", "blur:20", "noise", "neighbour", "ad")
    asked = DistributionShift(tuple(specs), **given, form=form, cells=cells, neighbour=neighbour, seed=seed)
    judged, known = _parted(photos, reference, limit, seed)
    works = engine.made()
    check_writable(out)
    classifier = ready(chosen)
    with progress_bar("distance", unit="pictures") as listener:
        elsewhere = None if works == local.IN_THIS_PROCESS else works
        located = asked.run(
            judged,
            known,
            classifier,
            store=out / FILE,
            progress=listener,
            engine=elsewhere,
            again=partial(again, chosen),
            note=note,
        )
    for what, reason in located.failed:
        complain(UnseenError(reason), what)
    files = {
        "report.md": report.as_markdown(located).encode(errors="backslashreplace"),
        "distances.csv": report.as_csv(located).encode(errors="backslashreplace"),
        "distance.png": png(figures.curves(located)),
        "features.png": png(figures.plane(located)),
    }
    for name, content in files.items():
        replace_file(out / name, content)
    drawn = [name for name in files if name.endswith(".png")]
    kept = report.told_of(located, drawn, words).save(out, "distance")
    page = write_report(out)
    if json:
        for one in report.as_objects(located):
            print_json(one)
    else:
        say(report.as_text(located, max(80, shutil.get_terminal_size((110, 24)).columns)))
        say("\n" + "\n".join(f"  {path}" for path in (*(out / name for name in files), kept, page)))
    return 1 if located.failed else 0


def _parted(
    photos: list[Path], reference: Path | None, limit: int | None, seed: int
) -> tuple[Sequence[Path], Sequence[Path]]:
    """The photographs that are judged, and those that say what is usual."""
    from unseen.inputs.finding import find_photos, photos_of, sample
    from unseen.inputs.photo import open_photo
    from unseen.inputs.reading import is_data

    found = find_photos(photos)
    judged = sample(found, limit, seed)
    of_judged = set(judged)
    known = photos_of(reference, "--reference") if reference else [path for path in found if path not in of_judged]
    if not known:
        for path in judged:
            if not is_data(path):
                open_photo(path)  # a name that is no photograph's is what is wrong first
        raise ParameterError("nothing is left to say what is usual; give --reference FOLDER or a smaller --limit")
    return judged, known
