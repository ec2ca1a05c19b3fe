"""How much of what MAE-ZIP keeps is a leak: what the network says of an object that is hidden.

    python -m benchmarks.tables.leak FOLDER --autoencoder FOLDER [--photographs 12] [--out FILE]
    python -m benchmarks.tables.leak digits|faces [--photographs 12] [--out FILE]

Eq. 58 of Lymperopoulos 2023 takes its reference features from the photograph, whose features at visible
places see beyond them: what is hidden comes back through the loss. Two masks of each photograph by its Grad-CAM map:
the quarter that matters most is visible, as in chapter 12, and the half that matters most is hidden, so that little but
background is left. Of both: whether the class is kept, and its probability, under fills and under MAE-ZIP with the
filled and the literal reference, each with the features of the hidden part drawn to 0 as printed and left free.

The leak in a gain is the difference between the literal and the filled reference, whose picture does not depend on what
is hidden. Photographs and trainings are those of ``chapter_twelve.py``, in whose folder ``leak.jsonl`` lies, too. Its
lines are taken up again, if they are of the same network.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.tables.chapter_twelve import folder_of, parser_of_sources, sources, title
from unseen import Classifier, load_classifier
from unseen.classifier.decision import decide
from unseen.evaluation.judging.report.maps import as_interval
from unseen.evaluation.statistics import mean_interval, paired_comparison
from unseen.explainers.cam.cam import ActivationMap
from unseen.explanation.ranking import rank
from unseen.pipeline.explain import explainer
from unseen.removal import REMOVALS
from unseen.system.process import tune_allocator

VARIANTS = ("", ",foreground_only=true", ",reference=photograph", ",reference=photograph,foreground_only=true")
MASKS = ("quarter visible", "half hidden")
Found = dict[str, dict[str, list[float]]]
"""By removal and photograph: kept and probability under the first mask, then under the second."""


def main() -> None:
    parser = parser_of_sources(__doc__)
    parser.add_argument("--photographs", type=int, default=12)
    parser.add_argument("--trained", type=Path, help="folder of the small trainings")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    tune_allocator()
    folder = options.trained or folder_of(options.source)
    out = options.out or folder / "leak.jsonl"
    out.parent.mkdir(parents=True, exist_ok=True)
    photos, model, autoencoder = sources(options.source, options.model, options.autoencoder, folder)
    classifier = load_classifier(model).optimised()
    removals = ["black", "neighbour", f"mae:{autoencoder}", *(f"mae-zip:{autoencoder}{some}" for some in VARIANTS)]
    found: Found = defaultdict(dict)
    lines = out.read_text().splitlines() if out.exists() else []
    for network, photo, removal, values in map(json.loads, lines):
        if network == classifier.fingerprint:
            found[removal][photo] = values
    asked = photos[: options.photographs]
    for photo in asked:
        decision = decide(photo, classifier)
        for removal in removals:
            if str(photo) not in found[removal]:
                values = said(classifier, decision.image, decision.target, removal)
                found[removal][str(photo)] = values
                with out.open("a") as lasting:
                    lasting.write(json.dumps([classifier.fingerprint, str(photo), removal, values]) + "\n")
    print(table({removal: {str(photo): found[removal][str(photo)] for photo in asked} for removal in removals}))


def said(classifier: Classifier, image: Tensor, target: int, removal: str) -> list[float]:
    saliency = explainer(ActivationMap(), REMOVALS.create("zero"))(classifier, image, target)
    ranking = rank(saliency, seed=0)
    count = len(ranking.order)
    masks = torch.stack([ranking.prefix(count // 4), ~ranking.prefix(count // 2)])
    p = REMOVALS.create(removal).bind(classifier, image)(masks).softmax(1)
    return [value for one in p for value in (float(int(one.argmax()) == target), float(one[target]))]


def table(found: Found) -> str:
    """Means, and the differences to the filled reference as printed, the fourth row, photograph by photograph."""
    columns = [f"{mask}: {what}" for mask in MASKS for what in ("class kept", "probability")]
    lines = [f"| hidden by | {' | '.join(columns)} |", "| --- |" + " --- |" * len(columns)]
    plain = list(found)[3]
    for removal, values in found.items():
        series = list(zip(*values.values(), strict=True))
        lines.append(f"| {named(removal)} | {' | '.join(as_interval(mean_interval(one)) for one in series)} |")
    lines += ["", f"| more than {named(plain)} | {' | '.join(columns)} |", "| --- |" + " --- |" * len(columns)]
    for removal, values in found.items():
        if removal != plain:
            pairs = zip(*([values[photo], found[plain][photo]] for photo in values), strict=True)
            first, second = ([list(one) for one in zip(*side, strict=True)] for side in pairs)
            compared = [paired_comparison(one, other) for one, other in zip(first, second, strict=True)]
            cells = [f"{as_interval(one.difference)}, p {one.p:.3f}" for one in compared]
            lines.append(f"| {named(removal)} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"{len(found[plain])} photographs, 95 % bootstrap intervals; p of Wilcoxon's test."])


def named(removal: str) -> str:
    _, _, options = removal.partition(",")
    return f"`{title(removal)}{':' * bool(options)}{options}`"


if __name__ == "__main__":
    main()
