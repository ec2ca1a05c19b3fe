"""The tables of Chanchal, Kelly & Chockler, *Activation-Deactivation*, 2025, from a finished evaluation.

    unseen evaluate FOLDER --limit 150 --classes CLASSES --methods causal:block=0 --no-controls --out RESULTS \\
        --metrics accuracy,size,confidence,robustness-colours,robustness-photos,confidence-colours,confidence-photos
    python -m benchmarks.tables.activation_deactivation RESULTS [--form published] [--table FILE]

With --form published they are as the paper prints them: Table D1, the accuracy on the sample; Tables E, mean sizes in
per cent; Table 1, the mean size of AD's parts minus that of the best masking value, which is one for a model and data
set: that with the most robust parts on solid colours over all γ; Figures 5, A1 and F, mean robustness and confidence,
as tables; and Appendix F's difference of confidence, that on other backgrounds minus that under the removal. Without it
they are those of the report, with intervals and tests. Metrics that were not evaluated have no table. Here γ is a share
of the rise from what the model says of nothing, in the paper of the probability itself, in both forms: a finished
evaluation holds parts that were searched for with the former. They pass the paper's test, too, which asks for no more.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from unseen.evaluation.judging.ledger import stream
from unseen.evaluation.judging.measurements import Measurements
from unseen.evaluation.judging.report.report import as_markdown, per_method
from unseen.evaluation.judging.report.values import CONTEXTS, MethodValues
from unseen.system.table import markdown

NAMES = {"min": "Min", "max": "Max", "zero": "Zero", "mean": "Avg", "ad": "AD"}
"""What the paper calls removals."""

TITLES = {
    "size": "Tables E: average explanation size",
    "robustness-colours": "Figure 5: ρ-robustness on solid colours",
    "robustness-photos": "Figure A1: ρ-robustness on photographs of other classes",
    "confidence": "Figures F: average explanation confidence",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="folder of unseen evaluate")
    parser.add_argument("--form", choices=("report", "published"), default="report")
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    measurements = Measurements(stream(options.results))
    text = published(measurements) if options.form == "published" else as_markdown(measurements)
    print(text)
    if options.table:
        options.table.write_text(text, "utf-8")


def published(measurements: Measurements) -> str:
    """Every table that the measurements allow, in the paper's form."""
    lines: list[str] = []
    for values in per_method(measurements):
        for title, rows in tables_of(values):
            lines += [f"### {values.method}: {title}", "", markdown(rows), ""]
    return "\n".join(lines)


def tables_of(values: MethodValues) -> Iterator[tuple[str, list[list[str]]]]:
    accuracy = values.mean(values.reference, "accuracy", None)
    if accuracy.n:
        yield "Table D1: model accuracy", [["sample", "accuracy %"], [str(accuracy.n), f"{100 * accuracy.value:.1f}"]]
    head = ["masking value", *(f"{gamma:.1f}" for gamma in values.thresholds)]
    ordered = [*values.removals[1:], values.reference]
    for metric, title in TITLES.items():
        if values.has(metric):
            found = [[mean_of(values, removal, metric, gamma) for gamma in values.thresholds] for removal in ordered]
            yield title, [head, *([NAMES.get(name, name), *row] for name, row in zip(ordered, found, strict=True))]
    for context, words in CONTEXTS.items():
        if values.has("confidence") and values.has(f"confidence-{context}"):
            moved = [[values.moved(removal, context, gamma) for gamma in values.thresholds] for removal in ordered]
            rows = [[f"{100 * one.value:.2f}" if one.n else "–" for one in row] for row in moved]
            named = [[NAMES.get(name, name), *row] for name, row in zip(ordered, rows, strict=True)]
            yield f"Appendix F: difference of confidence on {words}, points", [head, *named]
    if values.has("size") and values.best_fill is not None:
        pairs = [[values.mean(removal, "size", gamma) for removal in (values.reference, values.best_fill)]
                 for gamma in values.thresholds]  # fmt: skip
        row = [f"{100 * (one.value - other.value):.2f}" if one.n and other.n else "–" for one, other in pairs]
        best = NAMES.get(values.best_fill, values.best_fill)
        yield "Table 1: average size difference to the best-performing masking value", [head, [best, *row]]


def mean_of(values: MethodValues, removal: str, metric: str, gamma: float) -> str:
    mean = values.mean(removal, metric, gamma)
    return f"{100 * mean.value:.2f}%" if mean.n else "–"


if __name__ == "__main__":
    main()
