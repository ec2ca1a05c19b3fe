"""A network on ONNX Runtime: the same function on another engine, for passes that need neither gradients nor layers.

On a processor without an accelerator it is about twice as fast as PyTorch. It is a
:class:`~unseen.classifier.black_box.BlackBox`.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unseen.classifier.black_box import BlackBox
from unseen.classifier.failures import out_of_memory
from unseen.classifier.functions import as_tensors
from unseen.classifier.graph.session import session_of
from unseen.errors import ModelError, first_line
from unseen.inputs.space import KINDS
from unseen.system.files import content_digest, scratch
from unseen.system.optional import require
from unseen.system.quiet import quiet

_DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64"}
_CHANNELS = (1, 3, 4)
"""Sides of an input that are taken for channels where they come last."""
_AXES = {1: "length", 2: "height × width", 3: "depth × height × width"}
_SILENT = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")


@dataclass(frozen=True)
class NetworkInput:
    """What an ONNX file says of its one input.

    Attributes:
        name: of it.
        dtype: of its numbers.
        batch: images in a pass; ``None`` where any number may be.
        channels: ``None`` where the file leaves them open.
        size: the lengths of one, two or three axes, each ``None`` where the file leaves it open.
        channels_last: whether it is (N, H, W, C), as TensorFlow has it.
    """

    name: str
    dtype: np.dtype[Any]
    batch: int | None
    channels: int | None
    size: tuple[int | None, ...]
    channels_last: bool

    @classmethod
    def of(cls, inputs: Sequence[Any], path: Path) -> NetworkInput:
        """Of what a session tells.

        Raises:
            ModelError: several inputs, or one that takes neither images nor signals nor volumes.
        """
        if len(inputs) != 1:
            names = ", ".join(one.name for one in inputs) or "none"
            raise ModelError(f"{path} has the inputs {names}; export it with one input, the images")
        (given,) = inputs
        if len(given.shape) - 2 not in KINDS or given.type not in _DTYPES:
            raise ModelError(
                f"the input {given.name} of {path} is {given.type} of shape {given.shape}; export it to take float "
                "images of shape (N, C, H, W), signals (N, C, L) or volumes (N, C, D, H, W)"
            )
        batch, *sides = [side if isinstance(side, int) and side > 0 else None for side in given.shape]
        last = sides[-1] in _CHANNELS and sides[0] not in _CHANNELS
        channels, size = (sides[-1], sides[:-1]) if last else (sides[0], sides[1:])
        return cls(given.name, np.dtype(_DTYPES[given.type]), batch, channels, tuple(size), last)


class OnnxNetwork(BlackBox):
    """Runs an ONNX file as a module: inputs ``(N, C, *space)`` on the CPU → its output, or several by their names.

    A file that is made for a fixed number of images is asked in batches of that number, the last one filled up.

    Args:
        path: of the file.
        threads: of one pass; they sleep while they wait, so that several processes can share a machine.
        remedy: what to do with a file that cannot be run, for the message.

    Raises:
        ModelError: ONNX Runtime is not installed, cannot read the file, or it takes nothing of one to three axes.
    """

    def __init__(self, path: Path, threads: int, remedy: str = "delete it, and it is made again") -> None:
        require("onnxruntime", "onnx")
        super().__init__(path.name, "a network on ONNX Runtime", _digest(path, remedy), complete=True)
        self._arguments = (path, threads, remedy)
        try:
            self._session = session_of(path, threads)
        except Exception as error:  # onnxruntime has a class of its own for every fault, none of them public
            raise ModelError(f"ONNX Runtime cannot run {path} ({first_line(error)}); {remedy}") from error
        self.input = NetworkInput.of(self._session.get_inputs(), path)
        self._outputs = [output.name for output in self._session.get_outputs()]

    def __reduce__(self) -> tuple[Any, ...]:
        """Opened again in another process."""
        return type(self), self._arguments

    def ask(self, images: Tensor) -> object:
        """See :meth:`BlackBox.ask`.

        Raises:
            ModelError: the file is for images of another size or number of channels, or fails.
        """
        wanted = (self.input.channels, *self.input.size)
        given = images.shape[1:]
        if len(wanted) != len(given) or any(w not in (None, g) for w, g in zip(wanted, given, strict=True)):
            asked = " × ".join("any" if side is None else str(side) for side in wanted)
            axes = len(self.input.size)
            raise ModelError(
                f"{self.title} takes {KINDS[axes]}s of {asked} (channels × {_AXES[axes]}), not of "
                f"{' × '.join(map(str, given))}; give a preprocessing of that size"
            )
        batch = images.movedim(1, -1) if self.input.channels_last else images
        numbers = batch.numpy().astype(self.input.dtype, copy=False)
        count = self.input.batch or len(numbers)
        passes = [self._run(numbers[first : first + count], count) for first in range(0, len(numbers), count)]
        outputs = [as_tensors(np.concatenate(parts), self.title) for parts in zip(*passes, strict=True)]
        return outputs[0] if len(outputs) == 1 else dict(zip(self._outputs, outputs, strict=True))

    def _run(self, some: NDArray[Any], count: int) -> list[NDArray[Any]]:
        missing = count - len(some)
        full = np.concatenate([some, np.repeat(some[-1:], missing, axis=0)]) if missing else some
        try:
            outputs = self._session.run(None, {self.input.name: np.ascontiguousarray(full)})
        except Exception as error:  # as above
            if out_of_memory(error):
                raise
            raise ModelError(
                f"ONNX Runtime fails on {self.title} ({first_line(error)}); check how it was exported"
            ) from None
        return [np.asarray(output)[: len(some)] for output in outputs]


def _digest(path: Path, remedy: str) -> str:
    """Of the file and of all files beside it in which it keeps weights.

    Raises:
        ModelError: it cannot be read.
    """
    onnx = require("onnx", "onnx")
    try:
        digests = {"": content_digest(path)}
        network = onnx.load(path, load_external_data=False)
        digests |= {name: content_digest(path.parent / name) for name in sorted(set(_external(network)))}
    except OSError as error:
        name = error.filename or path
        raise ModelError(f"{name} cannot be read ({error.strerror}); check the path") from None
    except Exception as error:  # of damaged files whatever the parser stumbles over
        raise ModelError(f"{path} cannot be read ({first_line(error)}); {remedy}") from None
    if len(digests) == 1:
        return digests[""]
    return hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()


def _external(message: Any) -> Iterator[str]:
    """The files that tensors anywhere in a message of ONNX lie in."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for one in value if isinstance(value, Sequence) else [value]:
            if field.name != "external_data":
                yield from _external(one)
            elif one.key == "location":
                yield one.value


