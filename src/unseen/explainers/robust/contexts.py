"""What a part is planted on: solid colours, smooth random textures, other photographs (signals, volumes).

Colours and other photographs are K1 and K2 of Chanchal, Kelly & Chockler, *Activation-Deactivation*, 2025, 5.1 and 5.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Annotated, ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from unseen.classifier import Classifier
from unseen.classifier.outputs.base import Outputs
from unseen.errors import PhotoError
from unseen.inputs.streams import Seed
from unseen.system.options import Count, Meaning, Options

Context = Tensor
"""What a part is planted on: a picture in [0, 1] of shape ``(C, *space)``, or (C, 1, 1) for one colour."""


@runtime_checkable
class Contexts(Protocol):
    """An endless or finite sequence of contexts, the same whenever it is asked for."""

    @property
    def kind(self) -> str:
        """What they are, in words."""

    def of(self, photo: str, target: int, outputs: Outputs | None = None, channels: int = 3) -> Iterator[Context]:
        """The contexts of one photograph, in order.

        Args:
            photo: its digest or another text that stands for it, which decides the order.
            target: the class of its parts, which no context shows.
            outputs: what scores mean where decisions are about that photograph; the classifier's by default.
            channels: of the photograph.
        """


def kind_of(contexts: Contexts, axes: int) -> str:
    """What contexts are, in words, of inputs with so many axes: a signal and a volume have no colours.

    Example:
        >>> from unseen.explainers.robust.contexts import SolidColours, kind_of
        >>> kind_of(SolidColours(), 2), kind_of(SolidColours(), 1)
        ('solid colours', 'constant values')
    """
    return contexts.kind if axes == 2 else contexts.kind.replace("solid colours", "constant values")


@dataclass(frozen=True)
class SolidColours(Options):
    """K1: colours drawn uniformly from all there are, the same for every photograph.

    Example:
        >>> from itertools import islice
        >>> from unseen.explainers.robust.contexts import SolidColours
        >>> from unseen.metrics.robustness import robustness
        >>> colours = islice(SolidColours(seed=1).of("photo", target=0), 20)
        >>> robustness(classifier, photo, square[None], colours, target=0).contexts
        20
    """

    seed: Seed = 0

    kind: ClassVar[str] = "solid colours"

    def of(self, photo: str, target: int, outputs: Outputs | None = None, channels: int = 3) -> Iterator[Context]:
        """Endless; each of shape (C, 1, 1)."""
        del photo, target, outputs
        stream = np.random.default_rng(self.seed)
        while True:
            yield torch.from_numpy(stream.random(channels, dtype=np.float32)).reshape(-1, 1, 1)


@dataclass(frozen=True)
class Textures(Options):
    """Smooth random textures, the same for every photograph: noise of 1/fᵝ amplitude, 1 ≤ β ≤ 2.5, of a random colour.

    Example:
        >>> from unseen.explainers.robust.contexts import Textures
        >>> next(Textures((20, 30)).of("photo", target=0)).shape
        torch.Size([3, 20, 30])
    """

    size: Annotated[tuple[int, ...], Count("the lengths of the axes of a texture, in samples, pixels or voxels")]
    seed: Seed = 0

    kind: ClassVar[str] = "smooth textures"

    def of(self, photo: str, target: int, outputs: Outputs | None = None, channels: int = 3) -> Iterator[Context]:
        """Endless; each of shape ``(C, *space)``."""
        del photo, target, outputs
        stream = np.random.default_rng([self.seed, 1])
        axes, each = tuple(range(1, len(self.size) + 1)), [*map(np.fft.fftfreq, self.size[:-1])]
        grid = np.meshgrid(*each, np.fft.rfftfreq(self.size[-1]), indexing="ij")
        frequency = np.sqrt(np.square(grid).sum(0))
        frequency.flat[0] = np.inf  # the mean is drawn apart
        while True:
            white = np.fft.rfftn(stream.standard_normal((channels, *self.size)), axes=axes)
            noise = np.fft.irfftn(white * frequency ** -stream.uniform(1, 2.5), self.size, axes=axes)
            noise *= stream.uniform(0.05, 0.3) / noise.std()
            texture = (noise + stream.random((channels, *[1] * len(self.size)))).clip(0, 1)
            yield torch.from_numpy(texture.astype(np.float32))


@dataclass(frozen=True)
class ColoursAndTextures(Options):
    """Solid colours and textures by turns: what serves without a folder, and asks for less than photographs.

    Example:
        >>> from unseen.explainers.robust.contexts import ColoursAndTextures
        >>> contexts = ColoursAndTextures((20, 30)).of("photo", target=0)
        >>> next(contexts).shape, next(contexts).shape
        (torch.Size([3, 1, 1]), torch.Size([3, 20, 30]))
    """

    size: Annotated[tuple[int, ...], Count("the lengths of the axes of a texture, in samples, pixels or voxels")]
    seed: Seed = 0

    kind: ClassVar[str] = "solid colours and smooth textures"

    def of(self, photo: str, target: int, outputs: Outputs | None = None, channels: int = 3) -> Iterator[Context]:
        """Endless; a colour of shape (C, 1, 1), a texture of shape ``(C, *space)``, and so on."""
        colours = SolidColours(self.seed).of(photo, target, outputs, channels)
        textures = Textures(self.size, self.seed).of(photo, target, outputs, channels)
        return chain.from_iterable(zip(colours, textures, strict=True))


@dataclass(frozen=True)
class OtherPhotographs(Options):
    """K2: photographs that the unmodified network takes for another class; of a signal other signals, and so on.

    Example:
        >>> from pathlib import Path
        >>> from PIL import Image
        >>> from unseen.explainers.robust.contexts import OtherPhotographs
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
    kind: Annotated[str, Meaning("what they are, in words")] = "photographs of other classes"
    _known: dict[Path, tuple[Tensor, Tensor] | PhotoError] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def of(self, photo: str, target: int, outputs: Outputs | None = None, channels: int = 3) -> Iterator[Context]:
        """At most one per file; each of shape ``(C, *space)``.

        Raises:
            PhotoError: not one of the files can be opened and has the size that the network takes.
        """
        del channels
        name = int.from_bytes(hashlib.sha256(photo.encode("utf-8", "surrogateescape")).digest()[:8], "big")
        decides = outputs or self.classifier.outputs
        for index in np.random.default_rng([self.seed, name]).permutation(len(self.photos)).tolist():
            found = self._seen(self.photos[index])
            if not isinstance(found, PhotoError) and not bool(decides.holds(found[1][None], target)):
                yield found[0].float() / 255 if found[0].dtype == torch.uint8 else found[0]
        errors = [one for one in map(self._seen, self.photos) if isinstance(one, PhotoError)]
        if errors and len(errors) == len(self.photos):
            raise PhotoError(f"none of the {len(errors)} files can be a background; the first: {errors[0]}")

    def _seen(self, path: Path) -> tuple[Tensor, Tensor] | PhotoError:
        """The crop and its scores; in bytes where it is a photograph, which has no more than eight bits."""
        if path not in self._known:
            try:
                image = self.classifier.prepare(path)
            except PhotoError as error:
                self._known[path] = error
            else:
                scores = self.classifier.logits(image[None])[0]
                photograph = self.classifier.preprocessing.is_photograph
                self._known[path] = ((image * 255).round().to(torch.uint8) if photograph else image, scores)
        return self._known[path]
