"""AttMask and accuracy preservation against loops over pixels, and where the answer is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from helpers.cells import conjunction, show
from helpers.judged import case, spread
from helpers.networks import Network, bound
from unseen.errors import NotApplicableError, ParameterError
from unseen.metrics import METRICS
from unseen.metrics.case import Case
from unseen.metrics.zero_information import AccuracyPreservation, AttMask, attmask, top_share, visible_part


def white(classifier: object, image: Tensor, target: int) -> Tensor:
    """A map of what is not black."""
    del classifier, target
    return image.mean(0)


def test_equals_a_loop_over_pixels() -> None:
    generator = torch.Generator().manual_seed(0)
    before, after = torch.randn(2, 5, 6, generator=generator).unbind()
    visible = torch.rand(5, 6, generator=generator) < 0.5
    shown = [v if m else 0.0 for v, m in zip(before.flatten().tolist(), visible.flatten().tolist(), strict=True)]
    found = after.flatten().tolist()
    heights = max(map(abs, shown)), max(map(abs, found))
    expected = sum((a / heights[0] - b / heights[1]) ** 2 for a, b in zip(shown, found, strict=True)) / 30
    assert attmask(before, after, visible) == pytest.approx(expected, rel=1e-9)
    assert attmask(before, after, visible.float()) == pytest.approx(expected, rel=1e-9)


def test_known_answers() -> None:
    before = torch.rand(4, 4, generator=torch.Generator().manual_seed(1)) + 0.1
    visible = torch.eye(4) > 0
    assert attmask(before, 7 * before * visible, visible) == pytest.approx(0.0, abs=1e-12)
    assert attmask(before, torch.zeros(4, 4), torch.zeros(4, 4)) == 0.0
    assert attmask(torch.ones(4, 4), torch.zeros(4, 4), visible) == 0.25
    assert attmask(torch.ones(4, 4), -torch.ones(4, 4), torch.ones(4, 4)) == 4.0


def test_hiding_that_leaves_nothing_but_the_visible_part_is_perfect() -> None:
    saliency = spread((torch.arange(16) < 4).float())
    one = case(saliency, explainer=white)
    assert AttMask(keep=0.25)(one) == 0.0
    grown = case(saliency, explainer=lambda _, image, __: torch.ones(image.shape[1:]))
    assert AttMask(keep=0.25)(grown) == 0.75
    drawn = case(torch.ones(32, 32), explainer=white, annotation=show(5, 6))
    assert AttMask("object")(drawn) == 0.0
    with pytest.raises(NotApplicableError, match="annotated"):
        AttMask("object")(one)
    with pytest.raises(NotApplicableError, match="give an explainer"):
        AttMask()(case())


def test_the_class_is_kept_where_enough_is_visible() -> None:
    saliency = spread(torch.arange(16, 0, -1).float())
    for keep, rule, kept in [
        (0.25, conjunction(0, 3), 1.0),
        (0.25, conjunction(0, 4), 0.0),
        (0.5, conjunction(0, 4), 1.0),
    ]:
        for target in (0, 1):  # it is the network's own class that counts
            assert AccuracyPreservation(keep)(case(saliency, rule=rule, target=target)) == kept


@pytest.mark.parametrize("removal", ["black", "ad"])
def test_the_class_is_asked_under_every_removal(removal: str) -> None:
    masked = bound(Network(), double=False, removal=removal)
    saliency = torch.rand(masked.shape, generator=torch.Generator().manual_seed(2))
    one = Case(saliency, 0, masked, white)
    visible = saliency >= saliency.flatten().sort(descending=True).values[63]
    expected = masked(visible[None]).argmax() == masked.classifier.logits(masked.image[None]).argmax()
    assert AccuracyPreservation()(one) == float(expected)
    assert torch.equal(top_share(one, 0.25), visible)


def test_ties_are_broken_by_the_seed() -> None:
    flat = [top_share(case(torch.ones(32, 32), seed=seed), 0.5) for seed in (0, 0, 1)]
    assert torch.equal(flat[0], flat[1])
    assert not torch.equal(flat[0], flat[2])
    assert int(flat[0].sum()) == 512


def test_by_equation_61_what_is_at_least_the_mean_is_visible() -> None:
    saliency = spread(torch.tensor([9.0, 1, 1, 1, *[0.0] * 12]))  # of mean 0.75
    above = (saliency >= 0.75).double()
    assert float(above.mean()) == 4 / 16
    shown = case(saliency, explainer=lambda _, image, __: saliency * (image.mean(0) > 0))
    assert torch.equal(visible_part(shown, "mean", 0.1), above > 0)
    assert AttMask("mean")(shown) == 0.0
    for rule, kept in ((conjunction(0, 3), 1.0), (conjunction(0, 4), 0.0)):
        assert AccuracyPreservation(visible="mean")(case(saliency, rule=rule)) == kept
    assert bool(visible_part(case(torch.ones(32, 32)), "mean", 0.1).all())


@pytest.mark.parametrize("keep", [0.0, 1.0, -1.0, float("nan")])
def test_what_is_out_of_range_is_refused(keep: float) -> None:
    for metric in (AttMask, AccuracyPreservation):
        with pytest.raises(ParameterError, match="keep"):
            metric(keep=keep)
    with pytest.raises(ParameterError, match="visible"):
        METRICS.create("attmask:visible=all")


def test_at_least_one_pixel_stays_visible() -> None:
    saliency = torch.arange(32 * 32.0).reshape(32, 32)
    assert top_share(case(saliency), 0.0001).nonzero().tolist() == [[31, 31]]
