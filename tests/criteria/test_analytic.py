from __future__ import annotations

import pytest
import torch

from unseen.criteria.analytic import EXAMPLES, HIDING, IG, Analytic
from unseen.explainers.catalogue import METHODS
from unseen.explainers.hiding.shapley import Shapley, shapley
from unseen.explainers.sufficient.search import map_of
from unseen.removal import REMOVALS, MaskedClassifier

CASES = [(name, method) for name, example in EXAMPLES.items() for method in example.attributions]


def bound(example: Analytic) -> MaskedClassifier:
    return REMOVALS.create("black").bind(example.classifier, example.image)


@pytest.mark.parametrize(("name", "method"), CASES)
def test_methods_give_the_attributions_of_the_text(name: str, method: str) -> None:
    example = EXAMPLES[name]
    found = map_of(METHODS.create(method), bound(example), example.target)
    expected = torch.tensor(example.attributions[method]).float()[None]
    if method == IG and name.startswith("piecewise"):
        # The score rises as steeply before the kink as behind it, so that no gap tells that steps are wanted there.
        slack = example.features[0] * 2 / 32 + 1e-5
    else:
        slack = 0.01 if method == IG else 1e-5
    assert found / scale_of(example, method) == pytest.approx(expected, abs=slack)


def scale_of(example: Analytic, method: str) -> float:
    """Gradients are per pixel, those of the text per feature."""
    return example.scale if method.startswith("saliency") else 1.0


@pytest.mark.parametrize(
    ("name", "values"),
    {
        "linear": (10, 10),
        "quadratic": (1.5, 1),
        "team A": (3, 0, 0, 0),
        "team B": (0, -1, 1.5, 1.5),
        "piecewise at 4": (8, 8),
        "shift, both shown": (1.25, 1.25),
        "saturated": (1,),
    }.items(),
)
def test_shapley_values_are_known(name: str, values: tuple[float, ...]) -> None:
    example = EXAMPLES[name]
    segments = torch.arange(len(example.features))[None]
    found = shapley(bound(example), [example.target], segments, Shapley()).values[0]
    assert found.tolist() == pytest.approx(values, abs=1e-5)


@pytest.mark.parametrize("name", EXAMPLES)
def test_integrated_gradients_and_shapley_values_conserve_and_their_rivals_need_not(name: str) -> None:
    example = EXAMPLES[name]
    masked = bound(example)
    hidden, whole = masked(torch.stack([torch.zeros(masked.shape), torch.ones(masked.shape)]))[:, example.target]
    assert sum(example.attributions[IG]) == pytest.approx(float(whole - hidden), abs=1e-6)


def test_the_text_is_wrong_on_the_quadratic_example() -> None:
    x1, x2 = EXAMPLES["quadratic"].features
    said, due = [x + 2 * x1 * x2 for x in (x1, x2)], [x + x1 * x2 for x in (x1, x2)]
    score = x1 + x2 + 2 * x1 * x2
    assert sum(said) != score
    assert sum(due) == score
    assert due == list(EXAMPLES["quadratic"].attributions[IG])


@pytest.mark.parametrize("name", ["piecewise at 4", "piecewise at 2", "piecewise at 1.5"])
def test_the_integrals_of_the_piecewise_model_are_those_of_the_text(name: str) -> None:
    example = EXAMPLES[name]
    point = torch.tensor(example.features, dtype=torch.float64)
    path = (((torch.arange(30_000) + 0.5) / 30_000)[:, None] * point).requires_grad_()
    (slopes,) = torch.autograd.grad(example.rule(path)[:, 0].sum(), path)
    assert (slopes.mean(0) * point).tolist() == pytest.approx(example.attributions[IG], abs=1e-3)


def test_hiding_one_feature_of_figure_12_shifts_the_attribution_of_the_other() -> None:
    both, one = EXAMPLES["shift, both shown"], EXAMPLES["shift, one hidden"]
    for method in (HIDING, IG, "input-x-gradient"):
        assert one.attributions[method][0] < both.attributions[method][0]


def test_the_piecewise_model_gives_one_piece_three_orders_of_importance() -> None:
    values = [EXAMPLES[f"piecewise at {point}"].attributions[IG] for point in ("4", "2", "1.5")]
    assert [(one > other) - (one < other) for one, other in values] == [1, 0, -1]


def test_photographs_are_photographs() -> None:
    for example in EXAMPLES.values():
        assert float(example.image.min()) >= 0
        assert float(example.image.max()) <= 1
        logits = example.classifier.forward(example.image[None])
        expected = example.rule(torch.tensor([example.features], dtype=torch.float64))
        assert logits[0].tolist() == pytest.approx(expected[0].tolist(), abs=1e-6)
