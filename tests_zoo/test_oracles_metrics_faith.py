"""Faithfulness, infidelity and linear imputation against Quantus, Captum and pytorch-grad-cam."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from helpers.networks import Network, bound
from unseen.metrics.case import Case
from unseen.metrics.faithfulness import Infidelity, SensitivityN, infidelity
from unseen.metrics.road import Road, removals
from unseen.metrics.similarity import correlation
from unseen.removal.fills.linear import impute

with warnings.catch_warnings():  # its sources have escapes that Python warns of
    warnings.simplefilter("ignore")
    import captum.metrics
    import quantus
    from pytorch_grad_cam.metrics.road import NoisyLinearImputer, ROADCombined
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputSoftmaxTarget

SIZE, TARGET = 16, 1


pytestmark = pytest.mark.usefixtures("quiet_peers")


def judged(removal: str = "black") -> Case:
    saliency = torch.randn(SIZE, SIZE, generator=torch.Generator().manual_seed(5))
    return Case(saliency, TARGET, bound(Network(), removal=removal, double=False, normalise=False))


def of_quantus(metric: Any, given: Case) -> Any:
    """What Quantus says, of one value for each pixel and no channels."""
    return metric(
        model=given.classifier.model.eval(),
        x_batch=given.image[None].numpy(),
        y_batch=np.array([TARGET]),
        a_batch=given.saliency[None, None].numpy(),
        channel_first=True,
        softmax=False,
        batch_size=1,
    )


def asked(given: Case, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Sums of the map and drops of the logit for what the masks hide."""
    logits = given.masked(torch.cat([torch.ones(1, SIZE, SIZE), masks.float()]))[:, TARGET].double()
    sums = ((1 - masks.double()) * given.saliency.double()).sum((1, 2))
    return sums, logits[0] - logits[1:]


