"""``unseen merge``: the results of several evaluations as one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from unseen.cli.messages import note, say
from unseen.system.process import wait_passively

HELP = """Put the results of several evaluations into one folder.

For runs that shared the work: some of the photographs each, other methods,
other machines. Results that depend on different things (model, thresholds,
seed, photographs to plant on) do not belong together, and are refused with what
differs. Of a photograph × method × removal that several have, the first that
did not fail is kept; of a photograph that they explain as different classes,
what the first has, and how many were skipped is told. OUT receives
results.sqlite and the reports of "unseen evaluate", which goes on there, too.

  unseen merge part-1 part-2 part-3 --out results
"""


def merge(folders: Annotated[list[Path], Parameter(name="FOLDER", negative="")], /, *, out: Path) -> int:
    """Put the results of several evaluations into one folder.

    Parameters
    ----------
    folders
        What "unseen evaluate" wrote (--out).
    out
        Folder of what comes together; results that lie there already are added to.
    """
    wait_passively()
    from unseen.cli.evaluate import reported
    from unseen.evaluation.judging.ledger import axes_of, stream
    from unseen.evaluation.judging.measurements import Measurements
    from unseen.evaluation.judging.merging import merge as merged

    found = merged(folders, out)
    reported(Measurements(stream(out), axes_of(out)), out, quiet=True)
    for folder, count in found.taken.items():
        say(f"  {count:,} explanations of {folder}")
        if left := found.otherwise[folder]:
            note(
                f"skipped {left:,} explanations from {folder}: earlier folders explain those photographs as a "
                "different class; to keep these instead, name this folder first, with a new --out"
            )
    say(f"  results: {out} ({found.explanations:,} explanations)")
    return 0
