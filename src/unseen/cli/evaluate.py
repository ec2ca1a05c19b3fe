"""``unseen evaluate``: photographs × methods × removals × metrics, into a folder that can be continued."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from inspect import signature
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from unseen.cli.messages import complain, note, print_json, say
from unseen.cli.options import (
    BUNDLED,
    IN_THIS_PROCESS,
    EngineOptions,
    Flag,
    Listed,
    ModelChoice,
    numbers,
)
from unseen.errors import OutputError, ParameterError, UnseenError
from unseen.explanation.roles import Asked
from unseen.system.process import tune_allocator, wait_passively
from unseen.system.progress import progress_bar

if TYPE_CHECKING:
    from unseen.evaluation.judging.measurements import Measurements
    from unseen.evaluation.judging.outcomes import Row
    from unseen.evaluation.judging.plan import Plan
    from unseen.evaluation.judging.plan_file import PlannedRun
    from unseen.system.engines.work import Engine

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
  unseen evaluate shards/ --limit 1000 --seed 3
  unseen evaluate --classes val.csv --limit 1000
  unseen evaluate flowers/ --classes folders
  unseen evaluate --plan plan.toml --out results
  unseen evaluate photos/ --engine ray --address auto --gpus-per-worker 1
"""
EXIT_CODES = """Exit codes: 0 all evaluated; 1 some photographs or metrics failed, the others
are there; 2 nothing was evaluated; 130 interrupted. Every error is one line on
stderr; a failure is a row with its reason."""

_TOLD = 5
"""Files of the same content that are named, at most."""


def evaluate(
    photos: Annotated[list[Path] | None, Parameter(name="PHOTO", negative="")] = None,
    /,
    *,
    plan: Path | None = None,
    chosen: ModelChoice = BUNDLED,
    methods: Listed = None,
    removals: Listed = None,
    target: str | None = None,
    classes: Annotated[list[str] | None, Parameter(negative="", metavar="FILE", show_default=False)] = None,
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
    out: Path = Path("evaluation"),
    json: Flag = False,
) -> int:
    """Judge explanations of many photographs, under every removal.

    Parameters
    ----------
    photos
        Files, or folders whose photographs are taken; lists (.txt), shards (.tar), data sets that "datasets" saved.
    plan
        File of what is evaluated, instead of photographs and options; OUT/plan.toml of every evaluation is one.
    methods
        Names from "unseen list methods", separated by commas; by default causal.
    removals
        Names from "unseen list removals", separated by commas; by default ad,min,max,zero,mean.
    target
        Label or index of what is explained of every photograph; of findings also "no LABEL", and several that must all
        hold, as "mass + nodule". By default each photograph's top class.
    classes
        Repeatable. What gives each photograph a class, which is explained in the place of the top class: a table (.csv)
        with the columns photo and class, a COCO file (.json), a list (.txt) with a class after each path, or folders,
        of which each is a class. Without PHOTO, the photographs that these files name are taken.
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
    out
        Folder of the results; what is there already is not done again.
    json
        Print one JSON object a line for each measurement, and nothing else, on stdout.
    """  # noqa: D405, D411, D416
    wait_passively()
    from unseen.evaluation.judging.given import FOLDERS
    from unseen.evaluation.judging.plan_file import PlannedRun, read_plan
    from unseen.explainers.catalogue import METHODS
    from unseen.metrics import METRICS
    from unseen.removal import REMOVALS
    from unseen.system.files import check_writable

    works = engine.made()
    given: dict[str, Any] = {
        "photos": photos,
        "limit": limit,
        "model": chosen.model,
        "methods": METHODS.split(methods),
        "removals": REMOVALS.split(removals),
        "metrics": METRICS.split(metrics),
        "confidence": numbers(confidence, "a confidence is a number from 0 to 1"),
        "target": target,
        "classes": [one if one == FOLDERS else str(Path(one).absolute()) for one in classes or ()],
        "part": part,
        "backgrounds": backgrounds,
        "backgrounds_from": backgrounds_from,
        "annotations": annotations,
        "annotation_classes": annotation_classes,
        "controls": controls,
        "seed": seed,
        **asdict(chosen),
    }
    asked = {key: value for key, value in given.items() if value is not None and value not in ((), [])}
    if plan is None:
        runs: tuple[PlannedRun, ...] = (PlannedRun.of("", {"photos": (), **asked}),)
    else:
        usual = {name: one.default for name, one in signature(evaluate).parameters.items()} | asdict(BUNDLED)
        beside = [key for key, value in asked.items() if usual[key] != value]
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
    from unseen.evaluation.judging.ledger import axes_of, stream
    from unseen.evaluation.judging.measurements import Measurements
    from unseen.evaluation.judging.plan_file import FILE, written
    from unseen.system.files import replace_file

    for sentence in (*run.left_out, *_repeated(run.plan)):
        note(sentence)
    counts: set[int] = set()
    try:
        _run(run.plan, out, works, counts)
        replace_file(out / FILE, written(run.asked).encode(errors="surrogateescape"))
    except OutputError as error:
        complain(error)
        return 1 if len(counts) > 1 else 2  # what was done before it is kept
    failures = _Failures(run.plan)
    measured = Measurements(failures.seen(stream(out), print_json if json else None), axes_of(out))
    exit_code = failures.told("metrics" in run.asked)
    if exit_code < 2:
        reported(measured, out, quiet=json)
    return exit_code


