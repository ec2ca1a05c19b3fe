"""``unseen evaluate``: photographs × methods × removals × metrics, into a folder that can be continued."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from unseen.cli.messages import complain, note, print_json, say
from unseen.cli.options import (
    FROM_THE_SOURCE,
    IN_THIS_PROCESS,
    EngineOptions,
    Flag,
    Listed,
    ModelOptions,
    numbers,
)
from unseen.errors import OutputError, ParameterError, UnseenError
from unseen.explanation.roles import Asked
from unseen.system.process import tune_allocator, wait_passively
from unseen.system.progress import progress_bar

if TYPE_CHECKING:
    from unseen.evaluation.judging.outcomes import Row
    from unseen.evaluation.judging.plan import Plan
    from unseen.evaluation.judging.plan_file import PlannedRun
    from unseen.evaluation.judging.work import Engine

HELP = """Judge explanations of many photographs, under every removal.

By default parts that suffice are searched for every photograph, method, removal
and γ, and judged: their size, their confidence, how often chance does as well,
and how often the unmodified network still names their class when they are
planted on solid colours and on photographs of other classes. Other --metrics
judge the map instead, beside controls that know nothing of the model; a metric
that cannot tell the methods from them says so. OUT receives results.sqlite
(query it), report.md, tables.csv, pictures, and plan.toml, which repeats it.
Stop it whenever you like: the same command goes on where it was, and
photographs, methods, removals, metrics or backgrounds are added to what is
there. Tests of parts compare the other removals with ad, or else the first.

  unseen evaluate photos/ --limit 20 --workers 0
  unseen evaluate photos/ --removals ad,grey,ad:pooled --confidence 0.5,0.9
  unseen evaluate photos/ --metrics size,robustness-colours --backgrounds 25
  unseen evaluate photos/ --methods grad-cam,occlusion --removals grey,ad \\
    --metrics insertion,deletion:steps=28,average-drop@blur
  unseen evaluate chests/ --model onnx:chest.onnx --outputs sigmoid \\
    --target nodule --part necessary
  unseen evaluate coco/ --metrics pointing-game --annotations instances.json
  unseen evaluate photos/ --backend onnxruntime --out results
  unseen evaluate --plan plan.toml --out results
  unseen evaluate photos/ --engine ray --address auto --gpus-per-worker 1
