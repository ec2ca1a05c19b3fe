"""The script that makes a release: what it refuses. That it succeeds is its own test (``make release``)."""

from __future__ import annotations

import importlib.util
import io
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

import unseen

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def release() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release", ROOT / "scripts" / "release.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def archives(folder: Path, inside_wheel: list[str], inside_sdist: list[str]) -> tuple[Path, Path]:
    sdist, wheel = folder / "unseen-1.tar.gz", folder / "unseen-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in inside_wheel:
            archive.writestr(name, "")
    with tarfile.open(sdist, "w:gz") as archive:
        for name in inside_sdist:
            archive.addfile(tarfile.TarInfo(f"unseen-1/{name}"), io.BytesIO())
    return sdist, wheel


PACKAGE = ["unseen/py.typed", "unseen/data/imagenet_labels.txt", "unseen/cli/__init__.py"]
SOURCES = ["pyproject.toml", "README.md", "LICENSE", "tests/conftest.py"]


def test_the_version_is_that_of_the_package(release: ModuleType) -> None:
    assert release.version_of(ROOT) == unseen.__version__


def test_a_tag_must_be_the_versions_and_in_the_changelog(release: ModuleType) -> None:
    changelog, citation = "# Changelog\n\n## [1.2] - 2027-01-01\n", "title: unseen\nversion: 1.2\n"
    release.check_tag("v1.2", "1.2", changelog, citation)
    with pytest.raises(release.ReleaseError, match=r"the tag v1\.3 is not v1\.2; set __version__"):
        release.check_tag("v1.3", "1.2", changelog, citation)
    with pytest.raises(release.ReleaseError, match=r"no section \[1\.2\]"):
        release.check_tag("v1.2", "1.2", "\n## [Unreleased]\n", citation)
    with pytest.raises(release.ReleaseError, match=r"CITATION\.cff is of another version; set it to 1\.2"):
        release.check_tag("v1.2", "1.2", changelog, "title: unseen\nversion: 1.1\n")


def test_a_wheel_holds_the_package_and_nothing_else(release: ModuleType, tmp_path: Path) -> None:
    release.check_contents(*archives(tmp_path, [*PACKAGE, "unseen-1.dist-info/METADATA"], SOURCES))
    for inside, told in ((PACKAGE[1:], "py.typed"), ([*PACKAGE, "tests/test_a.py"], r"tests/test_a\.py")):
        with pytest.raises(release.ReleaseError, match=told):
            release.check_contents(*archives(tmp_path, inside, SOURCES))
    with pytest.raises(release.ReleaseError, match=r"tar\.gz lacks .*conftest"):
        release.check_contents(*archives(tmp_path, PACKAGE, SOURCES[:-1]))
