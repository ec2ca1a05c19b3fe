from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.networks import CHANNELS, Network, bound, logit, top
from helpers.processor import SEED
from unseen import Classifier
from unseen.errors import NotApplicableError, ParameterError, PhotoError
from unseen.explainers import map_of
from unseen.explainers.gradients.gradient import gradient
from unseen.explainers.gradients.integrated import IntegratedGradients, integrated_gradients
from unseen.explainers.propagation.deeplift import DeepLift, DeepShap, deeplift, deepshap
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.removal import REMOVALS, MaskedClassifier

pytestmark = pytest.mark.numerics


class Of(nn.Module):
    """A logit of the first two values of a pixel."""

    def __init__(self, rule: Any) -> None:
        super().__init__()
        self.rule = rule

    def forward(self, x: Tensor) -> Tensor:
        value = self.rule(x[:, 0, 0], x[:, 1, 0])
        return torch.cat([value, value * 0], 1)


def of(rule: Any, first: float, second: float) -> MaskedClassifier:
    image = torch.tensor([first, second, 0.5])[:, None, None].double()
    masked = bound(Of(rule), image=image, normalise=False)
    masked.classifier.dtype = torch.float64
    return masked


def contributions(rule: Any, first: float, second: float, baseline: tuple[float, float] = (0.0, 0.0)) -> list[float]:
    reference = torch.tensor([*baseline, 0.5])[:, None, None].double()
    found = deeplift(of(rule, first, second), 0, reference)
    assert abs(found.gap) < 1e-6
    assert found.values[2].item() == 0
    return [round(value, 5) for value in found.values[:2].flatten().tolist()]


def test_by_hand() -> None:
    assert contributions(lambda a, b: 2 * a - 3 * b, 0.5, 0.25) == [1.0, -0.75]
    # relu(a − b), 0.5 − 0.25 above 0: slope 1
    assert contributions(lambda a, b: F.relu(a - b), 0.5, 0.25) == [0.5, -0.25]
    # min(a, b) as a − relu(a − b), the paper's section 3.4: all to b where b is smaller
    assert contributions(lambda a, b: a - F.relu(a - b), 0.5, 0.25) == [0.0, 0.25]
    # 1 − relu(1 − a − b): saturated, where gradients are 0 (the paper's figure 1); the change of 1 is split 0.9 to 0.6
    assert contributions(lambda a, b: 1 - F.relu(1 - a - b), 0.9, 0.6) == [0.6, 0.4]
    # relu(a + b − 1), a threshold (figure 2): 0.5 of the way of 1.5
    assert contributions(lambda a, b: F.relu(a + b - 1), 0.9, 0.6) == [0.3, 0.2]


def test_of_a_product_each_factor_is_credited_at_the_mean_of_the_other() -> None:
    assert contributions(lambda a, b: a * b, 0.5, 0.4) == [0.1, 0.1]
    assert contributions(lambda a, b: a * b, 0.5, 0.4, (0.1, 0.2)) == [round(0.4 * 0.3, 5), round(0.2 * 0.3, 5)]
    squares = contributions(lambda a, b: a * a + b.square(), 0.5, 0.4, (0.1, 0.0))
    assert squares == [0.24, 0.16]


def test_quotients_are_products_with_a_reciprocal() -> None:
    """Also in place, and of a constant."""
    expected = [round(0.4 * (1 / 0.6 + 1 / 0.3) / 2, 5), round(0.35 * (1 / 0.6 - 1 / 0.3), 5)]
    assert contributions(lambda a, b: a / (0.1 + b), 0.55, 0.5, (0.15, 0.2)) == expected
    ways = [
        lambda a, b: (a * 1).div_(0.1 + b),
        lambda a, b: overwritten(a * 1, 0.1 + b),
        lambda a, b: (a * 1).__itruediv__(0.1 + b),
        lambda a, b: torch.div(input=a, other=0.1 + b),
    ]
    for way in ways:
        assert contributions(way, 0.55, 0.5, (0.15, 0.2)) == expected
    assert contributions(lambda a, _: torch.ones_like(a) / (1 + a), 1.0, 0.5) == [-0.5, 0.0]


def overwritten(value: Tensor, by: Tensor) -> Tensor:
    """Uses the quotient through the tensor that was changed, not through what the function returned."""
    value.div_(by)
    return value


def test_a_maximum_is_credited_to_the_one_that_made_the_change() -> None:
    def largest(a: Tensor, b: Tensor) -> Tensor:
        return torch.stack([a, b], 1).amax(1)

    assert contributions(largest, 0.8, 0.3) == [0.8, 0.0]
    assert contributions(largest, 0.8, 0.3, (0.0, 0.9)) == [0.0, -0.1]  # it fell from b's 0.9
    assert contributions(largest, 0.8, 0.3, (0.2, 0.1)) == [0.6, 0.0]

    def pooled(a: Tensor, b: Tensor) -> Tensor:
        return F.max_pool1d(torch.stack([a, b], 2), 2)[:, 0]

    assert contributions(pooled, 0.8, 0.3, (0.0, 0.9)) == [0.0, -0.1]


def test_where_nothing_changes_the_derivative_stands_for_the_slope() -> None:
    masked = bound(Network())
    same = deeplift(masked, 0, masked.image)
    assert not bool(same.values.any())
    near = deeplift(masked, 0, masked.image - 1e-9)
    assert torch.isfinite(near.values).all()
    one = contributions(lambda a, b: (a - 0.5).exp() * b, 0.5, 0.4, (0.5, 0.0))
    assert one == [0.0, 0.4]


