"""Quoting: what the citations of messages point to, as far as it still exists."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from app.domain.quotes import CitedFile, CitedKind, CitedPassage, Quotes
from app.services.house import House
from app.store import messages
from rag.passages import Citation


class Known(Struct, frozen=True):
    """What is known of cited texts and passages, by their ids."""

    files: Mapping[UUID, CitedFile]
    texts: Mapping[int, str]
    hits_counts: Mapping[int, int]


async def look_up(house: House, workspace_id: UUID, citations: Iterable[Citation]) -> Known:
    """What the citations point to; what is gone is missing."""
    listed = list(citations)
    if not listed:
        return Known({}, {}, {})
    chunk_ids = list({citation.chunk_id for citation in listed})
    passages = await house.engine.passages(house.pool, chunk_ids)
    async with house.pool.connection() as connection:
        ids = list({citation.document_id for citation in listed})
        files = await messages.list_cited_files(connection, workspace_id, ids)
        counts = await messages.list_hits_counts(connection, chunk_ids)
    return Known(files, {hit.chunk_id: hit.text for hit in passages}, counts)


def quotes(citations: Sequence[Citation], known: Known, cited_at: datetime) -> Quotes:
    """The texts of one message, each once, and a passage for each of its marks, in their order."""
    files: dict[UUID, CitedFile] = {}
    for citation in citations:
        file = known.files.get(citation.document_id) or _gone(citation, cited_at)
        files.setdefault(citation.document_id, file)
    return Quotes(
        tuple(files.values()),
        tuple(_passage(citation, files[citation.document_id], known) for citation in citations),
    )


def _passage(citation: Citation, file: CitedFile, known: Known) -> CitedPassage:
    return CitedPassage(
        citation.number,
        citation.chunk_id,
        file,
        known.texts.get(citation.chunk_id, citation.excerpt),
        citation.page,
        citation.score,
        known.hits_counts.get(citation.chunk_id, 0),
        citation.excerpt,
        citation.start,
        citation.end,
    )


def _gone(citation: Citation, cited_at: datetime) -> CitedFile:
    return CitedFile(citation.document_id, CitedKind.GONE, citation.title, cited_at, cited_at)
