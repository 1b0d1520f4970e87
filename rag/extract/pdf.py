"""PDF -> numbered pages of Markdown: paragraphs in reading order, headings by size, ruled tables as rows."""

import re
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from typing import Any

from msgspec import Struct

from rag.errors import Unreadable
from rag.extract import ocr
from rag.extract.encoding import clean
from rag.extract.limits import Limits
from rag.extract.media import PROTECTED, REFUSED
from rag.extract.mupdf import load_pymupdf
from rag.extract.scan import Scans
from rag.extract.streamed import Streamed
from rag.extract.tables import table_text, unstacked
from rag.passages import Page

_DAMAGED = "The PDF is damaged; open it, print it to a new PDF and add that."
_NO_TEXT = "The PDF holds no text; check that the right file was chosen."
_SCANNED = (
    "The PDF is a scan without a text layer; install tesseract-ocr on the server to read it, "
    "or run text recognition (OCR) on it and add the result."
)
_ILLEGIBLE = (
    "The PDF is a scan in which no text was recognised; scan it anew, larger and sharper, and add it."
)
_UNMAPPED = (
    "The PDF's fonts don't say which letters they show; print it to a new PDF or run text recognition (OCR)."
)

_SAMPLE_PAGES = 40
_HEADING_CHARS = 160
_MIN_DRAWINGS = 4
# Looking for tables costs far more than the text; a very long document goes on without.
_TABLE_BUDGET_S = 30.0
_BOLD = 16
_LIST_MARK = re.compile(r"\s*(?:[-–—•‣▪●○◦*·]|\(?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,4})[.)])\s")
_WIDE = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")
_LIGATURE = re.compile(r"[\ufb00-\ufb4f\ufe70-\ufefc]")
_MEANINGLESS_TITLE = re.compile(r"^(?:microsoft \w+ - .*|untitled.*|.*\.\w{2,4}|[\W\d_]*)$", re.I)

Box = tuple[float, float, float, float]


class _Line(Struct):
    text: str
    box: Box
    size: float
    is_bold: bool


class _Table(Struct):
    box: Box
    text: str
    is_written: bool = False


def read_pdf(data: bytes, media_type: str, limits: Limits) -> Streamed:
    """The pages in order, empty ones included; the title from the properties where it means something.

    Raises: Unreadable when the file is damaged or wants a password; on the way, when it holds no text.
    """
    with _readable(), _opened(data) as document:
        title = _title(document.metadata or {})
    return Streamed(_pages(data, limits), media_type, title)


def _pages(data: bytes, limits: Limits) -> Iterator[Page]:
    with _readable(), _opened(data) as document:
        for number, text in enumerate(_texts(document, limits), 1):
            yield Page(text, number)


@contextmanager
def _readable() -> Iterator[None]:
    """Turns what the library raises for a broken file into the reason for a person."""
    try:
        yield
    except (RuntimeError, ValueError, load_pymupdf().mupdf.FzErrorBase) as error:
        raise Unreadable(_DAMAGED) from error


@contextmanager
def _opened(data: bytes) -> Iterator[Any]:
    with load_pymupdf().open(stream=data, filetype="pdf") as document:
        if document.needs_pass:
            raise Unreadable(REFUSED[PROTECTED])
        yield document


def _texts(document: Any, limits: Limits) -> Iterator[str]:
    """The text of each page; refused at the end when there was none, or none that can be read."""
    total = unmapped = 0
    scans = Scans(limits)
    for text in _Reader(document, scans).texts():
        total += len(text)
        unmapped += text.count("\ufffd")
        yield text
    if not document.page_count:
        raise Unreadable(_DAMAGED)
    scans.check()
    if not total:
        scanned = _ILLEGIBLE if ocr.languages() else _SCANNED
        raise Unreadable(scanned if _shows_pictures(document) else _NO_TEXT)
    if unmapped > total // 2:
        raise Unreadable(_UNMAPPED)


def _shows_pictures(document: Any) -> bool:
    return any(document[number].get_images() for number in range(min(document.page_count, _SAMPLE_PAGES)))


def _title(metadata: dict[str, str | None]) -> str | None:
    title = clean(metadata.get("title") or "").strip()
    return None if _MEANINGLESS_TITLE.match(title) else title


