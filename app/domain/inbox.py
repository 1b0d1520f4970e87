"""Inboxes: what one looks at who answers or watches: conversations by their last activity."""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from app.domain.conversations import Role


class InboxFilter(Struct, frozen=True):
    """Whose conversations; with a keyword, those whose title, contact or messages hold it, in any case."""

    workspace_id: UUID
    channel_id: UUID
    keyword: str | None = None


class InboxPosition(Struct, frozen=True):
    """Where a conversation stands in its inbox."""

    active_at: datetime
    seq: int


class InboxContact(Struct, frozen=True):
    """Who talks in a conversation."""

    id: UUID
    name: str
    avatar_url: str | None
    external_id: str | None


class LastMessage(Struct, frozen=True):
    """The newest utterance that is shown."""

    id: UUID
    role: Role
    kind: str
    content: str
    payload: Any
    metadata: Any
    created_at: datetime


class InboxItem(Struct, frozen=True):
    """A conversation as an inbox shows it."""

    id: UUID
    seq: int
    workspace_id: UUID
    assistant_id: UUID
    channel_id: UUID
    group_key: str | None
    title: str
    messages_count: int
    unread_count: int
    metadata: Any
    ip_address: str | None
    last_message_at: datetime | None
    last_read_at: datetime | None
    active_at: datetime
    created_at: datetime
    contact: InboxContact | None
    last_message: LastMessage | None

    @property
    def position(self) -> InboxPosition:
        """Where it stands."""
        return InboxPosition(self.active_at, self.seq)