"""
EXIT_CODES = """Exit codes: 0 all evaluated; 1 some photographs or metrics failed, the others
are there; 2 nothing was evaluated; 130 interrupted. Every error is one line on
stderr; a failure is a row with its reason."""


def evaluate(
    photos: Annotated[list[Path] | None, Parameter(name="PHOTO", negative="")] = None,
    /,
    *,
    plan: Path | None = None,
    model: str = "efficientnet-lite0",
    described: ModelOptions = FROM_THE_SOURCE,
    methods: Listed = None,
    removals: Listed = None,
    target: str | None = None,
    confidence: Listed = None,
    part: Asked = "sufficient",
    metrics: Listed = None,
    controls: bool = True,
    annotations: Path | None = None,
    annotation_classes: Path | None = None,
    backgrounds: int = 100,
    backgrounds_from: Path | None = None,
    limit: int | None = None,
    seed: int = 0,
    engine: EngineOptions = IN_THIS_PROCESS,
    device: str = "auto",
    backend: Literal["torch", "onnxruntime"] = "torch",
    out: Path = Path("evaluation"),
    json: Flag = False,
) -> int:
    """Judge explanations of many photographs, under every removal.

    Parameters
    ----------
    photos
        Files, or folders whose photographs are taken.
    plan
        File of what is evaluated, instead of photographs and options; OUT/plan.toml of every evaluation is one.
    model
        A name from "unseen list models", NAME@PATH for weights of your own, python:FILE.py:NAME, onnx:FILE,
        torchscript:FILE, or an address, http://….
    methods
        Names from "unseen list methods", separated by commas; by default causal.
    removals
        Names from "unseen list removals", separated by commas; by default ad,min,max,zero,mean.
    target
        Label or index of what is explained of every photograph; of findings also "no LABEL", and several that must all
        hold, as "mass + nodule". By default each photograph's top class.
    confidence
        Thresholds γ, separated by commas; by default 0,0.1,0.3,0.5,0.7,0.9.
    part
        What is asked of the parts: that they suffice, that the decision needs them (necessary), or both.
    metrics
        Names from "unseen list metrics", separated by commas; by default the five that judge parts, size to
        robustness-photos. One that judges maps hides by the removal that the map was made with, or by one that it
        names: insertion@grey.
    controls
        Judge beside the methods a random map, a uniform map, the photograph's edges and, where there is one, the
        annotation as a map.
    annotations
        COCO file (instances.json) of the objects in the photographs, for metrics that compare with people.
    annotation_classes
        JSON file that lists the model's class indices for each category; by default imagenet_classes.json beside it.
    backgrounds
        How many colours, and how many photographs of other classes, each part is planted on.
    backgrounds_from
        Folder of the photographs to plant on; by default those that are given.
    limit
        Take only so many of the photographs, at random; a larger limit adds to a smaller one.
    seed
        Random seed.
    device
        auto, cpu, cuda, cuda:1, mps.
    backend
        What runs the passes that need only logits; onnxruntime (of "unseen[onnx]") is faster on a CPU.
    out
        Folder of the results; what is there already is not done again.
    json
        Print one JSON object a line for each measurement, and nothing else, on stdout.
    """  # noqa: D405, D411, D416
    wait_passively()
    from unseen.evaluation.judging.plan_file import PlannedRun, plan_of, read_plan
    from unseen.explainers.catalogue import METHODS
    from unseen.metrics import METRICS
    from unseen.removal import REMOVALS
    from unseen.system.files import check_writable

    works = engine.made()
    given: dict[str, Any] = {
        "photos": photos,
        "limit": limit,
        "model": model,
        "methods": METHODS.split(methods),
        "removals": REMOVALS.split(removals),
        "metrics": METRICS.split(metrics),
        "confidence": numbers(confidence, "a confidence is a number from 0 to 1"),
        "target": target,
        "part": part,
        "backgrounds": backgrounds,
        "backgrounds_from": backgrounds_from,
        "annotations": annotations,
        "annotation_classes": annotation_classes,
        "controls": controls,
        "seed": seed,
        "device": device,
        **asdict(described),
        "backend": backend,
    }
    asked = {key: value for key, value in given.items() if value is not None and value not in ((), [])}
    if plan is None:
        runs: tuple[PlannedRun, ...] = (PlannedRun("", asked, plan_of({"photos": (), **asked})),)
    else:
        usual = signature(evaluate).parameters
        beside = [key for key, value in asked.items() if key not in usual or usual[key].default != value]
        if beside:
            names = " and ".join(beside)
            raise ParameterError(f"--plan says what is evaluated; write {names} into the file, not beside it")
        runs = read_plan(plan)
    for run in runs:
        check_writable(out / run.name)
    tune_allocator()
    codes = {_evaluated(run, out / run.name, works, json) for run in runs}
    return codes.pop() if len(codes) == 1 else 1


def _evaluated(run: PlannedRun, out: Path, works: Engine, json: bool) -> int:
    """Evaluate one plan into its folder, and report; the exit code."""
    from unseen.evaluation.judging.plan_file import FILE, written
    from unseen.system.files import replace_file

    for left_out, kept in run.plan.repeated.items():
        note(f"{left_out} has the same content as {kept}; it is the same photograph and judged once")
    counts: set[int] = set()
    try:
        rows = _run(run.plan, out, works, counts)
        replace_file(out / FILE, written(run.asked).encode(errors="surrogateescape"))
    except OutputError as error:
        complain(error)
        return 1 if len(counts) > 1 else 2  # what was done before it is kept
    if json:
        for row in rows:
            print_json(asdict(row))
    exit_code = _complaints(rows, run.plan, "metrics" in run.asked)
    if exit_code < 2:
        reported(rows, out, quiet=json)
    return exit_code


def _run(plan: Plan, out: Path, works: Engine, counts: set[int]) -> list[Row]:
    """All measurements; ``counts`` receives how many explanations were done, each time that their number changed."""
    from unseen.evaluation.judging.engine import run

    with progress_bar("evaluating", unit="explanations") as listener:

        def listen(stage: str, done: int, expected: int | None) -> None:
            counts.add(done)
            listener(stage, done, expected)

        return run(plan, out, engine=works, progress=listen, note=note)


def _complaints(rows: list[Row], plan: Plan, metrics_were_named: bool) -> int:
    """Print a line for what failed and for each named metric that has no value; return the exit code."""
    from unseen.evaluation.judging.outcomes import SECONDS
    from unseen.evaluation.judging.plan import DRAWN

    explainers = [method for method in plan.explainers if method != DRAWN]  # not every object is annotated
    planned = {(one.digest, m, r) for one in plan.subjects for m in explainers for r in plan.removals}
    asked = [row for row in rows if (row.digest, row.method, row.removal) in planned]
    failed = {(r.digest, r.method, r.removal): r for r in asked if r.metric == SECONDS and r.detail}
    for photo, reason in dict.fromkeys((row.photo, row.detail) for row in failed.values()):
        complain(UnseenError(reason), photo)
    if len(failed) == len(planned):
        return 2
    if not metrics_were_named:
        return 1 if failed else 0
    valued = {row.metric for row in asked if row.value is not None}
    without = {r.metric: r.detail for r in asked if r.detail and r.metric in plan.metrics and r.metric not in valued}
    for metric, reason in without.items():
        complain(UnseenError(f"metric {metric} has no value of any photograph: {reason}"))
    return 1 if failed or without else 0


def reported(rows: list[Row], out: Path, *, quiet: bool) -> None:
    """Write tables and pictures; print the tables and where all files lie unless ``quiet``."""
    from unseen.evaluation.judging.ledger import FILE
    from unseen.evaluation.judging.measurements import Measurements
    from unseen.evaluation.judging.report import report
    from unseen.report import write_report

    measured = Measurements(rows)
    files = [*report.write(measured, out), write_report(out)]
    if not quiet:
        say(report.as_text(measured, max(80, shutil.get_terminal_size((110, 24)).columns)))
        say("\n".join(f"  {path}" for path in (out / FILE, *files)))
