"""``unseen compare``: one photograph, methods × removals, one sheet."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.cli.loading import again, ready
from unseen.cli.messages import complain, note, print_json, say
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
from unseen.errors import OutputError
from unseen.system.process import wait_passively

if TYPE_CHECKING:
    from unseen.pipeline.comparison import Cell

HELP = """Compare methods and removals on one photograph, on one sheet.

OUT receives sheet.png (look at it first: a column for each method, a row for
each removal), report.html (one file to send, with sliders), comparison.json,
and for each cell the folder METHOD-REMOVAL with all that "unseen explain"
writes. Each cell is saved as soon as it is done; stop it whenever you like. A
cell that fails says why in its place on the sheet.
Maps of one method share a colour scale; those of two methods differ in unit.

  unseen compare cat.jpg
  unseen compare cat.jpg --methods causal,occlusion,rise:masks=1000
  unseen compare cat.jpg --removals ad,ad:pooled,fill=neighbour,grey
  unseen compare cat.jpg --target "tiger cat" --out tiger --json
  unseen compare cat.jpg --methods causal,rise,lime,shapley --workers 4
"""
EXIT_CODES = """Exit codes: 0 all cells explained; 1 some cells failed, the others are
explained; 2 nothing was explained; 130 interrupted. Every error is one line
on stderr."""


def compare(
    photo: Path,
    /,
    *,
    methods: Listed = None,
    removals: Listed = None,
    chosen: ModelChoice = BUNDLED,
    target: Labelled = None,
    seed: int = 0,
    batch_size: int | None = None,
    engine: EngineOptions = IN_THIS_PROCESS,
    out: Path = Path("comparison"),
    json: Flag = False,
) -> int:
    """Compare methods and removals on one photograph, on one sheet.

    Parameters
    ----------
    photo
        A file.
    methods
        Names from "unseen list methods", with options, separated by commas; by default causal,occlusion.
    removals
        Names from "unseen list removals", with options, separated by commas; by default ad,grey.
    target
        Repeatable. Label or index of the class to explain; of findings also "no LABEL" for absence, and several, which
        must all hold. By default the model's top class.
    seed
        Random seed.
    batch_size
        Masks per pass; chosen from the device by default.
    out
        Folder of the results; checked before the work.
    json
        Print one JSON object a line for each cell, and nothing else, on stdout.
    """  # noqa: D405, D411, D416
    wait_passively()
    from unseen.cli import report
    from unseen.explainers.catalogue import METHODS
    from unseen.pipeline import compare as comparing
    from unseen.pipeline.explain import Request
    from unseen.removal import REMOVALS
    from unseen.report import write_report
    from unseen.system.files import check_writable

    specs = {"methods": METHODS.split(methods), "removals": REMOVALS.split(removals)}
    given: dict[str, Any] = {name: values for name, values in specs.items() if values}
    for spec in specs["methods"]:
        METHODS.create(spec)
    for spec in specs["removals"]:
        REMOVALS.create(spec)
    Request(seed=seed, batch_size=batch_size)
    works = engine.made()
    check_writable(out)

    kept: list[Cell] = []

    def finished(cell: Cell) -> None:
        kept.extend([cell] if cell.error is None else [])
        if cell.error is not None:
            complain(cell.error, about=f"{cell.method} × {cell.removal}")
        if json:
            print_json({"photo": str(photo), **cell.to_dict()})

    try:
        comparison = comparing.compare(
            photo,
            ready(chosen, target),
            **given,
            target=target_of(target),
            seed=seed,
            batch_size=batch_size,
            folder=out,
            progress=True,
            finished=finished,
            engine=works,
            again=partial(again, chosen),
            note=note,
        )
        write_report(out)
    except OutputError as error:  # of the record, the sheet or the report; the cells are saved by themselves
        complain(error)
        return 1 if kept else 2
    if not json:
        say(report.as_comparison(photo, comparison, out))
    failed = len(comparison.failures)
    return 0 if not failed else 1 if failed < len(comparison.cells) else 2
