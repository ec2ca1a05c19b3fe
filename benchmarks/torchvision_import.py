"""Makes torchvision importable beside a CPU-only torch.

The torchvision wheels of PyPI are linked to CUDA. Beside a CPU-only torch their compiled operators
do not load, and the import fails where torchvision registers shape functions for them ("operator
torchvision::nms does not exist"). No model definition and no transform uses these operators, so
their registration is left out here: timm and the image classes of transformers then work too.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import torch

Register = Callable[..., Callable[..., Any]]


def import_torchvision() -> None:
    """Import it, without the operators that do not load; nothing happens where it is imported already."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
    else:
        return
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    original = torch.library.register_fake
    torch.library.register_fake = _skip_missing_operators(original)
    try:
        importlib.import_module("torchvision")
    finally:
        torch.library.register_fake = original


def _skip_missing_operators(register_fake: Register) -> Register:
    @wraps(register_fake)
    def register(op: Any, func: Any = None, /, **options: Any) -> Callable[..., Any]:
        if isinstance(op, str) and op.startswith("torchvision::"):
            return (lambda function: function) if func is None else func
        return register_fake(op, func, **options)

    return register
