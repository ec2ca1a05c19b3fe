"""Every attribution method that runs on a network, ranked under four judges, with intervals.

    python -m benchmarks.tables.quality FOLDER [--model efficientnet-lite0] [--limit 50] [--workers 2]
        [--results quality] [--table docs/tables/quality-lite0.md]

Maps are made under ``grey``, each with some 200 evaluations or fewer, but those that pass every channel of a layer
(``score-cam``, ``ablation-cam``), whose number is the network's. They are judged by insertion minus deletion under
four removals: the difference of the two areas under the probability of the class, higher is better.
On each photograph the methods and the controls are ranked under each judge, 1 is the best; the table is in order of
the mean rank over photographs and judges, with 95 % bootstrap intervals over photographs. An = marks those that cannot
be told from the first, photograph by photograph (Wilcoxon's test of the ranks, p < 0.05 after Holm's adjustment), which
may be for want of photographs.

``unseen evaluate`` does the work, three core minutes a photograph; what lies in --results is not done again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from unseen.evaluation.judging.ledger import stream
from unseen.evaluation.judging.measurements import Key, Measurements
from unseen.evaluation.judging.outcomes import EVALUATIONS
from unseen.evaluation.judging.report.maps import as_interval
from unseen.evaluation.judging.report.tables import labelled
from unseen.evaluation.statistics import holm, mean_interval, signed_rank
from unseen.system.table import markdown

MAKER = "grey"
JUDGES = ("ad", "ad:pooled,fill=neighbour", "grey", "blur")
CURVES = ("insertion:steps=8", "deletion:steps=8")
METHODS = (
    "causal:iterations=4",
    "occlusion",
    "rise:masks=150",
    "lime:samples=150",
    "shapley:budget=200",
    "shapley-interactions:segments=10,budget=200",
    "sobol:cells=36,designs=4",
    "hsic:cells=36,masks=150",
    "iassa:budget=200",
    "extremal-perturbation:rounds=20",
    "meaningful-perturbation:rounds=60",
    "smallest-destroying-region:rounds=60",
    "smallest-sufficient-region:rounds=60",
    "saliency",
    "input-x-gradient",
    "integrated-gradients",
    "expected-gradients:samples=50",
    "smoothgrad",
    "smoothgrad-squared",
    "vargrad",
    "deconvnet",
    "guided-backprop",
    "zipo",
    "zipo-class:smooth=0.03,copies=3,most=40",
    "lrp-epsilon",
    "lrp-alpha-beta",
    "lrp-gamma",
    "deep-taylor",
    "deeplift",
    "deepshap:samples=10",
    "fullgrad",
    "cam",
    "grad-cam",
    "grad-cam++",
    "xgrad-cam",
    "layer-cam",
    "eigen-cam",
    "ablation-cam",
    "score-cam",
    "opti-cam:rounds=40",
    "aggregate:of=grad-cam/lrp-gamma/smoothgrad/guided-backprop,nearby=2,hidden=48",
)
"""All but those that need a transformer's attention."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--limit", type=int, default=50)
    parser.add_argument("--seed", type=int, default=11, help="of the photographs that are drawn")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--judges", nargs="+", default=list(JUDGES))
    parser.add_argument("--results", type=Path, default=Path("quality"))
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    metrics = [f"{curve}@{judge}" for judge in options.judges for curve in CURVES]
    command = [sys.executable, "-m", "unseen", "evaluate", *map(str, options.photos), "--model", options.model]
    command += ["--limit", str(options.limit), "--seed", str(options.seed), "--workers", str(options.workers)]
    command += ["--methods", ",".join(options.methods), "--removals", MAKER, "--metrics", ",".join(metrics)]
    done = subprocess.run([*command, "--backend", "auto", "--out", str(options.results)], check=False)
    if done.returncode not in (0, 1):  # 1: some cells failed, the others are there
        raise SystemExit(done.returncode)
    text = ranking(Measurements(stream(options.results)), options.judges)
    print(text)
    if options.table:
        options.table.write_text(text, "utf-8")


def ranking(measurements: Measurements, judges: Sequence[str]) -> str:
    """The table, over the photographs on which every method that has values at all has them under every judge."""
    found = {
        method: [qualities(measurements, method, judge) for judge in judges]
        for method in dict.fromkeys(key.method for key in measurements.values)
    }
    without = [method for method, by_judge in found.items() if not all(by_judge)]
    methods = [method for method in found if method not in without]
    photos = sorted(set.intersection(*(set(values) for method in methods for values in found[method])))
    values = np.array([[[one[photo] for photo in photos] for one in found[method]] for method in methods])
    ranks: NDArray[np.float64] = rankdata(-values, axis=0).mean(1)  # of method and photograph, over judges
    order = np.argsort(ranks.mean(1), kind="stable").tolist()
    best = order[0]
    equal = holm([signed_rank(ranks[one] - ranks[best]) for one in order[1:]])
    rows = [["method", "evaluations", "mean rank", *(f"`{judge}`" for judge in judges)]]
    for one, p in zip(order, [1.0, *equal], strict=True):
        mark = " =" if p >= 0.05 and one != best else ""
        cost = np.mean(list(measurements.values[Key(methods[one], MAKER, EVALUATIONS)].values()))
        worth = (as_interval(mean_interval(values[one, judge])) for judge in range(len(judges)))
        rows.append([labelled(methods[one]), f"{cost:.0f}", as_interval(mean_interval(ranks[one])) + mark, *worth])
    told = f"{len(methods)} methods and controls on {len(photos)} photographs."
    if without:
        told += f" Without a value under one of the judges: {', '.join(without)}."
    return f"{markdown(rows)}\n\n{told}\n"


def qualities(measurements: Measurements, method: str, judge: str) -> dict[str, float]:
    """Insertion minus deletion by photograph, where both have a value."""
    shown, hidden = (measurements.values.get(Key(method, MAKER, f"{curve}@{judge}"), {}) for curve in CURVES)
    return {photo: shown[photo] - hidden[photo] for photo in shown if photo in hidden}


if __name__ == "__main__":
    main()
