"""Explanations on disk: one folder each, written whole or not at all.

The record ``explanation.json`` is put in place last and carries a checksum of every other file, so a folder
whose writing was cut short, or whose files were changed since, never reads back as an explanation.
"""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

import numpy as np
import torch
from torch import Tensor

from unseen.errors import OutputError
from unseen.explanation.roles import Role
from unseen.system.files import alone_in, content_digest, scratch, unwritable
from unseen.system.schema import MalformedError, read_json

FORMAT = "unseen explanation"
VERSION = 1
"""Raised when records of before can be read no more; what is new beside it is not required."""

FILES = {
    "saliency": "saliency.npy",
    "arrays": "arrays.npz",
    "overlay": "overlay.png",
    "part": "part.png",
    "panel": "panel.png",
    "overlay_original": "overlay-original.png",
    "part_original": "part-original.png",
    "saliency_nifti": "saliency.nii.gz",
    "parts_nifti": "parts.nii.gz",
    "record": "explanation.json",
}


class _Head(TypedDict):
    format: str
    version: int


class TargetRecord(TypedDict):
    """What was explained."""

    index: int
    label: str
    probability: float
    unit: NotRequired[str | None]


class SaidRecord(TypedDict):
    """What a model says."""

    label: str
    probability: float


class ChanceRecord(TypedDict):
    """How many other sets do as well as a part."""

    share: float
    low: float
    high: float
    tried: int


class RobustnessRecord(TypedDict):
    """On how many backgrounds a part does what it says."""

    share: float
    bound: float
    contexts: int
    kind: str
    asked: float | None


class PartRecord(TypedDict):
    """A part without its mask; the first records called ``contrastive`` what is ``both`` now."""

    role: Role | Literal["contrastive"]
    confidence_threshold: float
    confidence: float
    verified: bool
    asked: NotRequired[float | None]
    instead: NotRequired[SaidRecord | None]
    by_chance: NotRequired[ChanceRecord | None]
    robustness: NotRequired[RobustnessRecord | None]
    minimal_block: int | None
    first_passing: float | None
    stable: float | None
    rank: int


class CurveRecord(TypedDict):
    """Insertion and deletion along the ranking."""

    fractions: tuple[float, ...]
    insertion: tuple[float, ...]
    deletion: tuple[float, ...]


class RunLength(TypedDict):
    """A mask as pycocotools reads it."""

    size: tuple[int, int]
    counts: str


class RegionRecord(TypedDict):
    """Where a part lies on the photograph."""

    box: tuple[int, int, int, int]
    polygons: list[tuple[float, ...]]
    rle: RunLength
    fraction: float


class OriginalRecord(TypedDict):
    """The photograph itself, and what lies where on it."""

    size: tuple[int, int]
    orientation: int
    file_sha256: str | None
    seen: tuple[float, float, float, float]
    parts: list[RegionRecord]


class Record(_Head):
    """What ``explanation.json`` holds."""

    files: dict[str, str]
    target: TargetRecord
    method: str
    removal: str
    parts: list[PartRecord]
    curve: CurveRecord | None
    notes: tuple[str, ...]
    provenance: dict[str, Any]
    original: NotRequired[OriginalRecord | None]


@dataclass(frozen=True, eq=False)
class Stored:
    """An explanation as it lies in a folder.

    Attributes:
        record: what ``explanation.json`` says.
        image: the photograph as the model saw it, float32, shape ``(C, *space)``.
        saliency: float32, shape ``space``.
        masks: of the parts, bool, shape ``(N, *space)``.
    """

    record: Record
    image: Tensor
    saliency: Tensor
    masks: Tensor


