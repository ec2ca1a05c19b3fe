"""Criteria held against methods, one cell or a whole table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from unseen.criteria.catalogue import CRITERIA
from unseen.criteria.verdict import Asked, Status, Verdict
from unseen.errors import ModelError, NotApplicableError, ParameterError, one_line
from unseen.explainers.catalogue import METHODS
from unseen.explainers.method import Method
from unseen.inputs.streams import Seed
from unseen.removal import REMOVALS, Removal
from unseen.system.arguments import Integer, integer, several
from unseen.system.names import lines_of
from unseen.system.options import check as check_option
from unseen.system.table import markdown

MARKS: Mapping[Status, str] = {"holds": "✓", "fails": "✗", "not applicable": "–"}

CellListener = Callable[[str, int, int], None]
"""Told of every cell before it is tried: (method and criterion, cells done, cells in all)."""


def check(method: str | Method, criterion: str, removal: str | Removal = "black", seed: Integer = 0) -> Verdict:
    """Whether a criterion holds for a method, on small networks with known properties.

    Args:
        method: an object or a spec; it is checked with its own options.
        criterion: a name from ``unseen list criteria``.
        removal: how parts are hidden, for methods that hide; under ``black`` a hidden feature is the feature at 0.
        seed: random seed.

    Returns:
        ``holds``, ``fails`` with the witness, or ``not applicable`` with the reason.

    Raises:
        UnknownNameError: no such criterion, method or removal.
        ParameterError: an option that the method or the removal does not take, or a negative seed.

    Example:
        >>> from unseen.criteria import check
        >>> check("saliency", "sensitivity-a").status
        'fails'
    """
    drawn = integer("seed", seed)
    check_option("seed", drawn, Seed)
    asked = Asked(METHODS.resolve(method), REMOVALS.resolve(removal), drawn)
    judge: Callable[[Asked], Verdict] = CRITERIA.load(criterion)
    try:
        return judge(asked)
    except (NotApplicableError, ModelError, ParameterError) as error:  # a parameter may ask much of a small photograph
        return Verdict("not applicable", one_line(error))


def table(
    methods: str | Iterable[str],
    criteria: str | Iterable[str],
    removal: str | Removal = "black",
    seed: Integer = 0,
    watch: CellListener | None = None,
) -> Iterator[tuple[str, str, Verdict]]:
    """(method, criterion, verdict) for each pair, method by method; arguments as of :func:`check`.

    Example:
        >>> from unseen.criteria import table
        >>> for method, criterion, verdict in table(["saliency", "edges"], ["symmetry", "sensitivity-b"]):
        ...     print(method, criterion, verdict.status)
        saliency symmetry holds
        saliency sensitivity-b holds
        edges symmetry holds
        edges sensitivity-b fails
    """
    methods, criteria = several("methods", methods), several("criteria", criteria)
    count = len(methods) * len(criteria)
    for row, method in enumerate(methods):
        for column, criterion in enumerate(criteria):
            if watch is not None:
                watch(f"{method}, {criterion}", row * len(criteria) + column, count)
            yield method, criterion, check(method, criterion, removal, seed)


def as_markdown(cells: Mapping[tuple[str, str], Verdict], removal: str) -> str:
    """A table of marks, one row a method."""
    methods, criteria = (list(dict.fromkeys(names)) for names in zip(*cells, strict=True))
    rows = [[f"`{method}`", *(MARKS[cells[method, one].status] for one in criteria)] for method in methods]
    return markdown([[f"removal `{removal}`", *criteria], *rows], centred=True)


def as_text(cells: Mapping[tuple[str, str], Verdict]) -> str:
    """The same for a terminal: the criteria are numbered above the columns."""
    methods, criteria = (list(dict.fromkeys(names)) for names in zip(*cells, strict=True))
    width = max(map(len, methods))
    head = [f"{number:>2}  {name}" for number, name in enumerate(criteria, 1)]
    numbers = " ".join(f"{number:>2}" for number in range(1, len(criteria) + 1))
    rows = [f"{m:{width}}  {' '.join(f'{MARKS[cells[m, c].status]:>2}' for c in criteria)}" for m in methods]
    return lines_of([*head, "", f"{'':{width}}  {numbers}", *rows, "", "✓ holds   ✗ fails   – not applicable"])
