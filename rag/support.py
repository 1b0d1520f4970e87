"""Whether a passage supports a statement, and which of its sentences do.

Words and numbers are compared, not meanings: a statement holds when the passage says it word for word, or
shares most of its words and all of its numbers. Across languages only numbers and names can be compared.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import cached_property

from rag.lexicon import asked_terms, language_of, sentences, terms
from rag.passages import Hit

_COVERED = 0.45  # share of a statement's words that its sentences must hold, function words counting little
_FEW_WORDS = 3  # a statement of fewer words is judged together with the question
_SPELLED = 12  # numbers up to this one may be written as words in the passage
_LONGEST_EXCERPT = 700  # characters; a longer "sentence" is cut to what was quoted
_MOST_SENTENCES = 3
_WIDER = 0.12  # what a further sentence must add to the share to be taken in
_SHORT = 3.0  # the weight of a word too short to be the same in two languages by more than chance
_FOOTNOTE = re.compile(r"\[\d{1,3}\]")
_LINE = re.compile(r"[^\n]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_LEADING = re.compile(r"^[\s>#*+|.,;:!?)\]。，；：！？、–—-]*(?:\d{1,3}[.)]\s+)?")
_QUOTES = re.compile(r"[“\"«「『]([^“”\"«»「」『』\n]{12,}|[^“”\"«»「」『』\n\x00-\x7f]{6,})[”\"»」』]")
_NAME = re.compile(r"(?<=[a-záéíóúñü,;] )[A-ZÁÉÍÓÚÑ][\w.-]+")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
WordUnit = tuple[frozenset[str], float]  # the terms that stand for one word, and its weight


class Statement:
    """What an answer said before a mark: the text since the mark before it."""

    def __init__(self, text: str, question: str = "") -> None:
        self.whole = _LEADING.sub("", _FOOTNOTE.sub("", text)).strip()
        lines = [line for line in self.whole.split("\n") if _has_word(line)]
        self.run = _LEADING.sub("", lines[-1]).strip() if lines else ""
        self._question = question

    @cached_property
    def sentence(self) -> str:
        """The last sentence."""
        found = [self.run[start:end] for start, end in sentences(self.run) if _has_word(self.run[start:end])]
        return found[-1] if found else self.run

    @cached_property
    def needles(self) -> tuple[str, ...]:
        """The folded words of everything said, of the last line and of the last sentence."""
        texts = (self.whole, self.run, self.sentence)
        return tuple(dict.fromkeys(folded(text)[0].strip() for text in texts))

    @cached_property
    def quotations(self) -> tuple[str, ...]:
        """The folded words of what stands between quotation marks, if long enough for a quotation."""
        return tuple(folded(match.group(1))[0].strip() for match in _QUOTES.finditer(self.sentence))

    @cached_property
    def units(self) -> tuple[WordUnit, ...]:
        """What must be found; for a very short statement the question's words too."""
        own = word_units(self.sentence)
        return own if len(own) >= _FEW_WORDS else own + word_units(self._question)

    @cached_property
    def numbers(self) -> frozenset[str]:
        """The numbers of the last sentence that the question does not bring in itself."""
        return numbers(self.sentence) - numbers(self._question)

    @cached_property
    def names(self) -> frozenset[str]:
        """Terms that stay the same in another language."""
        if _CJK.search(self.sentence):
            return frozenset(term for term in terms(self.sentence) if term.isascii() and term.isalpha())
        return frozenset(term for name in _NAME.findall(self.sentence) for term in terms(name))

    @cached_property
    def language(self) -> str | None:
        """As `spoken_in`."""
        return spoken_in(self.sentence)


