"""How much of a network's judgement each form of Activation–Deactivation keeps when parts are hidden.

    python -m benchmarks.tables.policies FOLDER --limit 150 [--models efficientnet-lite0 efficientnet-lite1]
        [--out policies.jsonl] [--table docs/policies.md]

Four families of masks at two visible fractions each, the same for every form: large rectangles, coarse (7 × 7) and fine
(28 × 28) random grids, smooth blobs; and a mask that hides everything. Printed, as means over photographs with 95 %
bootstrap intervals: how often the top class is that of the full photograph, the class's probability over its full one
(at most 1), and the entropy of the answer to the fully hidden photograph over that of a uniform one. Each photograph is
one line of --out; a run that was stopped goes on after them. How robust the parts are that a search finds under each
form is measured by `unseen evaluate`.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import torch
from torch import Tensor
from torch.nn import functional as F

from unseen import load_classifier
from unseen.evaluation.statistics import mean_interval
from unseen.inputs.finding import find_photos
from unseen.removal import REMOVALS, Removal
from unseen.removal.deactivation.activation import ActivationDeactivation
from unseen.removal.deactivation.grid import Grid, Traveller, Window
from unseen.removal.deactivation.placement import Placement
from unseen.system.process import tune_allocator

FORMS = (
    "ad",
    "ad:pooling=all",
    "ad:threshold=0.3",
    "ad:threshold=0.5",
    "ad:fill=neighbour",
    "ad:fill=neighbour,join=and",
    "ad:pooled",
    "ad:pooled,fill=neighbour",
    "early",
    "constant-area",
    "grey",
    "zero",
    "channel-mean",
)
MEANINGS = {
    "ad": "dilating, τ = 0 (the default)",
    "ad:pooling=all": "the paper's letter: averages over all positions",
    "ad:threshold=0.3": "dilating, τ = 0.3",
    "ad:threshold=0.5": "dilating, τ = 0.5",
    "ad:fill=neighbour": "dilating with neighbour fill",
    "ad:fill=neighbour,join=and": "layer masking (Balasubramanian & Feizi)",
    "ad:pooled": "cut-out",
    "ad:pooled,fill=neighbour": "cut-out with neighbour fill",
    "early": "prototype: dilating down to an eighth of the resolution, then frozen",
    "constant-area": "prototype: τ adapts so that the share of positions that are on stays that of the visible pixels",
}
FAMILIES = ("rectangle", "coarse grid", "fine grid", "blobs")
FRACTIONS = (0.3, 0.6)


# ---- forms that were tried and are not part of the package ------------------------------------------------------


class EarlyTraveller(Traveller):
    """Dilates in the early stages; from an eighth of the resolution on, a position is on where its own place was."""

    def through_window(self, grid: Grid, window: Window, size: tuple[int, ...]) -> Grid:
        if size == grid.size and size[0] * 8 <= self.origin.size[0]:
            return grid
        return super().through_window(grid, window, size)


class ConstantAreaTraveller(Traveller):
    """Of the positions that see something, those that see most are on, as many as keep the visible share."""

    def spread(self, on: Tensor, valid: Tensor, placement: Placement | None = None) -> Grid:
        share = (on / valid.clamp(min=1)).flatten(1)
        wanted = (self.origin.active.float().mean((1, 2, 3)) * share.shape[1]).ceil().long().clamp(min=1)
        least = share.sort(dim=1, descending=True).values.gather(1, wanted[:, None] - 1)
        active = ((share >= least) & (share > 0)).reshape(on.shape)
        outside = valid == 0
        return Grid(active.to(self.dtype), outside.to(self.dtype) if bool(outside.any()) else None, placement)


@dataclass(frozen=True)
class Early(ActivationDeactivation):
    def traveller(self, masks: Tensor, dtype: torch.dtype) -> Traveller:
        return EarlyTraveller(masks, self.travel, self.threshold, dtype)


@dataclass(frozen=True)
class ConstantArea(ActivationDeactivation):
    def traveller(self, masks: Tensor, dtype: torch.dtype) -> Traveller:
        return ConstantAreaTraveller(masks, self.travel, self.threshold, dtype)


PROTOTYPES: dict[str, Removal] = {"early": Early(), "constant-area": ConstantArea()}


# ---- the comparison ---------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--limit", type=int, default=150)
    parser.add_argument("--models", nargs="+", default=["efficientnet-lite0", "efficientnet-lite1"])
    parser.add_argument("--forms", nargs="+", default=list(FORMS))
    parser.add_argument("--out", type=Path, default=Path("policies.jsonl"))
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    tune_allocator()
    files = find_photos(options.photos)
    files = random.Random(0).sample(files, min(options.limit, len(files)))
    done = {(row["model"], row["photo"]) for row in read(options.out)}
    with options.out.open("a") as out:
        for model in options.models:
            waiting = [path for path in files if (model, path.name) not in done]
            classifier = load_classifier(model).optimised() if waiting else None
            began = time.time()
            for number, path in enumerate(waiting, 1):
                print(json.dumps({"model": model, **judged(classifier, path, options.forms)}), file=out, flush=True)
                left = (time.time() - began) / number * (len(waiting) - number)
                print(f"{model}: {number} of {len(waiting)}, {left / 60:.0f} min left", file=sys.stderr, flush=True)
    text = table([row for row in read(options.out) if row["photo"] in {path.name for path in files}], options.forms)
    print(text)
    if options.table:
        options.table.write_text(text)


def read(path: Path) -> list[dict[str, Any]]:
    """Complete lines; one that a kill cut short is done again."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def judged(classifier: Any, path: Path, forms: Sequence[str]) -> dict[str, Any]:
    image = classifier.prepare(path)
    full = classifier.logits(image[None]).softmax(1)[0]
    target, height = int(full.argmax()), image.shape[1]
    masks = torch.stack([*masks_of(height, crc32(path.name.encode())), torch.zeros(height, height)])
    results = {}
    for form in forms:
        removal = PROTOTYPES.get(form) or REMOVALS.create(form)
        answers = removal.bind(classifier, image)(masks).softmax(1)
        shown, hidden = answers[:-1], answers[-1]
        results[form] = {
            "agrees": (shown.argmax(1) == target).tolist(),
            "confidence": (shown[:, target] / full[target]).clamp(max=1).tolist(),
            "entropy": float(-(hidden * hidden.clamp(min=1e-30).log()).sum() / math.log(len(hidden))),
        }
    return {"photo": path.name, "forms": results}


