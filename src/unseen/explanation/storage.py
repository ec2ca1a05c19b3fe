"""Explanations on disk: one folder each, written whole or not at all.

The record ``explanation.json`` is put in place last and carries a checksum of every other file, so a folder
whose writing was cut short, or whose files were changed since, never reads back as an explanation.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import secrets
import shutil
import signal
import tempfile
import threading
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unseen.errors import OutputError, UnseenError
from unseen.explanation import plotting
from unseen.explanation.explanation import Curve, Explanation, Part

FORMAT = "unseen explanation"
VERSION = 1

FILES = {
    "saliency": "saliency.npy",
    "arrays": "arrays.npz",
    "overlay": "overlay.png",
    "part": "part.png",
    "panel": "panel.png",
    "record": "explanation.json",
}


def save(explanation: Explanation, folder: Path) -> dict[str, Path]:
    """See :meth:`unseen.Explanation.save`."""
    check_writable(folder)
    try:
        with _scratch(folder) as scratch:
            _write(explanation, scratch)
            with _uninterrupted():
                _publish(scratch, folder)
    except OSError as error:
        raise OutputError(f"cannot write {folder} ({error.strerror or error}); choose another folder") from None
    return {what: folder / name for what, name in FILES.items()}


def load(folder: Path) -> Explanation:
    """See :meth:`unseen.Explanation.load`."""
    record = _read_record(folder)
    try:
        for name in (FILES["saliency"], FILES["arrays"]):
            if _checksum(folder / name) != record["files"][name]:
                raise OutputError(f"{folder / name} was changed since it was saved; run the explanation again")
        with np.load(folder / FILES["arrays"], allow_pickle=False) as arrays:
            image, masks = torch.from_numpy(arrays["image"]), torch.from_numpy(arrays["parts"])
        saliency = torch.from_numpy(np.load(folder / FILES["saliency"], allow_pickle=False))
        return _rebuild(record, image, saliency, masks)
    except UnseenError:
        raise
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise OutputError(f"{folder} holds a damaged explanation ({error}); run the explanation again") from None


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
    except OSError as error:
        raise OutputError(f"cannot write into {folder} ({error.strerror}); choose another folder") from None


def replace_file(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all; its folder is created.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        with _scratch(path.parent) as scratch:
            (scratch / path.name).write_bytes(content)
            path.parent.mkdir(parents=True, exist_ok=True)
            (scratch / path.name).replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path} ({error.strerror or error}); choose another folder") from None


def distinct_names(stems: Iterable[str]) -> list[str]:
    """The stems as folder names; a name that is taken gets the first free number: cat, cat-2, cat-3.

    Case does not make names distinct, because not every file system tells it apart.
    """
    taken: set[str] = set()
    names = []
    for stem in stems:
        candidates = (stem if number == 1 else f"{stem}-{number}" for number in itertools.count(1))
        name = next(candidate for candidate in candidates if candidate.lower() not in taken)
        taken.add(name.lower())
        names.append(name)
    return names


def _nearest_existing(folder: Path) -> Path:
    """The folder itself, or the first of its parents that is there."""
    for place in (folder, *folder.absolute().parents):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            place.stat()
            return place
    raise FileNotFoundError(2, "no folder above it exists", str(folder))


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A hidden folder on the file system of ``folder``; inside it if it is there, so that its parent is not needed."""
    scratch = _nearest_existing(folder) / f".unseen-{secrets.token_hex(4)}"
    try:
        scratch.mkdir()
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _write(explanation: Explanation, folder: Path) -> None:
    np.save(folder / FILES["saliency"], explanation.saliency.detach().numpy())
    masks = [part.mask for part in explanation.parts]
    stacked = torch.stack(masks) if masks else torch.zeros(0, *explanation.saliency.shape, dtype=torch.bool)
    np.savez_compressed(folder / FILES["arrays"], image=explanation.image.detach().numpy(), parts=stacked.numpy())
    for what, draw in (("overlay", plotting.overlay), ("part", plotting.parts), ("panel", plotting.panel)):
        (folder / FILES[what]).write_bytes(plotting.png(draw(explanation)))
    checksums = {path.name: _checksum(path) for path in sorted(folder.iterdir())}
    record = {"format": FORMAT, "version": VERSION, "files": checksums, **explanation.to_dict()}
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
    # A file name that is not UTF-8 becomes an escape, which JSON reads back as it was.
    (folder / FILES["record"]).write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def _publish(scratch: Path, folder: Path) -> None:
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch.rename(folder)
        return
    (folder / FILES["record"]).unlink(missing_ok=True)
    for name in FILES.values():
        (scratch / name).replace(folder / name)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait until the block is done; in the main thread, the only one that it reaches."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield
        return
    waiting: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: waiting.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if waiting:
            signal.raise_signal(signal.SIGINT)


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / FILES["record"]
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise OutputError(f"{folder} holds no explanation; give a folder that Explanation.save wrote") from None
    except (OSError, ValueError) as error:
        raise OutputError(f"{path} cannot be read ({error}); run the explanation again") from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise OutputError(f"{path} is not a record of unseen; give a folder that Explanation.save wrote")
    if record.get("version") != VERSION:
        raise OutputError(f"{path} has format version {record.get('version')}; this unseen reads {VERSION}: update it")
    return record


def _rebuild(record: dict[str, Any], image: torch.Tensor, saliency: torch.Tensor, masks: torch.Tensor) -> Explanation:
    parts = [{k: v for k, v in part.items() if k != "fraction"} for part in record["parts"]]
    curve = record["curve"]
    return Explanation(
        image=image,
        saliency=saliency,
        target=record["target"]["index"],
        label=record["target"]["label"],
        probability=record["target"]["probability"],
        method=record["method"],
        removal=record["removal"],
        parts=tuple(Part(mask=mask, **part) for mask, part in zip(masks, parts, strict=True)),
        curve=Curve(**{name: tuple(values) for name, values in curve.items()}) if curve else None,
        notes=tuple(record["notes"]),
        provenance=record["provenance"],
    )


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
