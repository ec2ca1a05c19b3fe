"""What the metrics along a ranking cost beyond the network, and against Quantus and torchcam on the same work.

    python -m benchmarks.speed.metric_cost PHOTO_OR_FOLDER [--limit 3] [--steps 56] [--model efficientnet-lite0]

First table: deletion and insertion together (`judge`), under each removal. Their processor time over that of the bare
passes of the network on as many images in the same batches; the evaluations; and the passes that they were asked in.
Second table: the same work by a peer, the ratio of processor times (ours / peer) and the largest difference of a value.
Quantus' steps must divide the number of pixels while it counts colours, so that at 224 × 224 it cuts through a pixel:
its values may differ a little. Both ratios are of runs one after the other in one process, on the same network; each is
the median over the photographs with its range. A peer that is not installed is left out with the reason.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.shared import spread
from benchmarks.torchvision_import import import_torchvision
from unseen import Classifier, load_classifier
from unseen.metrics.case import Case, judge
from unseen.metrics.curves import Deletion, Insertion
from unseen.removal import REMOVALS
from unseen.system.process import tune_allocator

QUANTUS_STEPS = 84  # of 1792 colour values, which divides the pixels of 224 × 224
Timed = tuple[float, tuple[float, ...]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--limit", type=int, default=3)
    parser.add_argument("--steps", type=int, default=56)
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--removals", nargs="+", default=["zero", "blur", "ad"])
    options = parser.parse_args()
    tune_allocator()
    classifier = load_classifier(options.model, device="cpu")
    images = [classifier.prepare(path) for path in spread(options.photos, options.limit)]
    print("| removal | evaluations | passes | time / bare passes |\n| --- | --- | --- | --- |")
    for removal in options.removals:
        rows = [beyond_the_network(classifier, image, removal, options.steps) for image in images]
        print(f"| `{removal}` | {rows[0][1]} | {rows[0][2]} | {said([row[0] for row in rows])} |", flush=True)
    print("\n| peer, deletion steps | time ours / peer | largest difference |\n| --- | --- | --- |")
    for name, peer in (("torchcam", torchcam), ("Quantus", quantus)):
        try:
            pairs = [peer(given(classifier, image, "zero"), options.steps) for image in images]
        except ImportError as error:
            print(f"| {name} | left out: {error} | – |")
        else:
            print(
                f"| {name} | {said([row[0] for row in pairs])} | {max(row[1] for row in pairs):.1g} |",
                flush=True,
            )


def said(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"


def given(classifier: Classifier, image: Tensor, removal: str) -> Case:
    """A map without ties; what it shows does not matter for the cost."""
    masked = REMOVALS.create(removal).bind(classifier, image)
    order = torch.randperm(image[0].numel(), generator=torch.Generator().manual_seed(0))
    target = int(classifier.logits(image[None]).argmax())
    return Case(order.float().reshape(masked.shape), target, masked)


def timed(work: Callable[[], tuple[float, ...]]) -> Timed:
    began = time.process_time()
    values = work()
    return time.process_time() - began, values


def ours(case: Case, *metrics: Any) -> tuple[float, ...]:
    values = judge([(case, metric) for metric in metrics])
    return tuple(float(value) for value in values)  # type: ignore[arg-type]


def beyond_the_network(classifier: Classifier, image: Tensor, removal: str, steps: int) -> tuple[float, int, int]:
    """Time over bare passes, evaluations, passes."""
    case, passes = given(classifier, image, removal), list[int]()
    case.masked.progress = lambda _, done, __: passes.append(done)
    ours(case, Deletion(steps), Insertion(steps))
    count, evaluations = len(passes), case.masked.evaluations
    spent, _ = timed(lambda: ours(case, Deletion(steps), Insertion(steps)))
    bare, _ = timed(lambda: bare_passes(classifier, image, evaluations, case.masked.batch))
    return spent / bare, evaluations, count


def bare_passes(classifier: Classifier, image: Tensor, count: int, batch: int) -> tuple[float, ...]:
    for start in range(0, count, batch):
        classifier.logits(image.expand(min(batch, count - start), -1, -1, -1))
    return ()


class Given:
    """What torchcam asks for a map; it answers with the one that is judged."""

    def __init__(self, case: Case) -> None:
        self.model, self.map = case.classifier.model, case.saliency[None]

    def __call__(self, *_: Any, **__: Any) -> list[Tensor]:
        return [self.map]

    def fuse_cams(self, cams: list[Tensor]) -> Tensor:
        return cams[0]

    def _hooks_off(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


def torchcam(case: Case, steps: int) -> tuple[float, float]:
    """Deletion and insertion in batches of the same size."""
    from torchcam.metrics import DeletionInsertionMetric

    image = case.classifier.normalise(case.image[None])

    def peer() -> tuple[float, ...]:
        metric = DeletionInsertionMetric(
            Given(case), partial(torch.softmax, dim=-1), steps=steps, batch_size=case.masked.batch
        )
        metric.update(image, case.target)
        return tuple(metric.summary().values())

    return compared(lambda: ours(case, Deletion(steps), Insertion(steps)), peer)


def quantus(case: Case, steps: int) -> tuple[float, float]:
    """Deletion alone, which is all that it has; its curve lacks the full photograph."""
    del steps
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import_torchvision()  # which Quantus needs
        from quantus import PixelFlipping

    height, width = case.masked.shape
    features = 3 * height * width // QUANTUS_STEPS
    case.classifier.model.eval()
    image = case.classifier.normalise(case.image[None]).contiguous().numpy()
    probability = float(case.classifier.logits(case.image[None]).softmax(1)[0, case.target])

    def peer() -> tuple[float, ...]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            metric = PixelFlipping(
                features_in_step=features, perturb_baseline=0.0, normalise=False, disable_warnings=True
            )
            maps = case.saliency[None, None].expand(1, 3, -1, -1).numpy()
            (curve,) = metric(case.classifier.model, image, np.array([case.target]), maps, device="cpu")
        return (float(np.trapezoid([probability, *curve], dx=1 / QUANTUS_STEPS)),)

    return compared(lambda: ours(case, Deletion(QUANTUS_STEPS)), peer)


def compared(us: Callable[[], tuple[float, ...]], peer: Callable[[], tuple[float, ...]]) -> tuple[float, float]:
    """Ratio of times, each the second of two runs, and the largest difference of a value."""
    us(), peer()
    (own, values), (other, expected) = timed(us), timed(peer)
    return own / other, max(abs(a - b) for a, b in zip(values, expected, strict=True))


if __name__ == "__main__":
    main()