def _repeated(plan: Plan) -> Iterator[str]:
    """Which files are left out because another one has the same content: the first of them, and how many more."""
    for file, kept in islice(plan.repeated.items(), _TOLD):
        yield f"{file} has the same content as {kept}; it is judged once"
    if len(plan.repeated) > _TOLD:
        yield f"so have {len(plan.repeated) - _TOLD:,} further files the content of another one"


def _run(plan: Plan, out: Path, works: Engine, counts: set[int]) -> None:
    """Evaluate; ``counts`` receives how many explanations were done, each time that their number changed."""
    from unseen.evaluation.judging.engine import complete

    with progress_bar("evaluating", unit="explanations") as listener:

        def listen(stage: str, done: int, expected: int | None) -> None:
            counts.add(done)
            listener(stage, done, expected)

        complete(plan, out, engine=works, progress=listen, note=note)


@dataclass(eq=False)
class _Failures:
    """What failed of a plan, gathered while the rows of its ledger go by."""

    plan: Plan
    failed: int = 0
    reasons: dict[tuple[str, str], None] = field(default_factory=dict)
    valued: set[str] = field(default_factory=set)
    without: dict[str, str] = field(default_factory=dict)

    def seen(self, rows: Iterable[Row], printed: Callable[[dict[str, Any]], None] | None) -> Iterator[Row]:
        """The rows, each of which is printed where that is asked for."""
        from unseen.evaluation.judging.outcomes import SECONDS

        for row in rows:
            if printed is not None:
                printed(asdict(row))
            if row.digest in self._photographs and row.method in self._methods and row.removal in self.plan.removals:
                if row.value is not None:
                    self.valued.add(row.metric)
                elif row.metric == SECONDS:
                    self.failed += 1
                    self.reasons[row.photo, row.detail] = None
                elif row.metric in self.plan.metrics:
                    self.without[row.metric] = row.detail
            yield row

    def told(self, metrics_were_named: bool) -> int:
        """Print a line for what failed and for each named metric that has no value; return the exit code."""
        for photo, reason in self.reasons:
            complain(UnseenError(reason), photo)
        if self.failed == len(self._photographs) * len(self._methods) * len(self.plan.removals):
            return 2
        without = {metric: why for metric, why in self.without.items() if metric not in self.valued}
        for metric, why in without.items() if metrics_were_named else ():
            complain(UnseenError(f"metric {metric} has no value: {why}"))
        return 1 if self.failed or (metrics_were_named and without) else 0

    @cached_property
    def _photographs(self) -> set[str]:
        return {subject.digest for subject in self.plan.subjects}

    @cached_property
    def _methods(self) -> set[str]:
        from unseen.evaluation.judging.plan import DRAWN

        return {method for method in self.plan.explainers if method != DRAWN}  # not every object is annotated


def reported(measured: Measurements, out: Path, *, quiet: bool) -> None:
    """Write tables and pictures; print the tables and where all files lie unless ``quiet``."""
    from unseen.evaluation.judging.ledger import FILE
    from unseen.evaluation.judging.report import report
    from unseen.report import write_report

    files = [*report.write(measured, out), write_report(out)]
    if not quiet:
        say(report.as_text(measured, max(80, shutil.get_terminal_size((110, 24)).columns)))
        say("\n".join(f"  {path}" for path in (out / FILE, *files)))
