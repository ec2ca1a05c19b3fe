"""A classifier that sees only a part of any photograph, by a removal that follows the pass through the network."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.overrides import _get_current_function_mode_stack

from unseen.classifier import Classifier
from unseen.classifier.outputs.derived import Scored
from unseen.errors import NotApplicableError
from unseen.removal.deactivation.activation import ActivationDeactivation
from unseen.removal.deactivation.interception import Interception, Watch
from unseen.removal.masked import MaskedClassifier


class MaskedModel(nn.Module):
    """A network that sees only a part of any photograph.

    Args:
        masked: the classifier and the removal, whose pass must take any photograph (:attr:`Removal.shared`).
        visible: the part, shape ``space``.
    """

    def __init__(self, masked: MaskedClassifier, visible: Bool[Tensor, "*space"]) -> None:
        super().__init__()
        self.network = masked.classifier.model
        self._masked = masked
        self._visible = visible.to(masked.classifier.device, torch.float32)[None]
        self._mean, self._std = masked.classifier.statistics.to(masked.classifier.dtype).unbind()

    def forward(self, normalised: Float[Tensor, "N C *space"]) -> Float[Tensor, "N T"]:
        """Scores of a normalised batch.

        Raises:
            NotApplicableError: a removal of the same kind follows this pass already.
        """
        if any(isinstance(mode, Interception) for mode in _get_current_function_mode_stack()):  # type: ignore[no-untyped-call]
            raise NotApplicableError(
                f"a network that sees a part by {self._masked.removal.name!r} cannot be asked by a removal that "
                "follows its pass, too; judge under a removal that paints: 'zero'"
            )
        pixels = normalised * self._std + self._mean
        return self._masked.forward(pixels, self._visible.expand(len(pixels), *self._visible.shape[1:]))

    def watched(
        self, image: Float[Tensor, "C *space"], *, written_out: bool = False
    ) -> Callable[[Tensor, Watch], Tensor]:
        """Passes in which every feature map is shown, the hidden part switched off; see there.

        :meth:`ActivationDeactivation.watched <unseen.removal.deactivation.activation.ActivationDeactivation.watched>`

        Raises:
            NotApplicableError: the removal follows the pass in another way.
        """
        removal = self._masked.removal
        if not isinstance(removal, ActivationDeactivation):
            raise NotApplicableError(f"feature maps cannot be looked at under {removal.name!r}; choose 'ad'")
        return removal.watched(self._masked.classifier, image, self._visible, written_out=written_out)


def masked_model(masked: MaskedClassifier, visible: Bool[Tensor, "*space"]) -> Classifier:
    """The classifier of :class:`MaskedModel`, with the preprocessing and labels of the original."""
    original = masked.classifier
    return original.running(MaskedModel(masked, visible), Scored(original.outputs))
