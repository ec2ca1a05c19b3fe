"""What a voxel costs beside a pixel: the same network along one, two and three axes, on as many places.

    python -m benchmarks.speed.spaces_cost [--places 262144] [--axes 1 2 3] [--removals zero ad ad:pooled]
        [--method occlusion] [--batch 3] [--rounds 5] [--out spaces_cost.json]

262144 places are a signal of that length, an image of 512 × 512, or a volume of 64 × 64 × 64. Three convolutions of
width 3 with two pools between them, their mean and a linear layer look at each: along every axis more, a convolution
has three times the taps, so that what a plain pass costs differs; what *hiding* adds to it must not. Printed for each:
nanoseconds of processor time a place of a plain pass; the ratio of a masked pass to it, the median over the rounds, in
alternation; nanoseconds a place that hiding adds; and the memory that a masked pass takes beyond the plain one at most,
in bytes a place of the batch. With --method, what explaining an input takes in all over what the model alone takes
(γ = 0.5, no comparison with chance). Every row is measured in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import statistics
from pathlib import Path
from typing import Any

SPACES = {1: "signal", 2: "image", 3: "volume"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--places", type=int, default=64**3)
    parser.add_argument("--axes", nargs="+", type=int, default=list(SPACES), choices=list(SPACES))
    parser.add_argument("--removals", nargs="+", default=["zero", "ad", "ad:pooled"])
    parser.add_argument("--method", help="a spec, as in `unseen list methods`; nothing is explained without one")
    parser.add_argument("--batch", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = []
    print(
        "| input | removal | plain, ns a place | masked / plain | added, ns a place | memory, bytes a place | "
        "explained / model |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for axes in options.axes:
            for removal in options.removals:
                asked = (axes, options.places, removal, options.batch, options.rounds, options.method)
                rows.append(pool.apply(measure, asked))
                print(as_row(rows[-1]), flush=True)
    if options.out:
        options.out.write_text(json.dumps({"places": options.places, "batch": options.batch, "rows": rows}, indent=1))


def space_of(axes: int, places: int) -> tuple[int, ...]:
    """About so many places, as many along each axis."""
    return (round(places ** (1 / axes)),) * axes


def measure(axes: int, places: int, removal: str, batch: int, rounds: int, method: str | None) -> dict[str, Any]:
    """A row."""
    import torch

    from benchmarks.shared import seconds
    from benchmarks.speed.masked_forward import split_masks
    from unseen import Classifier, Preprocessing
    from unseen.removal import REMOVALS

    torch.set_num_threads(1)
    space = space_of(axes, places)
    generator = torch.Generator().manual_seed(0)
    classifier = Classifier(network(axes), Preprocessing(space, None, mean=(0.5,), std=(0.25,)), ["one", "other"])
    image, masks = torch.rand(1, *space, generator=generator), split_masks(batch, space, generator)
    pixels = image.expand(batch, 1, *space)
    with torch.inference_mode():
        classifier.forward(pixels)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    masked = REMOVALS.create(removal).bind(classifier, image)  # which makes masked passes of its own
    with torch.inference_mode():
        masked.forward(pixels, masks)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        pairs = [
            (seconds(lambda: masked.forward(pixels, masks)), seconds(lambda: classifier.forward(pixels)))
            for _ in range(rounds)
        ]
    plain = statistics.median(one for _, one in pairs)
    ratio = statistics.median(shown / one for shown, one in pairs)
    count = batch * image.numel()
    return {
        "space": space,
        "removal": masked.removal.name,
        "plain_ns": 1e9 * plain / count,
        "ratio": ratio,
        "added_ns": 1e9 * plain * (ratio - 1) / count,
        "bytes": 1024 * memory / count,
        "explained": None if method is None else explained(classifier, image, removal, method),
    }


def explained(classifier: Any, image: Any, removal: str, method: str) -> float:
    """What an explanation takes in all, over what the model takes in it."""
    from unseen import explain

    found = explain(image, classifier, method=method, removal=removal, chance=0, backgrounds=0)
    return float(found.provenance["seconds"] / found.provenance["model_seconds"])


def network(axes: int) -> Any:
    """Convolutions of width 3 along all axes."""
    from torch import nn

    conv, pool, mean = (getattr(nn, f"{kind}{axes}d") for kind in ("Conv", "MaxPool", "AdaptiveAvgPool"))
    return nn.Sequential(
        conv(1, 8, 3, padding=1), nn.ReLU(), pool(2), conv(8, 16, 3, padding=1), nn.ReLU(), pool(2),
        conv(16, 32, 3, padding=1), nn.ReLU(), mean(1), nn.Flatten(), nn.Linear(32, 2),
    )  # fmt: skip


def as_row(row: dict[str, Any]) -> str:
    """A line of the table."""
    kind = f"{SPACES[len(row['space'])]}, {' × '.join(map(str, row['space']))}"
    total = "" if row["explained"] is None else f"{row['explained']:.2f}"
    return (
        f"| {kind} | `{row['removal']}` | {row['plain_ns']:.0f} | {row['ratio']:.2f} | {row['added_ns']:.0f} | "
        f"{max(0, row['bytes']):.0f} | {total} |"
    )


if __name__ == "__main__":
    main()
