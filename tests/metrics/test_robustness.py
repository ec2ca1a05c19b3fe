"""ρ-robustness against a loop over contexts, and on models whose answer is known."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from unseen import Classifier, Preprocessing
from unseen.metrics.robustness import OtherPhotographs, SolidColours, plant, robustness

SIZE = Preprocessing((16, 16), None, mean=(0, 0, 0), std=(1, 1, 1))


class Corner(nn.Module):
    """Class 0 where the top left pixel is brighter than the mean of the picture."""

    def forward(self, x: Tensor) -> Tensor:
        difference = x[:, :, 0, 0].mean(1) - x.mean((1, 2, 3))
        return torch.stack([difference, -difference], dim=1)


@pytest.fixture
def corner() -> Classifier:
    return Classifier(Corner(), SIZE)


def random_parts(count: int) -> Tensor:
    return torch.rand(count, 16, 16, generator=torch.Generator().manual_seed(1)) > 0.7


def test_equals_a_loop_over_contexts(corner: Classifier) -> None:
    image = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))
    parts, colours = random_parts(3), list(islice(SolidColours(3).of("x", 0), 11))
    for batch_size in (1, 4, 16, 64):
        hits, used = robustness(corner, image, parts, colours, 0, batch_size=batch_size)
        slow = [sum(corner.logits(plant(image, p, c)[None]).argmax() == 0 for c in colours) for p in parts]
        assert (hits.tolist(), used) == ([int(value) for value in slow], 11)
    assert 0 < int(hits.sum()) < 33


def test_a_part_that_decides_alone_is_fully_robust_and_an_empty_one_is_not(corner: Classifier) -> None:
    image = torch.zeros(3, 16, 16)
    image[:, 0, 0] = 1
    parts = torch.zeros(2, 16, 16, dtype=torch.bool)
    parts[0, 0, 0] = True
    hits, used = robustness(corner, image, parts, islice(SolidColours().of("x", 0), 20), 0)
    assert used == 20
    assert hits[0] == 20
    assert hits[1] == 20 or hits[1] == 0  # a solid colour is a draw, which argmax gives to class 0


def test_pixels_of_the_part_and_only_they_come_from_the_photograph() -> None:
    image, part = torch.rand(3, 16, 16), random_parts(1)[0]
    planted = plant(image, part, torch.tensor([0.1, 0.2, 0.3]).reshape(3, 1, 1))
    assert torch.equal(planted[:, part], image[:, part])
    assert torch.equal(planted[:, ~part], torch.tensor([0.1, 0.2, 0.3])[:, None].expand(3, int((~part).sum())))


def test_colours_are_the_same_for_everybody_and_fill_the_cube() -> None:
    first = torch.stack(list(islice(SolidColours(0).of("a", 1), 500)))
    assert torch.equal(first[:7], torch.stack(list(islice(SolidColours(0).of("b", 2), 7))))
    assert not torch.equal(first[:7], torch.stack(list(islice(SolidColours(1).of("a", 1), 7))))
    assert 0 <= first.min() < 0.01
    assert 0.99 < first.max() <= 1
    assert torch.allclose(first.mean((0, 2, 3)), torch.full((3,), 0.5), atol=0.05)


def test_other_photographs_are_of_other_classes_in_an_order_of_their_own(corner: Classifier, tmp_path: Path) -> None:
    paths = []
    for number in range(12):
        image = Image.new("RGB", (16, 16), (40, 40, 40))
        image.putpixel((0, 0), (255, 255, 255) if number % 3 else (0, 0, 0))
        image.putpixel((5, 5), (number, 0, 0))
        image.save(tmp_path / f"{number}.png")
        paths.append(tmp_path / f"{number}.png")
    (tmp_path / "broken.png").write_bytes(b"nothing")
    contexts = OtherPhotographs(corner, [*paths, tmp_path / "broken.png"], seed=0)
    found = list(contexts.of("a", 1))
    assert len(found) == 8
    assert all(int(corner.logits(image[None]).argmax()) == 0 for image in found)
    expected = {round(float(corner.prepare(path)[0, 5, 5]) * 255) for i, path in enumerate(paths) if i % 3}
    assert {round(float(image[0, 5, 5]) * 255) for image in found} == expected
    again, other = list(contexts.of("a", 1)), list(contexts.of("b", 1))
    assert all(torch.equal(x, y) for x, y in zip(found, again, strict=True))
    assert not all(torch.equal(x, y) for x, y in zip(found, other, strict=True))
