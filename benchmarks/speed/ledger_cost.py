"""What the ledger of an evaluation costs as it grows: microseconds and bytes a row, and memory.

Outcomes with eight measurements each are written as an evaluation does it, so many in a transaction as are there
together; at each tenth of the way the time since the last one, the size of the file and the largest memory of the
process are printed. Then the ledger is exported as Parquet.

    python -m benchmarks.speed.ledger_cost [--rows 1000000] [--together 1] [--folder /data]
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

from unseen.evaluation.judging.exporting import export
from unseen.evaluation.judging.ledger import FILE, Ledger
from unseen.evaluation.judging.outcomes import Measurement, Outcome
from unseen.evaluation.judging.plan import Plan
from unseen.evaluation.judging.subject import Subject

METRICS = ("insertion", "deletion", "average-drop", "complexity", "size", "confidence", "by-chance", "iou")
METHODS = ("causal", "grad-cam", "rise")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000, help="measurements that are written")
    parser.add_argument("--together", type=int, default=1, help="outcomes in a transaction, as with so many workers")
    parser.add_argument("--folder", type=Path, help="where the ledger lies; by default where temporary files do")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        _measured(Path(folder), max(10, asked.rows // len(METRICS)), asked.together)


def _measured(folder: Path, outcomes: int, together: int) -> None:
    ledger = Ledger(folder, Plan((Path("0.jpg"),)), {"seed": 0, "files": {}})
    print("      rows  µs a row  bytes a row  memory in MB")
    for tenth in range(10):
        began, first, last = time.perf_counter(), tenth * outcomes // 10, (tenth + 1) * outcomes // 10
        for start in range(first, last, together):
            ledger.write(*map(_outcome, range(start, min(start + together, last))))
        spent = 1e6 * (time.perf_counter() - began) / ((last - first) * len(METRICS))
        rows, size = last * len(METRICS), (folder / FILE).stat().st_size
        print(f"{rows:10,}  {spent:8.1f}  {size / rows:11.0f}  {_memory():12.0f}", flush=True)
    ledger.close()
    began = time.perf_counter()
    count = export(folder, folder / "all.parquet")
    seconds, size = time.perf_counter() - began, (folder / "all.parquet").stat().st_size
    print(f"exported: {count:,} rows in {seconds:.1f} s, {size / count:.1f} bytes a row, {_memory():.0f} MB of memory")


def _outcome(number: int) -> Outcome:
    photo, method = divmod(number, len(METHODS))
    subject = Subject(f"{photo:064x}", Path(f"{photo}.jpg"))
    measured = {metric: Measurement(0.001 * (number % 997)) for metric in METRICS}
    return Outcome(subject, METHODS[method], "ad", "", 3, "tabby, tabby cat", 0.9, 1000, 2.5, [], measured)


def _memory() -> float:
    """The largest so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    main()
