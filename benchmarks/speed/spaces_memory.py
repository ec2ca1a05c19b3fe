"""What explaining takes of memory where inputs are large: of sets, maps, backgrounds and pictures, without the network.

    python -m benchmarks.speed.spaces_memory [--spaces 64x64x64 128x128x128 1000000] [--method causal:iterations=1]
        [--removal black] [--save]

The network is a mean over the middle of the input, which takes next to nothing itself. Printed for each input: the
evaluations, the most that the process takes beyond what it took with the model and the input loaded, in megabytes and
in bytes a sample or voxel. With --save, pictures are made, too. Every row is measured in a process of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
from math import prod
from pathlib import Path
from typing import Any

Row = tuple[int, float]
"""Evaluations, and bytes at most."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spaces", nargs="+", default=["64x64x64", "128x128x128", "1000000"])
    parser.add_argument("--method", default="causal:iterations=1")
    parser.add_argument("--removal", default="black")
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    print("| input | evaluations | memory, MB | bytes a place |\n| --- | --- | --- | --- |")
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for words in options.spaces:
            space = tuple(map(int, words.split("x")))
            evaluations, peak = pool.apply(measure, (space, options.method, options.removal, options.save))
            row = f"{evaluations:,} | {peak / 1e6:,.0f} | {peak / prod(space):.0f}"
            print(f"| {' × '.join(map(str, space))} | {row} |", flush=True)


def measure(space: tuple[int, ...], method: str, removal: str, save: bool) -> Row:
    """A row."""
    import torch

    from unseen import Classifier, Preprocessing, explain

    torch.set_num_threads(1)
    fed = Preprocessing(space, None, mean=(0,), std=(1,), range=(0, 1))
    classifier = Classifier(network(), fed, ["bright", "dark"])
    image = 0.2 * torch.rand(1, *space, generator=torch.Generator().manual_seed(0))
    image[middle(space)] += 0.7
    explain(image[(slice(None), *(slice(8),) * len(space))], small(space), method=method, removal=removal)  # what loads
    before = resident("VmRSS")
    found = explain(image, classifier, method=method, removal=removal)
    if save:
        with tempfile.TemporaryDirectory() as folder:
            found.save(Path(folder))
    return found.provenance["evaluations"], resident("VmHWM") - before


def resident(field: str) -> float:
    """Bytes of memory that this process takes now (``VmRSS``), or took at most (``VmHWM``); Linux tells them."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return 1024.0 * int(lines[field].split()[0])


def middle(space: tuple[int, ...]) -> tuple[slice, ...]:
    """Half of every axis, off the middle."""
    return (slice(None), *(slice(length // 4, length // 4 + max(1, length // 8)) for length in space))


def small(space: tuple[int, ...]) -> Any:
    """The same model for next to nothing."""
    from unseen import Classifier, Preprocessing

    fed = Preprocessing((8,) * len(space), None, mean=(0,), std=(1,), range=(0, 1))
    return Classifier(network(), fed, ["bright", "dark"])


def network() -> Any:
    """How bright the middle is, against a constant."""
    import torch
    from torch import Tensor, nn

    class Middle(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            bright = 12 * x[(slice(None), *middle(tuple(x.shape[2:])))].flatten(1).mean(1)
            return torch.stack([bright, torch.full_like(bright, 5.0)], 1)

    return Middle()


if __name__ == "__main__":
    main()
