"""Texts from outside as names of files and as words on a terminal: one place makes each of them safe."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

LONGEST = 120
"""Bytes of a file's name at most, so that a number, a suffix and a file system's own additions fit into 255."""

_FORBIDDEN = frozenset('<>:"/\\|?*')  # Windows; a slash anywhere
_DEVICES = frozenset(("con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³")))
_AS_A_VOWEL = re.compile(r"(?!one|eu|uint|u[ns]i|use)[aeiou]|ndarray", re.IGNORECASE)
_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))  # controls, directions, surrogates, separators of lines


def file_name(text: str) -> str:
    """``text`` as the name of one file or folder: of the folder that it is put into, on every system.

    What separates paths, controls a terminal or is forbidden on Windows becomes ``_``; dots and spaces at the ends are
    taken off, the names of devices get a ``_``, and the end of a very long name is cut. A usual name stays as it is.

    Example:
        >>> from unseen.system.names import file_name
        >>> file_name("cat"), file_name(".."), file_name("a/b"), file_name("nul.txt")
        ('cat', '_', 'a_b', 'nul_.txt')
    """
    shown = "".join("_" if c in _FORBIDDEN or unicodedata.category(c) in _UNSEEN else c for c in text)
    shown = unicodedata.normalize("NFC", shown).strip(". ")
    shown = shown.encode()[:LONGEST].decode(errors="ignore").rstrip(". ")
    stem, dot, rest = shown.partition(".")
    if stem.rstrip().lower() in _DEVICES:
        shown = f"{stem}_{dot}{rest}"
    return shown or "_"


def distinct_names(texts: Iterable[str]) -> list[str]:
    """The texts as :func:`file_name` has them; one that is taken gets the first free number: cat, cat-2, cat-3.

    Case does not make names distinct, because not every file system tells it apart.
    """
    taken: set[str] = set()
    tried: dict[str, int] = {}
    names = []
    for text in texts:
        name = stem = file_name(text)
        while name.casefold() in taken:
            tried[stem] = tried.get(stem, 1) + 1
            name = f"{stem}-{tried[stem]}"
        taken.add(name.casefold())
        names.append(name)
    return names


def with_article(noun: str) -> str:
    """A noun after "a" or "an", by how it sounds.

    Example:
        >>> from unseen.system.names import with_article
        >>> with_article("signal"), with_article("image"), with_article("uint8"), with_article("ndarray")
        ('a signal', 'an image', 'a uint8', 'an ndarray')
    """
    return f"{'an' if _AS_A_VOWEL.match(noun) else 'a'} {noun}"


def printable(text: str, *, keep: str = "") -> str:
    r"""``text`` without what commands a terminal or breaks a line: such characters are written as escapes.

    Args:
        text: from a file's name, a label, a plug-in, a library's message.
        keep: characters that pass, such as the line breaks of a table that is ready.

    Example:
        >>> from unseen.system.names import printable
        >>> printable("cat\x1b[2J\n")
        'cat\\x1b[2J\\n'
    """
    if text.isprintable():
        return text
    return "".join(c if c in keep or not _commands(c) else _escaped(c) for c in text)


def lines_of(lines: Iterable[str]) -> str:
    """Lines as one text, each of them one line whatever it says."""
    return "\n".join(map(printable, lines))


def _commands(character: str) -> bool:
    return unicodedata.category(character) in _UNSEEN and character not in "\u200c\u200d\u00ad"  # joiners of scripts


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode()
