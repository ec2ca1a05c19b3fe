"""Blur: a hidden pixel shows the photograph out of focus.

It is what insertion begins from in Petsiuk et al., *RISE*, BMVC 2018, and what deletion ends at in Fong & Vedaldi,
*Interpretable Explanations of Black Boxes by Meaningful Perturbation*, ICCV 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from jaxtyping import Float
from torch import Tensor

from unseen.classifier import Classifier
from unseen.errors import ParameterError
from unseen.inputs.smoothing import Width, smoothed
from unseen.removal.fills.constant import blended
from unseen.removal.fills.painting import Painting, distinct
from unseen.system.options import Count
from unseen.system.spelling import compact


@dataclass(frozen=True)
class Blur(Painting):
    """Hidden pixels are those of the photograph smoothed by a Gaussian; soft masks blend linearly.

    What is hidden is not gone: colours and coarse shapes stay, and so may the class. Look at the score with everything
    hidden before you compare areas under a blur with those under a colour.

    Weights end at three standard deviations, or where the filter does, and at the borders only what exists is averaged,
    so that an even photograph stays as it is.

    Raises:
        ParameterError: a width that is not positive and finite, a size below 2, or both.

    Example:
        >>> from unseen.removal.fills.blur import Blur
        >>> inside = Blur(width=4.0).bind(classifier, photo).painted(~square[None])[0, :, 12, 12]
        >>> inside[0] < 1, inside[1] > 0  # less red, and not red alone
        (tensor(True), tensor(True))
    """

    width: Width = 20.0
    size: Annotated[
        int | None,
        Count(
            "the side of the filter in pixels, in place of a width: weights end at half of it, and the standard "
            "deviation is 0.3 · ((size − 1) / 2 − 1) + 0.8, as in OpenCV and torchvision",
            2,
        ),
    ] = None
    soft = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size is not None and self.width != type(self).width:
            raise ParameterError(
                f"size={self.size} decides the width of the blur; leave width={compact(float(self.width))} out, or size"
            )

    @property
    def name(self) -> str:
        """``blur:`` and the width, or the size of the filter."""
        if self.size is not None:
            return f"blur:size={self.size}"
        return f"blur:{compact(float(self.width))}"

    def painted(
        self, classifier: Classifier, pixels: Float[Tensor, "N C *space"], masks: Float[Tensor, "N *space"]
    ) -> Float[Tensor, "N C *space"]:
        """See :meth:`Painting.painted`."""
        del classifier
        axes = pixels.ndim - 2
        if self.size is None:
            blurred = smoothed(distinct(pixels), axes, self.width)
        else:
            blurred = smoothed(distinct(pixels), axes, 0.3 * ((self.size - 1) / 2 - 1) + 0.8, self.size // 2)
        return blended(blurred, pixels, masks)
