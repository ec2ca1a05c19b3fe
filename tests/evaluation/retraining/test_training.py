from __future__ import annotations

import pytest
import torch

from helpers.planted import planted
from helpers.processor import SEED
from unseen import Classifier, Preprocessing
from unseen.errors import ModelError, ParameterError
from unseen.evaluation.retraining.datasets import load_dataset
from unseen.evaluation.retraining.network import SmallNetwork
from unseen.evaluation.retraining.training import Training, accuracy, predicted, retrained, train


@pytest.mark.numerics
def test_the_digits_are_learnt_from_few() -> None:
    dataset = load_dataset("digits").limited(200)
    images, labels = dataset.images, dataset.labels
    told: list[tuple[str, int, int | None]] = []
    classifier = train(
        SmallNetwork(10, seed=SEED), images[dataset.train], labels[dataset.train], dataset.classes,
        seed=SEED, progress=lambda *words: told.append(words),
    )  # fmt: skip
    assert accuracy(classifier, images[dataset.test], labels[dataset.test]) > 0.85
    assert told[0] == ("training", 1, 56)
    assert told[-1] == ("training", 56, 56)
    assert classifier.label(3) == "3"
    assert not any(module.training for module in classifier.model.modules())
    assert all(parameter.grad is None for parameter in classifier.model.parameters())


@pytest.mark.numerics
def test_the_same_seed_gives_the_same_network_and_leaves_the_global_stream() -> None:
    dataset = planted(10)

    def weights(seed: int) -> torch.Tensor:
        training = Training(1)
        model = retrained(dataset.images, dataset.labels, dataset.classes, training=training, seed=seed, device="cpu")
        return torch.cat([value.flatten().float() for value in model.model.state_dict().values()])

    before = torch.get_rng_state()
    one, again, other = weights(1), weights(1), weights(2)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_photographs_are_normalised_by_their_own_statistics() -> None:
    dataset = planted(10)
    training = Training(1)
    classifier = retrained(dataset.images, dataset.labels, dataset.classes, training=training, seed=0, device="cpu")
    normal = classifier.normalise(dataset.images)
    torch.testing.assert_close(normal.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(normal.std((0, 2, 3)), torch.ones(3), atol=1e-4, rtol=0)
    assert classifier.preprocessing.size == (16, 16)


def test_accuracy_is_the_share_of_right_answers() -> None:
    dataset = planted(10)
    training = Training(1)
    classifier = retrained(dataset.images, dataset.labels, dataset.classes, training=training, seed=0, device="cpu")
    said = predicted(classifier, dataset.images)
    right = sum(int(a == b) for a, b in zip(said.tolist(), dataset.labels.tolist(), strict=True))
    assert accuracy(classifier, dataset.images, dataset.labels) == right / len(said)
    assert accuracy(classifier, dataset.images, said) == 1


def test_one_of_two_classes_is_decided_for_by_its_threshold() -> None:
    class Light(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mean((1, 2, 3))[:, None]

    plain = Preprocessing((16, 16), None, mean=(0, 0, 0), std=(1, 1, 1))
    images = torch.tensor([0.0, 0.3, 0.9])[:, None, None, None].expand(3, 3, 16, 16)
    for threshold, said in ((0.5, [1, 1, 1]), (0.6, [0, 0, 1])):
        classifier = Classifier(Light(), plain, outputs=f"binary:threshold={threshold}")
        assert predicted(classifier, images).tolist() == said


def test_wrong_parameters_and_divergence_are_refused() -> None:
    for wrong, words in (
        (Training, "epochs must be at least 1, got 0"),
        (lambda _: Training(batch=1), "batch must be at least 2, got 1"),
    ):
        with pytest.raises(ParameterError, match=words):
            wrong(0)
    with pytest.raises(ParameterError, match=r"rate must be .* got 2"):
        Training(rate=2.0)
    with pytest.raises(ParameterError, match=r"decay must be .* got 1"):
        Training(decay=1.0)
    dataset = planted(10)
    broken = dataset.images.clone()
    broken[0] = float("inf")
    with pytest.raises(ModelError, match="the loss is not finite"):
        retrained(broken, dataset.labels, dataset.classes, training=Training(1), seed=0, device="cpu")