def check_exportable(name: str, box: BlackBox | None, device: torch.device, dtype: torch.dtype) -> None:
    """Refuse what :func:`export` cannot write for ONNX Runtime.

    Raises:
        ModelError: the model is a black box, or not float32 on the CPU.
    """
    if box is not None:
        raise ModelError(f"{name} is {box.kind} and cannot be exported; use it as it is")
    if (device.type, dtype) != ("cpu", torch.float32):
        raise ModelError(f"{name} is {dtype} on {device}; ONNX Runtime takes float32 on the CPU here")


def export(network: nn.Module, example: Tensor, path: Path) -> None:
    """Write a network in evaluation mode as an ONNX file with a free batch size; it takes some ten seconds.

    Args:
        network: maps a float32 batch to logits.
        example: a batch of two images of the right size.
        path: the file, replaced when it is complete.

    Raises:
        ModelError: the extra ``onnx`` is not installed, or the network has an operation without an ONNX form.
    """
    for package in ("onnx", "onnxscript"):
        require(package, "onnx")
    path.parent.mkdir(parents=True, exist_ok=True)
    loggers = [logging.getLogger(name) for name in _SILENT]
    levels = [logger.level for logger in loggers]
    try:
        with scratch(path.parent) as place, quiet():
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            shapes = ({0: torch.export.Dim("batch", min=1)},)
            program = torch.onnx.export(network, (example,), dynamo=True, dynamic_shapes=shapes, verbose=False)
            assert program is not None
            program.save(place / path.name)
            for beside in place.glob(f"{path.name}?*"):  # the weights of what is larger than a file can be
                beside.replace(path.parent / beside.name)
            (place / path.name).replace(path)
    except Exception as error:  # an exporter fails in as many ways as there are networks
        raise ModelError(f"the network has no ONNX form ({first_line(error)}); use it without accelerated()") from error
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
