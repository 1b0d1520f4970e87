"""Between the channel API's bodies and our words; nothing here does I/O."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from msgspec import UNSET

from app.api.channel import wire
from app.api.paging import DEFAULT_LIMIT, Identified, last_id
from app.domain.conversations import Conversation, Message
from app.domain.errors import Invalid
from app.domain.knowledge import Document, Row, RowChange, Source, SyncInterval, SyncState
from app.domain.paging import PageOf, PageRequest
from app.services.accept_question import Ask
from rag.passages import Citation


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ask(body: wire.SendMessage) -> Ask:
    """The question of a message.

    Raises: Invalid when there is none.
    """
    text = body.message if body.message is not None else body.response
    if text is None:
        raise Invalid("This field is required.", "message")
    return Ask(text=text, conversation_id=body.conversation_id)


def page_request(limit: int | None, cursor: UUID | None) -> PageRequest:
    """The page that is wanted."""
    return PageRequest(limit=DEFAULT_LIMIT if limit is None else limit, after=cursor)


def conversations(page: PageOf[Conversation]) -> wire.Conversations:
    """A page of conversations."""
    items = [
        wire.ConversationItem(item.id, timestamp(item.created_at), item.initial_message)
        for item in page.items
    ]
    return wire.Conversations(conversations=items, pagination=_pagination(page.items, page.total))


def messages(page: PageOf[Message]) -> wire.Messages:
    """A page of messages."""
    items = [
        wire.MessageItem(
            item.id, item.content, item.role.value, timestamp(item.created_at), citations(item.citations)
        )
        for item in page.items
    ]
    return wire.Messages(messages=items, pagination=_pagination(page.items, page.total))


def citations(found: Sequence[Citation]) -> list[wire.Citation]:
    """The verified marks of an answer, without the ids that only we know."""
    return [
        wire.Citation(
            number=item.number,
            title=item.title,
            url=item.url,
            page=item.page,
            start=item.start,
            end=item.end,
            excerpt=item.excerpt,
            score=item.score,
        )
        for item in found
    ]


def data_source(source: Source) -> wire.DataSource:
    """One data source."""
    failed = source.state is SyncState.SYNC_ERROR
    return wire.DataSource(
        id=source.id,
        state=source.state.value,
        last_sync=_moment(source.last_sync_at),
        sync_interval=source.sync_interval.value if source.sync_interval else None,
        created_at=timestamp(source.created_at),
        error=source.error if failed and source.error else UNSET,
    )


def data_sources(page: PageOf[Source]) -> wire.DataSources:
    """A page of data sources."""
    items = [data_source(item) for item in page.items]
    return wire.DataSources(data_sources=items, pagination=_pagination(page.items, page.total))


def sync_interval(value: str | None) -> SyncInterval | None:
    """How often to sync."""
    return SyncInterval(value) if value else None


def data_source_rows(page: PageOf[Document]) -> wire.Rows:
    """A page of rows."""
    items = [wire.RowItem(item.id, item.name) for item in page.items]
    return wire.Rows(data_source_rows=items, pagination=_pagination(page.items, page.total))


def data_source_row(document: Document, content: str) -> wire.DataSourceRow:
    """One row with its content."""
    failed = document.state is SyncState.SYNC_ERROR
    return wire.DataSourceRow(
        id=document.id,
        name=document.name,
        state=document.state.value,
        last_sync=_moment(document.last_sync_at),
        created_at=timestamp(document.created_at),
        content=content,
        error=document.error if failed and document.error else UNSET,
    )


def new_rows(body: wire.CreateRows) -> tuple[Row, ...]:
    """The rows to create."""
    return tuple(Row(row.name, row.content) for row in body.data_source_rows)


def changes(body: wire.ChangeRows) -> tuple[RowChange, ...]:
    """The rows to change."""
    return tuple(RowChange(row.id, row.name, row.content) for row in body.data_source_rows)


def row_ids(body: wire.DeleteRows) -> tuple[UUID, ...]:
    """The rows to delete.

    Raises: Invalid when none is named.
    """
    if body.data_source_rows is not None:
        return tuple(row.id for row in body.data_source_rows)
    if body.data_source_row_id is not None:
        return (body.data_source_row_id,)
    raise Invalid("This field is required.", "dataSourceRows")


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else timestamp(moment)


def _pagination(items: Sequence[Identified], total: int) -> wire.Pagination:
    return wire.Pagination(total=total, last=last_id(items))
