"""Kinds of options that several commands have."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from unseen.errors import ParameterError

Flag = Annotated[bool, Parameter(negative="", show_default=False)]
"""Given or not."""

Labelled = Annotated[list[str] | None, Parameter(negative="", metavar="LABEL", show_default=False)]
"""Labels of targets, one each time that the option is given."""

Listed = Annotated[list[str] | None, Parameter(negative="", metavar="LIST", show_default=False)]
"""Values separated by commas."""


def numbers(lists: list[str] | None, what: str) -> tuple[float, ...]:
    """The numbers of comma-separated lists, each once.

    Args:
        lists: as the command received them.
        what: one of them is, for the message.

    Raises:
        ParameterError: one is no number.
    """
    try:
        found = [float(piece) for listed in lists or () for piece in listed.split(",")]
    except ValueError as error:
        raise ParameterError(f"{what}, or several separated by commas ({error})") from None
    return tuple(dict.fromkeys(found))
