"""What the head receives, of networks in which it is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.networks import SIZE, Network, bound
from unseen import Classifier, Preprocessing
from unseen.errors import NotApplicableError, ParameterError
from unseen.evaluation.distance.random_parts import random_parts
from unseen.removal import REMOVALS
from unseen.removal.penultimate import masked_features, photograph_features

IMAGE = torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(5))
PARTS = random_parts((SIZE, SIZE), (0.9, 0.5, 0.3, 0.1), torch.Generator().manual_seed(6), cells=4)


class Means(nn.Module):
    """Its features are the mean colour: what the head receives can be computed by hand."""

    def __init__(self, head: str = "module") -> None:
        super().__init__()
        self.dense = nn.Linear(3, 2)
        self.way = head

    def forward(self, x: Tensor) -> Tensor:
        colour = x.mean((2, 3))
        weight, bias = self.dense.weight, self.dense.bias
        if self.way == "keyword":
            return F.linear(input=colour, weight=weight, bias=bias)
        if self.way == "matmul":
            return colour @ weight.T + bias
        if self.way == "shifted":
            return self.dense(colour) + 1
        if self.way == "convolution":
            return F.conv2d(x, weight[:, :, None, None], bias).mean((2, 3))
        if self.way == "earlier":
            return F.pad(self.dense(colour), (0, 1)) @ torch.eye(3)
        return self.dense(colour)


def means(head: str = "module") -> Classifier:
    return Classifier(Means(head), Preprocessing((SIZE, SIZE), None, mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 4.0)))


@pytest.mark.parametrize("head", ["module", "keyword"])
def test_the_features_are_what_the_head_receives(head: str) -> None:
    colour = IMAGE.mean((1, 2))
    expected = (colour - torch.tensor([0.1, 0.2, 0.3])) / torch.tensor([1.0, 2.0, 4.0])
    torch.testing.assert_close(photograph_features(means(head), IMAGE[None]), expected[None])


@pytest.mark.parametrize("outputs", ["sigmoid", "binary", "probabilities", "probabilities:independent", "value"])
@pytest.mark.parametrize("removal", ["black", "ad"])
def test_they_are_the_same_whatever_is_made_of_its_output(outputs: str, removal: str) -> None:
    ends = {"probabilities": nn.Softmax(1), "probabilities:independent": nn.Sigmoid()}
    network = Means()
    if outputs == "binary":
        network.dense = nn.Linear(3, 1)
    ended = nn.Sequential(network, ends.get(outputs, nn.Identity()))
    classifier = Classifier(ended, means().preprocessing, outputs=outputs)
    torch.testing.assert_close(photograph_features(classifier, IMAGE[None]), photograph_features(means(), IMAGE[None]))
    hidden, expected = (REMOVALS.create(removal).bind(one, IMAGE) for one in (classifier, means()))
    torch.testing.assert_close(masked_features(hidden, PARTS), masked_features(expected, PARTS))


def test_several_findings_at_once_have_them_too() -> None:
    classifier = Classifier(Means(), means().preprocessing, ["light", "dark"], outputs="sigmoid")
    together, _ = classifier.asked("light + dark")
    torch.testing.assert_close(photograph_features(together, IMAGE[None]), photograph_features(means(), IMAGE[None]))


@pytest.mark.parametrize("removal", ["black", "white"])
def test_what_a_removal_paints_is_what_counts(removal: str) -> None:
    fill = {"black": 0.0, "white": 1.0}[removal]
    found = masked_features(REMOVALS.create(removal).bind(means(), IMAGE), PARTS)
    pictures = torch.where(PARTS[:, None], IMAGE, torch.tensor(fill))
    torch.testing.assert_close(found, photograph_features(means(), pictures))


@pytest.mark.parametrize("removal", ["grey", "blur:2", "neighbour", "ad", "ad:pooled"])
def test_a_head_on_them_gives_the_logits(removal: str) -> None:
    masked = bound(Network(), double=False, removal=removal)
    found = masked_features(masked, PARTS)
    assert masked.evaluations == len(PARTS)
    head = masked.classifier.model.head
    with torch.no_grad():
        torch.testing.assert_close(head(found), masked(PARTS))


@pytest.mark.parametrize("removal", ["grey", "ad"])
def test_showing_everything_gives_the_photograph_and_batches_do_not_matter(removal: str) -> None:
    masked = bound(Network(), double=False, removal=removal)
    whole = masked_features(masked, torch.ones(1, SIZE, SIZE))
    torch.testing.assert_close(whole, photograph_features(masked.classifier, masked.image[None]))
    together = masked_features(masked, PARTS)
    one_by_one = masked_features(bound(Network(), double=False, removal=removal, batch_size=1), PARTS)
    torch.testing.assert_close(together, one_by_one)


def test_what_is_switched_off_never_reaches_the_head() -> None:
    masked = bound(Network(), double=False, removal="ad")
    changed = torch.where(PARTS[2], masked.image, 1 - masked.image)
    other = bound(Network(), double=False, removal="ad", image=changed)
    assert torch.equal(masked_features(masked, PARTS[2:3]), masked_features(other, PARTS[2:3]))


@pytest.mark.parametrize("head", ["matmul", "shifted", "convolution", "earlier"])
def test_a_network_without_such_a_head_is_refused(head: str) -> None:
    with pytest.raises(NotApplicableError, match="not the output of a linear layer"):
        photograph_features(means(head), IMAGE[None])


def test_a_function_is_refused_as_what_it_is() -> None:
    brightness = Classifier(lambda batch: batch.mean((2, 3)), means().preprocessing)
    with pytest.raises(
        NotApplicableError, match=r"comparison of features .* is a plain function, .*; judge by .* such as the metric"
    ):
        photograph_features(brightness, IMAGE[None])


def test_a_removal_that_averages_scores_is_refused() -> None:
    masked = REMOVALS.create("averaged-max-distance").bind(means(), IMAGE)
    with pytest.raises(NotApplicableError, match=r"averaged-max-distance.*average several passes"):
        masked_features(masked, PARTS)


def test_masks_of_another_shape_are_refused() -> None:
    with pytest.raises(ParameterError, match="masks have shape"):
        masked_features(REMOVALS.create("grey").bind(means(), IMAGE), PARTS[:, :5])


def test_the_trained_network(classifier: Classifier, photo: Tensor) -> None:
    features = photograph_features(classifier, photo[None])
    assert features.shape == (1, 1280)
    with torch.no_grad():
        torch.testing.assert_close(classifier.model.classifier(features), classifier.logits(photo[None]))
