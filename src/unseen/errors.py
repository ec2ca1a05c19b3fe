"""What can go wrong, said in one line each: the cause, then the remedy.

Every error that a user can cause is an :class:`UnseenError`; the command line prints its message and exits
with code 2. Anything else that escapes is a bug of ours and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UnseenError(Exception):
    """Base of all errors whose message is meant for the user."""


class PhotoError(UnseenError):
    """A photograph cannot be read or is not usable."""


class ModelError(UnseenError):
    """A model cannot be loaded, or does not behave as a classifier must."""


class NotOptimisedError(ModelError):
    """A copy for fast inference cannot be made, or says something else; the model itself can be used."""


class NotRecordedError(ModelError):
    """A pass cannot be recorded as a graph; the model can be used as it is."""


class UnknownNameError(UnseenError, LookupError):
    """A name that is not registered; the message offers the nearest ones."""


class PluginError(UnseenError):
    """What another package adds cannot be used; the message names it."""


class ParameterError(UnseenError, ValueError):
    """A parameter is outside its range or of the wrong form."""


class NotApplicableError(UnseenError):
    """A method has no sound rule for this model; the message names the operation."""


class InternalError(UnseenError):
    """A fault of ours that came up inside somebody's network; the message says what to send us."""


class OutputError(UnseenError):
    """A result cannot be written where the user asked."""


def first_line(error: BaseException) -> str:
    """The first line of what an error of another library says, for a message of ours; its kind if it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def one_line(error: BaseException, most: int | None = None) -> str:
    """All that it says, as one line of ``most`` characters at the most; its kind if it says nothing."""
    return " ".join(str(error).split())[:most] or type(error).__name__


def nearest(name: str, known: Iterable[str]) -> str:
    """The sentence that helps after a misspelt name: the nearest known names, or all if there are few."""
    names = sorted(known)
    spelt = {candidate.lower(): candidate for candidate in names}
    close = difflib.get_close_matches(name.lower(), spelt, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(repr(spelt[candidate]) for candidate in close)}?"
    if len(names) <= 24:
        return f"known: {', '.join(names)}"
    return f"{len(names)} names are known, none of them close"
