from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from helpers.cells import SIDE, SIZE, Cells, cell, graded, masked
from unseen.errors import NotApplicableError, ParameterError
from unseen.explainers.catalogue import METHODS
from unseen.explainers.hiding.adaptive import Budget, highest, literal, schedule, windows
from unseen.explainers.hiding.iassa import Iassa, iassa
from unseen.explainers.hiding.rise import RandomMasks, Rise, rise
from unseen.explainers.hiding.spatial_attention import Attention
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explanation import Findings
from unseen.removal import MaskedClassifier

COUNTING = cell(5) | cell(10)


def asked() -> MaskedClassifier:
    return masked(graded(5, 10))


def probability(model: MaskedClassifier, mask: Tensor) -> Tensor:
    return model(mask[None]).softmax(1)[0, 0].double()


def look(seed: int = 0) -> Attention:
    """A random row-stochastic matrix on a grid of 4 × 4."""
    numbers = torch.rand(16, 16, generator=torch.Generator().manual_seed(seed))
    return Attention(numbers / numbers.sum(1, keepdim=True), (4, 4), ((3, 4, 4), (3, 2, 2)), 0.1)


def boxes(side: int, stride: int) -> list[tuple[int, int]]:
    starts = sorted({*range(0, SIZE - side + 1, stride), SIZE - side})
    return [(top, left) for top in starts for left in starts]


def hide(top: int, left: int, side: int) -> Tensor:
    mask = torch.ones(SIZE, SIZE)
    mask[top : top + side, left : left + side] = 0
    return mask


# ---- the paper's estimator ----------------------------------------------------------------------------------------


def test_the_literal_form_is_equations_5_and_6_with_all_masks_stored() -> None:
    found = iassa(asked(), 0, Iassa(form="literal", beta=0.3, iterations=2, budget=2000), look=look())
    assert len(found.maps) == 2
    for iteration, made in enumerate(found.maps):
        side, stride = schedule(iteration, (SIZE, SIZE))
        masks = torch.stack([hide(*box, side) for box in boxes(side, stride)]).double()
        scores = asked()(masks.float()).softmax(1)[:, 0].double()
        saliency = torch.einsum("n,nhw->hw", scores, masks) / (masks.mean() * len(masks))
        adjusted = 0.3 * saliency + 0.7 * look()(saliency.float())
        assert torch.allclose(made.double(), adjusted, atol=1e-5)


def test_the_schedule_is_the_papers() -> None:
    assert [schedule(k, (224, 224)) for k in (0, 2, 10, 40)] == [(45, 8), (42, 8), (30, 6), (7, 3)]
    assert schedule(0, (16, 16)) == (3, 1)


# ---- windows ------------------------------------------------------------------------------------------------------


