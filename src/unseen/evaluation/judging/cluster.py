"""Many machines as an engine, by Ray: actors hold the model, a cell is a task, and the driver alone writes the ledger.

An actor takes its cells in the order in which it was given them, so that of an actor that dies the oldest open cell is
the one that was under way. It is tried again on another actor; a cell under which two actors died is a row with its
reason. All others that the dead actor was given go back to the queue without blame.
"""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import torch

from unseen.errors import ModelError, OutputError, ParameterError, UnseenError, first_line
from unseen.evaluation.judging.judging import EvaluationCell, Judge, failed
from unseen.evaluation.judging.outcomes import Outcome
from unseen.evaluation.judging.plan import Plan
from unseen.evaluation.judging.work import Work
from unseen.pipeline.provenance import versions
from unseen.system.optional import require
from unseen.system.options import Count, Meaning, Number, Options
from unseen.system.process import tune_allocator

GIVEN = 2
"""Cells that an actor is given at a time: one under way, and one so that it never waits for the driver."""

DEATHS = 2
"""Actors that may die under a cell; then it is a row with its reason."""

PATIENCE = 600.0
"""Seconds without any actor after which a run gives up; what is done is kept."""

_PRIVATE = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
"""A cluster of our own reports to nobody, and leaves no token in the home folder."""


@dataclass(frozen=True)
class RayCluster(Options):
    """The actors of a Ray cluster.

    Every machine must reach the photographs, and the model's files, under the same paths. A cluster of this machine
    alone listens on loopback, has no dashboard, and ends with the run.

    Raises:
        ParameterError: a value outside its range.
    """

    address: Annotated[
        str | None, Meaning("the cluster: auto, HOST:PORT or ray://HOST:PORT; by default one of this machine alone")
    ] = None
    workers: Annotated[int, Count("how many actors work; 0 takes as many as there is room for now", 0)] = 0
    gpus_per_worker: Annotated[float, Number("the GPUs, or the share of one, that an actor gets", 0)] = 0.0

    def outcomes(self, work: Work) -> Generator[list[Outcome], None, None]:
        """See :class:`~unseen.evaluation.judging.work.Engine`.

        Raises:
            ModelError: Ray is not installed; a worker has another version of this package or of the model, or none can
                be started.
            ParameterError: there is no cluster at the address, or no room in it.
        """
        ray = require("ray", "cluster")
        if not work.cells:
            return
        with connected(ray, self.address):
            run = _Run(self, work, ray)
            try:
                yield from run.outcomes()
            finally:
                run.end()

    def room(self, ray: Any) -> int:
        """How many actors find room in the cluster as it is."""
        there = ray.cluster_resources()
        cores = there.get("CPU", 0.0)
        return int(min(cores, there.get("GPU", 0.0) / self.gpus_per_worker) if self.gpus_per_worker else cores)


class Worker:
    """What an actor does; it holds the model.

    Args:
        plan: what is evaluated.
        folder: keeps an exported network.
        gpus: how many this actor has.
    """

    def __init__(self, plan: Plan, folder: Path, gpus: float) -> None:
        torch.set_num_threads(1)
        tune_allocator()
        if not gpus and isinstance(plan.model, str) and plan.device == "auto":
            plan = replace(plan, device="cpu")  # a GPU that Ray did not give is another's
        self.judge = Judge(plan, folder)

    def ready(self) -> dict[str, str]:
        """What must be the same everywhere, once the model is loaded."""
        return {**versions(), "model": self.judge.plain.fingerprint}

    def evaluate(self, cell: EvaluationCell) -> Outcome:
        """The outcome of a cell."""
        return self.judge(cell)


@dataclass(eq=False)
class _Hand:
    """An actor, and what it was given: cells by the reference to their outcome, the oldest first."""

    actor: Any
    open: dict[Any, EvaluationCell | None] = field(default_factory=dict)
    ready: bool = False


