"""What passages show of a question: how much of it they say, how near they are, how they stand out."""

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import lru_cache
from uuid import UUID

from msgspec import Struct

from rag.lexicon import (
    AskedTerm,
    ReadSentence,
    asked_terms,
    forms_of,
    is_unspaced,
    language_of,
    names_nothing,
    read_sentences,
    tokens,
)
from rag.passages import Hit
from rag.siblings import names_sibling

JUDGED = 3  # the best passages tell whether the question is answered at all
_TELLING_ENOUGH = 1.5  # times what picks one chunk of all: a rare name and one more word
_FEW_CHUNKS = 30
_UNREAD, _READ = 0.2, 0.7  # readability: below the first the vector counts nothing, above the second all
_GLOSS_WORTH = 0.65  # against a text written in English; README, "Glossed texts"
_GLOSS_TELLS = 0.5  # the same, as evidence; README, "Abstention"
_NAMED_CHARS, _NAMED_TOKENS = 400, 64  # more of a question or a title names nothing
_AGREEING = 8  # hits, of which those of one document count
_BACKGROUND = slice(10, 30)  # of the candidates: they share what any passage shares with the question


class Evidence(Struct, frozen=True):
    """What speaks for a passage that answers; more of each never speaks against one.

    - coverage: the share of the question's telling words, by idf, that one sentence and its headings hold
    - information: the idf of what it holds of them, over what picks one chunk of all
    - cosine: of the nearest passage
    - background: the cosine of passages further down, no evidence but what nearness starts from
    - distinction: how far the best BM25 stands above that of the passages further down, 0 to 1
    - reached: the share of the BM25 that a passage full of the question's known terms would have, 0 to 1
    - known: the share of the telling words, by idf, that the scope knows at all
    - readable: how far the embedder reads the question, 0 to 1
    - by_gloss: how much further it is trusted with the gloss that it reads in the question's place
    - glossed: whether the question was put into the passages' language, which costs it words
    - together: the share of the first hits that lie in the document of the best one, where documents are long
    - lead: how far the best document's BM25 stands above that of the next document, 0 to 1
    - named: how fully the question names a title or heading of the best passages, and how telling that is
    - own: how little their titles name a sibling of what is asked about, 0 to 1
    - exact: the share of what can be written in one way only that one passage holds: numbers, and words in
      letters where the question is in characters
    """

    coverage: float
    information: float
    cosine: float
    distinction: float
    reached: float
    known: float
    readable: float
    glossed: bool = False
    together: float = 0.0
    lead: float = 0.0
    named: float = 0.0
    by_gloss: float = 0.0
    background: float | None = None
    own: float = 1.0
    exact: float = 1.0


class Wording(Struct, frozen=True):
    """A question with its terms, and in how many of the scope's chunks each occurs.

    One that is `glossed` was put into the passages' language already. No passage's BM25 exceeds `full`.
    """

    question: str
    asked: Mapping[str, AskedTerm]
    df: Mapping[str, int]
    chunks_count: int
    glossed: bool = False
    full: float = 0.0


class _Word(Struct, frozen=True):
    """Something to be found: the terms that stand for it, and how telling it is."""

    forms: frozenset[str]
    idf: float


class _Words(Struct, frozen=True):
    """What is to be found, and the weight of all of it."""

    words: tuple[_Word, ...]
    total: float

    def held(self, terms_held: Set[str]) -> float:
        """The weight of what is among these terms."""
        return sum(word.idf for word in self.words if not word.forms.isdisjoint(terms_held))

    def share(self, weight: float) -> float:
        """The weight as a share of all of it."""
        return weight / self.total if self.total else 0.0


def trust_in_reading(readability: float) -> float:
    """From 0 to 1, how much a vector counts whose text was read so well."""
    return min(1.0, max(0.0, (readability - _UNREAD) / (_READ - _UNREAD)))


def trust_in_gloss(readability: float) -> float:
    """From 0 to 1, how much a vector counts among words that is of a gloss read so well."""
    return trust_in_reading(_GLOSS_WORTH * readability)


def further_by_gloss(readable: float, in_ranking: float) -> float:
    """How much further than the text itself its gloss is trusted as evidence."""
    return max(0.0, _GLOSS_TELLS * in_ranking - readable)


