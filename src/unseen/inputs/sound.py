"""WAV files: PCM samples in [−1, 1], a channel for each of the file's."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unseen.errors import PhotoError
from unseen.inputs.coordinates import Axis, Coordinates
from unseen.inputs.stored import Stored, check_memory


def read(path: Path) -> Stored:
    """The samples, shape (L, channels), as shares of the largest that the file's width holds.

    Raises:
        PhotoError: damaged, truncated, not PCM, or too large.
    """
    try:
        with wave.open(str(path), "rb") as file:
            count, channels, width, rate = (
                file.getnframes(),
                file.getnchannels(),
                file.getsampwidth(),
                file.getframerate(),
            )
            check_memory((count, channels), 8, str(path))
            content = file.readframes(count)
    except (wave.Error, EOFError) as error:
        reason = str(error) or "it ends too soon"
        raise PhotoError(f"{path} cannot be read as WAV ({reason}); save it as PCM of 16 bits") from None
    if len(content) < count * channels * width or not count:
        raise PhotoError(f"{path} is truncated, or empty; save it again")
    values = _samples(content, width).reshape(count, channels)
    return Stored(values, str(path), "last", coordinates=Coordinates((Axis("time", "s", step=1 / rate),)))


def _samples(content: bytes, width: int) -> NDArray[np.float32]:
    """Little-endian integers of 8 (without a sign), 16, 24 or 32 bits in [−1, 1]."""
    if width == 1:
        return (np.frombuffer(content, np.uint8).astype(np.float32) - np.float32(128)) / np.float32(128)
    if width == 3:  # as the upper three of four bytes
        wide = np.zeros((len(content) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(content, np.uint8).reshape(-1, 3)
        content, width = wide.tobytes(), 4
    numbers = np.frombuffer(content, f"<i{width}")
    return numbers.astype(np.float32) / np.float32(2.0 ** (8 * width - 1))
