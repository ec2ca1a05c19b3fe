"""The self-attention of a transformer: its weights in every layer, how a score depends on them, where tokens lie.

Positions are followed through the network as by Activation–Deactivation with nothing hidden. A matrix that holds a
number for each pair of positions and multiplies values at positions is an attention matrix, whether torch's fused
kernel, ``nn.MultiheadAttention`` or the network's own code computes it; what the network does to its weights between
the softmax and that product is in it. Where the classifier sees a part only, its own pass is looked at, and no token of
the hidden part is attended to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unseen.classifier import Classifier
from unseen.classifier.autograd_graph import nodes_of
from unseen.classifier.differentiation import differentiated
from unseen.classifier.intercepting import Function
from unseen.classifier.rounding import resolution
from unseen.classifier.scores import Score, target_score
from unseen.errors import NotApplicableError
from unseen.removal import MaskedClassifier
from unseen.removal.deactivation.cells import Cells, cells_of
from unseen.removal.deactivation.features import NO_MAP, watched_passes
from unseen.removal.deactivation.grid import Grid, Layout
from unseen.removal.deactivation.interception import Interception
from unseen.removal.deactivation.places import Scattered, Scores
from unseen.removal.deactivation.pointwise import functions

NO_ATTENTION = ("no attention map", NO_MAP[1])

_SOFTMAX = frozenset(functions(("softmax",), in_place=False))


@dataclass(frozen=True, eq=False)
class AttentionLayer:
    """The attention of one layer, averaged over its heads, for B rows of the batch and T tokens.

    A row is a query and a column a key; a pool has one row, its queries are no tokens.

    Attributes:
        weights: A; each row sums to 1, float32.
        relevant: the positive part of ∇A ⊙ A, where ∇A is the gradient of the score with respect to A, float32.
    """

    weights: Float[Tensor, "B Q T"]
    relevant: Float[Tensor, "B Q T"]


@dataclass(frozen=True, eq=False)
class Attention:
    """The self-attention of a transformer that looks at one photograph.

    Attributes:
        layers: in the order of the pass.
        pool: of the head, where it weighs the tokens by a softmax, as a query of its own does; else ``None``.
        read: the tokens that the head reads, found by the score's gradients, shape (B, T): the class token alone, or
            all that are averaged.
        placed: the tokens that show a place of the photograph, shape (B, T); a class token shows none.
        cells: where they lie, for each row of the batch.
    """

    layers: tuple[AttentionLayer, ...]
    pool: AttentionLayer | None
    read: Bool[Tensor, "B T"]
    placed: Bool[Tensor, "B T"]
    cells: tuple[Cells, ...]

    def on_photograph(self, tokens: Float[Tensor, "B T"]) -> Float[Tensor, "*space"]:
        """A value for each token, added up over the batch's rows at their places, enlarged linearly."""
        rows = zip(tokens.cpu(), self.cells, strict=True)
        return torch.stack([cells.laid(cells.of(row[None, :, None])[0, 0]) for row, cells in rows]).sum(0)


def attention_of(masked: MaskedClassifier, target: int, *, score: Score = "logit") -> Attention:
    """The attention of every layer, and how the score depends on it; one pass with a gradient.

    Args:
        masked: the classifier and its photograph.
        target: class index.
        score: ``logit`` or ``probability``.

    Raises:
        NotApplicableError: the network is no transformer in which, layer after layer and with nothing else between, all
            tokens attend to all; or the places of its tokens on the photograph are not known.
    """

    def compute() -> Attention:
        (found,) = masked.in_batches(1, lambda *_: _captured(masked, target, score))
        return found

    return masked.cached(("attention", target, score), compute)


def _captured(masked: MaskedClassifier, target: int, score: Score) -> Attention:
    classifier = masked.classifier
    watched = watched_passes(classifier, masked.image, NO_ATTENTION, written_out=True)
    image = masked.image[None].to(classifier.device).detach().requires_grad_()
    seen = _Seen(classifier)
    with classifier.frozen(), torch.enable_grad():
        value = target_score(classifier.outputs, watched(image, seen), target, score)[0]
        tokens = seen.tokens()
        made = [one.weights for one in (*seen.layers, *seen.pools)]
        gradients = differentiated(classifier, value, made)
    cells = cells_of(tokens[..., None], Scattered(seen.layers[0].grid, by=Layout(tokens[..., None])))
    if cells is None:
        raise seen.refusal("its tokens cannot be laid over the photograph")
    count, length = tokens.shape
    found = []
    for one, slope in zip((*seen.layers, *seen.pools), gradients, strict=True):
        queries = 1 if one in seen.pools else length
        each = (one.weights.detach(), slope)
        found.append(_layer(*(part.movedim(one.axis, -1).reshape(count, -1, queries, length) for part in each)))
    slope = gradients[len(seen.layers) - 1].reshape(count, -1, length, length)
    layers, pool = found[: len(seen.layers)], found[-1] if seen.pools else None
    return Attention(tuple(layers), pool, (slope != 0).any(3).any(1), tokens >= 0, tuple(cells))


