"""Whose fault it is that a pass failed: the network's, ours, or that of too little memory."""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import FrameType, TracebackType

import torch

from unseen import errors
from unseen.errors import InternalError, ModelError, UnseenError, first_line

_OURS, _TORCH = (f"{Path(str(package.__file__)).parent}/" for package in (errors, torch))
_OF_MODULES = torch.nn.Module._call_impl.__code__.co_filename


class InterceptionError(Exception):
    """What follows a pass failed by itself; the cause says how. It never leaves :meth:`Classifier.call`."""


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out: torch has several, on several devices."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).lower()
    return any(words in text for words in ("out of memory", "can't allocate memory", "not enough memory"))


def blamed(error: Exception, name: str, shape: tuple[int, ...], plainly: Callable[[], object]) -> UnseenError:
    """What to raise in place of an error of a pass.

    Where an interception failed the network is run without it: if that fails as well, the network is at fault.

    Args:
        error: no :class:`UnseenError`, and not of memory.
        name: of the network.
        shape: of its input.
        plainly: runs the network with nothing that follows the pass.
    """
    ours = isinstance(error, InterceptionError) or _raised_by_us(error.__traceback__)
    if isinstance(error, InterceptionError):
        try:
            plainly()
        except Exception as fault:
            error, ours = fault, False
    if ours:
        return internal(error, f"asking {name}")
    return ModelError(
        f"{name} fails on images of shape {shape} ({first_line(error)}); "
        "check size and channels in its preprocessing (one mean and std for each channel), and its code"
    )


def internal(error: Exception, doing: str) -> InternalError:
    """The error that reports a fault of ours, with what helps to find it."""
    where = f" while {error}" if isinstance(error, InterceptionError) else ""
    cause = error.__cause__ if isinstance(error, InterceptionError) and error.__cause__ else error
    place = _place(cause.__traceback__)
    return InternalError(
        f"internal error ({type(cause).__name__}: {first_line(cause)}{where}, {place}) when {doing}; please report it "
        f"with this line, the code of the network, and: unseen {version('unseen')}, torch {torch.__version__}, "
        f"Python {platform.python_version()}, {platform.system()}"
    )


def _raised_by_us(trace: TracebackType | None) -> bool:
    """Whether one of our own modules failed, and not what it called; the first frame is of who called the network."""
    ours, trace = False, trace and trace.tb_next
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename.startswith(_OURS):
            ours = "as_asked" not in code.co_name
        elif not code.co_filename.startswith(_TORCH) or code.co_filename == _OF_MODULES:
            ours = False
        trace = trace.tb_next
    return ours


def _place(trace: TracebackType | None) -> str:
    """The innermost line of ours."""
    found: tuple[FrameType, int] | None = None
    while trace is not None:
        if found is None or trace.tb_frame.f_code.co_filename.startswith(_OURS):
            found = trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next
    if found is None:
        return "place unknown"
    frame, line = found
    return f"{frame.f_code.co_filename.removeprefix(_OURS)}:{line}"
