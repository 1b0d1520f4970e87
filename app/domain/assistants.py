"""Assistants: a persona with instructions and limits."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct


class Assistant(Struct, frozen=True):
    """Who answers, and in which words."""

    id: UUID
    seq: int
    workspace_id: UUID
    name: str
    instructions: str
    greeting: str
    not_found_message: str
    max_answer_tokens: int
    temperature: float
    created_at: datetime


class AssistantLine(Struct, frozen=True):
    """An assistant in a list, with what it may cite."""

    id: UUID
    seq: int
    workspace_id: UUID
    workspace_name: str
    name: str
    knowledge_base_id: UUID | None
    documents_count: int