def _layer(weights: Float[Tensor, "B H Q T"], slopes: Float[Tensor, "B H Q T"]) -> AttentionLayer:
    precise = torch.promote_types(weights.dtype, torch.float32)
    relevant = (slopes.to(precise) * weights.to(precise)).clamp(min=0)
    return AttentionLayer(weights.to(precise).mean(1).float(), relevant.mean(1).float())


@dataclass(frozen=True, eq=False)
class _Made:
    """Attention weights as the network made them.

    Attributes:
        weights: with their graph.
        grid: of the positions.
        keys: which of them each key is, shape (B, T).
        axis: of the keys.
    """

    weights: Tensor
    grid: Grid
    keys: Int[Tensor, "B T"]
    axis: int = -1


@dataclass(eq=False)
class _Seen:
    """What a pass shows of attention: matrices of pairs of positions that multiply values, and weights of a pool."""

    classifier: Classifier
    layers: list[_Made] = field(default_factory=list)
    pools: list[_Made] = field(default_factory=list)

    def __call__(self, run: Interception, func: Function, operands: Sequence[Tensor], output: Tensor) -> None:
        """See :data:`~unseen.removal.deactivation.interception.Watch`."""
        pairs = [(tensor, state) for tensor in operands if (state := run.scores(tensor)) is not None]
        if pairs and any(run.positions(tensor) is not None for tensor in operands):
            self.layers += [self._matrix(tensor, state) for tensor, state in pairs]
        elif func in _SOFTMAX:
            positions = run.positions(output)
            assert positions is not None
            held = positions.held_by(output.ndim)
            if len(held) == 1 and _is_distribution(output, *held):
                (axis,) = held
                keys = self._rows(positions.index(output.ndim).movedim(axis, -1))
                self.pools.append(_Made(output, positions.grid, keys, axis))

    def _matrix(self, tensor: Tensor, state: Scores) -> _Made:
        if not _is_distribution(tensor, -1):
            raise self.refusal("what weighs its values is not positive with a sum of 1 for each query")
        sides = {side: side.held_by(tensor.ndim) for side in state.pair}
        along = {axis: side for side, held in sides.items() for axis in held if len(held) == 1}
        if along.keys() != {-2, -1}:
            raise self.refusal("its tokens attend within windows")
        queries, keys = (self._rows(along[axis].index(tensor.ndim).movedim(axis, -1)) for axis in (-2, -1))
        if along[-2].grid is not along[-1].grid or not torch.equal(queries, keys):
            raise self.refusal("its tokens attend to others than themselves")
        return _Made(tensor, along[-1].grid, keys)

    def _rows(self, index: Tensor) -> Tensor:
        """The places along the last axis, for each row of the batch."""
        if any(extent > 1 for extent in index.shape[1:-1]):
            raise self.refusal("its tokens attend within windows")
        return index.reshape(-1, index.shape[-1])

    def tokens(self) -> Int[Tensor, "B T"]:
        """The places of the tokens, -1 of those that have none, once the pass is over.

        Raises:
            NotApplicableError: their attention is not that of a plain transformer.
        """
        if not self.layers:
            raise self.refusal("it has no attention from each position of the photograph to each")
        first, *others = self.layers
        if len(first.keys) != first.grid.count:
            raise self.refusal("its tokens attend within windows")
        if len(self.pools) > 1:
            raise self.refusal("queries that are no tokens attend to them more than once")
        for other in (*others, *self.pools):
            if other.grid is not first.grid or not torch.equal(other.keys, first.keys):
                raise self.refusal("its layers attend to different tokens, or join them by more than attention")
        for earlier, later in pairwise((*self.layers, *self.pools)):
            if earlier.weights.grad_fn not in set(nodes_of(later.weights)):
                raise self.refusal("its attentions do not follow one after the other")
        return first.keys

    def refusal(self, why: str) -> NotApplicableError:
        """The error that says why there is no map, and what to do."""
        lack, remedy = NO_ATTENTION
        return NotApplicableError(f"{lack} of {self.classifier.name}: {why}; {remedy}")


def _is_distribution(weights: Tensor, axis: int) -> bool:
    """Whether all are positive and, along an axis, sum to 1 up to rounding."""
    values = weights.detach().float()
    sums = values.sum(axis)
    return bool((values >= 0).all()) and float((sums - 1).abs().amax()) <= 10 * resolution(weights.dtype)
