"""Builds sdist and wheel in dist/, installs the wheel in an empty environment and tries it there.

    python scripts/release.py [--tag v1.2.3]

Needs the package ``build``. With ``--tag`` the version must be the tag's, and the changelog must have a section on it.
It runs on Linux, macOS and Windows. What is tried is the wheel that was built from the sdist, in a folder from which
this repository cannot be imported, in the versions of constraints.txt.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PHOTO = ROOT / "examples" / "espresso.jpg"
NEEDED = ("unseen/py.typed", "unseen/data/imagenet_labels.txt", "unseen/cli/__init__.py")
FOREIGN = re.compile(r"^(tests|tests_zoo|benchmarks|docs|scripts|examples)/|\.pyc$|/__pycache__/|/\.")
SMALL = ["--method", "causal:iterations=2,steps=8", "--removal", "grey", "--confidence", "0.5", "--json"]


class ReleaseError(Exception):
    """What keeps the release from being one."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tag", help="the tag that is released, v and the version")
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="where sdist and wheel go; emptied first")
    options = parser.parse_args()
    try:
        if options.tag is not None:
            texts = [(ROOT / name).read_text(encoding="utf-8") for name in ("CHANGELOG.md", "CITATION.cff")]
            check_tag(options.tag, version_of(ROOT), *texts)
        sdist, wheel = build(options.dist)
        check_contents(sdist, wheel)
        with tempfile.TemporaryDirectory() as empty:
            try_wheel(wheel, Path(empty).resolve())
    except (ReleaseError, subprocess.CalledProcessError) as error:
        sys.exit(f"no release: {error}")
    print(f"{sdist.name} and {wheel.name} are in {options.dist}")


def version_of(root: Path) -> str:
    """The version that src/unseen/__init__.py states."""
    text = (root / "src" / "unseen" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise ReleaseError("src/unseen/__init__.py states no __version__")
    return found[1]


def check_tag(tag: str, version: str, changelog: str, citation: str) -> None:
    """Refuse a tag of another version, and a version of which changelog or citation say nothing."""
    if tag != f"v{version}":
        raise ReleaseError(f"the tag {tag} is not v{version}; set __version__ in src/unseen/__init__.py, or tag anew")
    if f"\n## [{version}]" not in changelog:
        raise ReleaseError(f"CHANGELOG.md has no section [{version}]; name [Unreleased] so, with the date")
    if f"\nversion: {version}\n" not in citation:
        raise ReleaseError(f"CITATION.cff is of another version; set it to {version}")


def build(dist: Path) -> tuple[Path, Path]:
    """The sdist, and the wheel made from it."""
    shutil.rmtree(dist, ignore_errors=True)
    run([sys.executable, "-m", "build", "--outdir", dist, ROOT])
    (sdist,), (wheel,) = dist.glob("*.tar.gz"), dist.glob("*.whl")
    return sdist, wheel


def check_contents(sdist: Path, wheel: Path) -> None:
    """Refuse a wheel that lacks what the package needs or holds what is not its own, and an sdist without tests."""
    with zipfile.ZipFile(wheel) as archive:
        inside = archive.namelist()
    missing = [name for name in NEEDED if name not in inside]
    foreign = [name for name in inside if FOREIGN.search(name)]
    if missing or foreign:
        raise ReleaseError(
            f"{wheel.name} lacks {missing or 'nothing'} and has {foreign or 'nothing'} beside the package"
        )
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    absent = [name for name in ("pyproject.toml", "README.md", "LICENSE", "tests/conftest.py") if name not in names]
    if absent:
        raise ReleaseError(f"{sdist.name} lacks {absent}")


def try_wheel(wheel: Path, folder: Path) -> None:
    """Install the wheel in a new environment in ``folder``; it must import, list and explain there."""
    venv.create(folder / "environment", with_pip=True)
    programs = folder / "environment" / ("Scripts" if sys.platform == "win32" else "bin")
    python, unseen = programs / "python", programs / "unseen"
    run([python, "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt", wheel], folder)
    place = run([python, "-c", "import unseen; print(unseen.__file__)"], folder)
    if not Path(place.strip()).resolve().is_relative_to(folder):
        raise ReleaseError(f"what was tried is {place.strip()}, not the wheel")
    version = run([unseen, "--version"], folder).split()[-1]
    if f"-{version}-" not in wheel.name:
        raise ReleaseError(f"{wheel.name} says that it is {version}")
    models = json.loads(run([unseen, "list", "models", "--json"], folder))
    bundled = next(model["name"] for model in models)
    record = json.loads(run([unseen, "explain", PHOTO, "--model", bundled, *SMALL, "--out", folder / "out"], folder))
    if record["target"]["label"] != "espresso" or not record["parts"]:
        raise ReleaseError(f"{bundled} on {PHOTO.name} gives {record['target']} and {len(record['parts'])} parts")


def run(command: list[str | Path], folder: Path = ROOT) -> str:
    """What the command prints; its errors are shown as they come. Nothing of this repository is on its path."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    print("$", *command, flush=True)
    words = [str(word) for word in command]
    return subprocess.run(
        words, cwd=folder, env=environment, stdout=subprocess.PIPE, encoding="utf-8", check=True
    ).stdout


if __name__ == "__main__":
    main()
