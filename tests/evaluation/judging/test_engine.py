"""Runs on toy models; the last ones on the bundled network, in processes that are killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
from PIL import Image

from helpers import toys
from unseen.classifier.zoo import MODELS
from unseen.errors import OutputError
from unseen.evaluation.judging import judging, planting
from unseen.evaluation.judging.engine import run
from unseen.evaluation.judging.judging import EvaluationCell
from unseen.evaluation.judging.ledger import FILE
from unseen.evaluation.judging.outcomes import Row
from unseen.evaluation.judging.plan import Plan
from unseen.explainers.catalogue import METHODS
from unseen.inputs.finding import find_photos
from unseen.registry import Entry
from unseen.system.engines import local
from unseen.system.engines.local import LocalProcesses


@pytest.fixture(autouse=True)
def toy_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS.entries, "toy", toys.METHOD)
    monkeypatch.setitem(MODELS.entries, "toy", toys.MODELS)


@pytest.fixture
def plan(bright_sides: tuple[Path, ...]) -> Plan:
    return Plan(
        bright_sides,
        model="toy:sides",
        methods=("toy",),
        removals=("black", "grey"),
        confidence=(0.5, 0.9),
        backgrounds=6,
        contexts=bright_sides,
        device="cpu",
        controls=False,
    )


def by_key(rows: list[Row]) -> dict[tuple[object, ...], float | None]:
    rows = [row for row in rows if row.metric != "seconds"]
    return {(row.photo, row.removal, row.metric, row.confidence): row.value for row in rows}


def test_every_cell_has_its_rows(plan: Plan, tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    rows = run(plan, tmp_path / "out", progress=lambda *words: told.append(words))
    found = by_key(rows)
    assert len(found) == 4 * 2 * (1 + 2 * 6)
    assert found["0.png", "black", "size", 0.5] == 0.5
    assert found["0.png", "black", "robustness-colours", 0.5] == 1.0  # bright left half: left of any colour but white
    assert found["1.png", "black", "robustness-photos", 0.5] == 0.0  # the dark half on a photograph that is bright left
    assert told[-1][1:] == (8, 8)
    assert {row.n for row in rows if row.metric == "robustness-colours"} == {6}
    assert {row.n for row in rows if row.metric == "robustness-photos"} == {2}  # of the other side


def test_a_photograph_is_read_once_to_know_it_and_once_for_all_its_cells(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, reads = Path.read_bytes, Counter[Path]()

    def counted(path: Path) -> bytes:
        reads[path] += 1
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    run(replace(plan, methods=("toy", "occlusion:window=0.5"), metrics=("size", "insertion")), tmp_path / "out")
    assert {path: reads[path] for path in plan.photos} == dict.fromkeys(plan.photos, 2)


def test_what_lies_in_a_shard_has_the_results_of_what_lies_beside_it(plan: Plan, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "0.tar", "w") as archive:
        for number, path in enumerate(plan.photos):
            archive.add(path, f"{number // 2}/{number % 2}.png")
    packed = tuple(find_photos([tmp_path / "0.tar"]))
    assert [path.name for path in packed] == ["0.png", "1.png", "0.png", "1.png"]
    given = replace(plan, photos=packed, contexts=packed)
    inside, outside = run(given, tmp_path / "inside"), run(plan, tmp_path / "outside")
    assert [(row.digest, row.metric, row.value) for row in inside if row.metric != "seconds"] == [
        (row.digest, row.metric, row.value) for row in outside if row.metric != "seconds"
    ]


def test_what_is_done_is_not_done_again(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(plan, tmp_path / "out")
    monkeypatch.setattr(judging, "explain_decision", None)
    monkeypatch.setattr(planting, "robustness", None)
    assert run(plan, tmp_path / "out") == first


def test_a_run_grows_with_its_plan(plan: Plan, tmp_path: Path) -> None:
    small = replace(plan, photos=plan.photos[:2], removals=("grey",), backgrounds=2)
    run(small, tmp_path / "grown")
    grown = run(plan, tmp_path / "grown")
    assert by_key(grown) == by_key(run(plan, tmp_path / "at once"))


def test_further_backgrounds_are_all_that_is_evaluated(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(replace(plan, backgrounds=2), tmp_path / "out")
    monkeypatch.setattr(judging, "explain_decision", None)
    used: list[int] = []
    original = planting.robustness

    def counting(*words: object, **options: object) -> object:
        found = original(*words, **options)  # type: ignore[arg-type]
        used.append(found.contexts)
        return found

    monkeypatch.setattr(planting, "robustness", counting)
    run(plan, tmp_path / "out")
    assert used == [4, 0] * 8  # colours 3 to 6; the photographs of the other side were all used before


def test_a_failing_photograph_is_a_row_and_is_tried_again(plan: Plan, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"")
    rows = run(replace(plan, photos=(broken, plan.photos[0])), tmp_path / "out")
    failed = [row for row in rows if row.photo == "broken.png"]
    assert len(failed) == 2 * (2 + 2 * 6)  # of every removal: what it cost, and six metrics for two γ
    assert all(row.value is None and "is empty" in row.detail for row in failed)
    assert any(row.value is not None for row in rows)
    Image.open(plan.photos[0]).save(broken)
    again = run(replace(plan, photos=(broken,)), tmp_path / "out")
    assert all(row.value is not None for row in again if row.metric != "by-chance")  # a toy compares with nothing


def test_without_contexts_there_is_a_reason(plan: Plan, tmp_path: Path) -> None:
    rows = run(replace(plan, photos=plan.photos[:1], contexts=plan.photos[:1]), tmp_path / "out")
    missing = [row for row in rows if row.metric == "robustness-photos"]
    assert missing
    assert all((row.value, row.n) == (None, 0) for row in missing)
    assert all(row.detail.startswith("there is no photograph of another class to plant on") for row in missing)


def test_metrics_of_parts_can_be_added(plan: Plan, tmp_path: Path) -> None:
    few = replace(plan, metrics=("size", "robustness-colours"), backgrounds=3)
    run(few, tmp_path / "grown")
    assert by_key(run(plan, tmp_path / "grown")) == by_key(run(plan, tmp_path / "at once"))


def test_a_fault_of_a_method_costs_its_cells_only(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS.entries, "faulty", Entry(f"{__name__}:Faulty", "fails", "nobody", "1"))
    rows = run(replace(plan, methods=("faulty", "toy"), metrics=("size",)), tmp_path / "out")
    said = {row.detail for row in rows if row.method == "faulty"}
    assert said == {"internal error, ZeroDivisionError: nothing to divide by"}
    assert all(row.value is not None for row in rows if row.method == "toy")


@dataclass(frozen=True)
class Faulty(toys.Toy):
    def __call__(self, *_words: object, **_asked: object) -> NoReturn:  # type: ignore[override]
        raise ZeroDivisionError("nothing\n to divide by")


def test_it_is_told_what_is_under_way(plan: Plan, tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    plan = replace(
        plan, photos=plan.photos[:1], removals=("grey",), metrics=("size", "robustness-colours", "insertion")
    )
    run(plan, tmp_path / "out", progress=lambda *words: told.append(words))
    assert told == [
        ("0.png, toy, grey: explaining", 0, 1),
        ("0.png, toy, grey: robustness-colours", 0, 1),
        ("0.png, toy, grey: insertion", 0, 1),
        ("0.png, toy, grey: done", 1, 1),
    ]


# ---- identity ---------------------------------------------------------------------------------------------------


def sizes(rows: list[Row], metric: str = "confidence") -> dict[str, float | None]:
    return {row.digest: row.value for row in rows if (row.metric, row.removal, row.confidence) == (metric, "grey", 0.5)}


def test_photographs_of_one_name_in_two_folders_have_their_own_results(plan: Plan, tmp_path: Path) -> None:
    paths = []
    for number, photo in enumerate(plan.photos[:3]):
        path = tmp_path / str(number) / "001.png"
        path.parent.mkdir()
        path.write_bytes(photo.read_bytes())
        paths.append(path)
    alike = run(replace(plan, photos=tuple(paths), contexts=tuple(paths)), tmp_path / "alike")
    named = run(replace(plan, photos=plan.photos[:3], contexts=tuple(paths)), tmp_path / "named")
    assert sizes(alike) == sizes(named)
    assert len(sizes(alike)) == 3
    assert {row.photo for row in alike} == {"001.png"}


def test_a_file_that_is_replaced_in_place_is_another_photograph(plan: Plan, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(plan.photos[0].read_bytes())
    small = replace(plan, photos=(path,), contexts=plan.contexts)
    first = run(small, tmp_path / "out")
    path.write_bytes(plan.photos[1].read_bytes())
    both = run(small, tmp_path / "out")
    alone = run(small, tmp_path / "alone")
    assert len(sizes(both)) == 2
    assert sizes(both) == {**sizes(first), **sizes(alone)}


def test_a_file_that_changes_while_it_is_judged_is_told(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(plan.photos[0].read_bytes())
    small = replace(plan, photos=(path,))
    decide = judging.decide

    def late(*words: object) -> object:
        path.write_bytes(plan.photos[1].read_bytes())
        return decide(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(judging, "decide", late)
    assert {row.detail for row in run(small, tmp_path / "out") if row.metric == "seconds"} == {
        f"{path} was changed since the evaluation began; start it again"
    }
    assert {row.detail for row in run(small, tmp_path / "out") if row.metric == "seconds"} == {""}


def test_files_of_the_same_content_are_one_photograph(plan: Plan, tmp_path: Path) -> None:
    copy = tmp_path / "copy.png"
    copy.write_bytes(plan.photos[0].read_bytes())
    doubled = replace(plan, photos=(plan.photos[0], copy))
    assert doubled.repeated == {copy: plan.photos[0]}
    assert {row.photo for row in run(doubled, tmp_path / "out")} == {"0.png"}


@pytest.mark.parametrize("what", ["contexts", "labels", "removal"])
def test_files_that_are_replaced_set_evaluations_apart(plan: Plan, tmp_path: Path, what: str) -> None:
    """They have the names that they had."""
    folder = tmp_path / "donors"
    folder.mkdir()
    (folder / "0.png").write_bytes(plan.photos[0].read_bytes())
    (tmp_path / "labels").write_text("left\nright\nneither\n")
    plan = replace(
        plan,
        photos=plan.photos[:1],
        contexts=(folder / "0.png",),
        labels=tmp_path / "labels",
        removals=(f"dataset-mean:{folder}",) if what == "removal" else ("grey",),
        metrics=("size",) if what == "removal" else ("size", "robustness-photos"),
    )
    run(plan, tmp_path / "out")
    run(plan, tmp_path / "out")
    if what == "labels":
        (tmp_path / "labels").write_text("left\nright\nnone\n")
    else:
        (folder / "0.png").write_bytes(plan.photos[0].read_bytes() + b" ")
    with pytest.raises(OutputError, match=r"holds an evaluation with .*; choose another --out"):
        run(plan, tmp_path / "out")


def test_a_method_that_ends_the_program_costs_its_cells_only(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS.entries, "leaving", Entry(f"{__name__}:Leaving", "leaves", "nobody", "1"))
    rows = run(replace(plan, methods=("leaving", "toy"), metrics=("size",)), tmp_path / "out")
    assert {"SystemExit" in row.detail for row in rows if row.method == "leaving"} == {True}
    assert all(row.value is not None for row in rows if row.method == "toy")


@dataclass(frozen=True)
class Leaving(toys.Toy):
    def __call__(self, *_words: object, **_asked: object) -> NoReturn:  # type: ignore[override]
        sys.exit(0)


# ---- real processes ---------------------------------------------------------------------------------------------

COMMAND = [
    "evaluate", "--methods", "causal:iterations=1,steps=4,block=0", "--removals", "zero,grey", "--confidence", "0.5",
    "--backgrounds", "3", "--no-controls", "--json",
]  # fmt: skip


def evaluate(*words: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "unseen", *COMMAND, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def values(printed: str) -> list[dict[str, Any]]:
    rows = (json.loads(line) for line in printed.splitlines())
    return [row for row in rows if row["metric"] != "seconds"]


def alike(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """A run that goes on fills its batches otherwise, and on some processors a row's last bits depend on its batch."""
    value, other = first.pop("value"), second.pop("value")
    return first == second and (value == other or value == pytest.approx(other, rel=1e-4, abs=1e-4))


