from __future__ import annotations

import json
from collections.abc import Generator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers import toys
from helpers.engines import Elsewhere
from unseen import Classifier, Explanation, explain
from unseen.classifier.decision import decide
from unseen.classifier.zoo import MODELS
from unseen.errors import NotApplicableError, OutputError, ParameterError, PhotoError, UnknownNameError
from unseen.pipeline.compare import RECORD, SHEET, compare, draw
from unseen.pipeline.comparison import Cell, Comparison
from unseen.removal.fills.constant import ConstantFill
from unseen.report import report_of
from unseen.system.engines.local import LocalProcesses
from unseen.system.engines.work import R, T, Work


@pytest.fixture
def half() -> np.ndarray[Any, Any]:
    """A photograph whose right half is bright."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:, 32:] = 200
    return pixels


class Counting(toys.Sides):
    """Counts the photographs that it is shown whole and alone."""

    decisions = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.decisions += len(x) == 1
        return super().forward(x)


def sides(network: torch.nn.Module | None = None) -> Classifier:
    loaded = toys.load("sides", None)
    return Classifier(network or loaded.model, loaded.preprocessing, loaded.labels, name="toy:sides")


def toy(photo: Any, **options: Any) -> Comparison:
    asked = {"methods": [toys.Toy(), toys.Unable()], "removals": ["black", "grey"]}
    return compare(photo, options.pop("classifier", sides()), **{**asked, **options})


def test_rows_are_removals_and_columns_methods(half: np.ndarray[Any, Any]) -> None:
    comparison = toy(half)
    assert (comparison.methods, comparison.removals) == (("Toy", "Unable"), ("black", "grey"))
    assert comparison.rows == {"black": comparison.cells[:2], "grey": comparison.cells[2:]}
    placed = [(cell.method, cell.removal) for cell in comparison.cells]
    assert placed == [("Toy", "black"), ("Unable", "black"), ("Toy", "grey"), ("Unable", "grey")]
    assert comparison.decision.label == "right"
    assert comparison.removal_independent == frozenset()
    assert toy(half, methods=[toys.Toy(), toys.Still()]).removal_independent == {"Still"}


def test_cells_that_are_explained_elsewhere_come_in_any_order_and_are_the_same(
    half: np.ndarray[Any, Any], tmp_path: Path
) -> None:
    over: list[Cell] = []
    here = toy(half, target="left")
    there = toy(half, target="left", folder=tmp_path, finished=over.append, engine=Elsewhere())
    assert [(cell.method, cell.removal) for cell in there.cells] == [(cell.method, cell.removal) for cell in here.cells]
    assert [cell.removal for cell in over] == ["grey", "grey", "black", "black"]
    assert [str(cell.error) for cell in there.cells] == [str(cell.error) for cell in here.cells]
    for one, other in zip(there.cells, here.cells, strict=True):
        if one.explanation is not None and other.explanation is not None and one.folder is not None:
            torch.testing.assert_close(one.explanation.saliency, other.explanation.saliency)
            assert Explanation.load(one.folder) == one.explanation
    record = json.loads((tmp_path / RECORD).read_text(encoding="utf-8"))
    assert [cell["method"] for cell in record["cells"]] == ["Toy", "Unable", "Toy", "Unable"]


def test_a_cell_that_fails_keeps_its_reason_and_the_others_go_on(half: np.ndarray[Any, Any]) -> None:
    comparison = toy(half)
    assert [cell.error is None for cell in comparison.cells] == [True, True, True, False]
    (lost,) = comparison.failures
    assert isinstance(lost.error, NotApplicableError)
    assert lost.explanation is None


def test_a_cell_is_what_explain_finds_alone(half: np.ndarray[Any, Any]) -> None:
    cell = toy(half, seed=5, target="left", batch_size=2).cells[2]
    asked: dict[str, Any] = {"part": ("sufficient",), "backgrounds": 0, "batch_size": 2}
    alone = explain(half, sides(), method=toys.Toy(), removal="grey", seed=5, target="left", **asked)
    assert cell.explanation is not None
    assert cell.explanation.parts == alone.parts
    assert cell.explanation.notes == alone.notes
    for key in ("request", "evaluations", "photo", "decision", "search"):
        assert cell.explanation.provenance[key] == alone.provenance[key]


def test_the_decision_is_made_once(half: np.ndarray[Any, Any]) -> None:
    network = Counting()
    toy(half, classifier=sides(network))
    assert network.decisions == 1


def test_cells_are_saved_as_they_finish(half: np.ndarray[Any, Any], tmp_path: Path) -> None:
    seen: list[tuple[str, list[str]]] = []

    def finished(cell: Cell) -> None:
        record = json.loads((tmp_path / "out" / RECORD).read_text())
        seen.append((cell.method, [one["folder"] for one in record["cells"]]))
        assert not (tmp_path / "out" / SHEET).exists()

    comparison = toy(half, folder=tmp_path / "out", finished=finished)
    assert [method for method, _ in seen] == ["Toy", "Unable", "Toy", "Unable"]
    assert [folders for _, folders in seen][1:3] == [
        ["Toy-black", "Unable-black"],
        ["Toy-black", "Unable-black", "Toy-grey"],
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        ["Toy-black", "Unable-black", "Toy-grey", RECORD, SHEET]
    )
    for cell in comparison.cells[:3]:
        assert cell.folder is not None
        assert Explanation.load(cell.folder) == cell.explanation


def test_pictures_can_be_drawn_later(half: np.ndarray[Any, Any], tmp_path: Path) -> None:
    comparison = toy(half, methods=toys.Toy(), removals="black", folder=tmp_path, pictures=False)
    assert [*tmp_path.rglob("*.png")] == []
    assert report_of(tmp_path).sections[0].title == "Values"
    draw(comparison, tmp_path)
    assert {SHEET, "panel.png", "overlay.png"} <= {path.name for path in tmp_path.rglob("*.png")}
    assert report_of(tmp_path).sections[0].title == "On one sheet"


def test_the_record_tells_of_every_cell(half: np.ndarray[Any, Any], tmp_path: Path) -> None:
    comparison = toy(half, folder=tmp_path)
    record = json.loads((tmp_path / RECORD).read_text())
    assert record == comparison.to_dict()
    assert record["target"] == {"index": 1, "label": "right", "probability": pytest.approx(1)}
    assert (record["methods"], record["removals"]) == (["Toy", "Unable"], ["black", "grey"])
    first, *_, last = record["cells"]
    assert first["evaluations"] == 7
    assert first["seconds"] > 0
    curve = comparison.cells[0].explanation and comparison.cells[0].explanation.curve
    assert curve is not None
    assert first["areas"] == {"insertion": curve.insertion_area, "deletion": curve.deletion_area}
    assert (first["folder"], first["error"]) == ("Toy-black", None)
    assert "Unable has no rule for grey" in last["error"]
    assert all(last[key] is None for key in ("evaluations", "seconds", "areas", "folder"))


def test_an_interruption_keeps_what_there_is(half: np.ndarray[Any, Any], tmp_path: Path) -> None:
    class Interrupted(toys.Unable):
        def __call__(self, *_: Any, **__: Any) -> Any:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        toy(half, methods=[toys.Toy(), Interrupted()], folder=tmp_path)
    record = json.loads((tmp_path / RECORD).read_text())
    assert [cell["folder"] for cell in record["cells"]] == ["Toy-black"]
    assert Explanation.load(tmp_path / "Toy-black").label == "right"
    assert (tmp_path / SHEET).is_file()


def test_cells_that_are_over_are_kept_while_an_earlier_one_is_not(half: np.ndarray[Any, Any], tmp_path: Path) -> None:
    class Cut(Elsewhere):
        def results(self, work: Work[T, R]) -> Generator[list[R], None, None]:
            yield from islice(super().results(work), 3)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        toy(half, folder=tmp_path, engine=Cut())
    cells = json.loads((tmp_path / RECORD).read_text())["cells"]
    assert [(cell["method"], cell["removal"]) for cell in cells] == [
        ("Unable", "black"),
        ("Toy", "grey"),
        ("Unable", "grey"),
    ]
    assert (tmp_path / SHEET).is_file()


class Tied(toys.Sides):
    """Says of a tie what its process makes of it."""

    favoured = 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + 1e-5 * torch.eye(3)[self.favoured]


def other_way() -> Classifier:
    network = Tied()
    network.favoured = 0
    return sides(network)


def test_all_cells_are_about_the_class_that_was_decided_for_here(half: np.ndarray[Any, Any]) -> None:
    grey = np.full_like(half, 100)
    assert decide(grey, other_way()).target == 0
    assert decide(grey, sides(Tied())).target == 1
    found = toy(grey, classifier=sides(Tied()), methods=toys.Toy(), engine=Elsewhere(), again=other_way)
    explained = [cell.explanation for cell in found.cells if cell.explanation is not None]
    assert [one.target for one in explained] == [1, 1]
    assert found.decision.asked is None


def test_a_method_that_cannot_travel_is_asked_in_this_process(
    half: np.ndarray[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Mine(toys.Toy):
        pass

    monkeypatch.setitem(MODELS.entries, "toy", toys.MODELS)
    asked: dict[str, Any] = {"methods": Mine(), "removals": "black"}
    with pytest.warns(UserWarning, match=r"cannot be handed to other processes \(.*Mine.*\), and is done in this one"):
        found = compare(half, "toy:sides", **asked, engine=LocalProcesses(4))
    assert not found.failures


def test_progress_is_told_cell_by_cell(half: np.ndarray[Any, Any]) -> None:
    told: list[tuple[str, ...]] = []
    totals: dict[str, tuple[int, int | None]] = {}

    def listen(stage: str, done: int, expected: int | None) -> None:
        told.append(tuple(stage.split(": ")))
        totals[told[-1][0]] = done, expected

    comparison = toy(half, progress=listen)
    spent = [cell.explanation.provenance["evaluations"] for cell in comparison.cells if cell.explanation]
    assert list(totals.values()) == [(done, done) for done in spent]
    assert list(dict.fromkeys(name for name, _ in told)) == [
        "[1/4] Toy × black",
        "[2/4] Unable × black",
        "[3/4] Toy × grey",  # the fourth is refused before it says anything
    ]
    assert told[-1] == ("[3/4] Toy × grey", "halving")


def test_what_is_printed_of_a_comparison_is_short(half: np.ndarray[Any, Any]) -> None:
    comparison = toy(half)
    assert repr(comparison) == "<Comparison: right > 99.99 %, 2 methods × 2 removals, 1 failed>"
    assert repr(comparison.cells[0]).startswith("<Cell: Toy × black: <Explanation: right > 99.99 %, Toy under black")
    assert repr(comparison.cells[-1]).startswith("<Cell: Unable × grey: Unable has no rule for grey")
    html = comparison._repr_html_()
    assert html.startswith('<iframe title="right: Toy, Unable compared"')
    assert html.count("&lt;/summary&gt;") == 3  # of each map, but of the cell that failed


def test_specs_name_folders_that_every_file_system_takes(half: np.ndarray[Any, Any], tmp_path: Path) -> None:
    removals = ["black", ConstantFill("black"), "grey"]
    comparison = toy(half, methods=["occlusion:window=0.5,stride=0.5"], removals=removals, folder=tmp_path)
    assert [cell.folder and cell.folder.name for cell in comparison.cells] == [
        "occlusion_window=0.5,stride=0.5-black",
        "occlusion_window=0.5,stride=0.5-grey",
    ]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"methods": ["casual"]}, UnknownNameError),
        ({"removals": []}, ParameterError),
        ({"methods": []}, ParameterError),
        ({"target": "lfet"}, UnknownNameError),
        ({"target": 3}, ParameterError),
        ({"seed": -1}, ParameterError),
        ({"photo": "missing.jpg"}, PhotoError),
    ],
    ids=str,
)
def test_what_no_cell_can_do_is_refused(
    half: np.ndarray[Any, Any], tmp_path: Path, change: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        toy(**{"photo": half, "folder": tmp_path / "out", **change})
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_place_of_a_cell_is_found_before_the_work(half: np.ndarray[Any, Any], tmp_path: Path) -> None:
    (tmp_path / "Unable-grey").touch()
    with pytest.raises(OutputError, match="is a file"):
        toy(half, folder=tmp_path)
    assert not (tmp_path / RECORD).exists()


def test_a_real_model(classifier: Classifier, photo_path: Path) -> None:
    comparison = compare(
        photo_path, classifier, methods=["occlusion:window=0.5,stride=0.25,steps=4"], removals=["grey", "ad"]
    )
    assert comparison.decision.label == "espresso"
    assert not comparison.failures
    grey, ad = (cell.explanation for cell in comparison.cells)
    assert grey is not None
    assert ad is not None
    assert (grey.removal, ad.removal) == ("grey", "ad")
    assert not torch.equal(grey.saliency, ad.saliency)
    assert len(comparison.plot().axes) == 4  # the photograph, a colour bar and two maps


@pytest.mark.usefixtures("unchecked_types")
def test_one_method_and_one_removal_are_not_their_letters_and_numbers_may_be_numpys() -> None:
    loaded = toys.load("sides", None)
    classifier = Classifier(loaded.model, loaded.preprocessing, loaded.labels)
    given = {"methods": toys.Toy(), "removals": "grey", "target": np.int64(1), "seed": np.int64(3)}
    found = compare(torch.full((3, 24, 32), 0.5), classifier, **given, batch_size=torch.tensor(2))
    assert (found.methods, found.removals) == (("Toy",), ("grey",))
    (cell,) = found.cells
    assert cell.explanation is not None
    assert cell.explanation.provenance["request"]["seed"] == 3
    assert found.to_dict()["prepared"]["rounded_to_8_bits"] is False
    for bad, said in (
        ({"methods": toys.Toy}, "is a class"),
        ({"removals": 3}, "removal must be an object"),
        ({"seed": 0.5}, "seed must be one whole number"),
        ({"methods": {"toy": 1}}, "methods must be one value or a list of them, not a dict"),
    ):
        with pytest.raises(ParameterError, match=said):
            compare(torch.full((3, 24, 32), 0.5), classifier, **{**given, **bad})
