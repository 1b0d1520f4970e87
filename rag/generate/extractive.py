"""The generator without a model: it answers with sentences of the sources, word for word."""

import asyncio
import math
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

from msgspec import Struct

from rag.embed import Embedder
from rag.generate import Ask, Piece
from rag.generate.answer_types import matches_answer_type, wanted_types
from rag.generate.gist import gist
from rag.generate.units import Unit, units_of
from rag.glossary import gloss_for
from rag.overview import asks_for_overview
from rag.passages import Hit, Question
from rag.support import WordUnit, word_units
from rag.threads import compute

_MOST_SENTENCES = 3
_MOST_HITS = 8
_MOST_EMBEDDED = 24  # sentences; the cost of an answer stays bounded on long sources
_WORDS_PER_PIECE = 4
_RUNNING_HEAD = 3  # places in the hits of one document; rows may well be the same
_ADDS_ENOUGH = 0.1  # share of the question's words
_NEVER = math.inf  # what stands before the best sentence, in another chunk, would be read and cited first


class Weights(Struct, frozen=True):
    """What makes a sentence an answer, measured on question sets in three languages."""

    overlap: float = 1.0
    lead: float = 0.8  # of overlap, for words that the line above a list holds
    context: float = 0.3
    similarity: float = 0.8
    answer_type: float = 0.12
    hit: float = 0.5
    attached: float = 0.1  # what came with the question goes before what is known already
    keep: float = 0.8  # a further sentence must reach this share of the best one's score
    keep_elsewhere: float = 0.9  # the same, out of another hit
    keep_antecedent: float = 0.5  # the same, if the best one refers back to it and may not answer alone
    keep_unlike: float = (
        0.95  # the same, if it lacks the number, date or name that the best one has; and for rows and items
    )
    keep_block: float = 0.97  # the same, for a row, an item or a list out of another hit


class ExtractiveGenerator:
    """At most three sentences that answer the question, each followed by its mark."""

    name = "extractive"

    def __init__(self, embedder: Embedder | None = None, weights: Weights | None = None) -> None:
        self._embedder = embedder
        self._weights = weights or Weights()

    async def complete(self, ask: Ask, most_tokens: int) -> str | None:
        """None: there is no model."""
        return None

    async def condense(self, question: Question) -> str | None:
        """None: without a model the deterministic rule condenses."""
        return None

    async def generate(
        self, question: Question, standalone_question: str, hits: tuple[Hit, ...]
    ) -> AsyncIterator[Piece]:
        """The chosen sentences in groups of a few words."""
        if asks_for_overview(question):
            answer = await compute(overview, hits)
        else:
            answer = await compute(self.answer, standalone_question, hits)
        answer = answer or question.not_found_message
        for piece in _pieces(answer):
            yield Piece(piece)
            await asyncio.sleep(0)
        yield Piece("", finish_reason="stop")

    async def close(self) -> None:
        """Nothing to free."""

    def answer(self, question: str, hits: Sequence[Hit]) -> str:
        """The answer text with its marks; empty when the hits hold no sentence."""
        ranked = self.rank(question, hits)
        return _written(_reading_order(self._chosen(ranked)))

    def rank(self, question: str, hits: Sequence[Hit]) -> list[tuple[float, Unit]]:
        """The sentences of the hits with their scores, best first."""
        units = _distinct(hits[:_MOST_HITS])
        if not units:
            return []
        gloss = gloss_for(question, [hit.text for hit in hits])
        asked = gloss.word_units() if gloss else word_units(question)
        scores = self._lexical_scores(question, asked, units, hits)
        read = gloss.text if gloss else question
        order = sorted(range(len(units)), key=lambda place: -scores[place])
        near = order[:_MOST_EMBEDDED]
        for place, similarity in zip(near, self._similarities(read, [units[i] for i in near]), strict=True):
            scores[place] += self._weights.similarity * similarity
        return sorted(((scores[i], units[i]) for i in near), key=lambda pair: -pair[0])

    def _lexical_scores(
        self, question: str, asked: Sequence[WordUnit], units: list[Unit], hits: Sequence[Hit]
    ) -> list[float]:
        weights = self._weights
        words = _Words(asked, units)
        types = wanted_types(question)
        top = max((hit.score for hit in hits), default=0.0) or 1.0
        scores = []
        for unit in units:
            own = words.share(unit.terms)
            quoted = words.share(unit.terms | unit.lead_terms)
            around = words.share(unit.terms | unit.lead_terms | unit.context_terms)
            unit.is_of_type = matches_answer_type(types, unit.shown, question)
            unit.quoted_with = _needed_leads(unit, words)
            score = (
                weights.overlap * own + weights.lead * (quoted - own) + weights.context * (around - quoted)
            )
            score += weights.answer_type * unit.is_of_type
            score += weights.attached * hits[unit.hit].is_attached
            scores.append(score + weights.hit * max(unit.score, 0.0) / top)
        return scores

    def _similarities(self, question: str, units: list[Unit]) -> list[float]:
        if self._embedder is None or self._weights.similarity == 0.0:
            return [0.0] * len(units)
        trust = self._embedder.readability(question)
        vectors = self._embedder.embed([question, *(unit.read_as for unit in units)])
        return [trust * float(vectors[0] @ vector) for vector in vectors[1:]]

    def _chosen(self, ranked: list[tuple[float, Unit]]) -> list[Unit]:
        if not ranked:
            return []
        best, first = ranked[0]
        chosen = [*first.quoted_with, first]
        for score, unit in ranked[1:]:
            if score < best * self._needed(unit, first) or _among(unit, chosen):
                continue
            if (same := _said_by(unit, chosen)) is not None:
                same.add_mark(unit.hit)
                continue
            more = [*(lead for lead in unit.quoted_with if not _among(lead, chosen)), unit]
            if len(chosen) + len(more) <= _MOST_SENTENCES:
                chosen += more
        return chosen

    def _needed(self, unit: Unit, first: Unit) -> float:
        """The share of the best sentence's score that a further one must reach."""
        elsewhere = unit.chunk_id != first.chunk_id
        if elsewhere and unit.document_id == first.document_id and unit.document_start < first.document_start:
            return _NEVER
        if unit.text == first.before and first.refers_back and not first.is_of_type:
            return self._weights.keep_antecedent
        if elsewhere and unit.is_block:
            return self._weights.keep_block
        alike = (first.is_row and unit.is_row) or unit.is_sibling_of(first)
        if alike or (first.is_of_type and not unit.is_of_type):
            return self._weights.keep_unlike
        return self._weights.keep_elsewhere if elsewhere else self._weights.keep


