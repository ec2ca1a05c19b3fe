"""What a method costs beyond the model: its processor time over that of the bare forward passes it spends.

    python -m benchmarks.speed.method_cost PHOTO_OR_FOLDER [--method causal] [--limit 5] [--removal ad]
        [--out cost.json]

Four configurations are measured, each in a process of its own: the network as it comes; with channels last; with batch
norms folded into convolutions as well; and with the allocator kept from returning memory too, which is how the command
line runs. For each, every photograph is explained (γ = 0.5), then the same number of unmasked images goes through the
same network in the same batches. Printed: the ratio of the two, evaluations, and bare images per processor second. The
ratio holds what hiding costs, too: with --removal zero it is the method alone.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import time
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

CONFIGURATIONS = ("as it comes", "channels last", "channels last, folded", "channels last, folded, allocator")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--limit", type=int, default=5)
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--method", default="causal", help="a spec, as in `unseen list methods`")
    parser.add_argument("--removal", default="ad")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    results = {}
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for configuration in CONFIGURATIONS:
            chosen = (options.model, options.method, options.removal)
            rows = pool.apply(measure, (options.photos, options.limit, *chosen, configuration))
            results[configuration] = rows
            print(summary(configuration, rows), flush=True)
    if options.out:
        options.out.write_text(
            json.dumps({"method": options.method, "removal": options.removal, "configurations": results}, indent=1)
        )


def measure(
    photos: list[Path], limit: int, model: str, method: str, removal: str, configuration: str
) -> list[dict[str, Any]]:
    from unseen.system.process import tune_allocator

    if "allocator" in configuration:
        tune_allocator()
    import torch

    from benchmarks.shared import spread
    from unseen import load_classifier
    from unseen.explainers.catalogue import METHODS
    from unseen.removal import REMOVALS

    classifier = load_classifier(model)
    if "folded" in configuration:
        classifier = classifier.optimised()
    elif "channels last" in configuration:
        classifier.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        classifier.memory_format = torch.channels_last
    rows = []
    for path in spread(photos, limit):
        image = classifier.prepare(path)
        target = int(classifier.logits(image[None]).argmax())
        passes: list[int] = []
        masked = REMOVALS.create(removal).bind(classifier, image, progress=partial(note, passes))
        began = time.process_time()
        METHODS.create(method)(masked, target)
        spent = time.process_time() - began
        bare = bare_seconds(classifier, image, [after - before for before, after in pairwise([0, *passes])])
        seconds = {"method_seconds": spent, "bare_seconds": bare}
        rows.append({"photo": path.name, "evaluations": masked.evaluations, **seconds})
    return rows


def summary(configuration: str, rows: list[dict[str, Any]]) -> str:
    """The ratio, its median and ends over the photographs; a line."""
    ratios = [row["method_seconds"] / row["bare_seconds"] for row in rows]
    evaluations = sum(row["evaluations"] for row in rows)
    rate = evaluations / sum(row["bare_seconds"] for row in rows)
    return (
        f"{configuration:34} ratio {statistics.median(ratios):.3f} [{min(ratios):.3f}, {max(ratios):.3f}] over "
        f"{len(rows)} photographs, {evaluations / len(rows):.0f} evaluations each, "
        f"{rate:.0f} bare images per processor second"
    )


def note(passes: list[int], _: str, done: int, __: int | None) -> None:
    """The listener that writes down how much is done."""
    passes.append(done)


def bare_seconds(classifier: Any, image: Any, batches: list[int]) -> float:
    began = time.process_time()
    for size in filter(None, batches):
        classifier.logits(image.expand(size, -1, -1, -1))
    return time.process_time() - began


if __name__ == "__main__":
    main()
