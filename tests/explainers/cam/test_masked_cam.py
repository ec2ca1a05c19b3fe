"""Maps whose weights come from the photograph seen through the channels: the papers' loops, and cases worked by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.networks import CHANNELS, Network, bound
from unseen.errors import NotApplicableError
from unseen.explainers.cam.cam import normalised
from unseen.explainers.cam.masked_cam import OptiCam, opti_cam, score_cam, unsettled
from unseen.explainers.catalogue import METHODS
from unseen.removal.deactivation.features import last_features


class Sides(nn.Module):
    """Two channels, the photograph's red and green; the logit is 4 × the red's mean."""

    def forward(self, x: Tensor) -> Tensor:
        red, green = F.relu(F.conv2d(x, torch.eye(3)[:2, :, None, None])).mean((2, 3)).T
        return torch.stack([4 * red, green], 1)


def sides() -> Any:
    """Red on the left, half as much green on the right, black between them and under what is hidden."""
    image = torch.zeros(3, 9, 9)
    image[0, :, :3], image[1, :, 6:] = 1, 0.5
    return bound(Sides(), image=image, double=False, normalise=False, removal="black")


def test_of_two_channels_the_weights_are_the_softmax_of_what_each_shows() -> None:
    masked = sides()
    features = last_features(masked, 0)
    red, green = torch.tensor([4 / 3, 0.0]).softmax(0)  # 4 × ⅓ through the red channel, nothing through the green
    torch.testing.assert_close(score_cam(masked, features), red * masked.image[0] + green * masked.image[1])
    hidden = score_cam(masked, features, hide=True)  # without the red all of it is lost, over two channels
    torch.testing.assert_close(hidden, 2 / 3 * masked.image[0])


def test_the_channel_that_the_class_needs_takes_over() -> None:
    masked = sides()
    found, history = opti_cam(masked, last_features(masked, 1), OptiCam(rounds=40, rate=0.5))
    assert history[0] == pytest.approx(1 / 12)  # as much of both: the green is half as high, and half of it is shown
    assert max(history) == pytest.approx(1 / 6)  # all of it
    assert found[0, 8] >= found[0, 0] > 0


@pytest.mark.parametrize("hide", [False, True])
@pytest.mark.parametrize("score", ["logit", "probability"])
@pytest.mark.parametrize("removal", ["black", "zero"])
def test_score_cam_is_the_papers_loop(removal: str, score: Any, hide: bool) -> None:
    masked = bound(Network(), removal=removal)
    features = last_features(masked, 1, score=score)
    values = []
    for one in features.maps[0].activations:
        region = F.interpolate(one[None, None], masked.shape, mode="bilinear")[0, 0]
        region = (region - region.min()) / (region.max() - region.min())
        colour = 0.0 if removal == "black" else torch.tensor(masked.classifier.preprocessing.mean)[:, None, None]
        region = 1 - region if hide else region
        logits = masked.classifier.forward((masked.image * region + colour * (1 - region))[None])
        values.append(float((logits if score == "logit" else logits.softmax(1))[0, 1].detach()))
    scores = torch.tensor(values)
    weights = (features.value - scores) / CHANNELS if hide else scores.softmax(0)
    expected = torch.einsum("c,chw->hw", weights, features.maps[0].activations)
    assert torch.allclose(score_cam(masked, features, hide=hide), expected, atol=1e-5)


def test_score_cam_cuts_masks_for_removals_that_take_no_soft_ones() -> None:
    masked = bound(Network(), removal="ad")
    assert bool(score_cam(masked, last_features(masked, 1)).any())


def test_channels_that_are_the_same_everywhere_show_nothing() -> None:
    def join(net: Network, x: Tensor) -> Tensor:
        return net.judge(net.first(x).relu() * torch.tensor([1.0, 0, 0, 0, 0, 0]).double()[:, None, None] + 1)

    masked = bound(Network(join))
    features = last_features(masked, 0)
    before = masked.evaluations
    assert torch.allclose(score_cam(masked, features), features.maps[0].activations[0])
    assert masked.evaluations == before + 1
    flat = bound(Network(lambda net, x: net.judge(net.first(x).relu() * 0 + x.mean() + 1)))
    with pytest.raises(NotApplicableError, match=r"same everywhere|no class activation map"):
        score_cam(flat, last_features(flat, 0))


def test_opti_cam_raises_the_score_and_keeps_the_best_round() -> None:
    masked = bound(Network(), removal="black")
    features = last_features(masked, 1)
    found, history = opti_cam(masked, features, OptiCam(rounds=30))
    assert history[-1] > history[0] + 0.3 * abs(history[0]) or max(history) > history[0]
    mixture = torch.linalg.lstsq(features.maps[0].activations.flatten(1).T, found.flatten()[:, None]).solution[:, 0]
    assert float(mixture.sum()) == pytest.approx(1, abs=1e-2)
    assert bool((mixture > -1e-2).all())
    seen = masked(normalised(found[None]))[0, 1].item()
    assert seen == pytest.approx(max(history), rel=1e-4)
    first = features.maps[0].activations.mean(0)
    assert history[0] == pytest.approx(masked(normalised(first[None]))[0, 1].item(), rel=1e-4)


def test_opti_cam_needs_a_removal_that_blends() -> None:
    masked = bound(Network(), removal="ad")
    with pytest.raises(NotApplicableError, match="opti-cam optimises soft masks, and removal 'ad'"):
        opti_cam(masked, last_features(masked, 0), OptiCam(rounds=1))


@pytest.mark.parametrize(
    ("history", "settled"),
    [
        ([0.0, 1.0, *[1.5] * 18], True),
        ([1.0, *[0.9] * 19], True),
        ([1.0] * 20, True),
        ([float(round_) for round_ in range(20)], False),
        ([0.0, 1.0], False),
        ([1.0], False),
    ],
)
def test_opti_cam_says_when_its_weights_have_not_settled(history: list[float], settled: bool) -> None:
    assert (not unsettled(history)) is settled


def test_more_rounds_settle_the_weights() -> None:
    def notes(rounds: int) -> str:
        return " ".join(METHODS.create(f"opti-cam:rounds={rounds},rate=0.3,steps=2")(bound(Network()), 0).notes)

    assert "still rising in the last of 3 rounds; give more rounds" in notes(3)
    assert "settled" not in notes(200)
