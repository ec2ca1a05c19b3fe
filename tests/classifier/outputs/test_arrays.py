from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from unseen.classifier.outputs import OUTPUTS, Embedding
from unseen.classifier.outputs.arrays import read
from unseen.errors import ParameterError


def test_an_array_is_read_from_a_file_a_picture_a_tensor_or_lists(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[0.0, 1.0], [2.0, 0.0]]))
    picture = np.zeros((20, 30), np.uint8)
    picture[3, 4] = 255
    Image.fromarray(picture).save(tmp_path / "mask.png")
    of_file = read("reference", tmp_path / "a.npy")
    given = read("reference", torch.tensor([[0.0, 1.0], [2.0, 0.0]]))
    assert torch.equal(of_file.values, given.values)
    assert of_file.digest == given.digest == read("reference", [[0, 1], [2, 0]]).digest
    assert (of_file.path, given.path) == (str(tmp_path / "a.npy"), None)
    assert read("region", str(tmp_path / "mask.png")).values.nonzero().tolist() == [[3, 4]]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("missing.npy", "reference cannot be read: .*missing.npy.*; check the path"),
        ("broken.npy", "reference cannot be read: .*broken.npy"),
        (object(), "reference is an object, no array of numbers; give a file that numpy.save wrote"),
        ([float("nan")], "finite numbers"),
        ([], "at least one"),
    ],
)
def test_what_is_no_array_is_refused(
    given: object, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(ParameterError, match=message):
        read("reference", given)


def test_a_spec_knows_the_numbers_and_not_only_the_file(tmp_path: Path) -> None:
    path = tmp_path / "reference.npy"
    np.save(path, np.ones(3))
    spec = OUTPUTS.spec_of(OUTPUTS.create(f"embedding:reference={path}"))
    assert re.fullmatch(rf"embedding:reference={path},sha256=[0-9a-f]{{12}}", spec)
    assert OUTPUTS.create(spec) == OUTPUTS.create(f"embedding:{path}")
    np.save(path, np.array([1.0, 1.0, 2.0]))
    with pytest.raises(
        ParameterError, match=r"reference holds other numbers .* give that file, or leave the digest out"
    ):
        OUTPUTS.create(spec)
    assert OUTPUTS.create(spec.partition(",")[0])


def test_an_array_of_no_file_has_no_spec_that_makes_it_again() -> None:
    assert OUTPUTS.spec_of(Embedding(torch.ones(3))).startswith("Embedding:reference=array,sha256=")
