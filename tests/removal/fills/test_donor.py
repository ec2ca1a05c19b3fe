"""One other photograph for each mask: which one, and that it is never the photograph itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from unseen import Classifier, Preprocessing
from unseen.errors import ParameterError
from unseen.removal import REMOVALS
from unseen.removal.fills.donor import Donor

SIZE = (16, 20)
SEEN = Classifier(nn.Flatten(), Preprocessing(SIZE, None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four photographs of noise, at the network's resolution."""
    numbers = np.random.default_rng(0)
    for name in "abcd":
        Image.fromarray(numbers.integers(0, 256, (*SIZE, 3), dtype=np.uint8)).save(tmp_path / f"{name}.png")
    return tmp_path


def photographs(folder: Path) -> Tensor:
    return torch.stack([SEEN.prepare(path) for path in sorted(folder.glob("*.png"))])


def masks() -> Tensor:
    return torch.rand(40, *SIZE, generator=torch.Generator().manual_seed(7)) < 0.5


def donors(image: Tensor, folder: Path, some: Tensor, **options: int) -> list[int]:
    """The number of the photograph behind each mask; every hidden pixel is one of it, and every visible one is left."""
    shown = Donor(str(folder), **options).bind(SEEN, image)(some).reshape(-1, *image.shape)
    found = []
    for picture, mask in zip(shown, some, strict=True):
        assert torch.equal(picture[:, mask], image[:, mask])
        behind = [torch.allclose(picture[:, ~mask], donor[:, ~mask]) for donor in photographs(folder)]
        found.append(behind.index(True))
    return found


def test_every_mask_has_a_donor_of_its_own_whatever_the_batch(folder: Path) -> None:
    image = torch.rand(3, *SIZE, generator=torch.Generator().manual_seed(1))
    found = donors(image, folder, masks())
    assert set(found) == {0, 1, 2, 3}
    assert donors(image, folder, masks().flip(0)) == found[::-1]
    assert donors(image, folder, masks()[3:4]) == found[3:4]
    assert donors(image, folder, masks(), seed=1) != found


def test_the_photograph_itself_is_no_donor(folder: Path) -> None:
    for number, image in enumerate(photographs(folder)):
        again = (image + 0.004 * torch.randn(image.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
        assert set(donors(again, folder, masks())) == {0, 1, 2, 3} - {number}
    for path in sorted(folder.glob("*.png"))[1:]:
        path.unlink()
    alone = Donor(str(folder)).bind(SEEN, photographs(folder)[0])
    with pytest.raises(ParameterError, match="holds no photograph besides this one"):
        alone(masks())
    Image.new("RGB", SIZE[::-1], "blue").save(folder / "another.png")  # the remedy
    assert alone(masks()).shape == (40, 960)


def test_soft_masks_blend_and_the_spec_gives_it_back(folder: Path) -> None:
    image = torch.rand(3, *SIZE, generator=torch.Generator().manual_seed(1))
    soft = torch.full((1, *SIZE), 0.25)
    shown = Donor(str(folder)).bind(SEEN, image)(soft).reshape(image.shape)
    assert min(float((shown - image.lerp(donor, 0.75)).abs().max()) for donor in photographs(folder)) < 1e-5
    for spec in ("donor", "donor:x/y", "donor:x,seed=2"):
        assert REMOVALS.create(spec).name == spec
