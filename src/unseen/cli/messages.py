"""What commands print in one line: errors on stderr, objects for scripts on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from cyclopts import CycloptsError


def complain(error: Exception, about: str = "") -> int:
    """Print the error as one line on stderr; return the exit code of a user's error.

    Args:
        error: what happened; only its message is shown.
        about: what it happened to, put in front unless the message names it.
    """
    text = " ".join(str(error).split()).rstrip(".")
    where = f"{about}: " if about and about not in text else ""
    hint = "; see unseen --help" if isinstance(error, CycloptsError) else ""
    print(f"unseen: error: {where}{text}{hint}", file=sys.stderr)
    return 2


def print_json(fields: Mapping[str, Any]) -> None:
    """Print one JSON object as one line on stdout."""
    print(json.dumps(fields, allow_nan=False), flush=True)
