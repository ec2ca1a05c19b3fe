"""What a photograph has in common with another, and which of several references it is nearest to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from helpers.trained import PLAIN, pictures, spots
from unseen import Classifier, explain
from unseen.classifier.outputs import Embedding, ZeroShot
from unseen.errors import ModelError, NotApplicableError, ParameterError
from unseen.explainers import map_of
from unseen.explainers.hiding.adaptive import schedule
from unseen.explainers.hiding.iassa import Iassa
from unseen.explainers.hiding.windows import hiding, sliding
from unseen.removal import REMOVALS
from unseen.removal.penultimate import masked_features, photograph_features

RED, GREEN, BLUE = torch.eye(3, dtype=torch.bool)


def embedder() -> nn.Module:
    """The trained network without its head, less what every picture has in common."""
    network = nn.Sequential(spots().features, nn.Flatten())
    usual = network((pictures(50, 3)[0] - 0.3) / 0.2).mean(0)
    centred = nn.Linear(24, 24).requires_grad_(False)
    centred.weight.copy_(torch.eye(24))
    centred.bias.copy_(-usual)
    return nn.Sequential(*network, centred).eval()


def embedded(network: nn.Module, *present: Tensor) -> Tensor:
    """The mean embedding of pictures with these spots."""
    kinds = [pictures(20, 11, one[None].expand(20, 3))[0] for one in present]
    return torch.stack([network((images - 0.3) / 0.2).mean(0) for images in kinds])


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return embedder()


@pytest.fixture(scope="module")
def both() -> tuple[Tensor, Tensor]:
    """A picture with a red and a green spot, and where they are."""
    images, _, where = pictures(1, 5, (RED | GREEN)[None])
    return images[0], where[0]


METHODS = [
    "occlusion:window=0.2,stride=0.1", "rise:masks=300,grid=8", "integrated-gradients", "grad-cam",
    "iassa:budget=900", "iassa:budget=900,beta=1",
]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_what_two_photographs_have_in_common(method: str, network: nn.Module, both: tuple[Tensor, Tensor]) -> None:
    photo, where = both
    for own, other, wanted in ((0, 1, RED), (1, 0, GREEN)):
        like = Classifier(network, PLAIN, ["like"], outputs=Embedding(embedded(network, wanted)[0]))
        found = explain(photo, like, method=method, removal="black")
        assert found.label == "like"
        assert float(found.saliency[where[own]].mean()) > float(found.saliency[where[other]].mean()) + 0.1 * float(
            found.saliency.abs().max()
        )


def test_iassa_weighs_windows_by_the_cosine_of_features(network: nn.Module, both: tuple[Tensor, Tensor]) -> None:
    """Co-saliency: a pixel's value is how much nearer the other photograph's features are than with it hidden."""
    photo, where = both
    (other,), _, _ = pictures(1, 23, GREEN[None])
    (reference,) = network((other[None] - 0.3) / 0.2)
    like = Classifier(network, PLAIN, ["like"], outputs=Embedding(reference))
    found = map_of(Iassa(beta=1, iterations=1), REMOVALS.create("black").bind(like, photo), 0)
    masks = hiding(sliding((48, 48), *schedule(0, (48, 48))), (48, 48))

    def nearness(images: Tensor) -> Tensor:
        return nn.functional.cosine_similarity(network((images - 0.3) / 0.2), reference)

    drops = nearness(photo[None]) - nearness(photo * masks[:, None])
    expected = torch.einsum("n,nhw->hw", drops, 1 - masks) / (1 - masks).sum(0)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    assert float(found[where[1]].mean()) > float(found[where[0]].mean()) + 0.1 * float(found.abs().max())


def test_a_cosine_orders_photographs_as_the_distance_of_unit_vectors_does(network: nn.Module) -> None:
    """So the Euclidean distance, of features of length 1, makes the same map but for the scale of its values."""
    images, _, _ = pictures(20, 4)
    features = nn.functional.normalize(network((images - 0.3) / 0.2))
    like = Classifier(network, PLAIN, ["like"], outputs=Embedding(features[0]))
    distances = (features - features[0]).norm(dim=1)
    torch.testing.assert_close(like.logits(images)[:, 0], 1 - distances.square() / 2, atol=1e-5, rtol=1e-5)


def test_zero_shot_is_a_classifier_of_its_references(network: nn.Module, tmp_path: Path) -> None:
    np.save(tmp_path / "texts.npy", embedded(network, RED, GREEN, BLUE).numpy())
    outputs = ZeroShot(str(tmp_path / "texts.npy"), scale=10)
    classifier = Classifier(network, PLAIN, ["red", "green", "blue"], outputs=outputs)
    images = torch.cat([pictures(10, 31 + k, torch.eye(3).bool()[k].expand(10, 3))[0] for k in range(3)])
    right = classifier.logits(images).argmax(1) == torch.arange(3).repeat_interleave(10)
    assert right.float().mean() > 0.8
    (photo,), _, (where,) = pictures(1, 8, BLUE[None])
    found = explain(photo, classifier, removal="black", confidence=(0.5,))
    assert found.label == "blue"
    assert found.parts[0].verified
    assert found.saliency[where[2]].mean() > 2 * found.saliency[~where[2]].mean()
    assert found.provenance["classifier"]["outputs"].startswith("zero-shot:reference=")


def test_references_that_do_not_fit_are_refused(network: nn.Module) -> None:
    with pytest.raises(
        ModelError, match="embeddings of 24 numbers and the reference has 5; make it with the same model"
    ):
        Classifier(network, PLAIN, outputs=Embedding(torch.ones(5))).logits(torch.rand(1, 3, 48, 48))
    with pytest.raises(ParameterError, match="none of them 0"):
        Embedding(torch.zeros(2, 5))
    with pytest.raises(ParameterError, match=r"shape \(1, 1, 5\)"):
        Embedding(torch.ones(1, 1, 5))
    with pytest.raises(ParameterError, match="a single reference excludes none; give several, or outputs='embedding'"):
        ZeroShot(torch.ones(5))


@pytest.mark.parametrize("method", ["deeplift", "lrp-gamma"])
def test_rules_for_sums_are_not_used_on_a_cosine(method: str, network: nn.Module, both: tuple[Tensor, Tensor]) -> None:
    """They would add up to something else and call it rounding."""
    for outputs in (Embedding(torch.ones(24)), ZeroShot(torch.eye(24))):
        with pytest.raises(
            NotApplicableError, match=rf"{method} divides a sum .* choose another method, such as 'integ"
        ):
            explain(both[0], Classifier(network, PLAIN, outputs=outputs), method=method, removal="black")


def test_what_the_head_receives_is_the_embedding(network: nn.Module, both: tuple[Tensor, Tensor]) -> None:
    photo, _ = both
    wanted = nn.functional.normalize(network((photo[None] - 0.3) / 0.2))
    for outputs in (Embedding(torch.ones(24)), ZeroShot(torch.eye(24), scale=7)):
        classifier = Classifier(network, PLAIN, outputs=outputs)
        torch.testing.assert_close(photograph_features(classifier, photo[None]), wanted.detach())
        for removal in ("black", "ad"):
            whole = masked_features(REMOVALS.create(removal).bind(classifier, photo), torch.ones(1, 48, 48))
            torch.testing.assert_close(whole, wanted.detach())
