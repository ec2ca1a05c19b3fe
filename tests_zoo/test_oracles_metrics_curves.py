"""Deletion, insertion and the one-step drops against torchcam, pytorch-grad-cam, Quantus and scikit-learn.

All three multiply or fill the *normalised* input, where 0 is the training data's mean colour: our removal ``zero``.
"""

from __future__ import annotations

import contextlib
import warnings
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from helpers.networks import Network, bound
from unseen.metrics.ablation import macro_f1
from unseen.metrics.case import Case
from unseen.metrics.curves import Deletion, Insertion, sizes
from unseen.metrics.drop import AverageDrop, IncreaseInConfidence
from unseen.metrics.soft import min_max

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import quantus
    from pytorch_grad_cam.metrics import cam_mult_image
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputSoftmaxTarget
    from sklearn.metrics import f1_score
    from torchcam.metrics import ClassificationMetric, DeletionInsertionMetric

STEPS = 32  # 8 of the 256 pixels each: torchcam and Quantus take steps of a fixed number of pixels


def network_case(number: int, side: int = 16) -> Case:
    image = torch.rand(3, side, side, generator=torch.Generator().manual_seed(number))
    masked = bound(Network().eval(), image=image, double=False, removal="zero")
    saliency = torch.randperm(side**2, generator=torch.Generator().manual_seed(7 + number)).float()
    saliency = saliency.reshape(side, side)
    return Case(saliency, number % 3, masked)


class Given:
    """What torchcam asks for a map; it answers with the one that is judged."""

    def __init__(self, case: Case) -> None:
        self.model, self.case = case.classifier.model, case

    def __call__(self, *_: Any, **__: Any) -> list[Tensor]:
        return [min_max(self.case.saliency)[None]]

    def fuse_cams(self, cams: list[Tensor]) -> Tensor:
        return cams[0]

    def _hooks_off(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


def normalised(case: Case) -> Tensor:
    return case.classifier.normalise(case.image[None])


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("score", ["probability", "logit"])
def test_areas_are_torchcams(number: int, score: str) -> None:
    case = network_case(number)
    peer = DeletionInsertionMetric(
        Given(case), partial(torch.softmax, dim=-1) if score == "probability" else None, steps=STEPS
    )
    peer.update(normalised(case), case.target)
    expected = peer.summary()
    assert Deletion(STEPS, score)(case) == pytest.approx(expected["deletion_auc"], abs=1e-6)  # type: ignore[arg-type]
    assert Insertion(STEPS, score)(case) == pytest.approx(expected["insertion_auc"], abs=1e-6)  # type: ignore[arg-type]


def test_where_steps_do_not_divide_the_pixels_torchcam_takes_fewer() -> None:
    """Torchcam rounds the step up: 256 pixels in 50 steps are 43 of 6 pixels, here they are 50 of 5 or 6."""
    assert len(range(0, 256, 6)) == 43
    assert len(sizes(256, 50)) == 51


@pytest.mark.parametrize("number", range(6))
def test_the_drop_and_the_increase_are_torchcams(number: int) -> None:
    case = network_case(number)
    peer = ClassificationMetric(Given(case), partial(torch.softmax, dim=-1))
    peer.update(normalised(case), case.target)
    assert AverageDrop()(case) == pytest.approx(peer.summary()["avg_drop"], abs=1e-5)  # it adds 1e-7 below the line
    assert IncreaseInConfidence()(case) == peer.summary()["conf_increase"]


@pytest.mark.parametrize("number", range(6))
def test_the_drop_is_that_of_pytorch_grad_cam_over_the_full_score(number: int) -> None:
    """Its DropInConfidence is the numerator of the paper's equation: max(0, full − shown), not divided by full."""
    case = network_case(number)
    given: list[Any] = [
        normalised(case),
        min_max(case.saliency)[None].numpy(),
        [ClassifierOutputSoftmaxTarget(case.target)],
        case.classifier.model,
    ]
    full = float(case.classifier.logits(case.image[None]).softmax(1)[0, case.target])
    (drop,), (increase,) = cam_mult_image.DropInConfidence()(*given), cam_mult_image.IncreaseInConfidence()(*given)
    assert AverageDrop()(case) * full == pytest.approx(drop, abs=1e-6)
    assert IncreaseInConfidence()(case) == increase


def test_some_of_the_photographs_gain_and_some_lose() -> None:
    drops = [AverageDrop()(network_case(number)) for number in range(6)]
    assert 0 < sum(drop == 0 for drop in drops) < 6


@pytest.mark.parametrize("number", range(4))
def test_the_curve_is_quantus_pixel_flipping(number: int) -> None:
    """Quantus leaves out the full photograph, and its area is in steps: the curve is compared, and our area of it.

    It counts each colour of a pixel as a feature, but wants a step to divide the number of pixels: whole pixels are had
    only where three divides them, not at 224 × 224.
    """
    case, pixels_a_step = network_case(number, side=24), 8
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        metric = quantus.PixelFlipping(
            features_in_step=3 * pixels_a_step, perturb_baseline=0.0, normalise=False, disable_warnings=True
        )
        (curve,) = metric(
            model=case.classifier.model,
            x_batch=normalised(case).numpy(),
            y_batch=np.array([case.target]),
            a_batch=case.saliency[None, None].expand(1, 3, 24, 24).numpy(),
            device="cpu",
        )
    steps = 24 * 24 // pixels_a_step
    deletion = Deletion(steps)
    ours = deletion.scores(case, case.masked(deletion.masks(case))).values[:, 0]
    assert ours[1:].tolist() == pytest.approx(curve, abs=1e-6)
    assert deletion(case) == pytest.approx(np.trapezoid([float(ours[0]), *curve], dx=1 / steps), abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_macro_f1_is_scikit_learns(seed: int) -> None:
    predicted, targets = torch.randint(0, 6, (2, 40), generator=torch.Generator().manual_seed(seed))
    targets[targets == 5] = 0
    expected = f1_score(targets.numpy(), predicted.numpy(), average="macro", zero_division=0)
    assert macro_f1(predicted.tolist(), targets.tolist()) == pytest.approx(expected)
