"""Is it right on a GPU, and how near does it come to what the network itself does there? In less than four minutes.

    python -m benchmarks.speed.gpu PHOTO [--device auto] [--model efficientnet-lite0] [--out gpu.json]

First the tests marked ``gpu`` (every method, removal and metric against the CPU, half precision, memory that is short).
Then images per second of the bare network by size of batch and precision, and on CUDA also of its recorded graph; what
hiding costs, as the ratio of a masked pass to a plain one; and what methods cost, as the ratio of a method's time to
that of the bare passes it spends. Times are until the device is done; on a CPU they are processor time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.shared import seconds
from benchmarks.speed.attribution_cost import Noting, ratio
from benchmarks.speed.masked_forward import measure
from unseen import Classifier, load_classifier

ROOT = Path(__file__).parents[2]
METHODS = (
    "causal",
    "rise",
    "occlusion",
    "shapley",
    "iassa",
    "saliency",
    "integrated-gradients",
    "lrp-gamma",
    "grad-cam",
)
REMOVALS = ("zero", "blur:20", "ad", "ad:pooled", "ad:pooled,fill=neighbour")
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--batches", type=int, nargs="+", default=[16, 64, 256])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--removals", nargs="+", default=list(REMOVALS))
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--without-tests", action="store_true")
    parser.add_argument("--out", type=Path, metavar="FILE.json")
    asked = parser.parse_args()
    classifier = load_classifier(asked.model, device=asked.device).optimised()
    print(f"torch {torch.__version__} on {name_of(classifier.device)}", flush=True)
    tested = None if asked.without_tests else tests()
    found: dict[str, Any] = {
        "device": name_of(classifier.device),
        "tests": tested,
        "bare": {},
        "hiding": {},
        "methods": {},
    }
    print("\n| network | batch | images per second |\n| --- | --- | --- |")
    for form, batch, rate in rates(classifier, asked.batches, asked.rounds):
        found["bare"][f"{form}, {batch}"] = rate
        print(f"| {form} | {batch} | {rate:,.0f} |", flush=True)
    print("\n| removal | masked / plain pass | range |\n| --- | --- | --- |")
    for removal in asked.removals:
        row = measure(classifier, removal, asked.batches[-1], asked.rounds)
        found["hiding"][removal] = row
        print(f"| `{removal}` | {row['ratio']:.2f} | {row['range'][0]:.2f} to {row['range'][1]:.2f} |", flush=True)
    print("\n| method | evaluations | time / bare passes |\n| --- | --- | --- |")
    noting = Noting.of(classifier)
    for method in asked.methods:
        cost = ratio(noting, asked.photo, method, "zero")
        images = sum(size for size, _ in noting.passes)
        found["methods"][method] = {"evaluations": images, "ratio": cost}
        print(f"| `{method}` | {images:,} | {cost:.2f} |", flush=True)
    if classifier.device.type == "cuda":
        found["peak_bytes"] = torch.cuda.max_memory_allocated()
        print(f"\npeak memory {found['peak_bytes'] / 2**30:.1f} GiB")
    if asked.out:
        asked.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if tested:
        sys.exit(tested)


def name_of(device: torch.device) -> str:
    """That of the GPU, or of the kind of device."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def tests() -> int:
    """Run those marked ``gpu``; 0 if all passed."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", "tests/test_devices.py"]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def rates(classifier: Classifier, batches: Sequence[int], rounds: int) -> Iterator[tuple[str, int, float]]:
    """Of each form of the network and size of batch: images per second, the median over the rounds."""
    device, size = classifier.device, classifier.preprocessing.size
    layout = classifier.memory_format
    for name, dtype in PRECISIONS.items():
        network = classifier.model if dtype == torch.float32 else load_classifier(classifier.name, device=device).model
        network = network.to(dtype)
        for batch in batches:
            images = torch.rand(batch, classifier.preprocessing.channels, *size, device=device, dtype=dtype)
            images = images.contiguous(memory_format=layout)
            yield name, batch, batch / _median(device, partial(_quietly, network, images), rounds)
            if device.type == "cuda":
                graph, inputs = torch.cuda.CUDAGraph(), images.clone()
                with torch.no_grad(), torch.cuda.graph(graph):
                    network(inputs)
                yield f"{name}, recorded graph", batch, batch / _median(device, graph.replay, rounds)


@torch.no_grad()
def _quietly(network: torch.nn.Module, images: torch.Tensor) -> None:
    network(images)


def _median(device: torch.device, run: Any, rounds: int) -> float:
    run()
    return statistics.median(seconds(run, device) for _ in range(rounds))


if __name__ == "__main__":
    main()
