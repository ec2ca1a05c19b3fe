"""What choosing windows and attending are worth: IASSA against occlusion and RISE at equal evaluations.

    python -m benchmarks.studies.iassa_levers FOLDER --masks COCO_FOLDER [--half held-out] [--limit 30] [--budget 400]
        [--forms] [--levers] [--out iassa.jsonl] [--table docs/tables/iassa.md]

Maps are made under grey; what is attended of RISE takes the masks of centred RISE. Photographs of FOLDER judge them by
the area under insertion minus that under deletion, under grey and under a blur that no map was made for; those of
COCO_FOLDER (images/, instances.json, imagenet_classes.json) by the share of positive energy inside the instances of the
class that the model names, and by whether the maximum lies there; there photographs count whose top class is
annotated. The first half of a fixed random order of FOLDER is for choosing between levers (--half tuning), the second
for reporting. Printed: means, and the mean of paired differences to centred RISE and to occlusion with 95 % bootstrap
intervals. Each photograph is one line of --out; a run that was stopped goes on after them. --kernel names the folder
that keeps the network exported for ONNX Runtime.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from unseen import Classifier, load_classifier
from unseen.evaluation.annotations import outlined
from unseen.evaluation.statistics import mean_interval
from unseen.explainers.hiding.iassa import Iassa, iassa
from unseen.explainers.hiding.occlusion import occlusion
from unseen.explainers.hiding.rise import RandomMasks
from unseen.explainers.hiding.spatial_attention import Attention, attention
from unseen.explainers.hiding.windows import sliding
from unseen.explainers.scores import scored
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.extraction import curve
from unseen.explanation.ranking import rank
from unseen.inputs.finding import find_photos
from unseen.removal import REMOVALS, MaskedClassifier, MaskedForward, Removal
from unseen.system.process import tune_allocator

SIDE = 224
STEPS = 16
BASES = ("RISE, centred", "occlusion")


@dataclass(frozen=True)
class Blur(Removal):
    """A blurred photograph where it is hidden, which no map here is made under."""

    sigma: float = 12.0
    soft = True

    @property
    def name(self) -> str:
        return "blur"

    def forward(self, classifier: Classifier, image: Tensor) -> MaskedForward:
        hidden = blurred(image, self.sigma).to(classifier.device)
        return lambda pixels, masks: classifier.forward(hidden + (pixels - hidden) * masks[:, None])


def blurred(image: Tensor, sigma: float) -> Tensor:
    """A Gaussian over (C, H, W), mirrored at the borders."""
    reach = int(3 * sigma)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)[None, None, None]
    padded = F.pad(image[None], (reach,) * 4, mode="reflect").transpose(0, 1)
    rows = F.conv2d(padded, kernel / kernel.sum())
    return F.conv2d(rows, (kernel / kernel.sum()).transpose(2, 3))[:, 0]


# ---- the maps, each from about --budget evaluations ---------------------------------------------------------------


def maps_of(
    masked: MaskedClassifier, target: int, look: Callable[[float], Attention], options: Any
) -> dict[str, Tensor]:
    budget = options.budget
    stride = next(stride for stride in range(3, 46) if len(sliding((SIDE, SIDE), 45, stride)) < 1.2 * budget)
    hidden = occlusion(masked, target, window=45, stride=stride, score="logit")
    published, shown = both_of_rise(masked, target, budget)
    near = look(0.05)
    maps = {"occlusion": hidden, "RISE": published, "RISE, centred": shown}
    maps["IASSA"] = iassa(masked, target, Iassa(budget=budget), look=near).maps[-1]
    maps["RISE, attended by half"] = 0.5 * shown + 0.5 * near(shown)
    maps["RISE, attended"] = near(shown)
    maps["RISE, centred, blurred"] = 0.5 * shown + 0.5 * blurred(shown[None], 12.0)[0]
    if options.forms:
        # The first pass of the published schedule takes 576 evaluations; fewer are not worth its name.
        printed = Iassa(form="literal", budget=max(budget, 580))
        maps["IASSA, literal"] = iassa(masked, target, printed, look=near).maps[-1]
    if options.levers:
        maps["perplexity 0.15"] = 0.5 * shown + 0.5 * look(0.15)(shown)
        for start in (0.25, 0.5):
            maps[f"regions of the map with noise, start {start}"] = regions(masked, target, budget, start)
        halves = [both_of_rise(masked, target, budget // 2)[1]]
        halves.append(occlusion(masked, target, window=45, stride=round(stride * 1.4), score="logit"))
        maps["RISE + occlusion"] = unit(halves[0]) + unit(halves[1])
        sides = [occlusion(masked, target, window=side, stride=side * 2 // 5, score="logit") for side in (90, 45, 24)]
        maps["windows of three sizes"] = unit(sides[0]) + unit(sides[1]) + unit(sides[2])
    return maps


def both_of_rise(masked: MaskedClassifier, target: int, budget: int) -> list[Tensor]:
    """The paper's map and the centred one, from the same masks."""
    source = RandomMasks(budget, 7, 0.5, masked.shape, True, 0)
    pairs = [
        (masks, scores.values[:, 0].float())
        for masks, scores in scored(masked, source, budget, [target], "probability")
    ]
    masks, values = (torch.cat(some) for some in zip(*pairs, strict=True))
    return [torch.einsum("n,nhw->hw", score, masks) / len(masks) for score in (values, values - values.mean())]


