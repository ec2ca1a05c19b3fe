"""``unseen plan``: what does a plan file ask for, and what will it take?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from unseen.cli.messages import note, print_json, say
from unseen.cli.options import Flag
from unseen.system.options import Count, check
from unseen.system.process import tune_allocator, wait_passively

HELP = """Read a plan file, check it, and say what it will take.

A plan is everything that "unseen evaluate" is asked, as a TOML file to share
and to run again; every evaluation leaves one, OUT/plan.toml. Keys are the
command's options with underscores; [[runs]] are several evaluations, each in a
folder of its name, which differ in the keys that stand in them:

  photos = ["photos/"]            limit = 200
  methods = ["causal", "grad-cam"]
  removals = ["ad", "grey"]

  [[runs]]
  name = "small"
  model = "efficientnet-lite0"

  [[runs]]
  name = "animals"
  photos = ["animals/"]           classes = ["folders"]

  unseen plan plan.toml
  unseen plan plan.toml --estimate --workers 8
  unseen evaluate --plan plan.toml --out results
"""


def plan(
    file: Path,
    /,
    *,
    estimate: Flag = False,
    measure: int = 2,
    workers: int = 1,
    json: Flag = False,
) -> int:
    """Read a plan file, check it, and say what it will take.

    Parameters
    ----------
    file
        The plan.
    estimate
        Evaluate a few photographs of each run, keep nothing of them, and reckon from what they took.
    measure
        How many.
    workers
        Say the time on so many, each like this process.
    json
        Print one JSON object a line for each run, and nothing else, on stdout.
    """
    wait_passively()
    from unseen.evaluation.judging.estimate import estimate as estimated
    from unseen.evaluation.judging.plan_file import read_plan
    from unseen.system.table import Table

    check("measure", measure, Annotated[int, Count("how many photographs are evaluated for the estimate")])
    check("workers", workers, Annotated[int, Count("on how many workers the time is told")])
    tune_allocator()
    rows = [["run", "model", "photographs", "explainers", "removals", "cells"]]
    rows[0] += ["evaluations", f"hours on {workers}", "MB"] if estimate else []
    for run in read_plan(file):
        asked = run.plan
        for sentence in run.left_out:
            note(sentence)
        about = {
            "run": run.name or file.stem,
            "model": asked.model_name,
            "photographs": len(asked.subjects),
            "explainers": len(asked.explainers),
            "removals": len(asked.removals),
            "cells": asked.cells,
        }
        if estimate:
            found = estimated(asked, measure, note)
            about |= {"evaluations": found.evaluations, "seconds": found.on(workers), "bytes": found.size}
        rows.append([f"{value:,}" if isinstance(value, int) else str(value) for value in about.values()])
        if estimate:
            rows[-1][-2:] = [f"{found.on(workers) / 3600:.2f}", f"{found.size / 1e6:.1f}"]
        if json:
            print_json(about)
    if not json:
        title = "  what is evaluated; explainers are methods and controls:"
        told = "Reckoned from the first photographs; evaluations are those of explanations, metrics come on top."
        say(Table(title, rows, told if estimate else "").as_text(120))
    return 0
