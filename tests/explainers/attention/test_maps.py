"""Rollout and gradient-weighted attention: products by hand, a planted truth, and exact removal of tokens as a judge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from helpers.transformers import OF_ATTENTION, PATCH, SIDE, Reads, Transformer, bound, planted, spots
from helpers.untouched import untouched
from unseen import Classifier
from unseen.explainers import METHODS, map_of
from unseen.explainers.attention.capture import Attention, AttentionLayer, attention_of
from unseen.explainers.attention.maps import AttentionRollout, relevance, rollout
from unseen.explainers.sufficient.search import findings_of
from unseen.removal import REMOVALS, MaskedClassifier
from unseen.removal.deactivation.masked_model import masked_model

RED, BLUE = ((0, 1, 1.0), (2, 3, 0.8), (3, 0, 0.5)), ((1, 1, 1.0), (3, 3, 0.7))
READS: tuple[Literal["class", "mean"], ...] = ("class", "mean")


READERS: tuple[tuple[Reads, str], ...] = (
    ("class", "1 without a place"),
    ("mean", "16 of patches"),
    ("pool", "an attention of the head"),
)


def known(*weights: Tensor, relevant: float = 0.0, read: int | None = None) -> Attention:
    """Attention that is given, to three tokens, of which the head reads one or all."""
    reading = torch.ones(1, 3, dtype=torch.bool) if read is None else torch.arange(3)[None] == read
    layers = tuple(AttentionLayer(one[None], relevant * one[None]) for one in weights)
    return Attention(layers, None, reading, torch.ones(1, 3, dtype=torch.bool), ())


FIRST = torch.tensor([[0.2, 0.5, 0.3], [0.1, 0.8, 0.1], [0.0, 0.4, 0.6]])
SECOND = torch.tensor([[0.6, 0.3, 0.1], [0.3, 0.3, 0.4], [0.5, 0.5, 0.0]])


def test_rollout_is_the_product_by_hand() -> None:
    """½ (0.6 + 1) of row 0 of the first layer's ½ (W + I), ½ · 0.3 of row 1, ½ · 0.1 of row 2."""
    found = rollout(known(FIRST, SECOND, read=0))
    first = torch.tensor([[0.6, 0.25, 0.15], [0.05, 0.9, 0.05], [0.0, 0.2, 0.8]])
    assert torch.allclose(found[0], 0.8 * first[0] + 0.15 * first[1] + 0.05 * first[2], atol=1e-6)
    assert torch.allclose(found[0], torch.tensor([0.4875, 0.345, 0.1675]), atol=1e-6)
    assert torch.allclose(rollout(known(FIRST, SECOND), 0)[0], (SECOND @ FIRST).mean(0), atol=1e-6)


def test_attention_to_oneself_gives_the_token_itself() -> None:
    for residual in (0.0, 0.5, 1.0):
        assert rollout(known(torch.eye(3), torch.eye(3), read=1), residual).tolist() == [[0, 1, 0]]
    assert rollout(known(FIRST, SECOND, read=2), 1.0).tolist() == [[0, 0, 1]]


def test_a_pool_reads_by_its_own_attention() -> None:
    given = known(FIRST, SECOND, relevant=0.5)
    pool = torch.tensor([[[0.7, 0.2, 0.1]]])
    pooled = replace(given, pool=AttentionLayer(pool, pool / 4))
    layers = [(each + torch.eye(3)) / 2 for each in (FIRST, SECOND)]
    assert torch.allclose(rollout(pooled)[0], pool[0, 0] @ layers[1] @ layers[0], atol=1e-6)
    raised = (torch.eye(3) + SECOND / 2) @ (torch.eye(3) + FIRST / 2)
    assert torch.allclose(relevance(pooled)[0], pool[0, 0] / 4 @ raised, atol=1e-6)


def test_relevance_is_added_up_by_hand() -> None:
    """R = (I + Ā²) (I + Ā¹), less the identity."""
    found = relevance(known(FIRST, SECOND, relevant=0.5, read=0))
    expected = ((torch.eye(3) + SECOND / 2) @ (torch.eye(3) + FIRST / 2) - torch.eye(3))[0]
    assert torch.allclose(found[0], expected, atol=1e-6)
    assert not bool(relevance(known(FIRST, SECOND)).any())


@pytest.mark.parametrize("reads", [*READS, "pool"])
def test_rollout_hands_out_one(reads: Reads) -> None:
    photo = torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    attention = attention_of(bound(Transformer("fused", reads), photo), 1)
    found = rollout(attention)
    assert float(found.sum()) == pytest.approx(1, abs=1e-5)
    assert bool((found >= 0).all())


def inside(saliency: Tensor, patches: tuple[tuple[int, int, float], ...]) -> Tensor:
    """The value in the middle of each patch."""
    middle = PATCH // 2
    return torch.stack([saliency[PATCH * row + middle, PATCH * column + middle] for row, column, _ in patches])


@pytest.mark.parametrize("reads", READS)
def test_what_is_attended_to_in_vain_has_no_relevance(reads: Literal["class", "mean"]) -> None:
    """Rollout sees that tokens are attended to, and not that nothing is taken from them."""
    masked = bound(planted(reads), spots(RED, BLUE))
    found = {method: map_of(METHODS.create(method), masked, 0) for method in OF_ATTENTION}
    nowhere = ((0, 3, 0.0), (2, 1, 0.0))
    assert float(inside(found["chefer"], RED).min()) > 10 * float(inside(found["chefer"], BLUE + nowhere).max())
    assert float(inside(found["attention-rollout"], RED + BLUE).min()) > 1.5 * float(
        inside(found["attention-rollout"], nowhere).max()
    )
    order = inside(found["chefer"], RED)
    assert order.tolist() == sorted(order.tolist(), reverse=True)


