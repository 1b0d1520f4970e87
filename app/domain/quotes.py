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
    """What one mark points to: a passage, how often any question retrieved it, and the words that are quoted.

    Units: `start` and `end` in characters of the file's text.
    """

    number: int
    chunk_id: int
    file: CitedFile
    text: str
    page: int | None
    score: float
    hits_count: int
    excerpt: str
    start: int
    end: int


class Quotes(Struct, frozen=True):
    """The texts and passages that one message cites, in the order of its marks."""

    files: tuple[CitedFile, ...] = ()
    passages: tuple[CitedPassage, ...] = ()
