"""Dataset mean: a hidden pixel is the mean of that place over many photographs.

Source: Lymperopoulos, *A Study of Explainable AI: The Concept of Zero Information*, 2023, section 7.2: a reference
value from the data's distribution. Networks that subtract a mean image (Krizhevsky et al., NeurIPS 2012) have it for
their zero.
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
from unseen.inputs.contents import contents_digest
from unseen.removal.fills.constant import blended
from unseen.removal.fills.marginal import check_alike, files_of
from unseen.removal.fills.painting import Painting
from unseen.system.files import stamp
from unseen.system.options import Count, Meaning
from unseen.system.spelling import spec


@dataclass(frozen=True)
class DatasetMean(Painting):
    """Hidden pixels are those of a folder's mean image; soft masks blend linearly.

    The mean is taken pixel by pixel over the photographs as the classifier prepares them: of many it is a grey or brown
    haze, lighter at the top, of few one sees each. It is computed once a process.

    Raises:
        ParameterError: a limit below 1; (when used) no folder, or a photograph not at the classifier's resolution.
        PhotoError: (when used) the folder, or a photograph in it, cannot be read.

    Example:
        >>> from pathlib import Path
        >>> from PIL import Image
        >>> from unseen.removal.fills.dataset_mean import DatasetMean
        >>> Path("photos").mkdir()
        >>> for colour in ("red", "blue"):
        ...     Image.new("RGB", (32, 32), colour).save(f"photos/{colour}.png")
        >>> DatasetMean("photos").bind(classifier, photo).painted(~square[None])[0, :, 12, 12]
        tensor([0.5000, 0.0000, 0.5000])
    """

    folder: Annotated[
        str | None, Meaning("a folder of photographs of the kind that the network was trained on; it must be given")
    ] = None
    limit: Annotated[int, Count("how many photographs are read at most, spread evenly over the sorted names")] = 1000
    soft = True

    @property
    def name(self) -> str:
        """``dataset-mean``, and what differs from the default."""
        return spec("dataset-mean", self, bare=True)

    @property
    def content(self) -> str:
        """Of the photographs that are read."""
        return contents_digest(_chosen(self.folder, self.limit))

    def painted(
        self, classifier: Classifier, pixels: Float[Tensor, "N C *space"], masks: Float[Tensor, "N *space"]
    ) -> Float[Tensor, "N C *space"]:
        """See :meth:`Painting.painted`."""
        mean = mean_image(self.folder, self.limit, classifier.preprocessing)
        check_alike(mean, pixels)
        return blended(mean[None].to(pixels), pixels, masks)


def mean_image(folder: str | None, limit: int, preprocessing: Preprocessing) -> Float[Tensor, "C *space"]:
    """The mean over at most ``limit`` photographs of a folder; kept until one of them is written again.

    Raises:
        ParameterError: no folder is given.
        PhotoError: the folder, or a photograph in it, cannot be read.
    """
    files = _chosen(folder, limit)
    return _mean(files, preprocessing, tuple(map(stamp, files)))


def _chosen(folder: str | None, limit: int) -> tuple[Path, ...]:
    files = files_of(folder, "dataset-mean")
    count = min(limit, len(files))
    return tuple(files[i * len(files) // count] for i in range(count))


@lru_cache(maxsize=8)
def _mean(
    files: tuple[Path, ...], preprocessing: Preprocessing, stamps: tuple[tuple[int, int, int], ...]
) -> Float[Tensor, "C *space"]:
    del stamps
    total = torch.zeros(preprocessing.channels, *preprocessing.size, dtype=torch.float64)
    for file in files:
        total += preprocessing.prepared(file).pixels
    return (total / len(files)).float()
