import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Annotated, Any, Literal, get_origin, get_type_hints

import pytest
import torch

from unseen import registry
from unseen.criteria import CRITERIA
from unseen.errors import ParameterError, PluginError, UnknownNameError
from unseen.explainers import FromMap
from unseen.explainers.catalogue import METHODS
from unseen.explanation import Findings
from unseen.metrics import METRICS
from unseen.registry import Entry, Registry
from unseen.removal import REMOVALS
from unseen.system.options import Share
from unseen.system.spelling import Option


@dataclass(frozen=True)
class Lamp:
    """Something to register."""

    colour: Literal["red", "green"] = "red"
    watts: int = 5
    dimmed: bool = False
    hours: float | None = 1.5
    fixed: str = "as made"


def plain() -> str:
    """A factory without options."""
    return "plain"


PLUGIN = Entry(f"{__name__}:plain", "from a third party")
NOT_AN_ENTRY = "a mistake"
LAMPS: Registry[Lamp] = Registry(
    "lamp",
    "unseen.test_lamps",
    {
        "lamp": Entry(f"{__name__}:Lamp", "a lamp"),
        "preset": Entry(f"{__name__}:Lamp", "a lamp", arguments={"colour": "green"}),
        "plain": Entry(f"{__name__}:plain", "a function"),
        "broken": Entry("unseen_no_such_module:thing", "never imported by listing"),
    },
)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("lamp", Lamp()),
        ("lamp:green", Lamp("green")),
        ("lamp:green,7,true", Lamp("green", 7, True)),
        ("lamp:watts=9,dimmed=true", Lamp(watts=9, dimmed=True)),
        ("lamp:hours=none", Lamp(hours=None)),
        ("lamp:hours=2", Lamp(hours=2.0)),
        ("preset", Lamp("green")),
        ("preset:8", Lamp("green", 8)),
        ("plain", "plain"),
    ],
)
def test_specs(spec: str, expected: object) -> None:
    assert LAMPS.create(spec) == expected


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("lamp:blue", "'blue' is not a choice; known: green, red"),
        ("lamp:gren", "did you mean 'green'"),
        ("lamp:watts=many", "'many' is not an integer"),
        ("lamp:dimmed=yes", "neither 'true' nor 'false'"),
        ("lamp:hours=x", "'x' is not a number$"),
        ("lamp:wats=3", "no option 'wats': did you mean 'watts'"),
        ("lamp:red,1,true,2,a,b", "takes 5 options"),
        ("lamp:red,colour=red", "given twice"),
        ("preset:colour=red", "no option 'colour'"),
        ("plain:1", "takes no options"),
    ],
)
def test_wrong_options_are_named(spec: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        LAMPS.create(spec)


def test_options_say_what_a_spec_may_set() -> None:
    assert LAMPS.options("lamp") == (
        Option("colour", "red|green", "red"),
        Option("watts", "an integer", "5"),
        Option("dimmed", "true or false", "false"),
        Option("hours", "a number or none", "1.5"),
        Option("fixed", "text", "as made"),
    )
    assert "colour" not in [option.name for option in LAMPS.options("preset")]
    assert LAMPS.options("plain") == ()
    assert REMOVALS.options("black") == ()


@pytest.mark.parametrize("registry", [REMOVALS, METHODS])
def test_every_default_is_a_value_that_its_option_takes(registry: Registry[object]) -> None:
    for name in registry:
        for option in registry.options(name):
            if option.default is not None and not name.startswith("mae"):  # needs a model
                assert registry.create(f"{name}:{option.name}={option.default}") == registry.create(name)


def test_unknown_name() -> None:
    with pytest.raises(UnknownNameError, match="unknown lamp 'lmp': did you mean 'lamp'"):
        LAMPS.create("lmp")


def test_listing_imports_nothing() -> None:
    assert list(LAMPS) == ["lamp", "preset", "plain", "broken"]
    with pytest.raises(ModuleNotFoundError):
        LAMPS["broken"].load()


def with_plugins(monkeypatch: pytest.MonkeyPatch, **values: str) -> Registry[object]:
    points = [EntryPoint(name, value, "unseen.test") for name, value in values.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group == "unseen.test" else [])
    return Registry("thing", "unseen.test", {"builtin": Entry(f"{__name__}:Lamp", "a lamp")})


def test_third_parties_add_but_do_not_replace(monkeypatch: pytest.MonkeyPatch) -> None:
    things = with_plugins(monkeypatch, added=f"{__name__}:PLUGIN", builtin=f"{__name__}:PLUGIN")
    assert list(things) == ["builtin", "added"]
    assert things.create("added") == "plain"
    assert things.create("builtin") == Lamp()


@pytest.mark.parametrize("value", ["unseen_no_such_module:x", f"{__name__}:NOT_AN_ENTRY", f"{__name__}:missing"])
def test_a_broken_plugin_is_reported_and_left_out(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    things = with_plugins(monkeypatch, bad=value)
    with pytest.warns(UserWarning, match="thing 'bad' of .* is left out"):
        assert list(things) == ["builtin"]


def test_every_removal_is_created_under_its_name() -> None:
    for name in REMOVALS:
        if name not in ("ad", "mae", "mae-zip"):
            assert REMOVALS.create(name).name.partition(":")[0] == name
        assert REMOVALS[name].summary


def test_an_option_that_must_be_given() -> None:
    with pytest.raises(ParameterError, match=r"removal 'mae' needs its model: write mae:model=…"):
        REMOVALS.create("mae:threshold=0.3")


def test_fields_without_a_place_come_last() -> None:
    assert [option.name for option in METHODS.options("causal")][:1] == ["iterations"]
    assert METHODS.create("causal:7") == METHODS.create("causal:iterations=7")
    assert METHODS.options("rise")[-1].name == "steps"


def test_lists_of_specs_keep_the_commas_of_a_spec_together() -> None:
    assert REMOVALS.split(["ad,ad:pooled,fill=neighbour,grey", "ad:pooled,0.5"]) == (
        "ad",
        "ad:pooled,fill=neighbour",
        "grey",
        "ad:pooled,0.5",
    )
    assert REMOVALS.split(["grey,gray"]) == ("grey", "gray")
    assert REMOVALS.split(None) == ()


@pytest.mark.parametrize(
    "written", ["neighbour:2.5000001", "add-noise:0.12345678", "telea:2.5000001", "marginal:donors=a=b"]
)
def test_no_digit_of_a_removal_is_lost_in_its_name(written: str) -> None:
    removal = REMOVALS.create(written)
    assert removal.name == written
    assert REMOVALS.create(removal.name) == removal


def fields_with_a_choice() -> Iterator[Any]:
    """Every option of every built-in entry that is one of a few words, also those that its name presets."""
    registries: tuple[Registry[Any], ...] = (REMOVALS, METHODS, METRICS, CRITERIA)
    for known in registries:
        for name, entry in known._builtin.items():
            factory = entry.load()
            hints = get_type_hints(factory) if dataclasses.is_dataclass(factory) else {}
            for field in dataclasses.fields(factory) if hints else ():
                if field.init and get_origin(hints[field.name]) is Literal:
                    yield pytest.param(factory, entry.arguments, field.name, id=f"{name}-{field.name}")


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(("factory", "preset", "option"), list(fields_with_a_choice()))
def test_words_that_are_no_choice_are_refused_from_python_too(
    factory: Callable[..., object], preset: Mapping[str, Any], option: str
) -> None:
    needed = {"model": "folder", "folder": "folder"}
    given = {f.name: needed[f.name] for f in dataclasses.fields(factory) if f.name in needed}  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="pink"):
        factory(**{**given, **preset, option: "pink"})


class Switch:
    """Nothing that explains."""

    def __call__(self) -> None:
        raise AssertionError("it is never called")


class Left(FromMap):
    """The left half."""


@dataclass(frozen=True)
class Whole(FromMap):
    """Every pixel alike."""

    level: Annotated[float, Share("the value of every pixel", ends="(]")] = 1.0

    def attribute(self, evaluate: Any, seed: int, domain: Any) -> Findings:
        del seed, domain
        return Findings(torch.full(evaluate.masked.shape, self.level))


def methods() -> Registry[Any]:
    return Registry("method", "unseen.nobody", {}, contract="unseen.explainers.method:Method")


def test_a_class_is_registered_in_one_line_and_has_its_options() -> None:
    known = methods()
    known.register("whole", Whole)
    assert known["whole"].summary == "Every pixel alike"
    assert known.create("whole:0.5") == Whole(0.5)
    assert known.options("whole")[0] == Option("level", "a number", "1.0", "in (0, 1]", "the value of every pixel")
    known.register("whole", Whole, "again, as a cell that is run twice does")
    assert known["whole"].summary.startswith("again")


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("name", "target", "message"),
    [
        ("switch", Switch, "method 'switch' has no uses_removal, .*; define what is missing, or derive the class from"),
        ("left", Left, "method 'left' has no attribute; define what is missing, or derive the class from"),
        ("a,b", Whole, "method 'a,b' cannot be registered: a name begins with"),
        ("three", 3, "method 'three' cannot be registered: its target is an int"),
    ],
)
def test_what_does_not_keep_the_contract_is_refused_in_one_line(name: str, target: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message) as refused:
        methods().register(name, target)
    assert "\n" not in str(refused.value)


