"""Text to terms and sentences, for any language.

A word in an alphabet gives its folded form and, where that differs, its stem, both in one namespace: whatever
language was guessed for a document or a question, their folded forms meet, and the stems add what inflection
hides. Scripts written without spaces give characters and character pairs.
"""

import re
import threading
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, repeat

import Stemmer
from msgspec import Struct

from rag.figures import is_rule

_MAX_TERM_CHARS = 48
_SURFACE_WEIGHT = 0.5  # measured against 1: the same on SQuAD and XQuAD, +.02 nDCG@10 on SciFact
_UNTELLING_WEIGHT = 0.5  # README, "The lexical half"
_VOTE_CHARS = 20_000
_BEGINNING_CHARS = 5
_KEPT_TEXTS = 128  # a question reads some 12

_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_UNSPACED_START = re.compile(rf"[{_UNSPACED}]")
_INDIC = r"\u0900-\u0963\u0966-\u0dff"  # vowel signs are not word characters to `re`
_WORD = re.compile(rf"[{_UNSPACED}]+|[{_INDIC}]+|[^\W_{_UNSPACED}{_INDIC}]+")
_ELIDED = re.compile(r"\b[cdjlmnst]['\u2019](?=\w)|(?<=\w)['\u2019](?:s|t|re|ve|ll|d|m)\b")
_POINTS = re.compile(r"[\u0591-\u05bd\u05bf-\u05c7\u064b-\u0652\u0640]")
_MARKS = re.compile(r"[\u0300-\u0305\u0307-\u036f]|(?<![\u0438\u0418])\u0306")
_ASCII_WORD = re.compile(r"[a-z0-9]+")
_THOUSANDS = re.compile(r"[,\u2019](?<=\d.)(?=\d{3}(?!\d))")
_UNDECOMPOSED = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ı": "i", "œ": "oe", "æ": "ae", "þ": "th", "ð": "d", "ˮ": " "}
)

_STOP_WORDS = {
    "english": (
        "the of and to in is was for that with are on as by it this be from which an at were has have "
        "how what who when where why does did do you your not can will or if"
    ),
    "spanish": (
        "el la los las de del que y en un una es por con para se su al lo como mas fue son quien cual "
        "cuando donde cuantos cuanto cuanta sus este esta pero hay no si"
    ),
    "french": (
        "le la les des du de et en un une est que qui dans pour par sur au aux ce cette il elle avec ne "
        "pas plus sont ou quel quelle quand comment combien quels quelles l d s"
    ),
    "german": (
        "der die das und ist in den von zu mit im des auf fur nicht ein eine einer dem als auch es sich "
        "wird an aus bei nach wie was wer wann wo warum welche welcher werden sind war hat"
    ),
    "italian": (
        "il lo la i gli le di del della dei delle e che in un una per con non si da al nel sono come "
        "piu quando dove chi quale quali quanti cosa anche dal alla stato"
    ),
    "portuguese": (
        "o a os as de do da dos das e que em um uma para com nao se por no na nos nas ao mais como foi "
        "quem qual quando onde quantos sao pelo pela seu sua"
    ),
    "dutch": (
        "de het een van en in is dat op te voor met zijn die niet aan er om ook als bij door naar wat "
        "wie wanneer waar hoe welke wordt werd uit hebben"
    ),
    "swedish": (
        "och att det i en som pa ar av for med den till ett om har inte var vad vem nar hur vilken fran "
        "eller kan ska ej de"
    ),
    "danish": (
        "og at det i en som pa er af for med den til et om har ikke var hvad hvem hvornar hvor hvordan "
        "fra eller kan skal ej de"
    ),
    "turkish": (
        "ve bir bu icin ile da de ne olarak daha cok en gibi kadar sonra olan nedir kim hangi nerede mi var"
    ),
}
_VOTES: dict[str, tuple[str, ...]] = {
    word: tuple(language for language, words in _STOP_WORDS.items() if word in words.split())
    for word in {word for words in _STOP_WORDS.values() for word in words.split()}
}
_BY_SCRIPT = (
    (re.compile(r"[\u0400-\u04ff]"), "russian"),
    (re.compile(r"[\u0370-\u03ff]"), "greek"),
    (re.compile(r"[\u0600-\u06ff]"), "arabic"),
    (re.compile(r"[\u0900-\u097f]"), "hindi"),
    (re.compile(r"[\u0b80-\u0bff]"), "tamil"),
    (re.compile(r"[\u0530-\u058f]"), "armenian"),
)
# Chinese and Japanese characters that ask or join and name nothing.
_ASKING = re.compile(r"[什么麼么哪谁誰吗嗎呢怎几幾何的地得是了在有和与與於于之或及其被把为為个個多少ぁ-ん]")

