"""How true an extraction is to a reference text: characters recalled, rows kept whole, pages right."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from rag.passages import Page

_GRAM_CHARS = 5
_RUN_WORDS = 4
# What Markdown writes and a page does not show.
_COMMENT = re.compile(r"<!--.*?-->", re.S)
_LINK = re.compile(r"!?\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\((?:[^()\s]|\([^()\s]*\))*(?:\s+\"[^\"]*\")?\)")
_RULE = re.compile(r"^[ \t]*\|?(?:[ \t]*:?-{2,}:?[ \t]*\|?)+[ \t]*$", re.M)
_NUMBERED = re.compile(r"^[ \t]*\d{1,3}[.)][ \t]", re.M)
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&amp;": "&", "&quot;": '"', "&#39;": "'"}
_MARKS = re.compile(r"[\\#*_`|~>\-\u2010-\u2015\u2022\u00ad\s]+")
_ROW = re.compile(r"^[ \t]*\|(.+)\|[ \t]*$", re.M)
_WORD = re.compile(r"[\u3040-\u9fff]|[^\W\u3040-\u9fff]+")
_CELL = re.compile(r"(?<!\\)\|")


def folded(text: str) -> str:
    """The characters that a reader sees: compatible forms made one, no white space, no Markdown marks."""
    text = _LINK.sub(r"\1", _COMMENT.sub("", text))
    for entity, character in _ENTITIES.items():
        text = text.replace(entity, character)
    text = _RULE.sub("", text)
    return _MARKS.sub("", unicodedata.normalize("NFKC", text)).replace("\u2019", "'")


class Overlap(Struct, frozen=True):
    """What two texts share: recall as a part of the reference, precision as a part of what was found."""

    recall: float
    precision: float

    @property
    def f1(self) -> float:
        """The harmonic mean of the two."""
        both = self.recall + self.precision
        return 2 * self.recall * self.precision / both if both else 0.0


def character_overlap(text: str, reference: str) -> Overlap:
    """How many of the reference's characters the text has, and the other way round.

    Both are folded and cut into overlapping 5-grams of characters, and each gram counts as often as it occurs
    in both. So order counts within five characters, and the reading order of columns does not.
    """
    return _overlap(_grams(folded(text)), _grams(folded(reference)))


def word_overlap(text: str, reference: str) -> Overlap:
    """The same over runs of four words, without case and punctuation; a Chinese character is a word."""
    return _overlap(_runs(_words(text)), _runs(_words(reference)))


def rows_intact(text: str, reference: str) -> tuple[int, int]:
    """How many of the reference's table rows have all cells in one line of the text; how many it has."""
    rows = [cells for cells in map(_cells, _ROW.findall(_RULE.sub("", reference))) if len(cells) > 1]
    lines = [folded(line) for line in text.split("\n")]
    return sum(1 for cells in rows if any(_holds(line, cells) for line in lines)), len(rows)


def pages_right(pages: Sequence[Page], texts: Sequence[str], numbers: Sequence[int]) -> bool:
    """Whether a page of one of the numbers shows one of the texts."""
    shown = [folded(page.text).casefold() for page in pages if page.number in numbers]
    return any(folded(text).casefold() in page for text in texts for page in shown)


def _overlap(found: Counter[Any], wanted: Counter[Any]) -> Overlap:
    shared = (wanted & found).total()
    return Overlap(_share(shared, wanted.total()), _share(shared, found.total()))


def _grams(text: str) -> Counter[str]:
    if len(text) < _GRAM_CHARS:
        return Counter([text] if text else [])
    return Counter(text[start : start + _GRAM_CHARS] for start in range(len(text) - _GRAM_CHARS + 1))


def _runs(words: list[str]) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(words[start:] for start in range(_RUN_WORDS)), strict=False))


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def _cells(row: str) -> list[str]:
    return [cell for cell in map(folded, _CELL.split(row)) if cell]


def _holds(line: str, cells: list[str]) -> bool:
    """Whether the line has the cells in their order."""
    place = 0
    for cell in cells:
        place = line.find(cell, place)
        if place < 0:
            return False
        place += len(cell)
    return True
