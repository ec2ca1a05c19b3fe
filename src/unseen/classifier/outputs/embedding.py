"""Models that return an embedding: how similar it is to others, or which of several texts it is nearest to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from jaxtyping import Float
from torch import Tensor

from unseen.classifier.outputs.arrays import Digest, FromArray, Given
from unseen.classifier.outputs.base import Key, Outputs
from unseen.classifier.outputs.derived import Derived
from unseen.classifier.outputs.logits import Logits
from unseen.classifier.outputs.similarity import Least, Similarity, cosines
from unseen.errors import ModelError, ParameterError
from unseen.system.options import Meaning, Positive

Reference = Annotated[Given, Meaning("a file that numpy.save wrote, shape (D,) or (R, D), or the array")]

_LOGITS = Logits()


class Referred(FromArray):
    """What compares an embedding with others."""

    reference: Reference
    scale: float = 1.0
    """By what the cosines are multiplied."""
    linear = False

    def __post_init__(self) -> None:
        super().__post_init__()
        vectors = self._hold("reference").values
        if vectors.ndim not in (1, 2) or not bool(vectors.norm(dim=-1).all()):
            raise ParameterError(
                f"reference has shape {tuple(vectors.shape)}; give embeddings of shape (D,) or (R, D), none of them 0"
            )

    @property
    def references(self) -> Float[Tensor, "R D"]:
        """One a row."""
        vectors = self._held.values
        return vectors[None] if vectors.ndim == 1 else vectors

    def scores(self, answer: object, count: int, name: str) -> Float[Tensor, "N R"]:
        """Cosines of what the model returned and the references, times the scale.

        Raises:
            ModelError: it returned no embeddings of their length.
        """
        embeddings, references = self._numbers(answer, count, name), self.references
        if embeddings.shape[1] != references.shape[1]:
            raise ModelError(
                f"{name} returns embeddings of {embeddings.shape[1]} numbers and the reference has "
                f"{references.shape[1]}; make it with the same model"
            )
        return cosines(embeddings, references, self.scale)

    def returned(self, scores: Float[Tensor, "N R"]) -> Float[Tensor, "N R"]:
        """The scores: what the last linear layer makes, and of the embedding."""
        return scores


@dataclass(frozen=True)
class Embedding(Referred, Similarity):
    """The cosine of the angle between an image's embedding and one of reference, such as another photograph's.

    A map under it shows what the photograph has in common with the other one: co-saliency by feature distance, after
    Vasu & Long, IASSA, WACV 2020, section 2. Of several references each is a target.

    Args:
        reference: embeddings, shape (D,) or (R, D): a file that ``numpy.save`` wrote, an array or a tensor.
        threshold: the cosine from which on the image is like the reference; by default half of that of the whole image.
        sha256: of those numbers, or its beginning: filled in when they are read, refused if it differs.
        key: which entry of what the model returns is the embedding.

    Raises:
        ParameterError: the reference cannot be read, or is no embedding.

    Example:
        >>> from unseen.classifier.outputs import Embedding
        >>> colours = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
        >>> like_red = Classifier(colours, preprocessing, ["like red"], outputs=Embedding(torch.tensor([1.0, 0, 0])))
        >>> like_red.logits(photo[None])
        tensor([[0.6860]])
    """

    reference: Reference
    threshold: Least = None
    sha256: Digest = None
    key: Key = None


@dataclass(frozen=True)
class ZeroShot(Referred, Derived):
    """Which of several references an image's embedding is nearest to, as in zero-shot classification by texts.

    The logit of each is its cosine times a scale (Radford et al., *Learning Transferable Visual Models From Natural
    Language Supervision*, 2021, section 2.3); the references exclude each other.

    Args:
        reference: embeddings of the texts, shape (K, D), K at least 2; as of :class:`Embedding`.
        scale: of the cosines; CLIP's, which it learnt, is 100.
        sha256: of those numbers, or its beginning: filled in when they are read, refused if it differs.
        key: which entry of what the model returns is the embedding.

    Raises:
        ParameterError: the references cannot be read, or there is only one.

    Example:
        >>> from unseen.classifier.outputs import ZeroShot
        >>> colours = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
        >>> texts = ZeroShot(torch.eye(3), scale=10)
        >>> names = Classifier(colours, preprocessing, ["red", "green", "blue"], outputs=texts)
        >>> names.logits(photo[None]).argmax(1)
        tensor([0])
    """

    reference: Reference
    scale: Annotated[float, Positive("by what the cosines are multiplied to be logits")] = 100.0
    sha256: Digest = None
    key: Key = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.references) < 2:
            raise ParameterError("a single reference excludes none; give several, or outputs='embedding'")

    @property
    def like(self) -> Outputs:
        """Logits."""
        return _LOGITS