def overview(hits: Sequence[Hit]) -> str:
    """The answer text with its marks that tells what the hits are about."""
    return _written(gist(hits))


def _distinct(hits: Sequence[Hit]) -> list[Unit]:
    """The sentences of the hits, each place of a document once, without the running heads of its pages."""
    places: dict[tuple[UUID, int], Unit] = {}
    for place, hit in enumerate(hits):
        for unit in units_of(hit, place):
            places.setdefault((unit.document_id, unit.document_start), unit)
    said = Counter((unit.document_id, unit.text) for unit in places.values())
    return [
        unit for unit in places.values() if unit.is_row or said[unit.document_id, unit.text] < _RUNNING_HEAD
    ]


def _among(unit: Unit, chosen: Sequence[Unit]) -> bool:
    return any(unit.overlaps(other) for other in chosen)


def _said_by(unit: Unit, chosen: Sequence[Unit]) -> Unit | None:
    """The one of the chosen that says the same."""
    said = (unit.shown, unit.header)
    return next((other for other in chosen if (other.shown, other.header) == said), None)


def _needed_leads(unit: Unit, words: "_Words") -> tuple[Unit, ...]:
    """Those of its leads that hold words of the question which it lacks, at most two, the nearest ones."""
    needed: list[Unit] = []
    terms = unit.terms
    for lead in reversed(unit.leads):
        if words.share(terms | lead.terms) - words.share(terms) > _ADDS_ENOUGH:
            needed.insert(0, lead)
            terms |= lead.terms
    return tuple(needed[1 - _MOST_SENTENCES :])


class _Words:
    """The words of a question, weighed by how telling each is among some sentences."""

    def __init__(self, asked: Sequence[WordUnit], units: Sequence[Unit]) -> None:
        self._weights = [
            (
                forms,
                _idf(sum(not forms.isdisjoint(unit.terms) for unit in units), len(units)) * min(weight, 3.0),
            )
            for forms, weight in asked
        ]
        self._total = sum(weight for _, weight in self._weights) or 1.0

    def share(self, terms: frozenset[str]) -> float:
        """From 0 to 1, the share of their weight that is among these terms."""
        held = sum(weight for forms, weight in self._weights if not forms.isdisjoint(terms))
        return held / self._total


def _idf(count: int, units_count: int) -> float:
    return math.log(1 + (units_count - count + 0.5) / (count + 0.5))


def _reading_order(chosen: list[Unit]) -> list[Unit]:
    """Documents by their best sentence, within a document as one reads."""
    documents = list(dict.fromkeys(unit.document_id for unit in chosen))
    return sorted(chosen, key=lambda unit: (documents.index(unit.document_id), unit.document_start))


def _written(units: list[Unit]) -> str:
    parts: list[str] = []
    for before, unit in zip([None, *units], units, strict=False):
        if before is not None:
            same = before.document_id == unit.document_id
            inline = same and not (before.is_block or unit.is_block)
            in_table = before.is_row or unit.is_row
            parts.append(" " if inline else "\n" if same and not in_table else "\n\n")
        parts.append(unit.with_marks())
    return "".join(parts)


def _pieces(text: str) -> list[str]:
    words = re.findall(r"\s*\S+|\s+$", text)
    return ["".join(words[i : i + _WORDS_PER_PIECE]) for i in range(0, len(words), _WORDS_PER_PIECE)]
