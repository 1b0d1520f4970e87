"""Records: an assistant's exchanges as they are looked through and exported, with what was said."""

from datetime import date, datetime
from uuid import UUID

from msgspec import Struct

from app.domain.exchanges import ExchangeState


class RecordFilter(Struct, frozen=True):
    """Which exchanges: days are whole, inclusive, UTC; texts are parts of what was said, in any case."""

    workspace_id: UUID
    assistant_id: UUID
    start: date
    end: date
    user_text: str | None = None
    bot_text: str | None = None


class RecordPosition(Struct, frozen=True):
    """Where a record stands in the list."""

    created_at: datetime
    seq: int


class Record(Struct, frozen=True):
    """One exchange with its texts; `answer` is empty while there is none."""

    id: UUID
    seq: int
    workspace_id: UUID
    assistant_id: UUID
    conversation_id: UUID
    question_message_id: UUID
    answer_message_id: UUID | None
    question: str
    question_number: int
    standalone_question: str | None
    answer: str
    sender_name: str
    model: str | None
    state: ExchangeState
    error: str | None
    timings_ms: dict[str, int]
    usage: dict[str, int]
    created_at: datetime
    finished_at: datetime | None

    @property
    def reply_ms(self) -> int | None:
        """How long the answer took; None while there is none."""
        stages = self.timings_ms
        return stages.get("total", sum(stages.values())) if stages else None

    @property
    def position(self) -> RecordPosition:
        """Where it stands."""
        return RecordPosition(self.created_at, self.seq)
