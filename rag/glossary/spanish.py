"""Spanish words to English ones: a glossary of frequent words, and rules for those of Latin stock."""

import re
from collections.abc import Iterator
from functools import cache

from rag.glossary.words import Word, read_table
from rag.lexicon import fold, terms

_WORD = re.compile(r"[^\W_]+")
_LONGEST_PHRASE = 5  # words
_SHORTEST_STEM = 3  # characters before an ending, or the ending says nothing about the word
_SHORTEST_COGNATE = 5
_MOST_COGNATES = 12
# Endings, without accents, by which words of Latin stock differ; a word tries every ending that it has.
_ENDINGS = (
    ("aciones", "ation"), ("ciones", "tion"), ("cion", "tion"), ("siones", "sion"), ("sion", "sion"),
    ("xion", "xion"), ("dades", "ty"), ("dad", "ty"), ("tad", "ty"), ("mente", "ly"), ("logia", "logy"),
    ("ico", "ic"), ("ico", "ical"), ("ica", "ic"), ("ica", "ical"), ("icos", "ic"), ("icas", "ic"),
    ("ista", "ist"), ("istas", "ist"), ("ismo", "ism"), ("ivo", "ive"), ("iva", "ive"), ("ivos", "ive"),
    ("ivas", "ive"), ("oso", "ous"), ("osa", "ous"), ("osos", "ous"), ("osas", "ous"), ("ario", "ary"),
    ("aria", "ary"), ("arios", "ary"), ("orio", "ory"), ("oria", "ory"), ("ncia", "nce"), ("ncia", "ncy"),
    ("ncias", "nce"), ("ante", "ant"), ("ente", "ent"), ("antes", "ant"), ("entes", "ent"),
    ("mento", "ment"), ("mentos", "ment"), ("ales", "al"), ("ibles", "ible"), ("ables", "able"),
    ("ores", "or"), ("ura", "ure"), ("uras", "ure"), ("ia", "y"), ("io", "y"), ("io", "ium"), ("izar", "ize"),
    ("izado", "ized"), ("ificar", "ify"), ("ado", "ated"), ("ada", "ated"), ("ados", "ated"), ("ar", "ate"),
    ("ar", ""), ("ar", "e"), ("ir", ""), ("ir", "e"), ("er", ""), ("ano", "an"), ("ana", "an"),
    ("anos", "an"), ("anas", "an"), ("ense", "ese"), ("es", "ese"), ("ino", "ine"), ("ina", "ine"),
    ("o", ""), ("a", ""), ("o", "e"), ("a", "e"), ("o", "us"), ("os", ""), ("as", ""), ("os", "e"),
    ("as", "e"), ("e", ""), ("es", ""), ("", ""),
)  # fmt: skip
# Roots as English spells them, which kept what Spanish made simpler.
_ROOTS = (
    ("^estet", "aesthet"), ("^es(?=[cpqt])", "s"), ("^inm", "imm"), ("foto", "photo"), ("fono", "phono"),
    ("filo", "philo"),
    ("fisi", "physi"), ("fosf", "phosph"), ("fobi", "phobi"), ("grafi", "graphi"), ("morf", "morph"),
    ("esfer", "spher"), ("atmosf", "atmosph"), ("alfa", "alpha"), ("hidro", "hydro"), ("hiper", "hyper"),
    ("hipo", "hypo"), ("sintesis", "synthesis"), ("sintet", "synthet"), ("simb", "symb"),
    ("simpat", "sympath"), ("simetr", "symmetr"), ("sinfon", "symphon"), ("sistem", "system"),
    ("misteri", "mysteri"), ("mito", "mytho"), ("ritm", "rhythm"), ("oxi", "oxy"), ("pirami", "pyrami"),
    ("psico", "psycho"), ("psiqu", "psych"), ("quimi", "chemi"), ("crono", "chrono"), ("cromo", "chromo"),
    ("tecn", "techn"), ("arqu", "arch"), ("monarc", "monarch"), ("teori", "theori"), ("teolog", "theolog"),
    ("tesis", "thesis"), ("termo", "thermo"), ("terap", "therap"), ("patolog", "patholog"),
    ("metod", "method"), ("catol", "cathol"), ("matem", "mathem"),
    ("frecuen", "frequen"), ("secuen", "sequen"), ("cuest", "quest"), ("adecua", "adequa"),
    ("comun", "commun"), ("comerc", "commerc"), ("comi(?=[st])", "commi"), ("oponen", "opponen"),
    ("oport", "opport"), ("asoci", "associ"), ("asign", "assign"), ("asum", "assum"), ("necesa", "necessa"),
    ("efic", "effic"), ("oficia", "officia"), ("difer", "differ"), ("dificult", "difficult"),
    ("colec", "collec"), ("colab", "collab"), ("coleg", "colleg"), ("anual", "annual"), ("atenc", "attenc"),
    ("atac", "attac"), ("acus", "accus"), ("acep", "accep"), ("acumul", "accumul"),
)  # fmt: skip


