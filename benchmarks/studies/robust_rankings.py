"""Which ranking needs the fewest pixels to keep a decision on most other backgrounds, and is the promise kept?

    python -m benchmarks.studies.robust_rankings FOLDER --limit 10 --share 0.9 --on plain --out rankings.json

For every photograph and ranking: the smallest prefix that keeps the decision on the share ρ of the search backgrounds;
of the rankings that are named by ``--prove`` also the part that the proof leaves, as ``unseen explain --robust`` finds
it. Both are judged on fresh backgrounds that neither the search nor the proof saw. Rankings: those of single methods,
the mean of their ranks, and a random one. Means with 95 % bootstrap intervals over photographs, and the differences to
the first ranking, photograph by photograph. Photographs are drawn at random by ``--seed``; ``--skip`` leaves out the
first so many of them, such as those on which something was chosen. It stops after ``--minutes``; what is in ``--out``
is kept, and the same command goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.shared import resumed, study
from unseen import Classifier, load_classifier
from unseen.evaluation.statistics import mean_interval
from unseen.explainers.catalogue import METHODS
from unseen.explainers.robust.contexts import ColoursAndTextures, OtherPhotographs
from unseen.explainers.robust.planting import Planting, foreign
from unseen.explainers.robust.search import PROOF, SEARCH, reaches, robust_part, shortest
from unseen.explainers.sufficient.search import map_of
from unseen.explanation.evidence import interval
from unseen.explanation.ranking import Ranking, rank
from unseen.inputs.photo import find_photos
from unseen.removal import REMOVALS, MaskedClassifier

RANKINGS = ("causal@ad", "grad-cam@zero", "layer-cam@zero", "rise:masks=300@zero")
MEAN, RANDOM = "mean of ranks", "random"
BLUR = {"causal": 0.05}
FRESH = 100


@dataclass(frozen=True)
class Row:
    """What one ranking needs of one photograph; shares of the pixels and of the fresh backgrounds.

    Attributes:
        size: of the prefix that keeps the decision on ρ of the search backgrounds.
        kept: share of the fresh backgrounds on which that prefix keeps it.
        passes: what finding it took.
        proven: size of the part whose bound reaches ρ; ``None`` where there is none or none was asked for.
        proven_kept: share of the fresh backgrounds on which that part keeps the decision.
        proven_passes: what the search with its proof took.
    """

    size: float
    kept: float
    passes: int
    proven: float | None = None
    proven_kept: float | None = None
    proven_passes: int | None = None


def rankings_of(image: Tensor, target: int, classifier: Classifier, specs: Sequence[str]) -> dict[str, Ranking]:
    """That of each method, of the mean of their ranks, and a random one."""
    found, places = {}, []
    for spec in specs:
        method, _, removal = spec.partition("@")
        saliency = map_of(METHODS.create(method), REMOVALS.create(removal).bind(classifier, image), target)
        found[spec] = rank(saliency, blur=BLUR.get(method, 0.0) * min(saliency.shape))
        place = torch.empty(len(found[spec].order))
        place[found[spec].order] = torch.linspace(1, 0, len(place))
        places.append(place.reshape(saliency.shape))
    return {**found, MEAN: rank(torch.stack(places).mean(0)), RANDOM: rank(torch.zeros(image.shape[1:]))}


@dataclass(frozen=True)
class Trial:
    """A photograph, and the backgrounds for each purpose."""

    masked: MaskedClassifier
    search: Planting
    proof: Planting
    fresh: Planting
    share: float

    def row(self, ranking: Ranking, *, prove: bool) -> Row:
        """What the ranking needs."""
        masked, total, before = self.masked, len(ranking.order), self.masked.evaluations
        size = shortest(lambda some: reaches(self.search, ranking.prefix(some), self.share), total)
        passes = masked.evaluations - before
        row = Row(size / total, self._kept(ranking.prefix(size)), passes)
        if not prove:
            return row
        before = masked.evaluations
        found = robust_part(self.search, self.proof, ranking, self.share, "")
        spent = masked.evaluations - before
        if found.mask is None:
            return Row(row.size, row.kept, row.passes, None, None, spent)
        return Row(row.size, row.kept, row.passes, found.fraction, self._kept(found.mask), spent)

    def _kept(self, part: Tensor) -> float:
        return float(self.fresh.holds_everywhere([part]).float().mean())


def measure(path: Path, classifier: Classifier, asked: argparse.Namespace) -> dict[str, Row]:
    """A row for each ranking."""
    image = classifier.prepare(path)
    target = classifier.outputs.top(classifier.logits(image[None])[0])
    masked = REMOVALS.create("zero").bind(classifier, image)
    photos = find_photos([asked.folder])
    source = OtherPhotographs(classifier, photos) if asked.on == "photographs" else ColoursAndTextures(masked.shape)
    contexts = foreign(masked, target, source, path.name, SEARCH + PROOF + FRESH)
    cuts = (contexts[:SEARCH], contexts[SEARCH : SEARCH + PROOF], contexts[SEARCH + PROOF :])
    search, proof, fresh = (Planting(masked, target, some) for some in cuts)
    trial = Trial(masked, search, proof, fresh, asked.share)
    rankings = rankings_of(image, target, classifier, asked.rankings)
    return {name: trial.row(ranking, prove=name in asked.prove) for name, ranking in rankings.items()}


def table(rows: Sequence[dict[str, Row]], share: float) -> list[str]:
    """A line for each ranking."""
    first = next(iter(rows[0]))
    lines = [
        f"{len(rows)} photographs, ρ = {share:g}",
        "ranking: size [95 %], minus the first [95 %], fresh backgrounds kept, passes; of the proven part: how many, "
        "size, fresh backgrounds kept, promise kept by how many [95 %], passes",
    ]
    for name in rows[0]:
        of = [row[name] for row in rows]
        size = mean_interval([row.size for row in of])
        less = mean_interval([row[name].size - row[first].size for row in rows])
        line = (
            f"{name}: {size.value:.3f} [{size.low:.3f}, {size.high:.3f}], "
            f"{less.value:+.3f} [{less.low:+.3f}, {less.high:+.3f}], {np.mean([row.kept for row in of]):.3f}, "
            f"{np.mean([row.passes for row in of]):.0f}"
        )
        tried = [row.proven_passes for row in of if row.proven_passes is not None]
        proven = [(row.proven, row.proven_kept) for row in of if row.proven is not None and row.proven_kept is not None]
        if proven:
            large = mean_interval([some for some, _ in proven])
            kept = sum(fresh >= share for _, fresh in proven)
            low, high = interval(kept, len(proven))
            line += (
                f"; {len(proven)} of {len(tried)}, {large.value:.3f} [{large.low:.3f}, {large.high:.3f}], "
                f"{np.mean([fresh for _, fresh in proven]):.3f}, {kept} of {len(proven)} [{low:.2f}, {high:.2f}], "
                f"{np.mean(tried):.0f}"
            )
        lines.append(line)
    return lines


def main() -> None:
    parser = study(__doc__)
    parser.add_argument("--share", type=float, default=0.9)
    parser.add_argument("--on", choices=["plain", "photographs"], default="photographs")
    parser.add_argument("--rankings", nargs="+", default=list(RANKINGS), metavar="METHOD@REMOVAL")
    parser.add_argument("--prove", nargs="*", default=[RANKINGS[0], MEAN], metavar="RANKING")
    parser.add_argument("--model", default="efficientnet-lite0")
    asked = parser.parse_args()
    classifier = load_classifier(asked.model).optimised()
    known = resumed(asked, lambda path: {name: asdict(row) for name, row in measure(path, classifier, asked).items()})
    rows = [{name: Row(**row) for name, row in one.items()} for one in known]
    print("\n".join(table(rows, asked.share) if rows else ["no photograph was measured"]))


if __name__ == "__main__":
    main()
