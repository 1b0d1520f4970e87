"""Records: an assistant's exchanges, with what was cited, retrieved, scored and said of them."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from msgspec import Struct

from app.domain.exchanges import Metric
from app.domain.feedback import Feedback
from app.domain.paging import PageNumber, PageOf
from app.domain.quotes import Quotes
from app.domain.records import Record, RecordFilter
from app.services.house import House
from app.services.quote import look_up, quotes
from app.store import exchanges, feedback, records, scores

_BETWEEN_PASSAGES = "\n\n"


class Reviewed(Struct, frozen=True):
    """A record with all that stands beside it; `context` is what was retrieved, as far as it still exists."""

    record: Record
    quotes: Quotes
    context: str
    scores: Mapping[Metric, float]
    feedback: Feedback | None


async def list_records(house: House, sought: RecordFilter, page: PageNumber) -> PageOf[Reviewed]:
    """A page of the records, newest first.

    Raises: NoSuchPage.
    """
    async with house.pool.connection() as connection:
        total = await records.count_records(connection, sought)
        span = page.span(total)
        found = await records.list_records(connection, sought, span.offset, span.limit)
    return PageOf(await _review(house, sought.workspace_id, found), total)


async def _review(house: House, workspace_id: UUID, found: Sequence[Record]) -> tuple[Reviewed, ...]:
    exchange_ids = [record.id for record in found]
    answer_ids = [record.answer_message_id for record in found if record.answer_message_id]
    async with house.pool.connection() as connection:
        cited = await exchanges.list_citations(connection, answer_ids)
        said = await feedback.list_feedback(connection, answer_ids)
        scored = await scores.list_scores(connection, workspace_id, exchange_ids)
        chunk_ids = await exchanges.list_hit_chunks(connection, exchange_ids)
    known = await look_up(house, workspace_id, [mark for marks in cited.values() for mark in marks])
    texts = await _texts(house, {each for ids in chunk_ids.values() for each in ids})
    return tuple(
        Reviewed(
            record,
            quotes(cited.get(record.answer_message_id or record.id, ()), known, record.created_at),
            _BETWEEN_PASSAGES.join(texts[each] for each in chunk_ids.get(record.id, ()) if each in texts),
            {score.metric: score.value for score in scored.get(record.id, ())},
            said.get(record.answer_message_id or record.id),
        )
        for record in found
    )


async def _texts(house: House, chunk_ids: set[int]) -> dict[int, str]:
    passages = await house.engine.passages(house.pool, list(chunk_ids))
    return {hit.chunk_id: hit.text for hit in passages}
