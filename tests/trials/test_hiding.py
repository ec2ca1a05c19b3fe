from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import unseen
from helpers import cells as rules
from helpers.cells import GRID, SIDE, SIZE
from unseen import Classifier, Preprocessing
from unseen.classifier.decision import decide
from unseen.cli import main
from unseen.errors import NotApplicableError, ParameterError, UnknownNameError
from unseen.removal.fills.constant import ConstantFill
from unseen.trials.hiding import hide_decided
from unseen.trials.trials import MASK, RECORD, SHEET, Trials

WHITE = torch.ones(3, SIZE, SIZE)
PAINTING = ("black", "grey")


def model(rule: rules.Rule) -> Classifier:
    preprocessing = Preprocessing(size=(SIZE, SIZE), resize=None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    return Classifier(rules.Cells(rule), preprocessing, ["yes", "no"])


def first_cell(rule: rules.Rule, **more: object) -> Trials:
    return unseen.hide(WHITE, model(rule), part=f"box:0,0,{SIDE},{SIDE}", removals="black", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rule", "without", "alone", "conclusion"),
    [
        (rules.conjunction(0), False, True, "the part is needed for yes; it suffices for yes"),
        (rules.disjunction(0, 5), True, True, "the part is not needed for yes; it suffices for yes"),
        (rules.conjunction(0, 5), False, False, "the part is needed for yes; it does not suffice for yes"),
        (rules.conjunction(5), True, False, "the part is not needed for yes; it does not suffice for yes"),
    ],
)
def test_what_is_needed_and_what_suffices_is_told(
    rule: rules.Rule, without: bool, alone: bool, conclusion: str
) -> None:
    (trial,) = first_cell(rule).trials
    assert trial.hidden is not None
    assert trial.shown is not None
    assert (trial.hidden.holds, trial.shown.holds) == (without, alone)
    sure = float(torch.sigmoid(torch.tensor(2.0)))  # logits are ±2 and 0
    for view in (trial.hidden, trial.shown):
        assert view.reading == pytest.approx(sure if view.holds else 1 - sure)
        assert view.change == pytest.approx(view.reading - sure)
        assert view.score == (2.0 if view.holds else -2.0)
        assert [guess["label"] for guess in view.top] == (["yes", "no"] if view.holds else ["no", "yes"])
    assert conclusion in first_cell(rule).words[-1]
    assert trial.evaluations == 2


def test_inverted_the_views_change_places() -> None:
    (one,), (other,) = (first_cell(rules.conjunction(0), invert=invert).trials for invert in (False, True))
    assert one.hidden is not None
    assert other.shown is not None
    assert one.hidden.to_dict() == other.shown.to_dict()
    assert one.hidden.to_dict() != other.hidden.to_dict() if other.hidden else False


def test_pictures_are_what_the_model_gets(classifier: Classifier, photo: torch.Tensor) -> None:
    mask = torch.zeros(224, 224, dtype=torch.bool)
    mask[40:150, 60:170] = True
    trials = unseen.hide(photo, classifier, part=mask, removals=("ad", "grey", "blur"), target="espresso")
    assert trials.decision.label == "espresso"
    ad, *painting = trials.trials
    assert ad.hidden is not None
    assert ad.hidden.picture is None
    for trial in painting:
        for view, visible in ((trial.hidden, ~mask), (trial.shown, mask)):
            assert view is not None
            assert view.picture is not None
            assert torch.equal(view.picture[:, visible], photo[:, visible])
            again = classifier.outputs.readings(classifier.logits(view.picture[None]))[0]
            assert view.reading == pytest.approx(float(again[trials.decision.target]), abs=1e-4)


def test_the_removals_that_disagree_are_named() -> None:
    def bright(visible: torch.Tensor) -> torch.Tensor:  # cells above half: grey is not, white is
        return visible[:, 0]

    trials = unseen.hide(WHITE, model(bright), part=f"box:0,0,{SIDE},{SIDE}", removals=["black", "white"])
    assert trials.words[0].startswith(
        "Without the part the model says yes under white, not under black: 11.9 % to 88.1 %"
    )
    assert "whether the part is needed depends on what stands in its place" in trials.words[-1]


def test_a_removal_that_fails_keeps_its_reason_and_the_others_go_on() -> None:
    trials = unseen.hide(WHITE, model(rules.conjunction(0)), part="box:0,0,8,8", removals=["ad", "black"])
    failed, tried = trials.trials
    assert isinstance(failed.error, NotApplicableError)
    assert failed.hidden is None
    assert tried.hidden is not None
    assert trials.failures == (failed,)
    assert trials.to_dict()["trials"][0]["error"] == str(failed.error)
    alone = unseen.hide(WHITE, model(rules.conjunction(0)), part="box:0,0,8,8", removals="ad")
    assert alone.words == ("No removal could be tried.",)


def test_distances_are_multiples_of_that_of_the_full_photograph(
    classifier: Classifier, photo_path: Path, tmp_path: Path
) -> None:
    texture = np.random.default_rng(0).uniform(size=(24, 8, 8, 3))
    for number, one in enumerate(texture):
        Image.fromarray((255 * one).astype(np.uint8)).resize((224, 224), Image.Resampling.BICUBIC).save(
            tmp_path / f"{number}.png"
        )
    Image.open(photo_path).save(tmp_path / "same.png")  # the photograph itself says nothing of what is usual
    asked = {"part": "box:150,100,300,200", "removals": ("ad", "black")}
    trials = unseen.hide(photo_path, classifier, reference=tmp_path, **asked)  # type: ignore[arg-type]
    assert trials.provenance["reference"] == {"photographs": 24, "neighbour": 10}
    for trial in trials.trials:
        assert trial.evaluations == 4
        for view in (trial.hidden, trial.shown):
            assert view is not None
            assert view.distance is not None
            assert 0.2 < view.distance < 5
    everything = unseen.hide(photo_path, classifier, reference=tmp_path, part="box:0,0,600,400", removals="black")
    shown = everything.trials[0].shown
    assert shown is not None
    assert shown.distance == pytest.approx(1, abs=1e-5)
    with pytest.raises(ParameterError, match="3 different reference photographs are too few") as refused:
        unseen.hide(photo_path, classifier, reference=[tmp_path / f"{n}.png" for n in range(3)], **asked)  # type: ignore[arg-type]
    assert "at least 20" in str(refused.value)


def test_views_of_signals_have_distances_from_signals(tmp_path: Path) -> None:
    for number in range(24):
        stream = torch.Generator().manual_seed(number)
        np.save(tmp_path / f"{number}.npy", (0.4 + 0.2 * torch.rand(1, 32, generator=stream)).numpy())
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool1d(4), torch.nn.Flatten(), torch.nn.Linear(4, 2))
    signals = Classifier(network, Preprocessing((32,), None, mean=(0,), std=(1,)))
    asked = {"part": "box:0,8", "removals": "black"}
    (trial,) = unseen.hide(tmp_path / "0.npy", signals, reference=tmp_path, **asked).trials  # type: ignore[arg-type]
    assert trial.hidden is not None
    assert trial.hidden.distance is not None
    assert trial.hidden.distance > 2
    with pytest.raises(ParameterError, match="0 different reference signals are too few"):
        unseen.hide(tmp_path / "0.npy", signals, reference=tmp_path / "0.npy", **asked)  # type: ignore[arg-type]


