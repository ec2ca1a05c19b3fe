from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
import torch
from PIL import Image

from helpers.stickers import LABELS, SIZE, stickers
from unseen.explainers.robust.contexts import ColoursAndTextures, Contexts, OtherPhotographs, SolidColours, Textures


def some(contexts: Contexts, count: int, photo: str = "a", target: int = 0) -> list[torch.Tensor]:
    return list(islice(contexts.of(photo, target), count))


def test_colours_are_the_same_for_everybody_and_fill_the_cube() -> None:
    first = torch.stack(some(SolidColours(0), 500))
    assert torch.equal(first[:7], torch.stack(some(SolidColours(0), 7, "b", 2)))
    assert not torch.equal(first[:7], torch.stack(some(SolidColours(1), 7)))
    assert 0 <= first.min() < 0.01
    assert 0.99 < first.max() <= 1
    assert torch.allclose(first.mean((0, 2, 3)), torch.full((3,), 0.5), atol=0.05)


def test_textures_are_smooth_and_of_every_colour() -> None:
    found = torch.stack(some(Textures((32, 48), 0), 60))
    assert found.shape == (60, 3, 32, 48)
    assert 0 <= float(found.min()) < float(found.max()) <= 1
    noise = torch.rand(60, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    roughness = [float((x.diff(dim=3).std((1, 2, 3)) / x.std((2, 3)).mean(1)).median()) for x in (found, noise)]
    assert roughness[0] < 0.7 * roughness[1]
    assert float(found.mean((2, 3)).std(0).min()) > 0.15
    assert torch.equal(found[:3], torch.stack(some(Textures((32, 48), 0), 3, "b", 1)))
    assert not torch.equal(found[:3], torch.stack(some(Textures((32, 48), 1), 3)))


def test_colours_and_textures_take_turns() -> None:
    found = some(ColoursAndTextures((20, 24), 3), 6)
    assert [tuple(one.shape) for one in found] == [(3, 1, 1), (3, 20, 24)] * 3
    assert torch.equal(found[2], some(SolidColours(3), 2)[1])
    assert torch.equal(found[3], some(Textures((20, 24), 3), 2)[1])


@pytest.mark.parametrize("space", [(64,), (8, 10, 12)])
def test_textures_extend_as_the_input_does(space: tuple[int, ...]) -> None:
    found = torch.stack(list(islice(Textures(space).of("a", 0, channels=2), 20)))
    assert found.shape == (20, 2, *space)
    assert 0 <= float(found.min()) < float(found.max()) <= 1
    noise = torch.rand(20, 2, *space, generator=torch.Generator().manual_seed(0))
    steps, noisy = (float(x.diff(dim=-1).std() / x.flatten(2).std(2).mean()) for x in (found, noise))
    assert steps < 0.7 * noisy


@pytest.mark.parametrize("channels", [1, 4])
def test_there_are_contexts_of_any_number_of_channels(channels: int) -> None:
    source = ColoursAndTextures((8, 8)).of("a", 0, channels=channels)
    assert [next(source).shape[0] for _ in range(2)] == [channels] * 2


def test_other_photographs_are_of_other_classes_in_an_order_of_their_own(tmp_path: Path) -> None:
    classifier, paths = stickers(), []
    for number in range(12):
        level = 20 if number % 3 else 230
        Image.new("RGB", (SIZE, SIZE), (level, level, level + number)).save(tmp_path / f"{number}.png")
        paths.append(tmp_path / f"{number}.png")
    (tmp_path / "broken.png").write_bytes(b"nothing")
    contexts = OtherPhotographs(classifier, [*paths, tmp_path / "broken.png"], seed=0)
    found = some(contexts, 20, target=LABELS.index("bright"))
    assert len(found) == 8
    assert not classifier.outputs.holds(classifier.logits(torch.stack(found)), 1).any()
    again, other = some(contexts, 20, target=1), some(contexts, 20, "b", 1)
    assert all(torch.equal(x, y) for x, y in zip(found, again, strict=True))
    assert not all(torch.equal(x, y) for x, y in zip(found, other, strict=True))
