from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unseen.errors import ModelError, PhotoError
from unseen.inputs.bands import Scale, read_bands

pydicom = pytest.importorskip("pydicom")

STORED = np.random.default_rng(0).integers(0, 4096, (24, 40)).astype(np.uint16)
HOUNSFIELD = Scale(((-1024.0, 3071.0),), "HU")
SHOWN = Scale(((0.0, 1.0),))


def write(path: Path, pixels: np.ndarray[Any, Any] = STORED, **tags: Any) -> Path:
    """A file of one slice as a scanner writes it."""
    meta = pydicom.dataset.FileMetaDataset()
    meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid(entropy_srcs=["one"])
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data = pydicom.dataset.FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.Rows, data.Columns = pixels.shape[-2:]
    if pixels.ndim == 3:
        data.NumberOfFrames = len(pixels)
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.RescaleSlope, data.RescaleIntercept = 1, -1024
    for tag, value in tags.items():
        setattr(data, tag, value)
    data.PixelData = pixels.tobytes()
    data.save_as(path, enforce_file_format=True)
    return path


def test_a_declared_range_gets_the_numbers_of_the_modality(tmp_path: Path) -> None:
    found = read_bands(write(tmp_path / "slice.dcm", RescaleSlope=0.5, RescaleIntercept=-1000), HOUNSFIELD)
    native = found.pixels[0].numpy() * 4095 - 1024
    assert native == pytest.approx(STORED * 0.5 - 1000, abs=0.01)
    assert found.notes == ()


def test_a_model_of_photographs_gets_what_is_displayed(tmp_path: Path) -> None:
    path = write(tmp_path / "slice.dcm", WindowCenter=[40, 400], WindowWidth=[400, 2000])
    found = read_bands(path, SHOWN)
    expected = np.clip((STORED - 1024.0 - 39.5) / 399 + 0.5, 0, 1)  # PS3.3 C.11.2.1.2.1
    assert found.pixels[0].numpy() == pytest.approx(expected, abs=1e-5)
    assert "is shown through its window, -160 … 239; a model that declares a range" in found.notes[0]
    (note,) = read_bands(write(tmp_path / "bare.dcm"), SHOWN).notes
    assert f"has no window, and is shown from its least number, {int(STORED.min()) - 1024}" in note


def test_monochrome1_is_inverted(tmp_path: Path) -> None:
    plain, dark = (
        write(tmp_path / f"{kind}.dcm", PhotometricInterpretation=kind) for kind in ("MONOCHROME2", "MONOCHROME1")
    )
    for scale in (SHOWN, HOUNSFIELD):
        one, other = (read_bands(path, scale).pixels for path in (plain, dark))
        assert other.numpy() == pytest.approx(1 - one.numpy(), abs=1e-6)


def test_frames_are_channels_or_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "frames.dcm", np.stack([STORED, STORED // 2]))
    assert read_bands(path, Scale(HOUNSFIELD.limits * 2)).pixels.shape == (2, 24, 40)
    with pytest.raises(PhotoError, match="holds 2 frames and the model takes 1 channel; save the one frame"):
        read_bands(path, HOUNSFIELD)


def test_files_are_known_by_their_first_bytes(tmp_path: Path) -> None:
    write(tmp_path / "slice.dcm").rename(tmp_path / "IM0001")
    assert read_bands(tmp_path / "IM0001", HOUNSFIELD).pixels.shape == (1, 24, 40)


def test_damaged_files_get_one_clear_line(tmp_path: Path) -> None:
    path = write(tmp_path / "slice.dcm")
    whole = path.read_bytes()
    for content, complaint in (
        (whole[: len(whole) // 2], "cannot be read as DICOM"),
        (b"nothing of the kind", "cannot be read as DICOM"),
        (whole.replace(STORED.tobytes(), b"")[:-8], "DICOM"),
    ):
        path.write_bytes(content)
        with pytest.raises(PhotoError, match=complaint) as caught:
            read_bands(path, HOUNSFIELD)
        assert "\n" not in str(caught.value)


def test_without_pydicom_the_command_that_installs_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "slice.dcm")
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(ModelError, match=r"pydicom is not installed: pip install 'unseen\[medical\]'"):
        read_bands(path, HOUNSFIELD)
