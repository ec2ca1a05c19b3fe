"""What the methods' entries have in common."""

from __future__ import annotations

from unseen.registry import Entry

_PARTS = "and 70 for curves and parts"


def map_entry(
    target: str, summary: str, citation: str, cost: str = "1 with a gradient", **arguments: str | float
) -> Entry:
    """The entry of a method that makes a map, along which the parts that suffice are then searched.

    Args:
        target: ``"module:attribute"`` below ``unseen.explainers``.
        summary: one line for ``unseen list``.
        citation: the source.
        cost: model evaluations for the map, in words; those for the parts are added.
        arguments: values preset for the factory.
    """
    return Entry(f"unseen.explainers.{target}", summary, citation, f"{cost}, {_PARTS}", arguments)
