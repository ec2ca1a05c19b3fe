"""What differs between shells and terminals: how a command is quoted, and how a closed pipe is told."""

from __future__ import annotations

import errno
import shlex
import subprocess
import sys
from collections.abc import Iterable


def command_line(words: Iterable[str]) -> str:
    """The words as one line that this system's shell takes apart again: POSIX's, or on Windows ``cmd`` and PowerShell.

    Example:
        >>> from unseen.system.shell import command_line
        >>> command_line(["unseen", "explain", "my photo.jpg"]).replace('"', "'")
        "unseen explain 'my photo.jpg'"
    """
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def is_closed_pipe(error: OSError) -> bool:
    """Whether what was printed had no reader any more; Windows calls that an invalid argument."""
    return isinstance(error, BrokenPipeError) or (sys.platform == "win32" and error.errno == errno.EINVAL)
