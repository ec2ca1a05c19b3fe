"""What an evaluation of many photographs takes on many workers, from what one photograph takes here.

    python -m benchmarks.speed.run_cost PHOTO [--photographs 50000] [--rates 1000 5000] [--workers 1 8 64]
        [--driver 2.5] [--methods …] [--removals …] [--metrics …] [--model efficientnet-lite0]

Evaluations are counted, of every method under every removal and of all metrics of a map together; the controls are
judged, too. RATES are evaluations a second that one worker does: the first row is what this machine does, bare, on one
thread; others are what you measured on yours. DRIVER is the driver's processor time a cell, in milliseconds
(`benchmarks.speed.cluster_cost`), of which follows how many workers it can feed.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch

from benchmarks.speed.metric_cost import bare_passes, given
from unseen import Classifier, load_classifier
from unseen.errors import UnseenError
from unseen.evaluation.judging.judging import EvaluationCell, Judge
from unseen.evaluation.judging.plan import Plan
from unseen.explainers.catalogue import CONTROLS
from unseen.metrics import METRICS
from unseen.metrics.case import judge
from unseen.system.process import tune_allocator

BARE = 64
"""Images in a measurement of bare passes."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument(
        "--methods", nargs="+", default=["causal", "grad-cam", "rise", "occlusion", "shapley", "integrated-gradients"]
    )
    parser.add_argument("--removals", nargs="+", default=["ad", "grey", "blur"])
    parser.add_argument(
        "--metrics",
        nargs="+",
        default=["insertion", "deletion", "average-drop", "complexity", "infidelity", "sensitivity-n"],
    )
    parser.add_argument("--photographs", type=int, default=50_000)
    parser.add_argument("--rates", type=float, nargs="*", default=[1000.0, 5000.0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--driver", type=float, default=2.5, help="milliseconds a cell")
    asked = parser.parse_args()
    tune_allocator()
    torch.set_num_threads(1)
    model = load_classifier(asked.model).optimised()
    maps = _of_maps(asked)
    metrics, rate = _of_metrics(asked, model)
    cells = (len(asked.methods) + len(CONTROLS)) * len(asked.removals)
    total = maps + cells * metrics
    print(f"\nevaluations a photograph: {maps:,} for maps, {cells} × {metrics:,} for metrics, {total:,} in all")
    print(f"cells: {asked.photographs * cells:,}; measurements: {asked.photographs * cells * len(asked.metrics):,}\n")
    print("| evaluations a second | seconds a cell | " + " | ".join(f"hours on {n}" for n in asked.workers), end=" ")
    print("| workers that the driver can feed |\n|" + " --- |" * (len(asked.workers) + 3))
    for one in (rate, *asked.rates):
        each = total / cells / one
        hours = [max(each / n, asked.driver / 1e3) * cells * asked.photographs / 3600 for n in asked.workers]
        said = " | ".join(f"{hour:,.0f}" for hour in hours)
        print(f"| {one:,.0f} | {each:.2f} | {said} | {1e3 * each / asked.driver:,.0f} |")


def _of_maps(asked: argparse.Namespace) -> int:
    """The evaluations that the maps of a photograph take; each method is told."""
    plan = Plan(
        (asked.photo,), asked.model, tuple(asked.methods), tuple(asked.removals), metrics=("complexity",), device="cpu"
    )
    (subject,), spent = plan.subjects, 0
    evaluate = Judge(plan, Path())
    print(f"| method | {' | '.join(asked.removals)} |\n|" + " --- |" * (len(asked.removals) + 1))
    for method in plan.explainers:
        found = [evaluate(EvaluationCell(subject, method, removal, None)) for removal in asked.removals]
        failed = next((one.reason for one in found if one.reason), "")
        if failed:
            raise UnseenError(failed)
        print(f"| `{method}` | {' | '.join(f'{one.evaluations:,}' for one in found)} |", flush=True)
        spent += sum(one.evaluations for one in found)
    return spent


def _of_metrics(asked: argparse.Namespace, model: Classifier) -> tuple[int, float]:
    """The evaluations that all metrics of one map take together, and bare evaluations a second."""
    image, removal = model.prepare(asked.photo), asked.removals[0]
    case = given(model, image, removal)
    judge([(case, METRICS.create(metric)) for metric in asked.metrics])
    began = time.process_time()
    bare_passes(model, image, BARE, case.masked.batch)
    return case.masked.evaluations, BARE / (time.process_time() - began)


if __name__ == "__main__":
    main()
