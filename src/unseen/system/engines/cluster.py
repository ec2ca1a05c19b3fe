"""Many machines as an engine, by Ray: actors hold the model and do tasks; the driver alone takes what comes of them.

An actor takes its tasks in the order in which it was given them, so that of an actor that dies the oldest open task is
the one that was under way. It is tried again on another actor; a task under which two actors died is lost, with the
reason. All others that the dead actor was given go back to the queue without blame.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Generic

import torch

from unseen.errors import ModelError, OutputError, ParameterError, UnseenError, first_line
from unseen.system.engines.work import R, T, Work, Worker
from unseen.system.optional import require
from unseen.system.options import Count, Meaning, Number, Options
from unseen.system.process import tune_allocator

GIVEN = 2
"""Tasks that an actor is given at a time: one under way, and one so that it never waits for the driver."""

DEATHS = 2
"""Actors that may die under a task; then it is lost, with the reason."""

PATIENCE = 600.0
"""Seconds without any actor after which a run gives up; what is done is kept."""

_PRIVATE = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
"""A cluster of our own reports to nobody, and leaves no token in the home folder."""


@dataclass(frozen=True)
class RayCluster(Options):
    """The actors of a Ray cluster.

    Every machine must reach the photographs, and the model's files, under the same paths; relative ones are seen from
    the folder of this process, where a machine has it. A cluster of this machine alone listens on loopback, has no
    dashboard, and ends with the run.

    Raises:
        ParameterError: a value outside its range.
    """

    address: Annotated[
        str | None, Meaning("the cluster: auto, HOST:PORT or ray://HOST:PORT; by default one of this machine alone")
    ] = None
    workers: Annotated[int, Count("how many actors work; 0 takes as many as there is room for now", 0)] = 0
    gpus_per_worker: Annotated[float, Number("the GPUs, or the share of one, that an actor gets", 0)] = 0.0

    def results(self, work: Work[T, R]) -> Generator[list[R], None, None]:
        """See :class:`~unseen.system.engines.work.Engine`.

        Raises:
            ModelError: Ray is not installed; a worker has another version of this package or of the model, or none can
                be started.
            ParameterError: there is no cluster at the address, or no room in it.
        """
        ray = require("ray", "cluster")
        if not work.tasks:
            return
        with connected(ray, self.address):
            run = _Run(self, work, ray)
            try:
                yield from run.results()
            finally:
                run.end()

    def room(self, ray: Any) -> int:
        """How many actors find room in the cluster as it is."""
        there = ray.cluster_resources()
        cores = there.get("CPU", 0.0)
        return int(min(cores, there.get("GPU", 0.0) / self.gpus_per_worker) if self.gpus_per_worker else cores)

    def hire(self, ray: Any) -> Any:
        """An actor with the methods of :class:`Actor`, which holds no model yet."""
        kind = ray.remote(num_cpus=1, num_gpus=self.gpus_per_worker, max_restarts=0)(Actor)
        return kind.remote(self.gpus_per_worker, Path.cwd())


class Actor:
    """A worker in a process of the cluster.

    Args:
        gpus: how many this process has.
        folder: of the driver, from which paths are seen; where it is not there, only whole paths are the same.
    """

    worker: Worker[Any, Any]

    def __init__(self, gpus: float, folder: Path) -> None:
        if not gpus:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""  # a GPU that Ray did not give is another's
        with suppress(OSError):
            os.chdir(folder)
        torch.set_num_threads(1)
        tune_allocator()

    def ready(self, made: Callable[[], Worker[Any, Any]]) -> dict[str, str]:
        """What must be the same everywhere, once this made the worker: Ray hands on only what a task raises."""
        self.worker = made()
        return {**program(), **self.worker.same}

    def do(self, task: Any) -> Any:
        """The result of a task."""
        return self.worker(task)


def program() -> dict[str, str]:
    """The version of this package, as :attr:`Worker.same` has it."""
    try:
        return {"another version of unseen": version("unseen")}
    except PackageNotFoundError:
        return {}


@dataclass(eq=False)
class _Hand:
    """An actor, and what it was given: numbers of tasks by the reference to their result, the oldest first."""

    actor: Any
    open: dict[Any, int | None] = field(default_factory=dict)
    ready: bool = False


@dataclass(eq=False)
class _Run(Generic[T, R]):
    engine: RayCluster
    work: Work[T, R]
    ray: Any
    hands: list[_Hand] = field(default_factory=list)
    again: deque[int] = field(default_factory=deque)
    deaths: Counter[int] = field(default_factory=Counter)
    stillborn: int = 0
    alive: float = field(default_factory=time.monotonic)

    def results(self) -> Iterator[list[R]]:
        count = self.engine.workers or self.engine.room(self.ray)
        if count < 1:
            raise ParameterError(
                f"no room for a worker with {self.engine.gpus_per_worker:g} GPUs in the cluster "
                f"({_resources(self.ray.cluster_resources())}); ask for less (--gpus-per-worker), or add machines"
            )
        try:
            self.made = self.ray.put(self.work.elsewhere)
        except self.ray.exceptions.RayError as error:
            raise _full(error) from None
        finished, expected = 0, len(self.work.tasks)
        waiting = iter(range(expected))
        for _ in range(min(count, expected)):
            self._hire()
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
        hand = _Hand(self.engine.hire(self.ray))
        hand.open[hand.actor.ready.remote(self.made)] = None
        self.hands.append(hand)

    def _give(self, waiting: Iterator[int]) -> None:
        """Give every actor that is ready as much as it may have, one task to each before a second to any."""
        for most in range(1, GIVEN + 1):
            for hand in self.hands:
                if not hand.ready or len(hand.open) >= most:
                    continue
                number = self.again.popleft() if self.again else next(waiting, None)
                if number is None:
                    return
                hand.open[hand.actor.do.remote(self.work.tasks[number])] = number

    def _done(self) -> Iterator[R]:
        """The results that are there, which the driver takes together; waits for the first."""
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
            if hand.open.pop(reference) is None:
                _check_same(value, {**program(), **self.work.here.same})
                hand.ready, self.stillborn = True, 0
            else:
                yield value
        for hand, reason in dead.values():
            yield from self._buried(hand, reason)

    def _buried(self, hand: _Hand, error: Exception) -> Iterator[R]:
        """Take a dead actor's tasks back, and hire another one; a task that it died under twice is over."""
        self.hands.remove(hand)
        self._dismiss(hand)  # one that cannot be reached would keep its place in the cluster
        numbers = [number for number in hand.open.values() if number is not None]
        if not hand.ready:
            self.stillborn += 1
            if self.stillborn > max(DEATHS, len(self.hands)):
                raise ModelError(f"workers die before they have loaded the model: {_reason(error)}")
        elif numbers:
            suspect, *others = numbers
            self.again.extendleft(reversed(others))
            self.deaths[suspect] += 1
            if self.deaths[suspect] < DEATHS:
                self.again.append(suspect)
            else:
                yield self.work.lost(self.work.tasks[suspect], f"its worker died {DEATHS} times: {_reason(error)}")
        self._hire()

    def _look(self) -> None:
        """Tell what is under way, and give up where there has been nobody to work for long."""
        under_way = next((number for hand in self.hands for number in hand.open.values() if number is not None), None)
        if under_way is not None:
            self.alive = time.monotonic()
        stage = "waiting for a worker" if under_way is None else "under way"
        self.work.told(self.work.tasks[under_way or 0], stage)
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
        versions = re.findall(r"Ray: (\S+)\s+Python: (\S+)", str(error))
        if len(versions) == 2:
            (theirs, python), (own, own_python) = versions
            raise ParameterError(
                f"the Ray cluster at {address} is Ray {theirs} on Python {python}, this process Ray {own} on Python "
                f"{own_python}; give both the same (pip install ray=={theirs}, in an environment of that Python)"
            ) from None
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


