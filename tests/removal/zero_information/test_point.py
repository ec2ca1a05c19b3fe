"""Zero-information points of networks for which they are known, and of the trained one."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from helpers.networks import Network, bound
from unseen import Classifier, Preprocessing
from unseen.classifier.outputs import Logits
from unseen.errors import NotApplicableError, ParameterError
from unseen.removal.zero_information.descent import Bounded
from unseen.removal.zero_information.point import (
    Descending,
    divergence,
    information,
    plain_baselines,
    zero_points,
)

SIDE = 6
PLAIN = Preprocessing((SIDE, SIDE), None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


class Means(nn.Module):
    """Class k's logit is its gain times the mean of channel k, less a half: all are as probable where it is grey."""

    def __init__(self, gains: tuple[float, ...] = (8.0, 4.0, 2.0)) -> None:
        super().__init__()
        self.gains = nn.Parameter(torch.tensor(gains, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.gains * (x.mean((2, 3)) - 0.5)


def means(*gains: float) -> Classifier:
    return Classifier(Means(gains) if gains else Means(), PLAIN)


def pictures(count: int = 3, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def probabilities(classifier: Classifier, images: Tensor) -> Tensor:
    with torch.no_grad():
        return classifier.outputs.readings(classifier.forward(images))


@pytest.mark.parametrize("smooth", [0.0, 0.3])
def test_the_logits_of_a_linear_model_are_equal_at_the_point(smooth: float) -> None:
    classifier, images = means(), pictures()
    found = zero_points(classifier, images, Descending(smooth=smooth, excess=1e-4))
    assert bool(found.converged.all())
    logits = Means()(found.points).detach()
    assert float((logits - logits.mean(1, keepdim=True)).abs().max()) < 1e-2
    assert float(probabilities(classifier, found.points).max()) <= 1 / 3 + 1e-4
    torch.testing.assert_close(found.maxima[-1], probabilities(classifier, found.points).amax(1))


def test_it_is_gradient_descent_on_the_missing_entropy_written_out() -> None:
    classifier, image, step = means(), pictures(1), 0.004
    point, losses = image.clone(), []
    for _ in range(6):
        point = point.detach().requires_grad_()
        chances = classifier.forward(point).softmax(1)
        loss = math.log(3) + sum(p * p.log() for p in chances[0])
        losses.append(float(loss.detach()))
        (slope,) = torch.autograd.grad(loss, point)
        longest = step / float(slope.square().mean().sqrt())
        point = (point - min(2 * losses[-1] / float(slope.square().sum()), longest) * slope).clamp(0, 1)
    found = zero_points(classifier, image, Descending(step=step, excess=1e-6, most=5))
    torch.testing.assert_close(found.losses[:, 0], torch.tensor(losses, dtype=torch.float64))


def test_as_printed_the_algorithm_makes_the_network_certain() -> None:
    """Algorithm 1 descends on +H: the largest probability rises, and ours falls."""
    classifier, image = means(), pictures(1)
    before = float(probabilities(classifier, image).max())
    point = image
    for _ in range(40):
        point = point.detach().requires_grad_()
        chances = classifier.forward(point).softmax(1)
        (slope,) = torch.autograd.grad(-(chances * chances.log()).sum(), point)
        point = (point - 10 * slope).clamp(0, 1)
    assert float(probabilities(classifier, point.detach()).max()) > before + 0.2
    assert float(zero_points(classifier, image, Descending(excess=0.003)).maxima[-1]) < before


def test_of_one_class_the_others_keep_their_odds() -> None:
    classifier, images = means(20.0, 6.0, 4.0), pictures()
    images[:, 0] = images[:, 0].clamp(min=0.6)
    found = zero_points(
        classifier, images, Descending(excess=0.01, drift=1e-3), targets=torch.zeros(3, dtype=torch.long)
    )
    assert bool(found.converged.all())
    before, after = probabilities(classifier, images), probabilities(classifier, found.points)
    assert bool((before[:, 0] > 0.5).all())
    assert bool((after[:, 0] <= 1 / 3 + 0.01).all())
    torch.testing.assert_close(after[:, 1] / after[:, 2], before[:, 1] / before[:, 2], rtol=0.15, atol=0)
    everything = probabilities(classifier, zero_points(classifier, images, Descending()).points)
    assert float((everything[:, 1] / everything[:, 2] - 1).abs().max()) < 0.03  # whereas the other form evens them


def test_what_speaks_against_a_class_is_taken_away_too() -> None:
    image = torch.full((1, 3, SIDE, SIDE), 0.5, dtype=torch.float64)
    image[:, 0] = 0.0
    classifier = means()
    assert float(probabilities(classifier, image)[0, 0]) < 0.1
    found = zero_points(classifier, image, Descending(excess=0.01), targets=torch.tensor([0]))
    assert bool(found.converged.all())
    assert float(probabilities(classifier, found.points)[0, 0]) == pytest.approx(1 / 3, abs=0.011)
    unknown = torch.full_like(image, 0.5)  # all classes are as probable
    found = zero_points(classifier, unknown, Descending(), targets=torch.tensor([0]))
    assert found.steps.tolist() == [0]
    assert torch.equal(found.points, unknown)


def test_of_two_classes_both_names_have_the_same_point() -> None:
    one = Classifier(nn.Sequential(Means((20.0, 0.0, 0.0)), nn.Linear(3, 1).double()), PLAIN, outputs="binary")
    with torch.no_grad():
        one.model[1].weight.copy_(torch.tensor([[1.0, 0, 0]]))
        one.model[1].bias.zero_()
    images = pictures(2)
    images[:, 0] = images[:, 0].clamp(min=0.6)
    yes, no = (zero_points(one, images, Descending(), targets=torch.full((2,), target)) for target in (1, 0))
    assert bool(yes.converged.all() and no.converged.all())
    assert bool((no.steps > 0).all())
    for found in (yes, no):
        torch.testing.assert_close(probabilities(one, found.points)[:, 0], torch.full((2,), 0.5, dtype=torch.float64),
                                   rtol=0, atol=0.0035)  # fmt: skip


def test_the_divergence_of_the_others_is_a_sum_over_them() -> None:
    logits = torch.tensor([[1.0, 2.0, 0.5, -1.0], [0.3, 0.1, 0.2, 0.9]], dtype=torch.float64)
    column = torch.tensor([[1], [1]])
    before, after = Logits().others(logits, column)
    keep = [0, 2, 3]
    expected = sum(float(before[k].exp() * (before[k] - after[k])) for k in keep)
    assert float(before.exp().sum()) == pytest.approx(1)
    assert float(divergence(before[None], after[None])) == pytest.approx(expected)
    assert float(before[2] - before[0]) == pytest.approx(-0.5)


def test_each_photograph_is_as_if_alone_and_the_same_again() -> None:
    classifier, images = means(9.0, 3.0, -2.0), pictures(4, seed=3)
    images[1] = images[1].sqrt()
    together = zero_points(classifier, images, Descending(excess=1e-4))
    assert len(set(together.steps.tolist())) > 1  # so that some wait for others
    for number in range(4):
        alone = zero_points(classifier, images[number : number + 1], Descending(excess=1e-4))
        torch.testing.assert_close(together.points[number], alone.points[0])
        assert int(together.steps[number]) == int(alone.steps[0])
        torch.testing.assert_close(together.losses[: len(alone.losses), number], alone.losses[:, 0])
        assert bool(
            (together.losses[len(alone.losses) :, number] == together.losses[len(alone.losses) - 1, number]).all()
        )
    again = zero_points(classifier, images, Descending(excess=1e-4))
    assert torch.equal(again.points, together.points)


def test_the_box_is_kept_and_the_best_is_returned_where_nothing_converges() -> None:
    class Bright(nn.Module):
        """The darker, the less certain; black is not dark enough."""

        def forward(self, x: Tensor) -> Tensor:
            value = x.mean((1, 2, 3)) + 1
            return torch.stack([value, torch.zeros_like(value)], 1)

    classifier, images = Classifier(Bright(), PLAIN), pictures(2).float()
    found = zero_points(classifier, images, Descending(step=0.3, most=20))
    assert found.converged.tolist() == [False, False]
    assert found.steps.tolist() == [20, 20]
    assert float(found.points.max()) < 1e-6
    assert float(found.points.min()) == 0
    shortest = zero_points(classifier, images, Descending(step=0.01, most=3))
    lowest = [one["deficit"] for one in information(classifier, shortest.points)]
    assert lowest == pytest.approx(shortest.losses.amin(0).tolist(), abs=1e-6)


def test_smooth_changes_are_smooth() -> None:
    masked = bound(Network(), size=16)
    image = 0.3 + 0.4 * torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    rough, smooth = (
        zero_points(masked.classifier, image, Descending(smooth=width, excess=1e-3)).points - image
        for width in (0.0, 0.2)
    )

    def roughness(change: Tensor) -> float:
        return float(change.diff(dim=3).square().mean() / change.square().mean())

    assert roughness(smooth) < 0.2 * roughness(rough)


def test_steps_are_no_longer_than_asked_and_end_at_the_lowest_of_a_parabola() -> None:
    place = torch.full((1, 3, 2, 2), 0.5, dtype=torch.float64)
    for length, expected in ((1e9, 0.5), (0.1, 0.1)):
        move = Bounded(length)(2 * place, place.square().sum()[None], torch.tensor([0]))
        torch.testing.assert_close(move, torch.full_like(place, expected))
    assert not Bounded(1.0)(torch.zeros_like(place), torch.ones(1), torch.tensor([0])).any()


def test_plain_baselines_are_asked_as_they_are() -> None:
    masked = bound(Network(), size=SIDE)
    found = plain_baselines(masked.classifier, masked.image, 1)
    assert list(found) == ["black", "grey", "white", "noise"]
    chances = probabilities(masked.classifier, torch.ones(1, 3, SIDE, SIDE, dtype=torch.float64))[0]
    assert found["white"]["max_probability"] == pytest.approx(float(chances.max()))
    assert found["white"]["deficit"] == pytest.approx(math.log(3) + float((chances * chances.log()).sum()), abs=1e-6)
    assert found["noise"] != plain_baselines(masked.classifier, masked.image, 2)["noise"]


@pytest.mark.parametrize(
    "wrong",
    [{"smooth": -0.1}, {"smooth": 1.5}, {"step": 0.0}, {"excess": 0.0}, {"excess": 1.0}, {"drift": 0.0}, {"most": 0}],
)
def test_parameters_outside_their_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        Descending(**wrong)  # type: ignore[arg-type]


def test_a_network_without_gradients_is_refused() -> None:
    class Steps(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.detach().mean((2, 3))

    with pytest.raises(NotApplicableError, match="no gradient"):
        zero_points(Classifier(Steps(), PLAIN), pictures(), Descending())


def test_of_the_trained_network_the_thesis_range_is_met(classifier: Classifier, photo: Tensor) -> None:
    found = zero_points(classifier, photo[None], Descending())
    assert bool(found.converged[0])
    assert float(classifier.logits(found.points).softmax(1).max()) <= 0.004 + 1e-5
    assert float(found.losses[0, 0]) > 4
    assert all(parameter.grad is None for parameter in classifier.model.parameters())