def regions(masked: MaskedClassifier, target: int, budget: int, start: float, rounds: int = 4) -> Tensor:
    """A lever that did not help: masks are the highest regions of the map so far with smooth noise ε on it.

    The map moves along Σ (s(ε) − s(−ε)) ε, where s is the score with the region shown minus that with it hidden.
    """
    first = unit(both_of_rise(masked, target, round(start * budget))[1])
    made, gain, generator = first, torch.zeros(SIDE, SIDE), torch.Generator().manual_seed(0)
    pairs = round((1 - start) * budget) // (4 * rounds)
    for number in range(rounds):
        ranks = torch.empty(SIDE * SIDE)
        ranks[rank(made).order] = torch.linspace(3**0.5, -(3**0.5), SIDE * SIDE)
        own = torch.Generator().manual_seed(1 + number)
        fields = F.interpolate(torch.randn(pairs, 1, 9, 9, generator=own), (288, 288), mode="bicubic")[:, 0]
        down, right = (torch.randint(0, 32, (pairs,), generator=own).tolist() for _ in range(2))
        noise = [f[y : y + SIDE, x : x + SIDE] for f, y, x in zip(fields, down, right, strict=True)]
        shares = torch.logspace(math.log10(0.02), math.log10(0.7), pairs)[torch.randperm(pairs, generator=generator)]
        for field, share in zip(noise, shares.tolist(), strict=True):
            masks = []
            for sign in (1, -1):
                values = ranks.reshape(SIDE, SIDE) + sign * field
                shown = values > values.flatten().kthvalue(round((1 - share) * SIDE * SIDE)).values
                masks += [shown, ~shown]
            said = masked(torch.stack(masks).float()).softmax(1)[:, target]
            gain += float(said[0] - said[1] - said[2] + said[3]) * field
        made = first + 1.5 * unit(gain)
    return made


def unit(saliency: Tensor) -> Tensor:
    return saliency / saliency.std()


# ---- the measures -------------------------------------------------------------------------------------------------


def judged(slow: Classifier, fast: Classifier, path: Path, options: Any) -> dict[str, Any]:
    """Insertion and deletion areas of every map, [insertion, deletion] under grey and under blur."""
    image = fast.prepare(path)
    target = int(fast.logits(image[None]).argmax())
    grey = REMOVALS.create("grey").bind(fast, image)
    removals = {"grey": Evaluator(grey, target), "blur": Evaluator(Blur().bind(fast, image), target)}
    maps = maps_of(grey, target, partial(look_of, slow, image), options)
    areas = {name: {key: areas_of(ask, map_) for key, ask in removals.items()} for name, map_ in maps.items()}
    return {"photo": path.name, "set": "areas", "maps": areas}


def areas_of(ask: Evaluator, saliency: Tensor) -> list[float]:
    ranking = rank(saliency)
    line = curve(ask, ranking, ranking.grid(STEPS))
    return [float(np.trapezoid(values, line.fractions)) for values in (line.insertion, line.deletion)]


def localised(
    slow: Classifier, fast: Classifier, path: Path, inside: Tensor, target: int, options: Any
) -> dict[str, Any]:
    """[share of positive energy inside, whether the maximum lies inside] of every map."""
    image = fast.prepare(path)
    maps = maps_of(REMOVALS.create("grey").bind(fast, image), target, partial(look_of, slow, image), options)
    found = {}
    for name, saliency in maps.items():
        positive = saliency.clamp(min=0)
        hit = bool(inside.flatten()[saliency.argmax()])
        found[name] = {"coco": [float(positive[inside].sum() / positive.sum()), float(hit)]}
    return {"photo": path.name, "set": "localisation", "area": float(inside.float().mean()), "maps": found}


def look_of(slow: Classifier, image: Tensor, perplexity: float) -> Attention:
    return attention(slow, image, perplexity=perplexity)


