"""Two nodes on this machine: the same rows as without them, whatever dies meanwhile."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from helpers.planted import planted
from helpers.slow import slow
from helpers.toys import Colours
from unseen import Classifier, Preprocessing
from unseen.errors import ModelError, OutputError, ParameterError
from unseen.evaluation.distance.measuring import DistributionShift
from unseen.evaluation.judging.engine import run
from unseen.evaluation.judging.ledger import FILE
from unseen.evaluation.judging.outcomes import Row
from unseen.evaluation.judging.plan import Plan
from unseen.evaluation.retraining.roar import RemoveAndRetrain
from unseen.evaluation.retraining.training import Training
from unseen.pipeline.compare import compare
from unseen.system.engines import cluster as module
from unseen.system.engines.cluster import RayCluster

ray = pytest.importorskip("ray")
pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(sys.platform == "win32", reason="Ray simulates no cluster there"),
    # Ray leaves its processes and pipes to the garbage collector
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
TESTS = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[Any]:
    """A head without cores, and two nodes of one core for the workers; on loopback, with nothing in the home folder."""
    from ray.cluster_utils import Cluster

    paths = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    busy = {"RAY_worker_niceness": "0"}  # a machine that does other work leaves workers of Ray's 15 next to nothing
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**module._PRIVATE, **busy, "PYTHONPATH": paths}.items():
            patch.setenv(name, value)
        patch.setattr(ray._private.ray_constants, "ENABLE_RAY_CLUSTER", False)  # else loopback is not found again
        found = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 0, "include_dashboard": False, "node_ip_address": "127.0.0.1"},
        )
        for _ in range(2):
            found.add_node(num_cpus=1, node_ip_address="127.0.0.1")
        ray.init(address=found.address, log_to_driver=False, configure_logging=False)
        try:
            yield found
        finally:
            ray.shutdown()
            found.shutdown()


def plan_in(folder: Path, seconds: float = 0.0) -> Plan:
    """Eight photographs, each bright on one side, for a model that takes so long for a pass."""
    photos = []
    for number in range(8):
        image = Image.new("RGB", (64, 48), (20, 20, 20))
        image.paste((200 + number, 255, 255), (0, 0, 32, 48) if number % 2 == 0 else (32, 0, 64, 48))
        image.save(folder / f"{number:02}.png")
        photos.append(folder / f"{number:02}.png")
    return Plan(
        tuple(photos),
        model=slow(seconds),
        methods=("occlusion:window=0.5",),
        removals=("black",),
        confidence=(0.5,),
        metrics=("size", "deletion:steps=4"),
        controls=False,
    )


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return plan_in(tmp_path)


def values(rows: list[Row]) -> dict[tuple[object, ...], object]:
    measured = [row for row in rows if row.metric != "seconds"]
    return {(row.photo, row.metric, row.confidence): pytest.approx(row.value, abs=1e-6) for row in measured}


def done(folder: Path) -> int:
    """How many cells a ledger holds, while somebody else writes it."""
    if not (folder / FILE).is_file():
        return 0
    with closing(sqlite3.connect(folder / FILE, timeout=30)) as database:
        if not database.execute("SELECT name FROM sqlite_master WHERE name = 'explanations'").fetchall():
            return 0
        return int(database.execute("SELECT count(*) FROM explanations").fetchone()[0])


DRIVER = """
import sys
from pathlib import Path
import ray
ray._private.ray_constants.ENABLE_RAY_CLUSTER = False
from system.engines.test_cluster import plan_in
from unseen.system.engines.cluster import RayCluster
from unseen.evaluation.judging.engine import run
run(plan_in(Path(sys.argv[2]), 0.05), Path(sys.argv[3]), engine=RayCluster(sys.argv[1], workers=1))
"""


def test_a_driver_that_is_killed_goes_on_where_it_was_also_with_a_full_object_store(
    two_nodes: Any, plan: Plan, tmp_path: Path
) -> None:
    import numpy as np

    alone = run(plan, tmp_path / "alone")
    many = tmp_path / "many"
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, two_nodes.address, tmp_path, many])
    try:
        until = time.monotonic() + 120
        while done(many) < 1 and driver.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
    finally:
        driver.kill()
        driver.wait()
    before = done(many)
    assert 1 <= before < 8
    held = [ray.put(np.zeros(12_000_000, np.uint8)) for _ in range(12)]  # nearly all that the head has
    counts: list[int] = []
    rows = run(plan, many, engine=RayCluster(workers=1), progress=lambda _, done, __: counts.append(done))
    del held
    assert min(counts) == before
    assert values(rows) == values(alone)
    assert [(row.photo, row.metric) for row in rows] == [(row.photo, row.metric) for row in alone]
    assert all(row.value is not None for row in rows)


def test_a_cell_that_kills_its_worker_twice_is_a_row_and_the_others_are_done(
    two_nodes: object, plan: Plan, tmp_path: Path
) -> None:
    del two_nodes
    with Image.open(plan.photos[1]) as image:
        image.paste((255, 0, 0), (0, 0, 8, 8))
        image.save(plan.photos[1])
    plan = replace(plan, photos=plan.photos[:4], model=slow(deadly=True))
    rows = run(plan, tmp_path / "out", engine=RayCluster(workers=1))
    assert {row.photo for row in rows} == {path.name for path in plan.photos}
    dead = {row.photo: row.detail for row in rows if row.detail}
    assert list(dead) == ["01.png"]
    assert dead["01.png"].startswith("its worker died 2 times: ")
    assert all(row.value is not None for row in rows if row.photo != "01.png")
    assert values(run(plan, tmp_path / "out")) == values(run(plan, tmp_path / "alone"))  # tried again, here it lives


def test_a_worker_with_another_version_is_refused_in_one_line(
    two_nodes: object, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del two_nodes
    monkeypatch.setattr(module, "program", lambda: {"another version of unseen": "0.0.1"})
    with pytest.raises(OutputError, match=r"^a worker has another version of unseen \(.*, here 0.0.1\); give all.*$"):
        run(plan, tmp_path / "out", engine=RayCluster(workers=1))


def test_another_version_of_ray_is_told_with_both(monkeypatch: pytest.MonkeyPatch) -> None:
    from ray._private.utils import check_version_info

    def joining(**_: object) -> None:
        check_version_info({"ray_version": "2.9.3", "python_version": "3.9.18"}, "node 127.0.0.1")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", joining)
    said = r"cluster at 10.0.0.1:6379 is Ray 2.9.3 on Python 3.9.18, this process Ray \d.*pip install ray==2.9.3"
    with pytest.raises(ParameterError, match=said), module.connected(ray, "10.0.0.1:6379"):
        pass


def test_an_object_store_that_takes_no_model_is_told(
    two_nodes: object, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del two_nodes

    def full(_thing: object) -> None:
        raise ray.exceptions.ObjectStoreFullError("Failed to put object in object store because it is full")

    monkeypatch.setattr(ray, "put", full)
    with pytest.raises(
        ModelError, match=r"no room for what workers need \(ObjectStoreFullError: .*larger --object-store"
    ):
        run(plan, tmp_path / "out", engine=RayCluster(workers=1))
    failed = ray.exceptions.RayTaskError("do", "traceback", ray.exceptions.OutOfDiskError("the disk is full"))
    assert str(module._cause(failed)).startswith(
        "Ray has no room for what workers need (OutOfDiskError: the disk is full"
    )


def test_what_there_is_no_room_for_is_told(two_nodes: object, plan: Plan, tmp_path: Path) -> None:
    del two_nodes
    with pytest.raises(ParameterError, match=r"no room for a worker with 1 GPUs .*\(2 CPUs, 0 GPUs\); ask for less"):
        run(plan, tmp_path / "out", engine=RayCluster(gpus_per_worker=1))
    with pytest.raises(ParameterError, match="connected to a Ray cluster already; leave the address out"):
        run(plan, tmp_path / "out", engine=RayCluster("auto"))


def test_other_commands_give_what_one_process_gives(
    two_nodes: object, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del two_nodes
    monkeypatch.chdir(tmp_path)  # the nodes have another one, and paths are relative
    engine = RayCluster(workers=1)
    for number in range(23):
        Image.new("RGB", (32, 24), (100 + number, 5 * number, 200 - number)).save(tmp_path / f"plain-{number:02}.png")
    known = sorted(Path().glob("plain-*.png"))
    shift = DistributionShift(("black",), (0.5,), cells=4, neighbour=3)
    colours = Classifier(Colours(), Preprocessing((24, 32), None, mean=(0, 0, 0), std=(1, 1, 1)))
    here, there = (shift.run(known[:2], known[2:], colours, engine=one, note=pytest.fail) for one in (None, engine))
    torch.testing.assert_close(there.masked["black"], here.masked["black"])
    cells = [
        compare(plan.photos[0].name, slow(), methods="occlusion:window=0.5", removals=["black", "grey"], **given).cells
        for given in ({}, {"engine": engine})
    ]
    for one, other in zip(*cells, strict=True):
        assert one.explanation is not None
        assert other.explanation is not None
        torch.testing.assert_close(one.explanation.saliency, other.explanation.saliency)

    def lost() -> Classifier:
        raise ModelError("there are no weights here")

    with pytest.raises(ModelError, match=r"^there are no weights here$"):
        compare(plan.photos[0], slow(), methods="occlusion:window=0.5", removals="black", engine=engine, again=lost)
    roar = RemoveAndRetrain(repeats=1, shares=(0.5,), training=Training(epochs=1))
    rows = [
        {row.key(): row.accuracy for row in roar.run(planted(20), ["edges"], **given).rows}
        for given in ({}, {"engine": engine})
    ]
    assert rows[0] == pytest.approx(rows[1], abs=0.051)  # one photograph of twenty, where a network is at its edge


def test_a_node_that_is_killed_half_way_costs_a_retry(
    two_nodes: Any, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last test, for it ends a node; each of the two has a worker when that happens."""
    first, second = two_nodes.worker_nodes
    plan = replace(plan, photos=plan.photos[:5], metrics=("size",))
    alone, buried = run(plan, tmp_path / "alone"), []
    bury, give = module._Run._buried, module._Run._give

    def burying(self: Any, hand: Any, error: Exception) -> Any:
        buried.append([number for number in hand.open.values() if number is not None])
        return bury(self, hand, error)

    def giving(self: Any, waiting: Any) -> None:
        if buried or all(hand.ready for hand in self.hands):
            give(self, waiting)
        if first in two_nodes.worker_nodes and all(hand.ready and hand.open for hand in self.hands):
            two_nodes.remove_node(first, allow_graceful=False)

    monkeypatch.setattr(module._Run, "_buried", burying)
    monkeypatch.setattr(module._Run, "_give", giving)
    rows = run(replace(plan, model=slow(0.1)), tmp_path / "many", engine=RayCluster(workers=2))
    assert [*two_nodes.worker_nodes] == [second]
    assert len(buried) == 1
    assert buried[0]
    assert values(rows) == values(alone)


