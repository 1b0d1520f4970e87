"""What a question in another language says, in English: each word's translations and a sentence of them.

Spanish comes from a glossary of ours and from rules for words that both languages took from Latin, Chinese
from CC-CEDICT. A glossary translates words, not sentences: good enough to find what speaks of them.
"""

import re
from collections.abc import Sequence

from msgspec import Struct

from rag.glossary import chinese, spanish
from rag.glossary.words import Word
from rag.lexicon import AskedTerm, asked_terms
from rag.support import WordUnit, spoken_in, word_units

_MOST_CHARS = 1000  # a pasted text is no question
_MOST_TEXT_CHARS = 4000  # more than a vector holds
_CHINESE = re.compile("[\u3400-\u9fff]")
_JAPANESE_KOREAN = re.compile("[\u3040-\u30ff\uac00-\ud7af]")
_SPANISH_LETTERS = re.compile("[¿¡ñÑ]")
_JUDGED = 3  # texts whose language is looked at
_LATER_MEANING = 0.8  # what each further meaning of a word weighs against the one before it


class Gloss(Struct, frozen=True):
    """A question in English, word for word."""

    language: str
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The first meaning of each word, in the question's order."""
        return " ".join(word.meanings[0] for word in self.words if word.meanings)

    def asked_terms(self) -> list[AskedTerm]:
        """The terms of all readings; those of one word are alternatives of each other."""
        found: dict[str, AskedTerm] = {}
        for number, word in enumerate(self.words, start=1):
            for place, meaning in enumerate(word.readings):
                for term in asked_terms(meaning):
                    weight = term.weight * _LATER_MEANING**place
                    if term.term not in found or found[term.term].weight < weight:
                        found[term.term] = AskedTerm(term.term, weight, number, term.telling)
        return list(found.values())

    def word_units(self) -> tuple[WordUnit, ...]:
        """Each word with the terms that stand for it, as `rag.support.word_units`."""
        units = [[unit for reading in word.readings for unit in word_units(reading)] for word in self.words]
        return tuple(
            (frozenset().union(*(forms for forms, _ in unit)), max(weight for _, weight in unit))
            for unit in units
            if unit
        )


def gloss_for(question: str, texts: Sequence[str]) -> Gloss | None:
    """As `gloss`; None also where one of the first texts speaks the question's language."""
    found = gloss(question)
    return None if found is None or speaks(found.language, texts) else found


def speaks(language: str, texts: Sequence[str]) -> bool:
    """Whether one of the first texts speaks the language of a glossary."""
    return any(_speaks(language, text) for text in texts[:_JUDGED])


def gloss(question: str) -> Gloss | None:
    """The question in English, or None when it is neither Spanish nor Chinese."""
    language = language_to_gloss(question)
    return gloss_in(language, question) if language else None


def gloss_in(language: str, question: str) -> Gloss:
    """The question, which is in the language of a glossary, in English."""
    return _put(language, question[:_MOST_CHARS])


def language_to_gloss(question: str) -> str | None:
    """`chinese`, `spanish`, or None where there is no glossary for the question; loads none."""
    asked = question[:_MOST_CHARS]
    if _CHINESE.search(asked):
        return "chinese"
    return "spanish" if _SPANISH_LETTERS.search(asked) or _is_spanish(asked) else None


def gloss_of_text(text: str, languages: frozenset[str]) -> Gloss | None:
    """A text or question in English, or None when it is mostly in none of these languages."""
    some = text[:_MOST_TEXT_CHARS]
    if "chinese" in languages and _is_chinese(some):
        return _put("chinese", some)
    if "spanish" in languages and ("¿" in some or _is_spanish(some)):
        return _put("spanish", some)
    return None


def _put(language: str, text: str) -> Gloss:
    return Gloss(language, tuple((chinese if language == "chinese" else spanish).words_of(text)))


def _is_chinese(text: str) -> bool:
    if text.isascii() or spoken_in(text) != "cjk":
        return False
    # Japanese is written with Chinese characters too, but never with them alone.
    return len(_CHINESE.findall(text)) > 10 * len(_JAPANESE_KOREAN.findall(text))


def _speaks(language: str, text: str) -> bool:
    return _is_spanish(text) if language == "spanish" else spoken_in(text) == "cjk"


def _is_spanish(text: str) -> bool:
    spoken = spoken_in(text)
    return spoken == "spanish" or (spoken is None and spanish.is_mostly_known(text))