def weigh(
    wording: Wording, hits: Sequence[Hit], lexical: Sequence[float], readable: float, by_gloss: float = 0.0
) -> Evidence:
    """What the hits, best first, show; `lexical` is BM25 of all candidates in any order."""
    judged = hits[:JUDGED]
    words = _to_be_found(wording, " ".join(hit.text for hit in judged))
    held = [[terms for _, terms in _read(wording, hit)] for hit in judged]
    said = max((words.held(each) for sentence in held for each in sentence), default=0.0)
    known = words.held({term for term, df in wording.df.items() if df})
    agreeing = _differing(hits[:_AGREEING])
    in_all = [set[str]().union(*each) for each in held]
    return Evidence(
        coverage=words.share(said),
        information=said / _picking_one(wording.chunks_count),
        cosine=max((hit.dense_score or 0.0 for hit in judged), default=0.0),
        distinction=_distinction(lexical),
        reached=min(1.0, max(lexical, default=0.0) / wording.full) if wording.full else 0.0,
        known=words.share(known),
        readable=readable,
        glossed=wording.glossed,
        together=_together(agreeing),
        lead=_lead(agreeing),
        named=max((_named(wording, words, heading) for heading in _headings(judged)), default=0.0),
        by_gloss=by_gloss,
        own=_own(wording, judged, in_all),
        exact=_exact(wording, in_all),
    )


def background_of(cosines: Iterable[float | None]) -> float | None:
    """The cosine of the candidates further down; None where there are none."""
    nearest = sorted({cosine for cosine in cosines if cosine is not None}, reverse=True)
    further = nearest[_BACKGROUND]
    return sum(further) / len(further) if further else None


def best_covered(wording: Wording, hits: Sequence[Hit]) -> list[ReadSentence]:
    """Of each judged hit the sentence that says most of the question, the first of equals."""
    judged = hits[:JUDGED]
    words = _to_be_found(wording, " ".join(hit.text for hit in judged))
    return [max(_read(wording, hit), key=lambda read: words.held(read[1]))[0] for hit in judged]


def _read(wording: Wording, hit: Hit) -> list[tuple[ReadSentence, Set[str]]]:
    """Each sentence with the question's terms that it holds, together with the headings above it."""
    language = language_of(hit.text) or language_of(wording.question) or "english"
    wanted = wording.asked.keys()
    around = wanted & forms_of(hit.headings, language)
    found = read_sentences(hit.text, language) or (ReadSentence(0, len(hit.text), frozenset()),)
    return [(sentence, around | (wanted & sentence.forms)) for sentence in found]


def _differing(hits: Sequence[Hit]) -> list[Hit]:
    """A document that was added twice does not stand against itself."""
    first: dict[str, Hit] = {}
    for hit in hits:
        first.setdefault(hit.text, hit)
    return list(first.values())


def _together(hits: Sequence[Hit]) -> float:
    """A hit that begins its document may be all of it: then half of them need not lie elsewhere."""
    if not hits:
        return 0.0
    agreeing = sum(hit.document_id == hits[0].document_id for hit in hits)
    return max(agreeing, 0.5 * sum(hit.start == 0 for hit in hits)) / len(hits)


def _lead(hits: Sequence[Hit]) -> float:
    best: dict[UUID, float] = {}
    for hit in hits:
        best[hit.document_id] = max(best.get(hit.document_id, 0.0), hit.lexical_score or 0.0)
    first, second, *_ = [*sorted(best.values(), reverse=True), 0.0, 0.0]
    return (first - second) / first if first and len(best) > 1 else 0.0


def _headings(hits: Sequence[Hit]) -> set[str]:
    return {heading for hit in hits for heading in (hit.title, *hit.heading_path)}


def _named(wording: Wording, words: _Words, heading: str) -> float:
    """Half of a name is worth a quarter: siblings share half of theirs."""
    parts = _parts(heading)
    share = sum(not part.isdisjoint(wording.asked.keys()) for part in parts) / max(1, len(parts))
    if not share:
        return 0.0
    told = words.held(frozenset().union(*parts)) / _picking_one(wording.chunks_count)
    return share * share * min(1.0, told)


@lru_cache(maxsize=4096)
def _parts(heading: str) -> tuple[frozenset[str], ...]:
    """The words of a heading, each as the terms that stand for it; all of them where none is telling."""
    words: dict[int, list[AskedTerm]] = {}
    for term in asked_terms(heading):
        words.setdefault(term.word, []).append(term)
    telling = [word for word in words.values() if any(term.telling for term in word)]
    return tuple(frozenset(term.term for term in word) for word in telling or words.values())