ALONE = """
import json, os, sys
from pathlib import Path
import ray
from unseen.system.engines.cluster import connected

def children(parent):
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, ppid = int(stat.parent.name), int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if ppid == parent:
            found += [pid, *children(pid)]
    return found

def listening(pids):
    sockets = set()
    for pid in pids:
        for file in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                name = os.readlink(file)
            except OSError:
                continue
            sockets |= {name[8:-1]} if name.startswith("socket:[") else set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in sockets:
                yield words[1].partition(":")[0]

with connected(ray, None):
    answered = ray.get(ray.remote(lambda: 7).remote())
    started = children(os.getpid())
    addresses = sorted(set(listening([os.getpid(), *started])))
print(json.dumps({"answered": answered, "started": started, "addresses": addresses}))
"""
LOOPBACK = {"0100007F", f"{'0' * 24}01000000", f"{'0' * 16}FFFF00000100007F"}


def runs(pid: int) -> bool:
    """Whether a process lives; one whose end nobody asks about has no words any more."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it reads /proc")
def test_a_cluster_of_this_machine_alone_listens_on_loopback_and_ends(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ALONE],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["answered"] == 7
    assert found["addresses"]
    assert set(found["addresses"]) <= LOOPBACK
    assert not list(tmp_path.iterdir())  # neither a token nor statistics of usage
    until = time.monotonic() + 30
    while time.monotonic() < until and any(map(runs, found["started"])):
        time.sleep(0.1)
    assert not [*filter(runs, found["started"])]


def test_without_ray_the_extra_is_named(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ModelError, match=r"pip install 'unseen\[cluster\]'"):
        run(plan, tmp_path / "out", engine=RayCluster())


def test_numbers_of_workers_that_cannot_be_are_refused() -> None:
    for given in ({"workers": -1}, {"gpus_per_worker": -0.5}):
        with pytest.raises(ParameterError, match="must be at least 0"):
            RayCluster(**given)  # type: ignore[arg-type]
