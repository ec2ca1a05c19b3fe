from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unseen.errors import OutputError
from unseen.system import files
from unseen.system.files import alone_in


def aged(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


@pytest.mark.skipif(sys.platform == "win32", reason="no lock tells that the process lives; its litter goes after a day")
def test_what_a_killed_process_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    code = "import sys, time; from pathlib import Path; from unseen.system import files\n"
    code += "with files.scratch(Path(sys.argv[1])) as place: (place / 'half').write_bytes(b'1'); print('in', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (left,) = tmp_path.iterdir()
        aged(left, 1000)
        files.replace_file(tmp_path / "a", b"1")
        assert left.exists()  # it is at work still
        process.kill()
    files.replace_file(tmp_path / "a", b"2")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_is_young_or_of_others_is_left_alone(tmp_path: Path) -> None:
    for name in (".unseen-12345678", ".unseen-lock", ".other", "mine"):
        (tmp_path / name).mkdir()
    aged(tmp_path / ".other", 1e6)
    aged(tmp_path / "mine", 1e6)
    files.replace_file(tmp_path / "a", b"1")
    assert {path.name for path in tmp_path.iterdir()} == {".unseen-12345678", ".unseen-lock", ".other", "mine", "a"}


def test_one_process_at_a_time(tmp_path: Path) -> None:
    code = "import sys, time; from pathlib import Path; from unseen.system import files\n"
    code += "with files.exclusive(Path(sys.argv[1]), 'x'): print('in', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with (
            pytest.raises(OutputError, match=r"another training is at work in .*; wait for it, or choose another"),
            files.exclusive(tmp_path, "another training", wait=0.1),
        ):
            pass
        process.kill()
    with files.exclusive(tmp_path, "another training", wait=0.1):
        pass


@pytest.mark.parametrize(("number", "said"), [(28, "free some space, or choose"), (13, "; choose another folder")])
def test_the_remedy_fits_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str) -> None:
    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_bytes", refused)
    with pytest.raises(OutputError, match=said):
        files.replace_file(tmp_path / "a", b"")


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no locks")
def test_whoever_is_alone_in_a_folder_keeps_others_out_and_leaves_nothing(tmp_path: Path) -> None:
    with alone_in(tmp_path), pytest.raises(OutputError, match=r"has been writing into .* for 0\.05 s"):  # noqa: SIM117
        with alone_in(tmp_path, wait=0.05):
            pass
    with alone_in(tmp_path, wait=0):
        assert list(tmp_path.iterdir()) == []
