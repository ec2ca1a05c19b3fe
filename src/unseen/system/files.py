"""Files written whole or not at all, and the folders in which several processes write."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

from unseen.errors import OutputError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCK = ".unseen-lock"
_SCRATCH = ".unseen-"
_YOUNG = 60.0
"""Seconds for which what another process has just made is left alone, locked or not."""
_OLD = 86_400.0
"""Seconds after which it is litter where nothing tells whether its process lives."""


def check_writable(folder: Path) -> None:
    """Make sure that ``folder`` can be written, or created, without leaving a trace.

    Raises:
        OutputError: a file is in its place, or its file system or owner forbids writing.
    """
    try:
        existing = _nearest_existing(folder)
        if not existing.is_dir():
            raise OutputError(f"cannot write into {folder}: {existing} is a file; choose another folder")
        with tempfile.TemporaryFile(dir=existing):
            pass
    except (OSError, ValueError) as error:
        raise unwritable(folder, error) from None


def replace_file(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all; its folder is created.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        with scratch(path.parent) as place:
            (place / path.name).write_bytes(content)
            path.parent.mkdir(parents=True, exist_ok=True)
            (place / path.name).replace(path)
    except OSError as error:
        raise unwritable(path, error) from None


def unwritable(path: Path, error: Exception) -> OutputError:
    """What is said of a path that cannot be written, with the remedy that fits the reason."""
    reason = getattr(error, "strerror", None) or str(error)
    full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
    remedy = "free some space, or choose another folder" if full else "choose another folder"
    return OutputError(f"cannot write {path} ({reason}); {remedy}")


@contextlib.contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """A hidden folder on the file system of ``folder``; inside it if it is there, so that its parent is not needed.

    What is in it is gone afterwards. What a killed process left of the same kind in the same place goes, too.
    """
    place = _nearest_existing(folder)
    _sweep(place)
    own = place / f"{_SCRATCH}{secrets.token_hex(4)}"
    own.mkdir()
    try:
        with _held(own):
            yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)


@contextlib.contextmanager
def exclusive(folder: Path, what: str, *, wait: float = 30.0) -> Iterator[None]:
    """Inside, no other process is inside for the same folder, which is created; a killed one holds nothing.

    Args:
        folder: in which the file ``.unseen-lock`` is made.
        what: is refused, for the message: "another training".
        wait: seconds to wait for the other one.

    Raises:
        OutputError: another process is still inside, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise unwritable(folder, error) from None
    try:
        if not _in_time(lambda: _locked(descriptor), wait):
            raise OutputError(f"{what} is at work in {folder}; wait for it, or choose another folder")
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def alone_in(folder: Path, *, wait: float = 30.0) -> Iterator[None]:
    """Inside, nobody else is inside for the same folder, in this process or another; nothing is left behind.

    Windows, and file systems without locks, let everybody in.

    Args:
        folder: that exists.
        wait: seconds to wait for the other one.

    Raises:
        OutputError: somebody else is still inside.
    """
    with contextlib.ExitStack() as held:

        def entered() -> bool:
            try:
                held.enter_context(_held(folder))
            except BlockingIOError:
                return False
            except OSError:  # a folder that may be entered, but not opened
                return True
            return True

        if not _in_time(entered, wait):
            raise OutputError(f"something else has been writing into {folder} for {wait:g} s; wait for it to end")
        yield


def _in_time(attempt: Callable[[], bool], wait: float) -> bool:
    """Whether an attempt succeeds, made again and again for so many seconds, and at least once."""
    until = time.monotonic() + wait
    while not attempt():
        if time.monotonic() >= until:
            return False
        time.sleep(0.02)
    return True


def content_digest(path: Path) -> str:
    """The sha256 of a file's bytes, as ``sha256sum`` prints it.

    Raises:
        OSError: it cannot be read.
    """
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def stamp(path: Path) -> tuple[int, int, int]:
    """What changes when a file is written again, at the cost of no read: inode, size and time of writing.

    For what is kept of a file within a process, which a file of the same name must not get.
    """
    try:
        about = path.stat()
    except OSError:
        return (0, 0, 0)
    return (about.st_ino, about.st_size, about.st_mtime_ns)


def _nearest_existing(folder: Path) -> Path:
    """The folder itself, or the first of its parents that is there."""
    for place in (folder, *folder.absolute().parents):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            place.stat()
            return place
    raise FileNotFoundError(2, "no folder above it exists", str(folder))


def _sweep(place: Path) -> None:
    """Remove the scratch folders of processes that are no more."""
    with contextlib.suppress(OSError):
        for left in place.glob(f"{_SCRATCH}????????"):
            with contextlib.suppress(OSError):
                age = time.time() - left.stat().st_mtime
                if left.is_dir() and not left.is_symlink() and age > (_OLD if sys.platform == "win32" else _YOUNG):
                    with _held(left):
                        shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """The lock of a folder, which its process holds as long as it lives; Windows has none for folders.

    Raises:
        BlockingIOError: another process holds it.
    """
    if sys.platform == "win32":
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if not _locked(descriptor):
            raise BlockingIOError(f"{folder} is in use")
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    """Take a lock without waiting; a file system without locks has none to wait for."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    return True