def test_where_there_are_no_features_the_reference_is_what_must_go(photo_path: Path, tmp_path: Path) -> None:
    box = Classifier(lambda batch: 100 * batch.mean((2, 3)), Preprocessing((8, 8), None))
    Image.new("RGB", (64, 64), "red").save(tmp_path / "red.png")
    with pytest.raises(NotApplicableError, match=r"known; leave the reference out, without which no distance is"):
        unseen.hide(photo_path, box, part="box:0,0,300,300", removals="black", reference=tmp_path)
    assert not unseen.hide(photo_path, box, part="box:0,0,300,300", removals="black").failures


def test_what_was_saved_repeats_the_trials(photo_path: Path, tmp_path: Path) -> None:
    asked = ["--part", "ellipse:150,60,300,250", "--removals", "grey", "--invert", "--out", str(tmp_path / "one")]
    assert main(["hide", str(photo_path), *asked]) == 0
    record = json.loads((tmp_path / "one" / RECORD).read_text(encoding="utf-8"))
    program, command, *words = shlex.split(record["provenance"]["command"])
    assert (program, command) == ("unseen", "hide")
    assert main([command, *words, "--out", str(tmp_path / "two")]) == 0
    again = json.loads((tmp_path / "two" / RECORD).read_text(encoding="utf-8"))
    for one in (record, again):
        for trial in one["trials"]:
            del trial["seconds"]
    assert again == record
    assert (tmp_path / "two" / "hidden-1.png").read_bytes() == (tmp_path / "one" / "hidden-1.png").read_bytes()
    by_mask = unseen.hide(photo_path, part=tmp_path / "one" / MASK, removals="grey")
    assert by_mask.part.fraction == pytest.approx(record["part"]["fraction"], abs=0.01)
    with Image.open(tmp_path / "one" / MASK) as mask:
        assert mask.size == (600, 400)
    assert (tmp_path / "one" / SHEET).is_file()