@pytest.mark.slow
def test_a_killed_run_goes_on_and_workers_do_not_matter(tmp_path: Path, photo_paths: dict[str, Path]) -> None:
    killed = evaluate(*photo_paths.values(), "--out", tmp_path / "out")
    until = time.time() + 60
    while not (tmp_path / "out" / FILE).exists() and time.time() < until:
        time.sleep(0.05)
    time.sleep(2.0)
    killed.kill()
    killed.communicate()
    resumed = evaluate(*photo_paths.values(), "--out", tmp_path / "out").communicate(timeout=240)
    whole = evaluate(*photo_paths.values(), "--out", tmp_path / "whole", "--workers", "2").communicate(timeout=240)
    assert resumed[1] == whole[1] == ""
    assert len(values(resumed[0])) == 3 * 2 * (1 + 6)
    pairs = zip(values(resumed[0]), values(whole[0]), strict=True)
    assert [pair for pair in pairs if not alike(*pair)] == []


def test_a_process_that_dies_costs_its_cell_only(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells of the photograph 1.png kill their process, every time."""
    monkeypatch.setattr(local, "_do", _deadly)
    plan = replace(
        plan, model="efficientnet-lite0", methods=("causal:iterations=1,steps=4,block=0",), removals=("grey",)
    )
    rows = run(replace(plan, metrics=("size",)), tmp_path / "out", engine=LocalProcesses(2))
    assert {row.photo for row in rows} == {"0.png", "1.png", "2.png", "3.png"}
    assert {row.photo for row in rows if row.detail == "its process died"} == {"1.png"}
    assert all(row.value is not None for row in rows if row.photo != "1.png" and row.metric == "size")


def _deadly(cell: EvaluationCell) -> object:
    if cell.subject.name == "1.png":
        os._exit(9)
    torch.set_num_threads(1)
    return local._do(cell)


def test_windows_is_not_asked_for_more_workers_than_it_waits_for(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []

    class Pool(ProcessPoolExecutor):
        def __init__(self, count: int, *_: object, **__: object) -> None:
            super().__init__(1)
            counts.append(count)

    monkeypatch.setattr(local, "_MOST_WORKERS", 61)
    monkeypatch.setattr(local, "ProcessPoolExecutor", Pool)
    for workers in (96, 4):
        local._pool(partial(judging.Judge, plan, Path("out")), workers).shutdown()
    assert counts == [61, 4]


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_a_run_that_is_ended(tmp_path: Path, photo_paths: dict[str, Path], number: int) -> None:
    run_ = evaluate(*photo_paths.values(), "--out", tmp_path / "out", "--workers", "2")
    until = time.time() + 120
    while len(workers := _children(run_.pid)) < 2 and time.time() < until:
        time.sleep(0.2)
    run_.send_signal(number)
    run_.communicate(timeout=60)  # returns when nobody holds its pipes any more
    assert len(workers) >= 2
    assert not any(map(_runs, workers))


def _runs(pid: int) -> bool:
    """Not a zombie, which waits for nobody but its parent."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def _children(parent: int) -> list[int]:
    """Workers, not the process that tracks what they share."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == parent:
                command = (path.parent / "cmdline").read_text()
                found += [int(path.parent.name)] if "spawn_main" in command else []
    return found
