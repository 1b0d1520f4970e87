"""What came with a question, looked through as the index is; its chunks and terms live for one answer."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import zip_longest
from uuid import UUID

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from rag.candidates import Candidate, Found, Plan, Retrieval, Search
from rag.chunk import headed, headline, split
from rag.embed import Embedder
from rag.lexicon import language_of, terms
from rag.passages import Attached, Chunk, Hit
from rag.postings import K1, B
from rag.threads import compute
from rag.wording import KnownTerms, known_terms, of_known_alternatives

_MOST_EMBEDDED = 40  # chunks; README, "Attachments"
_MOST_CHARS = 4_000_000  # of all together; some 1,300 pages
_SHOWN = 12  # hits of an overview
_FIRST, _BESIDE = 5, 3  # hits of attachments and of the index where both speak about the question
_MOST_TF = 255  # as in posting lists


class _Passage(Struct, frozen=True):
    """A chunk of an attachment as a hit, what its vector reads, and its terms."""

    hit: Hit
    read_as: str
    counts: Mapping[str, int]
    terms_count: int


class AttachedTexts:
    """The attachments of a question, a place to look for it.

    Of a long one only what words find first is embedded; what exceeds a limit of all together is left out.
    """

    def __init__(self, attached: Sequence[Attached], embedder: Embedder) -> None:
        self._attached = attached
        self._embedder = embedder
        # Kept, because a question may be asked again in English.
        self._vectors: dict[int, NDArray[np.float32]] = {}

    async def find(self, search: Search) -> Found:
        """The candidates of both halves."""
        return await compute(self._find, search)

    @cached_property
    def passages(self) -> tuple[_Passage, ...]:
        """The chunks in reading order; made once, by whoever first needs them."""
        kept = _within(self._attached, _MOST_CHARS)
        found = [each for attached in kept for each in _passages(attached, self._embedder)]
        return tuple(
            structs.replace(each, hit=structs.replace(each.hit, chunk_id=-number))
            for number, each in enumerate(found, start=1)
        )

    async def overview(self) -> Retrieval:
        """What shows the attachments as a whole: how each begins, and places spread over what follows."""
        hits = await compute(self._spread)
        return Retrieval(hits, float(bool(hits)), bool(hits))

    def _spread(self) -> tuple[Hit, ...]:
        by_document: dict[UUID, list[Hit]] = {}
        for passage in self.passages:
            by_document.setdefault(passage.hit.document_id, []).append(passage.hit)
        most = max(1, _SHOWN // max(1, len(by_document)))
        found = [hits[place] for hits in by_document.values() for place in _spread_over(len(hits), most)]
        return tuple(structs.replace(hit, score=1.0) for hit in found[:_SHOWN])

    def _find(self, search: Search) -> Found:
        known = self._known(search)
        lexical = [_bm25(passage, known) for passage in self.passages]
        worded = sorted(range(len(lexical)), key=lambda place: -lexical[place])
        near = worded[:_MOST_EMBEDDED]
        self._embed([place for place in near if place not in self._vectors])
        cosines = {place: float(self._vectors[place] @ search.read.vector) for place in near}
        return Found(known, _first_look(self._candidates(cosines, lexical, search.plan), search.plan))

    def _embed(self, places: Sequence[int]) -> None:
        if places:
            vectors = self._embedder.embed([self.passages[place].read_as for place in places])
            self._vectors.update(zip(places, vectors, strict=True))

    def _known(self, search: Search) -> KnownTerms:
        asked = search.terms
        df = Counter(term for passage in self.passages for term in passage.counts if term in asked)
        counts = len(self.passages), sum(passage.terms_count for passage in self.passages)
        known = known_terms(asked, [(number, term, df[term]) for number, term in enumerate(df)], counts)
        return of_known_alternatives(known) if search.asked.glossed else known

    def _candidates(
        self, cosines: Mapping[int, float], lexical: Sequence[float], plan: Plan
    ) -> Iterator[Candidate]:
        nearest = sorted(cosines, key=lambda place: -cosines[place])[: plan.candidates]
        worded = [place for place in cosines if lexical[place]][: plan.candidates]
        dense_ranks, lexical_ranks = _ranks(nearest), _ranks(worded)
        for place in dict.fromkeys((*nearest, *worded)):
            hit = structs.replace(
                self.passages[place].hit,
                dense_score=cosines[place],
                lexical_score=lexical[place],
                dense_rank=dense_ranks.get(place),
                lexical_rank=lexical_ranks.get(place),
            )
            yield Candidate(hit.chunk_id, cosines[place], lexical[place], hit)


def _within(attached: Sequence[Attached], most: int) -> Iterator[Attached]:
    """The attachments up to as many characters."""
    for each in attached:
        document = each.document
        spans = (span for span in document.spans if span.start < most)
        kept = tuple(structs.replace(span, end=min(span.end, most)) for span in spans)
        yield Attached(each.id, structs.replace(document, text=document.text[:most], spans=kept))
        most = max(0, most - len(document.text))


def _passages(attached: Attached, embedder: Embedder) -> Iterator[_Passage]:
    document = attached.document
    language = language_of(document.text)
    chunks = split(document, embedder)
    heads = {
        path: headline(document.title, path, embedder) for path in {each.heading_path for each in chunks}
    }
    for chunk, after in zip_longest(chunks, chunks[1:]):
        hit = _hit(attached, chunk, after)
        counts = Counter(terms(headed(hit.headings.replace("_", " "), chunk.text), language))
        yield _Passage(hit, headed(heads[chunk.heading_path], chunk.text), counts, counts.total())


def _hit(attached: Attached, chunk: Chunk, after: Chunk | None) -> Hit:
    document = attached.document
    return Hit(
        chunk_id=-1,
        document_id=attached.id,
        title=document.title,
        url=None,
        text=chunk.text,
        start=chunk.start,
        end=chunk.end,
        page=chunk.page,
        heading_path=chunk.heading_path,
        score=0.0,
        space_after=document.text[chunk.end : after.start] if after else None,
    )


def _bm25(passage: _Passage, known: KnownTerms) -> float:
    score = 0.0
    for term_id, weight in known.weights.items():
        if tf := min(passage.counts.get(known.term_of[term_id], 0), _MOST_TF):
            score += weight * tf / (tf + K1 * (1 - B + B * passage.terms_count / known.mean_terms))
    return score


def _spread_over(count: int, most: int) -> list[int]:
    """As many places at most: the first ones, and as many evenly from the rest."""
    first = min(count, (most + 1) // 2)
    further = min(count - first, most - first)
    return [*range(first), *(first + number * (count - first) // further for number in range(further))]


def first_attached(attached: Retrieval, found: Retrieval) -> Retrieval:
    """What is answered from: the attachments first, where they speak about the question.

    Both were judged alone, so neither makes the other more or less relevant.
    """
    if not attached.relevant:
        return found if found.relevant or found.hits else attached
    if not found.relevant:
        return attached
    hits = (*attached.hits[:_FIRST], *found.hits[:_BESIDE])
    return Retrieval(hits, max(attached.relevance, found.relevance), True)


def _ranks(places: Sequence[int]) -> dict[int, int]:
    return {place: rank for rank, place in enumerate(places, start=1)}


def _first_look(candidates: Iterator[Candidate], plan: Plan) -> list[Candidate]:
    """The candidates, best first by what decides which of them are looked at."""
    found, look = list(candidates), plan.first_look
    best = max((each.lexical for each in found), default=0.0) or 1.0
    found.sort(
        key=lambda each: -(look.per_cosine * (each.dense or 0.0) + look.per_words * each.lexical / best)
    )
    return [
        each if place < plan.shown else structs.replace(each, hit=None) for place, each in enumerate(found)
    ]
