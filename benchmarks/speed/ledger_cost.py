"""What the ledger of an evaluation costs as it grows: processor time and bytes a row, and memory.

Outcomes with eight measurements and a small map each, three of a photograph, are written as an evaluation does it, so
many in a transaction as are there together; at each tenth of the way the processor time a row since the last one, the
size of the file and the largest memory of the process are printed. Then all that comes after it: looking up what is
done, as a run that goes on does; the report's index of all rows; and the export as Parquet.

    python -m benchmarks.speed.ledger_cost [--rows 1000000] [--together 1] [--folder /data]
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unseen.evaluation.judging.exporting import export
from unseen.evaluation.judging.ledger import FILE, Ledger, stream
from unseen.evaluation.judging.measurements import Measurements
from unseen.evaluation.judging.outcomes import Measurement, Outcome
from unseen.evaluation.judging.plan import Plan
from unseen.evaluation.judging.report import report
from unseen.evaluation.judging.subject import Subject
from unseen.evaluation.judging.thumbnail import Thumbnail

METRICS = ("insertion", "deletion", "average-drop", "complexity", "infidelity", "sensitivity-n", "road", "adcc")
METHODS = ("causal", "grad-cam", "rise")

PICTURE = os.urandom(10_600)
"""As many bytes as the small picture of examples/espresso.jpg; a map has 7,300."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000, help="measurements that are written")
    parser.add_argument("--together", type=int, default=1, help="outcomes in a transaction, as with so many workers")
    parser.add_argument("--folder", type=Path, help="where the ledger lies; by default where temporary files do")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        outcomes = max(10, asked.rows // len(METRICS))
        _written(Path(folder), outcomes, asked.together)
        _read(Path(folder), outcomes)


def _written(folder: Path, outcomes: int, together: int) -> None:
    ledger = Ledger(folder, Plan((Path("0.jpg"),)), {"seed": 0, "files": {}})
    print("      rows  µs a row  bytes a row  memory in MB")
    for tenth in range(10):
        began, first, last = time.process_time(), tenth * outcomes // 10, (tenth + 1) * outcomes // 10
        for start in range(first, last, together):
            ledger.write(*map(_outcome, range(start, min(start + together, last))))
        spent = 1e6 * (time.process_time() - began) / ((last - first) * len(METRICS))
        rows, size = last * len(METRICS), (folder / FILE).stat().st_size
        print(f"{rows:10,}  {spent:8.1f}  {size / rows:11.0f}  {_memory():12.0f}", flush=True)
    ledger.close()


def _read(folder: Path, outcomes: int) -> None:
    rows = outcomes * len(METRICS)
    with _told("looked up as by a run that goes on", rows):
        ledger = Ledger(folder, Plan((Path("0.jpg"),)), {"seed": 0, "files": {}})
        for number in range(outcomes):
            one = _outcome(number)
            ledger.outcome(one.subject, one.method, one.removal)
        ledger.close()
    with _told("exported", rows):
        count = export(folder, folder / "all.parquet")
    print(f"exported: {count:,} rows, {(folder / 'all.parquet').stat().st_size / count:.1f} bytes a row")
    with _told("indexed for the report", rows):
        measured = Measurements(stream(folder))
    with _told("summarised in tables.csv", rows):
        report.as_csv(measured)


@contextmanager
def _told(what: str, rows: int) -> Iterator[None]:
    began = time.process_time()
    yield
    spent = 1e6 * (time.process_time() - began) / rows
    print(f"{what}: {spent:.1f} µs a row, {_memory():.0f} MB of memory", flush=True)


def _outcome(number: int) -> Outcome:
    photo, method = divmod(number, len(METHODS))
    subject = Subject(f"{photo:064x}", Path(f"{photo}.jpg"))
    measured = {metric: Measurement(0.001 * (number % 997)) for metric in METRICS}
    seen = Outcome(subject, METHODS[method], "ad", "", 3, "tabby, tabby cat", 0.9, 1000, 2.5, [], measured)
    seen.thumbnail = Thumbnail(PICTURE[:10_600], (96, 96), PICTURE[:7_300])
    return seen


def _memory() -> float:
    """The largest so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    main()