_SENTENCE_END = re.compile(
    r"[.!?\u2026\u061f\u0964]+[\"'\u201d\u2019)\]\u00bb]*"
    r"|[\u3002\uff01\uff1f\uff61]+[\u300d\u300f\u201d\u2019)\]\uff09\u3011\u300b]*"
    r"|\n"
)
_BLOCK_MARK = re.compile(r"[ \t]*(?:#{1,6}[ \t]|[-*+\u2022\u2013][ \t]|\d{1,3}[.)][ \t]|\||>|```)")
_INITIALS = re.compile(r"(?:[A-Z]\.)+[A-Z]")
_LAST_WORD = re.compile(r"(\w[\w.]*)\Z")
_ABBREVIATED = (
    "mr mrs ms dr prof sr jr st mt v vs etc eg e.g ie i.e no nr fig figs inc ltd co corp dept est approx "
    "al cf vol pp ed eds rev gen col sgt capt lt gov sen rep hon jan feb mar apr jun jul aug sep sept "
    "oct nov dec sra srta dña ud uds art núm num pág pag aprox tel av avda bzw usw ca z.b d.h u.a mme "
    "mlle env ex p.ej ej c.f a.m p.m"
)
_ABBREVIATIONS = frozenset(_ABBREVIATED.split())
_WRAPPED_CHARS = 45  # a shorter line was ended on purpose, a longer one may have been wrapped
_CONTINUED_CHARS = 12  # the same, where the next line reads like the middle of a sentence

_stemmers = threading.local()  # a stemmer must not be shared between threads


class ReadSentence(Struct, frozen=True):
    """Where a sentence lies in its passage, `[start, end)`, and what its words are found by (`forms_of`).

    A row of a table is found by the words of its `header` too.
    """

    start: int
    end: int
    forms: frozenset[str]
    header: str = ""


class AskedTerm(Struct, frozen=True):
    """A term of a question; terms of one `word` are alternatives for it.

    `telling` is false for what means little alone: stop words, question words, single characters of a pair.
    """

    term: str
    weight: float
    word: int
    telling: bool = True


def fold(text: str) -> str:
    """The text in compatibility form, without case and without accents; for comparing, not for showing."""
    if text.isascii():
        return text.lower()
    try:
        western = text.encode("cp1252")
    except UnicodeEncodeError:
        return _folded(text)
    if len(western.translate(None, _HARD_TO_FOLD)) < len(western):
        return _folded(text)
    return western.translate(_WESTERN_FOLDS).decode("cp1252")


def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    if folded.isascii():
        return folded
    bare = _MARKS.sub("", unicodedata.normalize("NFD", folded).translate(_UNDECOMPOSED))
    return unicodedata.normalize("NFC", _POINTS.sub("", bare))


def _western_folds() -> tuple[bytes, bytes]:
    """What each byte of Western European text is folded to, and the bytes that become more than one."""
    table, hard = bytearray(range(256)), bytearray()
    for byte in range(128, 256):
        folded = _folded(bytes([byte]).decode("cp1252", "ignore")).encode("cp1252", "ignore")
        if len(folded) == 1:
            table[byte] = folded[0]
        else:
            hard.append(byte)
    table[:128] = bytes(range(128)).lower()
    return bytes(table), bytes(hard)


_WESTERN_FOLDS, _HARD_TO_FOLD = _western_folds()  # folding is half of the time that reading terms takes


def language_of(text: str) -> str | None:
    """The Latin-script language that its stop words vote for, or None when they are too few or undecided."""
    return _language_of(text[:_VOTE_CHARS])


