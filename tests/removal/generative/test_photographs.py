from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from unseen.removal.generative.photographs import random_crops, read_photographs


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_crops_follow_from_the_generator() -> None:
    photos = [Image.fromarray((noise(60, 80, 3, seed=n) * 255).byte().numpy()) for n in range(3)]
    one, other = (random_crops(photos, 32, torch.Generator().manual_seed(0)) for _ in range(2))
    assert torch.equal(one, other)
    assert one.shape == (3, 3, 32, 32)
    assert not torch.equal(one, random_crops(photos, 32, torch.Generator().manual_seed(1)))


def test_a_split_of_all_folders(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    for number in range(8):
        place = tmp_path / "inside" if number % 2 else tmp_path
        Image.fromarray(np.full((40, 90, 3), number * 20, np.uint8)).save(place / f"{number}.png")
    found = read_photographs(tmp_path, size=32, share=0.25, seed=0)
    assert found.held_out.shape == (2, 3, 32, 32)
    assert [photo.size for photo in found.train] == [(90, 40)] * 6
    shades = {round(float(one.mean()) * 255) for one in found.held_out}
    shades |= {np.asarray(photo)[0, 0, 0].item() for photo in found.train}
    assert shades == {number * 20 for number in range(8)}
    small = read_photographs(tmp_path, size=16, share=0.25, seed=0)
    assert {photo.size for photo in small.train} == {(45, 20)}