class Passage:
    """A hit, with what is compared worked out once."""

    def __init__(self, hit: Hit) -> None:
        self.hit = hit

    def support(self, statement: Statement) -> tuple[int, int] | None:
        """Where in the hit's text the statement is supported, or None."""
        if not statement.run:
            return None
        for needle in statement.needles:
            span = self._find(needle) if _is_quotable(needle) else self._lines.get(needle)
            if span:
                return self._sentences_around(*span)
        spans = [self._find(quotation) for quotation in statement.quotations]
        if None in spans:
            return None
        if spans and spans[0]:
            return self._sentences_around(*spans[0])
        if all(number in self._numbers or _may_be_spelled(number) for number in statement.numbers):
            span, covered = self._best_window(statement.units)
            if covered >= _COVERED:
                return span
        return self._support_across_languages(statement)

    def _support_across_languages(self, statement: Statement) -> tuple[int, int] | None:
        """As `support`, where statement and passage are known to be in different languages."""
        if None in (statement.language, self._language) or statement.language == self._language:
            return None
        anchors = {number for number in statement.numbers if not _may_be_spelled(number)} | statement.names
        found = {anchor for anchor in anchors if anchor in self._numbers or anchor in self._terms}
        alike = {term for forms, weight in statement.units for term in forms & self._terms if weight > _SHORT}
        if 2 * len(found) < len(anchors) or not (
            found or alike or "cjk" in (statement.language, self._language)
        ):
            return None
        span, covered = self._best_window(
            [(frozenset((anchor,)), 1.0) for anchor in found | statement.numbers | alike]
        )
        return span if covered > 0 else self._trimmed(0, len(self.hit.text))

    @cached_property
    def _folded(self) -> tuple[str, list[int]]:
        return folded(_FOOTNOTE.sub(lambda match: " " * len(match.group()), self.hit.text))

    @cached_property
    def _lines(self) -> dict[str, tuple[int, int]]:
        """Where each line or row of two words lies; fewer than three are only supported as a whole one."""
        lines = {folded(found.group())[0].strip(): found.span() for found in _LINE.finditer(self.hit.text)}
        return {words: span for words, span in lines.items() if words.count(" ") == 1}

    @cached_property
    def _sentences(self) -> list[tuple[int, int]]:
        return sentences(self.hit.text) or [(0, len(self.hit.text))]

    @cached_property
    def _sentence_terms(self) -> list[frozenset[str]]:
        texts = [self.hit.text[start:end] for start, end in self._sentences]
        return [frozenset(terms(text)) | numbers(text) for text in texts]

    @cached_property
    def _heading_terms(self) -> frozenset[str]:
        return frozenset(terms(" ".join((self.hit.title, *self.hit.heading_path))))

    @cached_property
    def _terms(self) -> frozenset[str]:
        return self._heading_terms.union(*self._sentence_terms)

    @cached_property
    def _numbers(self) -> frozenset[str]:
        return numbers(" ".join((self.hit.title, *self.hit.heading_path, self.hit.text)))

    @cached_property
    def _language(self) -> str | None:
        return spoken_in(self.hit.text)

    def _find(self, needle: str) -> tuple[int, int] | None:
        """Where the folded words occur in the hit's text, whole words only."""
        text, places = self._folded
        start = text.find(needle)
        while start >= 0:
            end = start + len(needle)
            if not (_splits_word(text, start) or _splits_word(text, end)):
                return places[start], places[end - 1] + 1
            start = text.find(needle, start + 1)
        return None

    def _sentences_around(self, start: int, end: int) -> tuple[int, int]:
        touched = [span for span in self._sentences if span[0] < end and start < span[1]] or [(start, end)]
        first, last = min(start, touched[0][0]), max(end, touched[-1][1])
        if last - first > max(_LONGEST_EXCERPT, 2 * (end - start)):
            first, last = start, end
        return self._trimmed(first, last)

    def _best_window(self, wanted: Sequence[WordUnit]) -> tuple[tuple[int, int], float]:
        """The few neighbouring sentences that hold most of the wanted words, and their share by weight."""
        total = sum(weight for _, weight in wanted) or 1.0
        best, best_share = (0, 0), 0.0
        for size in range(_MOST_SENTENCES):
            for first in range(len(self._sentences) - size):
                inside: frozenset[str] = frozenset().union(*self._sentence_terms[first : first + size + 1])
                share = _share(wanted, inside, self._heading_terms) / total
                if share > best_share + _WIDER * (size > best[1] - best[0]):
                    best, best_share = (first, first + size), share
        span = self._sentences[best[0]][0], self._sentences[best[1]][1]
        return self._trimmed(*span), best_share

    def _trimmed(self, start: int, end: int) -> tuple[int, int]:
        text = self.hit.text[start:end]
        return start + len(text) - len(text.lstrip()), start + len(text.rstrip())


def folded(text: str) -> tuple[str, list[int]]:
    """The words of a text, lower case, without accents, one blank between; and where each character was."""
    characters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        for part in unicodedata.normalize("NFKD", character).casefold():
            if unicodedata.combining(part):
                continue
            kept = part if part.isalnum() else " "
            if kept != " " or (characters and characters[-1] != " "):
                characters.append(kept)
                places.append(place)
    return "".join(characters), places


def numbers(text: str) -> frozenset[str]:
    """The numbers of a text, without separators."""
    found = _NUMBER.findall(unicodedata.normalize("NFKC", text))
    return frozenset(re.sub("[.,]", "", number) for number in found)


def spoken_in(text: str) -> str | None:
    """`cjk`, the name of a European language, or None when it can't be told."""
    words = " ".join(sorted(set(text.casefold().split())))  # one word said often is no language
    return "cjk" if 4 * len(_CJK.findall(text)) > len(text.replace(" ", "")) else language_of(words)


def word_units(text: str) -> tuple[WordUnit, ...]:
    """The words of a text (character pairs where it has no spaces), each with the terms that stand for it."""
    pairs: list[WordUnit] = []
    words: dict[int, set[str]] = {}
    for asked in asked_terms(text):
        if not _CJK.match(asked.term):
            words.setdefault(asked.word, set()).add(asked.term)
        elif len(asked.term) == 2:
            pairs.append((frozenset((asked.term,)), 3.0))
    return (*pairs, *((frozenset(forms), _weight(min(forms, key=len))) for forms in words.values()))


def _has_word(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _is_quotable(needle: str) -> bool:
    return needle.count(" ") >= 2 or (len(needle) >= 4 and _CJK.search(needle) is not None)


def _splits_word(text: str, place: int) -> bool:
    around = text[max(place - 1, 0) : place + 1]
    return len(around) == 2 and around.isalnum() and not _CJK.search(around)


def _may_be_spelled(number: str) -> bool:
    return len(number) <= 2 and int(number) <= _SPELLED


def _share(wanted: Sequence[WordUnit], inside: frozenset[str], around: frozenset[str]) -> float:
    """The weight of the words found inside a passage, and in its headings, at most as much again."""
    within = sum(weight for forms, weight in wanted if not forms.isdisjoint(inside))
    beside = sum(
        weight for forms, weight in wanted if forms.isdisjoint(inside) and not forms.isdisjoint(around)
    )
    return within + min(beside, within)


def _weight(term: str) -> float:
    """Short words mostly join others; what has a digit, such as B1, is a name or a number."""
    if term.isascii() and len(term) <= 3 and term.isalpha():
        return 0.5
    return float(min(max(len(term), 3), 8))
