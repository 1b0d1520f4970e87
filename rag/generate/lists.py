"""What leads the sentences of a list: the line above it, and the items that it is nested in."""

import re
from collections.abc import Sequence

from msgspec import Struct

ITEM = re.compile(r"[ \t]*([-*+•–]|\d{1,3}[.)])[ \t]+\S")
KEY = re.compile(r"\w[\w ]{0,30}[:：]\s")
_LEADS_ON = re.compile(r"[:：]\s*[*_]*$")
_COMMA = re.compile(r"[,，;；]$")
_FINISHED = re.compile(r"[.!?。！？…|][\"'”’»)\]」』）*_]*$")
_BREAKS = re.compile(r"[ \t]*(?:#{1,6}[ \t]+\S|```|~~~|\|)")
_LONGEST_TITLE = 60  # characters; what is longer and has no end was rather cut off
_LONGEST_KEY_LINE = 120
_KEY_LINE = ":"
_DEEPER = ">"
_ABOVE = -1  # the column of a line that leads a list from above
_TAB = "    "


class _Entry(Struct):
    """A line that leads what is below it in deeper columns; one that ends with a colon also in its own."""

    place: int
    column: int
    kind: str = ""
    leads_on: bool = False
    nested: str = ""  # the kind of the entries in its own column that it leads, none if the first was deeper


def leads_of(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, ...]]:
    """For each sentence, which sentences lead it, the outermost first; none outside of lists.

    Key and value lines ("Phone: 123") are entries of a list too. Texts without indentation leave all
    items in one column: then an item that ends with a colon leads those of another mark, or else those up to
    the next that ends with a colon.
    """
    found: list[tuple[int, ...]] = []
    open_entries: list[_Entry] = []
    for place, (start, end) in enumerate(spans):
        entry = _entry(text, place, (start, end))
        if entry is None:
            own = _continued(open_entries, text, spans, place)
        else:
            own = _entered(open_entries, entry)
            if not open_entries and place and _is_lead(text[slice(*spans[place - 1])], entry):
                own = [_Entry(place - 1, _ABOVE)]
            open_entries[:] = [*own, entry]
        found.append(tuple(each.place for each in own))
    return found


def leads_on(sentence: str) -> bool:
    """Whether it ends with a colon."""
    return _LEADS_ON.search(sentence) is not None


def _entry(text: str, place: int, span: tuple[int, int]) -> _Entry | None:
    start, end = span
    column = _column(text, start)
    sentence = text[start:end]
    if column is None:
        return None
    if mark := ITEM.match(sentence):
        kind = mark.group(1)
        return _Entry(place, column, "1" if kind[0].isdigit() else kind, leads_on(sentence))
    if KEY.match(sentence) and end - start <= _LONGEST_KEY_LINE:
        return _Entry(place, column, _KEY_LINE, leads_on(sentence))
    return None


def _column(text: str, start: int) -> int | None:
    """How far a sentence is indented, None inside of a line."""
    before = text[text.rfind("\n", 0, start) + 1 : start]
    return None if before.strip() else len(before.replace("\t", _TAB))


def _is_lead(sentence: str, entry: _Entry) -> bool:
    """Whether the sentence above a list is about it: it is unfinished, or stands there like a title."""
    if _BREAKS.match(sentence):
        return False
    if leads_on(sentence) or (_COMMA.search(sentence) and entry.kind != _KEY_LINE):
        return True
    return len(sentence) <= _LONGEST_TITLE and not _FINISHED.search(sentence)


def _entered(open_entries: Sequence[_Entry], entry: _Entry) -> list[_Entry]:
    """The entries that the new one is nested in."""
    for depth in range(len(open_entries), 0, -1):
        parent = open_entries[depth - 1]
        if parent.column < entry.column:
            parent.nested = parent.nested or _DEEPER
            return list(open_entries[:depth])
        if parent.column == entry.column and _leads_beside(parent, entry):
            parent.nested = entry.kind
            return list(open_entries[:depth])
        if parent.column == entry.column and (parent.kind == _KEY_LINE) != (entry.kind == _KEY_LINE):
            return []  # a remark below a list is no item of it
    return []


def _leads_beside(parent: _Entry, entry: _Entry) -> bool:
    if not parent.leads_on or parent.nested not in ("", entry.kind):
        return False
    return entry.kind != parent.kind or not entry.leads_on


def _continued(
    open_entries: list[_Entry], text: str, spans: Sequence[tuple[int, int]], place: int
) -> list[_Entry]:
    """What leads a sentence that begins no entry; a line outside of the list ends it."""
    start, end = spans[place]
    column = _column(text, start)
    if column is None or not open_entries:
        return open_entries[:-1]
    between = text[spans[place - 1][1] : start]
    deeper = [entry for entry in open_entries if entry.column < column]
    if deeper and deeper[-1].column != _ABOVE:
        open_entries[:] = deeper
        return deeper if between.count("\n") > 1 else deeper[:-1]
    if (
        between.count("\n") == 1
        and open_entries[-1].kind != _KEY_LINE
        and not _BREAKS.match(text, start, end)
    ):
        return open_entries[:-1]  # a wrapped line need not be indented
    open_entries.clear()
    return []
