"""Donor: the hidden part is that of one other photograph, a different one for every mask.

What is asked of a part on other backgrounds (Chanchal, Kelly & Chockler, *Activation-Deactivation*, 2025, Definitions 1
and 2) is asked here of every mask, so that maps and parts are made for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.classifier import Classifier
from unseen.errors import ParameterError
from unseen.inputs.contents import contents_digest
from unseen.inputs.streams import Seed, stream_of
from unseen.removal.fills.constant import blended
from unseen.removal.fills.marginal import Donors, check_alike, files_of, is_same, prepared
from unseen.removal.fills.painting import Painting, distinct
from unseen.system.files import stamp
from unseen.system.spelling import spec


@dataclass(frozen=True)
class Donor(Painting):
    """Hidden pixels are those of one photograph of a folder; soft masks blend linearly.

    Which one follows from the mask and the seed: the same mask always shows the same, and another mask most likely
    another. The photograph itself is passed over, for it would hide nothing. Where `marginal` averages the scores of
    several donors for every mask, this is one pass: a method that averages over many masks averages over donors, too.

    Raises:
        ParameterError: a seed outside 0 … 2⁶³ − 1; (when used) no folder, or no photograph in it besides this one, or a
            photograph that is not at the classifier's resolution.
        PhotoError: (when used) the folder, or a photograph in it, cannot be read.

    Example:
        >>> from pathlib import Path
        >>> from PIL import Image
        >>> from unseen.removal.fills.donor import Donor
        >>> Path("photos").mkdir()
        >>> Image.new("RGB", (32, 32), "blue").save("photos/blue.png")
        >>> Donor("photos").bind(classifier, photo).painted(~square[None])[0, :, 12, 12]
        tensor([0., 0., 1.])
    """

    donors: Donors = None
    seed: Seed = 0
    soft = True

    @property
    def name(self) -> str:
        """``donor``, and what differs from the default."""
        return spec("donor", self, bare=True)

    @property
    def content(self) -> str:
        """Of the folder's photographs."""
        return contents_digest(files_of(self.donors, "donor"))

    def painted(
        self, classifier: Classifier, pixels: Float[Tensor, "N C *space"], masks: Float[Tensor, "N *space"]
    ) -> Float[Tensor, "N C *space"]:
        """See :meth:`Painting.painted`."""
        files = files_of(self.donors, "donor")

        def donor(photo: Tensor, mask: Tensor) -> Tensor:
            for number in torch.randperm(len(files), generator=stream_of(mask.float(), self.seed)).tolist():
                found = prepared(files[number], classifier.preprocessing, stamp(files[number]))
                check_alike(found, photo)
                if not is_same(found, photo):
                    return found
            raise ParameterError(f"{self.donors} holds no photograph besides this one; add others")

        photos = distinct(pixels).detach().expand(len(masks), *pixels.shape[1:])
        chosen = [donor(photo, mask) for photo, mask in zip(photos, masks.detach(), strict=True)]
        return blended(torch.stack(chosen).to(pixels), pixels, masks)
