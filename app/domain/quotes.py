"""Quotes: what a message's citations point to, as it is shown beside the message."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct


class CitedKind(StrEnum):
    """Where a cited text is from."""

    DOCUMENT = "document"
    ATTACHMENT = "attachment"
    GONE = "gone"


class CitedFile(Struct, frozen=True):
    """A text that is cited; of one that is gone only the title is left that was quoted."""

    id: UUID
    kind: CitedKind
    name: str
    created_at: datetime
    updated_at: datetime
    size_bytes: int = 0
    knowledge_base_id: UUID | None = None
    knowledge_base_name: str = ""
    category_id: UUID | None = None
    category_name: str = ""


class CitedPassage(Struct, frozen=True):
    """A passage that is cited, with its score and how often it was retrieved by any question."""

    chunk_id: int
    file: CitedFile
    text: str
    page: int | None
    score: float
    hits_count: int


class Quotes(Struct, frozen=True):
    """The texts and passages that one message cites, in the order of its marks."""

    files: tuple[CitedFile, ...] = ()
    passages: tuple[CitedPassage, ...] = ()
