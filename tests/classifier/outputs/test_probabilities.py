from __future__ import annotations

import pytest
import torch

from unseen.classifier.outputs import OUTPUTS, Binary, Logits, Probabilities, Sigmoid
from unseen.errors import ModelError, ParameterError

Z = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)) * 3


def test_their_logarithms_are_the_logits_but_for_a_number_a_row() -> None:
    outputs = Probabilities()
    scores = outputs.scores(Z.softmax(1), 4, "Net")
    torch.testing.assert_close(scores, Z.log_softmax(1))
    torch.testing.assert_close(outputs.readings(scores), Z.softmax(1))
    assert torch.equal(outputs.holds(scores, 1), Logits().holds(Z, 1))


def test_the_log_odds_of_independent_ones_are_the_logits() -> None:
    outputs = OUTPUTS.create("probabilities:independent,threshold=0.3")
    scores = outputs.scores(Z.sigmoid(), 4, "Net")
    torch.testing.assert_close(scores, Sigmoid().scores(Z, 4, "Net"), rtol=1e-4, atol=1e-4)
    for target in range(6):
        assert torch.equal(outputs.holds(scores, target), Sigmoid(0.3).holds(scores, target))
    assert outputs.labels(("a", "b", "c")) == Sigmoid().labels(("a", "b", "c"))


def test_one_probability_tells_two_classes_apart() -> None:
    outputs, z = Probabilities("binary"), Z[:, :1]
    torch.testing.assert_close(outputs.scores(z.sigmoid(), 4, "Net"), Binary().scores(z, 4, "Net"))


def test_what_float32_rounds_to_0_or_1_stays_finite() -> None:
    certain = torch.tensor([[0.0, 1.0]], requires_grad=True)
    for kind in ("exclusive", "independent"):
        scores = Probabilities(kind).scores(certain, 1, "Net")  # type: ignore[arg-type]
        assert bool(scores.isfinite().all())
        (slope,) = torch.autograd.grad(scores.sum(), certain)
        assert bool(slope.isfinite().all())


def test_what_is_no_probability_of_the_kind_is_refused() -> None:
    with pytest.raises(ModelError, match=r"returned numbers from .*no probabilities; say outputs='logits'"):
        Probabilities().scores(Z, 4, "Net")
    with pytest.raises(ModelError, match=r"sum to .*, not to 1; .*probabilities:independent"):
        Probabilities().scores(Z.sigmoid(), 4, "Net")
    with pytest.raises(ParameterError, match="several thresholds are of several findings"):
        Probabilities("binary", (0.3, 0.4))
    with pytest.raises(ParameterError, match="by no threshold"):
        Probabilities(threshold=0.3)
