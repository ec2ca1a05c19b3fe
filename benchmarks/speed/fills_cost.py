"""What each fill costs beside the passes that it feeds.

    python -m benchmarks.speed.fills_cost PHOTO_OR_FOLDER [--limit 16] [--model efficientnet-lite0] [--rounds 5]
        [--device cpu] [--removals blur linear …] [--sheet FILE.png]

Every removal that paints fills as many photographs, each under its own mask; then the bare network runs on them. The
masks are of three kinds: random pixels, a random grid of 14 × 14, and one square. Printed: the ratio of the two times
(processor time on a CPU, wall-clock on other devices), the median of the rounds; above 1, a fill is slower than the
passes it feeds. Averages over several fills (`marginal`, `averaged-max-distance`) paint nothing: for them it is what a
whole pass costs beside a bare one. `--sheet` also draws the first photograph under every fill. Folders that a removal
needs are the photographs' own.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from benchmarks.shared import spread
from unseen import Classifier, load_classifier
from unseen.errors import ModelError, ParameterError
from unseen.removal import REMOVALS, Removal
from unseen.removal.fills.averaging import Averaging
from unseen.removal.fills.painting import Painting

KINDS = ("pixels", "grid", "square")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--limit", type=int, default=16)
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device")
    parser.add_argument("--removals", nargs="+", default=list(REMOVALS))
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    classifier = load_classifier(options.model, device=options.device)
    files = spread(options.photos, options.limit)
    pixels = torch.stack([classifier.prepare(path) for path in files]).to(classifier.device)
    masks = {kind: drawn(kind, len(pixels), *pixels.shape[2:]).to(pixels) for kind in KINDS}
    asked = [made(spec, files[0].parent) for spec in options.removals]
    removals = [removal for removal in asked if isinstance(removal, Painting | Averaging)]
    print("| removal | " + " | ".join(KINDS) + " |\n| --- |" + " --- |" * len(KINDS))
    for removal in list(removals):
        try:
            ratios = compared(removal, classifier, pixels, masks, options.rounds)
        except (ModelError, ParameterError) as error:
            removals.remove(removal)
            print(f"| `{removal.name}` | {error} |" + " |" * (len(KINDS) - 1), flush=True)
        else:
            print(f"| `{removal.name}` | " + " | ".join(f"{r:.2f}" for r in ratios) + " |", flush=True)
    if options.sheet is not None:
        sheet(removals, classifier, pixels[0], masks).save(options.sheet)


def made(spec: str, folder: Path) -> Removal:
    """The removal; those that need a folder get this one."""
    return REMOVALS.create(f"{spec}:{folder}" if spec in ("marginal", "dataset-mean") else spec)


def drawn(kind: str, count: int, height: int, width: int) -> Tensor:
    """Masks of which about half is visible."""
    generator = torch.Generator().manual_seed(0)
    if kind == "square":
        masks = torch.ones(count, height, width)
        masks[:, height // 6 : 5 * height // 6, width // 8 : 7 * width // 8] = 0
        return masks
    size = (height, width) if kind == "pixels" else (14, 14)
    visible = (torch.rand(count, 1, *size, generator=generator) < 0.5).float()
    return torch.nn.functional.interpolate(visible, (height, width))[:, 0]


@torch.no_grad()
def compared(
    removal: Painting | Averaging, classifier: Classifier, pixels: Tensor, masks: dict[str, Tensor], rounds: int
) -> list[float]:
    """For each kind of mask the median over the rounds of the fill's time over the bare passes' of that round."""
    forward = removal.forward(classifier, pixels[0].cpu()) if isinstance(removal, Averaging) else None

    def fill(some: Tensor) -> Tensor:
        return forward(pixels, some) if forward else removal.painted(classifier, pixels, some)

    fill(masks[KINDS[0]][:1].expand(len(pixels), -1, -1))  # tables and folders are kept from here on
    found: list[list[float]] = []
    for _ in range(rounds):
        bare = timed(classifier, lambda: classifier.forward(pixels))
        found.append([timed(classifier, partial(fill, some)) / bare for some in masks.values()])
    return [median(ratios) for ratios in zip(*found, strict=True)]


def timed(classifier: Classifier, work: Callable[[], Tensor]) -> float:
    """Seconds: of the processor, or of the wall where the work is done elsewhere."""
    clock = time.process_time if classifier.device.type == "cpu" else time.perf_counter
    began = clock()
    work().flatten()[0].item()  # waits for an accelerator
    return clock() - began


@torch.no_grad()
def sheet(
    removals: list[Painting | Averaging], classifier: Classifier, image: Tensor, masks: dict[str, Tensor]
) -> Image.Image:
    """A row of each removal, a column of each kind of mask; of averages the first fill."""
    height, width = image.shape[1:]
    some = torch.stack([masks[kind][0] for kind in KINDS])
    drawing = Image.new("RGB", (len(KINDS) * (width + 2), len(removals) * (height + 16)), "white")
    for row, removal in enumerate(removals):
        if isinstance(removal, Averaging):
            pictures = torch.where(some[:, None] > 0, image, removal.fills(classifier, image.cpu())[:1].to(image))
        else:
            pictures = removal.painted(classifier, image.expand(len(some), -1, -1, -1), some)
        ImageDraw.Draw(drawing).text((2, row * (height + 16) + 2), removal.name, fill="black")
        for column, picture in enumerate((pictures.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()):
            drawing.paste(Image.fromarray(picture), (column * (width + 2), row * (height + 16) + 14))
    return drawing


if __name__ == "__main__":
    main()
