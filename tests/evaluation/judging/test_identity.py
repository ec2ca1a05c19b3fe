"""Results that depend on something else are not taken for one evaluation."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from unseen import Classifier, Preprocessing
from unseen.evaluation.judging.identity import difference, identity_of, merged
from unseen.evaluation.judging.plan import Plan

PLAN = Plan((Path("one.jpg"),))


def test_results_of_other_code_with_the_same_weights_are_not_taken_up() -> None:
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2), nn.ReLU())
    other = nn.Sequential(*network[:3], nn.GELU())
    one, another = (identity_of(PLAN, Classifier(net, Preprocessing((16, 16), None)), None) for net in (network, other))
    assert one["fingerprint"] == another["fingerprint"]
    assert difference(one, dict(one)) is None
    assert difference(one, another) == ("structure", one["structure"], another["structure"])
    del one["structure"]  # as evaluations of before
    assert difference(one, another) is None
    assert merged(one, another)["structure"] == another["structure"]
