"""Attention rollout and gradient-weighted attention: which tokens reach what the head reads.

Sources: Abnar & Zuidema, *Quantifying Attention Flow in Transformers*, ACL 2020, section 3; Chefer, Gur & Wolf,
*Generic Attention-model Explainability for Interpreting Bi-Modal and Encoder-Decoder Transformers*, ICCV 2021,
equations 5 and 6. Both read the row of the class token. Where the head averages tokens, the mean of their rows is the
same read-out, and where a query of the head's own attends to them, its weights are those of the mean. Which of these a
network does, the gradients of its score tell.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.scores import Score
from unseen.explainers.attention.capture import Attention, attention_of
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.search import FromMap
from unseen.explanation import Findings
from unseen.removal.slope import note_false_slope
from unseen.system.options import Share


def rollout(attention: Attention, residual: float = 0.5) -> Float[Tensor, "B T"]:
    """How much of each token at the first layer is in what the head reads, if attention weights were all that mixes.

    Ã = A⁽ᴸ⁾ ⋯ A⁽¹⁾ with A = (1 − r) W + r I, where W is the mean of a layer's heads and r = 1/2 stands for the residual
    connection (Abnar & Zuidema, section 3).

    Args:
        attention: of the photograph.
        residual: r.

    Returns:
        For each row of the batch that the head reads a distribution over the tokens; 0 for others.
    """
    identity = _identity(attention)
    found = identity
    for layer in attention.layers:
        found = ((1 - residual) * layer.weights + residual * identity) @ found
    weights = _means(attention.read) if attention.pool is None else attention.pool.weights
    return (weights @ found)[:, 0]


def relevance(attention: Attention) -> Float[Tensor, "B T"]:
    """How much the score owes to each token by way of attention.

    R ← R + Ā R from R = I, layer by layer, where Ā is the mean over a layer's heads of max(0, ∇A ⊙ A) (Chefer, Gur &
    Wolf, equations 5 and 6). That each token is itself, the identity, is left out of the rows that the head reads.

    Args:
        attention: of the photograph.

    Returns:
        Not negative; in units of the score.
    """
    identity = _identity(attention)
    found = identity
    for layer in attention.layers:
        found = found + layer.relevant @ found
    if attention.pool is not None:
        return (attention.pool.relevant @ found)[:, 0]
    return (_means(attention.read) @ (found - identity))[:, 0]


def _identity(attention: Attention) -> Tensor:
    weights = attention.layers[0].weights
    return torch.eye(weights.shape[-1], device=weights.device, dtype=weights.dtype)


def _means(read: Bool[Tensor, "B T"]) -> Float[Tensor, "B 1 T"]:
    """What takes the mean over the tokens that are read."""
    return (read / read.sum(1, keepdim=True).clamp(min=1))[:, None].float()


@dataclass(frozen=True)
class FromAttention(FromMap):
    """A method that follows tokens through the attention of a plain transformer; its map is not negative."""

    uses_removal = False
    stage = "attention"
    empty = "the score of {label} depends on no token: its map is empty"

    def findings(self, attention: Attention, tokens: Float[Tensor, "B T"]) -> Findings:
        """The map of a value for each token, and how it was read."""
        record = {
            "layers": len(attention.layers),
            "tokens": "×".join(map(str, attention.cells[0].placement.size)),
            "reads": _reads(attention),
            "without_place": float((tokens * ~attention.placed).sum()),
        }
        return Findings(attention.on_photograph(tokens * attention.placed), record=record)


def _reads(attention: Attention) -> str:
    if attention.pool is not None:
        return "all tokens, by an attention of the head"
    patches, others = (int((attention.read & one).sum()) for one in (attention.placed, ~attention.placed))
    words = [f"{count} {word}" for count, word in ((others, "without a place"), (patches, "of patches")) if count]
    return f"tokens: {' and '.join(words) or 'none'}"


@dataclass(frozen=True)
class AttentionRollout(FromAttention):
    """Attention weights multiplied through all layers: the same map for every class, blind to what values say.

    Source: Abnar & Zuidema, *Quantifying Attention Flow in Transformers*, ACL 2020, section 3.

    Raises:
        ParameterError: an option outside its range.
        NotApplicableError: see :func:`~unseen.explainers.attention.capture.attention_of`.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.attention.maps import AttentionRollout
        >>> map_of(AttentionRollout(), transformer, target=0).mean()  # 16 tokens share 1
        tensor(0.0625)
    """

    residual: Annotated[
        float, Share("how much of a token each layer hands on beside its attention, by the residual connection")
    ] = 0.5

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`rollout`."""
        del seed, domain
        attention = attention_of(evaluate.masked, evaluate.target)
        return self.findings(attention, rollout(attention, self.residual))


@dataclass(frozen=True)
class AttentionRelevance(FromAttention):
    """Attention weights times their positive gradients, added up through all layers: what speaks for one class.

    Source: Chefer, Gur & Wolf, *Generic Attention-model Explainability for Interpreting Bi-Modal and Encoder-Decoder
    Transformers*, ICCV 2021, equations 5 and 6.

    Raises:
        NotApplicableError: see :func:`~unseen.explainers.attention.capture.attention_of`.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.attention.maps import AttentionRelevance
        >>> saliency = map_of(AttentionRelevance(), transformer, target=0)
        >>> saliency.shape, bool((saliency >= 0).all())
        (torch.Size([32, 32]), True)
    """

    score: Score = field(default="logit", kw_only=True)

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`relevance`."""
        del seed, domain
        note_false_slope(evaluate.masked, evaluate.target)
        attention = attention_of(evaluate.masked, evaluate.target, score=self.score)
        return self.findings(attention, relevance(attention))
