"""Figures 6 and 7 of the IASSA paper: the quality of the map after each iteration, at the image and at the pixel level.

    python -m benchmarks.tables.iassa_by_iteration FOLDER --limit 64 --out iassa.json [--iterations 15] [--budget 4000]
        [--annotations FOLDER/../instances.json] [--steps 16] [--minutes 60] [--figures docs/images]
        [--table docs/tables/iassa-by-iteration.md]

Of each photograph, IASSA runs once, without a tolerance, and so does RISE with as many evaluations; both give the maps
on their way. Where the budget is spent before the last iteration, the last map stands for those that are left. Maps are
made under ``grey`` and judged by deletion and insertion under ``grey`` and under ``blur``, and by F1, IoU and the
pointing game (without a tolerance) on the object that people outlined (COCO's format). Photographs count on which an
object of the class that the model names is outlined. At the pixel level values are divided by the number of pixels
above 0.3 of the map's maximum, as in the paper: that rewards maps for their size, and no method must be ranked by it.

In the figures and tables: means with 95 % bootstrap intervals over photographs, and paired differences. --out keeps the
numbers of each photograph as soon as it is measured; the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.shared import resumed, study
from unseen import Classifier, load_classifier
from unseen.classifier.backend import Backend
from unseen.errors import NotApplicableError, ParameterError, UnseenError
from unseen.evaluation.annotations import Annotations
from unseen.evaluation.statistics import Interval, mean_interval
from unseen.explainers.hiding.iassa import Iassa, iassa
from unseen.explainers.hiding.rise import Rise, rise_after
from unseen.explainers.hiding.spatial_attention import attention
from unseen.explanation.plotting.palette import BLACK, COLOURS
from unseen.metrics.case import Case, Metric, judge
from unseen.metrics.curves import Deletion, Insertion
from unseen.metrics.localisation import F1, IoU, PointingGame
from unseen.metrics.pixel_level import activated
from unseen.removal import REMOVALS, MaskedClassifier
from unseen.system.progress import after, progress_bar
from unseen.system.table import markdown

Level = Literal["image", "pixel"]
Values = NDArray[np.float64]
Row = dict[str, Any]
"""Of one photograph: evaluations and changes by iteration, and of either method each measure by iteration."""

MAKER, OTHER = "grey", "blur"
METHODS = ("IASSA", "RISE")
STYLES = dict(zip(METHODS, (("-", COLOURS[0]), ("--", COLOURS[1])), strict=True))
BETTER = {
    f"deletion, {MAKER}": "lower",
    f"deletion, {OTHER}": "lower",
    f"insertion, {MAKER}": "higher",
    f"insertion, {OTHER}": "higher",
    "F1": "higher",
    "IoU": "higher",
    "pointing game": "higher",
}
"""The measures, in the order of the figures' panels."""
UNIT: dict[Level, float] = {"image": 1.0, "pixel": 1e5}
"""What values are multiplied by before they are shown."""
CONDITIONS = ("model", "seed", "iterations", "budget", "steps")
"""Options that all photographs of a table share."""
SHOWN = (1, 2, 3, 5, 10, 15, 20, 25)
"""Iterations that have a column."""


# ---- measuring ----------------------------------------------------------------------------------------------------


def measured(classifier: Classifier, annotations: Annotations, asked: argparse.Namespace, path: Path) -> Row:
    """The row of a photograph.

    Raises:
        NotApplicableError: nothing of the class that the model names is outlined on what the model sees.
    """
    image = classifier.prepare(path)
    target = classifier.outputs.top(classifier.logits(image[None])[0])
    inside = annotations.mask(path, target, classifier)
    if inside is None or not bool(inside.any()):
        raise NotApplicableError(f"no {classifier.label(target)} is outlined on what the model sees")
    options = Iassa(iterations=asked.iterations, budget=asked.budget, tolerance=0.0)
    with progress_bar(path.name) as listener:
        made_under = REMOVALS.create(MAKER).bind(classifier, image, progress=listener)
        look = attention(classifier, image, perplexity=options.perplexity)
        found = iassa(made_under, target, options, look=look, seed=asked.seed)
        left = asked.iterations - len(found.maps)
        own = [*found.maps, *[found.maps[-1]] * left]
        counts = [*found.evaluations, *found.evaluations[-1:] * left]
        spent = [1 + count for count in counts]  # with the pass of the attention
        beside = rise_after(made_under, [target], Rise(spent[-1]), spent, seed=asked.seed)
        maps = {"IASSA": own, "RISE": [made.values[0] for made in beside]}
        shown = after(made_under.evaluations, listener)
        judges = {MAKER: made_under, OTHER: REMOVALS.create(OTHER).bind(classifier, image, progress=shown)}
        values = {method: judged(maps[method], target, judges, inside, asked.steps) for method in METHODS}
    conditions = {name: getattr(asked, name) for name in CONDITIONS}
    return {**conditions, "evaluations": spent, "changes": list(found.changes), **values}


