"""What every attribution method costs beyond the network: its time over that of the bare passes it spends.

    python -m benchmarks.speed.attribution_cost PHOTO_OR_FOLDER [--limit 3] [--removal zero] [--methods saliency lime …]
        [--model NAME | --untrained timm:NAME]

For every photograph and method the map alone is made, as the command line makes it (batch norms folded, channels last,
the allocator kept from returning memory), and every pass of the network is noted: how many images, and whether with a
gradient. Then the same number of images goes through the same network in the same batches, with a gradient of the
class's logit where there was one. Printed is the median over the photographs of the ratio of processor times, with its
range. With --removal zero hiding costs next to nothing, so that it is the method alone.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from benchmarks.shared import seconds, spread
from benchmarks.zoo import build, randomise
from unseen import Classifier, Preprocessing, load_classifier
from unseen.explainers.catalogue import METHODS
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.search import FromMap
from unseen.removal import REMOVALS
from unseen.system.process import tune_allocator


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--limit", type=int, default=3)
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--untrained", metavar="NAME", help="architecture of benchmarks.zoo, instead of --model")
    parser.add_argument("--removal", default="zero")
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    options = parser.parse_args()
    tune_allocator()
    loaded = untrained(options.untrained) if options.untrained else load_classifier(options.model)
    classifier = Noting.of(loaded.optimised())
    print("| method | evaluations | with a gradient | time / bare passes |\n| --- | --- | --- | --- |")
    for name in options.methods:
        ratios = []
        for path in spread(options.photos, options.limit):
            ratios.append(ratio(classifier, path, name, options.removal))
            passes = classifier.passes
        images, slopes = (sum(size for size, sloped in passes if sloped or not only) for only in (False, True))
        low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
        print(f"| `{name}` | {images:,} | {slopes:,} | {middle:.2f} [{low:.2f}, {high:.2f}] |", flush=True)


def untrained(name: str, size: int = 224) -> Classifier:
    return Classifier(randomise(build(name, size, small=False), size), Preprocessing((size, size)), name=name)


class Noting(Classifier):
    """A classifier that notes its passes: how many images, and whether a gradient can be asked for."""

    passes: list[tuple[int, bool]]

    @classmethod
    def of(cls, fast: Classifier) -> Noting:
        noting = cls(fast.model, fast.preprocessing, fast.labels, name=fast.name)
        noting.memory_format, noting.passes = fast.memory_format, []
        return noting

    def call(self, normalised: Tensor, following: TorchFunctionMode | None = None) -> object:
        self.passes.append((len(normalised), normalised.requires_grad and torch.is_grad_enabled()))
        return super().call(normalised, following)


def ratio(classifier: Noting, path: Path, name: str, removal: str) -> float:
    image = classifier.prepare(path)
    target = int(classifier.logits(image[None]).argmax())
    method = METHODS.create(name)
    assert isinstance(method, FromMap)

    def once() -> float:
        """What is kept of a photograph is made anew, or the second map would cost nothing."""
        masked = REMOVALS.create(removal).bind(classifier, image)
        classifier.passes.clear()
        return seconds(lambda: method.attribute(Evaluator(masked, target), 0, None), classifier.device)

    once()  # for what is done once per process
    if not classifier.passes:
        return float("nan")
    spent = bare = 0.0
    while bare < 1:  # seconds; a few passes alone are over too soon to be timed
        spent += once()
        passes = list(classifier.passes)
        bare += seconds(partial(bare_passes, classifier, image, target, passes), classifier.device)
        classifier.passes[:] = passes
    return spent / bare


def bare_passes(classifier: Classifier, image: Tensor, target: int, passes: Sequence[tuple[int, bool]]) -> None:
    for size, sloped in passes:
        bare_pass(classifier, image.expand(size, -1, -1, -1), target, sloped)


def bare_pass(classifier: Classifier, images: Tensor, target: int, sloped: bool) -> None:
    if not sloped:
        classifier.logits(images)
        return
    images = images.clone().requires_grad_()
    torch.autograd.grad(classifier.forward(images)[:, target].sum(), images)


if __name__ == "__main__":
    main()