def test_of_a_linear_model_it_is_the_change_times_the_weight() -> None:
    torch.manual_seed(SEED)
    masked = bound(nn.Sequential(nn.Flatten(), nn.Linear(48, 2)), size=4)
    grey = torch.full_like(masked.image, 0.5)
    expected = gradient(masked, 1) * (masked.image - grey)
    assert torch.allclose(deeplift(masked, 1, grey).values.double(), expected, atol=1e-6)
    assert torch.allclose(
        integrated_gradients(masked, 1, grey, IntegratedGradients()).values.double(), expected, atol=1e-6
    )


def test_deepshap_is_the_mean_over_the_baselines() -> None:
    """Of a linear model, where pixels count one by one, these are its Shapley values under hidden pixels' means."""
    torch.manual_seed(SEED)
    masked = bound(nn.Sequential(nn.Flatten(), nn.Linear(48, 2)), size=4)
    others = torch.rand(3, *masked.image.shape, dtype=torch.float64)
    found = deepshap(masked, 1, lambda number: others[number], 3)
    expected = gradient(masked, 1) * (masked.image - others.mean(0))
    assert torch.allclose(found.values.double(), expected, atol=1e-6)
    assert masked.evaluations == 6 + 1

    curved = bound(Network())
    others = torch.rand(3, *curved.image.shape, dtype=torch.float64)
    found = deepshap(curved, 1, lambda number: others[number], 3)
    each = [deeplift(curved, 1, other) for other in others]
    assert torch.allclose(found.values, torch.stack([one.values for one in each]).mean(0), atol=1e-6)
    mean = sum(logit(curved, 1, other) for other in others) / 3
    assert found.difference == pytest.approx(logit(curved, 1) - mean)
    assert abs(found.gap) < 1e-5


def test_deepshap_takes_the_photographs_of_a_folder_or_colours_by_seed(tmp_path: Path) -> None:
    masked = bound(Network(), double=False)
    for number, level in enumerate((0, 255)):
        Image.new("RGB", (16, 16), (level,) * 3).save(tmp_path / f"{number}.png")
    of_two = map_of(DeepShap(photos=str(tmp_path), samples=2), masked, 0)
    ends = [deeplift(masked, 0, torch.full_like(masked.image, level)).values.sum(0) for level in (0.0, 1.0)]
    assert torch.allclose(of_two, torch.stack(ends).mean(0), atol=1e-5)
    assert DeepShap(photos=str(tmp_path)).content != DeepShap().content == ""
    one, same, other = (map_of(DeepShap(samples=2), masked, 0, seed) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    (tmp_path / "none").mkdir()
    with pytest.raises(PhotoError, match="none"):
        DeepShap(photos=str(tmp_path / "none")).attribute(Evaluator(masked, 0), 0, None)


def test_a_rectifier_that_is_reused_is_three_rectifiers() -> None:
    """The same module at three places has three slopes."""
    shared = nn.ReLU()

    def join(net: Any, x: Tensor, acts: tuple[Any, Any, Any]) -> Tensor:
        return net.judge(acts[2](net.second(acts[1](net.second(acts[0](net.first(x)))))))

    black = torch.zeros(3, 16, 16).double()
    ways = [(shared,) * 3, (nn.ReLU(), nn.ReLU(), nn.ReLU()), (F.relu, F.relu_, torch.relu)]
    one, *others = (
        deeplift(bound(Network(lambda net, x, acts=acts: join(net, x, acts))), 0, black).values for acts in ways
    )
    assert all(torch.equal(one, other) for other in others)


def test_of_the_trained_network_it_adds_up(classifier: Classifier, photo: Tensor) -> None:
    masked = REMOVALS.create("grey").bind(classifier, photo)
    target = top(masked)
    found = DeepLift().attribute(Evaluator(masked, target), 0, None)
    change = logit(masked, target) - logit(masked, target, torch.zeros_like(photo))
    assert found.record["difference"] == pytest.approx(change, rel=1e-4)
    assert float(found.saliency.double().sum()) == pytest.approx(change, rel=1e-3)
    assert masked.evaluations == 2


def test_the_batch_does_not_matter() -> None:
    black = torch.zeros(3, 16, 16).double()
    maps = [deeplift(bound(Network(), batch_size=size), 0, black).values for size in (1, 2, 50)]
    assert torch.equal(maps[0], maps[1])
    assert torch.equal(maps[0], maps[2])


def test_a_pass_that_goes_another_way_is_refused() -> None:
    passes = []

    def fickle(net: Any, x: Tensor) -> Tensor:
        passes.append(1)
        values = net.first(x).relu()
        return net.judge(values if len(passes) % 2 else values.relu())

    masked = bound(Network(fickle))
    with pytest.raises(NotApplicableError, match="is met on the photograph's pass and not on the baseline's"):
        deeplift(masked, 0, torch.zeros_like(masked.image))


def test_baselines_are_colours_of_pixels_and_have_the_photographs_shape() -> None:
    masked = bound(Network())
    white = DeepLift(baseline="white").attribute(Evaluator(masked, 0), 0, None).saliency
    assert torch.allclose(white, deeplift(masked, 0, torch.ones_like(masked.image)).values.sum(0))
    with pytest.raises(ParameterError, match=r"shape \(3, 2, 2\); expected"):
        deeplift(masked, 0, torch.zeros(3, 2, 2))
    with pytest.raises(ParameterError, match="steps"):
        DeepLift(steps=0)
    assert CHANNELS == 6
