"""Explanations on disk: one folder each, written whole or not at all.

The record ``explanation.json`` is put in place last and carries a checksum of every other file, so a folder
whose writing was cut short, or whose files were changed since, never reads back as an explanation.
"""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch

from unseen.errors import OutputError
from unseen.explanation import plotting
from unseen.explanation.explanation import Curve, Explanation, Part, Role
from unseen.system.files import check_writable, content_digest, scratch, unwritable
from unseen.system.schema import MalformedError, read_json

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


class _Head(TypedDict):
    format: str
    version: int


class _Target(TypedDict):
    index: int
    label: str
    probability: float


class _Part(TypedDict):
    role: Role
    confidence_threshold: float
    confidence: float
    verified: bool
    minimal_block: int | None
    first_passing: float | None
    stable: float | None
    rank: int


class _Curve(TypedDict):
    fractions: tuple[float, ...]
    insertion: tuple[float, ...]
    deletion: tuple[float, ...]


class _Record(_Head):
    files: dict[str, str]
    target: _Target
    method: str
    removal: str
    parts: list[_Part]
    curve: _Curve | None
    notes: tuple[str, ...]
    provenance: dict[str, Any]


def save(explanation: Explanation, folder: Path) -> dict[str, Path]:
    """See :meth:`unseen.Explanation.save`."""
    check_writable(folder)
    try:
        with scratch(folder) as place:
            _write(explanation, place)
            with _uninterrupted():
                _publish(place, folder)
    except OSError as error:
        raise unwritable(folder, error) from None
    return {what: folder / name for what, name in FILES.items()}


def load(folder: Path) -> Explanation:
    """See :meth:`unseen.Explanation.load`."""
    record = _read_record(folder)
    try:
        for name in (FILES["saliency"], FILES["arrays"]):
            if content_digest(folder / name) != record["files"].get(name):
                raise OutputError(f"{folder / name} was changed since it was saved; run the explanation again")
        with np.load(folder / FILES["arrays"], allow_pickle=False) as arrays:
            image, masks = torch.from_numpy(arrays["image"]), torch.from_numpy(arrays["parts"])
        saliency = torch.from_numpy(np.load(folder / FILES["saliency"], allow_pickle=False))
        return _rebuild(record, image, saliency, masks)
    except OutputError:
        raise
    except Exception as error:  # readers of damaged files raise whatever they stumble over
        raise OutputError(f"{folder} holds a damaged explanation ({error}); run the explanation again") from None


def _write(explanation: Explanation, folder: Path) -> None:
    np.save(folder / FILES["saliency"], explanation.saliency.detach().numpy())
    masks = [part.mask for part in explanation.parts]
    stacked = torch.stack(masks) if masks else torch.zeros(0, *explanation.saliency.shape, dtype=torch.bool)
    np.savez_compressed(folder / FILES["arrays"], image=explanation.image.detach().numpy(), parts=stacked.numpy())
    for what, draw in (("overlay", plotting.overlay), ("part", plotting.parts), ("panel", plotting.panel)):
        (folder / FILES[what]).write_bytes(plotting.png(draw(explanation)))
    checksums = {path.name: content_digest(path) for path in sorted(folder.iterdir())}
    record = {"format": FORMAT, "version": VERSION, "files": checksums, **explanation.to_dict()}
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
    # A file name that is not UTF-8 becomes an escape, which JSON reads back as it was.
    (folder / FILES["record"]).write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def _publish(scratch: Path, folder: Path) -> None:
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch.replace(folder)
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


def _read_record(folder: Path) -> _Record:
    path = folder / FILES["record"]
    try:
        head = read_json(path, _Head)
        if head["format"] != FORMAT:
            raise OutputError(f"{path} is not a record of unseen; give a folder that Explanation.save wrote")
        if head["version"] != VERSION:
            raise OutputError(f"{path} has format version {head['version']}; this unseen reads {VERSION}: update it")
        record: _Record = read_json(path, _Record)
        return record
    except FileNotFoundError:
        raise OutputError(f"{folder} holds no explanation; give a folder that Explanation.save wrote") from None
    except OSError as error:
        raise OutputError(f"{path} cannot be read ({error.strerror}); run the explanation again") from None
    except MalformedError as error:
        raise OutputError(f"{path} is damaged or no record of unseen ({error}); run the explanation again") from None


def _rebuild(record: _Record, image: torch.Tensor, saliency: torch.Tensor, masks: torch.Tensor) -> Explanation:
    curve = record["curve"]
    return Explanation(
        image=image,
        saliency=saliency,
        target=record["target"]["index"],
        label=record["target"]["label"],
        probability=record["target"]["probability"],
        method=record["method"],
        removal=record["removal"],
        parts=tuple(_part(mask, about) for mask, about in zip(masks, record["parts"], strict=True)),
        curve=Curve(curve["fractions"], curve["insertion"], curve["deletion"]) if curve else None,
        notes=record["notes"],
        provenance=record["provenance"],
    )


def _part(mask: torch.Tensor, about: _Part) -> Part:
    return Part(
        mask=mask,
        role=about["role"],
        confidence_threshold=about["confidence_threshold"],
        confidence=about["confidence"],
        verified=about["verified"],
        minimal_block=about["minimal_block"],
        first_passing=about["first_passing"],
        stable=about["stable"],
        rank=about["rank"],
    )
