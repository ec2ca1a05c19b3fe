"""Optimised patches on a network with one place and one colour a class: what can be null is known."""

from __future__ import annotations

import copy
from itertools import combinations

import pytest
import torch
from torch import Tensor, nn

from helpers.unchecked import unchecked
from unseen import Classifier, Preprocessing
from unseen.errors import NotApplicableError, ParameterError
from unseen.explainers.catalogue import METHODS
from unseen.metrics import METRICS
from unseen.metrics.case import Case
from unseen.metrics.optimised_features import Composite, OptimisedFeatures, optimised_features, share_on
from unseen.pipeline.explain import explainer
from unseen.removal import REMOVALS, MaskedClassifier

SIDE = 16


class Brightest(nn.Module):
    """Class c's logit is 40 × the mean of channel c: patches need not disturb each other's class."""

    def __init__(self, share: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(40 * (torch.eye(3) * (1 - share) + share / 3))

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3)) @ self.weight.T


def bound(model: nn.Module | None = None, batch_size: int | None = None, removal: str = "black") -> MaskedClassifier:
    size = Preprocessing((SIDE, SIDE), None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    classifier = Classifier(model or Brightest(), size)
    return REMOVALS.create(removal).bind(classifier, torch.full((3, SIDE, SIDE), 0.5), batch_size=batch_size)


def judged(masked: MaskedClassifier, spec: str | None = "input-x-gradient", target: int = 0) -> Case:
    asked = explainer(METHODS.create(spec), masked.removal) if spec else None
    return Case(torch.zeros(SIDE, SIDE), target, masked, explainer=asked)


def test_null_patch_is_measured_as_it_is() -> None:
    masked = bound()
    made = optimised_features(masked, 0, 1, steps=20)
    x = optimised_features(masked, 0, 1, steps=0).image
    m, n = made.regions
    assert not bool((m & n).any())
    assert int(m.sum()) == int(n.sum())
    assert torch.equal(made.image[:, ~(m | n)], x[:, ~(m | n)])
    with_m, with_n = torch.where(m, made.image, x), torch.where(n, made.image, x)
    a, b, _ = masked.classifier.logits(torch.stack([x, with_m, with_n, made.image])).T
    assert made.raised == pytest.approx((float(a[1] - a[0]), float(b[2] - b[0])), abs=1e-4)
    assert made.residuals["n alone on a"] == pytest.approx(float((a[2] - a[0]).abs()), abs=1e-4)
    assert made.residuals["n beside m on a"] == pytest.approx(float((a[3] - a[1]).abs()), abs=1e-4)
    assert made.residual < 0.05
    assert float(made.image[0, m].mean()) > 0.9  # all that m can do for a is to be bright in its channel
    assert float(made.image[1, n].mean()) > 0.9
    assert 0 <= float(made.image.min()) <= float(made.image.max()) <= 1


def test_double_patches_leave_each_others_class_alone() -> None:
    masked = bound(Brightest(0.1))
    made = optimised_features(masked, 2, 0, "double", steps=40)
    assert made.classes == (2, 0)
    assert len(made.raised) == 2
    assert min(made.raised) > 1
    assert set(made.residuals) == {"n alone on a", "n beside m on a", "m alone on b", "m beside n on b"}
    assert made.residual < 0.1
    free = optimised_features(masked, 2, 0, "double", steps=40, weight=0.0)
    assert free.residual > made.residual


def test_what_a_patch_adds_beside_the_other_is_part_of_the_loss() -> None:
    """Of two classes that are raised, each takes from the other: no patch alone does."""

    class Rivals(Brightest):
        def forward(self, x: Tensor) -> Tensor:
            a, b, c = (super().forward(x) - 20).T
            return torch.stack([a - 0.2 * a * b, b - 0.2 * a * b, c], 1)

    masked = bound(Rivals())
    made, free = (optimised_features(masked, 0, 1, "double", weight=weight) for weight in (10.0, 0.0))
    for name in ("m beside n on b", "n beside m on a"):
        assert made.residuals[name] < 0.3 * free.residuals[name]


def test_one_patch_alone_belongs_to_one_class() -> None:
    masked = bound(Brightest(0.4))
    made = optimised_features(masked, 0, 1, "single")
    assert made.classes == (0, 1)
    assert len(made.raised) == 1
    assert set(made.residuals) == {"m alone on b"}
    assert made.residual < 0.1 < optimised_features(masked, 0, 1, "single", weight=0.0).residual
    x = optimised_features(masked, 0, 1, "single", steps=0).image
    assert torch.equal(made.image[:, ~made.regions[0]], x[:, ~made.regions[0]])


def test_batches_and_repetition_change_nothing_and_passes_are_counted() -> None:
    one, other = bound(batch_size=1), bound()
    first, second = (optimised_features(masked, 0, 1, seed=3, steps=6) for masked in (one, other))
    assert torch.allclose(first.image, second.image, atol=1e-5)
    assert one.evaluations == other.evaluations == 1 + 3 * 6 + 3


def test_the_set_up_belongs_to_the_seed_and_the_class() -> None:
    classes = bound(Many())
    made = [optimised_features(classes, target, seed=seed, steps=0) for seed in (3, 4) for target in range(4)]
    for one, other in combinations(made, 2):
        assert not torch.equal(one.image, other.image)
        assert not torch.equal(one.regions, other.regions)
    assert len({one.classes[1] for one in made}) > 3
    assert all(one.classes[0] != one.classes[1] for one in made)


class Many(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, 0, :5].flatten(1) + 0 * x.mean()


def test_share_is_a_ratio_of_sums() -> None:
    regions = torch.zeros(2, 4, 4, dtype=torch.bool)
    regions[0, :2, :2], regions[1, 2:, 2:] = True, True
    made = Composite(torch.zeros(3, 4, 4), regions, (0, 1), (1.0,), {"n alone on a": 0.5})
    saliency = torch.full((4, 4), 7.0)
    saliency[:2, :2], saliency[2:, 2:] = 3.0, torch.tensor([[1.0, 3], [-50, 0]])
    assert share_on(saliency, made, 0) == pytest.approx(12 / 16)
    assert share_on(saliency, made, 1) == pytest.approx(4 / 16)
    assert torch.tensor(share_on(-torch.ones(4, 4), made, 0)).isnan()
    assert made.residual == 0.5
    assert Composite(made.image, regions, (0, 1), (-1.0,), {"m alone on b": 0.0}).residual == float("inf")


@pytest.mark.parametrize("removal", ["black", "ad"])
@pytest.mark.parametrize("name", ["null-feature", "single-feature", "double-feature"])
def test_a_right_map_beats_a_constant_one(name: str, removal: str) -> None:
    metric, masked = METRICS.create(name), bound(removal=removal)
    assert metric(judged(masked, "uniform")) == pytest.approx(0.5)
    made = metric.composite(judged(masked))
    # what a class's channel has above the background: nothing in the other's patch
    background = optimised_features(masked, 0, scenario=metric.scenario, steps=0).image
    before = masked.evaluations
    surplus = lambda _, image, target: image[target] - background[target] + 1e-3 * made.regions[1]  # noqa: E731
    assert metric(Case(torch.zeros(SIDE, SIDE), 0, masked, explainer=surplus)) > 0.9
    if name != "null-feature":  # one map for both classes
        assert metric(Case(torch.zeros(SIDE, SIDE), 0, masked, explainer=lambda *_: made.image[0])) == pytest.approx(
            0.5
        )
    assert masked.evaluations == before  # the set-up is kept
    assert METRICS.create(name)._made == {}


def test_constraints_that_do_not_hold_are_refused() -> None:
    """With equal weights no class can be raised alone."""
    metric = OptimisedFeatures(tolerance=0.01, steps=5)
    with pytest.raises(NotApplicableError, match=r"the residual of the constraints is .* above 0\.01"):
        metric(judged(bound(Brightest(0.9))))


def test_a_second_patch_that_raises_nothing_is_refused() -> None:
    """Of classes 1 and 2 all logits are 0: n cannot raise any, whatever its constraints' residual."""

    class Inert(Brightest):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * torch.tensor([1.0, 0.0, 0.0])

    with pytest.raises(NotApplicableError, match=r"by 0\.00 logits, less than 0\.25 of .* \d\.\d\d: to the"):
        OptimisedFeatures()(judged(bound(Inert())))


def test_what_is_lacking_is_named_before_anything_is_asked() -> None:
    masked = bound()
    with pytest.raises(NotApplicableError, match="give an explainer"):
        OptimisedFeatures()(judged(masked, None))
    assert masked.evaluations == 0

    class Opaque(Brightest):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).detach()

    with pytest.raises(NotApplicableError, match="has no gradients"):
        OptimisedFeatures()(judged(bound(Opaque())))


def test_the_network_is_left_as_it_was() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), Head())
    network.train()
    before = copy.deepcopy(network.state_dict())
    state = torch.get_rng_state()
    optimised_features(bound(network), 0, 1, steps=2)
    assert network.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


class Head(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.dense(x.mean((2, 3)))  # type: ignore[no-any-return]


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"steps": 101}, {"tolerance": 0.0}, {"tolerance": 1.0}])
def test_wrong_parameters_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match="must be in"):
        OptimisedFeatures(**wrong)  # type: ignore[arg-type]
    with unchecked(), pytest.raises(ParameterError, match="scenario must be"):
        OptimisedFeatures("triple")  # type: ignore[arg-type]
