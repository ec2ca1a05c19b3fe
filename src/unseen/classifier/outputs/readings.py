"""How people are told what a model says: one way for messages, tables and pictures."""

from __future__ import annotations


def told(reading: float, unit: str | None) -> str:
    """A probability as a percentage, a value with its unit, which may be empty.

    Example:
        >>> from unseen.classifier.outputs.readings import told
        >>> told(0.953, None), told(41.26, "years")
        ('95.3 %', '41.26 years')
    """
    if unit is None:
        return percent(reading)
    return f"{'−' if reading < 0 else ''}{abs(reading):.4g} {unit}".rstrip()


def percent(share: float) -> str:
    """A share as a percentage: 95.3 %, 0.42 %, 100 %; never rounded to 0 % or 100 % when it is neither.

    Example:
        >>> from unseen.classifier.outputs.readings import percent
        >>> percent(0.9999999), percent(1.0)
        ('> 99.99 %', '100 %')
    """
    if share in (0, 1):
        return f"{100 * share:.0f} %"
    if share < 0.0001 or share > 0.9999:
        return "< 0.01 %" if share < 0.5 else "> 99.99 %"
    return f"{100 * share:.{2 if share < 0.01 or share > 0.999 else 1}f} %"
