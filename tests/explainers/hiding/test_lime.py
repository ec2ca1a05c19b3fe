from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from helpers.cells import Rule, cell, conjunction, graded, masked, segments
from unseen.classifier.scores import Scores
from unseen.errors import ParameterError
from unseen.explainers.catalogue import METHODS
from unseen.explainers.hiding.lime import Lime, Penalty, fit, lime, proximity
from unseen.explainers.sufficient.evaluation import Evaluator


def problem(seed: int, samples: int = 80, count: int = 12, targets: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    coalitions = torch.rand(samples, count, generator=generator) < 0.5
    scores = coalitions.double() @ torch.randn(count, targets, generator=generator).double()
    noise = torch.randn(samples, targets, generator=generator).double()
    return coalitions, scores + noise, proximity(coalitions, 0.25)


def exact(scores: Tensor) -> Scores:
    """Scores of which nothing is rounding."""
    return Scores(scores, torch.zeros_like(scores))


def test_proximity_is_the_kernel_of_the_cosine_distance() -> None:
    coalitions = torch.tensor([[True] * 4, [True, False, False, False], [False] * 4])
    whole = torch.ones(4)
    for shown, weight in zip(coalitions[:2].float(), proximity(coalitions, 0.25), strict=False):
        distance = 1 - torch.cosine_similarity(shown, whole, dim=0)
        assert float(weight) == pytest.approx(float(torch.exp(-(distance**2) / 0.25**2).sqrt()), rel=1e-5)
    assert float(proximity(coalitions, 0.25)[2]) == pytest.approx(2.718281828459045**-8)  # nothing shown: distance 1


def test_ridge_solves_the_normal_equations_with_a_free_intercept() -> None:
    coalitions, scores, weights = problem(0)
    columns = torch.cat([torch.ones(80, 1).double(), coalitions.double()], 1)
    penalty = 2.5 * torch.eye(13).double()
    penalty[0, 0] = 0
    literal = torch.linalg.solve(
        columns.T @ torch.diag(weights) @ columns + penalty, columns.T @ (weights[:, None] * scores)
    )
    found = fit(coalitions, exact(scores), weights, "ridge", 2.5)
    assert torch.allclose(found.intercept, literal[0])
    assert torch.allclose(found.coefficients, literal[1:].T)
    for target in range(3):
        mean = torch.sum(weights * scores[:, target]) / weights.sum()
        left = torch.sum(weights * (scores - columns @ literal)[:, target] ** 2)
        assert float(found.r2[target]) == pytest.approx(
            float(1 - left / torch.sum(weights * (scores[:, target] - mean) ** 2))
        )


@given(seed=st.integers(0, 10_000), strength=st.floats(0.01, 50), samples=st.sampled_from([3, 10, 80]))
def test_lasso_meets_its_optimality_conditions(seed: int, strength: float, samples: int) -> None:
    coalitions, scores, weights = problem(seed, samples)
    found = fit(coalitions, exact(scores), weights, "lasso", strength)
    assert found.converged
    residual = scores - found.intercept - coalitions.double() @ found.coefficients.T
    slope = 2 * coalitions.double().T @ (weights[:, None] * residual)
    assert bool((slope.abs() <= strength + 1e-6).all())
    used = found.coefficients.T != 0
    assert torch.allclose(slope[used], strength * found.coefficients.T.sign()[used], atol=1e-6)
    assert torch.allclose(weights @ residual, torch.zeros(3).double(), atol=1e-9)


@pytest.mark.parametrize("penalty", ["ridge", "lasso"])
def test_a_score_that_adds_up_is_found_exactly(penalty: Penalty) -> None:
    found = lime(masked(graded(2, 9)), [0, 1], segments(), Lime(penalty=penalty, strength=1e-9, score="logit"))
    expected = torch.zeros(2, 16).double()
    expected[0, [2, 9]] = 1
    assert torch.allclose(found.coefficients, expected, atol=1e-7)
    assert torch.allclose(found.intercept, torch.tensor([-0.5, 0]).double(), atol=1e-7)
    assert torch.allclose(found.r2, torch.ones(2).double())


def test_lasso_leaves_out_what_does_not_count() -> None:
    found = lime(masked(conjunction(2, 9)), [0], segments(), Lime(penalty="lasso", strength=20.0))
    assert set(found.coefficients[0].nonzero().flatten().tolist()) == {2, 9}


def test_the_first_sample_is_the_whole_photograph() -> None:
    asked = masked(graded(2))
    found = lime(asked, [0], segments(), Lime(samples=1, score="logit"))
    assert float(found.intercept) == 0.5
    assert not bool(found.coefficients.any())
    assert asked.evaluations == 1


def test_seeds_differ_and_repeat_and_the_batch_does_not_matter() -> None:
    def found(seed: int, batch: int) -> Tensor:
        asked = masked(conjunction(2, 9), batch_size=batch)
        return lime(asked, [0], segments(), Lime(samples=60), seed=seed).coefficients

    assert torch.equal(found(0, 7), found(0, 7))
    assert torch.allclose(found(0, 1), found(0, 100), atol=1e-6)
    assert not torch.allclose(found(0, 100), found(1, 100), atol=1e-3)


def parity(visible: Tensor) -> Tensor:
    return visible.sum(1) % 2 == 0


@pytest.mark.parametrize(("rule", "poor"), [(graded(2, 9), False), (parity, True)])
def test_a_linear_model_that_does_not_fit_is_told(rule: Rule, poor: bool) -> None:
    findings = Lime(segments=16, steps=2)(masked(rule), 0)
    assert any("hardly describes the classifier" in note for note in findings.notes) is poor
    assert (findings.record["map"]["r2"] < 0.3) is poor


def test_as_a_method_it_finds_a_part_that_suffices() -> None:
    findings = Lime(segments=16)(masked(conjunction(2, 9)), 0, confidence=(0.5,))
    assert findings.parts[0].verified
    assert findings.record["map"]["samples"] == 1000
    assert findings.record["evaluations"]["random segments"] <= 1000
    counting = cell(2) | cell(9)
    assert float(findings.saliency[counting].mean()) > 5 * float(findings.saliency[~counting].abs().mean())


def test_a_constant_score_is_described_by_its_intercept() -> None:
    found = lime(masked(graded()), [0], segments(), Lime())
    assert float(found.r2) == 1
    assert float(found.coefficients.abs().max()) < 1e-9


@pytest.mark.parametrize(
    "settings",
    [
        {"segments": 0},
        {"samples": 0},
        {"visible": 0.0},
        {"width": 0.0},
        {"strength": 0.0},
        {"steps": 1},
    ],
)
def test_bad_parameters_are_named(settings: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(settings))):
        Lime(**settings)


@pytest.mark.usefixtures("unchecked_types")
def test_a_penalty_that_there_is_not_is_refused() -> None:
    with pytest.raises(ParameterError, match="penalty must be 'ridge' or 'lasso', got 'elastic'"):
        Lime(penalty="elastic")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="elastic"):
        METHODS.create("lime:penalty=elastic")


@pytest.mark.parametrize(("samples", "told"), [(10, True), (16, True), (200, False)])
def test_fewer_samples_than_segments_are_told_and_more_help(samples: int, told: bool) -> None:
    notes = Lime(segments=16, samples=samples, steps=2)(masked(graded(2, 9)), 0).notes
    assert any("cannot determine the coefficients of 16 segments" in note for note in notes) is told


def test_a_lasso_that_does_not_converge_says_so_and_a_larger_strength_helps() -> None:
    few, enough = (
        Lime(penalty="lasso", strength=strength, samples=12, segments=16).attribute(
            Evaluator(masked(graded(2, 9)), 0), 0, None
        )
        for strength in (1e-7, 1.0)
    )
    assert any("the lasso did not converge" in note and "larger strength" in note for note in few.notes)
    assert not any("did not converge" in note for note in enough.notes)
    assert enough.record["converged"]
