"""What mixtures of maps are worth where they were not fitted: ours, simple joins, and the published algorithm.

    python -m benchmarks.tables.aggregation FOLDER [--limit 50] [--model efficientnet-lite0] [--methods …] [--nearby 8]
        [--hidden 128] [--held 4] [--wide 1] [--removals zero blur:20 ad:pooled,fill=neighbour] [--out DIR]

Of each photograph six methods are asked, at it and at nearby photographs, and random segments are hidden (fill
``zero``). ``--nearby`` photographs and ``--hidden`` masks are for fitting weights; ``--held`` other photographs and as
many other masks only judge, as do ``--wide`` photographs of 2.5 times the radius, the metrics ``infidelity`` (squares)
and ``sensitivity-n``, and insertion − deletion along the rankings of the mixtures. All of it is asked once and shared
by all mixtures. In ``--out`` are the raw numbers of every photograph, so that a second run asks only what is new (also
after it was interrupted), ``report.md``, ``values.csv`` and ``tradeoff.png``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.shared import spread
from benchmarks.tables.mixing.candidates import ALONG_RANKINGS, CHOSEN, fitted
from benchmarks.tables.mixing.data import Photo, kept, observed, read
from benchmarks.tables.mixing.report import written
from benchmarks.tables.mixing.values import Judged
from unseen import Classifier, load_classifier
from unseen.metrics.case import Case, judge
from unseen.metrics.curves import Deletion, Insertion
from unseen.removal import REMOVALS
from unseen.removal.memory import digest
from unseen.system.process import tune_allocator

POOL = (
    "input-x-gradient", "integrated-gradients:most=17", "smoothgrad:samples=6", "guided-backprop", "grad-cam",
    "occlusion:window=0.25,stride=0.2",
)  # fmt: skip
STEPS = 10
STAGES = ("observe", "curves", "report")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--limit", type=int, default=50)
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--methods", nargs="+", default=POOL)
    parser.add_argument("--nearby", type=int, default=8)
    parser.add_argument("--held", type=int, default=4)
    parser.add_argument("--wide", type=int, default=1)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--radius", type=float, default=0.02)
    parser.add_argument("--removals", nargs="*", default=["zero", "blur:20", "ad:pooled,fill=neighbour"])
    parser.add_argument("--skip", type=int, default=0, help="leave so many of the first photographs out of the report")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES)
    parser.add_argument("--out", type=Path, default=Path("aggregation"))
    options = parser.parse_args()
    tune_allocator()
    classifier = load_classifier(options.model, device="cpu").optimised()
    folder = options.out / options.model
    folder.mkdir(parents=True, exist_ok=True)
    paths = spread(options.photos, options.limit)
    counts = {use: getattr(options, use) for use in ("nearby", "held", "wide", "hidden")}
    if "observe" in options.stages:
        for path in paths:
            raw = folder / f"{path.stem}.pt"
            if not raw.exists():
                began = time.process_time()
                image = classifier.prepare(path)
                kept(raw, observed(classifier, path.name, image, tuple(options.methods), counts, options.radius))
                print(f"{path.name}: {time.process_time() - began:.0f} s", flush=True)
    known = [path for path in paths if (folder / f"{path.stem}.pt").exists()]
    if "curves" in options.stages:
        for removal in options.removals:
            for path in known:
                curves(classifier, path, folder, removal)
    if "report" in options.stages:
        name = "report" if not options.skip else f"report-without-first-{options.skip}"
        written(
            folder / f"{name}.md",
            options.model,
            [judged(folder, path, options.removals) for path in known[options.skip :]],
        )


def curves(classifier: Classifier, path: Path, folder: Path, removal: str) -> None:
    """Insertion − deletion of every mixture, added to what is known of the photograph."""
    photo, ledger = read(folder / f"{path.stem}.pt"), folder / f"{path.stem}.json"
    known: dict[str, float] = json.loads(ledger.read_text()) if ledger.exists() else {}
    found = fitted(photo, folder / f"{path.stem}.weights").mixtures
    maps = [mixed(photo, found[name]) for name in (*photo.methods, *ALONG_RANKINGS)]
    new = {key: saliency for saliency in maps if (key := key_of(saliency, removal)) not in known}
    if new:
        masked = REMOVALS.create(removal).bind(classifier, classifier.prepare(path))
        cases = [Case(saliency, photo.target, masked) for saliency in new.values()]
        values = judge([(case, metric) for case in cases for metric in (Insertion(STEPS), Deletion(STEPS))])
        for key, insertion, deletion in zip(new, values[::2], values[1::2], strict=True):
            known[key] = float(insertion) - float(deletion)  # type: ignore[arg-type]
        unfinished = ledger.with_suffix(".tmp")
        unfinished.write_text(json.dumps(known))
        unfinished.replace(ledger)
        print(f"{path.name} under {removal}: {len(new)} curves", flush=True)


def mixed(photo: Photo, weights: Tensor) -> Tensor:
    """The map of a mixture."""
    return torch.einsum("b,bhw->hw", weights.float(), photo.maps)


def key_of(saliency: Tensor, removal: str) -> str:
    return f"{digest(saliency).hex()} {removal} {STEPS}"


def judged(folder: Path, path: Path, removals: Sequence[str]) -> Judged:
    """All that is known of a photograph."""
    photo, ledger = read(folder / f"{path.stem}.pt"), folder / f"{path.stem}.json"
    known: dict[str, float] = json.loads(ledger.read_text()) if ledger.exists() else {}
    found = fitted(photo, folder / f"{path.stem}.weights")
    maps = {name: mixed(photo, found.mixtures[name]) for name in (*photo.methods, *ALONG_RANKINGS, *CHOSEN)}
    areas = {
        removal: {name: known.get(key_of(saliency, removal), torch.nan) for name, saliency in maps.items()}
        for removal in removals
    }
    return Judged(photo, found, areas)


if __name__ == "__main__":
    main()
