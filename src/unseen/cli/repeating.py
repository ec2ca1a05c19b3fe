"""The command line that repeats a command, from the function that ran it and what it was given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from inspect import Parameter, signature
from typing import Any

from unseen.cli.options import BUNDLED, ModelChoice
from unseen.system.shell import command_line


def repeated(command: Callable[..., Any], given: Mapping[str, Any]) -> str:
    """The command with the options that were given another value than their default; not where results lie.

    Args:
        command: the function that the command line runs.
        given: its arguments by name.

    Example:
        >>> from pathlib import Path
        >>> from unseen.cli.repeating import repeated
        >>> from unseen.cli.report_page import report
        >>> repeated(report, {"folder": Path("my results")})
        "unseen report 'my results'"
    """
    words, options = ["unseen", command.__name__], list[str]()
    for name, parameter in signature(command).parameters.items():
        value = given[name]
        if parameter.kind is Parameter.POSITIONAL_ONLY:
            words += map(str, value) if isinstance(value, list) else [str(value)]
        elif isinstance(value, ModelChoice):
            for field in fields(value):
                options += _option(field.name, getattr(value, field.name), getattr(BUNDLED, field.name))
        elif name not in ("out", "json"):
            options += _option(name, value, parameter.default)
    return command_line([*words, *options])


def _option(name: str, value: Any, usual: Any) -> list[str]:
    """Its words; none where it has its default."""
    if value == usual:
        return []
    flag = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag.removeprefix('--')}"]
    return [flag, ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)]
