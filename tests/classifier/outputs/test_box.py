"""A detector's box: how surely it is still drawn, and what speaks for it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from helpers.fields import Detector, per_pixel
from helpers.trained import PLAIN, pictures
from unseen import Classifier, Preprocessing, explain
from unseen.classifier.outputs import OUTPUTS, Box
from unseen.classifier.outputs.box import overlaps
from unseen.errors import ModelError, ParameterError
from unseen.metrics import METRICS
from unseen.metrics.case import Case
from unseen.removal import REMOVALS


@pytest.fixture(scope="module")
def scene() -> tuple[Tensor, Tensor]:
    """A picture with a red and a green spot, and where they are."""
    images, _, where = pictures(1, 5, torch.tensor([[True, True, False]]))
    return images[0], where[0]


def surest(photo: Tensor, label: int) -> Box:
    """The detector's surest box of a class."""
    (found,) = Detector(per_pixel())((photo[None] - 0.3) / 0.2)
    of_class = found["labels"] == label
    return Box(tuple(found["boxes"][of_class][found["scores"][of_class].argmax()].tolist()), label)


def detecting(outputs: Box) -> Classifier:
    return Classifier(Detector(per_pixel()), PLAIN, ["the spot"], outputs=outputs)


def test_the_score_is_the_probability_times_the_overlap_of_the_likest_box_of_the_class() -> None:
    detections = {
        "boxes": torch.tensor([[0.0, 0, 2, 2], [1, 0, 3, 2], [0, 0, 2, 2], [9, 9, 10, 10]]),
        "labels": torch.tensor([1, 1, 2, 1]),
        "scores": torch.tensor([0.5, 0.9, 1.0, 1.0]),
    }
    none = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0), "scores": torch.zeros(0)}
    scores = Box((0, 0, 2, 2), 1).scores([detections, none], 2, "Net")
    torch.testing.assert_close(scores, torch.tensor([[0.5], [0.0]]))
    torch.testing.assert_close(Box((0, 0, 2, 2), 2).scores([detections], 1, "Net"), torch.tensor([[1.0]]))


def test_the_score_is_differentiable_in_boxes_and_probabilities() -> None:
    boxes = torch.tensor([[0.0, 0.0, 2.0, 3.0]], requires_grad=True)
    sure = torch.tensor([0.5], requires_grad=True)
    answer = [{"boxes": boxes, "labels": torch.tensor([1]), "scores": sure}]
    Box((0, 0, 2, 2), 1).scores(answer, 1, "Net").sum().backward()
    assert sure.grad is not None
    assert sure.grad.item() == pytest.approx(2 / 3)
    assert boxes.grad is not None
    assert boxes.grad[0, 3].item() == pytest.approx(-0.5 * 2 / 9)  # of 2 / y by y, at 3


@pytest.mark.parametrize(("removal", "colour"), [("black", 0), ("blur", 1)])  # to this detector grey is every colour
def test_what_speaks_for_a_box_is_in_it(removal: str, colour: int, scene: tuple[Tensor, Tensor]) -> None:
    photo, where = scene
    classifier = detecting(surest(photo, colour + 1))
    found = explain(photo, classifier, method="causal:iterations=2", removal=removal, confidence=(0.5,))
    assert found.told == f"{found.probability:.4g}"
    assert found.parts[0].verified
    assert (found.parts[0].mask & where[colour]).any()
    for method in ("occlusion:window=0.2", "rise:masks=150,grid=8", "integrated-gradients:tolerance=0.2"):
        saliency = explain(photo, classifier, method=method, removal=removal).saliency
        assert saliency[where[colour]].mean() > 2 * saliency[where[1 - colour]].mean().abs()


def test_where_nothing_is_detected_the_gradient_is_0(scene: tuple[Tensor, Tensor]) -> None:
    classifier = detecting(surest(scene[0], 1))
    black = torch.zeros(1, 3, 48, 48, requires_grad=True)
    score = classifier.forward(black)
    assert score.tolist() == [[0.0]]
    score.sum().backward()
    assert black.grad is not None
    assert not bool(black.grad.any())


def test_it_is_judged_by_metrics(scene: tuple[Tensor, Tensor]) -> None:
    photo, where = scene
    masked = REMOVALS.create("black").bind(detecting(surest(photo, 1)).deciding(photo), photo)
    good, bad = (Case(where[colour].float(), 0, masked) for colour in (0, 1))
    for metric, sign in (("deletion", -1), ("insertion", 1)):
        value = METRICS.create(metric)
        assert sign * value(good) > sign * value(bad)


def test_a_function_is_a_detector_too(scene: tuple[Tensor, Tensor]) -> None:
    photo, _ = scene
    network = Detector(per_pixel())

    def detect(batch: np.ndarray) -> list[Mapping[str, np.ndarray]]:
        return [{key: value.numpy() for key, value in one.items()} for one in network(torch.from_numpy(batch))]

    classifier = Classifier(detect, PLAIN, ["the spot"], outputs=surest(photo, 1))
    found = explain(photo, classifier, method="occlusion", removal="black").saliency
    expected = explain(photo, detecting(surest(photo, 1)), method="occlusion", removal="black").saliency
    torch.testing.assert_close(found, expected)


@pytest.mark.usefixtures("unchecked_types")
def test_a_spec_and_a_tensor_say_the_same() -> None:
    assert (
        OUTPUTS.create("box:1/2/3.5/4,label=7")
        == Box(torch.tensor([1, 2, 3.5, 4]), 7)
        == Box([1, 2, 3.5, 4], np.int64(7))
    )
    assert OUTPUTS.create(OUTPUTS.spec_of(Box((1, 2, 3.5, 4), 7))) == Box((1, 2, 3.5, 4), 7)


class Answering(nn.Module):
    def __init__(self, answer: object) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: Tensor) -> object:
        del x
        return self.answer


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (torch.zeros(1, 3), "returned a Tensor, not a list with the detections of each of 1 images"),
        ([], "returned a list, not a list with the detections"),
        ([torch.zeros(2, 6)], "no mapping of 'boxes'"),
        ([{"boxes": torch.zeros(2, 4), "labels": torch.zeros(2)}], "no mapping of 'boxes'"),
        ([{"boxes": torch.zeros(2, 4), "labels": torch.zeros(2), "scores": torch.zeros(3)}], "no mapping of 'boxes'"),
    ],
)
def test_what_is_no_detection_is_refused(answer: object, message: str) -> None:
    plain = Preprocessing((16, 16), None, mean=(0, 0, 0), std=(1, 1, 1))
    with pytest.raises(ModelError, match=message):
        Classifier(Answering(answer), plain, outputs=Box((0, 0, 1, 1), 1)).logits(torch.rand(1, 3, 16, 16))


def test_a_box_that_is_not_drawn_is_refused_before_any_work(scene: tuple[Tensor, Tensor]) -> None:
    with pytest.raises(
        ParameterError, match=r"the model draws no box of class 3 that overlaps .*; give a box and a label"
    ):
        explain(scene[0], detecting(Box((0, 0, 10, 10), 3)), removal="black")
    for box in ((1, 2, 3), (3, 0, 1, 5)):
        with pytest.raises(ParameterError, match="left < right and top < bottom"):
            Box(box, 1)


def test_boxes_beside_each_other_do_not_overlap() -> None:
    assert overlaps(torch.tensor([[2.0, 0.0, 3.0, 1.0]]), torch.tensor([0.0, 0.0, 2.0, 1.0])).tolist() == [0.0]
