"""A preprocessing as people write it: ``size=224,resize=256,mean=0.5,0.5,0.5``, a JSON file, or an earlier record."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from unseen.classifier.preprocessing import Preprocessing
from unseen.classifier.transformed import Transform, Transformed
from unseen.errors import ModelError, ParameterError, nearest
from unseen.system.schema import MalformedError, read_json

Settings = Mapping[str, Any]
"""Some fields of a :class:`Preprocessing`, by name."""

_FIELDS = tuple(field.name for field in dataclasses.fields(Preprocessing))
_WORDS = {"none": None, "true": True, "false": False}
_OF_A_RECORD = ("provenance", "classifier", "preprocessing")


def settings_of(given: Preprocessing | Transform | Settings | str | PathLike[str]) -> Settings:
    """What is asked of a preprocessing.

    Args:
        given: a preprocessing; some of its fields, by name; a text, in which a comma without a name after it continues
            a list; or a JSON file of either fields or of an explanation's record, whose preprocessing is taken.

    Raises:
        ParameterError: a text of another form, or a field that there is not.
        ModelError: a file that cannot be read, or holds no preprocessing.

    Example:
        >>> from unseen.classifier.settings import settings_of
        >>> settings_of("size=224x320,mean=0.5,0.4,0.3,resize=none")
        {'size': (224, 320), 'mean': (0.5, 0.4, 0.3), 'resize': None}
        >>> settings_of("size=[256],mean=0"), settings_of("size=24x32x32")["size"]
        ({'size': (256,), 'mean': (0,)}, (24, 32, 32))
    """
    if callable(given) or isinstance(given, Transformed):
        raise ParameterError(
            "a transform is no setting of a model that is loaded by name; give it to its network, as in "
            "unseen.Classifier(load_classifier(…).model, transform, labels)"
        )
    if isinstance(given, Preprocessing):
        return {name: getattr(given, name) for name in _FIELDS}
    if isinstance(given, str) and "=" in given and not Path(given).is_file():
        given = _parsed(given)
    elif isinstance(given, str | PathLike):
        given = _read(Path(given).expanduser())
    if "transform" in given:
        raise ParameterError(
            f"photographs were prepared by {given['transform']!s:.80}, a function, whose name alone is recorded; "
            "give it to the network again, as in unseen.Classifier(network, transform, labels)"
        )
    for name in given:
        if name not in _FIELDS:
            raise ParameterError(f"a preprocessing has no {name!r}: {nearest(str(name), _FIELDS)}")
    return {name: _formed(name, value) for name, value in given.items()}


def applied(settings: Settings, base: Preprocessing | None) -> Preprocessing:
    """The preprocessing with these settings, and for the rest those of the model's source.

    Args:
        settings: see :func:`settings_of`.
        base: of the source; where it knows none, the size must be given, and pixels are squashed to it and handed over
            as they are.

    Raises:
        ParameterError: no size, settings that contradict each other, or a base that a function is.
    """
    if isinstance(base, Transformed) and settings:
        raise ParameterError(
            f"photographs are prepared by a transform of the model's own ({', '.join(settings)} cannot be changed); "
            "leave the preprocessing out, or change the transform"
        )
    if base is None and "size" not in settings:
        raise ParameterError("nothing is known of the size of the model's input; begin the preprocessing with size=…")
    given = settings.get("mean", settings.get("std", (0.0,) * 3))
    channels = len(given) if isinstance(given, tuple) else 1
    plain = {"resize": None, "mean": (0.0,) * channels, "std": (1.0,) * channels}
    return Preprocessing(**{**plain, **settings}) if base is None else dataclasses.replace(base, **settings)


def written(preprocessing: Preprocessing) -> str:
    """The text that :func:`settings_of` reads back, with every field.

    Example:
        >>> from unseen.classifier.settings import written
        >>> written(Preprocessing((96, 64), None, mean=(0, 0, 0), std=(1, 1, 1)))  # doctest: +ELLIPSIS
        'size=96,64,resize=none,interpolation=bilinear,mean=0,0,0,std=1,1,1,range=0.0,1.0,unit=none,fit=crop,...'
    """
    values = {name: getattr(preprocessing, name) for name in _FIELDS}
    if len(preprocessing.size) == 1:
        values["size"] = f"[{preprocessing.size[0]}]"
    return ",".join(f"{name}={_text(value)}" for name, value in values.items() if value != "")


def _formed(name: str, value: Any) -> Any:
    """A value as its field has it: lists as tuples, a side as two, a channel in a tuple, ranges in pairs."""
    if name == "size" and isinstance(value, int):
        return value, value
    if name in ("mean", "std") and isinstance(value, int | float):
        return (value,)
    if not isinstance(value, list | tuple):
        return value
    if name == "range" and len(value) > 2 and len(value) % 2 == 0 and not isinstance(value[0], list | tuple):
        return tuple(zip(value[::2], value[1::2], strict=True))
    return tuple(_formed("", item) for item in value)


def _text(value: object) -> str:
    if isinstance(value, str) or not isinstance(value, Iterable):
        return str(value).lower() if value is None or isinstance(value, bool) else str(value)
    return ",".join(map(_text, value))


def _parsed(text: str) -> dict[str, Any]:
    found: dict[str, list[Any]] = {}
    name = ""
    for piece in text.split(","):
        key, equals, value = piece.partition("=")
        if equals:
            name = key.strip()
            if name in found:
                raise ParameterError(f"the preprocessing {text!r} gives {name} twice")
        if not name or not (value if equals else key).strip():
            raise ParameterError(
                f"the preprocessing {text!r} is neither a file nor of the form size=224,resize=256,mean=0.5,0.5,0.5"
            )
        found.setdefault(name, []).extend(_values((value if equals else key).strip()))
    return {name: values[0] if len(values) == 1 else tuple(values) for name, values in found.items()}


def _values(text: str) -> list[Any]:
    if re.fullmatch(r"\d+([x×]\d+)+", text):
        return [int(side) for side in re.split("[x×]", text)]
    if re.fullmatch(r"\[\d+\]", text):  # a list of one: the length of a signal
        return [(int(text[1:-1]),)]
    if text in _WORDS:
        return [_WORDS[text]]
    for kind in (int, float):
        try:
            return [kind(text)]
        except ValueError:
            continue
    return [text]


def _read(path: Path) -> Settings:
    remedy = 'give a JSON file of {"size": [224, 224], …}, an explanation.json, or a text such as size=224,resize=256'
    try:
        content = read_json(path, dict[str, Any])
    except (OSError, MalformedError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ModelError(f"the preprocessing {path} cannot be read ({reason}); {remedy}") from None
    for number, _ in enumerate(_OF_A_RECORD):  # from any depth of a record on
        inner: Any = content
        for key in _OF_A_RECORD[number:]:
            inner = inner.get(key) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            return inner
    found: Settings = content
    return found
