"""``unseen export``: the results of an evaluation for other programs."""

from __future__ import annotations

from pathlib import Path

from unseen.cli.messages import say
from unseen.system.process import wait_passively

HELP = """Write the results of an evaluation as a Parquet file.

A row a measurement, with the photograph, method, removal, metric, threshold,
value or reason, and what its explanation cost: for pandas, DuckDB, Polars and
Spark. Needs "unseen[parquet]".

  unseen export results --out results.parquet
"""


def export(folder: Path, /, *, out: Path = Path("results.parquet")) -> int:
    """Write the results of an evaluation as a Parquet file.

    Parameters
    ----------
    folder
        What "unseen evaluate" wrote (--out).
    out
        The file.
    """
    wait_passively()
    from unseen.evaluation.judging.exporting import export as exported

    say(f"  {exported(folder, out):,} measurements: {out}")
    return 0
