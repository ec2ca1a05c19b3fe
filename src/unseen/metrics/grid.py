"""Grids of photographs of different classes: an explanation of one class belongs on its own cell.

Sources: Böhle, Fritz & Schiele, *Convolutional Dynamic Alignment Networks for Interpretable Classifications*, CVPR
2021 (grid pointing game); Rao, Böhle & Schiele, *Towards Better Understanding Attribution Methods*, CVPR 2022 (DiFull);
Lymperopoulos 2023, section 4.2.2. A network that sees the whole grid may use any of it, so what lies outside the cell
is suspicious, not wrong. One that sees every cell by itself makes it wrong; see :mod:`unseen.metrics.disconnected`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from unseen.classifier import Classifier
from unseen.errors import ModelError, NotApplicableError, ParameterError
from unseen.inputs.photo import PhotoSource
from unseen.inputs.space import check_axes
from unseen.inputs.streams import stream_of
from unseen.metrics.case import Case, Explainer
from unseen.metrics.disconnected import disconnected, places
from unseen.metrics.localisation import localisation_energy
from unseen.system.options import Count, Meaning, Options, Share

Size = Literal["shrunk", "tiled"]


@dataclass(frozen=True, eq=False)
class PhotographGrid:
    """Photographs side by side.

    Attributes:
        image: in [0, 1], shape (C, H, W).
        regions: the pixels of each cell, bool of shape (C, H, W), in order of rows.
        targets: the class of each cell.
    """

    image: Tensor
    regions: Tensor
    targets: tuple[int, ...]


def compose(photos: Sequence[Float[Tensor, "C H W"]], targets: Sequence[int], size: Size = "shrunk") -> PhotographGrid:
    """A square grid of photographs of one size.

    Args:
        photos: n² of them, in order of rows.
        targets: their classes.
        size: ``shrunk`` fits the grid into the size of one photograph, as Lymperopoulos 2023 does; ``tiled`` leaves the
            photographs as they are, as Böhle et al. do, and the grid is n times as high and wide.

    Raises:
        ParameterError: their number is no square of at least 2, or their sizes differ.
    """
    cells = round(len(photos) ** 0.5)
    if cells < 2 or cells**2 != len(photos) or len(targets) != len(photos):
        raise ParameterError(f"{len(photos)} photographs with {len(targets)} classes make no square grid")
    if len({photo.shape for photo in photos}) > 1:
        raise ParameterError("photographs of one size make a grid, but these differ")
    height, width = (side * (cells if size == "tiled" else 1) for side in photos[0].shape[1:])
    image = photos[0].new_zeros(len(photos[0]), height, width)
    regions = torch.zeros(len(photos), height, width, dtype=torch.bool)
    for photo, region, (rows, columns) in zip(photos, regions, places(height, width, cells), strict=True):
        region[rows, columns] = True
        shape = rows.stop - rows.start, columns.stop - columns.start
        if shape != tuple(photo.shape[1:]):
            photo = interpolate(photo[None], shape, mode="bilinear", antialias=True)[0].clamp(0, 1)
        image[:, rows, columns] = photo
    return PhotographGrid(image, regions, tuple(targets))


def grids(
    classifier: Classifier,
    photos: Sequence[PhotoSource],
    count: int,
    *,
    cells: int = 2,
    size: Size = "shrunk",
    confidence: float = 0.5,
    seed: int = 0,
) -> Iterator[PhotographGrid]:
    """Grids of photographs of which the classifier is sure, drawn at random, with distinct classes in each.

    Args:
        classifier: who is sure of them.
        photos: paths, images or tensors to choose from; every one is shown to the classifier once.
        count: how many grids.
        cells: photographs in a row.
        size: see :func:`compose`.
        confidence: least probability of the top class.
        seed: of the draw.

    Raises:
        ParameterError: fewer than cells² classes are left.
    """
    sure: dict[int, list[Tensor]] = {}
    for image in map(classifier.prepare, photos):
        target, probability = _top(classifier, classifier.logits(image[None]))[0]
        if probability >= confidence:
            sure.setdefault(target, []).append(image)
    if len(sure) < cells**2:
        raise ParameterError(
            f"a grid needs photographs of {cells**2} classes, but {classifier.name} is sure of {len(sure)} only; "
            "give more photographs, or ask for less confidence"
        )
    stream = torch.Generator().manual_seed(seed)
    for _ in range(count):
        chosen = [sorted(sure)[i] for i in torch.randperm(len(sure), generator=stream)[: cells**2].tolist()]
        picked = [sure[target][int(torch.randint(len(sure[target]), (1,), generator=stream))] for target in chosen]
        yield compose(picked, chosen, size)


def grid_pointing(explainer: Explainer, classifier: Classifier, grid: PhotographGrid) -> Float[Tensor, " C"]:
    """For every cell, the share of its class's positive saliency that lies on it; NaN where nothing is positive.

    A constant map scores 1/C. One explanation per cell.

    Args:
        explainer: who is judged.
        classifier: who is explained.
        grid: see :func:`compose`.
    """
    return torch.tensor(
        [
            localisation_energy(explainer(classifier, grid.image, target), region)
            for target, region in zip(grid.targets, grid.regions, strict=True)
        ],
        dtype=torch.float64,
    )


@dataclass(frozen=True)
class _OnGrid(Options):
    cells: Annotated[int, Count("how many photographs stand in a row", 2, 8)] = 2
    confidence: Annotated[
        float, Share("the least probability of the top class of every photograph, the case's own included", ends="[)")
    ] = 0.5

    def drawn(self, case: Case, size: Size) -> tuple[PhotographGrid, int]:
        """The case's photograph among others, and its cell."""
        check_axes(
            "a grid of photographs", (2,), case.masked.shape, "judge by 'deletion' or another metric of one input"
        )
        stream = stream_of(case.image, case.seed)
        others = _companions(case, self.cells**2 - 1, self.confidence)
        cell = int(torch.randint(self.cells**2, (1,), generator=stream))
        placed = [*others[:cell], (case.image, case.target), *others[cell:]]
        return compose([image for image, _ in placed], [target for _, target in placed], size), cell