def test_objects_are_taken_and_have_no_command() -> None:
    trials = first_cell(rules.conjunction(0))
    own = unseen.hide(WHITE, model(rules.conjunction(0)), part=rules.cell(0), removals=ConstantFill("black"))
    assert own.trials[0].to_dict()["hidden"] == trials.trials[0].to_dict()["hidden"]
    assert own.provenance["command"] is None
    assert "png" in own._repr_html_()
    assert repr(own).startswith("<Trials: the mask under 1 removals; Without the part")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"removals": "blak"}, UnknownNameError, "did you mean 'black'"),
        ({"removals": []}, ParameterError, "no removal was given"),
        ({"part": "box:1,2"}, ParameterError, "write box:X,Y,WIDTH,HEIGHT"),
        ({"invert": 1}, ParameterError, "invert must be True or False"),
        ({"batch_size": 0}, ParameterError, "batch size 0 must be at least 1"),
        ({"target": "maybe"}, UnknownNameError, "no class 'maybe'"),
    ],
)
@pytest.mark.usefixtures("unchecked_types")
def test_what_cannot_be_tried_is_refused(change: dict[str, object], error: type[Exception], message: str) -> None:
    asked = {"part": "box:0,0,8,8", "removals": PAINTING, **change}
    with pytest.raises(error, match=message):
        unseen.hide(WHITE, model(rules.conjunction(0)), **asked)  # type: ignore[arg-type]


def test_parts_of_one_decision_are_those_of_the_photograph() -> None:
    classifier = model(rules.conjunction(0))
    decision = decide(WHITE, classifier)
    asked: dict[str, Any] = {"part": f"box:0,0,{SIDE},{SIDE}", "removals": "black", "invert": True}
    one, again = hide_decided(decision, **asked), hide_decided(decision, **asked)
    whole = unseen.hide(WHITE, classifier, **asked)
    for trials in (one, again):
        assert trials.decision is decision
        assert trials.trials[0].to_dict()["hidden"] == whole.trials[0].to_dict()["hidden"]
        assert (trials.words, trials.provenance) == (whole.words, whole.provenance)


def test_progress_tells_the_removal() -> None:
    heard: list[str] = []
    counts: list[tuple[int, int | None]] = []

    def listen(stage: str, done: int, expected: int | None) -> None:
        heard.append(stage)
        counts.append((done, expected))

    trials = unseen.hide(
        WHITE,
        model(rules.conjunction(0)),
        part="box:0,0,8,8",
        removals=PAINTING,
        progress=listen,
    )
    assert counts[-1] == (trials.trials[-1].evaluations,) * 2
    assert {stage.partition(":")[0] for stage in heard} == {"[1/2] black", "[2/2] grey"}
    assert GRID == 4
