from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from helpers.processor import generator
from unseen import Classifier, Preprocessing
from unseen.errors import NotApplicableError, ParameterError
from unseen.removal import REMOVALS
from unseen.removal.fills.linear import LinearImputation, impute
from unseen.removal.masked import MaskedClassifier


class Seen(torch.nn.Module):
    """The pixels that the network is shown are its logits."""

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)


def seen(image: Tensor, spec: str = "linear:noise=0", **more: int) -> MaskedClassifier:
    plain = Preprocessing(tuple(image.shape[1:]), None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    return REMOVALS.create(spec).bind(Classifier(Seen(), plain), image, **more)


def picture(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.rand(3, height, width, generator=generator(seed))


def slow(image: Tensor, mask: Tensor) -> Tensor:
    """One equation for each hidden pixel, written from the paper's words, and a dense solver."""
    _, height, width = image.shape
    hidden = [(y, x) for y in range(height) for x in range(width) if not bool(mask[y, x])]
    number = {place: i for i, place in enumerate(hidden)}
    system, right = np.zeros((len(hidden), len(hidden))), np.zeros((len(hidden), 3))
    for place, i in number.items():
        for down in (-1, 0, 1):
            for across in (-1, 0, 1):
                y, x = place[0] + down, place[1] + across
                if (down, across) == (0, 0) or not (0 <= y < height and 0 <= x < width):
                    continue
                weight = 1 / 12 if down and across else 1 / 6
                system[i, i] += weight
                if (y, x) in number:
                    system[i, number[y, x]] -= weight
                else:
                    right[i] += weight * image[:, y, x].double().numpy()
    filled = image.double().clone()
    if hidden:
        solved = np.linalg.solve(system, right)
        for (y, x), value in zip(hidden, solved, strict=True):
            filled[:, y, x] = torch.tensor(value)
    return filled


@given(st.integers(2, 21), st.integers(2, 21), st.floats(0.02, 0.98), st.integers(0, 99))
def test_it_is_the_direct_solution(height: int, width: int, share: float, seed: int) -> None:
    image = picture(height, width, seed)
    mask = torch.rand(height, width, generator=generator(seed)) < share
    mask[seed % height, seed % width] = True
    filled = impute(image[None], mask[None].float())[0]
    assert torch.equal(filled[:, mask], image[:, mask])
    assert float((filled - slow(image, mask)).abs().max()) < 2e-3


@pytest.mark.parametrize("hidden", ["square", "all but a corner", "frame", "stripes"])
def test_large_holes_are_solved_as_well(hidden: str) -> None:
    image, mask = picture(40, 48), torch.ones(40, 48, dtype=torch.bool)
    if hidden == "square":
        mask[5:38, 4:40] = False
    elif hidden == "all but a corner":
        mask[:] = False
        mask[:3, :4] = True
    elif hidden == "frame":
        mask[:] = False
        mask[18:22, 20:25] = True
    else:
        mask[:, torch.arange(48) % 13 != 0] = False
    filled = impute(image[None], mask[None].float())[0]
    assert float((filled - slow(image, mask)).abs().max()) < 2e-3


def test_what_is_linear_is_restored_and_between_what_is_visible() -> None:
    rows = torch.linspace(0, 1, 33)[:, None].expand(33, 33)
    image, mask = rows.expand(3, 33, 33).clone(), torch.ones(33, 33)
    mask[6:27, 3:30] = 0
    assert torch.allclose(impute(image[None], mask[None])[0], image, atol=2e-3)
    noisy = picture(33, 33)
    filled = impute(noisy[None], mask[None])[0]
    assert float(filled.min()) >= float(noisy.min()) - 2e-3
    assert float(filled.max()) <= float(noisy.max()) + 2e-3


def test_with_nothing_visible_it_is_the_mean_colour() -> None:
    image = picture(8, 10)
    shown = seen(image)(torch.zeros(1, 8, 10)).reshape(3, 8, 10)
    torch.testing.assert_close(shown, image.mean((1, 2), keepdim=True).expand(3, 8, 10))
    assert torch.equal(seen(image, "linear")(torch.ones(1, 8, 10)).reshape(3, 8, 10), image)


def test_noise_is_of_the_place_and_the_seed() -> None:
    image = picture(64, 64)
    masks = (torch.rand(2, 64, 64, generator=generator(1)) < 0.3).float()
    plain, noisy, other = (seen(image, f"linear:{o}")(masks).reshape(2, 3, 64, 64) for o in ("noise=0", "0.1", "0.1,1"))
    noise = noisy - plain
    both = (masks == 0).all(0)
    torch.testing.assert_close(noise[0][:, both], noise[1][:, both], atol=1e-5, rtol=0)
    assert float(noise[:, :, both].std()) == pytest.approx(0.1, rel=0.05)
    assert float(noise[:, :, both].mean()) == pytest.approx(0, abs=0.01)
    assert bool((noise.permute(1, 0, 2, 3)[:, masks == 1] == 0).all())
    assert not torch.allclose(other[:, :, both], noisy[:, :, both], atol=1e-2)
    state = torch.get_rng_state()
    seen(image, "linear")(masks)
    assert torch.equal(torch.get_rng_state(), state)


def test_results_do_not_depend_on_the_batch() -> None:
    image = picture(32, 32)
    masks = torch.stack([torch.rand(32, 32, generator=generator(i)) < i / 9 for i in range(10)])
    together = seen(image, "linear", batch_size=10)(masks)
    alone = seen(image, "linear", batch_size=1)(masks)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_gradients_are_those_of_the_direct_solution() -> None:
    image = picture(6, 7).double()
    masks = (torch.rand(2, 6, 7, generator=generator(3)) < 0.4).double()
    masks[1] = 0
    pixels = image.expand(2, -1, -1, -1).clone().requires_grad_()
    weights = torch.randn(pixels.shape, generator=generator(4), dtype=torch.float64)
    (found,) = torch.autograd.grad((weights * impute(pixels, masks)).sum(), pixels)
    for place in [(0, 0, 0), (1, 3, 4), (2, 5, 6), (0, 2, 2), (1, 0, 5)]:
        moved = image.clone()
        moved[place] += 1
        change = float((weights[0] * (slow(moved, masks[0]) - slow(image, masks[0]))).sum())
        assert float(found[0][place]) == pytest.approx(change, abs=0.02)
    torch.testing.assert_close(found[1], weights[1].mean((1, 2), keepdim=True).expand(3, 6, 7))


def test_names_and_wrong_parameters() -> None:
    for spec in ("linear", "linear:noise=0.5", "linear:seed=3", "linear:noise=0.0,seed=3"):
        assert REMOVALS.create(spec).name == spec
        assert REMOVALS.create(REMOVALS.create(spec).name) == REMOVALS.create(spec)
    with pytest.raises(ParameterError, match="noise"):
        LinearImputation(noise=-0.1)
    with pytest.raises(ParameterError, match="seed"):
        LinearImputation(seed=-1)
    with pytest.raises(ParameterError, match="0 and 1 only"):
        seen(picture(4, 4))(torch.full((1, 4, 4), 0.5))


def test_what_does_not_converge_is_refused_and_the_removal_offered_instead_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image, mask = picture(40, 40), torch.zeros(1, 40, 40)
    mask[:, 0] = 1
    assert seen(image)(mask).shape[0] == 1
    monkeypatch.setattr("unseen.removal.fills.linear._CYCLES", 1)
    with pytest.raises(NotApplicableError, match=r"has not converged in 1 cycles; choose another .* 'neighbour'"):
        seen(image)(mask)
    assert bool(seen(image, "neighbour")(mask).isfinite().all())
