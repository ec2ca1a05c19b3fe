"""The method's map where only a part of the photograph is visible, under removals that paint and that do not."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.overrides import _get_current_function_mode_stack

from unseen.classifier import Classifier
from unseen.errors import NotApplicableError
from unseen.metrics.case import Case
from unseen.removal import MaskedClassifier
from unseen.removal.deactivation.interception import Interception


class PartlySighted(nn.Module):
    """A network that sees only a part of any photograph, by a removal that follows the pass through it.

    Args:
        masked: the classifier and the removal, whose pass must take any photograph (:attr:`Removal.shared`).
        visible: the part, shape (H, W).
    """

    def __init__(self, masked: MaskedClassifier, visible: Bool[Tensor, "H W"]) -> None:
        super().__init__()
        self.network = masked.classifier.model
        self._masked = masked
        self._visible = visible.to(masked.classifier.device, torch.float32)[None]
        preprocessing = masked.classifier.preprocessing
        statistics = torch.tensor([preprocessing.mean, preprocessing.std], device=masked.classifier.device)
        self._mean, self._std = statistics.to(masked.classifier.dtype).reshape(2, 3, 1, 1).unbind()

    def forward(self, normalised: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N K"]:
        """Logits of a normalised batch.

        Raises:
            NotApplicableError: a removal of the same kind, or a class activation map, follows this pass already.
        """
        if any(isinstance(mode, Interception) for mode in _get_current_function_mode_stack()):  # type: ignore[no-untyped-call]
            raise NotApplicableError(
                f"a network that sees a part by {self._masked.removal.name!r} cannot be asked by what follows its "
                "pass, too (the same removal, a class activation map); judge under a removal that paints: 'zero'"
            )
        pixels = normalised * self._std + self._mean
        return self._masked.forward(pixels, self._visible.expand(len(pixels), -1, -1))


def partial_map(case: Case, visible: Bool[Tensor, "H W"]) -> Float[Tensor, "H W"]:
    """The method's map with the rest hidden by the case's removal.

    A removal that paints gives the picture that is explained. One that follows the pass through the network makes a
    classifier of it that sees only the part; methods that have no rule for such a network refuse it.

    Raises:
        NotApplicableError: nobody can be asked for maps, the removal neither paints nor follows the pass, or the method
            refuses the network.
    """
    masked = case.masked
    if not (masked.removal.inside and masked.removal.shared):
        return case.explained(masked.painted(visible[None])[0])
    original = masked.classifier
    partly = Classifier(PartlySighted(masked, visible), original.preprocessing, original.labels, name=original.name)
    return case.explained(case.image, partly)
