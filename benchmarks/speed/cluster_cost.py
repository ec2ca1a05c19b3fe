"""What many workers lose by waiting for the driver: the real scheduler, a real Ray, and judges that only sleep.

    python -m benchmarks.speed.cluster_cost [--workers 2 8 64] [--cells 100000] [--seconds 0.25] [--longest 120]

Everything is as `unseen evaluate --engine ray` does it (plan, queue, retries, ledger), but that a cell takes SECONDS
asleep. A sleeping judge needs no process of its own: some of them share one, each with a lock, and cells come and go as
they do with a process each. For every number of workers so many CELLS are judged, fewer where that would take longer
than LONGEST seconds. Printed are the share of the time in which workers were at work, from the first outcome to the
last, and the driver's processor time a cell, of which follows with how many workers it is busy all the time.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from unseen import Classifier, Preprocessing
from unseen.evaluation.judging.engine import complete
from unseen.evaluation.judging.judging import EvaluationCell, Judge
from unseen.evaluation.judging.outcomes import Measurement, Outcome
from unseen.evaluation.judging.plan import Plan
from unseen.system.engines.cluster import RayCluster, program

METHODS = ("causal", "grad-cam", "rise", "occlusion", "integrated-gradients", "shapley")
REMOVALS = ("ad", "grey", "blur")
METRICS = ("insertion", "deletion", "average-drop", "complexity", "infidelity", "sensitivity-n")

SHARED = 16
"""Judges in a process."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 4, 8, 16, 32, 64])
    parser.add_argument("--cells", type=int, default=100_000, help="that are judged at most, for each number")
    parser.add_argument("--seconds", type=float, default=0.25, help="that a judge sleeps over a cell")
    parser.add_argument("--longest", type=float, default=120, help="seconds that a number of workers may take")
    asked = parser.parse_args()
    print("workers    cells  seconds  efficiency  driver, ms a cell  workers that it can feed")
    for workers in asked.workers:
        cells = min(asked.cells, int(workers * asked.longest / asked.seconds))
        with tempfile.TemporaryDirectory() as folder:
            _measured(Path(folder), workers, cells, asked.seconds)


def _measured(folder: Path, workers: int, cells: int, seconds: float) -> None:
    plan = _plan(folder, math.ceil(cells / (len(METHODS) * len(REMOVALS))))
    done: list[tuple[float, float, int]] = []

    def told(stage: str, count: int, _expected: int | None) -> None:
        if stage.endswith(": done"):
            done[1:] = [(time.perf_counter(), time.process_time(), count)]  # the first, and the last so far

    complete(plan, folder / "out", engine=Asleep(workers=workers, seconds=seconds), progress=told)
    (began, spent_before, first), (ended, spent, last) = done
    efficiency = (last - first) * seconds / workers / (ended - began)
    cost = (spent - spent_before) / (last - first)
    print(
        f"{workers:7}  {last:7,}  {ended - began:7.1f}  {efficiency:10.3f}  {1e3 * cost:17.2f}  {seconds / cost:12.0f}",
        flush=True,
    )


def _plan(folder: Path, photographs: int) -> Plan:
    """So many photographs, of one pixel's difference, for a network that nobody asks."""
    paths = []
    for number in range(photographs):
        paths.append(folder / f"{number}.png")
        Image.new("RGB", (16, 16), (number % 256, number // 256 % 256, number // 65536)).save(paths[-1])
    fed = Preprocessing((16, 16), None, mean=(0, 0, 0), std=(1, 1, 1))
    return Plan(tuple(paths), Classifier(_Mean(), fed, name="mean"), METHODS, REMOVALS, metrics=METRICS, controls=False)


class _Mean(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([x.mean((1, 2, 3)), -x.mean((1, 2, 3))], 1)


@dataclass(frozen=True)
class Asleep(RayCluster):
    """A cluster whose judges only sleep."""

    seconds: float = 0.0
    hosts: list[Any] = field(default_factory=list, init=False, compare=False)
    hired: list[_Sleeper] = field(default_factory=list, init=False, compare=False)

    def hire(self, ray: Any) -> Any:
        """A sleeper, in a process with others."""
        if len(self.hired) % SHARED == 0:
            kind = ray.remote(num_cpus=0, max_concurrency=2 * SHARED + 1)(Host)
            self.hosts.append(kind.remote(self.seconds))
        self.hired.append(_Sleeper(self.hosts[-1], len(self.hired)))
        return self.hired[-1]


class Host:
    """A process in which several judges sleep, each over one cell at a time."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.same = seconds, dict[str, str]()
        self.locks = [threading.Lock() for _ in range(SHARED)]

    def ready(self, _number: int, made: Callable[[], Judge]) -> dict[str, str]:
        """See :class:`~unseen.system.engines.cluster.Actor`; the judge is made once for all that sleep here."""
        self.same = self.same or {**program(), **made().same}
        return self.same

    def do(self, number: int, cell: EvaluationCell) -> Outcome:
        """Sleep over a cell."""
        with self.locks[number % SHARED]:
            time.sleep(self.seconds)
        measured = {metric: Measurement(0.5) for metric in METRICS}
        return Outcome(cell.subject, cell.method, cell.removal, "", 0, "bright", 0.5, 1000, self.seconds, [], measured)


@dataclass(frozen=True)
class _Call:
    """A method of one of the judges of a process, as Ray calls it."""

    method: Any
    number: int

    def remote(self, *words: Any) -> Any:
        return self.method.remote(self.number, *words)


class _Sleeper:
    """One of the judges of a process, in the place of an actor."""

    def __init__(self, host: Any, number: int) -> None:
        self.ready, self.do = _Call(host.ready, number), _Call(host.do, number)


if __name__ == "__main__":
    main()
