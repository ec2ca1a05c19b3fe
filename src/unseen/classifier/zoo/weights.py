"""Weights from files and from the network: only tensors are read, code never runs."""

from __future__ import annotations

import importlib
import os
import pickle
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from unseen.errors import ModelError, UnseenError, first_line

Weights = dict[str, Tensor]

_NESTS = ("state_dict", "model_state_dict", "model")
_LIGHTNING = "pytorch-lightning_version"
_WRAPPERS = ("module.", "_orig_mod.")
_TIMEOUT = 15.0  # seconds
_FORCE_SAFE = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"


def read_weights(path: Path) -> Weights:
    """The named tensors of a ``.safetensors`` file or of a PyTorch checkpoint.

    A checkpoint may hold them under ``state_dict``, ``model_state_dict`` or ``model``; the prefixes that data
    parallelism and compilation add to the names are taken off. Whatever else a file of PyTorch Lightning holds, such as
    hyper-parameters of classes that are not installed, is ignored: in its place an object without content is made.

    Raises:
        ModelError: missing, damaged, or holding anything but tensors, which could run code when it is read.
    """
    if not path.is_file():
        raise ModelError(f"there is no weights file {path}; check the path")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            content: object = load_file(path)
        else:
            content = _unpickled(path)
    except Exception as error:  # readers of damaged files raise whatever they stumble over
        raise ModelError(
            f"{path} is damaged or holds more than tensors ({_reason(error)}); pickled code is never run: "
            "save the weights alone with torch.save(model.state_dict(), …) or as safetensors"
        ) from None
    for nest in _NESTS:
        if isinstance(content, Mapping) and isinstance(content.get(nest), Mapping):
            content = content[nest]
    if not isinstance(content, Mapping) or not content:
        raise ModelError(f"{path} holds no named tensors; save model.state_dict()")
    weights = {name: value for name, value in content.items() if isinstance(value, Tensor)}
    if len(weights) != len(content):
        raise ModelError(f"{path} mixes tensors with other values; save model.state_dict() alone")
    for wrapper in _WRAPPERS:
        if all(name.startswith(wrapper) for name in weights):
            weights = {name.removeprefix(wrapper): value for name, value in weights.items()}
    return weights


class _Ignored:
    """Stands for an object of a checkpoint that nobody asks for; its own class is neither imported nor run."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


def _unpickled(path: Path) -> object:
    """By torch's reader of weights alone; beside the weights of a Lightning file other things may stand.

    Raises:
        Exception: it holds something else.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        strange = get_unsafe_globals_in_checkpoint(path)
        stand_ins: list[Any] = [(type(name, (_Ignored,), {}), name) for name in strange]
        with safe_globals(stand_ins):
            content = torch.load(path, map_location="cpu", weights_only=True)
        if not (isinstance(content, dict) and _LIGHTNING in content and isinstance(content.get("state_dict"), dict)):
            raise
        return content


@contextmanager
def downloading(what: str, remedy: str) -> Iterator[None]:
    """Inside, weights load safely, connections time out, and failures become one :class:`ModelError`.

    PyTorch's downloader has no timeout and unpickles: the socket default and ``TORCH_FORCE_WEIGHTS_ONLY_LOAD`` are
    set for the duration, for the whole process.
    """
    timeout, forced = socket.getdefaulttimeout(), os.environ.get(_FORCE_SAFE)
    socket.setdefaulttimeout(_TIMEOUT)
    os.environ[_FORCE_SAFE] = "1"
    try:
        yield
    except UnseenError:
        raise
    except Exception as error:  # each library has its own; the cause stays attached
        raise ModelError(f"{what} cannot be loaded ({_reason(error)}); {remedy}") from error
    finally:
        socket.setdefaulttimeout(timeout)
        if forced is None:
            del os.environ[_FORCE_SAFE]
        else:
            os.environ[_FORCE_SAFE] = forced


def download_from_hub(repository: str, files: list[str], revision: str | None = None) -> Path:
    """The folder with those files (names or patterns) of a Hugging Face repository, from the cache if it is there.

    Raises:
        ModelError: no such repository, or no connection; at once, without retries.
    """
    hub = importlib.import_module("huggingface_hub")
    remedy = "check the name and the connection, or download it elsewhere and give the local path"
    with downloading(f"{', '.join(files)} of huggingface.co/{repository}", remedy):
        return Path(hub.snapshot_download(repository, revision=revision, allow_patterns=files))


def _reason(error: BaseException) -> str:
    """The first line of a library's message, without PyTorch's advice to read the file unsafely."""
    if isinstance(error, pickle.UnpicklingError):
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        return f"it names {named[1]}" if named else "it is not a checkpoint"
    return first_line(error).rstrip(".")
