"""How large the file for a colleague gets: an evaluation's report.html with every map, and one of many explanations.

    python -m benchmarks.speed.report_size FOLDER [--limit 50] [--methods …] [--model efficientnet-lite0]

The photographs are evaluated by cheap methods under grey, each map measured and kept, and explained by the first
method; what is kept does not depend on what a map cost.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

from benchmarks.shared import spread
from unseen import explain, load_classifier
from unseen.cli import main as unseen
from unseen.report import write_report

METHODS = ("grad-cam", "layer-cam", "saliency", "input-x-gradient", "guided-backprop", "random")
REMOVAL = "grey"
METRICS = "insertion:steps=2,deletion:steps=2"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=50, help="photographs")
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--model", default="efficientnet-lite0")
    asked = parser.parse_args()
    photos = spread([asked.folder], asked.limit)
    print("| report of | maps | MB |\n| --- | --- | --- |")
    with tempfile.TemporaryDirectory() as place:
        evaluated, explained = Path(place, "evaluated"), Path(place, "explained")
        words = ["--methods", ",".join(asked.methods), "--removals", REMOVAL, "--metrics", METRICS, "--no-controls"]
        with redirect_stdout(sys.stderr):
            status = unseen(["evaluate", *map(str, photos), "--model", asked.model, *words, "--out", str(evaluated)])
        if status:
            raise SystemExit(status)
        _told("unseen evaluate", len(photos) * len(asked.methods), evaluated)
        classifier = load_classifier(asked.model)
        for photo in photos:
            found = explain(photo, classifier, method=asked.methods[0], removal=REMOVAL, chance=0, backgrounds=0)
            found.save(explained / photo.stem, pictures=False)
        _told("unseen explain", len(photos), explained)


def _told(command: str, maps: int, folder: Path) -> None:
    print(f"| `{command}` | {maps:,} | {write_report(folder).stat().st_size / 1e6:.1f} |", flush=True)


if __name__ == "__main__":
    main()