@lru_cache(maxsize=_KEPT_TEXTS)
def _language_of(text: str) -> str | None:
    votes: dict[str, float] = {}
    for word in _WORD.findall(fold(text)):
        languages = _VOTES.get(word, ())
        for language in languages:
            votes[language] = votes.get(language, 0.0) + 1.0 / len(languages)
    ranking = sorted(votes.items(), key=lambda item: (-item[1], item[0]))
    ranking += [("", 0.0), ("", 0.0)]
    (best, most), (_, second) = ranking[0], ranking[1]
    return best if most >= 1.0 and most >= 1.25 * second else None


def terms(text: str, language: str | None = None) -> list[str]:
    """The terms of a text that is indexed, in reading order, repeated as they occur.

    `language` is that of the whole document where the text is a part of it.
    """
    spoken = language or language_of(text) or "english"
    found: list[str] = []
    for word in _words(text):
        if is_unspaced(word):
            found += _pairs(word)
            found += word if len(word) > 1 else ()
            continue
        found.append(word)
        stem = _stem(word, spoken)
        if stem != word:
            found.append(stem)
    return found


def forms_of(text: str, language: str) -> frozenset[str]:
    """All that a question's words may be found by: the text's terms, and the beginnings of its words."""
    return frozenset(chain.from_iterable(map(_forms, _words(text), repeat(language))))


def _forms(word: str, language: str) -> tuple[str, ...]:
    if is_unspaced(word):
        return *_pairs(word), *(word if len(word) > 1 else ())
    return _spaced_forms(word, language)


@lru_cache(maxsize=8_192)
def _spaced_forms(word: str, language: str) -> tuple[str, ...]:
    return word, _stem(word, language), beginning_of(word)


def tokens(text: str) -> tuple[str, ...]:
    """The folded words of the text in order, those of unspaced scripts by character with "" between two."""
    found: list[str] = []
    after_unspaced = False
    for word in _words(text):
        unspaced = is_unspaced(word)
        found += ["", *word] if unspaced and after_unspaced else word if unspaced else [word]
        after_unspaced = unspaced
    return tuple(found)


def beginning_of(word: str) -> str:
    """What words of one root mostly share; it is no term of its own."""
    return f"{word[:_BEGINNING_CHARS]}*" if len(word) >= _BEGINNING_CHARS else word


def asked_terms(text: str) -> list[AskedTerm]:
    """The distinct terms of a question with their weights.

    A question too short for its language to be told is stemmed in every language.
    """
    spoken = language_of(text)
    languages = (spoken,) if spoken else tuple(_STOP_WORDS)
    found: dict[str, AskedTerm] = {}
    number = 0
    for word in _words(text):
        for alternatives in _spaced(word, languages) if not is_unspaced(word) else _unspaced(word):
            number += 1
            for term, form_weight, telling in alternatives:
                weight = form_weight if telling else _UNTELLING_WEIGHT * form_weight
                if term not in found or found[term].weight < weight:
                    found[term] = AskedTerm(term, weight, number, telling)
    return list(found.values())


def sentences(text: str) -> list[tuple[int, int]]:
    """Where the sentences lie, in order, `[start, end)`; only the white space around them is left out.

    List items, headings and table rows are sentences; so is a line that was ended early on purpose.
    """
    found: list[tuple[int, int]] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        end = match.end()
        if _ends_sentence(text, start, match):
            _append_trimmed(found, text, start, end)
            start = end
    _append_trimmed(found, text, start, len(text))
    return found


@lru_cache(maxsize=_KEPT_TEXTS)
def read_sentences(passage: str, language: str) -> tuple[ReadSentence, ...]:
    """The sentences of a passage with their forms; kept, because a question looks at them twice."""
    found: list[ReadSentence] = []
    header = before = ""
    for start, end in sentences(passage):
        text = passage[start:end]
        if not text.startswith("|"):
            header = ""
        elif is_rule(text):
            header = before
        found.append(ReadSentence(start, end, forms_of(f"{header} {text}".strip(), language), header))
        before = text
    return tuple(found)