def annotated(classifier: Classifier, folder: Path) -> Iterator[tuple[Path, Tensor, int]]:
    """Photographs whose top class is annotated, with the union of its instances at the network's resolution."""
    notes = json.loads((folder / "instances.json").read_text())
    classes = json.loads((folder / "imagenet_classes.json").read_text())
    names = {category["id"]: category["name"] for category in notes["categories"]}
    for photo in sorted(notes["images"], key=lambda photo: photo["file_name"]):
        path = folder / "images" / photo["file_name"]
        target = int(classifier.logits(classifier.prepare(path)[None]).argmax())
        mask = np.zeros((photo["height"], photo["width"]), dtype=bool)
        for note in notes["annotations"]:
            named = target in classes.get(names[note["category_id"]], [])
            if note["image_id"] == photo["id"] and named and isinstance(note["segmentation"], list):
                mask |= outlined(note["segmentation"], mask.shape)
        cropped = classifier.preprocessing.crop(Image.fromarray(255 * mask.astype(np.uint8)))
        inside = torch.from_numpy(np.array(cropped) > 127)
        if bool(inside.any()):
            yield path, inside, target


# ---- the comparison -----------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="*")
    parser.add_argument("--masks", type=Path)
    parser.add_argument("--half", choices=("tuning", "held-out"), default="held-out")
    parser.add_argument("--limit", type=int, default=30)
    parser.add_argument("--budget", type=int, default=400)
    parser.add_argument("--forms", action="store_true", help="also the other forms of IASSA")
    parser.add_argument("--levers", action="store_true", help="also what was tried and is not part of the package")
    parser.add_argument("--kernel", type=Path, default=Path("onnx"))
    parser.add_argument("--out", type=Path, default=Path("iassa.jsonl"))
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    tune_allocator()
    slow = load_classifier("efficientnet-lite0", device="cpu")
    fast = slow.accelerated(options.kernel)
    with options.out.open("a") as out:
        done = {(row["set"], row["photo"]) for row in read(options.out)}
        for key, name, work in jobs(slow, fast, options):
            if (key, name) not in done:
                began = time.time()
                row = {"half": options.half, "budget": options.budget, **work()}
                print(json.dumps(row), file=out, flush=True)
                print(f"{name}: {time.time() - began:.0f} s", file=sys.stderr, flush=True)
    text = table(read(options.out))
    print(text)
    if options.table:
        options.table.write_text(text)


def jobs(slow: Classifier, fast: Classifier, options: Any) -> Iterator[tuple[str, str, Callable[[], dict[str, Any]]]]:
    files = find_photos(options.photos) if options.photos else []
    files = random.Random(0).sample(files, len(files))
    middle = len(files) // 2
    for path in (files[:middle] if options.half == "tuning" else files[middle:])[: options.limit]:
        yield "areas", path.name, partial(judged, slow, fast, path, options)
    for path, inside, target in annotated(fast, options.masks) if options.masks else ():
        yield "localisation", path.name, partial(localised, slow, fast, path, inside, target, options)


def read(path: Path) -> list[dict[str, Any]]:
    """Complete lines; one that a kill cut short is done again."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    measures: tuple[tuple[str, str, Callable[[Any], float]], ...] = (
        ("areas", "insertion − deletion, grey", lambda map_: map_["grey"][0] - map_["grey"][1]),
        ("areas", "insertion, grey", lambda map_: map_["grey"][0]),
        ("areas", "deletion, grey (less is better)", lambda map_: map_["grey"][1]),
        ("areas", "insertion − deletion, blur", lambda map_: map_["blur"][0] - map_["blur"][1]),
        ("localisation", "positive energy inside", lambda map_: map_["coco"][0]),
        ("localisation", "maximum inside", lambda map_: map_["coco"][1]),
    )
    lines = []
    for key, measure, of in measures:
        here = [row["maps"] for row in rows if row["set"] == key]
        if not here:
            continue
        names = dict.fromkeys(name for maps in here for name in maps)
        lines += [f"### {measure}, {len(here)} photographs", "", f"| map | N | mean | − {' | − '.join(BASES)} |"]
        lines += ["| --- " * (3 + len(BASES)) + "|"]
        for name in names:
            having = [maps for maps in here if name in maps]
            cells = [str(len(having)), f"{np.mean([of(maps[name]) for maps in having]):.3f}"]
            for base in BASES:
                mean, low, high, _ = astuple(mean_interval([of(maps[name]) - of(maps[base]) for maps in having]))
                cells.append("" if name == base else f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]")
            lines.append(f"| {name} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
