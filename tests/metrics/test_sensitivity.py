"""Sensitivity against plain loops, on maps that are known functions of the photograph."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from helpers.judged import case
from helpers.networks import Network, bound, top
from unseen import Classifier
from unseen.errors import NotApplicableError, ParameterError
from unseen.explainers.catalogue import METHODS
from unseen.inputs.neighbourhood import noisy
from unseen.metrics import METRICS
from unseen.metrics.case import Case
from unseen.metrics.sensitivity import Sensitivity, sensitivity, windows
from unseen.pipeline.explain import explainer
from unseen.removal import REMOVALS


def total(classifier: Classifier, image: Tensor, target: int) -> Tensor:
    """A map that is the photograph itself."""
    del classifier, target
    return image.sum(0)


def judged(explain: Any = total, *, removal: str = "black", **more: Any) -> Case:
    masked = bound(Network(), double=False, removal=removal)
    return Case(explain(masked.classifier, masked.image, 0), 0, masked, explain, **more)


def slowly(metric: Sensitivity, case: Case, images: list[Tensor], where: list[Tensor]) -> float:
    def norm(values: Tensor) -> float:
        return sum(v * v for v in values.flatten().tolist()) ** 0.5

    found = []
    for image, visible in zip(images, where, strict=True):
        before, after = case.saliency.double(), case.explained(image).double()
        if metric.normalise:
            before, after = before / norm(before), after / norm(after)
        found.append(norm((before - after) * visible) / norm(before))
    return max(found) if metric.statistic == "max" else sum(found) / len(found)


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("statistic", ["mean", "max"])
def test_equals_a_loop_over_the_changes(statistic: Any, normalise: bool) -> None:
    one = judged(lambda _, image, __: image[0] ** 2, seed=3)
    metric = Sensitivity(statistic, samples=4, radius=0.3, normalise=normalise)
    images = list(noisy(one.image, 0.3, 4, torch.Generator().manual_seed(3)))
    everywhere = [torch.ones(one.masked.shape)] * 4
    assert metric(one) == pytest.approx(slowly(metric, one, images, everywhere), rel=1e-9)
    hides = Sensitivity(statistic, "removal", samples=4, share=0.2, normalise=normalise)
    masks = windows(one.masked.shape, 0.2, 4, torch.Generator().manual_seed(3))
    moved = judged(lambda _, image, __: image[0] ** 2 + image.mean(), seed=3)
    hidden = [one.image * mask for mask in masks]
    assert hides(moved) == pytest.approx(slowly(hides, moved, hidden, list(masks.double())), rel=1e-5)
    assert hides(one) == pytest.approx(slowly(hides, one, hidden, list(masks.double())), abs=1e-9)


def test_known_answers() -> None:
    flat = judged(lambda _, image, __: torch.ones(image.shape[1:]))
    assert Sensitivity()(flat) == Sensitivity("max", "removal")(flat) == 0.0
    local = judged()  # what is hidden changes only itself, and that is not asked
    assert Sensitivity("max", "removal", share=0.3)(local) == 0.0
    assert Sensitivity("max", radius=0.1)(local) > Sensitivity("max", radius=0.01)(local) > 0
    assert Sensitivity("max")(local) >= Sensitivity()(local)
    empty = judged(lambda _, image, __: torch.zeros(image.shape[1:]))
    assert Sensitivity()(empty) != Sensitivity()(empty)
    assert sensitivity(torch.zeros(2, 2), torch.ones(3, 2, 2)).isnan().all()  # whatever the other maps are
    x = torch.tensor([[3.0, 4.0]])
    others = torch.stack([x, 2 * x, torch.zeros_like(x), -x])
    assert sensitivity(x, others).tolist() == [0, 1, 1, 2]
    assert sensitivity(x, others, normalise=True).tolist() == pytest.approx([0, 0, 1, 2])
    assert sensitivity(x, others, torch.tensor([[[True, False]]] * 4)).tolist() == [0, 0.6, 0.6, 1.2]


@given(st.floats(0.001, 1000), st.integers(0, 9))
def test_the_scale_of_a_method_does_not_matter(scale: float, seed: int) -> None:
    maps = torch.rand(4, 5, 6, generator=torch.Generator().manual_seed(seed)).double()
    expected = sensitivity(maps[0], maps[1:])
    torch.testing.assert_close(sensitivity(scale * maps[0], scale * maps[1:]), expected)


def test_noise_stays_in_the_ball_and_in_the_box() -> None:
    image = torch.rand(3, 9, 8, generator=torch.Generator().manual_seed(0))
    changed = torch.stack(list(noisy(image, 0.25, 50, torch.Generator().manual_seed(1))))
    assert bool(((changed - image).abs() <= 0.25 + 1e-6).all())
    assert float(changed.min()) == 0.0
    assert float(changed.max()) == 1.0
    inner = (image > 0.25) & (image < 0.75)
    assert float((changed - image)[:, inner].abs().mean()) == pytest.approx(0.125, rel=0.05)


@pytest.mark.parametrize(("shape", "share"), [((16, 16), 0.05), ((10, 20), 0.5), ((4, 4), 0.001)])
def test_windows_hide_one_rectangle_each(shape: tuple[int, int], share: float) -> None:
    masks = windows(shape, share, 40, torch.Generator().manual_seed(0))
    sides = [max(1, round(side * share**0.5)) for side in shape]
    for mask in masks:
        rows, columns = (~mask).any(1).nonzero(), (~mask).any(0).nonzero()
        assert int((~mask).sum()) == sides[0] * sides[1]
        assert int(rows.max() - rows.min()) + 1 == sides[0]
        assert int(columns.max() - columns.min()) + 1 == sides[1]
    assert len({mask.numpy().tobytes() for mask in masks}) > 5
    assert bool((~masks).any(0)[0].any())
    assert bool((~masks).any(0)[-1].any())


def test_noise_does_not_ask_the_removal() -> None:
    assert Sensitivity()(judged(removal="ad")) == Sensitivity()(judged())
    with pytest.raises(NotApplicableError, match="give an explainer"):
        Sensitivity()(case())


def test_a_real_method_is_asked_with_its_own_removal() -> None:
    masked = bound(Network(), double=False)
    explain = explainer(METHODS.create("occlusion:window=0.3"), REMOVALS.create("white"), 1)
    target = top(masked)
    found = Sensitivity("mean", samples=3)(
        Case(explain(masked.classifier, masked.image, target), target, masked, explain)
    )
    assert 0 < found < 1
    assert masked.evaluations == 0


@pytest.mark.parametrize(
    "spec", ["samples=0", "radius=0", "radius=1.5", "share=0", "share=0.6", "by=blur", "statistic=min"]
)
def test_what_is_out_of_range_is_refused(spec: str) -> None:
    with pytest.raises(ParameterError, match=spec.split("=")[0]):
        METRICS.create(f"average-sensitivity:{spec}")
