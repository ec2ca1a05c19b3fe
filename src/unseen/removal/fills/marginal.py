"""Marginal: the hidden part is that of other photographs, and the scores are averaged over them.

Source: Lymperopoulos, *A Study of Explainable AI: The Concept of Zero Information*, 2023, Eq. 45; Lundberg & Lee, *A
Unified Approach to Interpreting Model Predictions*, NeurIPS 2017; Sundararajan & Najmi, *The Many Shapley Values for
Model Explanation*, ICML 2020. It is the expectation over the *marginal* distribution, which knows nothing of the
visible part.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.classifier import Classifier, Preprocessing
from unseen.errors import ParameterError
from unseen.inputs.contents import contents_digest
from unseen.inputs.finding import find_photos
from unseen.inputs.streams import Seed
from unseen.removal.fills.averaging import Averaging
from unseen.system.files import stamp
from unseen.system.options import Count, Meaning
from unseen.system.spelling import spec

_SAME = 0.01
"""Mean difference of pixels in [0, 1] below which a donor is the photograph itself, perhaps compressed once more."""


Donors = Annotated[
    str | None,
    Meaning(
        "a folder of photographs of the kind that the network was trained on; without one there is nothing to take"
    ),
]


@dataclass(frozen=True)
class Marginal(Averaging):
    """The mean score when each donor's pixels stand in the hidden part in turn.

    Donors are drawn from a folder, the same for every photograph; one that is the photograph itself is passed over, for
    it would hide nothing. With few donors, what they show is seen in the mean.

    Raises:
        ParameterError: a count below 1, a seed outside 0 … 2⁶³ − 1; (when bound) no folder, or too few photographs in
            it, or a photograph that is not at the classifier's resolution.
        PhotoError: (when bound) the folder, or a photograph in it, cannot be read.

    Example:
        >>> from pathlib import Path
        >>> from PIL import Image
        >>> from unseen.removal.fills.marginal import Marginal
        >>> Path("photos").mkdir()
        >>> for colour in ("red", "blue"):
        ...     Image.new("RGB", (32, 32), colour).save(f"photos/{colour}.png")
        >>> Marginal("photos", count=2).bind(classifier, photo)(~square[None]).shape
        torch.Size([1, 3])
    """

    donors: Donors = None
    count: Annotated[int, Count("how many donors there are; a mask costs as many passes")] = 8
    seed: Seed = 0

    @property
    def name(self) -> str:
        """``marginal``, and what differs from the default."""
        return spec("marginal", self, bare=True)

    @property
    def content(self) -> str:
        """Of the folder's photographs."""
        return contents_digest(files_of(self.donors, "marginal"))

    def fills(self, classifier: Classifier, image: Float[Tensor, "C *space"]) -> Float[Tensor, "D C *space"]:
        """See :meth:`Averaging.fills`."""
        files = files_of(self.donors, "marginal")
        found: list[Tensor] = []
        for number in torch.randperm(len(files), generator=torch.Generator().manual_seed(self.seed)):
            donor = prepared(files[int(number)], classifier.preprocessing, stamp(files[int(number)])).to(image)
            check_alike(donor, image)
            if not is_same(donor, image):
                found.append(donor)
            if len(found) == self.count:
                return torch.stack(found)
        raise ParameterError(
            f"{self.donors} holds {len(found)} photographs besides this one; marginal needs {self.count}: "
            "add some, or ask for a smaller count"
        )


def files_of(folder: str | None, removal: str) -> list[Path]:
    """The photographs of a folder that a removal needs, sorted by name.

    Raises:
        ParameterError: no folder is given.
        PhotoError: it cannot be read, or holds no photograph.
    """
    if folder is None:
        raise ParameterError(f"removal {removal!r} needs a folder of photographs: {removal}:FOLDER")
    return find_photos([folder])


def is_same(donor: Tensor, image: Tensor) -> bool:
    """Whether a donor is the photograph itself, which would hide nothing."""
    return float((donor.to(image) - image).detach().abs().mean()) < _SAME


def check_alike(other: Tensor, image: Tensor) -> None:
    """Refuse a photograph that is not at the resolution at which the classifier prepares them.

    Raises:
        ParameterError: the lengths of their axes differ.
    """
    shape, wanted = (tuple(image.shape[image.ndim - other.ndim + 1 :]), tuple(other.shape[1:]))
    if shape != wanted:
        raise ParameterError(
            f"the photograph has {shape} pixels and those of the folder {wanted}; prepare it by Classifier.prepare"
        )


@lru_cache(maxsize=64)  # 38 MB at 224 × 224
def prepared(file: Path, preprocessing: Preprocessing, stamped: tuple[int, int, int]) -> Float[Tensor, "C *space"]:
    """A photograph as a network with this preprocessing sees it; those used last are kept, not to be read anew.

    Args:
        file: the photograph.
        preprocessing: of the network.
        stamped: its :func:`~unseen.system.files.stamp`: a file that is written again is read again.
    """
    del stamped
    return preprocessing.prepared(file).pixels
