"""Whether the map of a zero-information point says more of a photograph than a control that knows nothing of the model.

    python -m benchmarks.studies.zero_information_maps FOLDER [--limit 30] [--out maps.json] [--kernel onnx]

Maps x − x′ of photographs drawn at random: of all information, pixels free and changes smooth; of the network's own
class; and the mean of such maps over noisy copies of the photograph. They are judged by the area under insertion minus
that under deletion, in 14 steps, under grey and under a blur, beside the controls. Printed are means, and means of
paired differences to the control with the best mean, with 95 % bootstrap intervals. A run that was stopped goes on with
--out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from functools import partial
from pathlib import Path

from benchmarks.shared import resumed, study
from unseen import Classifier, load_classifier
from unseen.evaluation.statistics import mean_interval
from unseen.explainers import METHODS, map_of
from unseen.metrics.case import Case, judge
from unseen.metrics.curves import Deletion, Insertion
from unseen.removal import REMOVALS

SMOOTH = "smooth=0.02,step=0.01"
FORMS = ("zipo", f"zipo:{SMOOTH}", "zipo-class", f"zipo-class:{SMOOTH}", f"zipo-class:{SMOOTH},copies=4")
CONTROLS = ("random", "uniform", "edges")
JUDGES = ("grey", "blur")

Areas = dict[str, dict[str, float]]
"""Of each map, by the removal that judged it, the area under insertion minus that under deletion."""


def main() -> None:
    parser = study(__doc__ or "")
    parser.set_defaults(limit=30)
    parser.add_argument("--kernel", type=Path, default=Path("onnx"), help="folder of the exported network")
    options = parser.parse_args()
    slow = load_classifier("efficientnet-lite0", device="cpu").optimised()
    fast = load_classifier("efficientnet-lite0", device="cpu").accelerated(options.kernel)
    for line in table(resumed(options, partial(judged, slow, fast))):
        print(line)


def judged(slow: Classifier, fast: Classifier, path: Path) -> Areas:
    image = slow.prepare(path)
    target = int(slow.logits(image[None]).argmax())
    made = REMOVALS.create("grey").bind(slow, image)
    maps = {spec: map_of(METHODS.create(spec), made, target) for spec in (*FORMS, *CONTROLS)}
    areas: Areas = {name: {} for name in maps}
    for removal in JUDGES:
        masked = REMOVALS.create(removal).bind(fast, image)
        cases = [Case(saliency, target, masked) for saliency in maps.values()]
        found = judge([(case, metric) for case in cases for metric in (Insertion(steps=14), Deletion(steps=14))])
        for name, shown, hidden in zip(maps, found[::2], found[1::2], strict=True):
            if isinstance(shown, float) and isinstance(hidden, float):
                areas[name][removal] = shown - hidden
    return areas


def table(rows: Sequence[Areas]) -> list[str]:
    """A line a map: the means, and what it has over the best control, under each judge."""
    lines = [f"{len(rows)} photographs", ""]
    lines += [f"| map | {' | '.join(f'{judge} | − best control' for judge in JUDGES)} |"]
    lines += ["| --- " * (1 + 2 * len(JUDGES)) + "|"]
    best = {judge: max(CONTROLS, key=lambda name: sum(row[name][judge] for row in rows)) for judge in JUDGES}
    for name in dict.fromkeys(name for row in rows for name in row):
        cells = []
        for removal in JUDGES:
            having = [row for row in rows if removal in row[name]]
            mean = sum(row[name][removal] for row in having) / len(having)
            difference = mean_interval([row[name][removal] - row[best[removal]][removal] for row in having])
            value, low, high, _ = astuple(difference)
            cells += [f"{mean:.3f}", "" if name == best[removal] else f"{value:+.3f} [{low:+.3f}, {high:+.3f}]"]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    main()
