"""The marks of numbered and bulleted paragraphs in DOCX, counted as the program would."""

import re
from collections import defaultdict

from rag.extract.package import Element, attribute, child, descendants, value

_PLACE = re.compile(r"%(\d)")
_ROMAN = (
    (1000, "m"),
    (900, "cm"),
    (500, "d"),
    (400, "cd"),
    (100, "c"),
    (90, "xc"),
    (50, "l"),
    (40, "xl"),
    (10, "x"),
)
_ROMAN_ONES = ((9, "ix"), (5, "v"), (4, "iv"), (1, "i"))


class Numbering:
    """The counters of one document."""

    def __init__(self, root: Element | None) -> None:
        self._abstract = {attribute(e, "abstractNumId") or "": e for e in descendants(root, "abstractNum")}
        self._numbers = {attribute(e, "numId") or "": e for e in descendants(root, "num")}
        self._counts: dict[str, dict[int, int]] = defaultdict(dict)

    def mark(self, properties: Element | None, inherited: Element | None, least_level: int = 0) -> str:
        """The list mark of the next paragraph with these properties, indented; empty outside of a list."""
        own = child(properties, "numPr")
        number = value(own, "numId") or value(inherited, "numId") or ""
        level = int(value(own, "ilvl") or value(inherited, "ilvl") or 0) % 10
        key = value(self._numbers.get(number), "abstractNumId")
        definition = self._level(key, level)
        if key is None or definition is None:
            return ""
        counts = self._advance(key, number, level)
        return "  " * max(level, least_level) + self._written(key, definition, counts)

    def _level(self, key: str | None, level: int) -> Element | None:
        abstract = self._abstract.get(key or "")
        found = (e for e in descendants(abstract, "lvl") if attribute(e, "ilvl") == str(level))
        return next(found, None)

    def _advance(self, key: str, number: str, level: int) -> dict[int, int]:
        # An override of the start makes a list of its own out of a shared definition.
        restarted = child(self._numbers.get(number), "lvlOverride", "startOverride") is not None
        counts = self._counts[f"{key}/{number}" if restarted else key]
        counts[level] = counts[level] + 1 if level in counts else self._start(key, level)
        for deeper in [known for known in counts if known > level]:
            del counts[deeper]
        return counts

    def _start(self, key: str, level: int) -> int:
        start = value(self._level(key, level), "start") or "1"
        return int(start) if start.isdecimal() else 1

    def _written(self, key: str, definition: Element, counts: dict[int, int]) -> str:
        pattern = value(definition, "lvlText") or ""
        kind = value(definition, "numFmt")
        if kind == "none" or (kind is not None and kind != "bullet" and not pattern):
            return ""
        if kind == "bullet" or not _PLACE.search(pattern):
            return "- "

        def number_at(place: re.Match[str]) -> str:
            level = int(place.group(1)) - 1
            count = counts.get(level, self._start(key, level))
            return written_number(count, value(self._level(key, level), "numFmt") or "decimal")

        return _PLACE.sub(number_at, pattern) + " "


def written_number(count: int, kind: str) -> str:
    """The count as the list writes it: `3`, `c`, `iii`."""
    if kind.endswith("Letter") and count > 0:
        letters = chr(ord("a") + (count - 1) % 26) * min((count - 1) // 26 + 1, 20)
        return letters.upper() if kind.startswith("upper") else letters
    if kind.endswith("Roman") and 0 < count < 5000:
        roman = _roman(count)
        return roman.upper() if kind.startswith("upper") else roman
    return f"{count:02}" if kind == "decimalZero" else str(count)


def _roman(count: int) -> str:
    written = ""
    for worth, letters in (*_ROMAN, *_ROMAN_ONES):
        repeats, count = divmod(count, worth)
        written += letters * repeats
    return written
