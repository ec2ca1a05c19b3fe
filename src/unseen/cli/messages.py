"""What commands print: results on stdout, errors and notes as one line on stderr; nothing commands the terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from cyclopts import CycloptsError
from cyclopts.exceptions import UnusedCliTokensError

from unseen.errors import one_line
from unseen.system.names import printable


def say(*lines: str) -> None:
    """Print lines on stdout; a text of several lines is printed as such.

    Names of files, labels and plug-ins may hold anything; what is not text for a reader is shown as an escape.
    """
    print("\n".join(printable(line, keep="\n") for line in lines), flush=True)


def note(text: str) -> None:
    """Print what a user should know as one line on stderr."""
    print(f"unseen: note: {printable(text)}", file=sys.stderr)


def complain(error: Exception, about: str = "") -> int:
    """Print the error as one line on stderr; return the exit code of a user's error.

    Args:
        error: what happened; only its message is shown.
        about: what it happened to, put in front unless the message names it.
    """
    text = _said(error).rstrip(".")
    where = f"{about}: " if about and about not in text else ""
    hint = "; see unseen --help" if isinstance(error, CycloptsError) else ""
    print(f"unseen: error: {printable(f'{where}{text}{hint}')}", file=sys.stderr)
    return 2


def _said(error: Exception) -> str:
    if isinstance(error, UnusedCliTokensError):
        words = " ".join(error.unused_tokens or ())
        return f"{words!r} belongs to no option; separate several values by commas, and quote what has spaces in it"
    return one_line(error)


def print_json(fields: Mapping[str, Any]) -> None:
    """Print one JSON object as one line on stdout."""
    print(json.dumps(fields, allow_nan=False), flush=True)
