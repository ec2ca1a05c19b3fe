from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from helpers.cells import GRID
from helpers.judged import case, spread
from helpers.networks import Network, bound
from unseen.errors import ParameterError
from unseen.metrics import METRICS
from unseen.metrics.case import Case, judge
from unseen.metrics.faithfulness import Infidelity, SensitivityN, infidelity, patches
from unseen.metrics.similarity import correlation
from unseen.removal import REMOVALS

WEIGHTS = torch.randn(16, generator=torch.Generator().manual_seed(2)).round(decimals=1)


def additive(visible: Tensor) -> Tensor:
    """Every cell adds its weight to the logit."""
    return visible.float() @ WEIGHTS


def random_case(removal: str = "grey", batch_size: int | None = None, seed: int = 0) -> Case:
    saliency = torch.randn(16, 16, generator=torch.Generator().manual_seed(5))
    return Case(saliency, 1, bound(Network(), removal=removal, batch_size=batch_size, double=False), seed=seed)


def slow(given: Case, masks: Tensor, score: str) -> tuple[list[float], list[float]]:
    """Sums and drops, one mask and one pixel at a time."""
    height, width = given.masked.shape

    def asked(mask: Tensor) -> float:
        logits = given.masked(mask[None])[0].double()
        return float(logits[given.target] if score == "logit" else logits.softmax(0)[given.target])

    full = asked(torch.ones(height, width))
    sums, drops = [], []
    for mask in masks:
        hidden = [(y, x) for y in range(height) for x in range(width) if not bool(mask[y, x])]
        sums.append(sum(float(given.saliency[y, x]) for y, x in hidden))
        drops.append(full - asked(mask.float()))
    return sums, drops


def slow_pearson(one: list[float], other: list[float]) -> float:
    mean_one, mean_other = sum(one) / len(one), sum(other) / len(other)
    both = sum((a - mean_one) * (b - mean_other) for a, b in zip(one, other, strict=True))
    squares = sum((a - mean_one) ** 2 for a in one) * sum((b - mean_other) ** 2 for b in other)
    return both / math.sqrt(squares)


@pytest.mark.parametrize("score", ["logit", "probability"])
@pytest.mark.parametrize("patch", [0.0, 0.25, 0.3])
@pytest.mark.parametrize("removal", ["black", "ad", "linear"])
def test_sensitivity_is_the_slow_one(score: str, patch: float, removal: str) -> None:
    given, metric = random_case(removal), SensitivityN(0.3, 12, patch, score=score)
    masks = metric.masks(given)
    assert bool(masks[0].all())
    hidden = (~masks[1:]).flatten(1)
    side = max(1, round(patch * 16))
    regions = patches((16, 16), side).flatten()
    sizes = torch.stack([torch.bincount(regions[some], minlength=int(regions.max()) + 1) for some in hidden])
    whole = torch.bincount(regions)
    assert bool(((sizes == 0) | (sizes == whole)).all())  # patches are hidden whole
    assert set((sizes > 0).sum(1).tolist()) == {round(0.3 * len(whole))}
    assert metric(given) == pytest.approx(slow_pearson(*slow(given, masks[1:], score)), abs=1e-5)


