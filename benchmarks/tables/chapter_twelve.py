"""Chapter 12 of Lymperopoulos 2023: its Tables 1 and 2 with intervals, and its Figure 29.

    python -m benchmarks.tables.chapter_twelve FOLDER --autoencoder FOLDER [--photographs 16] [--ablation 8] [--sheet 4]
    python -m benchmarks.tables.chapter_twelve digits|faces [--photographs 40] [--ablation 40] [--out FOLDER]
        [--visible top mean] [--sheet 4]

Grad-CAM, Grad-CAM++, XGrad-CAM and LayerCAM are each asked for the quarter of the photograph that matters most
(``--visible mean``: where the map is at least its mean, Eq. 61; ``--visible top mean`` has tables of both); the rest is
hidden in every way of the thesis, and by neighbours, the decomposition of section 9.7 and Activation–Deactivation,
which it did not have. An autoencoder of ``unseen train-mae`` is judged on photographs that it was not trained on. Of
digits and faces, which lie in packages, classifier and autoencoder are trained first, and both are judged on others;
blurs are as wide as on 224 pixels, in proportion.

Results are kept in ``--out`` (``chapter-12/digits``, ``chapter-12/faces`` or ``chapter-12/photographs``), as ``unseen
evaluate`` keeps them: the same command goes on where it was stopped. The ablation of w₃ and of what else may be chosen,
Table 1, costs four times as much as the rest; ``--ablation`` says on how many of the photographs.
``--sheet`` draws so many photographs, one below the other, with their mask, what each removal makes of them, and
the map of that; with ``--photographs 0 --ablation 0`` nothing else is done.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.tables.trained import trained
from unseen import Classifier, load_classifier
from unseen.classifier.decision import decide
from unseen.errors import NotApplicableError
from unseen.evaluation.judging import engine
from unseen.evaluation.judging.judgements import Judgements
from unseen.evaluation.judging.measurements import Measurements
from unseen.evaluation.judging.outcomes import Row
from unseen.evaluation.judging.plan import Plan
from unseen.evaluation.judging.report.hiding import tables_of_hiding
from unseen.evaluation.retraining.datasets import BUNDLED
from unseen.explainers.cam.cam import ActivationMap
from unseen.inputs.finding import find_photos
from unseen.metrics.case import Case
from unseen.metrics.partial import partial_map
from unseen.metrics.zero_information import AttMask, Visible, attmask, visible_part
from unseen.pipeline.explain import explainer
from unseen.removal import REMOVALS
from unseen.removal.generative.mae_zip import MaeZip
from unseen.removal.generative.training import RECORD, split_of
from unseen.system.process import tune_allocator

MAPS = ("grad-cam", "grad-cam++", "xgrad-cam", "layer-cam")
WEIGHTS = ("0", "1e-4", "1e-2", "1", "1e2")
"""Of L_z: w₃ of Table 1."""
VARIANTS = ("foreground_only=true", "reference=ad", "reference=photograph")
"""Of MAE-ZIP, judged beside the weights."""
FORMS: dict[Visible, str] = {
    "top": "the quarter that matters most",
    "mean": "where the map is at least its mean (Eq. 61)",
}
"""What stays visible, and what a table of it is called."""


def main() -> None:
    parser = parser_of_sources(__doc__)
    parser.add_argument("--photographs", type=int, default=16)
    parser.add_argument("--ablation", type=int, default=8)
    parser.add_argument("--visible", nargs="+", choices=tuple(FORMS), default=["top"])
    parser.add_argument("--steps", type=int, default=50, help="of mae-zip")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sheet", type=int, default=0)
    options = parser.parse_args()
    tune_allocator()
    out = options.out or folder_of(options.source)
    photos, model, autoencoder = sources(options.source, options.model, options.autoencoder, out)
    classifier = load_classifier(model)
    fills = hidden_by(autoencoder, options.steps, min(classifier.preprocessing.size))
    weights = ablation(autoencoder, options.steps)
    for name, count, removals in (("Table 2", options.photographs, fills), ("Table 1", options.ablation, weights)):
        if count:
            rows = judged(photos[:count], model, removals, options.visible, out)
            for visible in options.visible:
                print(tables(rows, name, photos[:count], removals, visible), flush=True)
    if options.sheet:
        out.mkdir(parents=True, exist_ok=True)
        draw(classifier.optimised(), photos[: options.sheet], fills, options.visible[0], out / "sheet.png")


def parser_of_sources(description: str | None) -> argparse.ArgumentParser:
    """What both benchmarks of the chapter ask for: photographs, and who fills and who judges them."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="+", help="digits, faces, or photographs and their folders")
    parser.add_argument("--autoencoder", help="for photographs: a folder, or a name of the hub")
    parser.add_argument("--model", default="efficientnet-lite0", help="for photographs")
    return parser


def folder_of(source: Sequence[str]) -> Path:
    """One for each kind of photographs: they have networks of their own."""
    return Path("chapter-12") / (source[0] if source[0] in BUNDLED else "photographs")


def sources(source: Sequence[str], model: str, autoencoder: str | None, out: Path) -> tuple[list[Path], str, str]:
    """Photographs that may be judged, in the order in which they are taken, the model and the autoencoder."""
    if source[0] in BUNDLED:
        photos, model, folder = trained(source[0], out)
        return photos, model, str(folder)
    if autoencoder is None:
        raise SystemExit("name a masked autoencoder: --autoencoder FOLDER")
    return unknown_to(find_photos(list(map(Path, source))), Path(autoencoder)), model, autoencoder