def _words(text: str) -> list[str]:
    folded = _THOUSANDS.sub("", fold(text))
    if "'" in folded or "\u2019" in folded:
        folded = _ELIDED.sub(" ", folded)
    words = (_ASCII_WORD if folded.isascii() else _WORD).findall(folded)
    if max(map(len, words), default=0) <= _MAX_TERM_CHARS:
        return words
    return [word if is_unspaced(word) else word[:_MAX_TERM_CHARS] for word in words]


def is_unspaced(word: str) -> bool:
    """Whether the word is of a script that puts no blanks between words."""
    return not word[0].isascii() and _UNSPACED_START.match(word) is not None


def names_nothing(term: str) -> bool:
    """Whether a Chinese or Japanese character of the term only asks or joins."""
    return _ASKING.search(term) is not None


def _pairs(run: str) -> list[str]:
    return [run[i : i + 2] for i in range(len(run) - 1)] or [run]


def _spaced(word: str, languages: tuple[str, ...]) -> Iterator[list[tuple[str, float, bool]]]:
    stems = {_stem(word, language) for language in languages}
    telling = word not in _VOTES and len(word) > 1
    surface = (word, 1.0 if word in stems else _SURFACE_WEIGHT, telling)
    yield [surface, *((stem, 1.0, telling) for stem in sorted(stems - {word}))]


def _unspaced(run: str) -> Iterator[list[tuple[str, float, bool]]]:
    yield from ([(pair, 1.0, not names_nothing(pair))] for pair in _pairs(run))
    yield from ([(character, 1.0, False)] for character in run if len(run) > 1)


@lru_cache(maxsize=65_536)
def _stem(word: str, language: str) -> str:
    if not word.isascii():
        language = next((name for script, name in _BY_SCRIPT if script.match(word)), language)
    if word[0].isdigit():
        return word
    by_language = _stemmers.__dict__
    if language not in by_language:
        by_language[language] = Stemmer.Stemmer(language, 0)
    return str(by_language[language].stemWord(word)) or word


def _ends_sentence(text: str, start: int, match: re.Match[str]) -> bool:
    mark, end = match.group()[0], match.end()
    if mark == "\n":
        return _ends_line(text, start, match.start())
    if mark in "。！？｡" or end == len(text):
        return True
    if not text[end].isspace() or text[start : start + 4].lstrip()[:1] == "|":
        return False
    following = text[end : end + 8].lstrip()
    if following[:1].islower():
        return False
    return mark != "." or match.group() != "." or not _is_abbreviation(text, start, match.start())


def _ends_line(text: str, start: int, at: int) -> bool:
    line_start = max(start, text.rfind("\n", max(start, at - 400), at) + 1)
    if _BLOCK_MARK.match(text, at + 1) or text[line_start : line_start + 2].lstrip()[:1] in ("#", "|"):
        return True
    if at + 1 >= len(text) or text[at + 1] == "\n" or text[at - 1 : at] == "\n":
        return True
    wide = 2 if _UNSPACED_START.match(text[at - 1 : at] or " ") else 1
    chars = (at - line_start) * wide
    return chars < (_CONTINUED_CHARS if _goes_on(text, at) else _WRAPPED_CHARS)


def _goes_on(text: str, at: int) -> bool:
    """Whether the next line reads like the middle of a sentence: a small letter or a link after a word."""
    before, after = text[at - 1 : at], text[at + 1 : at + 12].lstrip(" \t")[:1]
    return (before.isalnum() or before == ",") and (after.islower() or after == "[")


def _is_abbreviation(text: str, start: int, at: int) -> bool:
    found = _LAST_WORD.search(text[max(start, at - 12) : at])
    if found is None:
        return False
    word = found.group(1)
    if word.isdigit():  # the number of a list item, not of a year that ends a sentence
        return at - len(word) <= start + 1 or not text[start : at - len(word)].strip()
    initial = len(word) == 1 and word.isalpha() and word.isupper() and word != "I"
    return initial or word.lower() in _ABBREVIATIONS or _INITIALS.fullmatch(word) is not None


def _append_trimmed(found: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        found.append((start, end))
