"""LIME and Shapley values are those of the packages `lime` and `shap`."""

import warnings

import numpy as np
import pytest
import torch
from torch import Tensor

from helpers.cells import SIZE, masked, segments
from unseen.classifier.scores import Scores
from unseen.explainers.hiding.lime import Lime, fit, lime, proximity
from unseen.explainers.hiding.shapley import Shapley, shapley

with warnings.catch_warnings():  # shap calls what matplotlib is about to drop
    warnings.simplefilter("ignore")
    import shap
    from lime import lime_image
    from sklearn.linear_model import Lasso


def game(visible: Tensor) -> Tensor:
    """Cells that count alone, in twos, threes and fours."""
    a, b, c, d, e, f, g, h = visible[:, ::2].float().unbind(1)
    return 2 * a * b * c - 1.5 * c * d * e + f * g * h + 3 * b * d * f * h - a * e + 0.3 * g


def of_segments(coalitions: np.ndarray) -> np.ndarray:
    """The two logits when these of the eight segments are shown."""
    masks = torch.as_tensor(coalitions).float()[:, segments(cells=2)]
    return masked(game)(masks).double().numpy()


def sampled(kernel_width: float) -> tuple[Tensor, Tensor, lime_image.LimeImageExplainer]:
    coalitions = torch.rand(300, 8, generator=torch.Generator().manual_seed(0)) < 0.5
    coalitions[0] = True
    scores = torch.tensor(of_segments(coalitions.numpy()))
    return coalitions, scores, lime_image.LimeImageExplainer(kernel_width=kernel_width, feature_selection="none")


def cosine_distances(coalitions: Tensor) -> np.ndarray:
    from sklearn.metrics import pairwise_distances

    rows = coalitions.double().numpy()
    return pairwise_distances(rows, rows[:1], metric="cosine").ravel()


@pytest.mark.parametrize("width", [0.1, 0.25, 2.0])
def test_the_kernel_is_that_of_lime_image(width: float) -> None:
    coalitions, _, explainer = sampled(width)
    coalitions[1] = False
    expected = explainer.base.kernel_fn(cosine_distances(coalitions))
    assert np.allclose(proximity(coalitions, width).numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("penalty", ["ridge", "lasso"])
@pytest.mark.parametrize("target", [0, 1])
def test_the_linear_model_is_that_of_lime_base(penalty: str, target: int) -> None:
    coalitions, scores, explainer = sampled(0.25)
    weights = proximity(coalitions, 0.25)
    regressor = (
        Lasso(alpha=5.0 / (2 * float(weights.sum())), tol=1e-14, max_iter=100_000) if penalty == "lasso" else None
    )
    intercept, pairs, r2, _ = explainer.base.explain_instance_with_data(
        coalitions.double().numpy(), scores.numpy(), cosine_distances(coalitions), target, 8, "none", regressor
    )
    found = fit(
        coalitions, Scores(scores, torch.zeros_like(scores)), weights, penalty, 5.0 if penalty == "lasso" else 1.0
    )
    expected = np.array([value for _, value in sorted(pairs)])
    assert np.allclose(found.coefficients[target].numpy(), expected, atol=1e-6)
    assert float(found.intercept[target]) == pytest.approx(float(intercept), abs=1e-6)
    assert float(found.r2[target]) == pytest.approx(float(r2), abs=1e-6)


def test_lime_agrees_with_lime_image_from_photograph_to_coefficients() -> None:
    """Their coalitions are their own; with all of one size many times over, both come to the same model."""
    numbers = segments(cells=2)

    def classify(images: np.ndarray) -> np.ndarray:
        shown = torch.as_tensor(images)[..., 0].float()
        return masked(game)(shown).softmax(1).double().numpy()

    explainer = lime_image.LimeImageExplainer(feature_selection="none", random_state=0)
    explained = explainer.explain_instance(
        np.ones((SIZE, SIZE, 3)),
        classify,
        labels=(0,),
        top_labels=None,
        hide_color=0,
        num_samples=20_000,
        batch_size=1000,
        segmentation_fn=lambda _: numbers.numpy(),
    )
    expected = torch.tensor([value for _, value in sorted(explained.local_exp[0])])
    found = lime(masked(game), [0], numbers, Lime(samples=20_000))
    assert torch.allclose(found.coefficients[0], expected, atol=0.01)
    assert float(found.r2) == pytest.approx(float(explained.score), abs=0.02)


def ours() -> np.ndarray:
    found = shapley(masked(game), [0, 1], segments(cells=2), Shapley(budget=256))
    assert found.exact
    return found.values.numpy()


def test_shapley_values_are_those_of_kernel_shap_over_all_coalitions() -> None:
    explainer = shap.KernelExplainer(of_segments, np.zeros((1, 8)))
    expected = explainer.shap_values(np.ones((1, 8)), nsamples=2**8, l1_reg=False, silent=True)
    assert np.allclose(ours(), np.asarray(expected)[0].T, atol=1e-6)


def test_shapley_values_are_those_of_the_exact_explainer() -> None:
    explainer = shap.explainers.Exact(of_segments, np.zeros((1, 8)))
    assert np.allclose(ours(), explainer(np.ones((1, 8)), interactions=False).values[0].T, atol=1e-6)


@pytest.mark.parametrize("sampling", ["kernel", "permutation"])
def test_sampled_values_agree_within_their_errors(sampling: str) -> None:
    found = shapley(masked(game), [0], segments(cells=2), Shapley(budget=250, sampling=sampling))
    expected = torch.tensor(ours()[:1])
    assert bool(((found.values - expected).abs() <= 4 * found.errors + 1e-9).all())
