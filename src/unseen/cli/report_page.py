"""``unseen report``: one file for a colleague, from a folder of results."""

from __future__ import annotations

from pathlib import Path

from unseen.cli.messages import say
from unseen.system.process import wait_passively

HELP = """Make report.html from a folder of results: one file to send.

It holds everything: words, maps with sliders, tables that sort and filter, what
failed and why, versions and the command. It opens offline in any browser, loads
nothing, and prints. "unseen explain", "compare", "evaluate", "classes", "hide",
"distance" and "retrain" write it beside their results; this makes it anew, also
from results of an older version.

  unseen report explanations/cat
  unseen report comparison
  unseen report results
"""


def report(folder: Path, /) -> int:
    """Make report.html from a folder of results.

    Parameters
    ----------
    folder
        What "unseen explain", "compare", "evaluate", "classes", "hide", "distance" or "retrain" wrote (--out).
    """
    wait_passively()
    from unseen.report import write_report

    say(f"  report: {write_report(folder)}")
    return 0
