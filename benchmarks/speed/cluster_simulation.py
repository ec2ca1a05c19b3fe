"""How many workers one driver can feed: the real scheduler, with a clock and judges that are only imagined.

    python -m benchmarks.speed.cluster_simulation [--workers 2 8 64] [--cells 100000] [--seconds 0.5] [--driver 2.5]

What hands out cells, takes outcomes back and tries again is that of `unseen evaluate --engine ray`. In the place of Ray
stands a clock: a cell sleeps for a time that is drawn (a gamma distribution of mean SECONDS, its deviation half of
that), and every outcome that the driver takes keeps it busy for DRIVER milliseconds, which
`benchmarks.speed.cluster_cost` measures with a real Ray and a real ledger. Nothing is waited for, so that hours pass in
seconds. Printed is the share of their time in which the workers were at work, from the first cell to the last outcome;
with --deaths every so many cells one kills its worker, and the next one has to load the model.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from unseen.system.engines import cluster
from unseen.system.engines.work import Work

LOADING = 20.0
"""Seconds in which a worker loads the model."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 4, 8, 16, 32, 64])
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, nargs="+", default=[0.25, 0.5, 1.0], help="of a cell, on average")
    parser.add_argument("--driver", type=float, default=2.5, help="milliseconds a cell")
    parser.add_argument("--deaths", type=int, default=0, help="every so many cells one kills its worker")
    asked = parser.parse_args()
    print("| workers |" + "".join(f" {seconds:g} s a cell |" for seconds in asked.seconds))
    print("| --- |" + " --- |" * len(asked.seconds))
    for workers in asked.workers:
        found = (
            efficiency(workers, asked.cells, seconds, asked.driver / 1e3, asked.deaths) for seconds in asked.seconds
        )
        print(f"| {workers} | " + " | ".join(f"{one:.3f}" for one in found) + " |", flush=True)


def efficiency(workers: int, cells: int, seconds: float, driver: float, deaths: int = 0) -> float:
    """The share of the workers' time, from the first cell to the last outcome, in which they are at work.

    Args:
        workers: how many there are.
        cells: how many are judged.
        seconds: that one takes on average.
        driver: seconds in which the driver takes an outcome and hands out the next cell.
        deaths: every so many cells one kills its worker, once.
    """
    work: Work[int, int] = Work(range(cells), Asleep(), Asleep, lambda number, _reason: number)
    clock = Clock(seconds, driver, deaths)
    done = sum(len(some) for some in cluster._Run(Imagined(workers=workers), work, clock).results())
    assert done == cells
    return clock.worked / workers / (clock.now - LOADING)


class Asleep:
    """A worker that does nothing."""

    def __init__(self) -> None:
        self.same: dict[str, str] = {}

    def __call__(self, number: int) -> int:
        """The cell is done."""
        return number


@dataclass(frozen=True)
class Imagined(cluster.RayCluster):
    """A cluster whose workers are those of a clock."""

    def hire(self, ray: Any) -> Any:
        """A worker that loads the model from now on."""
        return _Worker(ray)


@dataclass(eq=False)
class _Reference:
    """What will be there at a time; ``None`` where the worker died."""

    due: float
    value: Any


class Clock:
    """What of Ray the scheduler asks for, in a time that does not pass by itself.

    Args:
        seconds: of a cell, on average.
        driver: seconds in which the driver takes an outcome.
        deaths: every so many cells one kills its worker.
    """

    exceptions = SimpleNamespace(RayTaskError=ChildProcessError, RayError=ConnectionError)

    def __init__(self, seconds: float, driver: float, deaths: int) -> None:
        self.seconds, self.driver, self.deaths = seconds, driver, deaths
        self.now = self.worked = 0.0
        self.begun = 0
        self.stream = np.random.default_rng(0)

    def put(self, thing: Any) -> Any:
        """It lies nowhere else."""
        return thing

    def kill(self, worker: _Worker) -> None:
        """It takes no more cells."""

    def wait(
        self, references: Sequence[_Reference], *, num_returns: int, timeout: float, **_: Any
    ) -> tuple[list[_Reference], list[_Reference]]:
        """Those that are there; the clock goes on to the first if none is and there is time."""
        if timeout:
            self.now = max(self.now, min(one.due for one in references))
        return [one for one in references if one.due <= self.now][:num_returns], []

    def get(self, reference: _Reference) -> Any:
        """What is there; the driver is busy meanwhile."""
        self.now += self.driver
        if reference.value is None:
            raise self.exceptions.RayError("the worker died")
        return reference.value


@dataclass(eq=False)
class _Worker:
    clock: Clock
    free: float = 0.0
    dead: bool = False
    ready: Any = field(init=False)
    do: Any = field(init=False)

    def __post_init__(self) -> None:
        self.ready, self.do = SimpleNamespace(remote=self._load), SimpleNamespace(remote=self._judge)

    def _load(self, _made: object) -> _Reference:
        self.free = self.clock.now + LOADING
        return _Reference(self.free, cluster.program())

    def _judge(self, number: int) -> _Reference:
        clock = self.clock
        clock.begun += not self.dead
        self.dead |= bool(clock.deaths) and clock.begun % clock.deaths == 0
        spent = float(clock.stream.gamma(4, clock.seconds / 4))
        self.free = max(clock.now, self.free) + spent
        clock.worked += 0.0 if self.dead else spent
        return _Reference(self.free, None if self.dead else number)


if __name__ == "__main__":
    main()
