"""Makes torchvision importable beside a CPU-only torch.

The torchvision wheels of PyPI are linked to CUDA. Beside a CPU-only torch their compiled operators
do not load, and the import fails where torchvision registers shape functions for them ("operator
torchvision::nms does not exist"). No model definition and no transform uses these operators, so
their registration is left out here: timm and the image classes of transformers then work too.
"""

import importlib
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import pytest
import torch

from helpers.unchecked import unchecked


def _skip_missing_operators(
    register_fake: Callable[..., Callable[..., Any]],
) -> Callable[..., Callable[..., Any]]:
    @wraps(register_fake)
    def register(op: Any, func: Any = None, /, **options: Any) -> Callable[..., Any]:
        if isinstance(op, str) and op.startswith("torchvision::"):
            return (lambda function: function) if func is None else func
        return register_fake(op, func, **options)

    return register


def _import_torchvision() -> None:
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


_import_torchvision()


@pytest.fixture
def unchecked_types() -> Iterator[None]:
    """Types are checked in the other tests."""
    with unchecked():
        yield


@pytest.fixture
def quiet_peers() -> Iterator[None]:
    """Other libraries warn of what they do to the model; types are checked in the other tests."""
    with unchecked(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
