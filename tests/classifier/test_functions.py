"""Plain functions as models: what they are given, what they may return, and how they fail."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from unseen import Classifier, Preprocessing
from unseen.classifier.functions import PlainFunction, as_tensors
from unseen.errors import ModelError, ParameterError

PLAIN = Preprocessing((4, 4), None, mean=(0, 0, 0), std=(1, 1, 1))
IMAGES = torch.rand(3, 3, 4, 4, generator=torch.Generator().manual_seed(0))
EXPECTED = torch.stack([IMAGES.mean((1, 2, 3)), IMAGES.amax((1, 2, 3))], 1)


def of_arrays(batch: np.ndarray) -> np.ndarray:
    assert batch.dtype == np.float32
    return np.stack([batch.mean((1, 2, 3)), batch.max((1, 2, 3))], 1)


def of_tensors(batch: Tensor) -> Tensor:
    return torch.stack([batch.mean((1, 2, 3)), batch.amax((1, 2, 3))], 1)


def of_shaped(batch: Float[Tensor, "N 3 4 4"]) -> Tensor:
    return of_tensors(batch)


def unsaid(batch):  # type: ignore[no-untyped-def]
    return of_tensors(batch) if isinstance(batch, Tensor) else 1 / 0


def of_rows(batch: np.ndarray) -> list[list[float]]:
    return of_arrays(batch).tolist()


def of_tensor_rows(batch: Tensor) -> list[Tensor]:
    return list(of_tensors(batch))


class Model:
    def __call__(self, batch: Tensor) -> Tensor:
        return of_tensors(batch)

    def predict(self, batch: np.ndarray) -> np.ndarray:
        return of_arrays(batch)


def scaled(batch: np.ndarray, by: float) -> np.ndarray:
    return of_arrays(batch) * by


@pytest.mark.parametrize(
    ("function", "takes"),
    [
        (of_arrays, "array"),
        (of_tensors, "tensor"),
        (of_shaped, "tensor"),
        (unsaid, "tensor"),
        (lambda batch: of_arrays(batch), "array"),
        (of_rows, "array"),
        (of_tensor_rows, "tensor"),
        (Model(), "tensor"),
        (Model().predict, "array"),
        (partial(scaled, by=1.0), "array"),
    ],
)
def test_a_function_is_given_what_it_takes_and_may_return_any_numbers(function: Callable[..., Any], takes: str) -> None:
    classifier = Classifier(function, PLAIN, ["mean", "max"])
    torch.testing.assert_close(classifier.logits(IMAGES), EXPECTED)
    assert isinstance(classifier.model, PlainFunction)
    assert classifier.model.takes == takes
    assert classifier.label(1) == "max"


def test_it_sees_what_a_network_would_see() -> None:
    seen: list[np.ndarray] = []

    def function(batch: np.ndarray) -> np.ndarray:
        seen.append(batch.copy())
        batch[:] = 0  # its own copy
        return np.zeros((len(batch), 2))

    classifier = Classifier(function, Preprocessing((4, 4), None), name="mine")
    images = IMAGES.clone()
    classifier.logits(images)
    np.testing.assert_allclose(seen[0], classifier.normalise(IMAGES).numpy())
    assert torch.equal(images, IMAGES)
    assert classifier.name == "mine"
    assert Classifier(function, PLAIN).name == "function"


def test_structures_keep_their_form() -> None:
    found = as_tensors({"scores": np.ones((2, 3)), "boxes": (np.ones(2), torch.ones(2, 1, dtype=torch.float64))}, "f")
    assert isinstance(found, dict)
    assert found["scores"].dtype == torch.float32
    assert [tuple(one.shape) for one in found["boxes"]] == [(2,), (2, 1)]
    assert torch.equal(as_tensors((1, 2), "f"), torch.tensor([1.0, 2.0]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda: 1, ParameterError, r"must take one argument, the batch; wrap it: lambda batch"),
        (lambda _, __: 1, ParameterError, "must take one argument"),
        (Model, ParameterError, r"is the class Model; give an object of it, as in Model\(\)"),
        ("efficientnet", ParameterError, "the model is a str; give a torch.nn.Module"),
        (lambda batch: batch.no_such, ModelError, "fails on a NumPy array of shape .*no_such"),
        (lambda _: "cat", ModelError, "returned a str that is no batch of numbers"),
        (lambda _: [[1, 2], [3]], ModelError, "returned a list that is no batch of numbers"),
        (lambda batch: np.zeros((len(batch) + 1, 2)), ModelError, r"returned shape \(4, 2\) for 3 images"),
    ],
)
@pytest.mark.usefixtures("unchecked_types")
def test_wrong_functions_are_told_what_is_wrong(function: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Classifier(function, PLAIN).logits(IMAGES)


def test_a_function_has_no_usual_preprocessing() -> None:
    with pytest.raises(ParameterError, match=r"of_arrays needs a preprocessing; give unseen\.Preprocessing"):
        Classifier(of_arrays)
    remedy = Preprocessing((4, 4), None, mean=(0, 0, 0), std=(1, 1, 1))
    assert Classifier(of_arrays, remedy).logits(IMAGES).shape == (3, 2)


def test_the_fingerprint_tells_another_source_and_another_constant() -> None:
    def made(by: float) -> Callable[[np.ndarray], np.ndarray]:
        return lambda batch: of_arrays(batch) * by

    def printed(function: Any) -> str:
        return Classifier(function, PLAIN).fingerprint

    assert printed(made(2)) == printed(made(2)) != printed(made(3))
    assert printed(of_arrays) != printed(Model().predict)


@pytest.mark.usefixtures("unchecked_types")
def test_what_is_said_of_a_model_of_scikit_learn_works() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    red = np.arange(8) % 2
    images = np.random.default_rng(0).random((8, 3, 4, 4)).astype(np.float32)
    images[:, 0] += red[:, None, None]
    model = linear_model.LogisticRegression().fit(images.reshape(8, -1), red)
    with pytest.raises(ParameterError, match="the model is a LogisticRegression; give a function") as refusal:
        Classifier(model, PLAIN)
    function, outputs = re.findall(r"(lambda .*\)\)), and outputs='(\w+)'", str(refusal.value))[0]
    asked = Classifier(eval(function, {"model": model}), PLAIN, ["other", "red"], outputs=outputs)
    assert asked.logits(torch.from_numpy(images)).argmax(1).tolist() == red.tolist()
