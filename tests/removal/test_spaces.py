"""Every removal hides parts of signals and volumes as it hides parts of images, or refuses them by name."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from helpers.processor import generator
from helpers.spaces import SPACES, bright, looking, part_of
from unseen.errors import NotApplicableError, ParameterError
from unseen.removal import REMOVALS
from unseen.removal.fills.linear import impute
from unseen.removal.fills.neighbour import neighbours

NEEDS = {
    "mae": "mae:nowhere",
    "mae-zip": "mae-zip:nowhere",
    "zip": "zip:most=20",
    "zip-decomposition": "zip-decomposition:most=20",
}
OF_FOLDERS = {"marginal", "donor", "dataset-mean"}


@pytest.mark.parametrize("kind", ["signal", "volume"])
@pytest.mark.parametrize("name", sorted(set(REMOVALS.entries) - OF_FOLDERS))
def test_what_is_hidden_is_gone_or_the_removal_refused(name: str, kind: str) -> None:
    space = SPACES[kind]
    classifier, image, part = looking(space), bright(space), part_of(space)
    removal = REMOVALS.create(NEEDS.get(name, name))
    if removal.axes == (2,):
        with pytest.raises(NotApplicableError, match=f"is for images so far, and the input is a {kind} of"):
            removal.bind(classifier, image)
        return
    masked = removal.bind(classifier, image)
    masks = torch.stack([part, ~part, torch.ones(space).bool(), torch.zeros(space).bool()])
    shown = masked(masks)[:, 0]
    torch.testing.assert_close(shown[0], shown[2], atol=1e-4, rtol=0)
    torch.testing.assert_close(shown[1], shown[3], atol=3.0, rtol=0)
    changed = image.clone()
    changed[:, part] = torch.rand(2, int(part.sum()), generator=generator(3)) / 2
    if name in ("black", "grey", "white", "zero", "neighbour", "linear"):  # what is hidden is not asked
        again = removal.bind(classifier, changed)(masks[1:2])[0, 0]
        torch.testing.assert_close(again, shown[1], atol=1e-4, rtol=0)
        assert float(shown[2] - shown[1]) > 1 or name == "white"


def slowly_imputed(image: Tensor, visible: Tensor) -> Tensor:
    """The equations of ROAD, direct: 1, 2, 1 along every axis without the middle, divided by those that exist."""
    places = visible.nonzero(as_tuple=False).tolist(), (~visible).nonzero(as_tuple=False).tolist()
    number = {tuple(place): i for i, place in enumerate(places[1])}
    matrix = torch.zeros(len(number), len(number), dtype=torch.float64)
    right = torch.zeros(len(number), dtype=torch.float64)
    for place, row in number.items():
        total = 0.0
        for step in torch.cartesian_prod(*[torch.tensor([-1, 0, 1])] * visible.ndim).reshape(-1, visible.ndim).tolist():
            there = tuple(p + s for p, s in zip(place, step, strict=True))
            inside = all(0 <= t < n for t, n in zip(there, visible.shape, strict=True))
            if not any(step) or not inside:
                continue
            weight = 2.0 ** sum(s == 0 for s in step)
            total += weight
            if bool(visible[there]):
                right[row] += weight * float(image[there])
            else:
                matrix[row, number[there]] -= weight
        matrix[row, row] = total
    filled = image.double().clone()
    filled[~visible] = torch.linalg.solve(matrix, right)
    return filled


@pytest.mark.parametrize("space", [(40,), (9, 8), (5, 6, 7)])
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_linear_imputation_solves_the_equations(space: tuple[int, ...], share: float) -> None:
    image = torch.rand(space, generator=generator(4))
    visible = torch.rand(space, generator=generator(5)) < share
    visible.view(-1)[0] = True
    found = impute(image[None, None].double(), visible[None].double())[0, 0]
    torch.testing.assert_close(found, slowly_imputed(image, visible), atol=4e-3, rtol=0)


def test_a_signal_is_imputed_on_straight_lines() -> None:
    """Along one axis the mean of both neighbours is the line between what is visible."""
    image = torch.linspace(0, 1, 200, dtype=torch.float64)[None, None]
    visible = torch.zeros(1, 200, dtype=torch.float64)
    visible[0, [0, 40, 199]] = 1
    torch.testing.assert_close(impute(image, visible), image, atol=4e-3, rtol=0)


@pytest.mark.parametrize("space", list(SPACES.values()))
def test_the_mean_of_neighbours_stays_between_them(space: tuple[int, ...]) -> None:
    image = torch.rand(1, 2, *space, generator=generator(6))
    mask = (torch.rand(1, *space, generator=generator(7)) < 0.3).float()
    found = neighbours(image, mask, 1.0)
    seen = image[:, :, mask[0].bool()]
    assert bool((found >= seen.amin() - 1e-5).all())
    assert bool((found <= seen.amax() + 1e-5).all())
    flat = neighbours(torch.full_like(image, 0.25), mask, 1.0)
    torch.testing.assert_close(flat, torch.full_like(image, 0.25))


def test_masks_and_images_of_another_extent_are_refused_in_one_line() -> None:
    masked = REMOVALS.create("grey").bind(looking((64,)), bright((64,)))
    with pytest.raises(ParameterError, match=r"masks have shape \(1, 8, 8\); expected \(N, 64\)"):
        masked(torch.ones(1, 8, 8))
    with pytest.raises(ParameterError, match="takes a signal of 64 samples; prepare it by"):
        REMOVALS.create("grey").bind(looking((64,)), torch.rand(2, 8, 8))
    with pytest.raises(ParameterError, match=r"expected \(C, H, W\), or \(C, L\) of a signal"):
        REMOVALS.create("grey").bind(looking((64,)), torch.rand(2, 3, 4, 5, 6))


def test_a_pass_takes_no_more_signals_than_their_channels_allow() -> None:
    masked = REMOVALS.create("grey").bind(looking((64,)), bright((64,)))
    assert masked.batch == 256
    assert REMOVALS.create("grey").bind(looking((8, 12, 10)), bright((8, 12, 10))).batch == 16 * 224 * 224 // 960