def hidden_by(autoencoder: str, steps: int, side: int) -> list[str]:
    """In the order of what is expected of them, for the report tests every one against the one before it."""
    blurs = [f"blur:{width * side / 224:.3g}" for width in (75, 20)]
    learnt = [f"mae:{autoencoder}", mae_zip(autoencoder, steps)]
    return ["noise", "black", *blurs, "neighbour", *learnt, "ad", "ad:pooled", "zip-decomposition"]


def ablation(autoencoder: str, steps: int) -> list[str]:
    weights = ["" if float(weight) == MaeZip.minimal else f"minimal={weight}" for weight in WEIGHTS]
    return [f"mae:{autoencoder}", *(mae_zip(autoencoder, steps, changed) for changed in (*weights, *VARIANTS))]


def mae_zip(autoencoder: str, steps: int, changed: str = "") -> str:
    """With what is as by default left out, so that one thing has one name."""
    taken = f"steps={steps}" if steps != MaeZip.steps else ""
    return ",".join(filter(None, [f"mae-zip:{autoencoder}", taken, changed]))


def metrics(visible: Visible) -> tuple[str, str]:
    """AttMask and Accuracy Preservation of what stays visible in this form."""
    option = "" if visible == "top" else f":visible={visible}"
    return f"attmask{option}", f"accuracy-preservation{option}"


def judged(
    photos: Sequence[Path], model: str, removals: Sequence[str], forms: Sequence[Visible], out: Path
) -> list[Row]:
    plan = Plan(
        photos=tuple(photos),
        model=model,
        methods=MAPS,
        removals=tuple(removals),
        metrics=tuple(metric for visible in forms for metric in metrics(visible)),
        controls=False,
    )
    return engine.run(plan, out, progress=lambda stage, done, of: print(f"{done}/{of} {stage}", file=sys.stderr))


def tables(
    rows: Sequence[Row], name: str, photos: Sequence[Path], removals: Sequence[str], visible: Visible = "top"
) -> str:
    """Of these photographs, removals and form only, so that all rows of one table are of the same photographs."""
    names = {path.name for path in photos}
    kept = [row for row in rows if row.photo in names and row.metric in metrics(visible)]
    some = [row for removal in removals for row in kept if row.removal == removal]
    found = tables_of_hiding(Judgements(Measurements(some)))
    return "\n\n".join([f"## {name}: visible is {FORMS[visible]}", *(table.as_markdown() for table in found)]) + "\n"


def unknown_to(photos: Sequence[Path], autoencoder: Path) -> list[Path]:
    """Those that it was not trained on, in the order in which it held them out; all of them if nobody says."""
    if not (autoencoder / RECORD).exists():
        return list(photos)
    held_out, trained_on = ([path.resolve() for path in part] for part in split_of(autoencoder))
    given = {path.resolve(): path for path in photos}
    return [given[path] for path in held_out if path in given] + [
        path for place, path in given.items() if place not in {*held_out, *trained_on}
    ]


# ---- Figure 29 ------------------------------------------------------------------------------------------------------


def draw(classifier: Classifier, photos: Sequence[Path], removals: Sequence[str], visible: Visible, path: Path) -> None:
    from matplotlib.figure import Figure

    columns = 2 + len(removals)
    figure = Figure(figsize=(1.75 * columns, 4.1 * len(photos)), layout="constrained")
    grid = figure.subplots(2 * len(photos), columns, squeeze=False)
    for row, photo in enumerate(photos):
        above, below = grid[2 * row], grid[2 * row + 1]
        decision = decide(photo, classifier)
        for place, (title, picture, saliency, said) in enumerate(
            shown(classifier, decision.image, decision.target, removals, visible)
        ):
            above[place].imshow(picture.permute(1, 2, 0).numpy())
            above[place].set_title(title if not row else "", fontsize=9)
            above[place].set_xlabel(said, fontsize=8)
            below[place].imshow(saliency / (float(saliency.abs().max()) or 1.0), cmap="RdBu_r", vmin=-1, vmax=1)
        above[0].set_ylabel(f"{decision.label} {decision.probability:.2f}", fontsize=9)
        below[0].set_ylabel("Grad-CAM", fontsize=9)
        for axes in (*above, *below):
            axes.set(xticks=[], yticks=[])
    figure.savefig(path, dpi=100)


def shown(
    classifier: Classifier, image: Tensor, target: int, removals: Sequence[str], kind: Visible
) -> list[tuple[str, Tensor, Tensor, str]]:
    """Of the photograph, its mask and every removal: title, picture, map, and what is said of it."""
    explain = explainer(ActivationMap(), REMOVALS.create("zero"))
    before = explain(classifier, image, target)
    case = Case(before, target, REMOVALS.create("zero").bind(classifier, image))
    visible = visible_part(case, kind, AttMask().keep)
    cut = torch.where(visible, image, torch.tensor(1.0))
    found: list[tuple[str, Tensor, Tensor, str]] = [
        ("photograph", image, before, ""),
        ("what is visible", cut, before * visible, ""),
    ]
    for spec in removals:
        masked = REMOVALS.create(spec).bind(classifier, image)
        try:
            picture = masked.painted(visible[None])[0]
        except NotApplicableError:  # nothing is painted
            picture = cut
        after = partial_map(Case(before, target, masked, explain), visible)
        p = masked(visible[None]).softmax(1)[0]
        kept = "kept" if int(p.argmax()) == target else "lost"
        said = f"AM {attmask(before, after, visible):.3f}, {kept} (p {float(p[target]):.2f})"
        found.append((title(spec), picture, after, said))
    return found


def title(spec: str) -> str:
    """The name without the autoencoder's folder."""
    name, _, rest = spec.partition(":")
    return name if name.startswith("mae") else f"{name}{':' * bool(rest)}{rest}"


if __name__ == "__main__":
    main()
