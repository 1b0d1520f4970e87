"""The one stream of answer events that every door encodes."""

from msgspec import Struct

from rag.passages import Citation, Hit


class Usage(Struct, frozen=True):
    """What one answer cost; characters always, tokens where a model counted them."""

    prompt_chars: int = 0
    answer_chars: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0


class Started(Struct, frozen=True, tag=True):
    """The question was accepted; retrieval uses `standalone_question`; `model` names the generator."""

    standalone_question: str
    model: str


class Retrieved(Struct, frozen=True, tag=True):
    """What was found, best first; `relevant` is false when the assistant abstains."""

    hits: tuple[Hit, ...]
    relevance: float
    relevant: bool


class Token(Struct, frozen=True, tag=True):
    """A piece of the final answer text, marks verified; never empty."""

    text: str


class Cited(Struct, frozen=True, tag=True):
    """A citation, sent right after the token that holds the first of its marks."""

    citation: Citation


class Finished(Struct, frozen=True, tag=True):
    """The whole answer; `text` is the tokens joined; `timings_ms` has a figure per stage."""

    text: str
    citations: tuple[Citation, ...]
    usage: Usage
    timings_ms: dict[str, int]
    finish_reason: str = "stop"


class Failed(Struct, frozen=True, tag=True):
    """The answer broke off; `message` is for the asker; `busy` when it is worth trying again soon."""

    message: str
    busy: bool = False


AnswerEvent = Started | Retrieved | Token | Cited | Finished | Failed
