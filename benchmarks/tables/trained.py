"""A classifier and a masked autoencoder that are trained in minutes on small photographs that a package ships."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from unseen.classifier import Preprocessing
from unseen.classifier.zoo import MODELS, Loaded
from unseen.evaluation.retraining.datasets import Dataset, load_dataset
from unseen.evaluation.retraining.network import SmallNetwork
from unseen.evaluation.retraining.training import Training, accuracy, retrained
from unseen.removal.generative.design import Design
from unseen.removal.generative.training import MaeTraining, train_autoencoder

EPOCHS = {"digits": 100, "faces": 600}
"""Of the autoencoder: there are 1,438 digits to train on, and 160 faces and other patches."""


def trained(name: str, folder: Path) -> tuple[list[Path], str, Path]:
    """Photographs that neither was trained on, classes in turn; the classifier's spec; the autoencoder's folder.

    What lies in ``folder`` already is not trained again. The spec is known to this process from now on.
    """
    MODELS.register("trained", load, "what this benchmark has trained: trained:NAME@FILE")
    dataset = load_dataset(name)
    for part, indices in (("train", dataset.train), ("test", dataset.test)):
        write(dataset, indices, folder / part)
    weights = folder / "classifier.pt"
    if not weights.exists():
        inside, outside = dataset.train, dataset.test
        classifier = retrained(
            dataset.images[inside], dataset.labels[inside], dataset.classes, training=Training(20), seed=0, device="cpu"
        )
        found = {"network": classifier.model.state_dict(), "preprocessing": asdict(classifier.preprocessing)}
        right = accuracy(classifier, dataset.images[outside], dataset.labels[outside])
        torch.save({**found, "classes": dataset.classes, "accuracy": right}, weights)
    design = Design(size=dataset.size[0], patch=4, width=64, depth=3)
    training = MaeTraining(design, epochs=EPOCHS[name], rate=3e-3)
    judged = train_autoencoder(folder / "train", folder / "autoencoder", training)
    right = torch.load(weights, weights_only=True)["accuracy"]
    print(f"classifier: right on {right:.3f} of {len(dataset.test)} photographs")
    print(
        f"autoencoder: error {judged.errors[-1]:.4f} on hidden pixels of {judged.photographs[1]} photographs, "
        + ", ".join(f"{plain} {error:.4f}" for plain, error in judged.plain.items())
    )
    return in_turn(dataset, folder / "test"), f"trained:{name}@{weights}", folder / "autoencoder"


def load(name: str, weights: Path | None) -> Loaded:
    """See :data:`unseen.classifier.zoo.Loader`."""
    del name
    assert weights is not None
    found = torch.load(weights, weights_only=True)
    network = SmallNetwork(len(found["classes"]))
    network.load_state_dict(found["network"])
    return Loaded(network, Preprocessing(**found["preprocessing"]), tuple(found["classes"]))


def write(dataset: Dataset, indices: Tensor, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for index in indices.tolist():
        path = folder / f"{index:04}.png"
        if not path.exists():
            pixels = (dataset.images[index] * 255).round().byte().permute(1, 2, 0).numpy()
            Image.fromarray(pixels).save(path)


def in_turn(dataset: Dataset, folder: Path) -> list[Path]:
    """A prefix has equally many of each class."""
    ordered: list[tuple[float, int]] = []
    for label in range(len(dataset.classes)):
        members = dataset.test[dataset.labels[dataset.test] == label].tolist()
        ordered += [((place + 0.5) / len(members), index) for place, index in enumerate(members)]
    return [folder / f"{index:04}.png" for _, index in sorted(ordered)]
