"""How often zero-information points and parts are found, in the ranges that the thesis states, and at what cost.

    python -m benchmarks.studies.zero_information FOLDER [--limit 30] [--model efficientnet-lite0] [--figure curves.png]

Points: all information (pixels free, and smooth), and that of the network's own class only. Parts: Algorithm 2 and the
decomposition of section 9.7, under one mask for each photograph, drawn from the photograph itself: 7 × 7 cells, each
visible with probability one half. Met is: largest probability below 0.004 (of one class: its own); |y − y′| at most
0.004 and largest probability at most 0.0045; squared residual at most 0.005 and largest probability at most 0.0045.
These are for 1000 classes; with K classes the part above 1 / K is the same. Printed are the shares with Wilson's 95 %
interval, medians with quartiles, and the plain baselines. The figure has the losses and
largest probabilities of zipo by step.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.shared import spread, wilson
from unseen import Classifier, load_classifier
from unseen.inputs.streams import stream_of
from unseen.removal.zero_information.parts import Adding, Decomposing, ZeroParts, addition, decomposition
from unseen.removal.zero_information.point import Descending, ZeroPoints, plain_baselines, zero_points
from unseen.system.process import tune_allocator

POINTS = {
    "zipo": Descending(),
    "zipo:smooth=0.02,step=0.01": Descending(smooth=0.02, step=0.01),
    "zipo-class": Descending(),
}
PARTS: dict[str, Callable[[Classifier, Tensor, Tensor], ZeroParts]] = {
    "zip": partial(addition, options=Adding()),
    "zip-decomposition": partial(decomposition, options=Decomposing()),
}

Rows = dict[str, dict[str, list[float]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--limit", type=int, default=30)
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--device")
    parser.add_argument("--batch", type=int, default=5, help="photographs that are optimised together")
    parser.add_argument("--forms", nargs="+", default=[*POINTS, *PARTS], choices=[*POINTS, *PARTS])
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    tune_allocator()
    classifier = load_classifier(options.model, device=options.device).optimised()
    images = [classifier.prepare(path) for path in spread(options.photos, options.limit)]
    rows: Rows = defaultdict(lambda: defaultdict(list))
    curves: list[tuple[Tensor, Tensor]] = []
    for form in options.forms:
        began = time.perf_counter()
        for start in range(0, len(images), options.batch):
            some = torch.stack(images[start : start + options.batch])
            curves += judged(classifier, some, form, rows[form])
        rows[form]["seconds"].append((time.perf_counter() - began) / len(images))
        table(form, rows[form])
    for image in images:
        for name, values in plain_baselines(classifier, image).items():
            rows[name]["largest probability"].append(values["max_probability"])
    for name in ("black", "grey", "white", "noise"):
        table(name, rows[name])
    if options.figure and curves:
        draw(curves, options.figure)


Curves = list[tuple[Tensor, Tensor]]
"""Of each photograph the losses and the largest probabilities by step."""


def judged(classifier: Classifier, images: Tensor, form: str, row: dict[str, list[float]]) -> Curves:
    """One batch under one form; the curves of the plain points."""
    curves: Curves = []
    result: ZeroPoints | ZeroParts
    if form in POINTS:
        targets = classifier.logits(images).argmax(1) if form == "zipo-class" else None
        result = found = zero_points(classifier, images, POINTS[form], targets=targets)
        values = {
            "largest probability" if targets is None else "the class's probability": found.maxima[-1],
            "loss, nats": found.losses[-1],
            "rms change, grey levels": (found.points.cpu() - images).square().mean((1, 2, 3)).sqrt() * 255,
        }
        if form == "zipo":
            curves = list(zip(found.losses.unbind(1), found.maxima.unbind(1), strict=True))
    else:
        result = parts = PARTS[form](classifier, images.to(classifier.device), masks(images).to(classifier.device))
        values = {
            "|y − y′|" if form == "zip" else "squared residual": parts.residual,
            "largest probability": parts.maximum,
            "change of the shown picture": parts.change,
        }
    for name, numbers in {"met": result.converged, "steps": result.steps, **values}.items():
        row[name] += numbers.double().tolist()
    return curves


def masks(images: Tensor) -> Tensor:
    """7 × 7 cells, each visible with probability one half; drawn from the photograph."""
    cells = torch.stack([torch.rand(7, 7, generator=stream_of(image, 1)) < 0.5 for image in images])
    return torch.nn.functional.interpolate(cells[:, None].float(), size=images.shape[2:])[:, 0]


def table(form: str, row: dict[str, list[float]]) -> None:
    print(f"{form}:", flush=True)
    for name, numbers in row.items():
        if name == "met":
            low, high = wilson(int(sum(numbers)), len(numbers))
            print(f"  met {sum(numbers):.0f} of {len(numbers)} [{low:.2f}, {high:.2f}]")
        elif len(numbers) > 1:
            low, middle, high = statistics.quantiles(numbers, n=4)
            print(f"  {name}: {middle:.3g} [{low:.3g}, {high:.3g}], at most {max(numbers):.3g}")
        else:
            print(f"  {name}: {numbers[0]:.3g} a photograph")


def draw(curves: Sequence[tuple[Tensor, Tensor]], path: Path) -> None:
    """Figure 17: the loss and the largest probability by step, a line for each photograph."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    titles = ("log K − H, nats", "largest probability")
    for axes, title, lines in zip(figure.subplots(1, 2), titles, zip(*curves, strict=True), strict=True):
        for line in lines:
            axes.plot(line.cpu(), color="tab:blue", alpha=0.4, linewidth=1)
        axes.set(xlabel="steps", ylabel=title, yscale="log")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
