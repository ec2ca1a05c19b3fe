from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor, nn

from helpers.cells import graded, masked
from helpers.judged import case, spread
from unseen import Classifier, Preprocessing
from unseen.classifier.outputs import Value
from unseen.errors import ModelError, NotApplicableError, ParameterError, UnseenError
from unseen.metrics import METRICS
from unseen.metrics.case import Case, MaskMetric, Metric, judge
from unseen.metrics.partial import partial_map
from unseen.registry import Entry
from unseen.removal.fills.constant import ConstantFill


@dataclass(frozen=True)
class Half(MaskMetric):
    """Probability with the first half of the columns visible."""

    softness: float = 1.0

    def masks(self, case: Case) -> Tensor:
        masks = torch.zeros(1, *case.masked.shape)
        masks[..., : masks.shape[2] // 2] = self.softness
        return masks

    def value(self, case: Case, masks: Tensor, logits: Tensor) -> float:
        assert masks.shape[1:] == case.masked.shape
        return float(logits.softmax(1)[0, case.target])


@dataclass(frozen=True)
class Drawn:
    def __call__(self, case: Case) -> float:
        return float(case.annotated().float().mean())


def test_together_is_as_alone_and_asks_nothing_twice() -> None:
    cases = [case(), case(target=1), case()]
    pairs = [(one, metric) for one in cases for metric in (Half(), Half(0.5), Half())]
    assert judge(pairs) == [metric(one) for one, metric in pairs]
    one = case()
    judge([(one, metric) for metric in (Half(), Half(), Half(0.5))])
    assert one.masked.evaluations == 2


def test_a_metric_that_fails_gives_its_error_and_others_go_on() -> None:
    values = judge([(case(), metric) for metric in (Drawn(), Half(2.0), Half())])
    assert isinstance(values[0], NotApplicableError)
    assert isinstance(values[1], ParameterError)
    assert isinstance(values[2], float)
    with pytest.raises(NotApplicableError, match="annotated"):
        Drawn()(case())
    drawn = case(annotation=spread(torch.arange(16) < 4) > 0)
    assert Drawn()(drawn) == 0.25
    with pytest.raises(NotApplicableError, match="annotated"):
        Drawn()(replace(drawn, annotation=torch.zeros(drawn.masked.shape, dtype=torch.bool)))
    with pytest.raises(NotApplicableError, match="give an explainer"):
        drawn.explained(drawn.image)


class Faulty(nn.Module):
    """It has no finite answer to a photograph whose left half alone is black."""

    def forward(self, x: Tensor) -> Tensor:
        score, right = (half.mean((1, 2, 3)) for half in x.chunk(2, 3))
        return torch.stack([score, 1 - score], 1) / ((score > 0) | (right == 0))[:, None]


@dataclass(frozen=True)
class Right(Half):
    def masks(self, case: Case) -> Tensor:
        return 1 - super().masks(case)


def test_where_the_network_has_no_answer_only_those_who_asked_get_none() -> None:
    one, other = (case(masked=masked(graded(0), model=Faulty(), batch_size=batch)) for batch in (None, 1))
    pairs = [(one, Half()), (one, Right()), (other, Half(0.5)), (other, Right()), (one, Half(0.25))]
    values = judge(pairs)
    assert [isinstance(value, ModelError) for value in values] == [False, True, False, True, False]
    assert [values[i] for i in (0, 2, 4)] == [metric(of) for of, metric in (pairs[i] for i in (0, 2, 4))]


@pytest.mark.parametrize("how", ["image", "channel"])
def test_other_photographs_have_statistics_of_their_own_and_parts_keep_those_of_the_whole(how: str) -> None:
    own = Preprocessing((8, 8), None, mean=(0, 0, 0), std=(1, 1, 1), standardise=how)  # type: ignore[arg-type]
    outputs = Value(tolerance=0.1)
    first, other = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * torch.tensor([1, 0.3]).reshape(
        2, 1, 1, 1
    )
    classifier = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(192, 2)), own, outputs=outputs).deciding(first)
    bound = ConstantFill("black").bind(classifier, first)
    seen: list[Tensor] = []

    def asked(which: Classifier, image: Tensor, target: int) -> Tensor:
        there = ConstantFill("black").bind(which, image)
        seen.append(there.classifier.statistics)
        full = there(torch.ones(1, 8, 8))
        if image is other:  # decisions are about what is explained
            assert bool(which.outputs.holds(full, target))
        return torch.zeros(8, 8)

    one = Case(torch.zeros(8, 8), 0, bound, asked)
    visible = torch.ones(8, 8, dtype=torch.bool)
    visible[:4] = False
    one.explained(other)
    partial_map(one, visible)
    one.explained(first)
    with bound.for_image(other) as there:
        seen.append(there.classifier.statistics)
        assert bool(there.classifier.outputs.holds(there(torch.ones(1, 8, 8)), 0))
    whole, its = (own.statistics_of(image[None])[:, 0] for image in (first, other))
    assert not torch.allclose(whole, its)
    for found, right in zip(seen, [its, whole, whole, its], strict=True):
        torch.testing.assert_close(found, right)


@pytest.mark.parametrize("target", [-1, 2])
def test_a_class_that_there_is_not_is_refused(target: int) -> None:
    with pytest.raises(ParameterError, match=f"target {target} is outside 0 … 1"):
        case(target=target)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"saliency": torch.zeros(3, 3)}, "the map is float32 of shape"),
        ({"saliency": torch.full((32, 32), float("nan"))}, "NaN"),
        ({"annotation": torch.zeros(32, 32)}, "the annotation is float32"),
    ],
)
def test_what_is_no_case_is_refused(changes: dict[str, Tensor], words: str) -> None:
    with pytest.raises(UnseenError, match=words):
        replace(case(), **changes)


@pytest.mark.parametrize("name", list(METRICS))
def test_every_metric_is_declared(name: str) -> None:
    entry: Entry = METRICS[name]
    assert all((entry.summary, entry.citation, entry.cost, entry.range, entry.weakness))  # type: ignore[attr-defined]
    if entry.judges == "map":  # type: ignore[attr-defined]
        assert isinstance(METRICS.create(name), Metric)