def test_a_built_in_name_is_not_replaced() -> None:
    with pytest.raises(ParameterError, match="'grey' is built in"):
        REMOVALS.register("grey", plain)


def test_what_a_factory_makes_must_keep_the_contract_too() -> None:
    known = methods()
    known.register("made", Switch.__call__, "a function, of which nothing is known until it is called")
    known.register("other", f"{__name__}:Switch", "imported when it is used")
    with pytest.raises(PluginError, match="method 'other' has no uses_removal"):
        known.create("other")


def test_an_entry_point_may_be_the_class_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint(kind.__name__.lower(), f"{__name__}:{kind.__name__}", "unseen.nobody") for kind in (Whole, Left)
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group == "unseen.nobody" else [])
    known = methods()
    with pytest.warns(UserWarning, match="method 'left' of .* is left out: method 'left' has no attribute"):
        assert list(known) == ["whole"]
    assert known.create("whole") == Whole()


def test_facts_that_a_metric_needs_are_asked_for() -> None:
    with pytest.raises(ParameterError, match=r"metric 'mine' cannot be registered: .*missing .*'better'"):
        METRICS.register("mine", plain)


@pytest.mark.parametrize("known", [METHODS, REMOVALS, METRICS])
def test_every_option_says_what_it_is(known: Registry[Any]) -> None:
    for name in known._builtin:
        for option in known.options(name):
            assert option.meaning, f"{known.kind} {name} does not say what {option.name} is"


def test_a_necessary_part_is_to_leave_nothing_of_the_class() -> None:
    """So that less of it is better, and a robust part of either role is."""
    for name in ("confidence", "confidence-colours", "confidence-photos"):
        entry = METRICS[name]
        assert entry.direction == "higher is better, of a necessary part lower"
        assert entry.remarks[-1].startswith(f"{entry.direction}, 0 and more")
    assert METRICS["robustness-colours"].direction == "higher is better"
    assert METRICS["size"].direction == "lower is better"