class _Reader:
    """Reads the pages of one document; text outside of tables costs one pass."""

    def __init__(self, document: Any, scans: Scans) -> None:
        pymupdf = load_pymupdf()
        self._document = document
        self._scans = scans
        self._flags = (
            pymupdf.TEXT_PRESERVE_WHITESPACE
            | pymupdf.TEXT_MEDIABOX_CLIP
            | pymupdf.TEXT_CID_FOR_UNKNOWN_UNICODE
            # Ligatures are spelled out afterwards, in reading order.
            | pymupdf.TEXT_PRESERVE_LIGATURES
        )
        self._body_size, self._is_body_bold = self._usual_type()
        self._tables_left_s = _TABLE_BUDGET_S

    def texts(self) -> Iterator[str]:
        for page in self._document:
            text = _LIGATURE.sub(_spelled_out, clean(self._page_text(page))).strip()
            yield text or self._scans.text_of(page)

    def _usual_type(self) -> tuple[float, bool]:
        """The size and weight that most characters have, in a sample of pages."""
        count = self._document.page_count
        types: Counter[tuple[float, bool]] = Counter()
        for number in range(0, count, max(1, count // _SAMPLE_PAGES)):
            for line in self._lines(self._document[number]):
                types[line.size, line.is_bold] += len(line.text)
        return types.most_common(1)[0][0] if types else (0.0, False)

    def _lines(self, page: Any) -> Iterator[_Line]:
        for block in self._blocks(page):
            yield from block

    def _blocks(self, page: Any) -> Iterator[list[_Line]]:
        """The lines of each paragraph; wide leading makes the library see one in every line."""
        open_block: list[_Line] = []
        for block in page.get_text("dict", flags=self._flags)["blocks"]:
            lines = [line for line in map(_line, block.get("lines", ())) if line.text.strip()]
            if lines and open_block and _goes_on(open_block, lines[0]):
                open_block += lines
            elif lines:
                yield open_block
                open_block = lines
        yield open_block

    def _page_text(self, page: Any) -> str:
        tables = self._tables(page)
        parts: list[str] = []
        for block in self._blocks(page):
            free = []
            for line in block:
                table = next((table for table in tables if _is_inside(line.box, table.box)), None)
                if table is None:
                    free.append(line)
                elif not table.is_written:
                    parts += [*self._paragraphs(free), table.text]
                    free = []
                    table.is_written = True
            parts += self._paragraphs(free)
        return "\n\n".join(_without_false_headings([part for part in parts if part]))

    def _paragraphs(self, lines: list[_Line]) -> Iterator[str]:
        """The lines of one block as headings and paragraphs."""
        start = 0
        for end in range(1, len(lines) + 1):
            level = self._level(lines[start])
            if end < len(lines) and self._level(lines[end]) == level:
                continue
            text = _joined(lines[start:end])
            yield f"{'#' * level} {' '.join(text.split())}" if level and _is_heading(text) else text
            start = end

    def _level(self, line: _Line) -> int:
        """1 to 3 for a line that is set larger than the body, 0 for the body."""
        ratio = line.size / self._body_size if self._body_size else 1.0
        if ratio >= 1.7:
            return 1
        if ratio >= 1.35:
            return 2
        return 3 if ratio >= 1.15 or (ratio >= 0.98 and line.is_bold and not self._is_body_bold) else 0

    def _tables(self, page: Any) -> list[_Table]:
        if self._tables_left_s <= 0 or len(page.get_cdrawings()) < _MIN_DRAWINGS:
            return []
        start = time.monotonic()
        words = page.get_text("words", flags=self._flags)
        found = [_table(raw, words) for raw in page.find_tables(use_layout=False).tables]
        self._tables_left_s -= time.monotonic() - start
        return [table for table in found if table is not None]


def _is_heading(text: str) -> bool:
    ends_a_sentence = text[-1:] in ".,;:。，；：、" and not text[:1].isdecimal()
    return len(text) <= _HEADING_CHARS and any(map(str.isalpha, text)) and not ends_a_sentence


def _without_false_headings(parts: list[str]) -> list[str]:
    """The parts, with rows of three and more headings as what they are: text in a larger size."""
    levels = [len(part) - len(part.lstrip("#")) if part.startswith("#") else 0 for part in parts]
    kept: list[str] = []
    for level, run in groupby(zip(levels, parts, strict=True), key=itemgetter(0)):
        texts = [part for _, part in run]
        kept += [text.lstrip("# ") for text in texts] if level and len(texts) > 2 else texts
    return kept


def _goes_on(block: list[_Line], line: _Line) -> bool:
    """Whether `line` carries on the paragraph that `block` left open in the middle of a sentence."""
    last = block[-1]
    gap = line.box[1] - last.box[3]
    is_full = last.box[2] >= max(line.box[2], *(other.box[2] for other in block)) - 2 * last.size
    is_same = last.size == line.size and last.is_bold == line.is_bold
    is_below = (
        -0.5 * last.size <= gap <= 1.3 * last.size and abs(block[0].box[0] - line.box[0]) <= 3 * last.size
    )
    is_open = last.text.strip()[-1:] not in ".!?:;。！？：；"
    return bool(is_same and is_below and is_full and is_open and not _LIST_MARK.match(line.text))


def _line(raw: dict[str, Any]) -> _Line:
    spans = raw["spans"]
    longest = max(spans, key=lambda span: len(span["text"]))
    text = "".join(span["text"] for span in spans)
    is_bold = all(span["flags"] & _BOLD for span in spans if span["text"].strip())
    return _Line(text, raw["bbox"], round(longest["size"] * 2) / 2, is_bold)


def _table(raw: Any, words: list[Any]) -> _Table | None:
    """The table's rows, when they hold what the page shows there and look like a table of data."""
    box = tuple(raw.bbox)
    inside = [word for word in words if _is_inside(word, box)]
    rows = [row for stack in raw.rows for row in unstacked([_cell(cell, inside) for cell in stack.cells])]
    cells = [cell for row in rows for cell in row]
    filled = sum(1 for cell in cells if cell)
    is_data = len(rows) > 1 and raw.col_count > 1 and filled >= max(4, 0.3 * len(cells))
    if not is_data or sum(map(_weight, cells)) < 0.95 * sum(_weight(word[4]) for word in inside):
        return None
    return _Table(box, table_text(rows))


def _cell(box: Box | None, words: list[Any]) -> list[str]:
    """The lines of words in a cell, none where there is no cell."""
    lines: list[list[Any]] = []
    for word in (word for word in words if box and _is_inside(word, box)):
        if lines and word[1] < (lines[-1][0][1] + lines[-1][0][3]) / 2:
            lines[-1].append(word)
        else:
            lines.append([word])
    return [" ".join(word[4] for word in line) for line in lines]


def _spelled_out(ligature: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", ligature.group())


def _weight(text: str) -> int:
    return sum(1 for character in text if not character.isspace())


def _is_inside(box: Any, outer: Box) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return bool(outer[0] <= x <= outer[2] and outer[1] <= y <= outer[3])


def _joined(lines: list[_Line]) -> str:
    """The lines as running text; a list item, and what follows a line that ends early, begin anew."""
    left = min((line.box[0] for line in lines), default=0.0)
    right = max((line.box[2] for line in lines), default=0.0)
    text = ""
    for before, line in zip([None, *lines], lines, strict=False):
        words = line.text.strip()
        if before is None:
            text = words
        elif _is_beside(before.box, line.box):
            text += " " + words
        else:
            text = _continued(text, words, ends_early=before.box[2] < right - 0.25 * (right - left))
    return text


def _is_beside(before: Box, box: Box) -> bool:
    """Whether two pieces stand on the same visual line."""
    return min(before[3], box[3]) - max(before[1], box[1]) > 0.5 * min(before[3] - before[1], box[3] - box[1])


def _continued(text: str, words: str, *, ends_early: bool) -> str:
    last, first = text[-1:], words[:1]
    if last in ("-", "\u00ad") and text[-2:-1].islower() and first.islower():
        return text[:-1] + words
    if ends_early or _LIST_MARK.match(words):
        return f"{text}\n{words}"
    return text + ("" if _WIDE.match(last) and _WIDE.match(first) else " ") + words
