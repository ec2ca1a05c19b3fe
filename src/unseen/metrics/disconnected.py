"""A network that sees every cell of a grid of photographs by itself.

Source: Rao, Böhle & Schiele, *Towards Better Understanding Attribution Methods*, CVPR 2022 (DiFull), here with the
whole network in every cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from unseen.classifier import Classifier
from unseen.classifier.outputs.base import Outputs
from unseen.classifier.outputs.derived import Scored
from unseen.classifier.outputs.logits import Logits
from unseen.errors import NotApplicableError


def places(height: int, width: int, cells: int) -> list[tuple[slice, slice]]:
    """Rows and columns of every cell, in order of rows; sides differ by at most a pixel."""
    rows, columns = ([round(i * side / cells) for i in range(cells + 1)] for side in (height, width))
    return [(slice(*rows[i : i + 2]), slice(*columns[j : j + 2])) for i in range(cells) for j in range(cells)]


class Disconnected(nn.Module):
    """A network that sees each cell of a grid by itself, and gives the scores of all cells one after the other.

    So a cell's scores depend on its pixels alone, and an explanation of one of them is wrong wherever it is not 0
    outside. Target t of cell i is output i·T + t. It is Rao et al.'s DiFull with the whole network in every cell.

    Args:
        network: maps images (N, C, H, W) to numbers; it is used, not copied.
        cells: in a row and in a column of the input, shape (N, 3, cells·H, cells·W).
        outputs: what the numbers mean.
    """

    def __init__(self, network: nn.Module, cells: int, outputs: Outputs | None = None) -> None:
        super().__init__()
        self.network = network
        self.outputs = outputs or Logits()
        self.cells = cells

    def forward(self, grid: Tensor) -> Tensor:
        """Scores of shape (N, cells²·T)."""
        cells = places(grid.shape[2], grid.shape[3], self.cells)
        apart = torch.stack([grid[:, :, rows, columns] for rows, columns in cells], dim=1).flatten(0, 1)
        return self.outputs.scores(self.network(apart), len(apart), type(self.network).__name__).reshape(len(grid), -1)


@dataclass(frozen=True)
class ByCell(Scored):
    """The outputs of :class:`Disconnected`: each cell is read and decided by itself.

    Args:
        of: the outputs of one cell.
        count: of cells.
        each: those of every cell where decisions are about one grid; the same for all by default.
    """

    count: int = 4
    each: tuple[Outputs, ...] = ()

    def readings(self, scores: Float[Tensor, "N T"]) -> Float[Tensor, "N T"]:
        """See :meth:`Outputs.readings`."""
        return self.of.readings(self._apart(scores)).reshape(scores.shape)

    def margins(self, scores: Float[Tensor, "N T"]) -> Float[Tensor, "N T"]:
        """See :meth:`Outputs.margins`."""
        return self.of.margins(self._apart(scores)).reshape(scores.shape)

    def holds(self, scores: Float[Tensor, "N T"], target: int) -> Bool[Tensor, " N"]:
        """See :meth:`Outputs.holds`."""
        outputs, cell, target = self._asked(scores, target)
        return outputs.holds(cell, target)

    def degree(self, scores: Float[Tensor, "N T"], target: int) -> Float[Tensor, " N"]:
        """See :meth:`Outputs.degree`."""
        outputs, cell, target = self._asked(scores, target)
        return outputs.degree(cell, target)

    def numbers(self, targets: int) -> int:
        """Those of all cells."""
        return self.of.numbers(targets)

    def magnitudes(self, scores: Float[Tensor, "N T"]) -> Float[Tensor, " T"]:
        """See :meth:`Outputs.magnitudes`."""
        return self.of.magnitudes(self._apart(scores)).repeat(self.count)

    def bound(self, full: Float[Tensor, " T"]) -> ByCell:
        """See :meth:`Outputs.bound`."""
        return replace(self, each=tuple(self.of.bound(cell) for cell in self._apart(full[None])))

    def labels(self, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Those of a cell, once for each."""
        return None if (own := self.of.labels(names)) is None else own * self.count

    def unnamed(self, target: int, targets: int) -> str:
        """As in a cell."""
        own = targets // self.count
        return self.of.unnamed(target % own if own else target, own)

    def listed(self, targets: int) -> Sequence[int]:
        """Those of the first cell."""
        return self.of.listed(targets // self.count)

    def top(self, scores: Float[Tensor, " T"]) -> int:
        """That of the first cell."""
        return self.of.top(self._apart(scores[None])[0])

    def logs(self, scores: Float[Tensor, "N T"]) -> Float[Tensor, "N T"]:
        """See :meth:`Outputs.logs`."""
        return self.of.logs(self._apart(scores)).reshape(len(scores), -1)

    def others(self, scores: Float[Tensor, "N T"], column: Int[Tensor, "N 1"]) -> Float[Tensor, "N T"]:
        """Of the other targets of the cell among themselves, and of all targets of the other cells."""
        apart = self._apart(scores.to(torch.promote_types(scores.dtype, torch.float32)))
        own = torch.arange(len(scores), device=scores.device) * self.count + column[:, 0] // apart.shape[1]
        there = self.of.others(apart[own], column % apart.shape[1])
        return self.of.logs(apart).index_copy(0, own, there).reshape(len(scores), -1)

    def alternatives(self, targets: int) -> int:
        """Those of a cell."""
        return self.of.alternatives(targets // self.count)

    def mean(self, scores: Float[Tensor, "D N T"]) -> Float[Tensor, "N T"]:
        """See :meth:`Outputs.mean`."""
        cells = scores.reshape(len(scores), scores.shape[1] * self.count, -1)
        return self.of.mean(cells).reshape(scores.shape[1:])

    def _apart(self, scores: Float[Tensor, "N T"]) -> Float[Tensor, "M t"]:
        return scores.reshape(len(scores) * self.count, -1)

    def _asked(self, scores: Float[Tensor, "N T"], target: int) -> tuple[Outputs, Float[Tensor, "N t"], int]:
        """Who decides about a target, the scores of its cell, and the target there."""
        cell, there = divmod(target, scores.shape[1] // self.count)
        return self.each[cell] if self.each else self.of, self._apart(scores)[cell :: self.count], there


def disconnected(classifier: Classifier, cells: int) -> Classifier:
    """The classifier of tiled grids that sees each cell by itself; see :class:`Disconnected`.

    Raises:
        NotApplicableError: photographs are standardised by their own statistics, of which a grid has one for all cells.
    """
    if (how := classifier.preprocessing.standardise) is not None:
        raise NotApplicableError(
            f"{classifier.name} standardises every photograph by itself (standardise={how!r}), which the cells of one "
            "grid cannot be; judge by 'grid-pointing', where the grid is one photograph"
        )
    height, width = classifier.preprocessing.size
    preprocessing = replace(classifier.preprocessing, size=(cells * height, cells * width), resize=None)
    network, outputs = Disconnected(classifier.model, cells, classifier.outputs), ByCell(classifier.outputs, cells**2)
    grids = classifier.running(network, outputs, preprocessing)
    grids.name = f"{classifier.name} by cells"
    return grids
