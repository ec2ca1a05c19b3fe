"""NIfTI, DICOM series and stacks of pictures: numbers, order and place of their voxels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unseen.errors import PhotoError
from unseen.inputs.bands import Scale, read_bands
from unseen.inputs.finding import find_photos
from unseen.inputs.volumes import as_volumes, read_nifti, read_stack

nibabel = pytest.importorskip("nibabel")
pydicom = pytest.importorskip("pydicom")

AFFINE = np.array([[-1.5, 0, 0, 10], [0, 1, 0, -20], [0, 0, 2.5, 30], [0, 0, 0, 1.0]])
VALUES = np.random.default_rng(0).integers(-1000, 1000, (16, 17, 18)).astype(np.int16)


def test_nifti_keeps_its_order_and_its_place(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(VALUES, AFFINE)
    image.header.set_xyzt_units("mm")
    for name in ("it.nii", "it.nii.gz"):
        nibabel.save(image, tmp_path / name)
        found = read_bands(tmp_path / name, Scale(((-1000.0, 1000.0),), "HU"), axes=3)
        assert (found.pixels[0].numpy() * 2000 - 1000) == pytest.approx(VALUES, abs=1e-2)
        assert found.coordinates is not None
        assert found.coordinates.affine == tuple(map(tuple, AFFINE.tolist()))
        assert [axis.name for axis in found.coordinates.axes] == ["right → left", "back → front", "down → up"]
        assert [(axis.step, axis.unit) for axis in found.coordinates.axes] == [(1.5, "mm"), (1, "mm"), (2.5, "mm")]


def test_the_last_axis_of_four_is_the_channels(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.stack([VALUES, -VALUES], 3), AFFINE), tmp_path / "it.nii")
    found = read_bands(tmp_path / "it.nii", Scale(((-1000.0, 1000.0),) * 2), axes=3)
    assert found.pixels.shape == (2, *VALUES.shape)


def test_a_volume_is_refused_by_name_where_images_are_wanted_and_the_remedy_works(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(VALUES, AFFINE), tmp_path / "it.nii")
    size = " × ".join(map(str, VALUES.shape))
    with pytest.raises(PhotoError, match=f"is a volume of {size} voxels, and the model takes images of 3 channels"):
        read_bands(tmp_path / "it.nii", Scale(((-1000.0, 1000.0),) * 3))
    np.save(tmp_path / "slice.npy", VALUES[0])
    assert read_bands(tmp_path / "slice.npy", Scale(((-1000.0, 1000.0),) * 3)).pixels.shape == (3, *VALUES.shape[1:])


def slices(folder: Path, **changes: Any) -> None:
    """The volume as a series of axial slices with slope 1 and intercept −1024, files in no order."""
    folder.mkdir(exist_ok=True)
    for number, plane in enumerate(VALUES):
        data = pydicom.dataset.FileDataset(None, {}, preamble=b"\0" * 128)
        data.file_meta = pydicom.dataset.FileMetaDataset()
        data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        data.file_meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = pydicom.uid.generate_uid()
        data.SOPClassUID, data.SeriesInstanceUID = pydicom.uid.CTImageStorage, "1.2.3"
        data.Rows, data.Columns = plane.shape
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
        data.RescaleSlope, data.RescaleIntercept = 1, -24
        data.ImageOrientationPatient, data.PixelSpacing = [1, 0, 0, 0, 1, 0], [0.5, 0.75]
        data.ImagePositionPatient = [-10, -20, 5 + 2 * number]
        data.PixelData = plane.tobytes()
        for name, value in changes.items():
            setattr(data, name, value(number) if callable(value) else value)
        data.save_as(folder / f"{(number * 7) % 16:02d}.dcm", enforce_file_format=True)


def test_a_series_is_ordered_by_its_place_and_placed_as_nifti_has_it(tmp_path: Path) -> None:
    slices(tmp_path / "series")
    found = read_stack(tmp_path / "series", declared=True)
    assert np.array_equal(found.values, VALUES.astype(np.float32) - 24)
    assert found.coordinates is not None
    assert found.coordinates.affine is not None
    assert [axis.name for axis in found.coordinates.axes] == ["down → up", "front → back", "right → left"]
    assert [axis.step for axis in found.coordinates.axes] == [2, 0.5, 0.75]
    voxel = np.array(found.coordinates.affine) @ [3, 4, 8, 1]
    assert voxel.tolist() == pytest.approx([10 - 8 * 0.75, 20 - 4 * 0.5, 5 + 3 * 2, 1])
    shown = read_stack(tmp_path / "series", declared=False)
    assert (shown.values.min(), shown.values.max()) == (0, 1)
    assert "has no window" in shown.notes[0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"SeriesInstanceUID": lambda n: f"1.2.{n % 2}"}, "holds 2 series of slices of 1 sizes"),
        ({"ImagePositionPatient": lambda n: [0, 0, 2 * n + 5 * (n > 7)]}, "is one missing, or there twice"),
        ({"PixelData": b"short"}, "cannot be read as a DICOM series"),
    ],
)
def test_what_is_no_series_is_refused_in_one_line(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    slices(tmp_path / "series", **changes)
    with pytest.raises(PhotoError, match=said):
        read_stack(tmp_path / "series", declared=True)


def test_pictures_are_a_stack_by_their_names(tmp_path: Path) -> None:
    for number in range(3):
        Image.new("L", (20, 18), 100 * number).save(tmp_path / f"{number}.png")
    found = read_bands(tmp_path, Scale(((0.0, 1.0),)), axes=3)
    assert found.pixels.shape == (1, 3, 18, 20)
    assert found.pixels[0, :, 0, 0].tolist() == pytest.approx([0, 100 / 255, 200 / 255])
    Image.new("L", (21, 18)).save(tmp_path / "9.png")
    with pytest.raises(PhotoError, match="differ in size; give slices of one volume"):
        read_stack(tmp_path, declared=True)


def test_damage_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "it.nii.gz").write_bytes(b"nothing of the kind")
    with pytest.raises(PhotoError, match=r"cannot be read as NIfTI \(.*\); save it again"):
        read_nifti(tmp_path / "it.nii.gz")
    nibabel.save(nibabel.Nifti1Image(VALUES[0], AFFINE), tmp_path / "flat.nii")
    with pytest.raises(PhotoError, match="give a volume"):
        read_nifti(tmp_path / "flat.nii")
    (tmp_path / "empty").mkdir()
    with pytest.raises(PhotoError, match="holds no slices"):
        read_stack(tmp_path / "empty", declared=True)


def test_a_folder_of_slices_is_one_volume_and_one_of_files_is_its_files(tmp_path: Path) -> None:
    slices(tmp_path / "series")
    (tmp_path / "scans").mkdir()
    for name in ("a.nii", "b.nii"):
        nibabel.save(nibabel.Nifti1Image(VALUES, AFFINE), tmp_path / "scans" / name)
    given = [tmp_path / "series", tmp_path / "scans", tmp_path / "series" / "00.dcm"]
    found = find_photos(given)
    assert as_volumes(given[:2], found[:-1]) == [
        tmp_path / "series",
        tmp_path / "scans" / "a.nii",
        tmp_path / "scans" / "b.nii",
    ]
    assert as_volumes([tmp_path / "series" / "00.dcm"], found[-1:]) == [tmp_path / "series" / "00.dcm"]
    (tmp_path / "pictures").mkdir()
    for number in range(3):
        Image.new("L", (20, 18)).save(tmp_path / "pictures" / f"{number}.png")
    assert as_volumes([tmp_path / "pictures"], find_photos([tmp_path / "pictures"])) == [tmp_path / "pictures"]
