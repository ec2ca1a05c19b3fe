"""No assumption in the sources that fails on Linux, macOS or Windows, as far as such are known."""

from __future__ import annotations

from pathlib import Path

import pytest

import unseen
from helpers.portability import faults

SOURCE = Path(unseen.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_the_sources_run_on_every_system(path: Path) -> None:
    assert faults(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import fcntl", "fcntl is not everywhere"),
        ("from resource import getrusage", "resource is not everywhere"),
        ("import os\nos.getuid()", "os.getuid is not everywhere"),
        ("from signal import SIGKILL", "signal.SIGKILL is not everywhere"),
        ("import signal\nsignal.signal(signal.SIGHUP, handler)", "signal.SIGHUP is not everywhere"),
        ("from os import rename", "os.rename fails on Windows"),
        ("path.rename(other)", ".rename fails on Windows"),
        ("path.symlink_to(other)", "need a privilege"),
        ("path.chmod(0o600)", "may be written"),
        ("import shlex\nshlex.join(words)", "quotes for POSIX only"),
        ("import tempfile\ntempfile.NamedTemporaryFile()", "cannot be opened again"),
        ("get_context('fork')", "only spawn is everywhere"),
        ("import ctypes\nctypes.CDLL(None)", "CDLL(None) fails"),
        ("place = '/tmp/unseen'", "is no place on every system"),
        ("record['photo'] = str(path.relative_to(folder))", "separators"),
        ("path.read_text()", "read_text without an encoding"),
        ("path.write_text(text)", "write_text without an encoding"),
        ("open(path)", "open without an encoding"),
        ("path.open('w')", "open without an encoding"),
        ("def f():\n    return path.open()", "open without an encoding"),
        ("import sys\nif sys.platform == 'linux':\n    pass\ndef f():\n    import fcntl", "fcntl is not everywhere"),
    ],
)
def test_what_is_known_to_fail_is_found(source: str, told: str) -> None:
    (fault,) = faults(source)
    assert told in fault


@pytest.mark.parametrize(
    "source",
    [
        "import sys\nif sys.platform != 'win32':\n    import fcntl",
        "def f():\n    if sys.platform == 'linux':\n        ctypes.CDLL(None)",
        "path.read_text(encoding='utf-8')",
        "path.read_text('utf-8')",
        "path.open('rb')",
        "open(path, 'wb')",
        "Image.open(path)",
        "os.open(path, os.O_RDONLY)",
        "tarfile.open(path, 'r:')",
        "str(path.relative_to(folder).as_posix())",
        "get_context('spawn')",
    ],
)
def test_what_is_right_passes(source: str) -> None:
    assert faults(source) == []
