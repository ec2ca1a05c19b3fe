"""Can the answers to masks of a photograph stand for those of photographs near it, by their gradients?

    python -m benchmarks.studies.reuse_nearby PHOTO_OR_FOLDER [--limit 10] [--model efficientnet-lite0]
        [--radii 0.005 0.02 0.05]

An aggregation asks every method again for photographs near the one that is explained. A method that hides parts would
then cost nothing if f(x′ under m) − f(x under m) were ∇f(x under m) · (x′ − x) on what m shows. Printed for each radius
of the L∞ ball: the correlation of that difference with its prediction, and the share of its square that the prediction
leaves, over 16 masks of RISE and 4 photographs x′ each; means over photographs with 95 % intervals. A share near 0
would make reuse sound; above 1 the prediction is worse than none.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.shared import spread
from unseen import Classifier, load_classifier
from unseen.evaluation.statistics import mean_interval
from unseen.explainers.hiding.rise import RandomMasks
from unseen.inputs.neighbourhood import noisy
from unseen.removal import REMOVALS

MASKS, NEARBY = 16, 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--limit", type=int, default=10)
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--radii", type=float, nargs="+", default=[0.005, 0.02, 0.05])
    options = parser.parse_args()
    classifier = load_classifier(options.model)
    images = [classifier.prepare(path) for path in spread(options.photos, options.limit)]
    print(f"{len(images)} photographs, {classifier.name}\n\n| radius | correlation | share left |\n| --- | --- | --- |")
    for radius in options.radii:
        found = [predicted(classifier, image, radius) for image in images]
        said = (mean_interval([pair[place] for pair in found]) for place in (0, 1))
        print(
            f"| {radius} | " + " | ".join(f"{i.value:.2f} [{i.low:.2f}, {i.high:.2f}]" for i in said) + " |", flush=True
        )


def predicted(classifier: Classifier, image: Tensor, radius: float) -> tuple[float, float]:
    """The correlation of true and predicted differences, and the share of the true ones' square that is left."""
    target = int(classifier.logits(image[None]).argmax())
    grey = REMOVALS.create("grey")
    pixels = image.expand(MASKS, -1, -1, -1)
    masks = RandomMasks(MASKS, 7, 0.5, (image.shape[1], image.shape[2]), grey.soft, 0)(0, MASKS)
    seen = grey.painted(classifier, pixels, masks).requires_grad_()
    with classifier.frozen(), torch.enable_grad():
        before = classifier.forward(seen)[:, target]
        (slopes,) = torch.autograd.grad(before.sum(), [seen])
    true, guessed = [], []
    for other in noisy(image, radius, NEARBY, torch.Generator().manual_seed(0)):
        moved = grey.painted(classifier, other.expand(MASKS, -1, -1, -1), masks)
        true.append(classifier.logits(moved)[:, target] - before.detach().cpu())
        guessed.append((slopes * (moved - seen.detach())).sum((1, 2, 3)).cpu())
    one, other = torch.cat(true).double(), torch.cat(guessed).double()
    left = float((one - other).square().sum() / one.square().sum())
    return float(torch.corrcoef(torch.stack([one, other]))[0, 1]), left


if __name__ == "__main__":
    main()
