"""The photograph and the map of a photograph × method × removal, small enough that a ledger keeps all of them."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from unseen.explanation.plotting import pixels
from unseen.explanation.plotting.sparse import widened
from unseen.system.database import inflated
from unseen.system.schema import MalformedError

PHOTO, MAP = 192, 96
"""Pixels of the longer side, at most."""

_LEVELS = 127
"""A map is kept as whole numbers from −127 to 127, where that many are the end of its colours' range."""


@dataclass(frozen=True)
class Thumbnail:
    """A photograph and a map over it.

    Attributes:
        photo: the photograph as the model saw it, a JPEG file.
        size: (height, width) of the map.
        levels: the map, compressed.
    """

    photo: bytes
    size: tuple[int, int]
    levels: bytes

    @classmethod
    def of(
        cls, image: Float[Tensor, "C *space"], saliency: Float[Tensor, "*cells"], bands: Sequence[int] | None = None
    ) -> Thumbnail | None:
        """That of a map; ``None`` for signals and volumes. Dots are widened, as wherever they are drawn.

        Args:
            image: the photograph in [0, 1], shape (C, H, W).
            saliency: the map, shape (H, W).
            bands: those that are shown; see :func:`unseen.explanation.plotting.pixels.photograph`.

        Example:
            >>> import torch
            >>> from unseen.evaluation.judging.thumbnail import Thumbnail
            >>> kept = Thumbnail.of(torch.zeros(3, 224, 448), torch.eye(448)[:224])
            >>> kept.size, kept.saliency.shape, Thumbnail.of(torch.zeros(1, 500), torch.zeros(500))
            ((48, 96), torch.Size([48, 96]), None)
        """
        if saliency.ndim != 2:
            return None
        shown = Image.fromarray(np.rint(255 * pixels.photograph(image, bands).clip(0, 1)).astype(np.uint8))
        shown.thumbnail((PHOTO, PHOTO))
        buffer = io.BytesIO()
        shown.save(buffer, format="JPEG", quality=85)
        height, width = (int(side) for side in saliency.shape)
        scale = min(1.0, MAP / max(height, width))
        size = max(1, round(height * scale)), max(1, round(width * scale))
        values = widened(saliency)[0].detach()[None, None].float()
        levels = _LEVELS * F.adaptive_avg_pool2d(values, size)[0, 0] / pixels.limits(saliency)[1]
        kept = levels.round().clamp(-_LEVELS, _LEVELS).to(torch.int8)
        return cls(buffer.getvalue(), size, zlib.compress(kept.numpy().tobytes()))

    @property
    def saliency(self) -> Float[Tensor, "H W"]:
        """The map; 1 or −1 is the end of its colours' range.

        Raises:
            MalformedError: what was kept is no map of that size.
        """
        height, width = self.size
        if not (0 < height <= MAP and 0 < width <= MAP):
            raise MalformedError(f"a small map of {height} × {width} pixels")
        content = inflated(self.levels, height * width)
        if content is None:
            raise MalformedError(f"a small map of another size than {height} × {width} pixels")
        levels = np.frombuffer(content, np.int8).astype(np.float32).reshape(self.size)
        return torch.from_numpy(levels / np.float32(_LEVELS))

    @property
    def image(self) -> Float[Tensor, "3 H W"]:
        """The photograph in [0, 1].

        Raises:
            MalformedError: what was kept is no photograph.
        """
        try:
            with Image.open(io.BytesIO(self.photo), formats=["JPEG"]) as found:
                if max(found.size) > PHOTO:
                    raise MalformedError(f"a small photograph of {found.size[0]} × {found.size[1]} pixels")
                shown = np.asarray(found.convert("RGB"), dtype=np.float32) / np.float32(255)
        except (OSError, SyntaxError, ValueError) as error:
            raise MalformedError(f"a small photograph that cannot be read ({error})") from None
        return torch.from_numpy(shown).permute(2, 0, 1)
