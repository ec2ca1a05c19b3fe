from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from unseen import Classifier, Preprocessing
from unseen.classifier.decision import decide
from unseen.classifier.outputs import OUTPUTS, Sigmoid
from unseen.classifier.outputs.sigmoid import log_odds
from unseen.classifier.outputs.together import Together
from unseen.errors import ModelError, ParameterError, UnknownNameError

Z = torch.tensor([[2.0, -1.0, 0.3], [-3.0, -0.5, -4.0]])


def test_each_finding_is_a_target_present_and_a_target_absent() -> None:
    outputs = Sigmoid()
    scores = outputs.scores(Z, 2, "Net")
    torch.testing.assert_close(scores, torch.cat([Z, -Z], 1))
    torch.testing.assert_close(outputs.readings(scores), torch.cat([Z.sigmoid(), 1 - Z.sigmoid()], 1))
    held = torch.stack([outputs.holds(scores, target) for target in range(6)], 1)
    assert held.tolist() == [[True, False, True, False, True, False], [False, False, False, True, True, True]]
    assert outputs.labels(("a", "b", "c")) == ("a", "b", "c", "no a", "no b", "no c")
    assert [outputs.unnamed(target, 6) for target in (1, 4)] == ["finding 1", "no finding 1"]
    assert list(outputs.listed(6)) == [0, 1, 2]


def test_thresholds_are_of_all_findings_or_of_each() -> None:
    scores = Sigmoid().scores(Z, 2, "Net")
    assert Sigmoid(0.6).holds(scores, 2).tolist() == [False, False]  # sigmoid(0.3) = 0.57
    assert Sigmoid(0.6).holds(scores, 5).tolist() == [True, True]
    assert Sigmoid((0.9, 0.2, 0.5)).holds(scores, 0).tolist() == [False, False]  # sigmoid(2) = 0.88
    assert Sigmoid((0.9, 0.2, 0.5)).holds(scores, 1).tolist() == [True, True]  # sigmoid(-1) = 0.27
    edge = torch.tensor([[log_odds(0.3), -log_odds(0.3)]], dtype=torch.float64)
    assert bool(Sigmoid(0.3).holds(edge, 0)) is not bool(Sigmoid(0.3).holds(edge, 1))  # one of the two, always
    made = OUTPUTS.create("sigmoid:threshold=0.9/0.2/0.5")
    assert made == Sigmoid((0.9, 0.2, 0.5))


def test_the_most_certain_finding_is_explained_and_where_none_is_the_absence_of_the_nearest() -> None:
    outputs = Sigmoid()
    first, second = outputs.scores(Z, 2, "Net")
    assert outputs.top(first) == 0
    assert outputs.top(second) == 3 + 1


def test_the_log_odds_of_a_mean_are_those_of_the_mean_probability() -> None:
    outputs = Sigmoid()
    passes = torch.stack([outputs.scores(Z, 2, "Net"), outputs.scores(-2 * Z, 2, "Net")])
    torch.testing.assert_close(outputs.mean(passes).sigmoid(), passes.sigmoid().mean(0))
    torch.testing.assert_close(outputs.mean(passes[:1]), passes[0])
    assert bool(outputs.mean(passes * 1e4).isfinite().all())


def test_without_one_finding_the_others_are_as_they_were() -> None:
    scores = Sigmoid().scores(Z, 2, "Net")
    others = Sigmoid().others(scores, torch.tensor([[0], [4]]))
    assert (others == -math.inf).tolist() == [[True, False, False] * 2, [False, True, False] * 2]


def test_thresholds_that_are_not_as_many_are_refused() -> None:
    with pytest.raises(ParameterError, match="3 labels but 2 thresholds"):
        Sigmoid((0.3, 0.4)).labels(("a", "b", "c"))
    with pytest.raises(ModelError, match="3 findings but 2 thresholds"):
        Sigmoid((0.3, 0.4)).scores(Z, 2, "Net")
    with pytest.raises(ParameterError, match=r"threshold must be in \(0, 1\), got"):
        Sigmoid(1.0)


@pytest.mark.parametrize("target", ["no 1", "no finding 1", "No-Finding 1", 4])
def test_without_labels_absence_is_a_target_by_its_index(target: str | int) -> None:
    findings = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    fed = Preprocessing((8, 8), None, mean=(0.6,) * 3, std=(0.1,) * 3)
    red = torch.eye(3)[0][:, None, None].expand(3, 8, 8)
    found = decide(red, Classifier(findings, fed, outputs="sigmoid"), target)
    assert (found.target, found.label, found.holds) == (4, "no finding 1", True)


def test_without_labels_what_is_printed_is_what_can_be_asked_for() -> None:
    findings = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    asked = Classifier(findings, Preprocessing((8, 8), None), outputs="sigmoid")
    assert [asked.target_index(asked.label(target)) for target in range(6)] == list(range(6))
    assert asked.asked("finding 0 + no 2")[0].outputs == Together(Sigmoid(), (0, 5))
    with pytest.raises(UnknownNameError, match="has no labels; give the target's index instead of 'no 3'"):
        asked.target_index("no 3")
