"""The quotable units of a hit: sentences, list items, table rows with their header, lists with their lead."""

import re
from functools import cached_property
from uuid import UUID

from rag.generate.lists import ITEM, KEY, leads_of, leads_on
from rag.generate.rows import headers_of, heads_table, with_header
from rag.lexicon import sentences, terms
from rag.passages import Hit

_BLOCK_MARK = re.compile(r"^[ \t]*(?:(?:[-*+•–>]|\d{1,3}[.)]|#{1,6})[ \t]+)+")
_HEADING = re.compile(r"[ \t]*#{1,6}[ \t]+\S")
_FENCE = re.compile(r"[ \t]*(?:```|~~~)")
_LINK_TARGET = re.compile(r"\]\([^)\s]*\)")
_FOOTNOTE = re.compile(r"\[\d{1,3}\]")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.S)
_ASKS = re.compile(r"[?？][\"'”」』)]*\s*$")
_ENDS = re.compile(r"[.!?:;。！？：；|][\"'”’»)\]」』）*_]*$")
_REFERS_BACK = re.compile(
    r"(?:this|these|those|it|he|she|they|such|est[eao]s?|es[eo]s?|ell[ao]s?|él)\b|[他她它其這这此該该]",
    re.IGNORECASE,
)
_MOST_ITEMS = 8
_LONGEST_LIST = 700  # characters


class Unit:
    """A quotable piece of a hit's text and what stands around it."""

    def __init__(self, hit: Hit, place: int, span: tuple[int, int]) -> None:
        self.hit = place
        self.start, self.end = span
        self.document_id: UUID = hit.document_id
        self.document_start = hit.start + span[0]
        parts = [part for part in hit.parts if part.start <= self.document_start] or [hit]
        self.chunk_id, self.score = parts[-1].chunk_id, parts[-1].score
        self.title = hit.title.replace("_", " ")
        self.context = " ".join((hit.title, *hit.heading_path))
        self.before = ""
        self.header = ""  # what stands above a row in its table
        self.also: tuple[int, ...] = ()  # other hits that say the same, word for word
        self.leads: tuple[Unit, ...] = ()  # what it stands under in a list, the outermost first
        self.quoted_with: tuple[Unit, ...] = ()  # those of its leads without which it does not answer
        self.is_of_type = False  # whether it holds the kind of thing the question asks for
        self.text = hit.text[span[0] : span[1]]

    @property
    def is_row(self) -> bool:
        """Whether it is a table row."""
        return self.text.lstrip().startswith("|")

    @property
    def is_block(self) -> bool:
        """Whether it stands on lines of its own."""
        in_list = bool(self.leads) or ITEM.match(self.text) is not None
        return self.is_row or in_list or "\n" in self.shown

    @property
    def refers_back(self) -> bool:
        """Whether it starts with a word for what the sentence before it names."""
        return _REFERS_BACK.match(self.text) is not None

    @cached_property
    def shown(self) -> str:
        """What an answer quotes: without list and heading marks, and on one line if it is a sentence."""
        text = _FOOTNOTE.sub("", self.text)
        if self.is_row:
            return text.strip()
        lines = text.split("\n")
        if any(ITEM.match(line) for line in lines[1:]):
            return "\n".join(line.strip() for line in lines if line.strip())
        return " ".join(_BLOCK_MARK.sub("", text).split())

    @property
    def read_as(self) -> str:
        """What is compared with the question: below its title and leads, without the targets of links."""
        above = " ".join((self.header, *(lead.shown for lead in self.leads)))
        return _LINK_TARGET.sub("]", f"{self.title}: {above} {self.shown}".strip())

    @cached_property
    def terms(self) -> frozenset[str]:
        """Its own terms."""
        return frozenset(terms(_LINK_TARGET.sub("]", self.shown)))

    @cached_property
    def lead_terms(self) -> frozenset[str]:
        """The terms of what is quoted with it: its leads, a row's header."""
        return frozenset(terms(self.header)).union(*(lead.terms for lead in self.leads))

    @cached_property
    def context_terms(self) -> frozenset[str]:
        """The terms of the headings above it, of the sentence before it and of a row's header."""
        return frozenset(terms(f"{self.context} {self.before} {self.header}"))

    def is_sibling_of(self, other: "Unit") -> bool:
        """Whether both stand under the same line of a list."""
        return (
            bool(self.leads and other.leads)
            and self.leads[-1].document_start == other.leads[-1].document_start
            and self.document_id == other.document_id
        )

    def overlaps(self, other: "Unit") -> bool:
        """Whether both quote the same place of a document."""
        if self.document_id != other.document_id:
            return False
        first, second = sorted((self, other), key=lambda unit: unit.document_start)
        return second.document_start < first.document_start + len(first.text)

    def add_mark(self, hit: int) -> None:
        """Lets it carry the mark of another hit that says the same."""
        if hit not in (self.hit, *self.also):
            self.also += (hit,)

    def with_marks(self) -> str:
        """What an answer quotes, followed by its marks; a row below its header, the marks below the table.

        A table has no other place for them: Markdown drops what follows a row's last bar, and takes a line
        right below a row for one more row.
        """
        marks = f"[{', '.join(str(hit + 1) for hit in (self.hit, *self.also))}]"
        if not self.is_row:
            return f"{self.shown} {marks}"
        return f"{with_header(self.shown, self.header)}\n\n{marks}"


