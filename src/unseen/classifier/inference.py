"""A network on ONNX Runtime: the same function on another engine, for passes that need neither gradients nor layers.

On a processor without an accelerator it is about twice as fast as PyTorch. It is a black box: what looks inside the
network, such as Activation–Deactivation or a gradient, refuses it.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from unseen.errors import ModelError, NotApplicableError
from unseen.system.files import scratch
from unseen.system.optional import require

_SILENT = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")


class OnnxNetwork(nn.Module):
    """Runs an ONNX file as a module: float32 images (N, C, H, W) on the CPU → its first output.

    Args:
        path: what :func:`export` wrote.
        threads: of one pass; they sleep while they wait, so that several processes can share a machine.

    Raises:
        ModelError: ONNX Runtime is not installed, or cannot read the file.
    """

    def __init__(self, path: Path, threads: int) -> None:
        super().__init__()
        runtime = require("onnxruntime", "onnx")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session: Any = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has a class of its own for every fault, none of them public
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ModelError(f"ONNX Runtime cannot run {path} ({reason}); delete it, and it is made again") from error
        self._input = self._session.get_inputs()[0].name

    def forward(self, normalised: Tensor) -> Tensor:
        """The logits of a batch.

        Raises:
            NotApplicableError: a gradient is asked for.
        """
        if normalised.requires_grad and torch.is_grad_enabled():
            raise NotApplicableError("ONNX Runtime computes no gradients; use the classifier without accelerated()")
        (logits, *_) = self._session.run(None, {self._input: normalised.detach().contiguous().numpy()})
        return torch.from_numpy(logits)


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
    loggers = [logging.getLogger(name) for name in _SILENT]
    levels = [logger.level for logger in loggers]
    try:
        with scratch(path.parent) as place, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            shapes = ({0: torch.export.Dim("batch", min=1)},)
            program = torch.onnx.export(network, (example,), dynamo=True, dynamic_shapes=shapes, verbose=False)
            assert program is not None
            program.save(place / path.name)
            (place / path.name).replace(path)
    except Exception as error:  # an exporter fails in as many ways as there are networks
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"the network has no ONNX form ({reason}); use it without accelerated()") from error
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
