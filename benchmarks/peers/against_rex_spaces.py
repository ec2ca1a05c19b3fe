"""The causal search, occlusion and integrated gradients beside ReX and captum, on signals and volumes of known truth.

    python -m benchmarks.peers.against_rex_spaces FOLDER                       # 1. trains, and writes the inputs
    rexenv/bin/python -m benchmarks.peers.rex_spaces FOLDER                    # 2. in rex-xai's environment
    python -m benchmarks.peers.against_rex_spaces FOLDER --compare             # 3. with captum where it is installed

The networks are those of examples/signals_and_volumes.py: seconds of training, after which what decides is known for
it was put there. All tools see the same network, input, class and hiding value, the mean of the network's
preprocessing. Printed for each, in the mean over the inputs: the area under the curve of the map against what was
planted (0.5 is chance), evaluations of the network, and processor seconds.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unseen import Classifier
from unseen.explainers import METHODS, map_of
from unseen.inputs.space import side_of
from unseen.removal import REMOVALS
from unseen.system.quiet import quiet

EXAMPLE = Path(__file__).parents[2] / "examples" / "signals_and_volumes.py"
KINDS = {"beats": 0, "spectra": 1, "nodules": 1}
"""The class for which what was planted speaks."""

REMOVAL = "zero"
"""Hides by the mean that the network was trained with."""

OURS = {"causal": "causal", "occlusion": "occlusion", "integrated gradients": "integrated-gradients:baseline=zero"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--inputs", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    example = loaded()
    for kind in KINDS:
        classifier = getattr(example, kind)()
        if options.compare:
            print(table(kind, compare(options.folder, kind, classifier)), flush=True)
        else:
            write(options.folder, kind, classifier, example, options.inputs)


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("signals_and_volumes", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Fed(nn.Module):
    """The network with its preprocessing: shares of the range → logits."""

    statistics: Tensor

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.network = classifier.model
        self.register_buffer("statistics", classifier.preprocessing.statistics)

    def forward(self, shares: Tensor) -> Tensor:
        logits: Tensor = self.network((shares - self.statistics[0]) / self.statistics[1])
        return logits


def write(folder: Path, kind: str, classifier: Classifier, example: ModuleType, count: int) -> None:
    """Inputs that the network decides rightly, what was planted, and the network for those who cannot import it."""
    target = KINDS[kind]
    numbers, classes, truth = getattr(example, f"draw_{kind}")(4 * count, 9999)
    low, high = classifier.preprocessing.scale.limits[0]
    images = ((numbers - low) / (high - low)).clamp(0, 1)
    right = (classifier.logits(images).argmax(1) == target) & (classes == target)
    file = folder / "inputs.json"
    entries = json.loads(file.read_text()) if file.exists() else []
    entries = [entry for entry in entries if entry["kind"] != kind]
    with quiet():  # it is an old form, which any version of torch reads
        torch.jit.save(torch.jit.trace(Fed(classifier), images[:2]), folder / f"{kind}.model.pt")  # type: ignore[no-untyped-call]
    for number in right.nonzero().flatten()[:count].tolist():
        name = f"{kind}-{number}"
        np.save(folder / f"{name}.input.npy", images[number].numpy())
        np.save(folder / f"{name}.truth.npy", truth[number].numpy())
        hidden = REMOVALS.create(REMOVAL).bind(classifier, images[number]).painted(torch.zeros(1, *images.shape[2:]))
        value = float(hidden.flatten()[0])
        entries.append({"name": name, "kind": kind, "model": f"{kind}.model.pt", "class": target, "hidden": value})
    file.write_text(json.dumps(entries, indent=1))


def compare(folder: Path, kind: str, classifier: Classifier) -> dict[str, list[tuple[float, float, float]]]:
    """Of each tool, for each input: area under the curve, evaluations, processor seconds."""
    rows: dict[str, list[tuple[float, float, float]]] = {}
    costs = json.loads((folder / "rex.json").read_text()) if (folder / "rex.json").exists() else {}
    for entry in json.loads((folder / "inputs.json").read_text()):
        if entry["kind"] != kind:
            continue
        image, truth = (
            torch.from_numpy(np.load(folder / f"{entry['name']}.{what}.npy")) for what in ("input", "truth")
        )
        for name, spec in OURS.items():
            masked = REMOVALS.create(REMOVAL).bind(classifier, image)
            began = time.process_time()
            saliency = map_of(METHODS.create(spec), masked, entry["class"])
            spent = time.process_time() - began
            rows.setdefault(f"unseen, {name}", []).append((area(saliency, truth), masked.evaluations, spent))
        for name, ask in captums(classifier, image, entry).items():
            rows.setdefault(f"captum, {name}", []).append(measured(ask, truth))
        if (folder / f"{entry['name']}.rex.npy").exists():
            found, cost = torch.from_numpy(np.load(folder / f"{entry['name']}.rex.npy")), costs[entry["name"]]
            rows.setdefault("ReX", []).append((area(found, truth), cost["evaluations"], cost["cpu_seconds"]))
    return rows


def captums(
    classifier: Classifier, image: Tensor, entry: dict[str, Any]
) -> dict[str, Callable[[], tuple[Tensor, int]]]:
    """captum's occlusion and integrated gradients; none where it is not installed."""
    try:
        from captum.attr import IntegratedGradients, Occlusion
    except ImportError:
        return {}
    counted = Counted(Fed(classifier))
    side = [side_of(0.2, image.shape[1:])] * (image.ndim - 1)

    def occlusion() -> tuple[Tensor, int]:
        counted.images = 0
        strides = (1, *(max(1, length // 4) for length in side))
        found = Occlusion(counted).attribute(
            image[None], (1, *side), strides=strides, baselines=entry["hidden"], target=entry["class"],
            perturbations_per_eval=16,
        )  # fmt: skip
        return found[0, 0].detach(), counted.images

    def integrated() -> tuple[Tensor, int]:
        counted.images = 0
        found = IntegratedGradients(counted).attribute(
            image[None], baselines=entry["hidden"], target=entry["class"], n_steps=64, internal_batch_size=16
        )
        return found[0, 0].detach().float(), counted.images

    return {"occlusion": occlusion, "integrated gradients": integrated}


class Counted(nn.Module):
    """A network that counts its inputs."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.images = network, 0

    def forward(self, batch: Tensor) -> Tensor:
        self.images += len(batch)
        logits: Tensor = self.network(batch)
        return logits


def measured(ask: Callable[[], tuple[Tensor, int]], truth: Tensor) -> tuple[float, float, float]:
    began = time.process_time()
    saliency, evaluations = ask()
    return area(saliency, truth), evaluations, time.process_time() - began


def area(saliency: Tensor, truth: Tensor) -> float:
    """How often a place of the truth is ranked before another one; ties are broken by chance."""
    noise = torch.rand(saliency.shape, generator=torch.Generator().manual_seed(0)).flatten()
    values = saliency.double().flatten()
    order = torch.from_numpy(np.lexsort((noise.numpy(), values.numpy())))
    ranks = torch.empty(len(order), dtype=torch.float64)
    ranks[order] = torch.arange(len(order), dtype=torch.float64)
    inside = truth.flatten()
    count = int(inside.sum())
    return float((ranks[inside].sum() - count * (count - 1) / 2) / (count * int((~inside).sum())))


def table(kind: str, rows: dict[str, list[tuple[float, float, float]]]) -> str:
    """In the mean over the inputs."""
    lines = [
        f"\n{kind}, {max(map(len, rows.values()))} inputs",
        "| tool | area | evaluations | CPU-s |",
        "| --- | --- | --- | --- |",
    ]
    for name, values in rows.items():
        means = [statistics.fmean(column) for column in zip(*values, strict=True)]
        lines.append(f"| {name} ({len(values)}) | {means[0]:.2f} | {means[1]:.0f} | {means[2]:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