def write(
    folder: Path,
    record: Mapping[str, Any],
    image: Tensor,
    saliency: Tensor,
    masks: Tensor,
    pictures: Mapping[str, bytes],
) -> dict[str, Path]:
    """Put an explanation into a folder; see :meth:`unseen.Explanation.save`.

    Args:
        folder: where; what it holds of another explanation is replaced.
        record: ready for JSON; format, version and checksums are added.
        image: shape ``(C, *space)``.
        saliency: shape ``space``.
        masks: of the parts, bool, shape ``(N, *space)``.
        pictures: files by what they show: PNG ``overlay``, ``part``, ``panel``, and what there is on the photograph;
            of a volume NIfTI.
    """
    try:
        with scratch(folder) as place:
            np.save(place / FILES["saliency"], saliency.detach().numpy())
            np.savez_compressed(place / FILES["arrays"], image=image.detach().numpy(), parts=masks.numpy())
            for what, content in pictures.items():
                (place / FILES[what]).write_bytes(content)
            _write_record(place, record)
            with _uninterrupted():
                _publish(place, folder)
    except OSError as error:
        raise unwritable(folder, error) from None
    written = {"saliency", "arrays", *pictures, "record"}
    return {what: folder / name for what, name in FILES.items() if what in written}


def read(folder: Path) -> Stored:
    """Read back what :func:`write` wrote; see :meth:`unseen.Explanation.load`."""
    parent = folder.absolute().parent
    with alone_in(parent) if parent.is_dir() else contextlib.nullcontext():
        return _read(folder)


def _read(folder: Path) -> Stored:
    record = _read_record(folder)
    with damage_in(folder):
        for name in (FILES["saliency"], FILES["arrays"]):
            if content_digest(folder / name) != record["files"].get(name):
                raise OutputError(f"{folder / name} was changed since it was saved; run the explanation again")
        with np.load(folder / FILES["arrays"], allow_pickle=False) as arrays:
            image, masks = torch.from_numpy(arrays["image"]), torch.from_numpy(arrays["parts"])
        saliency = torch.from_numpy(np.load(folder / FILES["saliency"], allow_pickle=False))
    return Stored(record, image, saliency, masks)


@contextlib.contextmanager
def damage_in(folder: Path) -> Iterator[None]:
    """Whatever is raised inside becomes one line on a damaged explanation in ``folder``."""
    try:
        yield
    except OutputError:
        raise
    except Exception as error:  # readers of damaged files raise whatever they stumble over
        raise OutputError(f"{folder} holds a damaged explanation ({error}); run the explanation again") from None


def _write_record(folder: Path, record: Mapping[str, Any]) -> None:
    checksums = {path.name: content_digest(path) for path in sorted(folder.iterdir())}
    complete = {"format": FORMAT, "version": VERSION, "files": checksums, **record}
    text = json.dumps(complete, indent=2, ensure_ascii=False, allow_nan=False)
    # A file name that is not UTF-8 becomes an escape, which JSON reads back as it was.
    (folder / FILES["record"]).write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def _publish(scratch: Path, folder: Path) -> None:
    """Of several that save into one folder at once, in threads or processes, one after the other has it whole."""
    if not folder.exists():
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
    with alone_in(folder.absolute().parent):
        if not folder.exists():
            scratch.replace(folder)
            return
        (folder / FILES["record"]).unlink(missing_ok=True)
        for name in FILES.values():
            if (scratch / name).exists():
                (scratch / name).replace(folder / name)
            else:  # of the explanation that was there before
                (folder / name).unlink(missing_ok=True)


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


def _read_record(folder: Path) -> Record:
    path = folder / FILES["record"]
    try:
        head = read_json(path, _Head)
        if head["format"] != FORMAT:
            raise OutputError(f"{path} is not a record of unseen; give a folder that Explanation.save wrote")
        if head["version"] != VERSION:
            raise OutputError(f"{path} has format version {head['version']}; this unseen reads {VERSION}: update it")
        record: Record = read_json(path, Record)
        return record
    except FileNotFoundError:
        raise OutputError(f"{folder} holds no explanation; give a folder that Explanation.save wrote") from None
    except OSError as error:
        raise OutputError(f"{path} cannot be read ({error.strerror}); run the explanation again") from None
    except MalformedError as error:
        raise OutputError(f"{path} is damaged or no record of unseen ({error}); run the explanation again") from None
