"""The words of the engine: pages, chunks, hits, citations."""

from uuid import UUID

from msgspec import Struct


class Page(Struct, frozen=True):
    """One page, slide, sheet or the whole of a text, as Markdown-like text.

    `number` counts from 1 where the format has pages (PDF page, slide, sheet), else None. Headings are `#`
    lines, a table row is one line `| a | b |`.
    """

    text: str
    number: int | None = None
    label: str | None = None


class Extracted(Struct, frozen=True):
    """What extraction found in one file; `shortfall` says what is missing, and why."""

    pages: tuple[Page, ...]
    media_type: str
    title: str | None = None
    shortfall: str | None = None


class Span(Struct, frozen=True):
    """Where a page lies in the text of its document; `[start, end)` in characters."""

    start: int
    end: int
    number: int | None = None
    label: str | None = None


class DocumentText(Struct, frozen=True):
    """The text that is indexed, cited and kept: pages joined by a blank line, with their spans."""

    text: str
    spans: tuple[Span, ...]
    title: str


class Chunk(Struct, frozen=True):
    """A passage of a document; `document_text[start:end] == text` always."""

    ordinal: int
    start: int
    end: int
    text: str
    page: int | None = None
    heading_path: tuple[str, ...] = ()


class Scope(Struct, frozen=True):
    """What a question may be answered from: empty `category_ids` means every category."""

    knowledge_base_ids: tuple[UUID, ...]
    category_ids: tuple[UUID, ...] = ()


class Hit(Struct, frozen=True):
    """A retrieved chunk with its document and its place in each list (from 1, None = not in it).

    One of an attachment has a negative `chunk_id`: no row holds it. `space_after` is what lies between it and
    the next chunk of its document, where that was retrieved too.
    A source that was made of neighbouring hits has them as `parts`.
    """

    chunk_id: int
    document_id: UUID
    title: str
    url: str | None
    text: str
    start: int
    end: int
    page: int | None
    heading_path: tuple[str, ...]
    score: float
    dense_score: float | None = None
    lexical_score: float | None = None
    dense_rank: int | None = None
    lexical_rank: int | None = None
    space_after: str | None = None
    parts: tuple["Hit", ...] = ()

    @property
    def is_attached(self) -> bool:
        """Whether it is of an attachment."""
        return self.chunk_id < 0

    @property
    def headings(self) -> str:
        """What stands above the text, a line each: the title, then the headings."""
        return "\n".join((self.title, *self.heading_path))


class Citation(Struct, frozen=True):
    """A verified mark `[number]` of an answer: `document_text[start:end] == excerpt`."""

    number: int
    document_id: UUID
    chunk_id: int
    title: str
    url: str | None
    page: int | None
    start: int
    end: int
    excerpt: str
    score: float


class Turn(Struct, frozen=True):
    """One earlier utterance of the conversation; role is `user` or `assistant`."""

    role: str
    content: str


class Attached(Struct, frozen=True):
    """What came with a question: `document.text[start:end]` is what a citation of `id` quotes."""

    id: UUID
    document: DocumentText


class Question(Struct, frozen=True):
    """What the engine is asked; it is answered from what is attached, too."""

    text: str
    scope: Scope
    history: tuple[Turn, ...] = ()
    instructions: str = ""
    not_found_message: str = ""
    max_answer_tokens: int = 512
    temperature: float = 0.2
    attached: tuple[Attached, ...] = ()


def join_pages(pages: tuple[Page, ...], title: str) -> DocumentText:
    """The document text of `pages`, with one span per page that has text."""
    parts: list[str] = []
    spans: list[Span] = []
    start = 0
    for page in pages:
        text = page.text.strip()
        if not text:
            continue
        spans.append(Span(start, start + len(text), page.number, page.label))
        parts.append(text)
        start += len(text) + 2
    return DocumentText("\n\n".join(parts), tuple(spans), title)
