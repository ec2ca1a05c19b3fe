"""How far what the model sees of one photograph under a mask is from photographs, in its own features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier import Classifier
from unseen.errors import ParameterError, PhotoError
from unseen.evaluation.distance.distances import neighbour_distance
from unseen.evaluation.distance.measuring import FEWEST
from unseen.inputs.space import CALLED
from unseen.removal import MaskedClassifier
from unseen.removal.memory import digest
from unseen.removal.penultimate import masked_features, photograph_features
from unseen.system.progress import ProgressListener

_WITHOUT = "leave the reference out, without which no distance is measured"
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
        image: Float[Tensor, "C *space"],
        progress: ProgressListener | None = None,
    ) -> Reference:
        """The features of reference photographs and the distance of a photograph from them.

        What looks the same as the photograph, or as another one of the reference, does not count.

        Raises:
            ParameterError: fewer than 20 different photographs that can be read.
            NotApplicableError: the classifier has no penultimate features.
        """
        kind, looks, found, lost = CALLED[image.ndim - 1], {digest(image)}, [], []
        for path in paths:
            try:
                shown = classifier.prepare(path)
            except PhotoError as error:
                lost.append(str(error))
                continue
            if digest(shown) in looks:
                continue
            looks.add(digest(shown))
            found.append(photograph_features(classifier, shown[None], _WITHOUT))
            if progress is not None:
                progress(f"reference {kind}s", len(found), None)
        if len(found) < FEWEST:
            reason = f" (first of those left out: {lost[0]})" if lost else ""
            raise ParameterError(
                f"{len(found)} different reference {kind}s are too few to say what is usual; give at least "
                f"{FEWEST}, better some hundreds{reason}"
            )
        features = torch.cat(found)
        own = float(neighbour_distance(photograph_features(classifier, image[None], _WITHOUT), features, NEIGHBOUR))
        if not own:
            raise ParameterError(
                f"the {kind}'s features have the same direction as those of the reference, and no distance is a "
                "multiple of none; leave the reference out"
            )
        notes = (f"{len(lost)} reference {kind}s were left out; the first: {lost[0]}",) if lost else ()
        return cls(features, own, notes, len(found) + 1)

    def relative(self, masked: MaskedClassifier, masks: Bool[Tensor, "N *space"]) -> list[float]:
        """How far the photograph is under each mask, as a multiple of how far it is with nothing hidden.

        Raises:
            NotApplicableError: the scores do not come from one linear layer, as where a removal averages them.
        """
        far = neighbour_distance(masked_features(masked, masks, _WITHOUT), self.features, NEIGHBOUR)
        return [float(distance) / self.own for distance in far]
