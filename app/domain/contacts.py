"""Contacts: who talks to an assistant."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

VISITOR = "Visitor"
"""What somebody is called whom nobody has named."""


class Contact(Struct, frozen=True):
    """Someone who talks; `external_id` is what the caller's own system calls them."""

    id: UUID
    seq: int
    workspace_id: UUID
    channel_id: UUID | None
    name: str
    external_id: str | None
    avatar_url: str | None
    email: str | None
    phone_number: str | None
    created_at: datetime


class NewContact(Struct, frozen=True):
    """A contact about to be stored."""

    workspace_id: UUID
    name: str
    channel_id: UUID | None = None
    external_id: str | None = None
    avatar_url: str | None = None
    email: str | None = None
    phone_number: str | None = None


class Sender(Struct, frozen=True):
    """Who said a message: a contact, or the assistant."""

    id: UUID
    name: str
    avatar_url: str | None = None
    email: str | None = None
    phone_number: str | None = None
