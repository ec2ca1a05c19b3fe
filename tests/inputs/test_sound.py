"""WAV files of every width, as the standard library writes them."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from unseen.errors import PhotoError
from unseen.inputs.sound import read

WANTED = np.array([0.0, 0.5, -0.5, -1.0, 0.25, 0.75])


def write(path: Path, width: int, channels: int = 1, rate: int = 8000) -> None:
    steps = np.rint(WANTED * 2 ** (8 * width - 1)).astype(np.int64)
    content = b"".join(int(n + 128 if width == 1 else n).to_bytes(width, "little", signed=width > 1) for n in steps)
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(content)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_are_shares_of_the_largest(tmp_path: Path, width: int, channels: int) -> None:
    write(tmp_path / "it.wav", width, channels)
    found = read(tmp_path / "it.wav")
    assert found.values == pytest.approx(WANTED.reshape(-1, channels), abs=1e-6)
    assert found.coordinates is not None
    (axis,) = found.coordinates.axes
    assert (axis.title, axis.step) == ("time (s)", 1 / 8000)


def test_what_is_no_sound_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "it.wav"
    write(path, 2)
    whole = path.read_bytes()
    for content in (b"RIFF", b"nothing of the kind", whole[:-4], whole[:44]):
        path.write_bytes(content)
        with pytest.raises(PhotoError, match="save it"):
            read(path)
