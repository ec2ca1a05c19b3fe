"""What a masked pass costs when little of the photograph is visible, over a plain pass of the same batch.

    python -m benchmarks.studies.visible_fraction [--models efficientnet-lite0] [--rounds 9]
        [--out visible_fraction.json]

Squares of growing size at random places, batches of 16, one thread: the median over the rounds of the ratio of
processor times, measured pair by pair in alternation, for the form that dilates and for the cut-out, which runs on a
box around what is visible; and the largest difference of its logits from those of the pass on the whole photograph.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import torch

from benchmarks.shared import seconds
from unseen import load_classifier
from unseen.removal import REMOVALS
from unseen.system.process import tune_allocator

BATCH = 16
SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["efficientnet-lite0"])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    tune_allocator()
    results = {}
    for model in options.models:
        print(f"{model}, median of {options.rounds} pairs\nvisible   ad  ad:pooled  difference")
        results[model] = [measure(load_classifier(model).optimised(), share, options.rounds) for share in SHARES]
    if options.out:
        options.out.write_text(json.dumps(results, indent=1))


@torch.inference_mode()
def measure(classifier: Any, share: float, rounds: int) -> dict[str, float]:
    side = classifier.preprocessing.size[0]
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(3, side, side, generator=generator)
    length = round(side * share**0.5)
    masks, pixels = torch.zeros(BATCH, side, side), image.expand(BATCH, -1, -1, -1)
    for mask in masks:
        y, x = (int(torch.randint(0, side - length + 1, (), generator=generator)) for _ in range(2))
        mask[y : y + length, x : x + length] = 1
    row = {"visible": share}
    for spec in ("ad", "ad:pooled"):
        forward: Any = REMOVALS.create(spec).bind(classifier, image).forward
        pairs = [
            (seconds(lambda: classifier.forward(pixels)), seconds(lambda: forward(pixels, masks)))  # noqa: B023
            for _ in range(rounds + 1)
        ][1:]
        row[spec] = statistics.median(masked / plain for plain, masked in pairs)
    whole = forward(pixels, masks, whole=True)
    row["difference"] = float((forward(pixels, masks) - whole).abs().max())
    print(f"{share:7.0%} {row['ad']:5.2f} {row['ad:pooled']:9.2f}  {row['difference']:.0e}", flush=True)
    return row


if __name__ == "__main__":
    main()
