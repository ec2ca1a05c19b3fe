"""The examples of the page on clusters are what they say: they parse, and the command in them is one that we have."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from unseen.cli.app import app
from unseen.cli.options import EngineOptions

FILES = Path(__file__).parents[2] / "docs" / "cluster"


def asked(command: str) -> dict[str, Any]:
    """What the command line makes of a command."""
    name, *words = shlex.split(command)
    assert name == "unseen"
    _, bound, _ = app.parse_args(words, print_error=False, exit_on_error=False)
    return dict(bound.arguments)


def check_command(command: str) -> EngineOptions:
    arguments = asked(command)
    assert arguments["plan"].name == "plan.toml"
    engine: EngineOptions = arguments["engine"]
    assert engine.engine == "ray"
    assert engine.gpus_per_worker == 1
    return engine


def test_the_script_for_slurm_is_one_and_asks_for_as_many_workers_as_it_has_gpus() -> None:
    script = FILES / "slurm.sh"
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash here")
    subprocess.run([bash, "-n", str(script)], check=True)
    text = script.read_text("utf-8")
    wanted = dict(re.findall(r"^#SBATCH --([\w-]+)(?:=(\S+))?$", text, re.MULTILINE))
    assert "requeue" in wanted
    (command,) = re.findall(r"^unseen .*$", text, re.MULTILINE)
    engine = check_command(command.replace('"$address"', "10.0.0.1:6379"))
    assert engine.workers == int(wanted["nodes"]) * int(wanted["gpus-per-node"])
    assert text.count(f"--num-gpus={wanted['gpus-per-node']}") == 2


def test_the_manifest_for_kubernetes_mounts_one_volume_everywhere_and_runs_our_command() -> None:
    claim, job = yaml.safe_load_all((FILES / "kubernetes.yaml").read_text("utf-8"))
    cluster = job["spec"]["rayClusterSpec"]
    (workers,) = cluster["workerGroupSpecs"]
    engine = check_command(job["spec"]["entrypoint"])
    assert engine.workers == workers["replicas"] * int(
        workers["template"]["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"]
    )
    for pod in (cluster["headGroupSpec"]["template"]["spec"], workers["template"]["spec"]):
        (container,) = pod["containers"]
        assert container["volumeMounts"] == [{"name": "data", "mountPath": "/data"}]
        assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
        assert container["image"] == workers["template"]["spec"]["containers"][0]["image"]
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