def test_faithfulness_correlation_is_that_of_quantus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quantus draws among the values of all channels; given our pixels in all three of them, it comes to the same.

    Its baseline "black" is the smallest value in the image: 0 has to be said.
    """
    given, metric = judged(), SensitivityN(0.2, 30, 0)
    masks = metric.masks(given)
    hidden = iter([(~mask).flatten().nonzero()[:, 0].numpy() for mask in masks[1:]])
    pixels = SIZE * SIZE

    def drawn(total: int, size: int, replace: bool) -> np.ndarray:
        assert (total, size, replace) == (3 * pixels, 3 * round(0.2 * pixels), False)
        places = next(hidden)
        return np.concatenate([places + channel * pixels for channel in range(3)])

    monkeypatch.setattr(np.random, "choice", drawn)
    peer = quantus.FaithfulnessCorrelation(
        subset_size=3 * round(0.2 * pixels),
        nr_runs=30,
        perturb_baseline=0.0,
        abs=False,
        normalise=False,
        return_aggregate=False,
        disable_warnings=True,
    )
    (expected,) = of_quantus(peer, given)  # each pixel's value is counted three times, which does not matter
    assert metric(given) == pytest.approx(float(expected), abs=1e-4)


def test_quantus_sensitivity_n_is_another_metric_than_the_papers() -> None:
    """It draws no subsets: it hides the most salient features step by step and correlates over *images*, at each step.

    The paper (and the thesis, Eq. 32) correlates over random subsets of one photograph. Of a single photograph Quantus
    has no correlation at all; ours follows the paper.
    """
    given = judged()
    peer = quantus.SensitivityN(
        features_in_step=SIZE,
        n_max_percentage=0.8,
        perturb_baseline="black",
        abs=False,
        normalise=False,
        return_aggregate=False,
        disable_warnings=True,
    )
    with pytest.raises(ValueError, match="at least"):
        of_quantus(peer, given)
    assert -1 <= SensitivityN(0.2, 30, 0.25)(given) <= 1


@pytest.mark.parametrize("scaled", [False, True])
def test_infidelity_is_that_of_captum(scaled: bool) -> None:
    """With I = 1 on hidden pixels and the photograph under black there: what Captum multiplies the map with is free."""
    given, form = judged(), "scaled" if scaled else "literal"
    metric = Infidelity(40, 0.4, form)
    masks = metric.masks(given)[1:]

    def perturbed(inputs: Tensor) -> tuple[Tensor, Tensor]:
        hidden = (~masks).float()[:, None].expand_as(inputs) / 3  # the map is repeated over three channels
        return hidden, inputs * masks[:, None]

    peer = captum.metrics.infidelity(
        given.classifier.model.eval(),
        perturbed,
        given.image[None],
        given.saliency.expand(1, 3, -1, -1),
        target=TARGET,
        n_perturb_samples=40,
        normalize=scaled,
    )
    assert metric(given) == pytest.approx(float(peer), rel=1e-4)
    assert infidelity(*asked(given, masks), form) == pytest.approx(float(peer), rel=1e-4)


def test_quantus_infidelity_hides_ever_more_and_multiplies_by_the_change() -> None:
    """Its blocks are not random: it hides one after another and never restores any, each time multiplying by x − x'.

    So the perturbations have all sizes up to the whole image, in reading order, and are the same in each of its samples.
    Definition 2.1 has one random perturbation in each term. The formula is the same: on its own perturbations ours
    agrees with it.
    """
    given, side = judged(), 4
    peer = quantus.Infidelity(
        perturb_patch_sizes=[side],
        n_perturb_samples=1,
        perturb_baseline="black",
        abs=False,
        normalise=False,
        return_aggregate=False,
        disable_warnings=True,
    )
    seen: list[Tensor] = []
    model = given.classifier.model.eval()
    handle = model.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].detach().clone()))
    (expected,) = of_quantus(peer, given)
    handle.remove()
    shown = torch.cat(seen)[1:]
    hidden = (shown != given.image).any(1)
    assert bool((hidden[1:] >= hidden[:-1]).all())
    assert bool(hidden[-1].all())
    with torch.no_grad():
        drops = model(given.image[None])[:, TARGET].double() - model(shown)[:, TARGET].double()
    sums = (given.saliency * (given.image - shown)).double().sum((1, 2, 3))
    assert infidelity(sums, drops, "literal") == pytest.approx(float(expected), rel=1e-4)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("kind", ["scattered", "compact"])
def test_imputation_is_that_of_grad_cam(share: float, kind: str) -> None:
    image = torch.rand(3, 32, 40, generator=torch.Generator().manual_seed(1))
    ranked = torch.rand(32, 40, generator=torch.Generator().manual_seed(2))
    if kind == "compact":
        ranked = ((torch.arange(32) - 9.0).square()[:, None] + (torch.arange(40) - 25.0).square()) + ranked
    mask = (ranked > ranked.flatten().quantile(share)).float()
    expected = NoisyLinearImputer(noise=0)(image, mask)
    assert float((impute(image[None], mask[None])[0] - expected).abs().max()) < 2e-3


def test_road_is_that_of_grad_cam() -> None:
    """Without noise, and with each pixel's own place in the order: it hides what is at or above a percentile."""
    given = judged("linear:noise=0")
    peer = ROADCombined(percentiles=[20, 40, 60, 80])
    for averager in (peer.morf_averager, peer.lerf_averager):
        make = averager.imputer

        def silent(percentile: float, make: Any = make) -> Any:
            metric = make(percentile)
            metric.perturbation.imputer.noise = 0
            return metric

        averager.imputer = silent
    found = peer(
        given.image[None],
        given.saliency[None].numpy(),
        [ClassifierOutputSoftmaxTarget(TARGET)],
        given.classifier.model.eval(),
    )
    ours = Road("combined", 4, "probability")(given)
    assert float(found[0]) == pytest.approx(ours, abs=2e-3)
    assert removals(given.saliency, 4, least=False).shape == (4, SIZE, SIZE)


def test_correlation_is_that_of_scipy() -> None:
    from scipy.stats import pearsonr

    one, other = torch.randn(2, 50, generator=torch.Generator().manual_seed(0), dtype=torch.float64).unbind()
    assert float(correlation(one, other)) == pytest.approx(float(pearsonr(one.numpy(), other.numpy())[0]), abs=1e-12)
