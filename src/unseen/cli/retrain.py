"""``unseen retrain``: judge methods by networks that are trained anew, into a folder that can be continued."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from unseen.cli.messages import complain, print_json, say
from unseen.cli.options import IN_THIS_PROCESS, EngineOptions, Flag, Listed, numbers
from unseen.cli.repeating import repeated
from unseen.errors import ParameterError, UnseenError
from unseen.system.process import tune_allocator, wait_passively
from unseen.system.progress import progress_bar

HELP = """Judge methods by networks that are trained anew, on a small data set.

DATA is digits (1,797 handwritten digits), faces (200 patches), or your folder
with one folder of photographs per class. By metric:

roar                hide the most important pixels of all photographs and train
                    anew: accuracy should fall further than when random pixels
                    are hidden
kar                 hide the least important ones: accuracy should stay
data-randomisation  maps should change when a network learns shuffled labels

The controls random, uniform and edges are always judged, too; a method that
cannot be told from them is said to be so. OUT receives METRIC.json, METRIC.png
and report.html, of all metrics that lie there. Stop it whenever you like: the
same command goes on where it was, and methods, shares and repeats can be added.

  unseen retrain
  unseen retrain digits --methods saliency,grad-cam --limit 600 --leak
  unseen retrain flowers/ --metric kar --removal grey --shares 0.5,0.9
  unseen retrain --metric data-randomisation --limit 600
  unseen retrain digits --methods saliency,occlusion --workers 0
"""


def retrain(
    data: Annotated[str, Parameter(name="DATA")] = "digits",
    /,
    *,
    metric: Literal["roar", "kar", "data-randomisation"] = "roar",
    methods: Listed = None,
    removal: str = "mean",
    shares: Listed = None,
    repeats: int = 3,
    leak: Flag = False,
    epochs: int = 8,
    size: int = 64,
    limit: int | None = None,
    seed: int = 0,
    device: str = "auto",
    engine: EngineOptions = IN_THIS_PROCESS,
    out: Path = Path("retraining"),
    json: Flag = False,
) -> int:
    """Judge methods by networks that are trained anew.

    Parameters
    ----------
    data
        digits, faces, or a folder with one folder of photographs per class.
    metric
        What is measured.
    methods
        Names from "unseen list methods", separated by commas; the controls are always added. By default
        saliency,input-x-gradient,integrated-gradients,grad-cam.
    removal
        A name from "unseen list removals"; for roar and kar one that paints pixels.
    shares
        Shares of the pixels to hide, separated by commas; by default 0.1,0.3,0.5,0.7,0.9.
    repeats
        Networks for each method and share; triples of networks for data-randomisation.
    leak
        Also train networks on nothing but the masks, which shows what their shape tells; doubles the cost.
    epochs
        How often a network sees each photograph; ten times as often when it learns shuffled labels.
    size
        Side to which a folder's photographs are resized, in pixels.
    limit
        Train on so many photographs only.
    seed
        Random seed.
    device
        auto, cpu, cuda, cuda:1, mps.
    out
        Folder of the results; what is there already is not done again.
    json
        Print one JSON object a line for each method, and nothing else, on stdout.
    """  # noqa: D405, D411, D416
    words = repeated(retrain, {**locals(), "engine": IN_THIS_PROCESS})  # results do not depend on it
    wait_passively()
    from unseen.classifier.devices import resolve_device
    from unseen.evaluation.retraining import figures, report
    from unseen.evaluation.retraining.datasets import load_dataset
    from unseen.evaluation.retraining.labels import DataRandomisation
    from unseen.evaluation.retraining.roar import RemoveAndRetrain
    from unseen.evaluation.retraining.training import Training
    from unseen.explainers.catalogue import METHODS
    from unseen.metrics import METRICS
    from unseen.report import write_report
    from unseen.system.engines import local
    from unseen.system.files import check_writable, replace_file
    from unseen.system.pictures import png

    training = Training(epochs)
    judge: RemoveAndRetrain | DataRandomisation
    works = engine.made()
    if metric == "data-randomisation":
        if shares or leak:
            raise ParameterError("shares and leak belong to roar and kar; data-randomisation hides nothing")
        if works != local.IN_THIS_PROCESS:
            raise ParameterError(
                "data-randomisation compares few networks, which are trained in this process; leave --engine and "
                "--workers to roar and kar"
            )
        judge = DataRandomisation(repeats, epochs=10 * epochs, seed=seed, removal=removal, training=training)
    else:
        chosen = {"shares": numbers(shares, "a share is a number between 0 and 1")} if shares else {}
        judge = METRICS[metric].load()(
            **METRICS[metric].arguments,
            removal=removal, repeats=repeats, leak=leak, seed=seed, training=training, **chosen,
        )  # fmt: skip
    specs = METHODS.split(methods) or ("saliency", "input-x-gradient", "integrated-gradients", "grad-cam")
    resolve_device(device)
    dataset = load_dataset(data, size=size, seed=seed).limited(limit)
    check_writable(out)
    tune_allocator()
    file = out / f"{metric}.json"
    with progress_bar(metric, unit="networks") as listener:
        run = judge.run if isinstance(judge, DataRandomisation) else partial(judge.run, engine=works)
        found = run(dataset, specs, device=device, out=file, progress=listener)
    for method, reason in found.failed:
        complain(UnseenError(reason), method)
    if not set(found.methods) & set(specs):
        return 2
    drawn = out / f"{metric}.png"
    replace_file(drawn, png(figures.picture(found)))
    report.told_of(found, [drawn.name], words).save(out, metric)
    page = write_report(out)
    if json:
        for method in found.methods:
            print_json(found.to_dict(method))
    else:
        say(report.as_text(found))
        say(f"\n  {file}\n  {drawn}\n  {page}")
    return 1 if found.failed else 0
