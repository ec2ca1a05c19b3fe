from __future__ import annotations

from types import SimpleNamespace

import pytest

from unseen.classifier.outputs import OUTPUTS, Logits
from unseen.errors import ParameterError, UnknownNameError


@pytest.mark.parametrize(
    "spec",
    [
        "logits",
        "logits:key=out",
        "sigmoid",
        "sigmoid:threshold=0.3",
        "sigmoid:threshold=0.3/0.5",
        "binary",
        "probabilities",
        "probabilities:kind=independent",
        "value:tolerance=5.0,unit=years",
    ],
)
def test_a_spec_makes_outputs_and_outputs_their_spec(spec: str) -> None:
    made = OUTPUTS.create(spec)
    assert OUTPUTS.spec_of(made) == spec
    assert OUTPUTS.create(OUTPUTS.spec_of(made)) == made


def test_what_is_no_outputs_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown output 'softmax'"):
        OUTPUTS.resolve("softmax")
    with pytest.raises(ParameterError, match="output Logits is a class; give an object of it"):
        OUTPUTS.resolve(Logits)  # type: ignore[arg-type]
    with pytest.raises(
        ParameterError, match=r"has no unit, .*no scores, .*derive the class from unseen\.classifier\.outputs\.Outputs"
    ):
        OUTPUTS.resolve(SimpleNamespace(key=None))  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="output must be an object or one of the names of 'unseen list outputs'"):
        OUTPUTS.resolve(3)  # type: ignore[arg-type]
