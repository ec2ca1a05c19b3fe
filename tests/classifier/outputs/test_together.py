from __future__ import annotations

import pytest
import torch
from torch import nn

from unseen import Classifier, Preprocessing, explain
from unseen.classifier.decision import decide
from unseen.classifier.outputs import Logits, Sigmoid
from unseen.classifier.outputs.together import Together
from unseen.errors import NotApplicableError, ParameterError, UnknownNameError

Z = torch.tensor([[2.0, 1.0, -3.0], [2.0, -1.0, 1.0]])


class Lights(nn.Module):
    """Three findings: whether there is much red, green, blue light."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(20.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weight * x.mean((2, 3)) - 1


PHOTO = torch.zeros(3, 16, 16)
PHOTO[0, :8, :8] = PHOTO[1, 8:, 8:] = 1


def lights() -> Classifier:
    plain = Preprocessing((16, 16), None, mean=(0, 0, 0), std=(1, 1, 1))
    return Classifier(Lights(), plain, ["red", "green", "blue"], outputs="sigmoid")


def test_several_findings_hold_where_all_do_and_the_smallest_margin_is_the_score() -> None:
    outputs = Together(Sigmoid((0.5, 0.6, 0.5)), (0, 1, 5))
    scores = outputs.scores(Z, 2, "Net")
    assert scores.shape == (2, 7)
    edge = torch.tensor(0.6).logit()
    torch.testing.assert_close(scores[:, 6], torch.stack([1 - edge, -1 - edge]))
    torch.testing.assert_close(outputs.readings(scores)[:, 6], torch.tensor([1.0, -1.0]).sigmoid())
    assert outputs.holds(scores, 6).tolist() == [True, False]
    assert outputs.holds(scores, 2).tolist() == [False, True]
    assert outputs.labels(("a", "b", "c")) == ("a", "b", "c", "no a", "no b", "no c", "a + b + no c")
    assert outputs.unnamed(6, 7) == "finding 0 + finding 1 + no finding 2"
    assert outputs.top(scores[0]) == 0
    assert list(outputs.listed(7)) == [0, 1, 2]
    torch.testing.assert_close(outputs.mean(scores[None]), scores)
    assert outputs.logs(scores).shape == (2, 6)


@pytest.mark.parametrize("target", [["red", "green"], "red + green", (0, "green")])
def test_several_targets_are_decided_as_one(target: object) -> None:
    decision = decide(PHOTO, lights(), target)  # type: ignore[arg-type]
    assert decision.label == "red + green"
    assert decision.holds
    assert decision.probability == pytest.approx(float(torch.tensor(4.0).sigmoid()))


def test_the_map_and_the_part_are_of_both() -> None:
    found = explain(PHOTO, lights(), method="occlusion:window=0.25,stride=0.25", removal="black", target="red + green")
    both = (PHOTO[0] + PHOTO[1]) > 0
    assert bool((found.saliency[both] > 0).all())
    assert not bool(found.saliency[~both].any())
    part, needed = found.parts
    assert needed.instead is not None
    assert needed.instead.label in ("no red", "no green")
    assert bool((part.mask & (PHOTO[0] > 0)).any())
    assert bool((part.mask & (PHOTO[1] > 0)).any())


def test_of_what_excludes_each_other_or_is_no_target_several_are_refused() -> None:
    with pytest.raises(NotApplicableError, match=r"several targets at once are several findings.*outputs='sigmoid'"):
        Together(Logits(), (0, 1))
    with pytest.raises(UnknownNameError, match="no class 'yellow'"):
        decide(PHOTO, lights(), "red + yellow")
    with pytest.raises(ParameterError, match="no target was named"):
        decide(PHOTO, lights(), [])
    outputs = Together(Sigmoid(), (0, 1))
    scores = outputs.scores(Z, 2, "Net")
    with pytest.raises(NotApplicableError, match="cannot be taken away alone"):
        outputs.others(scores, torch.tensor([[6], [6]]))
