"""What hiding costs: a masked forward pass against the plain forward pass of the same batch.

    python -m benchmarks.speed.masked_forward [--models efficientnet-lite0 zoo] [--removals zero ad]
        [--backend torch onnxruntime] [--batch 16] [--rounds 7] [--out masked_forward.json]

For every model and removal it prints the ratio of processor time, masked over plain, measured pair by pair in
alternation within this run: the median over the rounds with its range. Under ``--backend onnxruntime`` both are the
recorded passes. Beside it stands how many photographs a second of processor time the masked pass takes. Masks are what
a causal search asks for: boxes of a random split into four, 25 % to 75 % visible. A model other than the bundled ones
is built with random weights (speed does not depend on them), so nothing is downloaded.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.shared import seconds
from benchmarks.zoo import build, randomise
from unseen import Classifier, Preprocessing, load_classifier
from unseen.classifier.backend import Backend
from unseen.errors import ModelError
from unseen.removal import REMOVALS
from unseen.system.process import tune_allocator

BUNDLED = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
ZOO = (
    "resnet18",
    "resnet50",
    "vgg16",
    "densenet121",
    "regnet_y_800mf",
    "efficientnet_v2_s",
    "mobilenet_v3_large",
    "googlenet",
    "inception_v3",
    "shufflenet_v2_x1_0",
    "convnext_tiny",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(BUNDLED), help="names; 'zoo' stands for torchvision's CNNs")
    parser.add_argument("--removals", nargs="+", default=["zero", "ad", "ad:pooled", "ad:pooled,fill=neighbour"])
    parser.add_argument("--backend", nargs="+", default=["torch"], choices=["torch", "onnxruntime"])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    allocator = tune_allocator()
    names = [n for name in options.models for n in (ZOO if name == "zoo" else (name,))]
    rows = []
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, batch {options.batch}, allocator {allocator}")
    for name in names:
        classifier = model_named(name)
        for backend, removal in itertools.product(options.backend, options.removals):
            classifier.backend = Backend(backend)
            try:
                measured = measure(classifier, removal, options.batch, options.rounds)
            except ModelError as error:
                print(f"{name:22} {backend:12} {removal:26} {error}", flush=True)
                continue
            rows.append({"model": name, "backend": backend, **measured})
            low, high = measured["range"]
            told = f"{measured['ratio']:.3f}  [{low:.3f}, {high:.3f}]  {measured['rate']:.1f}/s"
            print(f"{name:22} {backend:12} {removal:26} {told}", flush=True)
    if options.out:
        settings = {"torch": torch.__version__, "threads": torch.get_num_threads(), "batch": options.batch}
        options.out.write_text(json.dumps({**settings, "rounds": options.rounds, "rows": rows}, indent=1))


def model_named(name: str) -> Classifier:
    if name in BUNDLED:
        return load_classifier(name).optimised()
    side = 299 if name == "inception_v3" else 224
    network = randomise(build(f"tv:{name}", side), side)
    return Classifier(network, Preprocessing((side, side), side), name=name).optimised()


@torch.inference_mode()
def measure(classifier: Classifier, removal: str, batch: int, rounds: int) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    space = classifier.preprocessing.size
    image = torch.rand(classifier.preprocessing.channels, *space, generator=generator)
    masked = REMOVALS.create(removal).bind(classifier, image)
    pixels, masks = image.expand(batch, *image.shape), split_masks(batch, space, generator)
    plain_pass, masked_pass = partial(classifier.forward, pixels), partial(masked.forward, pixels, masks)
    plain_pass()
    masked_pass()
    device = classifier.device
    times = [(seconds(masked_pass, device), seconds(plain_pass, device)) for _ in range(rounds)]
    ratios = [masked / plain for masked, plain in times]
    return {
        "removal": removal,
        "ratio": statistics.median(ratios),
        "range": [min(ratios), max(ratios)],
        "rate": batch / statistics.median(masked for masked, _ in times),
        "visible": float(masks.mean()),
    }


def split_masks(count: int, space: Sequence[int], generator: torch.Generator) -> torch.Tensor:
    """Unions of some of the boxes of a random split at a point, but not of all: two of a signal, four of an image."""
    masks = torch.zeros(count, *space)
    for mask in masks:
        cuts = [int(torch.randint(side // 4, 3 * side // 4, (), generator=generator)) for side in space]
        ends = [(slice(0, cut), slice(cut, None)) for cut in cuts]
        boxes = list(itertools.product(*ends))
        order = torch.randperm(len(boxes), generator=generator)
        for number in order[: int(torch.randint(1, len(boxes), (), generator=generator))].tolist():
            mask[boxes[number]] = 1
    return masks


if __name__ == "__main__":
    main()
