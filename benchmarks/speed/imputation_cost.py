"""What linear imputation costs and how exact it is: against a sparse factorisation, and beside the passes it feeds.

    python -m benchmarks.speed.imputation_cost PHOTO_OR_FOLDER [--limit 3] [--model efficientnet-lite0] [--device cpu]

The masks are those that ROAD asks about two maps of each photograph: its edges (compact) and noise (scattered), 18 of
each. All are imputed in one batch, then one by one by scipy's `spsolve`, then the bare network runs on as many images.
Printed: processor seconds of each (wall-clock on other devices), the ratios, and the largest and the mean difference
between the two solutions, in pixels of [0, 1].
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve
from torch import Tensor

from benchmarks.shared import spread
from unseen import load_classifier
from unseen.explainers.controls.maps import Edges, RandomMap
from unseen.metrics.road import removals
from unseen.removal.fills.linear import impute


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--limit", type=int, default=3)
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--device")
    options = parser.parse_args()
    classifier = load_classifier(options.model, device=options.device)
    clock = time.process_time if classifier.device.type == "cpu" else time.perf_counter
    for path in spread(options.photos, options.limit):
        image = classifier.prepare(path)
        for control in (Edges(), RandomMap()):
            saliency = control.drawn(image, 0).float()
            masks = torch.cat([removals(saliency, 9, least=least) for least in (True, False)]).to(classifier.device)
            pixels = image.to(classifier.device).expand(len(masks), -1, -1, -1)
            impute(pixels[:1], masks[:1].float())
            classifier.logits(pixels[:1])
            ours, filled = timed(clock, partial(imputed, pixels, masks))
            theirs, exact = timed(clock, partial(solved, image, masks))
            bare, _ = timed(clock, partial(classifier.logits, pixels))
            error = (filled - exact).abs()
            print(
                f"{path.name:24} {type(control).__name__:10} ours {ours:.2f} s, spsolve {theirs:.2f} s "
                f"({theirs / ours:.1f}×), bare passes {bare:.2f} s (ours {ours / bare:.2f} of it); "
                f"difference at most {error.max():.5f}, mean {error.mean():.6f}",
                flush=True,
            )


def imputed(pixels: Tensor, masks: Tensor) -> Tensor:
    return impute(pixels, masks.float()).cpu()


def solved(image: Tensor, masks: Tensor) -> Tensor:
    return torch.stack([direct(image, mask) for mask in masks.cpu()])


def timed(clock: Callable[[], float], work: Callable[[], Any]) -> tuple[float, Any]:
    began = clock()
    result = work()
    return clock() - began, result


def direct(image: Tensor, mask: Tensor) -> Tensor:
    """The paper's equations as a sparse system, solved by factorisation."""
    pixels, visible = image.double().numpy(), mask.numpy().astype(bool)
    hidden = np.argwhere(~visible)
    number = np.full(visible.shape, -1)
    number[~visible] = np.arange(len(hidden))
    diagonal, right = np.zeros(len(hidden)), np.zeros((len(hidden), len(pixels)))
    rows, columns, values = [np.arange(len(hidden))], [np.arange(len(hidden))], [diagonal]
    for down, across in ((y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)):
        weight = 1 / 12 if down and across else 1 / 6
        places = hidden + np.array([down, across])
        inside = np.flatnonzero(((places >= 0) & (places < visible.shape)).all(1))
        y, x = places[inside].T
        diagonal[inside] += weight
        known = visible[y, x]
        right[inside[known]] += weight * pixels[:, y[known], x[known]].T
        rows.append(inside[~known])
        columns.append(number[y[~known], x[~known]])
        values.append(np.full(int((~known).sum()), -weight))
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    system = coo_matrix(entries, shape=(len(hidden), len(hidden))).tocsc()
    filled = pixels.copy()
    filled[:, ~visible] = spsolve(system, right).T
    return torch.from_numpy(filled)


if __name__ == "__main__":
    main()
