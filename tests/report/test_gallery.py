from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from helpers.serving import ESPRESSO
from unseen.errors import OutputError
from unseen.evaluation.judging.gallery import Judged
from unseen.evaluation.judging.thumbnail import Thumbnail
from unseen.report import evaluated
from unseen.report.gallery import alternative, pictured, values_of

VALUES = (("insertion", None, 0.12345), ("size", 0.5, 0.25), ("size", 0.9, None))


def one(thumbnail: Thumbnail | None) -> Judged:
    part = torch.zeros(128, 128, dtype=torch.bool)
    part[32:96, 32:96] = True
    return Judged("a.png", "cat", "random", "grey", "", thumbnail, {0.5: part}, VALUES)


def shown(address: str | None) -> np.ndarray:
    assert address is not None
    kind, _, content = address.partition(",")
    assert kind == "data:image/jpeg;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content)))).astype(int)


def test_the_picture_shows_the_map_and_the_border_of_the_part() -> None:
    saliency = torch.zeros(128, 128)
    saliency[:, :64] = 1.0
    kept = one(Thumbnail.of(torch.full((3, 128, 128), 0.5), saliency))
    without, bordered = shown(pictured(kept)), shown(pictured(kept, 0.5))
    assert without[:, :50].mean() < without[:, 80:].mean() - 60
    assert np.array_equal(shown(pictured(kept, 0.9)), without), "there is no part for that γ"
    changed = np.abs(bordered - without).max(2) > 40
    rows, columns = np.nonzero(changed)
    assert (rows.min(), columns.min()) >= (27, 27)
    assert max(rows.max(), columns.max()) <= 100
    assert not changed[40:88, 40:88].any()
    assert pictured(one(None)) is None


def test_all_maps_that_are_shown_can_be_sent() -> None:
    with Image.open(ESPRESSO) as photo:
        pixels = np.asarray(photo.convert("RGB").resize((224, 224)), np.float32) / 255
    noisy = Thumbnail.of(torch.from_numpy(pixels).permute(2, 0, 1), torch.rand(224, 224))
    drawn = pictured(one(noisy))
    assert drawn is not None
    assert evaluated._JUDGED * len(drawn) < 10_000_000


def test_a_picture_that_was_damaged_is_told() -> None:
    kept = Thumbnail.of(torch.zeros(3, 20, 20), torch.zeros(20, 20))
    assert kept is not None
    with pytest.raises(OutputError, match=r"the picture of a.png: cat; random \(control\), hidden by grey is damaged"):
        pictured(one(replace(kept, photo=b"")))


def test_the_values_are_those_of_the_map_and_of_the_part() -> None:
    assert values_of(one(None), 0.5) == [("insertion", "0.1235"), ("size", "0.25")]
    assert values_of(one(None), 0.9) == [("insertion", "0.1235"), ("size", "–")]
    assert values_of(one(None)) == [("insertion", "0.1235")]
    assert alternative(one(None)) == "a.png: cat; random (control), hidden by grey"