def masks_of(side: int, seed: int) -> list[Tensor]:
    """One mask of every family and fraction, in the order of FAMILIES × FRACTIONS; 1 is visible."""
    generator = torch.Generator().manual_seed(seed)
    masks = []
    for family in FAMILIES:
        for fraction in FRACTIONS:
            if family == "rectangle":
                across = min(1.0, fraction * float(torch.empty(()).uniform_(1, 1.6, generator=generator)))
                width, length = round(across * side), min(side, round(fraction * side / across))
                top, left = (int(torch.randint(0, side - n + 1, (), generator=generator)) for n in (length, width))
                mask = torch.zeros(side, side)
                mask[top : top + length, left : left + width] = 1
                masks.append(mask)
                continue
            if family == "blobs":
                noise = F.interpolate(torch.randn(1, 1, 6, 6, generator=generator), (side, side), mode="bicubic")[0, 0]
            else:
                cells = 7 if family == "coarse grid" else 28
                noise = F.interpolate(torch.rand(1, 1, cells, cells, generator=generator), (side, side))[0, 0]
            masks.append((noise > noise.flatten().quantile(1 - fraction)).float())
    return masks


def table(rows: Sequence[dict[str, Any]], forms: Sequence[str]) -> str:
    lines = []
    for model in dict.fromkeys(row["model"] for row in rows):
        of_model = [row["forms"] for row in rows if row["model"] == model and set(forms) <= set(row["forms"])]
        lines += [f"### {model}, {len(of_model)} photographs", ""]
        lines += [f"| form | {' | '.join(FAMILIES)} | all masks | confidence kept | entropy when all is hidden |"]
        lines += ["| --- " * (len(FAMILIES) + 4) + "|"]
        for form in forms:
            agrees = torch.tensor([row[form]["agrees"] for row in of_model], dtype=torch.float32)
            confidence = torch.tensor([row[form]["confidence"] for row in of_model])
            per_family = agrees.reshape(len(of_model), len(FAMILIES), -1).mean(2)
            cells = [f"{100 * value:.0f}" for value in per_family.mean(0).tolist()]
            cells += [percent(agrees.mean(1).tolist()), percent(confidence.mean(1).tolist())]
            cells += [f"{sum(row[form]['entropy'] for row in of_model) / len(of_model):.3f}"]
            lines.append(f"| `{form}` | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def percent(values: Sequence[float]) -> str:
    mean, low, high, _ = astuple(mean_interval(values))
    return f"{100 * mean:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


if __name__ == "__main__":
    main()