def drops(masked: MaskedClassifier) -> Tensor:
    """How far the logit falls without each token, which is as if it had never been one."""
    assert masked.removal.name == "ad"
    masks = torch.ones(16, SIDE, SIDE)
    for number, mask in enumerate(masks):
        row, column = divmod(number, 4)
        mask[PATCH * row : PATCH * (row + 1), PATCH * column : PATCH * (column + 1)] = 0
    return masked(torch.ones(1, SIDE, SIDE))[:, 0] - masked(masks)[:, 0]


@pytest.mark.parametrize("reads", READS)
def test_relevance_agrees_with_exact_removal_of_tokens(reads: Literal["class", "mean"]) -> None:
    """Where the score falls: without what is attended to in vain it rises, which no positive map can show."""
    masked = bound(planted(reads), spots(RED, BLUE), "ad")
    attention, judge = attention_of(masked, 0), drops(masked)
    falls = judge.clamp(min=0)
    chefer, flow = (
        float(torch.corrcoef(torch.stack([tokens[attention.placed], falls]))[0, 1])
        for tokens in (relevance(attention), rollout(attention))
    )
    assert chefer > 0.95 > 0.8 > flow
    assert float(judge.min()) < -0.2 * float(judge.max())


@pytest.mark.parametrize(
    ("before", "undone"),
    [
        (lambda x: x.flip(-1), lambda x: x.flip(-1)),
        (lambda x: x.roll((4, 8), (2, 3)), lambda x: x.roll((-4, -8), (2, 3))),
    ],
    ids=["mirror", "roll"],
)
def test_a_map_lies_where_the_network_looked(
    before: Callable[[Tensor], Tensor], undone: Callable[[Tensor], Tensor]
) -> None:
    network = planted()
    expected = map_of(METHODS.create("chefer"), bound(network, spots(RED)), 0)
    network.before = before
    moved = undone(spots(RED)[None])[0]
    found = map_of(METHODS.create("chefer"), bound(network, moved), 0)
    assert torch.allclose(before(found[None, None])[0, 0], expected, atol=1e-6 + 1e-4 * float(expected.max()))


def test_a_crop_has_nothing_outside() -> None:
    network = planted()
    network.before = lambda x: x[..., :8, 4:]
    found = map_of(METHODS.create("chefer"), bound(network, spots(RED)), 0)
    assert not bool(found[8:].any())
    assert not bool(found[:, :4].any())
    assert float(inside(found, RED[:1])) > 0.7 * float(found.max())


def test_under_a_removal_that_switches_tokens_off() -> None:
    """The map is that of the plain network; of one that sees a part, what is hidden has none."""
    photo = spots(RED, BLUE)
    plain = bound(planted(), photo)
    switched = bound(planted(), photo, "ad")
    visible = torch.ones(SIDE, SIDE, dtype=torch.bool)
    visible[:PATCH] = False
    partly = bound(masked_model(switched, visible).model, photo)
    for method in OF_ATTENTION:
        whole, under_ad, part = (map_of(METHODS.create(method), one, 0) for one in (plain, switched, partly))
        assert torch.allclose(whole, under_ad, atol=1e-6)
        assert float(part[0].max()) < 1e-6 < 0.1 * float(part[3 * PATCH :].max())


@pytest.mark.usefixtures("unchecked_types")  # the checks draw from Python's random numbers themselves
@pytest.mark.parametrize("method", OF_ATTENTION)
def test_the_network_is_left_as_found_after_as_many_passes_as_announced(method: str) -> None:
    photo = spots(RED, BLUE)
    masked = bound(planted(), photo)
    with untouched(masked.classifier.model), torch.no_grad():
        map_of(METHODS.create(method), masked, 0)
    assert masked.evaluations == METHODS.create(method).cost(masked.shape) == 1


def test_probabilities_have_the_map_of_their_logits() -> None:
    photo = spots(RED, BLUE)
    masked = bound(planted(), photo)
    fed = masked.classifier.preprocessing
    other = Classifier(nn.Sequential(planted(), nn.Softmax(1)), fed, outputs="probabilities")
    expected = map_of(METHODS.create("chefer"), masked, 0)
    found = map_of(METHODS.create("chefer"), REMOVALS.create("black").bind(other, photo), 0)
    alike = torch.corrcoef(torch.stack([expected.flatten(), found.flatten()]))
    assert float(alike[0, 1]) > 0.99


@pytest.mark.parametrize("axes", [1, 3])
def test_signals_and_volumes(axes: int) -> None:
    image = torch.rand(3, *[SIDE] * axes, generator=torch.Generator().manual_seed(1))
    masked = bound(Transformer("fused", axes=axes), image)
    for method in OF_ATTENTION:
        assert map_of(METHODS.create(method), masked, 0).shape == image.shape[1:]


def test_the_record_says_what_the_head_reads() -> None:
    photo = torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    for reads, words in READERS:
        record = findings_of(AttentionRollout(), bound(Transformer("fused", reads), photo), 0).record
        assert words in str(record["reads"])
        assert (record["layers"], record["tokens"]) == (2, "4×4")
        assert (float(record["without_place"]) > 0.1) == (reads == "class")


def test_every_class_has_the_same_rollout() -> None:
    photo = torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    masked = bound(Transformer("fused"), photo)
    first, other = (map_of(AttentionRollout(), masked, target) for target in (0, 1))
    assert torch.equal(first, other)
    relevant, another = (map_of(METHODS.create("chefer"), masked, target) for target in (0, 1))
    assert not torch.allclose(relevant, another, rtol=0.1)
