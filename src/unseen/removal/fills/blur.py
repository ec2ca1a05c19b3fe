"""Blur: a hidden pixel shows the photograph out of focus.

It is what insertion begins from in Petsiuk et al., *RISE*, BMVC 2018, and what deletion ends at in Fong & Vedaldi,
*Interpretable Explanations of Black Boxes by Meaningful Perturbation*, ICCV 2017.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from unseen.classifier import Classifier
from unseen.inputs.smoothing import Width, smoothed
from unseen.removal.fills.constant import blended
from unseen.removal.fills.painting import Painting, distinct
from unseen.system.spelling import compact


@dataclass(frozen=True)
class Blur(Painting):
    """Hidden pixels are those of the photograph smoothed by a Gaussian; soft masks blend linearly.

    What is hidden is not gone: colours and coarse shapes stay, and so may the class. Look at the score with everything
    hidden before you compare areas under a blur with those under a colour.

    Weights end at three standard deviations, and at the borders only what exists is averaged, so that an even
    photograph stays as it is.

    Raises:
        ParameterError: a width that is not positive and finite.

    Example:
        >>> from unseen.removal.fills.blur import Blur
        >>> inside = Blur(width=4.0).bind(classifier, photo).painted(~square[None])[0, :, 12, 12]
        >>> inside[0] < 1, inside[1] > 0  # less red, and not red alone
        (tensor(True), tensor(True))
    """

    width: Width = 20.0
    soft = True

    @property
    def name(self) -> str:
        """``blur:`` and the width."""
        return f"blur:{compact(float(self.width))}"

    def painted(
        self, classifier: Classifier, pixels: Float[Tensor, "N C *space"], masks: Float[Tensor, "N *space"]
    ) -> Float[Tensor, "N C *space"]:
        """See :meth:`Painting.painted`."""
        del classifier
        return blended(smoothed(distinct(pixels), pixels.ndim - 2, self.width), pixels, masks)