def _check_same(there: Mapping[str, str], here: Mapping[str, str]) -> None:
    """Refuse a worker whose results would be another program's or another model's."""
    for difference, own in here.items():
        if there.get(difference) != own:
            raise OutputError(
                f"a worker has {difference} ({there.get(difference)}, here {own}); give all machines the same, and "
                "start again"
            )


def _cause(error: Exception) -> UnseenError:
    """What a worker raised, as this process raises it."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, UnseenError):
        return cause
    full = type(cause).__name__ in ("ObjectStoreFullError", "OutOfDiskError")
    return _full(cause) if full else ModelError(f"a worker failed: {first_line(error)}")


def _full(error: object) -> ModelError:
    """What to do where Ray keeps no more objects."""
    said = f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"
    return ModelError(
        f"Ray has no room for what workers need ({said}); start it with a larger --object-store-memory, or free disk "
        "where it spills (--temp-dir); the same command goes on where it was"
    )


def _reason(error: Exception) -> str:
    """What Ray says of a death: what happened stands first, why in the last line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return "; ".join(dict.fromkeys([*lines[:1], *lines[-1:]])) or type(error).__name__


def _resources(there: dict[str, float]) -> str:
    return ", ".join(f"{there.get(name, 0):g} {name}s" for name in ("CPU", "GPU"))
