"""How far what the model sees of one photograph under a mask is from photographs, in its own features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier import Classifier
from unseen.errors import NotApplicableError, ParameterError, PhotoError
from unseen.evaluation.distance.distances import neighbour_distance
from unseen.evaluation.distance.features import masked_features, photograph_features
from unseen.evaluation.distance.measuring import FEWEST
from unseen.removal import MaskedClassifier
from unseen.removal.batched import digest
from unseen.system.progress import ProgressListener

NEIGHBOUR = 10
"""The distance is that to the tenth nearest reference photograph, as of ``unseen distance``."""


@dataclass(frozen=True, eq=False)
class Reference:
    """Photographs that say what is usual.

    Attributes:
        features: of the reference photographs, shape (R, F).
        own: distance of the photograph with nothing hidden.
        notes: which photographs were left out.
        evaluations: passes of photographs through the network.
    """

    features: Float[Tensor, "R F"]
    own: float
    notes: tuple[str, ...] = ()
    evaluations: int = 0

    @classmethod
    def of(
        cls,
        paths: Sequence[Path],
        classifier: Classifier,
        image: Float[Tensor, "C H W"],
        progress: ProgressListener | None = None,
    ) -> Reference:
        """The features of reference photographs and the distance of a photograph from them.

        What looks the same as the photograph, or as another one of the reference, does not count.

        Raises:
            ParameterError: fewer than 20 different photographs that can be read.
            NotApplicableError: the classifier has no penultimate features.
        """
        looks, found, lost = {digest(image)}, [], []
        for path in paths:
            try:
                shown = classifier.prepare(path)
            except PhotoError as error:
                lost.append(str(error))
                continue
            if digest(shown) in looks:
                continue
            looks.add(digest(shown))
            found.append(_features(classifier, shown))
            if progress is not None:
                progress("reference photographs", len(found), None)
        if len(found) < FEWEST:
            reason = f" (first of those left out: {lost[0]})" if lost else ""
            raise ParameterError(
                f"{len(found)} different reference photographs are too few to say what is usual; give at least "
                f"{FEWEST}, better some hundreds{reason}"
            )
        features = torch.cat(found)
        own = float(neighbour_distance(_features(classifier, image), features, NEIGHBOUR))
        if not own:
            raise ParameterError(
                "the photograph's features have the same direction as those of the reference, and no distance is a "
                "multiple of none; leave the reference out"
            )
        notes = (f"{len(lost)} reference photographs were left out; the first: {lost[0]}",) if lost else ()
        return cls(features, own, notes, len(found) + 1)

    def relative(self, masked: MaskedClassifier, masks: Bool[Tensor, "N H W"]) -> list[float]:
        """How far the photograph is under each mask, as a multiple of how far it is with nothing hidden.

        Raises:
            NotApplicableError: the scores do not come from one linear layer, as where a removal averages them.
        """
        far = neighbour_distance(masked_features(masked, masks), self.features, NEIGHBOUR)
        return [float(distance) / self.own for distance in far]


def _features(classifier: Classifier, image: Float[Tensor, "C H W"]) -> Float[Tensor, "1 F"]:
    try:
        return photograph_features(classifier, image[None])
    except NotApplicableError as error:
        raise NotApplicableError(f"{error}; without a reference no distance is measured: leave it out") from None
