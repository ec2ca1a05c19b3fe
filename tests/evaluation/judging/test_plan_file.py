from __future__ import annotations

from pathlib import Path

import pytest

from unseen import Classifier
from unseen.errors import ParameterError, UnseenError
from unseen.evaluation.judging.plan import Plan
from unseen.evaluation.judging.plan_file import PlannedRun, read_plan, written

PLAIN = """# what we ask of every model
photos = ["."]
methods = ["occlusion:window=0.5", "causal"]
removals = ["ad", "grey"]
confidence = [0, 0.5]
backgrounds = 7
"""
RUNS = f"""{PLAIN}
[[runs]]
name = "small"
model = "efficientnet-lite0"
limit = 2

[[runs]]
name = "large"
model = "efficientnet-lite2"
confidence = [0.9]
"""


@pytest.fixture
def folder(bright_sides: tuple[Path, ...]) -> Path:
    return bright_sides[0].parent


def read(folder: Path, text: str) -> tuple[Plan, ...]:
    (folder / "plan.toml").write_text(text, "utf-8")
    return tuple(run.plan for run in read_plan(folder / "plan.toml"))


def test_one_run_stands_for_a_plan_and_paths_are_seen_from_the_file(
    folder: Path, bright_sides: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    (plan,) = read(folder, PLAIN)
    expected = Plan(
        photos=plan.photos,
        contexts=bright_sides,
        methods=("occlusion:window=0.5", "causal"),
        removals=("ad", "grey"),
        confidence=(0, 0.5),
        backgrounds=7,
    )
    assert plan == expected
    assert set(plan.photos) == set(bright_sides)


def test_folders_is_a_word_among_classes_and_a_path_elsewhere(
    folder: Path, bright_sides: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    (folder / "folders").mkdir()
    inside = bright_sides[0].rename(folder / "folders" / "0.png")
    asked = 'photos = ["folders"]\nclasses = ["folders"]\nbackgrounds_from = "folders"\nlabels = "folders"\n'
    (plan,) = read(folder, asked)
    assert (plan.photos, plan.contexts, plan.classes) == ((inside,), (inside,), ("folders",))
    assert plan.labels == folder / "folders"


def test_runs_differ_in_what_they_say_and_share_the_rest(folder: Path) -> None:
    small, large = read(folder, RUNS)
    assert (small.model, len(small.photos), small.confidence) == ("efficientnet-lite0", 2, (0, 0.5))
    assert (large.model, len(large.photos), large.confidence) == ("efficientnet-lite2", 4, (0.9,))
    assert small.methods == large.methods
    assert [run.name for run in read_plan(folder / "plan.toml")] == ["small", "large"]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('methods = ["occlusion', 'metods = ["occlusion', "line 3: a plan has no 'metods'; did you mean 'methods'"),
        ("backgrounds = 7", 'backgrounds = "7"', "line 6: backgrounds is text, not an integer"),
        ("backgrounds = 7", "backgrounds = 0", "line 6: backgrounds must be at least 1"),
        ('"causal"]', '"casual"]', "line 3: unknown method 'casual': did you mean 'causal'"),
        ('"causal"]', "3]", r"line 3: methods\[1\] is an integer, not text"),
        ('"grey"]', '"gray"]', "line 4: .*did you mean 'grey'"),
        ("limit = 2", "limit = 0", "line 11: limit must be at least 1"),
        ("[0.9]", "[9]", r"line 16: confidence must be in \[0, 1\]"),
        ('name = "large"', 'name = "small"', "line 14: every run needs a name of its own"),
        ('name = "large"', 'name = "../up"', "line 14: every run needs a name of its own"),
        ('name = "large"\n', "", "line 13: every run needs a name of its own"),
        ('name = "large"', 'nam = "large"', "line 14: a plan has no 'nam'; did you mean 'name'"),
        ('photos = ["."]', 'photos = ["nowhere/"]', "line 2: .*nowhere"),
        ('photos = ["."]', "photos = [", "is no TOML: .*line 3"),
    ],
)
def test_a_fault_is_told_with_its_line_and_the_remedy(folder: Path, before: str, after: str, said: str) -> None:
    assert before in RUNS
    (folder / "nowhere").mkdir()
    with pytest.raises(ParameterError, match=said):
        read(folder, RUNS.replace(before, after))


def test_what_is_written_is_read_as_it_was(folder: Path) -> None:
    asked = {"photos": (folder,), "removals": ("ad",), "seed": 3, "controls": False, "target": None, "limit": 3}
    (read_again,) = read(folder, written(asked))
    assert read_again == PlannedRun.of("", asked).plan


def test_what_is_no_text_cannot_be_written(folder: Path, classifier: Classifier) -> None:
    with pytest.raises(ParameterError, match="a Classifier cannot be written into a plan"):
        written({"photos": (folder,), "model": classifier})


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnseenError, match="cannot be read"):
        read_plan(tmp_path / "plan.toml")
    (tmp_path / "plan.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UnseenError, match="is no UTF-8 text"):
        read_plan(tmp_path / "plan.toml")
