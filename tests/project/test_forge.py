"""The workflows and issue forms, which run elsewhere: what they call is there, and what they must say they say."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FORGE = ROOT / ".github"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
SYSTEMS = ["ubuntu-latest", "macos-latest", "windows-latest"]
WORKFLOWS = sorted(path.name for path in (FORGE / "workflows").iterdir())
FORMS = sorted(path.name for path in (FORGE / "ISSUE_TEMPLATE").iterdir() if path.name != "config.yml")


def read(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def workflow(name: str) -> dict[str, Any]:
    """YAML 1.1 takes the key ``on`` for true."""
    found = read(FORGE / "workflows" / name)
    return {"on" if key is True else key: value for key, value in found.items()}


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for name in WORKFLOWS:
        for job, described in workflow(name)["jobs"].items():
            yield f"{name}: {job}", described


def commands(job: dict[str, Any]) -> list[str]:
    return [line for step in job.get("steps", ()) for line in step.get("run", "").splitlines()]


COMMANDS = sorted({command for _, job in jobs() for command in commands(job)})


@pytest.mark.parametrize("command", COMMANDS)
def test_what_the_workflows_call_is_there(command: str) -> None:
    """A target of make, a script, a test run, or an installation of what pyproject.toml knows."""
    words = command.split()
    if words[0] == "make":
        assert set(words[1:]) <= TARGETS
    elif words[:3] == ["python", "-m", "pip"]:
        assert words[3:6] == ["install", "--constraint", "constraints.txt"]
        assert (ROOT / "constraints.txt").is_file()
        for extra in re.findall(r"\[([a-z,]+)\]", command):
            assert set(extra.split(",")) <= PROJECT["optional-dependencies"].keys()
    elif words[:3] == ["python", "-m", "pytest"]:
        assert any(need.startswith("pytest-xdist") for need in PROJECT["optional-dependencies"]["test"])
    else:
        assert words[0] == "python"
        assert (ROOT / words[1]).is_file()


def test_a_change_is_checked_as_by_the_local_script() -> None:
    """Its make targets and all further tests; of ``test`` one half on every system, without make."""
    here = set(re.findall(r"^make ([a-z-]+)", (ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE))
    assert {"lint", "docs", "test"} <= here
    further = {target for target in TARGETS if target.startswith("test-")} - {"test-core"}
    for target in (here - {"test"}) | further:
        assert f"make {target}" in COMMANDS
    assert "python -m pytest -n 2" in COMMANDS


def test_every_system_and_the_oldest_and_newest_python_are_tested() -> None:
    matrix = workflow("checks.yml")["jobs"]["tests"]["strategy"]["matrix"]
    known = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d+$", line)]
    assert matrix["os"] == SYSTEMS
    assert matrix["python"] == [known[0], known[-1]]
    assert PROJECT["requires-python"] == f">={known[0]}"
    assert workflow("checks.yml")["jobs"]["wheel"]["strategy"]["matrix"]["os"] == SYSTEMS


def test_a_change_and_a_release_start_them() -> None:
    assert {"pull_request", "push", "workflow_call"} <= workflow("checks.yml")["on"].keys()
    release = workflow("release.yml")
    assert release["on"] == {"push": {"tags": ["v*"]}}
    assert release["jobs"]["checks"]["uses"] == "./.github/workflows/checks.yml"
    assert (release["jobs"]["build"]["needs"], release["jobs"]["publish"]["needs"]) == ("checks", "build")
    assert any("--tag" in command for command in commands(release["jobs"]["build"]))


def test_only_the_last_job_may_do_more_than_read_and_it_needs_no_password() -> None:
    for name in WORKFLOWS:
        assert workflow(name)["permissions"] == {"contents": "read"}
        assert "secrets." not in (FORGE / "workflows" / name).read_text("utf-8")
    allowed = {name: job["permissions"] for name, job in jobs() if "permissions" in job}
    assert allowed == {"release.yml: publish": {"id-token": "write"}}
    steps = workflow("release.yml")["jobs"]["publish"]["steps"]
    assert steps[-1]["uses"].startswith("pypa/gh-action-pypi-publish@")


@pytest.mark.parametrize(("name", "job"), list(jobs()))
def test_jobs_end_and_name_what_they_need(name: str, job: dict[str, Any]) -> None:
    siblings = workflow(name.partition(":")[0])["jobs"]
    needs = job.get("needs", [])
    assert {needs} if isinstance(needs, str) else set(needs) <= siblings.keys()
    if "uses" not in job:
        assert 0 < job["timeout-minutes"] < 360  # what the forge grants
        assert all(("uses" in step) != ("run" in step) for step in job["steps"])
        assert all("@" in step["uses"] for step in job["steps"] if "uses" in step)


@pytest.mark.parametrize("name", FORMS)
def test_issue_forms_are_forms(name: str) -> None:
    """What GitHub asks of one."""
    form = read(FORGE / "ISSUE_TEMPLATE" / name)
    assert form["name"]
    assert form["description"]
    ids = [field["id"] for field in form["body"]]
    assert len(set(ids)) == len(ids)
    for field in form["body"]:
        assert field["type"] in ("textarea", "input", "dropdown", "checkboxes")
        assert field["attributes"]["label"]
        assert set(field) <= {"type", "id", "attributes", "validations"}
        assert set(field["attributes"]) <= {"label", "description", "placeholder", "render", "value", "options"}
    assert read(FORGE / "ISSUE_TEMPLATE" / "config.yml") == {"blank_issues_enabled": False}


@pytest.mark.parametrize("name", FORMS)
def test_issue_forms_ask_for_the_record_that_is_printed(name: str) -> None:
    body = read(FORGE / "ISSUE_TEMPLATE" / name)["body"]
    (record,) = [field for field in body if field["id"] == "record"]
    assert "`unseen explain … --json`" in record["attributes"]["description"]
    assert record["attributes"]["render"] == "json"
    if name != "proposal.yml":
        assert record["validations"] == {"required": True}


def test_contributors_on_windows_run_what_the_workflow_runs_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    shown = [line[2:] for line in text.splitlines() if line.startswith("> ")]
    tests = workflow("checks.yml")["jobs"]["tests"]
    install, browser, test = commands(tests)
    assert test in shown
    assert browser in shown
    assert install.replace("[test]", "[lint,test]") in shown
    assert f"set PYTHONUTF8={tests['env']['PYTHONUTF8']}" in shown
    for target in re.findall(r"(?:`|\$ )make ([a-z-]+)", text):
        assert target in TARGETS