def judged(
    maps: list[Tensor], target: int, judges: dict[str, MaskedClassifier], inside: Tensor, steps: int
) -> dict[str, list[float]]:
    """Every measure of every map, and how many pixels of it are activated."""
    found: dict[str, list[float]] = {"pixels": [int(activated(saliency).sum()) for saliency in maps]}
    metrics: dict[str, tuple[str, Metric]] = {
        "F1": (MAKER, F1()),
        "IoU": (MAKER, IoU()),
        "pointing game": (MAKER, PointingGame(0.0)),
    }
    for removal in (MAKER, OTHER):
        metrics |= {
            f"deletion, {removal}": (removal, Deletion(steps)),
            f"insertion, {removal}": (removal, Insertion(steps)),
        }
    for measure, (removal, metric) in metrics.items():
        cases = [Case(saliency, target, judges[removal], annotation=inside) for saliency in maps]
        found[measure] = []
        for value in judge([(case, metric) for case in cases]):
            if isinstance(value, UnseenError):
                raise value
            found[measure].append(value)
    return found


# ---- what the photographs say together ------------------------------------------------------------------------------


def values_of(rows: list[Row], method: str, measure: str, level: Level) -> Values:
    """Of every photograph after every iteration, as shown; NaN where no pixel is activated."""
    values = np.array([row[method][measure] for row in rows], float)
    if level == "pixel":
        pixels = np.array([row[method]["pixels"] for row in rows], float)
        values = np.divide(values, pixels, out=np.full_like(values, np.nan), where=pixels > 0)
    return UNIT[level] * values


def means(values: Values) -> list[Interval]:
    """After each iteration, over the photographs that have a value."""
    nothing = Interval(np.nan, np.nan, np.nan, 0)
    having = [column[~np.isnan(column)] for column in values.T]
    return [mean_interval(column) if len(column) else nothing for column in having]


def text(found: Interval, level: Level, sign: str = "") -> str:
    form = f"{sign}.{3 if level == 'image' else 2}f"
    return f"{found.value:{form}} [{found.low:{form}}, {found.high:{form}}]".replace("-", "−")


def table(rows: list[Row], level: Level) -> str:
    """IASSA's means, and paired differences: to RISE with as many evaluations, and of the last map to the first."""
    last = len(rows[0]["evaluations"])
    shown = sorted({number for number in SHOWN if number <= last} | {last})
    spent = np.mean([row["evaluations"] for row in rows], 0)
    lines = [["measure", "map", *map(str, shown), f"{last} − 1"]]
    lines.append(["evaluations, mean", "both", *(f"{spent[number - 1]:,.0f}" for number in shown), ""])
    for measure, better in BETTER.items():
        own, other = (values_of(rows, method, measure, level) for method in METHODS)
        change = text(means(own[:, -1:] - own[:, :1])[0], level, "+")
        cells = [text(found, level) for found in means(own)]
        lines.append([f"{measure} ({better} is better)", "IASSA", *(cells[number - 1] for number in shown), change])
        cells = [text(found, level, "+") for found in means(own - other)]
        lines.append(["", "IASSA − RISE", *(cells[number - 1] for number in shown), ""])
    return markdown(lines)


