"""Inpainting by OpenCV: the hidden part is continued from its edge inwards.

Sources: Telea, *An Image Inpainting Technique Based on the Fast Marching Method*, Journal of Graphics Tools 9, 2004;
Bertalmio, Bertozzi & Sapiro, *Navier–Stokes, Fluid Dynamics, and Image and Video Inpainting*, CVPR 2001. OpenCV knows
one image of 8 bits at a time, on the CPU; a batch is spread over torch's threads.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from unseen.classifier import Classifier
from unseen.removal.fills.painting import Painting
from unseen.system.optional import require
from unseen.system.options import Meaning, Number
from unseen.system.spelling import spec

Algorithm = Literal["telea", "navier-stokes"]

_FLAGS = {"telea": "INPAINT_TELEA", "navier-stokes": "INPAINT_NS"}


@dataclass(frozen=True)
class Inpainting(Painting):
    """Hidden pixels are inpainted from what is visible; masks of 0 and 1 only.

    Hidden pixels are rounded to 8 bits; visible ones stay as they are. With nothing visible, every pixel is the
    photograph's mean colour. Gradients pass through visible pixels only as far as they are seen themselves: what is
    inpainted counts as a constant.

    Raises:
        ParameterError: another algorithm, or a radius below 1.
        ModelError: (when used) the extra ``inpainting`` is not installed.

    Example:
        >>> from unseen.removal.fills.inpainting import Inpainting
        >>> inpainting = Inpainting("telea", radius=3.0)
        >>> inpainting.bind(classifier, photo).painted(~square[None])[0, :, 12, 12]  # doctest: +SKIP
        tensor([0.2000, 0.2000, 0.2000])
    """

    algorithm: Annotated[Algorithm, Meaning("OpenCV's algorithm")]
    radius: Annotated[float, Number("the radius of the neighbourhood that a pixel is made from, in pixels", 1)] = 3.0
    axes = (2,)

    @property
    def name(self) -> str:
        """The algorithm, and the radius if it is not the default."""
        return spec(self.algorithm, self, bare=True, preset=("algorithm",))

    def painted(
        self, classifier: Classifier, pixels: Float[Tensor, "N C *space"], masks: Float[Tensor, "N *space"]
    ) -> Float[Tensor, "N C *space"]:
        """See :meth:`Painting.painted`; not differentiable where it paints."""
        del classifier
        hidden = masks == 0
        fill = inpainted(pixels.detach(), hidden, self.algorithm, self.radius)
        return torch.where(hidden[:, None], fill, pixels)


def inpainted(
    pixels: Float[Tensor, "N C *space"], hidden: Tensor, algorithm: Algorithm, radius: float
) -> Float[Tensor, "N C *space"]:
    """The photographs in 8 bits with their hidden parts (bool, shape ``(N, *space)``) inpainted, on the same device."""
    opencv = require("cv2", "inpainting")
    flag = getattr(opencv, _FLAGS[algorithm])
    images = (pixels * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    alone = 3 if images.shape[3] == 3 else 1  # OpenCV takes three channels, or one
    holes = hidden.to(torch.uint8).cpu().numpy()

    def one(image: NDArray[np.uint8], hole: NDArray[np.uint8]) -> NDArray[Any]:
        if hole.all():
            return np.broadcast_to(np.rint(image.mean((0, 1))).astype(np.uint8), image.shape)
        bands = np.split(image, image.shape[2] // alone, axis=2)
        filled = [opencv.inpaint(np.ascontiguousarray(some), hole, radius, flag) for some in bands]
        return np.concatenate([some.reshape(*hole.shape, alone) for some in filled], axis=2)

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        filled = np.stack(list(pool.map(one, images, holes)))
    return torch.from_numpy(filled).permute(0, 3, 1, 2).to(pixels) / 255
