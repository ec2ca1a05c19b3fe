"""ρ-robustness: in how many other contexts does a part still make the network name its class?

Source: Chanchal, Kelly & Chockler, *Activation-Deactivation*, Definition 2 and sections 5.1 and 5.2. The part's pixels
are painted onto each context, and the *unmodified* network judges: how the part was found does not matter here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unseen.classifier import Classifier
from unseen.classifier.outputs.base import Outputs
from unseen.errors import PhotoError
from unseen.inputs.streams import Seed
from unseen.system.options import Meaning, Options

Context = Tensor
"""What a part is planted on: a picture in [0, 1] of shape (C, H, W), or (C, 1, 1) for one colour."""


@runtime_checkable
class Contexts(Protocol):
    """An endless or finite sequence of contexts, the same whenever it is asked for."""

    def of(self, photo: str, target: int, outputs: Outputs | None = None, channels: int = 3) -> Iterator[Context]:
        """The contexts of one photograph, in order.

        Args:
            photo: its digest or another text that stands for it, which decides the order.
            target: the class of its parts, which no context shows.
            outputs: what scores mean where decisions are about that photograph; the classifier's by default.
            channels: of the photograph.
        """


@dataclass(frozen=True)
class SolidColours(Options):
    """K1: colours drawn uniformly from all there are, the same for every photograph.

    Example:
        >>> from itertools import islice
        >>> from unseen.metrics.robustness import SolidColours, robustness
        >>> colours = islice(SolidColours(seed=1).of("photo", target=0), 20)
        >>> hits, count = robustness(classifier, photo, square[None], colours, target=0)
        >>> count
        20
    """

    seed: Seed = 0

    def of(self, photo: str, target: int, outputs: Outputs | None = None, channels: int = 3) -> Iterator[Context]:
        """Endless; each of shape (C, 1, 1)."""
        del photo, target, outputs
        stream = np.random.default_rng(self.seed)
        while True:
            yield torch.from_numpy(stream.random(channels, dtype=np.float32)).reshape(-1, 1, 1)


@dataclass(frozen=True)
class OtherPhotographs(Options):
    """K2: photographs that the unmodified network takes for another class.

    Example:
        >>> from pathlib import Path
        >>> from PIL import Image
        >>> from unseen.metrics.robustness import OtherPhotographs
        >>> Image.new("RGB", (32, 32), "blue").save("blue.png")
        >>> [picture.shape for picture in OtherPhotographs(classifier, [Path("blue.png")]).of("photo", target=0)]
        [torch.Size([3, 32, 32])]
    """

    classifier: Annotated[Classifier, Meaning("the unmodified network, which names the photographs' classes")]
    photos: Annotated[
        Sequence[Path],
        Meaning(
            "files to draw from without replacement, in an order of its own for every photograph; one that cannot be "
            "opened is left out"
        ),
    ]
    seed: Seed = 0
    _known: dict[Path, tuple[Tensor, Tensor] | None] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def of(self, photo: str, target: int, outputs: Outputs | None = None, channels: int = 3) -> Iterator[Context]:
        """At most one per file; each of shape (C, H, W)."""
        del channels
        name = int.from_bytes(hashlib.sha256(photo.encode("utf-8", "surrogateescape")).digest()[:8], "big")
        decides = outputs or self.classifier.outputs
        for index in np.random.default_rng([self.seed, name]).permutation(len(self.photos)).tolist():
            found = self._seen(self.photos[index])
            if found is not None and not bool(decides.holds(found[1][None], target)):
                yield found[0].float() / 255 if found[0].dtype == torch.uint8 else found[0]

    def _seen(self, path: Path) -> tuple[Tensor, Tensor] | None:
        """The crop and its scores; in bytes where it is a photograph, which has no more than eight bits."""
        if path not in self._known:
            try:
                image = self.classifier.prepare(path)
            except PhotoError:
                self._known[path] = None
            else:
                scores = self.classifier.logits(image[None])[0]
                photograph = self.classifier.preprocessing.is_photograph
                self._known[path] = ((image * 255).round().to(torch.uint8) if photograph else image, scores)
        return self._known[path]


def plant(
    image: Float[Tensor, "C H W"], part: Bool[Tensor, "H W"], context: Float[Tensor, "C _ _"]
) -> Float[Tensor, "C H W"]:
    """The part's pixels on the context."""
    return torch.where(part, image, context)


def robustness(
    classifier: Classifier,
    image: Float[Tensor, "C H W"],
    parts: Bool[Tensor, "P H W"],
    contexts: Iterable[Context],
    target: int,
    *,
    batch_size: int = 16,
) -> tuple[Int[Tensor, " P"], int]:
    """On how many contexts each part makes the network name ``target``.

    Args:
        classifier: the unmodified network.
        image: the photograph that the parts are taken from, in [0, 1].
        parts: their pixels.
        contexts: see :class:`Contexts`; finite.
        target: class index.
        batch_size: pictures a pass; passes are filled across parts and contexts.

    Returns:
        Hits per part, and the number of contexts; ρ is their ratio.
    """
    hits = torch.zeros(len(parts), dtype=torch.long)
    used = 0

    def pictures() -> Iterator[tuple[int, Tensor]]:
        nonlocal used
        for context in contexts:
            used += 1
            for index, part in enumerate(parts):
                yield index, plant(image, part, context)

    waiting = pictures()
    while batch := list(islice(waiting, batch_size)):
        indices, planted = zip(*batch, strict=True)
        named = classifier.outputs.holds(classifier.logits(torch.stack(planted)), target)
        hits.index_add_(0, torch.tensor(indices), named.long())
    return hits, used