@dataclass(eq=False)
class _Run:
    engine: RayCluster
    work: Work
    ray: Any
    hands: list[_Hand] = field(default_factory=list)
    again: deque[EvaluationCell] = field(default_factory=deque)
    deaths: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    stillborn: int = 0
    alive: float = field(default_factory=time.monotonic)

    def outcomes(self) -> Iterator[list[Outcome]]:
        count = self.engine.workers or self.engine.room(self.ray)
        if count < 1:
            raise ParameterError(
                f"no room for a worker with {self.engine.gpus_per_worker:g} GPUs in the cluster "
                f"({_resources(self.ray.cluster_resources())}); ask for less (--gpus-per-worker), or add machines"
            )
        self.plan = self.ray.put(self.work.plan)
        waiting = iter(self.work.cells)
        for _ in range(min(count, len(self.work.cells))):
            self._hire()
        finished, expected = 0, len(self.work.cells)
        while finished < expected:
            self._give(waiting)
            some = list(self._done())
            finished += len(some)
            if some:
                yield some

    def end(self) -> None:
        """Let all actors go."""
        for hand in self.hands:
            self._dismiss(hand)

    def _dismiss(self, hand: _Hand) -> None:
        with suppress(Exception):  # it may be gone, or the cluster
            self.ray.kill(hand.actor)

    def _hire(self) -> None:
        kind = self.ray.remote(num_cpus=1, num_gpus=self.engine.gpus_per_worker, max_restarts=0)(Worker)
        hand = _Hand(kind.remote(self.plan, self.work.folder, self.engine.gpus_per_worker))
        hand.open[hand.actor.ready.remote()] = None
        self.hands.append(hand)

    def _give(self, waiting: Iterator[EvaluationCell]) -> None:
        """Give every actor that is ready as much as it may have, one cell to each before a second to any."""
        for most in range(1, GIVEN + 1):
            for hand in self.hands:
                if not hand.ready or len(hand.open) >= most:
                    continue
                cell = self.again.popleft() if self.again else next(waiting, None)
                if cell is None:
                    return
                hand.open[hand.actor.evaluate.remote(cell)] = cell

    def _done(self) -> Iterator[Outcome]:
        """The outcomes that are there, which the driver writes together; waits for the first."""
        of = {reference: hand for hand in self.hands for reference in hand.open}
        found, _ = self.ray.wait([*of], num_returns=1, timeout=1.0, fetch_local=False)
        if not found:
            self._look()
            return
        found, _ = self.ray.wait([*of], num_returns=len(of), timeout=0, fetch_local=False)
        dead: dict[int, tuple[_Hand, Exception]] = {}
        for reference in found:
            hand = of[reference]
            try:
                value = self.ray.get(reference)
            except self.ray.exceptions.RayTaskError as error:  # of loading the model, or a fault of ours
                raise _cause(error) from None
            except self.ray.exceptions.RayError as error:
                dead[id(hand)] = hand, error
                continue
            self.alive = time.monotonic()
            cell = hand.open.pop(reference)
            if cell is None:
                _check_same(value, {**versions(), "model": self.work.judge.plain.fingerprint})
                hand.ready, self.stillborn = True, 0
            else:
                yield value
        for hand, reason in dead.values():
            yield from self._buried(hand, reason)

    def _buried(self, hand: _Hand, error: Exception) -> Iterator[Outcome]:
        """Take a dead actor's cells back, and hire another one; a cell that it died under twice is over."""
        self.hands.remove(hand)
        self._dismiss(hand)  # one that cannot be reached would keep its place in the cluster
        cells = [cell for cell in hand.open.values() if cell is not None]
        if not hand.ready:
            self.stillborn += 1
            if self.stillborn > max(DEATHS, len(self.hands)):
                raise ModelError(f"workers die before they have loaded the model: {_reason(error)}")
        elif cells:
            suspect, *others = cells
            self.again.extendleft(reversed(others))
            unit = (suspect.subject.digest, suspect.method, suspect.removal)
            self.deaths[unit] += 1
            if self.deaths[unit] < DEATHS:
                self.again.append(suspect)
            else:
                yield failed(suspect, self.work.plan, f"its worker died {DEATHS} times: {_reason(error)}")
        self._hire()

    def _look(self) -> None:
        """Tell what is under way, and give up where there has been nobody to work for long."""
        under_way = next((cell for hand in self.hands for cell in hand.open.values() if cell is not None), None)
        if under_way is not None:
            self.alive = time.monotonic()
        self.work.told(under_way or self.work.cells[0], "under way" if under_way else "waiting for a worker")
        if time.monotonic() - self.alive > PATIENCE:
            there = _resources(self.ray.cluster_resources())
            raise ModelError(
                f"no worker could be started for {PATIENCE / 60:.0f} minutes ({there} there); add machines, or "
                "ask for fewer --gpus-per-worker; the same command goes on where it was"
            )


@contextmanager
def connected(ray: Any, address: str | None) -> Iterator[None]:
    """Inside, Ray is connected: as it was, to the cluster at the address, or to one that lives as long.

    Args:
        ray: the module.
        address: of a cluster; ``None`` starts one of this machine alone, on loopback.

    Raises:
        ParameterError: there is none at the address, or it cannot be used, or there is a connection already.
    """
    if ray.is_initialized():
        if address is not None:
            raise ParameterError("this process is connected to a Ray cluster already; leave the address out")
        yield
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    try:
        if address is None:
            with _private(ray):
                ray.init(address="local", include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError, OSError) as error:
        where = f"no Ray cluster can be used at {address}" if address else "Ray cannot be started on this machine"
        raise ParameterError(f"{where} ({first_line(error)})") from None
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _private(ray: Any) -> Iterator[None]:
    """Inside, what is started belongs to this machine; Ray has loopback for macOS and Windows only, by a constant."""
    before = {name: os.environ.get(name) for name in _PRIVATE}
    constants = ray._private.ray_constants
    elsewhere = constants.ENABLE_RAY_CLUSTER
    os.environ.update({name: before[name] or value for name, value in _PRIVATE.items()})
    constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = elsewhere
        for name, value in before.items():
            if value is None:
                del os.environ[name]


def _check_same(there: dict[str, str], here: dict[str, str]) -> None:
    """Refuse a worker whose results would be another program's or another model's."""
    for what in ("unseen", "model"):
        if there.get(what) != here[what]:
            name = "another version of unseen" if what == "unseen" else "other weights of the model"
            raise OutputError(
                f"a worker has {name} ({there.get(what)}, here {here[what]}); give all machines the same, and start "
                "again"
            )


def _cause(error: Exception) -> UnseenError:
    """What a worker raised, as this process raises it."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, UnseenError) else ModelError(f"a worker failed: {first_line(error)}")


def _reason(error: Exception) -> str:
    """What Ray says of a death: what happened stands first, why in the last line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return "; ".join(dict.fromkeys([*lines[:1], *lines[-1:]])) or type(error).__name__


def _resources(there: dict[str, float]) -> str:
    return ", ".join(f"{there.get(name, 0):g} {name}s" for name in ("CPU", "GPU"))
