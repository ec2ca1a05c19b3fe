"""Probabilities that are called logits: found on the first photograph, and what the message offers works."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from unseen import Classifier, Preprocessing, explain
from unseen.classifier.answers import are_probabilities
from unseen.classifier.decision import decide
from unseen.errors import ModelError

PLAIN = Preprocessing((16, 16), None, mean=(0, 0, 0), std=(1, 1, 1))
PHOTO = torch.zeros(3, 16, 16)
PHOTO[0, :8] = 1


class Lights(nn.Module):
    """Of red, green and blue light, and what is made of it in the end."""

    def __init__(self, end: Callable[[Tensor], Tensor], count: int = 3) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(8.0))
        self.end, self.count = end, count

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.weight * x.mean((2, 3))[:, : self.count] - 1)


def classifier(end: Callable[[Tensor], Tensor], outputs: str = "logits", count: int = 3) -> Classifier:
    return Classifier(Lights(end, count).eval(), PLAIN, ["red", "green", "blue"][:count], outputs=outputs)


HIDDEN = [lambda z: z.softmax(1) * 1, lambda z: z.sigmoid() * 1]  # whose last function is another
ENDS: list[tuple[Callable[[Tensor], Tensor], str, int]] = [
    (lambda z: z.softmax(1), "logits", 3),
    (HIDDEN[0], "logits", 3),
    (HIDDEN[0], "sigmoid", 3),
    (torch.sigmoid, "logits", 3),
    (torch.sigmoid, "sigmoid", 3),
    (torch.sigmoid, "sigmoid", 1),
    (torch.sigmoid, "binary", 1),
]


@pytest.mark.parametrize(("end", "said", "count"), ENDS)
def test_probabilities_are_refused_and_the_remedy_works(end: Callable[[Tensor], Tensor], said: str, count: int) -> None:
    with pytest.raises(ModelError, match="returns probabilities, not logits") as refusal:
        explain(PHOTO, classifier(end, said, count), method="occlusion", removal="black")
    remedy = re.findall(r"'([a-z:]+)'", str(refusal.value))[-1 if said == "binary" else 0]
    decision = decide(PHOTO, classifier(end, remedy, count))
    plain = Lights(lambda z: z, count)(PHOTO[None])
    expected = plain.softmax(1) if remedy == "probabilities" else plain.sigmoid()
    assert decision.label == "red"
    assert decision.probability == pytest.approx(float(expected.detach()[0, 0]), abs=1e-5)
    assert not decision.notes


DISGUISED: list[tuple[Callable[[Tensor], Tensor], str, Callable[[Tensor], Tensor], str]] = [
    (lambda z: 100 * z.softmax(1), "percentages .* divides them by 100", lambda p: p / 100, "probabilities"),
    (lambda z: -z.log_softmax(1), "negative log-probabilities.* negates them", lambda p: -p, "logits"),
]


@pytest.mark.parametrize(("end", "told", "wrapped", "said"), DISGUISED)
def test_probabilities_in_another_form_are_refused_and_the_remedy_works(
    end: Callable[[Tensor], Tensor], told: str, wrapped: Callable[[Tensor], Tensor], said: str
) -> None:
    with pytest.raises(ModelError, match=told):
        decide(PHOTO, classifier(end))
    decision = decide(PHOTO, classifier(lambda z: wrapped(end(z)), said))
    expected = Lights(lambda z: z)(PHOTO[None]).softmax(1)[0, 0]
    assert decision.label == "red"
    assert decision.probability == pytest.approx(float(expected.detach()), abs=1e-5)


@pytest.mark.parametrize(("end", "as_probabilities"), [
    (lambda z: 25 * (z + 1), lambda numbers: numbers / 100),
    (lambda z: z / 4 + torch.tensor([-0.75, 0.25, 0.25]).exp().sum().log(), lambda numbers: (-numbers).exp()),
])  # fmt: skip
def test_logits_that_look_so_on_one_photograph_are_logits(
    end: Callable[[Tensor], Tensor], as_probabilities: Callable[[Tensor], Tensor]
) -> None:
    numbers = Lights(end)(PHOTO[None]).detach()
    assert are_probabilities(as_probabilities(numbers))
    decision = decide(PHOTO, classifier(end))
    assert decision.label == "red"
    assert decision.probability == pytest.approx(float(numbers.softmax(1)[0, 0]), abs=1e-5)


@pytest.mark.parametrize("rest", [0.0, 1e-3])
def test_a_large_logit_beside_one_of_0_is_a_logit(rest: float) -> None:
    decision = decide(PHOTO, classifier(lambda z: torch.stack([9 + z[:, 0], rest + 0 * z[:, 0]], 1), count=2))
    assert decision.label == "red"


def test_numbers_in_0_to_1_that_may_be_logits_are_noted() -> None:
    (note,) = decide(PHOTO, classifier(HIDDEN[1])).notes
    assert "lie in [0, 1] and are read as logits" in note
    assert "outputs='probabilities:independent'" in note


def test_numbers_in_0_to_1_of_which_nobody_said_what_they_mean_are_refused() -> None:
    undeclared = Classifier(Lights(HIDDEN[1]).eval(), PLAIN)
    with pytest.raises(ModelError, match="even of pixels far too bright") as refusal:
        decide(PHOTO, undeclared)
    independent, logits = re.findall(r"outputs='([a-z:]+)'", str(refusal.value))
    assert not decide(PHOTO, Classifier(Lights(HIDDEN[1]).eval(), PLAIN, outputs=independent)).notes
    assert decide(PHOTO, Classifier(Lights(HIDDEN[1]).eval(), PLAIN, outputs=logits)).notes


@pytest.mark.parametrize("end", [lambda z: z / 20 + 0.3, lambda z: z.log_softmax(1)])
def test_logits_are_not_suspected(end: Callable[[Tensor], Tensor]) -> None:
    assert not decide(PHOTO, classifier(end)).notes


def test_a_model_that_says_the_same_of_a_photograph_and_of_nothing_is_noted() -> None:
    (note,) = decide(PHOTO, classifier(lambda z: z * 0 + torch.tensor([2.0, 1.0, -1.0]))).notes
    assert "says exactly the same of the photograph and of another one" in note


class Tags(nn.Module):
    """Findings that do not exclude each other."""

    def __init__(self, *numbers: float) -> None:
        super().__init__()
        self.numbers = nn.Parameter(torch.tensor(numbers))

    def forward(self, x: Tensor) -> Tensor:
        return self.numbers * (0.9 + 0.2 * x.mean((1, 2, 3), keepdim=True)[..., 0, 0])


@pytest.mark.parametrize("numbers", [(6.5, 6.0, -6.0), (6.5, 7.5), (4.0, 3.0, *[-6.0] * 18)])
def test_several_findings_at_once_are_not_taken_for_classes_in_silence(numbers: tuple[float, ...]) -> None:
    assumed = decide(PHOTO, Classifier(Tags(*numbers), PLAIN))
    (note,) = assumed.notes
    assert "several of its classes a high number at once (class 0, class 1" in note
    assert decide(PHOTO, Classifier(Tags(*numbers), PLAIN).optimised()).notes == (note,)  # as commands ask
    for said in re.findall(r"outputs='([a-z]+)'", note):
        decision = decide(PHOTO, Classifier(Tags(*numbers), PLAIN, outputs=said))
        assert not decision.notes
        assert (decision.probability > 0.9) or said == "logits"


def test_findings_of_which_none_is_present_are_not_taken_for_classes_in_silence() -> None:
    """Softmax makes 39 % of 0.01."""
    (note,) = decide(PHOTO, Classifier(Tags(-4.6, -4.9, -5.2), PLAIN)).notes
    assert "gives all of its classes a low number" in note
    (note,) = decide(PHOTO, Classifier(Tags(-4.6, -4.9, -5.2), PLAIN, outputs="sigmoid")).notes
    assert "no finding reaches its threshold" in note


def test_logarithms_of_many_probabilities_are_low_by_nature() -> None:
    class Even(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x.mean((1, 2, 3))[:, None] * torch.linspace(0, 0.1, 40)).log_softmax(1)

    assert not decide(PHOTO, Classifier(Even(), PLAIN)).notes


@pytest.mark.parametrize("numbers", [(5.0, 5.0, -10.0), (6.0, -6.0), (8.0, -1.0, -9.0), (*[3.0, -3.0] * 50, 9.0)])
def test_classes_that_exclude_each_other_are_not_suspected(numbers: tuple[float, ...]) -> None:
    assert not decide(PHOTO, Classifier(Tags(*numbers), PLAIN)).notes