def test_windows_are_the_mean_drop_over_all_iterations_with_all_masks_stored() -> None:
    found = iassa(asked(), 0, Iassa(form="windows", beta=0.6, iterations=3, budget=5000, tolerance=0.0), look=look())
    model = asked()
    whole = probability(model, torch.ones(SIZE, SIZE))
    drops, cover = torch.zeros(SIZE, SIZE).double(), torch.zeros(SIZE, SIZE).double()
    region = torch.ones(SIZE, SIZE, dtype=torch.bool)
    spent = 1
    for iteration in range(3):
        side, stride = schedule(iteration, (SIZE, SIZE))
        for top, left in boxes(side, stride):
            if region[top + side // 2, left + side // 2]:
                hidden = 1 - hide(top, left, side).double()
                drops += hidden * (whole - probability(model, hide(top, left, side)))
                cover += hidden
                spent += 1
        saliency = (drops / cover.clamp(min=1)).float()
        adjusted = 0.6 * saliency + 0.4 * look()(saliency)
        region = adjusted.clamp(min=0) > 0.3 * adjusted.max()
        assert torch.allclose(found.maps[iteration], adjusted, atol=1e-5)
        assert found.evaluations[iteration] == spent


def test_negative_saliency_does_not_widen_the_region() -> None:
    saliency = torch.tensor([[-10.0, 0.1], [0.31, 1.0]])
    assert highest(saliency, 0.3).tolist() == [[False, False], [True, True]]


def test_later_windows_lie_where_the_map_is_high() -> None:
    model = masked(graded(5))
    seen: list[Tensor] = []
    forward = model.forward
    model.forward = lambda pixels, masks: (seen.append(masks.clone()), forward(pixels, masks))[1]
    made = list(windows(Budget(model, 0, "probability", 5000), lambda saliency: saliency, 2, 0.3, 0))
    first = len(boxes(*schedule(0, (SIZE, SIZE))))
    later = torch.cat(seen)[1 + first :]
    assert len(made) == 2
    assert 0 < len(later) < first / 2
    assert bool(((1 - later).sum(0)[cell(5)] > 0).any())
    assert float((1 - later).sum(0)[:, -SIDE // 2 :].sum()) == 0


# ---- random halves ------------------------------------------------------------------------------------------------


def test_halves_end_at_the_centred_map_of_rise_attended() -> None:
    found = iassa(asked(), 0, Iassa(beta=0.8, budget=101, iterations=3, grid=4, tolerance=0.0), look=look(), seed=3)
    shown = rise(asked(), [0], Rise(masks=100, grid=4), seed=3)[0]
    assert torch.allclose(found.maps[-1], 0.8 * shown + 0.2 * look()(shown), atol=1e-6)
    assert found.evaluations == (33, 66, 100)
    assert found.stopped == "budget"


def test_the_default_form_takes_the_masks_of_rise_whatever_the_map_so_far() -> None:
    """So that with beta=1 it is RISE, and beta blends RISE with its attended self."""
    shown = rise(asked(), [0], Rise(masks=100), seed=3)[0]
    for beta, made in ((1.0, shown), (0.5, 0.5 * shown + 0.5 * look()(shown))):
        found = iassa(asked(), 0, Iassa(beta=beta, budget=101, tolerance=0.0), look=look(), seed=3)
        assert torch.allclose(found.maps[-1], made, atol=1e-6)
    assert Iassa().form == "halves"
    assert Iassa().beta == 0.5


def test_each_map_of_halves_is_centred_over_the_masks_so_far() -> None:
    found = iassa(asked(), 0, Iassa(budget=90, iterations=3, grid=4, tolerance=0.0), seed=1)
    masks = RandomMasks(90, 4, 0.5, (SIZE, SIZE), True, 1)(0, 60).double()
    scores = asked()(masks.float()).softmax(1)[:, 0].double()
    slowly = torch.einsum("n,nhw->hw", scores - scores.mean(), masks) / 30
    assert torch.allclose(found.maps[1].double(), slowly, atol=1e-6)


def test_the_cells_that_count_stand_out() -> None:
    found = iassa(asked(), 0, Iassa(budget=800, grid=4)).maps[-1]
    assert float(found[COUNTING].mean()) > 3 * float(found[~COUNTING].abs().mean())


# ---- all forms ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["halves", "windows", "literal"])
@pytest.mark.parametrize("budget", [731, 1000])
def test_the_budget_is_never_exceeded(form: Any, budget: int) -> None:
    model = asked()
    found = iassa(model, 0, Iassa(form=form, budget=budget, iterations=7, tolerance=0.0))
    assert model.evaluations == found.evaluations[-1] <= budget
    assert list(found.evaluations) == sorted(found.evaluations)
    assert len(found.maps) == len(found.evaluations) == len(found.changes) + 1


def test_a_budget_below_the_first_pass_draws_some_windows_and_refuses_the_literal_form() -> None:
    assert iassa(asked(), 0, Iassa(form="windows", budget=50)).evaluations == (50,)
    with pytest.raises(ParameterError, match="budget 50 does not pay"):
        iassa(asked(), 0, Iassa(form="literal", budget=50))
    assert list(literal(Budget(asked(), 0, "logit", 50), lambda saliency: saliency, 3)) == []


@pytest.mark.parametrize("form", ["halves", "windows"])
def test_seeds_repeat_and_differ(form: Any) -> None:
    one, again, other = (iassa(asked(), 0, Iassa(form=form, budget=80), seed=seed).maps for seed in (5, 5, 6))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("form", ["halves", "windows", "literal"])
def test_the_batch_does_not_matter(form: Any) -> None:
    maps = [iassa(masked(graded(5), batch_size=size), 0, Iassa(form=form, budget=735)).maps for size in (7, 100)]
    assert torch.allclose(maps[0], maps[1], atol=1e-4)


def test_a_map_without_a_highest_region_ends_the_search() -> None:
    constant = masked(lambda visible: torch.ones(len(visible)))
    found = iassa(constant, 0, Iassa(form="windows", budget=5000, iterations=9, score="logit"))
    assert found.stopped == "converged"
    assert not bool(found.maps.any())


def test_why_it_ended_is_told() -> None:
    assert iassa(asked(), 0, Iassa(form="windows", budget=5000, iterations=2, tolerance=0.0)).stopped == "iterations"
    assert iassa(asked(), 0, Iassa(budget=200, iterations=2, tolerance=0.0)).stopped == "budget"
    assert iassa(asked(), 0, Iassa(budget=200, iterations=9, tolerance=1.0)).stopped == "converged"
    assert iassa(asked(), 0, Iassa(form="windows", budget=740, iterations=9, tolerance=0.0)).stopped == "budget"


def test_a_map_that_has_not_converged_says_so() -> None:
    def notes(method: Iassa) -> tuple[str, ...]:
        return method.attribute(Evaluator(asked(), 0), 0, None).notes

    assert "not converged to 5 %: the last of 2 changed by" in notes(Iassa(beta=1, budget=200, iterations=2))[0]
    assert notes(Iassa(beta=1, budget=200, tolerance=1.0)) == ()
    assert "was the only one, and the budget was spent" in notes(Iassa(beta=1, form="windows", budget=50))[0]


def test_as_a_method_it_finds_a_part_and_keeps_its_history() -> None:
    findings = METHODS.create("iassa:budget=300,grid=4,beta=1")(asked(), 0, confidence=(0.5,), parts=2)
    assert isinstance(findings, Findings)
    assert findings.parts[0].verified
    assert findings.record["map"]["evaluations"][-1] == findings.record["evaluations"]["iterations"] <= 300
    assert findings.record["map"]["stopped"] == "budget"
    assert "attention" not in findings.record["map"]


class Seeing(Cells):
    """Counts cells after two levels of features."""

    def __init__(self) -> None:
        super().__init__(graded(5, 10))
        self.levels = nn.Sequential(nn.AvgPool2d(2), nn.AvgPool2d(2))

    def forward(self, x: Tensor) -> Tensor:
        self.levels(x)
        return super().forward(x)


def test_attention_is_taken_from_the_classifier_and_recorded() -> None:
    findings = Iassa(budget=100)(masked(graded(5), model=Seeing()), 0)
    assert findings.record["evaluations"]["iterations"] == 100
    record = findings.record["map"]["attention"]
    assert record["levels"][:2] == [[3, 16, 16], [3, 8, 8]]
    assert record["perplexity"] == pytest.approx(1.0, abs=0.01)  # a white photograph: everything looks alike


class Lost(Cells):
    """Takes a way on which positions cannot be followed."""

    def __init__(self) -> None:
        super().__init__(graded(5, 10))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(torch.fft.ifft2(torch.fft.fft2(x)).real)


def test_attention_without_positions_is_refused() -> None:
    with pytest.raises(NotApplicableError, match=r"fft2.*beta=1"):
        Iassa(budget=100)(masked(graded(5), model=Lost()), 0)
    Iassa(budget=100, beta=1.0)(masked(graded(5), model=Lost()), 0)


@pytest.mark.parametrize(
    "option",
    "form=other budget=3 iterations=0 grid=0 beta=1.5 threshold=-0.1 tolerance=2 perplexity=0 score=odds".split(),
)
def test_bad_parameters_are_named(option: str) -> None:
    with pytest.raises(ParameterError, match=option.partition("=")[0]):
        METHODS.create(f"iassa:{option}")
