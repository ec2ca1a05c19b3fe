from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from helpers.judged import case
from helpers.networks import Network, bound, top
from unseen.errors import NotApplicableError, ParameterError
from unseen.metrics import METRICS
from unseen.metrics.case import Case
from unseen.metrics.robustness_s import RobustnessS, balance, smallest_change
from unseen.removal import MaskedClassifier

SIZE = 8


class Linear(nn.Module):
    """Two classes; the margin is linear, and only some pixels count."""

    def __init__(self, weights: Tensor, bias: float) -> None:
        super().__init__()
        self.weights, self.bias = nn.Parameter(weights), bias

    def forward(self, x: Tensor) -> Tensor:
        margin = (x * self.weights).sum((1, 2, 3)) + self.bias
        return torch.stack([margin / 2, -margin / 2], 1)


def linear(counts: Tensor | None = None, image: Tensor | None = None, margin: float = 0.2) -> MaskedClassifier:
    weights = torch.randn(3, SIZE, SIZE, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    weights = weights if counts is None else weights * counts
    if image is None:
        image = 0.4 + 0.2 * torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    bias = margin - float((image.double() * weights).sum())
    return bound(Linear(weights, bias), image=image, normalise=False)


def curved(**more: object) -> MaskedClassifier:
    """A network with rectifiers that is nearly undecided between two classes."""
    network = Network()
    masked = bound(network, **more)  # type: ignore[arg-type]
    logits = masked.classifier.logits(masked.image[None])[0]
    first, second = logits.sort(descending=True).values[:2]
    with torch.no_grad():
        network.head.bias[int(logits.argmax())] -= float(first - second) - 0.02
    return masked


def half() -> Tensor:
    region = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    region[:, : SIZE // 2] = True
    return region


def slow(masked: MaskedClassifier, target: int, region: Tensor, radius: float) -> bool:
    """Whether plain gradient descent, one image and five hundred small steps, changes the class inside the ball."""
    change = torch.zeros_like(masked.image, requires_grad=True)
    for _ in range(500):
        logits = masked.classifier.forward((masked.image + change)[None])[0]
        others = torch.cat([logits[:target], logits[target + 1 :]])
        if bool(logits[target] < others.max()):
            return True
        (slope,) = torch.autograd.grad(logits[target] - others.max(), change)
        with torch.no_grad():
            moved = change - 0.05 * radius * slope * region / (slope * region).norm()
            moved = moved * min(1.0, radius / float(moved.norm().detach()))
            change = ((masked.image + moved).clamp(0, 1) - masked.image).requires_grad_()
    return False


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_of_a_linear_network_it_is_the_margin_over_the_weights(norm: str) -> None:
    masked = linear()
    weights = masked.classifier.model.weights.detach()
    for region in (half(), ~half(), torch.ones(SIZE, SIZE, dtype=torch.bool)):
        found = smallest_change(masked, 0, region, norm=norm)
        expected = 0.2 / float((weights * region).norm(p=2 if norm == "l2" else 1))
        assert found.succeeded
        assert expected <= found.epsilon * (1 + 1e-9)
        assert found.epsilon == pytest.approx(expected, rel=1e-3)


def test_the_change_changes_the_class_within_region_box_and_budget() -> None:
    masked = curved(double=False)
    target = top(masked)
    region = torch.zeros(16, 16, dtype=torch.bool)
    region[3:12, 4:15] = True
    for norm in ("l2", "linf"):
        before = masked.evaluations
        found = smallest_change(masked, target, region, norm=norm)
        assert found.delta is not None
        assert found.evaluations == masked.evaluations - before <= 1 + 6 * 8 * 3 + 24
        changed = (masked.image + found.delta).clamp(0, 1)
        assert torch.allclose(changed, masked.image + found.delta, atol=1e-6)
        assert int(masked.classifier.logits(changed[None]).argmax()) != target
        assert bool((found.delta[:, ~region] == 0).all())
        size = float(found.delta.norm() if norm == "l2" else found.delta.abs().max())
        assert found.epsilon == pytest.approx(size, rel=1e-4)


def test_it_is_no_worse_than_plain_gradient_descent_at_one_radius_after_another() -> None:
    masked = curved()
    target = top(masked)
    region = torch.rand(16, 16, generator=torch.Generator().manual_seed(0)) < 0.5
    epsilon = smallest_change(masked, target, region).epsilon
    assert not slow(masked, target, region, 0.97 * epsilon)
    assert slow(masked, target, region, 1.03 * epsilon)


def test_pixels_stay_in_the_box_where_half_the_directions_are_closed() -> None:
    white = torch.ones(3, SIZE, SIZE)
    masked = linear(image=white)
    weights = masked.classifier.model.weights.detach()
    found = smallest_change(masked, 0, half())
    open_weights = weights.clamp(min=0) * half()  # on white, pixels can only fall
    assert found.epsilon == pytest.approx(0.2 / float(open_weights.norm()), rel=1e-3)
    assert found.delta is not None
    assert float(found.delta.max()) <= 0


def test_where_no_change_is_enough_none_is_found() -> None:
    masked = linear(counts=half().double())
    assert not smallest_change(masked, 0, ~half()).succeeded
    far = linear(margin=1000.0)
    found = smallest_change(far, 0, half())
    assert found.epsilon == math.inf
    assert found.delta is None
    given = Case(half().float(), 0, masked)
    assert RobustnessS(share=0.5)(given) == 1
    assert RobustnessS("outside", share=0.5)(given) == math.inf
    assert RobustnessS(share=0.5)(replace(given, saliency=-given.saliency)) == 0
    assert math.isnan(RobustnessS(share=0.5)(Case(half().float(), 0, far)))


def test_the_metric_prefers_the_map_that_knows_where_the_weights_are() -> None:
    masked = linear()
    weights = masked.classifier.model.weights.detach()
    right = Case(weights.square().sum(0).float(), 0, masked)
    inside, outside = (METRICS.create(f"robustness-s-{where}:share=0.25")(right) for where in ("inside", "outside"))
    salient = torch.zeros(SIZE * SIZE, dtype=torch.bool)
    salient[right.saliency.flatten().argsort(descending=True)[:16]] = True
    salient = salient.reshape(SIZE, SIZE)
    assert inside == pytest.approx(0.2 / float((weights * salient).norm()), rel=1e-3)
    assert outside == pytest.approx(0.2 / float((weights * ~salient).norm()), rel=1e-3)
    assert METRICS.create("robustness-s:share=0.25")(right) == pytest.approx(balance(inside, outside))
    noise = [replace(right, saliency=torch.rand(8, 8, generator=torch.Generator().manual_seed(i))) for i in range(5)]
    values = [RobustnessS(share=0.25)(one) for one in noise]
    assert RobustnessS(share=0.25)(right) > max(values)
    blind = math.sqrt(0.25) / (math.sqrt(0.25) + math.sqrt(0.75))
    assert sum(values) / 5 == pytest.approx(blind, abs=0.05)


def test_balance() -> None:
    assert balance(1.0, 3.0) == 0.75
    assert balance(1.0, math.inf) == 1
    assert balance(math.inf, 1.0) == 0
    assert math.isnan(balance(math.inf, math.inf))


@pytest.mark.parametrize("removal", ["black", "ad"])
def test_removal_batch_and_state_do_not_matter(removal: str) -> None:
    values = []
    for size in (1, 4, None):
        masked = curved(removal=removal, batch_size=size)
        model = masked.classifier.model.train()
        before = {name: value.clone() for name, value in model.state_dict().items()}
        state = torch.get_rng_state()
        saliency = torch.rand(16, 16, generator=torch.Generator().manual_seed(2))
        target = top(masked)
        values.append(RobustnessS()(Case(saliency, target, masked)))
        assert torch.equal(torch.get_rng_state(), state)
        assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
        assert all(p.grad is None and p.requires_grad for p in model.parameters())
        assert all(module.training for module in model.modules())
    assert 0 < values[0] < 1
    assert values == pytest.approx([values[0]] * 3, rel=1e-6)


def test_what_cannot_be_judged_is_refused() -> None:
    masked = bound(Network())
    other = (top(masked) + 1) % 3
    with pytest.raises(NotApplicableError, match="does not name 'class"):
        RobustnessS()(Case(torch.rand(16, 16), other, masked))
    with pytest.raises(NotApplicableError, match="no gradient"):
        RobustnessS()(case())
    for make, words in (
        (lambda: RobustnessS(share=0), "share"),
        (lambda: RobustnessS(steps=0), "steps"),
        (lambda: RobustnessS(rounds=0), "rounds"),
        (lambda: METRICS.create("robustness-s:norm=l1"), "norm"),
    ):
        with pytest.raises(ParameterError, match=words):
            make()


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_a_radius_that_works_is_not_taken_for_one_that_fails(norm: Literal["l2", "linf"]) -> None:
    # in float32 the change may come out longer than its radius by a rounding; later rounds then searched nothing
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1, stride=2), nn.ReLU()
    masked = bound(nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * 64, 10)), double=False)
    region = torch.rand(16, 16, generator=torch.Generator().manual_seed(3)) > 0.7
    first, last = (smallest_change(masked, top(masked), region, norm=norm, rounds=rounds).epsilon for rounds in (1, 3))
    assert last < 0.99 * first
