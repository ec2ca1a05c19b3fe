"""From ``--of``, ``--for`` and ``--lambda`` to the spec of a mixture."""

from __future__ import annotations

from collections.abc import Sequence

from unseen.errors import ParameterError
from unseen.explainers.catalogue import METHODS
from unseen.system.shell import command_line
from unseen.system.spelling import written

MIXING = "aggregate"
"""Name of the method that mixes others."""

_OPTIONS = {"--of": "of", "--for": "goal", "--lambda": "balance"}


def mixed(method: str, of: Sequence[str] | None, goal: str | None, balance: float | None) -> str:
    """The spec of ``method`` with what the flags ask of a mixture; as it was if they ask nothing.

    Args:
        method: a spec.
        of: comma-separated lists of the specs to mix.
        goal: what the weights should serve.
        balance: λ, the weight of robustness where both goals are served.

    Raises:
        ParameterError: flags for a method that mixes nothing, that repeat an option of the spec, or have a bad value;
            a λ for one goal alone.
        UnknownNameError: a method that is not registered.

    Example:
        >>> from unseen.cli.mixing import mixed
        >>> mixed("aggregate:hidden=64", ["grad-cam,rise:masks=500,grid=7"], "both", None)
        'aggregate:hidden=64,of=grad-cam/rise:masks=500;grid=7,goal=both'
    """
    texts = {
        "--of": None if of is None else ",".join(of),
        "--for": goal,
        "--lambda": None if balance is None else written(balance),
    }
    given = {flag: text for flag, text in texts.items() if text is not None}
    if not given:
        return method
    name, _, options = method.partition(":")
    if METHODS[name] is not METHODS[MIXING]:
        mixed = command_line(["--method", MIXING, *(word for pair in given.items() for word in pair)])
        raise ParameterError(f"only a mixture of methods takes {', '.join(given)}; {name} is none: write {mixed}")
    from unseen.explainers.aggregation.method import SEPARATOR, Aggregation

    if of is not None:
        specs = METHODS.split(of)
        given["--of"] = SEPARATOR.join(specs).replace(",", ";")
        if any(":" in one and len(METHODS.split([one.replace(",", ";")], SEPARATOR)) > 1 for one in specs):
            raise ParameterError(
                f"{command_line(['--of', ','.join(of)])}: a method's name follows a {SEPARATOR!r}, which would begin "
                "another method; write a comma between methods, and rename a folder that is called like one"
            )
    asked = ",".join(f"{_OPTIONS[flag]}={text}" for flag, text in given.items())
    spec = f"{name}:{options},{asked}" if options else f"{name}:{asked}"
    mixture = METHODS.create(spec)
    if balance is not None and isinstance(mixture, Aggregation) and mixture.goal != "both":
        raise ParameterError(f"--lambda weighs two goals; for {mixture.goal} alone drop it, or ask for both")
    return spec
