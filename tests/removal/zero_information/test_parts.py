"""Zero-information parts against the criteria written out, and what both forms promise."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from helpers.networks import Network, bound
from unseen import Classifier, Preprocessing
from unseen.errors import ParameterError
from unseen.inputs.streams import stream_of
from unseen.removal.zero_information.parts import Adding, Decomposing, ZeroParts, addition, decomposition, variation

SIDE = 6
PLAIN = Preprocessing((SIDE, SIDE), None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


class Balance(nn.Module):
    """Two classes; the logit of the first is the mean brightness less a half, times 8: grey says nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(8.0, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        value = self.gain * (x.mean((1, 2, 3)) - 0.5)
        return torch.stack([value, torch.zeros_like(value)], 1)


BALANCE = Classifier(Balance(), PLAIN)


def pictures(count: int, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def halves(count: int) -> Tensor:
    masks = torch.ones(count, SIDE, SIDE)
    masks[:, :, SIDE // 2 :] = 0
    return masks


def chances(classifier: Classifier, images: Tensor) -> Tensor:
    with torch.no_grad():
        return classifier.forward(images).softmax(1)


def written_out(classifier: Classifier, image: Tensor, mask: Tensor, found: ZeroParts, form: str) -> list[float]:
    """Residual, maximum and change of one photograph from the definitions."""
    fill, visible = found.fills[0], mask.double()
    shown = visible * image + (1 - visible) * fill
    before, after = chances(classifier, torch.stack([image, shown]))
    if form == "addition":
        added, alone = chances(classifier, torch.stack([image + (1 - visible) * fill, (1 - visible) * fill]))
        residual = float((before - added).abs().max())
    else:
        rest = visible * fill + (1 - visible) * image
        first, second, alone = chances(classifier, torch.stack([shown, rest, fill]))
        residual = float((first + second - alone - before).square().sum())
    return [residual, float(alone.max()), float((before - after).abs().max())]


@pytest.mark.parametrize("form", ["addition", "decomposition"])
def test_what_is_told_is_what_the_criteria_say(form: str) -> None:
    masked, image, masks = bound(Network(), size=SIDE), pictures(1), halves(1)
    if form == "addition":
        found = addition(masked.classifier, image, masks, Adding(most=5, tolerance=1e-6))
    else:
        found = decomposition(masked.classifier, image, masks, Decomposing(most=5, tolerance=1e-6))
    told = [float(found.residual[0]), float(found.maximum[0]), float(found.change[0])]
    assert told == pytest.approx(written_out(masked.classifier, image[0], masks[0], found, form), abs=1e-9)
    assert found.converged.tolist() == [False]


def test_algorithm_2_is_adam_on_the_sound_loss_written_out() -> None:
    masked, image, masks = bound(Network(), size=SIDE), pictures(1), halves(1)
    hidden = 1 - masks[:, None].double()
    fill = torch.rand(image[0].shape, generator=stream_of(image[0], 4))[None].double().requires_grad_()
    before = chances(masked.classifier, image)[0]
    losses, mean, square = [], torch.zeros_like(image), torch.zeros_like(image)
    for number in range(1, 6):
        after = masked.classifier.forward(image + hidden * fill).softmax(1)[0]
        alone = masked.classifier.forward(hidden * fill).softmax(1)[0]
        loss = sum(p * (p / q).log() for p, q in zip(before, after, strict=True))
        loss = loss + math.log(3) + sum(p * p.log() for p in alone)
        losses.append(float(loss.detach()))
        (slope,) = torch.autograd.grad(loss, fill)
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        step = 0.05 * (mean / (1 - 0.9**number)) / ((square / (1 - 0.999**number)).sqrt() + 1e-8)
        fill = (fill.detach() - step).clamp(0, 1).requires_grad_()
    found = addition(masked.classifier, image, masks, Adding(most=4, tolerance=1e-9, seed=4))
    torch.testing.assert_close(found.losses[:, 0], torch.tensor(losses, dtype=torch.float64), rtol=1e-5, atol=1e-7)


def test_the_decomposition_starts_at_grey_and_lowers_residual_entropy_and_variation() -> None:
    masked, image, masks = bound(Network(), size=SIDE), pictures(1), halves(1)
    found = decomposition(masked.classifier, image, masks, Decomposing(most=1, tolerance=1e-12, smoothness=3.0))
    grey = torch.full_like(image, 0.5)
    visible = masks[:, None].double()
    first, second, nothing, before = chances(
        masked.classifier,
        torch.cat([visible * image + (1 - visible) * grey, visible * grey + (1 - visible) * image, grey, image]),
    )
    deficit = math.log(3) + float((nothing * nothing.log()).sum())
    expected = float((first + second - nothing - before).square().sum()) + deficit
    assert float(found.losses[0, 0]) == pytest.approx(expected)
    assert float(found.losses[1, 0]) != float(found.losses[0, 0])
    ramp = torch.arange(SIDE, dtype=torch.float64).expand(1, 3, SIDE, SIDE)
    assert float(variation(ramp)) == pytest.approx(1.0)
    assert float(variation(grey)) == 0


def test_where_logits_are_linear_grey_is_the_answer_from_the_start() -> None:
    """f is a sum over pixels, and grey says nothing: both parts beside grey add up to the photograph."""
    found = decomposition(BALANCE, pictures(2), halves(2), Decomposing(criterion="logit", tolerance=1e-9))
    assert found.converged.tolist() == [True, True]
    assert found.steps.tolist() == [0, 0]
    assert float(found.residual.max()) < 1e-12
    assert bool((found.fills == 0.5).all())


def test_in_probabilities_the_base_rate_is_taken_off() -> None:
    """A photograph of which nothing is known is the sum of two parts that say nothing, each 1 / K and not 0."""
    grey = torch.full((1, 3, SIDE, SIDE), 0.5, dtype=torch.float64)
    found = decomposition(BALANCE, grey, halves(1), Decomposing(tolerance=1e-9))
    assert (found.steps.tolist(), found.converged.tolist()) == ([0], [True])
    assert float(found.residual) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("solve", "kind"), [(addition, Adding), (decomposition, Decomposing)])
def test_each_mask_is_as_if_alone_and_the_same_again(solve: Any, kind: Any) -> None:
    image = pictures(2, seed=5)
    image[0], image[1] = image[0] ** 3, image[1] ** 0.3
    images = torch.cat([image[:1], image])
    masks = torch.stack([halves(1)[0], 1 - halves(1)[0], torch.ones(SIDE, SIDE)])
    options = kind(most=30, tolerance=0.003, excess=0.01)
    together = solve(BALANCE, images, masks, options)
    assert together.converged[2]
    assert int(together.steps[2]) == 0
    for number in range(3):
        alone = solve(BALANCE, images[number : number + 1], masks[number : number + 1], options)
        torch.testing.assert_close(alone.fills[0], together.fills[number])
        assert int(alone.steps[0]) == int(together.steps[number])
    assert len(set(together.steps.tolist())) > 1
    assert torch.equal(solve(BALANCE, images, masks, options).fills, together.fills)
    many = solve(BALANCE, images[:1].expand(2, -1, -1, -1), masks[:2], options)
    torch.testing.assert_close(many.fills, torch.stack([together.fills[0], many.fills[1]]))
    assert float(together.fills.min()) >= 0
    assert float(together.fills.max()) <= 1


@pytest.mark.parametrize(
    "wrong", [{"tolerance": 0.0}, {"excess": 1.0}, {"rate": 0.0}, {"rate": 1.5}, {"most": 0}, {"smoothness": -1.0}]
)
def test_parameters_outside_their_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        Decomposing(**wrong)  # type: ignore[arg-type]