def words_of(text: str) -> Iterator[Word]:
    """The words and known phrases of a Spanish text; what is unknown may be a name or a cognate."""
    written = _WORD.findall(text)
    lowered = [word.casefold() for word in written]
    at = 0
    while at < len(lowered):
        size, meanings = _longest_phrase(lowered, at)
        if meanings is None:
            meanings = _known(lowered[at], is_name=at > 0 and written[at][0].isupper())
        if meanings is None:
            meanings = tuple(dict.fromkeys((written[at], *_cognates(fold(lowered[at])))))
        yield Word(" ".join(written[at : at + size]), meanings)
        at += size


def is_mostly_known(text: str) -> bool:
    """Whether most words of the text are in the glossary: then it is Spanish, however short."""
    words = _WORD.findall(text.casefold())
    return 2 * sum(_is_known(word) for word in words) > len(words)


def _is_known(word: str) -> bool:
    folded, stems = _folded_and_stems()
    return word in _phrases() or fold(word) in folded or _stem(word) in stems


def _longest_phrase(words: list[str], at: int) -> tuple[int, tuple[str, ...] | None]:
    """How many words the longest known phrase has, and what it means; one unknown word if there is none."""
    for size in range(min(_LONGEST_PHRASE, len(words) - at), 1, -1):
        if (meanings := _phrases().get(" ".join(words[at : at + size]))) is not None:
            return size, meanings
    return 1, None


def _known(word: str, *, is_name: bool) -> tuple[str, ...] | None:
    """What a word means, None when it is unknown; a name is looked up as it stands."""
    folded, stems = _folded_and_stems()
    known = _phrases().get(word)
    if known is None and not is_name:
        known = folded.get(fold(word))
    if known is not None or is_name or _stem(word) not in stems:
        return known
    # A stem joins words of other meaning too: navegador, navegación.
    return tuple(dict.fromkeys((*stems[_stem(word)], *_cognates(fold(word)))))


@cache
def _phrases() -> dict[str, tuple[str, ...]]:
    return dict(read_table("spanish.tsv"))


@cache
def _folded_and_stems() -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """The single words of the glossary by their form without accents, and by their stem."""
    folded: dict[str, tuple[str, ...]] = {}
    stems: dict[str, tuple[str, ...]] = {}
    for phrase, meanings in _phrases().items():
        if " " not in phrase:
            folded.setdefault(fold(phrase), meanings)
            if meanings:
                stems.setdefault(_stem(phrase), meanings)
    return folded, stems


def _stem(word: str) -> str:
    return next(reversed(terms(word, "spanish")), word)


def _cognates(word: str) -> list[str]:
    """English words that a Spanish one may be, as far as its letters tell; most of them do not exist."""
    if len(word) < _SHORTEST_COGNATE or not word.isalpha():
        return []
    spelled = word
    for spanish, english in _ROOTS:
        spelled = re.sub(spanish, english, spelled)
    found = [_with_ending(each, *pair) for each in dict.fromkeys((spelled, word)) for pair in _ENDINGS]
    return list(dict.fromkeys(each for each in found if each))[:_MOST_COGNATES]


def _with_ending(word: str, spanish: str, english: str) -> str | None:
    if not word.endswith(spanish) or len(word) - len(spanish) < _SHORTEST_STEM:
        return None
    return word.removesuffix(spanish) + english
