"""Two nodes on this machine: the same rows as without them, whatever dies meanwhile."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from helpers.slow import slow
from unseen.errors import ModelError, ParameterError
from unseen.evaluation.judging import cluster as module
from unseen.evaluation.judging.cluster import RayCluster
from unseen.evaluation.judging.engine import run
from unseen.evaluation.judging.outcomes import Row
from unseen.evaluation.judging.plan import Plan

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
    """A head without cores, and a node of two for the workers; on loopback, with nothing in the home folder."""
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
        found.add_node(num_cpus=2, node_ip_address="127.0.0.1")
        ray.init(address=found.address, log_to_driver=False, configure_logging=False)
        try:
            yield found
        finally:
            ray.shutdown()
            found.shutdown()


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Twelve photographs, each bright on one side."""
    photos = []
    for number in range(12):
        image = Image.new("RGB", (64, 48), (20, 20, 20))
        image.paste((200 + number, 255, 255), (0, 0, 32, 48) if number % 2 == 0 else (32, 0, 64, 48))
        image.save(tmp_path / f"{number:02}.png")
        photos.append(tmp_path / f"{number:02}.png")
    return Plan(
        tuple(photos),
        model=slow(),
        methods=("occlusion:window=0.5",),
        removals=("black",),
        confidence=(0.5,),
        metrics=("size", "deletion:steps=4"),
        controls=False,
    )


def values(rows: list[Row]) -> dict[tuple[object, ...], object]:
    measured = [row for row in rows if row.metric != "seconds"]
    return {(row.photo, row.metric, row.confidence): pytest.approx(row.value, abs=1e-6) for row in measured}


def test_the_rows_are_those_of_one_process_also_when_it_is_stopped_and_the_object_store_is_full(
    two_nodes: object, plan: Plan, tmp_path: Path
) -> None:
    import numpy as np

    del two_nodes
    alone = run(plan, tmp_path / "alone")

    def stopped(_stage: str, done: int, _expected: int | None) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(plan, tmp_path / "many", engine=RayCluster(), progress=stopped)
    held = [ray.put(np.zeros(12_000_000, np.uint8)) for _ in range(12)]  # nearly all that the head has
    counts: list[int] = []
    many = run(plan, tmp_path / "many", engine=RayCluster(workers=1), progress=lambda _, done, __: counts.append(done))
    del held
    assert min(counts) >= 5
    assert values(many) == values(alone)
    assert [(row.photo, row.metric) for row in many] == [(row.photo, row.metric) for row in alone]
    assert all(row.value is not None for row in many)


def test_without_ray_the_extra_is_named(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ModelError, match=r"pip install 'unseen\[cluster\]'"):
        run(plan, tmp_path / "out", engine=RayCluster())


def test_numbers_of_workers_that_cannot_be_are_refused() -> None:
    for given in ({"workers": -1}, {"gpus_per_worker": -0.5}):
        with pytest.raises(ParameterError, match="must be at least 0"):
            RayCluster(**given)  # type: ignore[arg-type]