def units_of(hit: Hit, place: int) -> list[Unit]:
    """The quotable units of a hit in reading order; headings, captions and questions only give context.

    HTML comments are not for readers, so nothing of them is quoted.
    """
    unseen = [match.span() for match in _COMMENT.finditer(hit.text)]
    spans = _whole_sentences(hit.text)
    leads = leads_of(hit.text, spans)
    lead_units = {
        lead: Unit(hit, place, spans[lead])
        for lead in {lead for each in leads for lead in each}
        if _is_quotable(hit.text, spans[lead], unseen)
    }
    headers = headers_of(hit, spans)
    found: list[Unit] = []
    heading = caption = before = ""
    fenced = False
    for index, (start, end) in enumerate(spans):
        text = hit.text[start:end]
        if _FENCE.match(text):
            fenced = not fenced
            continue
        if _HEADING.match(text):
            heading, before = text, ""
            continue
        if headers[index] is None:
            continue
        caption = caption if text.startswith("|") else ""
        if heads_table(hit.text, spans, index):
            caption = before = text
            continue
        unit = Unit(hit, place, _with_items(hit.text, spans, leads, index))
        unit.leads = tuple(lead_units[lead] for lead in leads[index] if lead in lead_units)
        unit.context = f"{unit.context} {heading} {caption}"
        unit.before, unit.header = before, _FOOTNOTE.sub("", headers[index] or "")
        before = text
        page_number = not (unit.is_row or unit.leads or any(character.isalpha() for character in text))
        if not (page_number or _ASKS.search(text)) and _is_quotable(hit.text, (unit.start, unit.end), unseen):
            found.append(unit)
    return found


def _is_quotable(text: str, span: tuple[int, int], unseen: list[tuple[int, int]]) -> bool:
    """Whether it has a word, and no part of it is hidden from readers."""
    start, end = span
    seen = not any(start < last and first < end for first, last in unseen)
    return seen and any(character.isalnum() for character in text[start:end])


def _whole_sentences(text: str) -> list[tuple[int, int]]:
    """The sentences, where one that goes on in lower case on the next line is one."""
    spans: list[tuple[int, int]] = []
    for start, end in sentences(text):
        goes_on = text[start].islower() and not KEY.match(text, start, end)
        if spans and goes_on and _may_go_on(text[slice(*spans[-1])], text[spans[-1][1] : start]):
            spans[-1] = spans[-1][0], end
        else:
            spans.append((start, end))
    return spans


def _may_go_on(before: str, between: str) -> bool:
    return between.count("\n") == 1 and not (_ENDS.search(before) or _HEADING.match(before))


def _with_items(
    text: str, spans: list[tuple[int, int]], leads: list[tuple[int, ...]], index: int
) -> tuple[int, int]:
    """The span of a sentence; if it ends with a colon, its list too, as far as that is short."""
    start, end = spans[index]
    if not leads_on(text[start:end]):
        return start, end
    last, count = end, 0
    for place in range(index + 1, len(spans)):
        item_start, item_end = spans[place]
        if index not in leads[place]:
            break
        count += ITEM.match(text, item_start, item_end) is not None
        if count > _MOST_ITEMS or item_end - start > _LONGEST_LIST:
            break
        last = item_end
    return start, last
