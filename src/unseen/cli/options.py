"""Kinds of options that several commands have."""

from __future__ import annotations

import inspect
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from cyclopts import Parameter

from unseen.classifier.backend_names import BackendName
from unseen.errors import ParameterError
from unseen.system.options import Count, check

if TYPE_CHECKING:
    from unseen.system.engines.work import Engine

T = TypeVar("T")

Flag = Annotated[bool, Parameter(negative="", show_default=False)]
"""Given or not."""

Labelled = Annotated[list[str] | None, Parameter(negative="", metavar="LABEL", show_default=False)]
"""Labels of targets, one each time that the option is given."""

Listed = Annotated[list[str] | None, Parameter(negative="", metavar="LIST", show_default=False)]
"""Values separated by commas."""


def flowing(described: T) -> T:
    """A function or class whose docstring has what it says of each parameter on one line, for the help to wrap."""
    told = inspect.cleandoc(described.__doc__ or "")
    described.__doc__ = re.sub(r"(?m)^(?: {4}\S.*\n?)+", lambda found: f"    {' '.join(found[0].split())}\n", told)
    return described


@Parameter(name="*")
@flowing
@dataclass(frozen=True)
class ModelChoice:
    """Which model, and what is said of it beside its name; ``None`` leaves it to the model's source.

    Parameters
    ----------
    model
        A name from "unseen list models", NAME@PATH for weights of your own, python:FILE.py:NAME, onnx:FILE,
        torchscript:FILE, or an address, http://….
    labels
        Text file with one class name a line, for a model that brings none.
    preprocessing
        How photographs are prepared, instead of what the model's source says: size=224,resize=256,mean=0.5,0.5,0.5
        (any of them), a JSON file of these, or the explanation.json of an earlier explanation. Of many channels,
        bands=4,3,2 are those that pictures show as red, green and blue, and bands=4 one in grey. size=[256] is a
        signal of 256 samples and size=24x32x32 a volume.
    outputs
        What the model's numbers mean: a name from "unseen list outputs", with options, as sigmoid:threshold=0.3;
        by default what the model's source says, else logits.
    device
        auto, cpu, cuda, cuda:1, mps.
    backend
        What runs the passes that need neither gradients nor layers: torch; onnxruntime (of "unseen[onnx]"); auto, which
        measures which is faster on this machine where many are to come, before the first that counts.
    """

    model: str = "efficientnet-lite0"
    labels: Path | None = None
    preprocessing: str | None = None
    outputs: str | None = None
    device: str = "auto"
    backend: BackendName = "torch"


BUNDLED = ModelChoice()
"""The network that comes with the package."""


@Parameter(name="*")
@flowing
@dataclass(frozen=True)
class EngineOptions:
    """Where the work is done.

    Parameters
    ----------
    engine
        local: processes of this machine; ray: the workers of a Ray cluster (of "unseen[cluster]").
    workers
        Processes, by default one; 0 takes one per core. With --engine ray workers, by default as many as there is room
        for.
    address
        With --engine ray: auto, HOST:PORT or ray://HOST:PORT; by default a cluster of this machine alone.
    gpus_per_worker
        With --engine ray: the GPUs that a worker gets, or the share of one, as 0.5.
    """

    engine: Literal["local", "ray"] = "local"
    workers: int | None = None
    address: str | None = None
    gpus_per_worker: float | None = None

    def made(self) -> Engine:
        """The engine.

        Raises:
            ParameterError: a value outside its range, or one of the other engine.
        """
        from unseen.system.engines.cluster import RayCluster
        from unseen.system.engines.local import LocalProcesses

        check("workers", self.workers, Annotated[int, Count("how many processes work; 0 takes one per core", 0)] | None)
        if self.engine == "ray":
            return RayCluster(self.address, self.workers or 0, self.gpus_per_worker or 0.0)
        given = [name for name in ("address", "gpus_per_worker") if getattr(self, name) is not None]
        if given:
            options = " and ".join(f"--{name.replace('_', '-')}" for name in given)
            raise ParameterError(f"{options}: this machine's processes have none; give --engine ray, too")
        return LocalProcesses(1 if self.workers is None else self.workers or os.cpu_count() or 1)


IN_THIS_PROCESS = EngineOptions()
"""The command does the work itself."""


def target_of(labels: list[str] | None) -> str | tuple[str, ...] | None:
    """The target that labels name: one, several at once, or ``None`` for the model's top class."""
    return labels[0] if labels and len(labels) == 1 else tuple(labels or ()) or None


def numbers(lists: list[str] | None, what: str) -> tuple[float, ...]:
    """The numbers of comma-separated lists, each once.

    Args:
        lists: as the command received them.
        what: one of them is, for the message.

    Raises:
        ParameterError: one is no number.
    """
    try:
        found = [float(piece) for listed in lists or () for piece in listed.split(",")]
    except ValueError as error:
        raise ParameterError(f"{what}, or several separated by commas ({error})") from None
    return tuple(dict.fromkeys(found))