@pytest.mark.parametrize("score", ["logit", "probability"])
@pytest.mark.parametrize("removal", ["black", "ad", "linear"])
def test_infidelity_is_the_slow_one(score: str, removal: str) -> None:
    given = random_case(removal)
    for form in ("literal", "scaled", "relative"):
        metric = Infidelity(12, 0.4, form, score=score)
        masks = metric.masks(given)
        hidden = ~masks[1:]
        assert not bool(hidden[:, :, 0].all(1).any())
        for square in hidden:
            rows, columns = square.any(1).nonzero()[:, 0], square.any(0).nonzero()[:, 0]
            assert len(rows) == len(columns) == 6
            assert int(rows[-1] - rows[0]) == int(columns[-1] - columns[0]) == 5
            assert int(square.sum()) == 36
        sums, drops = slow(given, masks[1:], score)
        if form == "relative":
            expected = 1 - max(slow_pearson(sums, drops), 0) ** 2
        else:
            beta = sum(s * d for s, d in zip(sums, drops, strict=True)) / sum(s * s for s in sums)
            beta = beta if form == "scaled" else 1.0
            expected = sum((beta * s - d) ** 2 for s, d in zip(sums, drops, strict=True)) / len(sums)
        assert metric(given) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_the_map_of_an_additive_model_is_perfect_and_its_opposite_is_not() -> None:
    area = (32 // GRID) ** 2
    right, patch = case(spread(WEIGHTS / area), rule=additive), 1 / GRID
    assert SensitivityN(patch=patch)(right) == pytest.approx(1, abs=1e-6)
    assert SensitivityN(patch=patch)(replace(right, saliency=-3 * right.saliency)) == pytest.approx(-1, abs=1e-6)
    sums = torch.randn(20, generator=torch.Generator().manual_seed(0))
    for form in ("literal", "scaled", "relative"):
        assert infidelity(sums, sums, form) == pytest.approx(0, abs=1e-12)
    for form, expected in (("literal", float((5 * sums).square().mean())), ("scaled", 0.0), ("relative", 1.0)):
        assert infidelity(-4 * sums, sums, form) == pytest.approx(expected, rel=1e-5, abs=1e-12)


def test_a_map_that_is_the_same_everywhere_says_nothing() -> None:
    flat = replace(case(rule=additive), saliency=torch.full((32, 32), 0.1))
    assert math.isnan(SensitivityN(patch=1 / GRID)(flat))
    assert Infidelity()(flat) == 1
    assert Infidelity()(replace(flat, saliency=torch.zeros(32, 32))) == 1


def test_a_score_that_never_changes_leaves_nothing_to_explain() -> None:
    still = case(rule=lambda visible: visible.float().sum(1) * 0)
    assert math.isnan(SensitivityN(patch=1 / GRID)(still))
    assert math.isnan(Infidelity()(still))
    assert Infidelity(form="scaled")(still) == 0


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=3, max_size=12), st.floats(0.1, 9))
def test_units_and_offsets_do_not_matter_where_it_is_said(pairs: list[tuple[float, float]], scale: float) -> None:
    sums, drops = torch.tensor(pairs, dtype=torch.float64).unbind(1)
    if min(float(sums.std()), float(drops.std())) < 1e-3:
        return
    rho = float(correlation(sums, drops))
    assert -1 <= rho <= 1
    assert float(correlation(scale * sums + 3, drops)) == pytest.approx(rho, abs=1e-6)
    assert float(correlation(-sums, drops)) == pytest.approx(-rho, abs=1e-6)
    assert infidelity(scale * sums - 2, drops) == pytest.approx(1 - max(rho, 0) ** 2, abs=1e-6)
    assert infidelity(scale * sums, drops, "scaled") <= infidelity(sums, drops, "literal") + 1e-9


def test_results_belong_to_the_seed_and_not_to_batches_or_company() -> None:
    metrics = [SensitivityN(patch=0.25, subsets=10), Infidelity(10)]
    alone = [[metric(random_case(batch_size=size)) for metric in metrics] for size in (1, 7)]
    assert alone[0] == pytest.approx(alone[1], abs=1e-4)
    assert judge([(random_case(), metric) for metric in metrics]) == pytest.approx(alone[0], abs=1e-4)
    assert SensitivityN(patch=0.25, subsets=10)(random_case(seed=1)) != alone[0][0]


def test_there_is_one_feature_left_to_hide_and_one_to_show() -> None:
    for n, count in ((0.01, 1), (0.99, 15)):
        masks = SensitivityN(n, 3, 1 / GRID).masks(case())
        assert set((~masks[1:]).flatten(1).sum(1).tolist()) == {count * 64}
    assert patches((5, 7), 3).unique().tolist() == list(range(6))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SensitivityN(n=0), "n must be"),
        (lambda: SensitivityN(n=1.0), r"\(0, 1\)"),
        (lambda: SensitivityN(subsets=2), "at least 3"),
        (lambda: SensitivityN(patch=0.6), "patch"),
        (lambda: METRICS.create("sensitivity-n:score=margin"), "score"),
        (lambda: Infidelity(samples=2), "samples"),
        (lambda: Infidelity(side=1.0), "side"),
        (lambda: METRICS.create("infidelity:form=paper"), "relative"),
    ],
)
def test_wrong_parameters_are_refused(make: object, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        make()  # type: ignore[operator]


def test_on_the_real_network_a_map_of_hiding_is_told_from_noise(classifier: object, photo: Tensor) -> None:
    from unseen.explainers.hiding.occlusion import occlusion

    masked = REMOVALS.create("grey").bind(classifier, photo)  # type: ignore[arg-type]
    target = int(masked(torch.ones(1, 224, 224)).argmax())
    found = Case(occlusion(masked, target, window=56, stride=56), target, masked)
    noise = replace(found, saliency=torch.rand(224, 224, generator=torch.Generator().manual_seed(0)))
    metrics = [SensitivityN(subsets=20), Infidelity(20)]
    rho, miss, no_rho, no_miss = judge([(one, metric) for one in (found, noise) for metric in metrics])
    assert rho > no_rho + 0.1
    assert miss < no_miss - 0.2


@pytest.mark.parametrize(
    "metric", [SensitivityN(0.2, patch=0.25, score="probability"), Infidelity(score="probability")]
)
def test_a_model_that_is_all_but_certain_is_judged_in_double_precision(metric: SensitivityN | Infidelity) -> None:
    one = case(rule=lambda visible: 20.0 + visible[:, :4].sum(1))  # 1 − p < 1e-8, which float32 does not hold
    value = metric(one)
    assert value > 0.5 if isinstance(metric, SensitivityN) else value < 0.75