def report(rows: list[Row], tolerance: float) -> str:
    """Both tables, with what they are of."""
    ends = [next((n for n, c in enumerate(row["changes"], 2) if c < tolerance), np.inf) for row in rows]
    done = sum(np.isfinite(ends))
    said = f"With `tolerance={tolerance:g}` IASSA would have ended on {done} of the {len(rows)} photographs"
    if done:
        said += f", in the median after iteration {np.median(ends):g}"
    short = sum(1 + len(row["changes"]) < row["iterations"] for row in rows)
    of = (
        f"{len(rows)} photographs: means with 95 % bootstrap intervals after so many iterations. {said}. On {short} "
        f"the budget of {rows[0]['budget']:,} evaluations was spent before the last iteration."
    )
    return "\n\n".join(
        [
            f"{of} At the image level (Figure 6):",
            table(rows, "image").strip(),
            "At the pixel level, divided by the number of pixels above 0.3 of the map's maximum, times 10⁵ (Figure 7):",
            table(rows, "pixel").strip(),
        ]
    )


def drawn(rows: list[Row], level: Level, path: Path) -> None:
    """A panel for each measure, with 95 % bands, and one of evaluations or of the pixels that divide."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(12, 5.6), layout="constrained")
    *panels, counts = figure.subplots(2, 4, sharex=True).flat
    iterations = range(1, 1 + len(rows[0]["evaluations"]))
    for (measure, better), panel in zip(BETTER.items(), panels, strict=True):
        for method, (style, colour) in STYLES.items():
            found = means(values_of(rows, method, measure, level))
            panel.plot(iterations, [one.value for one in found], style, color=colour, label=method)
            band = [one.low for one in found], [one.high for one in found]
            panel.fill_between(iterations, *band, color=colour, alpha=0.18, linewidth=0)
        panel.set_title(f"{measure} ({'↓' if better == 'lower' else '↑'})", fontsize=10)
    if level == "image":
        counts.plot(iterations, np.mean([row["evaluations"] for row in rows], 0), color=BLACK)
    else:
        for method, (style, colour) in STYLES.items():
            counts.plot(iterations, np.mean([row[method]["pixels"] for row in rows], 0), style, color=colour)
    counts.set_title("evaluations, of both" if level == "image" else "pixels above 0.3 of the maximum", fontsize=10)
    counts.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=2, fontsize=9, frameon=False)
    unit = "image level" if level == "image" else "pixel level, times 10⁵"
    figure.suptitle(f"Quality at the {unit}: means over {len(rows)} photographs with 95 % bootstrap bands", fontsize=11)
    figure.supxlabel("iterations of IASSA; RISE with as many evaluations", fontsize=10)
    figure.savefig(path, dpi=110)


def alike(rows: list[Row], asked: argparse.Namespace) -> list[Row]:
    """The rows, if all were measured as asked.

    Raises:
        ParameterError: some are not, or there are none.
    """
    if not rows:
        raise ParameterError("no photograph has been measured; raise --limit or --minutes")
    for name in CONDITIONS:
        if any(row[name] != getattr(asked, name) for row in rows):
            raise ParameterError(f"{asked.out} has photographs of another --{name}; name another --out")
    return rows


def main() -> None:
    parser = study(__doc__)
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--annotations", type=Path, metavar="FILE.json")
    parser.add_argument("--iterations", type=int, default=15)
    parser.add_argument("--budget", type=int, default=4000)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--figures", type=Path, metavar="FOLDER")
    parser.add_argument("--table", type=Path, metavar="FILE.md")
    asked = parser.parse_args()
    classifier = load_classifier(asked.model, device="cpu")
    classifier.backend = Backend("auto")
    annotations = Annotations.read(asked.annotations or asked.folder.parent / "instances.json")
    rows = alike(resumed(asked, partial(measured, classifier, annotations, asked)), asked)
    said = report(rows, Iassa().tolerance)
    print(said)
    if asked.table:
        asked.table.write_text(said + "\n", encoding="utf-8")
    if asked.figures:
        for number, level in enumerate(UNIT, 6):
            drawn(rows, level, asked.figures / f"iassa-figure-{number}.png")


if __name__ == "__main__":
    main()
