"""The tests under the oldest supported and the newest obtainable versions, each in an environment of its own.

The oldest versions are the lower bounds of the dependencies in pyproject.toml, on the oldest Python; the newest are
whatever the package index gives, on every Python that this machine has. A Python that it has not is said and skipped.
An environment of the newest takes several GB, for the index's torch is usually a CUDA build: it is removed when its
tests pass, and kept when they fail. What pytest is told beside, such as one folder of tests, follows the options.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ("3.11", "3.12", "3.13")
TOLD = ("torch", "numpy", "pillow", "scikit-image")


@dataclass(frozen=True)
class Setting:
    """Which end of the range of versions, on which Python."""

    end: str
    python: str

    def __str__(self) -> str:
        return f"{self.end} versions, Python {self.python}"

    @property
    def folder(self) -> Path:
        """Of the environment."""
        return ROOT / ".venv-versions" / f"{self.end}-{self.python}"

    def install(self, interpreter: str) -> None:
        """Make the environment, or add to it what is missing."""
        constraints = self.folder.parent / f"{self.folder.name}.txt"
        constraints.parent.mkdir(exist_ok=True)
        constraints.write_text("".join(f"{bound}\n" for bound in floors()) if self.end == "oldest" else "")
        environment = {**os.environ, "PYTHON": interpreter, "CONSTRAINTS": str(constraints)}
        subprocess.run(["scripts/environment.sh", str(self.folder), "test"], cwd=ROOT, env=environment, check=True)

    def test(self, told: list[str]) -> bool:
        """Run the tests; whether they pass."""
        python = str(self.folder / "bin" / "python")
        versions = "from importlib.metadata import version; print(*(f'{p} {version(p)}' for p in %r), sep=', ')"
        subprocess.run([python, "-c", versions % (TOLD,)], check=True)
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        # An old release of one library calls what a newer one of another deprecates.
        lenient = ["-W", "ignore::DeprecationWarning"] if self.end == "oldest" else []
        return (
            subprocess.run([python, "-m", "pytest", "-q", *lenient, *told], cwd=ROOT, env=environment).returncode == 0
        )


def floors() -> list[str]:
    """``name==lower bound`` of every dependency."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [re.sub(r">=([0-9.]+).*", r"==\1", needed) for needed in project["dependencies"]]


def interpreter_of(python: str) -> str | None:
    """The interpreter of a version, on the path or among pyenv's; ``None`` where there is none that runs."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    beside = sorted(map(str, pyenv.glob(f"{python}.*/bin/python{python}")))
    for found in [shutil.which(f"python{python}"), *beside]:
        if found and subprocess.run([found, "-c", "import ensurepip, venv"], capture_output=True).returncode == 0:
            return found
    return None


def main() -> int:
    """Every setting that was asked for; 1 if the tests of any fail."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ends", nargs="+", default=["oldest", "newest"], choices=["oldest", "newest"])
    parser.add_argument("--pythons", nargs="+", default=PYTHONS, choices=PYTHONS)
    parser.add_argument("--keep", action="store_true", help="keep environments whose tests pass, too")
    options, told = parser.parse_known_args()
    settings = [Setting(end, python) for end in options.ends for python in options.pythons]
    results: dict[Setting, str] = {}
    for setting in settings:
        if setting.end == "oldest" and setting.python != PYTHONS[0]:
            continue  # the oldest NumPy has no wheels for a newer Python
        interpreter = interpreter_of(setting.python)
        if interpreter is None:
            results[setting] = "skipped, because this machine has no such Python"
            continue
        print(f"== {setting}", flush=True)
        setting.install(interpreter)
        passed = setting.test(told)
        results[setting] = "passed" if passed else f"FAILED; the environment is {setting.folder}"
        if passed and not options.keep:
            shutil.rmtree(setting.folder)
    for setting, result in results.items():
        print(f"{setting}: {result}")
    return int(any(result.startswith("FAILED") for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
