from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from helpers.cells import SIDE, SIZE, Cells, cell, graded, masked
from unseen import load_classifier
from unseen.errors import NotApplicableError, ParameterError, UnknownNameError
from unseen.evaluation.content import content_of
from unseen.explainers.catalogue import METHODS
from unseen.explainers.hiding.adaptive import Budget, highest, literal, schedule, windows
from unseen.explainers.hiding.iassa import Iassa, iassa
from unseen.explainers.hiding.spatial_attention import Attention, attention
from unseen.explainers.hiding.windows import Window, hiding
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
    found = iassa(asked(), 0, Iassa(beta=0.6, iterations=3, budget=5000, tolerance=0.0), look=look())
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
    asked: list[Tensor] = []

    class Listening(Budget):
        def under(self, windows: Sequence[Window]) -> Tensor:
            asked.append(hiding(windows, self.masked.shape))
            return super().under(windows)

    ask = Listening(masked(graded(5)), 0, "probability", 5000)
    assert len(list(windows(ask, lambda saliency: saliency, 2, 0.3, 0))) == 2
    first, later = asked
    assert len(first) == len(boxes(*schedule(0, (SIZE, SIZE))))
    assert 0 < len(later) < len(first) / 2
    assert bool(((1 - later).sum(0)[cell(5)] > 0).any())
    assert float((1 - later).sum(0)[:, -SIDE // 2 :].sum()) == 0


def test_the_default_form_is_the_papers_windows() -> None:
    assert Iassa().form == "windows"
    assert Iassa().beta == 0.5


def test_the_cells_that_count_stand_out() -> None:
    found = iassa(asked(), 0, Iassa(budget=800)).maps[-1]
    assert float(found[COUNTING].mean()) > 3 * float(found[~COUNTING].abs().mean())


# ---- all forms ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["windows", "literal"])
@pytest.mark.parametrize("budget", [731, 1000])
def test_the_budget_is_never_exceeded(form: Any, budget: int) -> None:
    model = asked()
    found = iassa(model, 0, Iassa(form=form, budget=budget, iterations=7, tolerance=0.0))
    assert model.evaluations == found.evaluations[-1] <= budget
    assert list(found.evaluations) == sorted(found.evaluations)
    assert len(found.maps) == len(found.evaluations) == len(found.changes) + 1


def test_a_budget_below_the_first_pass_draws_some_windows_and_refuses_the_literal_form() -> None:
    assert iassa(asked(), 0, Iassa(budget=50)).evaluations == (50,)
    with pytest.raises(ParameterError, match="budget 50 does not pay"):
        iassa(asked(), 0, Iassa(form="literal", budget=50))
    assert list(literal(Budget(asked(), 0, "logit", 50), lambda saliency: saliency, 3)) == []


def test_seeds_repeat_and_differ() -> None:
    one, again, other = (iassa(asked(), 0, Iassa(budget=80), seed=seed).maps for seed in (5, 5, 6))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("form", ["windows", "literal"])
def test_the_batch_does_not_matter(form: Any) -> None:
    maps = [iassa(masked(graded(5), batch_size=size), 0, Iassa(form=form, budget=735)).maps for size in (7, 100)]
    assert torch.allclose(maps[0], maps[1], atol=1e-4)


def test_a_map_without_a_highest_region_ends_the_search() -> None:
    constant = masked(lambda visible: torch.ones(len(visible)))
    found = iassa(constant, 0, Iassa(budget=5000, iterations=9, score="logit"))
    assert found.stopped == "converged"
    assert not bool(found.maps.any())


def test_why_it_ended_is_told() -> None:
    assert iassa(asked(), 0, Iassa(budget=5000, iterations=2, tolerance=0.0)).stopped == "iterations"
    assert iassa(asked(), 0, Iassa(budget=1000, iterations=9, tolerance=1.0)).stopped == "converged"
    assert iassa(asked(), 0, Iassa(budget=740, iterations=9, tolerance=0.0)).stopped == "budget"


def test_a_map_that_has_not_converged_says_so() -> None:
    def notes(method: Iassa) -> tuple[str, ...]:
        return method.attribute(Evaluator(asked(), 0), 0, None).notes

    assert "not converged to 0 %: the last of 2 changed by" in notes(Iassa(beta=1, iterations=2, tolerance=0.0))[0]
    assert notes(Iassa(beta=1, tolerance=1.0)) == ()
    assert "was the only one, and the budget was spent" in notes(Iassa(beta=1, budget=50))[0]


def test_as_a_method_it_finds_a_part_and_keeps_its_history() -> None:
    findings = METHODS.create("iassa:budget=300,beta=1")(asked(), 0, confidence=(0.5,), parts=2)
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


PYRAMID = """
from torch import nn
from unseen import Classifier, Preprocessing

def pyramid(channels=3):
    layers = [nn.AvgPool2d(2), nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    plain = {"mean": (0,) * channels, "std": (1,) * channels}
    return Classifier(nn.Sequential(*layers), Preprocessing((48, 48), None, **plain))

def grey():
    return pyramid(1)
"""


def test_another_network_lends_its_attention_to_a_black_box(tmp_path: Path) -> None:
    """At its own size, on a photograph whose halves it tells apart; the explained network cannot be followed."""
    (tmp_path / "pyramid.py").write_text(PYRAMID)
    named = f"python:{tmp_path}/pyramid.py:pyramid"
    black_box = masked(graded(5, 10), model=Lost())
    black_box.image[1:, :, : SIZE // 2] = 0
    spec = "iassa:iterations=1,budget=5000"
    found = METHODS.create(f"{spec},attention={named}")(black_box, 0)
    plain = METHODS.create(f"{spec},beta=1")(black_box, 0).saliency
    enlarged = interpolate(black_box.image[None], (48, 48), mode="bilinear", antialias=True, align_corners=False)[0]
    look = attention(load_classifier(named), enlarged.clamp(0, 1), perplexity=0.05)
    assert torch.allclose(found.saliency, 0.5 * plain + 0.5 * look(plain), atol=1e-5)
    assert found.record["map"]["attention"]["network"] == named
    assert not METHODS.create(f"iassa:attention={named}").inside
    assert METHODS.create("iassa").inside


def test_attention_of_a_network_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pyramid.py").write_text(PYRAMID)
    method = METHODS.create(f"iassa:budget=100,attention=python:{tmp_path}/pyramid.py:grey")
    with pytest.raises(NotApplicableError, match=r"images of 1 channels, and the input has 3.*\(beta=1\)"):
        method(asked(), 0)


def test_an_attention_that_cannot_be_had_is_refused_before_anything_is_loaded() -> None:
    with pytest.raises(UnknownNameError, match="nowhere"):
        METHODS.create("iassa:attention=nowhere:at-all")
    with pytest.raises(ParameterError, match="beta=1 does without attention=timm:resnet18; leave one of them out"):
        METHODS.create("iassa:beta=1,attention=timm:resnet18")


def test_a_network_that_lends_its_attention_is_known_by_its_weights(tmp_path: Path) -> None:
    """Even where they lie in no file that its name tells."""
    source = """
from pathlib import Path
import torch
from torch import nn
from unseen import Classifier, Preprocessing

def build():
    head = nn.Linear(3, 2)
    nn.init.constant_(head.weight, float(Path(__file__).with_name("weight.txt").read_text()))
    nn.init.zeros_(head.bias)
    layers = [nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head]
    return Classifier(nn.Sequential(*layers), Preprocessing((48, 48), None))
"""
    (tmp_path / "network.py").write_text(source)
    contents = []
    for weight in ("1", "2", "1"):
        (tmp_path / "weight.txt").write_text(weight)
        contents.append(content_of(METHODS.create(f"iassa:attention=python:{tmp_path}/network.py:build")))
    assert contents[0] == contents[2] != contents[1]
    assert content_of(Iassa()) == ""


@pytest.mark.parametrize(
    "option",
    "form=other budget=3 iterations=0 beta=1.5 threshold=-0.1 tolerance=2 perplexity=0 score=odds".split(),
)
def test_bad_parameters_are_named(option: str) -> None:
    with pytest.raises(ParameterError, match=option.partition("=")[0]):
        METHODS.create(f"iassa:{option}")
