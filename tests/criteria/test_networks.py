from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from unseen.criteria.axioms import one_feature, saturating
from unseen.criteria.invariance import at_kink, opened, within_piece
from unseen.criteria.networks import SIDE, block, explaining, halves, painted, quarters, random_network, texture, turned
from unseen.criteria.pairs import added
from unseen.criteria.rewrites import rewrites
from unseen.criteria.verdict import Scene, Trial, apart, judged
from unseen.errors import NotApplicableError


def images(count: int = 64) -> Tensor:
    return torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_a_turned_network_says_of_a_turned_photograph_what_the_network_says() -> None:
    for kernel in (1, 3):
        network = random_network(1, kernel=kernel)
        before, after = logits(network, images()), logits(turned(network), images().rot90(1, (2, 3)))
        assert float((before - after).abs().max()) <= 1e-12 * float(before.abs().max())
        assert float((logits(network, images().rot90(1, (2, 3))) - before).abs().max()) > 1e-3


@torch.no_grad()
def logits(model: nn.Module, some: Tensor) -> Tensor:
    found = model(some)
    assert isinstance(found, Tensor)
    return found


def test_rewritten_networks_compute_the_same_function() -> None:
    pairs = list(rewrites())
    assert len(pairs) == 9
    for pair in pairs:
        for some in (images(), 4 * images() - 2, pair.one.image[None], torch.zeros(1, 3, SIDE, SIDE).double()):
            one, other = logits(pair.one.model, some), logits(pair.other.model, some)
            assert float((one - other).abs().max()) <= 1e-12 * max(1.0, float(one.abs().max())), pair.name
        assert float(logits(pair.one.model, 4 * images() - 2).std(0).min()) > 1e-3  # they do depend on what they see
        assert str(pair.one.model) != str(pair.other.model) or any(
            not torch.equal(one, other)
            for one, other in zip(pair.one.model.parameters(), pair.other.model.parameters(), strict=True)
        )


def test_the_clamp_is_reached_before_it_is_rewritten() -> None:
    (pair,) = [pair for pair in rewrites() if "ReLU6" in pair.name]
    assert isinstance(pair.one.model, nn.Sequential)
    assert float(logits(pair.one.model[0], pair.one.image[None]).max()) > 6


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_class_0_is_on_top_of_the_photograph_and_not_of_black(seed: int, dense: bool) -> None:
    scene = explaining(random_network(seed, dense=dense), texture(seed))
    shown, black = logits(scene.model, torch.stack([scene.image, torch.zeros_like(scene.image)]))
    assert int(shown.argmax()) == 0
    assert int(black.argmin()) == 0
    assert (float(shown[0]), float(black[0])) == pytest.approx((1, -1))


def test_what_is_not_shown_does_not_matter() -> None:
    network = random_network(1, shown=block(0, 0, SIDE, SIDE // 2))
    image = images(1)
    changed = image.clone()
    changed[..., SIDE // 2 :] = 0
    assert torch.equal(logits(network, image), logits(network, changed))
    assert not torch.equal(logits(network, image), logits(network, changed * 0))


def test_the_saturated_network_is_the_one_of_the_text() -> None:
    for scene, value in zip(one_feature(), (lambda x: min(x, 1), lambda x: x), strict=True):
        for x in (0.0, 0.5, 0.9, 1.5, 2.0):
            image = painted((block(12, 12), (x / 2, 0, 0)))
            assert float(logits(scene.model, image[None])[0, 0]) == pytest.approx(value(x))
    corner = painted((block(SIDE - 4, SIDE - 4), (0, 1, 0)))
    elsewhere = painted((block(0, 0), (0, 1, 0)))
    ends = logits(saturating(1.0), torch.stack([corner, elsewhere]))[:, 0]
    assert ends.tolist() == pytest.approx([16 / SIDE**2, 0])


def test_a_sum_of_networks_is_the_sum_of_their_logits() -> None:
    one, other = random_network(1), random_network(2)
    expected = 2 * logits(one, images()) - 0.5 * logits(other, images())
    assert torch.allclose(logits(added(one, other, 2.0, -0.5), images()), expected, atol=1e-12)


@pytest.mark.parametrize("seed", [14, 15])
def test_within_a_piece_the_network_is_linear(seed: int) -> None:
    one = explaining(random_network(seed), quarters(seed))
    other = within_piece(one)
    assert float((other - one.image).abs().max()) > 0.1
    assert torch.equal(opened(one.model, other), opened(one.model, one.image))
    ends = logits(one.model, torch.stack([one.image, other, (one.image + other) / 2]))
    assert torch.allclose(ends[2], (ends[0] + ends[1]) / 2, atol=1e-12)


@pytest.mark.parametrize("dense", [False, True])
def test_a_rectifier_opens_at_the_kink_and_no_other(dense: bool) -> None:
    scene, direction = at_kink(dense)
    before, after = (opened(scene.model, scene.image + sign * 1e-5 * direction) for sign in (-1, 1))
    changed = int((before != after).sum())
    assert changed == (1 if dense else (SIDE // 4) ** 2)  # one unit, at every position of the quarter
    ends = logits(scene.model, torch.stack([scene.image + sign * 1e-5 * direction for sign in (-1, 1)]))
    assert float((ends[0] - ends[1]).abs().max()) < 1e-2


def test_halves_differ_in_colour() -> None:
    image = halves(3)
    assert float(image.min()) >= 0
    assert float(image.max()) <= 1
    assert bool((image[0, :, : SIDE // 2] > image[2, :, : SIDE // 2]).all())
    assert bool((image[0, :, SIDE // 2 :] < image[2, :, SIDE // 2 :]).all())


def test_maps_are_compared_as_shares_of_themselves() -> None:
    one = torch.tensor([[1.0, -1.0]])
    assert apart(one, one) == 0
    assert apart(one, -one) == 2
    assert apart(one, one / 2) == 0.5
    with pytest.raises(NotApplicableError, match="empty"):
        apart(one * 0, one * 0)


def test_one_failure_is_the_witness_and_refusals_do_not_count() -> None:
    def refuses() -> Trial:
        raise NotApplicableError("no rule")

    def holds() -> Trial:
        return Trial(True, "fine")

    def fails() -> Trial:
        return Trial(False, "witness", {"gap": 1.0})

    assert judged([refuses]).status == "not applicable"
    assert judged([refuses, holds]).reason == "fine (1 of 2 networks left out: no rule)"
    verdict = judged([holds, refuses, fails])
    assert (verdict.status, verdict.reason, verdict.numbers) == ("fails", "witness", {"gap": 1.0})


def test_scenes_have_no_normalisation() -> None:
    scene = Scene(random_network(0), texture(0))
    assert torch.equal(scene.classifier.forward(scene.image[None]), scene.model(scene.image[None]))
