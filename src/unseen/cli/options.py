"""Kinds of options that several commands have."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

Flag = Annotated[bool, Parameter(negative="", show_default=False)]
"""Given or not."""

Listed = Annotated[list[str] | None, Parameter(negative="", metavar="LIST", show_default=False)]
"""Values separated by commas."""