def _own(wording: Wording, hits: Sequence[Hit], held: Sequence[Set[str]]) -> float:
    """1, less the mean of what the hits' titles name instead; `held` is of each hit."""
    asked = _first_tokens(wording.question)
    instead = [
        names_sibling(asked, _first_tokens(hit.title), each, lambda token: _tells(wording, token))
        for hit, each in zip(hits, held, strict=True)
    ]
    return 1.0 - sum(instead) / max(1, len(instead))


def _first_tokens(text: str) -> tuple[str, ...]:
    """Comparing takes as long as both lengths multiplied."""
    return tokens(text[:_NAMED_CHARS])[:_NAMED_TOKENS]


def _tells(wording: Wording, token: str) -> float:
    """How telling a token of the question is, by what picks one chunk of all."""
    asked = wording.asked.get(token)
    if asked is None or names_nothing(token) or not (asked.telling or is_unspaced(token) or token.isdigit()):
        return 0.0
    return _idf(wording, wording.df.get(token, 0)) / _picking_one(wording.chunks_count)


def _exact(wording: Wording, held: Sequence[Set[str]]) -> float:
    in_characters = not wording.glossed and any(map(is_unspaced, wording.asked))
    words: dict[int, set[str]] = {}
    for term, asked in wording.asked.items():
        if not is_unspaced(term) and (in_characters or any(map(str.isdigit, term))):
            words.setdefault(asked.word, set()).add(term)
    if not words or not held:
        return 1.0
    return max(sum(not forms.isdisjoint(each) for forms in words.values()) for each in held) / len(words)


def _distinction(lexical: Sequence[float]) -> float:
    ranking = sorted(lexical, reverse=True)
    if not ranking or ranking[0] <= 0.0:
        return 0.0
    background = ranking[_BACKGROUND]
    return 1.0 - sum(background) / max(1, len(background)) / ranking[0]


def _to_be_found(wording: Wording, passages: str) -> _Words:
    """The question's telling words.

    Foreign ones are left out; the names and numbers that remain must then be rare enough to tell alone.
    """
    foreign = frozenset() if wording.glossed else _foreign_words(wording, passages)
    words = _spaced_words(wording, foreign) + _characters(wording, foreign)
    total = sum(word.idf for word in words)
    enough = _TELLING_ENOUGH * _picking_one(wording.chunks_count)
    return _Words(words, max(total, enough) if foreign and total else total)


def _picking_one(chunks_count: int) -> float:
    """The idf that names one chunk among all."""
    return math.log(chunks_count + 2)


def _spaced_words(wording: Wording, foreign: frozenset[int]) -> tuple[_Word, ...]:
    forms: dict[int, set[str]] = {}
    for term, asked in wording.asked.items():
        if asked.telling and not is_unspaced(term) and asked.word not in foreign:
            forms.setdefault(asked.word, set()).add(term)
    return tuple(_word(wording, each, each) for each in forms.values())


def _characters(wording: Wording, foreign: frozenset[int]) -> tuple[_Word, ...]:
    """Characters of unspaced scripts; one is found where a pair of it with its neighbour is.

    So the pairs over a border between words, which no passage holds, cost nothing.
    """
    forms: dict[str, set[str]] = {}
    for term, asked in wording.asked.items():
        if is_unspaced(term) and asked.word not in foreign and (asked.telling or len(term) > 1):
            for character in term:
                if not names_nothing(character):
                    forms.setdefault(character, set()).add(term)
    return tuple(_word(wording, {character}, each) for character, each in forms.items())


def _word(wording: Wording, counted: set[str], forms: set[str]) -> _Word:
    """How telling it is follows from its commonest form: that one occurs wherever another does, or nearly."""
    return _Word(frozenset(forms), _idf(wording, max(wording.df.get(term, 0) for term in counted)))


def _idf(wording: Wording, df: int) -> float:
    # In a handful of chunks an everyday word that none of them holds would outweigh all that they do hold.
    chunks_count = max(wording.chunks_count, _FEW_CHUNKS)
    return math.log1p((chunks_count - df + 0.5) / (df + 0.5))


def _foreign_words(wording: Wording, passages: str) -> frozenset[int]:
    """Words of the question that passages in another language could not hold even if they answered it."""
    known = {asked.word for term, asked in wording.asked.items() if wording.df.get(term)}
    unspaced = {asked.word for term, asked in wording.asked.items() if is_unspaced(term)}
    foreign = unspaced if not unspaced & known else set()
    spoken, written = language_of(wording.question), language_of(passages)
    if spoken and written and spoken != written:
        foreign |= {asked.word for asked in wording.asked.values()} - known
    return frozenset(foreign)