@dataclass(frozen=True)
class GridPointing(_OnGrid):
    """The grid pointing game: the case's photograph in a random cell among photographs of other classes.

    Raises:
        ParameterError: a parameter outside its range.

    Example:
        >>> from dataclasses import replace
        >>> from unseen.metrics.grid import GridPointing
        >>> pooled = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 4))
        >>> pooled[2].weight.data = 20 * torch.tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.8, 0.8, 0]])
        >>> four = Classifier(pooled, preprocessing, labels=["red", "green", "blue", "yellow"])
        >>> red, *others = (
        ...     torch.tensor(one).reshape(3, 1, 1).expand(3, 32, 32)
        ...     for one in ([1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0], [1.0, 1.0, 0])
        ... )
        >>> asked = Case(
        ...     red[0],
        ...     target=0,
        ...     masked=ConstantFill("black").bind(four, red),
        ...     explainer=lambda classifier, image, target: image[0] * (1 - image[1]),
        ...     others=lambda: others,
        ... )
        >>> GridPointing()(asked)
        1.0
    """

    size: Annotated[
        Size,
        Meaning("whether the grid is shrunk to one photograph, or tiled, for a network that takes larger ones"),
    ] = "shrunk"

    def __call__(self, case: Case) -> float:
        """The share of positive saliency on the case's own cell, in [0, 1]; NaN where nothing is positive.

        Raises:
            NotApplicableError: there is no method, or there are not enough sure photographs of other classes; the
                explained class is not surely on top; the network takes no larger images.
        """
        grid, cell = self.drawn(case, self.size)
        if self.size == "tiled":
            _check_takes(case, grid.image)
        return localisation_energy(case.explained(grid.image), grid.regions[cell])


@dataclass(frozen=True)
class DiFull(_OnGrid):
    """The same where every cell is seen by itself, so that only its own cell can be right.

    Grids are tiled, and every cell is seen at its own size: a pass costs cells² of the network's.

    Raises:
        ParameterError: a parameter outside its range.

    Example:
        >>> from unseen.metrics.grid import DiFull
        >>> DiFull(cells=2)(case)  # a grid needs other photographs
        Traceback (most recent call last):
            ...
        unseen.errors.NotApplicableError: this metric composes several photographs, but only one was given; give others
    """

    def __call__(self, case: Case) -> float:
        """The share of positive saliency on the case's own cell, in [0, 1]; NaN where nothing is positive.

        Raises:
            NotApplicableError: there is no method, or it has no rule for the cells; there are not enough sure
                photographs of other classes; the explained class is not surely on top.
        """
        grid, cell = self.drawn(case, "tiled")
        classifier = disconnected(case.classifier, self.cells)
        (logits,) = case.masked.in_batches(1, lambda *_: case.classifier.logits(case.image[None]))
        target = cell * logits.shape[1] + case.target
        return localisation_energy(case.explained(grid.image, classifier, target), grid.regions[cell])


def _companions(case: Case, count: int, confidence: float) -> list[tuple[Tensor, int]]:
    """Photographs of other classes, each of another one, of which the classifier is sure; the first found."""
    if case.others is None:
        raise NotApplicableError("this metric composes several photographs, but only one was given; give others")
    photos = iter(case.others())
    ((own, probability),) = _judged(case, [case.image])
    if own != case.target or probability < confidence:
        raise NotApplicableError(
            f"the classifier is not sure enough of {case.classifier.label(case.target)} for a grid (top: "
            f"{case.classifier.label(own)}, {100 * probability:.0f} %); only photographs of which it is are compared"
        )
    found: dict[int, Tensor] = {}
    while some := list(islice(photos, 2 * count)):
        for photo, (target, probability) in zip(some, _judged(case, some), strict=True):
            if target != case.target and probability >= confidence:
                found.setdefault(target, photo)
        if len(found) >= count:
            return [(photo, target) for target, photo in found.items()][:count]
    raise NotApplicableError(
        f"a grid needs {count} other photographs of different classes of which the classifier is sure, but there are "
        f"{len(found)}; give more photographs, or ask for less confidence"
    )


def _judged(case: Case, photos: Sequence[Tensor]) -> list[tuple[int, float]]:
    """The top class and its probability, evaluated in the batches of the case."""
    if any(photo.shape != case.image.shape for photo in photos):
        raise ParameterError("other photographs must have the size of the one that is explained")

    classifier = case.classifier.unfixed()

    def look(first: int, last: int) -> Tensor:
        return classifier.logits(torch.stack([*photos[first:last]]))

    return _top(classifier, torch.cat(list(case.masked.in_batches(len(photos), look))))


def _top(classifier: Classifier, scores: Float[Tensor, "N T"]) -> list[tuple[int, float]]:
    tops = [classifier.outputs.top(row) for row in scores]
    readings = classifier.outputs.readings(scores)
    return [(top, float(row[top])) for top, row in zip(tops, readings, strict=True)]


def _check_takes(case: Case, image: Tensor) -> None:
    try:
        list(case.masked.in_batches(1, lambda *_: case.classifier.unfixed().logits(image[None])))
    except ModelError as error:
        raise NotApplicableError(
            f"{case.classifier.name} takes no images of {image.shape[1]} × {image.shape[2]} pixels; "
            "take shrunk grids (size=shrunk)"
        ) from error
