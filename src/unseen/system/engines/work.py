"""What an engine is given, and what it gives: tasks in, results out, in any order."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar, runtime_checkable

T = TypeVar("T")
"""A task."""

R = TypeVar("R")
"""What comes of it."""

_T = TypeVar("_T", contravariant=True)
_R = TypeVar("_R", covariant=True)


def warned(sentence: str) -> None:
    """Tell what must be known by a warning, for whoever calls from Python."""
    warnings.warn(sentence, stacklevel=2)


@runtime_checkable
class Worker(Protocol[_T, _R]):
    """Does tasks one after the other, and holds what all of them need, such as a model."""

    @property
    def same(self) -> Mapping[str, str]:
        """What must be the same wherever tasks are done, by what a difference is called in a message."""

    def __call__(self, task: _T, /) -> _R:
        """The result of a task; what can go wrong with a single one is a result, too."""


@dataclass(frozen=True, eq=False)
class Work(Generic[T, R]):
    """Tasks that are to be done.

    Attributes:
        tasks: none depends on another; those that share what is dear to make follow one another.
        here: does them in this process.
        elsewhere: makes what does them in another process. It travels, as tasks and results do.
        lost: the result of a task of which nothing comes, for this reason.
        told: is told of a task that is under way, in which stage.
        note: is told what must be known, in plain sentences; by default they are warnings.
    """

    tasks: Sequence[T]
    here: Worker[T, R]
    elsewhere: Callable[[], Worker[T, R]]
    lost: Callable[[T, str], R]
    told: Callable[[T, str], None] = lambda _task, _stage: None
    note: Callable[[str], None] = field(default_factory=lambda: warned)


@runtime_checkable
class Engine(Protocol):
    """Where tasks are done. Results do not depend on it beyond rounding."""

    def results(self, work: Work[T, R]) -> Generator[list[R], None, None]:
        """The result of every task, those together that are there at the same time; none is lost, whatever dies.

        Raises:
            UnseenError: nothing can be done here, and why.
        """
