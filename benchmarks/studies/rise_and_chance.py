"""The sizes and robustness of the first paper's evaluation, with parts counted from nothing beside the old form.

    python -m benchmarks.studies.rise_and_chance FOLDER --limit 10 --out rise.json

The old form asks of a part γ times the probability of the whole photograph, and takes whatever is on top; the new one
asks for γ of the rise above what the model says of nothing, and names a class that is the answer to nothing. Both take
their parts from the same ``causal`` map. Two networks: EfficientNet-Lite0 with its thousand classes, and the same with
three (animals, things, and the rest), whose probabilities are sums. For each removal and γ: the size of the parts in %
of the pixels, on how many of 50 solid colours they keep the decision, how many of them chance finds too, and how many
photographs have none. Photographs are drawn at random by ``--seed``. It stops after ``--minutes``; what is in ``--out``
is kept, and the same command goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.shared import resumed, study
from unseen import Classifier, load_classifier
from unseen.evaluation.statistics import mean_interval
from unseen.explainers.causal.method import Causal
from unseen.explainers.robust.contexts import SolidColours
from unseen.explainers.sufficient.evaluation import Evaluator, Verdicts
from unseen.explainers.sufficient.parts import PartSearch
from unseen.explainers.sufficient.search import findings_of
from unseen.explanation.ranking import rank
from unseen.metrics.robustness import robustness
from unseen.removal import REMOVALS, MaskedClassifier

GROUPS = {"animal": (0, 398), "thing": (398, 924), "rest": (924, 1000)}
COLOURS = 50
FORMS = ("old", "rise")


class Grouped(nn.Module):
    """A network of a thousand classes as one of three: the logarithms of the summed exponentials of each group."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        logits = self.network(x)
        return torch.stack([logits[:, first:last].logsumexp(1) for first, last in GROUPS.values()], 1)


@dataclass(frozen=True)
class Row:
    """One photograph, network, removal, form and γ.

    Attributes:
        size: of the part, a share of the pixels; ``None`` where there is none.
        holds: share of the colours on which it keeps the decision.
        by_chance: whether chance finds it too.
        why: why there is no part.
    """

    network: str
    removal: str
    form: str
    gamma: float
    size: float | None = None
    holds: float | None = None
    by_chance: bool = False
    why: str = ""


def parts_of(masked: MaskedClassifier, target: int, saliency: Tensor, form: str, gammas: Sequence[float]) -> PartSearch:
    """The search of sufficient parts along a map; the old form takes nothing for a photograph that says nothing."""
    evaluate, method = Evaluator(masked, target), Causal()
    if form == "old":
        evaluate.nothing = Verdicts(torch.zeros(1), torch.zeros(1, dtype=torch.bool))
    ranking = rank(saliency, blur=method.blur * min(masked.shape))
    block = round(method.block * min(masked.shape))
    search = PartSearch(evaluate, "sufficient", lambda _: (ranking, ranking.grid(method.steps)), block, 16, 0)
    for gamma in sorted(gammas, reverse=True):
        search.search(gamma, 1)
    return search


def measure(image: Tensor, name: str, classifier: Classifier, asked: argparse.Namespace) -> list[Row]:
    """The rows of a photograph and network."""
    target = classifier.outputs.top(classifier.logits(image[None])[0])
    rows = []
    for removal in asked.removals:
        masked = REMOVALS.create(removal).bind(classifier, image)
        saliency = findings_of(Causal(), masked, target).saliency
        for form in FORMS:
            search = parts_of(masked, target, saliency, form, asked.confidence)
            for gamma in asked.confidence:
                if not search.found[gamma]:
                    rows.append(Row(name, removal, form, gamma, why=search.missing[gamma]))
                    continue
                part = search.found[gamma][0]
                colours = islice(SolidColours().of("", target), COLOURS)
                planted = robustness(classifier, image, part.mask[None], colours, target)
                chance = part.by_chance is not None and part.by_chance.finds_it_too
                rows.append(
                    Row(name, removal, form, gamma, part.fraction, int(planted.hits[0]) / planted.contexts, chance)
                )
    return rows


def table(rows: Sequence[Row], photographs: int) -> list[str]:
    """A line for each network, removal, γ and form; means with 95 % bootstrap intervals over photographs."""
    lines = [
        f"{photographs} photographs",
        "",
        "| network | removal | γ | form | parts | size, % [95 %] | kept on colours, % [95 %] | found by chance too |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for key in dict.fromkeys((row.network, row.removal, row.gamma, row.form) for row in rows):
        of = [row for row in rows if (row.network, row.removal, row.gamma, row.form) == key]
        none = [row.why for row in of if row.why]
        reasons = f" ({', '.join(f'{none.count(why)} {why}' for why in dict.fromkeys(none))})" if none else ""
        found = [(row.size, row.holds) for row in of if row.size is not None and row.holds is not None]
        size, holds = (mean_interval([100 * pair[index] for pair in found]) if found else None for index in (0, 1))
        cells = [
            *map(str, key[:2]),
            f"{key[2]:g}",
            key[3],
            f"{len(found)} of {len(of)}{reasons}",
            f"{size.value:.1f} [{size.low:.1f}, {size.high:.1f}]" if size else "–",
            f"{holds.value:.0f} [{holds.low:.0f}, {holds.high:.0f}]" if holds else "–",
            str(sum(row.by_chance for row in of)),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = study(__doc__)
    parser.add_argument("--removals", nargs="+", default=["ad", "zero"])
    parser.add_argument("--confidence", nargs="+", type=float, default=[0.1, 0.5, 0.9])
    asked = parser.parse_args()
    thousand = load_classifier("efficientnet-lite0").optimised()
    three = Classifier(Grouped(thousand.model), thousand.preprocessing, list(GROUPS))

    def of(path: Path) -> list[dict[str, Any]]:
        image = thousand.prepare(path)
        found = [*measure(image, "thousand", thousand, asked), *measure(image, "three", three, asked)]
        return [asdict(row) for row in found]

    known = resumed(asked, of)
    print("\n".join(table([Row(**row) for rows in known for row in rows], len(known))))


if __name__ == "__main__":
    main()
