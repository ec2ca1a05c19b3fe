"""Sessions of ONNX Runtime on the processor."""

from __future__ import annotations

from os import PathLike, fspath
from typing import Any

from unseen.system.optional import require


def session_of(model: bytes | PathLike[str], threads: int) -> Any:
    """A session for a file of ONNX or its content; its threads sleep while they wait, so that processes can share."""
    runtime = require("onnxruntime", "onnx")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # what fails is raised
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    given = model if isinstance(model, bytes) else fspath(model)
    return runtime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
