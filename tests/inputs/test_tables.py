"""Tables as other programs write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unseen.errors import PhotoError
from unseen.inputs.bands import Scale, read_bands

MILLIVOLT = Scale(((-10.0, 10.0),), "mV")
TWO = Scale(((-10.0, 10.0),) * 2, "mV")


def read(path: Path, text: str, scale: Scale = MILLIVOLT) -> tuple[list[list[float]], list[float] | None]:
    path.write_text(text, encoding="utf-8")
    found = read_bands(path, scale, axes=1)
    axis = found.coordinates.axes[0] if found.coordinates else None
    values = (found.pixels * 20 - 10).round(decimals=4).tolist()
    return values, axis.at(range(len(values[0]))).round(6).tolist() if axis else None


def test_columns_are_channels_and_one_more_is_the_axis(tmp_path: Path) -> None:
    path = tmp_path / "it.csv"
    assert read(path, "1\n2\n3\n") == ([[1, 2, 3]], None)
    assert read(path, "0,1\n0.5,2\n1,3\n") == ([[1, 2, 3]], [0, 0.5, 1])
    assert read(path, "time (s);a [mV]\n0;1,5\n0,5;-2\n") == ([[1.5, -2]], [0, 0.5])
    assert read(path, "# made by hand\n\n1\t2\n3\t4\n5\t6\n", TWO) == ([[1, 3, 5], [2, 4, 6]], None)
    assert read(path, "\ufeff1 2\n3 4\n5 6\n", TWO) == ([[1, 3, 5], [2, 4, 6]], None)
    assert read(path, '"time; s","a\tb"\n0,1\n0.5,2\n') == ([[1, 2]], [0, 0.5])
    assert read(path, "t,a,b\n0,1,2\n1,3,4\n5,5,6\n", TWO) == ([[1, 3, 5], [2, 4, 6]], [0, 1, 5])


def test_the_axis_keeps_its_name_and_unit(tmp_path: Path) -> None:
    path = tmp_path / "it.csv"
    for head, title in (("wavenumber [cm-1],a", "wavenumber (cm-1)"), ('"t",a', "t")):
        path.write_text(f"{head}\n1,2\n2,3\n")
        found = read_bands(path, MILLIVOLT, axes=1)
        assert found.coordinates is not None
        assert found.coordinates.axes[0].title == title


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no numbers"),
        ("time,a\n", "has names and no numbers"),
        ("1,2\n3\n", "line 2 of .* has 1 columns and the first has 2"),
        ("1\nx\n", "line 2 of .* holds 'x', which is no number"),
        ("2,1\n1,1\n3,1\n", "neither ascends nor descends"),
        ("1,2,3\n4,5,6\n", "has 3 bands and the model takes 1 channel"),
        ("nan\n1\n", "contains NaN"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "it.csv"
    path.write_text(text)
    with pytest.raises(PhotoError, match=said if text else "is empty"):
        read_bands(path, MILLIVOLT, axes=1)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PhotoError, match="it is no text in UTF-8"):
        read_bands(path, MILLIVOLT, axes=1)


def test_an_image_model_reads_a_table_as_rows_and_columns(tmp_path: Path) -> None:
    np.savetxt(tmp_path / "it.csv", np.eye(20), delimiter=",")
    assert read_bands(tmp_path / "it.csv", MILLIVOLT).pixels.shape == (1, 20, 20)
