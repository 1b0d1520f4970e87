"""A document's text to chunks: by its structure, within what one vector can hold."""

import re
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import groupby

from msgspec import Struct

from rag.embed import Embedder
from rag.lexicon import fold, sentences
from rag.passages import Chunk, DocumentText, Span

_TARGET_TOKENS = 160  # README, "Figures": measured against 60, 110, 200 and the whole limit
_CHARS_PER_TOKEN = 8  # text that the tokenizer swallows in huge tokens still has to be cut
_PIECE_CHARS = 2_000
_COUNT_UNITS = 1_000
_HEADER_CHARS = 200
_COLUMNS_CHARS = 400  # of a table, all names together
_STRETCH_LIMITS = 4  # how many limits of text lie between two landmarks at the least
_LANDMARK_EVERY = 32

_LINE = re.compile(r"[^\n]*\n|[^\n]+\Z")
_HEADING = re.compile(r"(#{1,6})[ \t]+(\S.*?)[ \t#]*$")
_MARKUP = re.compile(r"!?\[([^\]\n]{0,300})\]\([^)\s]{0,500}\)|[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}")
_LIST_ITEM = re.compile(r"[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+\S")


class _Block(Struct):
    kind: str
    start: int
    end: int


class _Unit(Struct):
    """What is never cut: a sentence, a table row, a line of code, or a piece of one too long by itself."""

    start: int
    end: int
    tokens: int
    opens_block: bool
    header: str | None = None


class _Section(Struct):
    """Units under one heading on one page."""

    path: tuple[str, ...]
    page: int | None
    units: list[_Unit]

    def path_of(self, first: _Unit) -> tuple[str, ...]:
        """The heading path of a chunk that starts with the unit: a table's later part names its columns."""
        return self.path if first.header is None else (*self.path, first.header)


def split(document: DocumentText, embedder: Embedder) -> tuple[Chunk, ...]:
    """The document's chunks in reading order; together they hold all of its text but white space.

    Each one fits the embedder together with its headline.
    """
    sections = list(_sections(document))
    _count_tokens([unit for section in sections for unit in section.units], document.text, embedder)
    chunks: list[Chunk] = []
    for section in sections:
        limit = embedder.max_tokens - _headline_tokens(document.title, section, embedder)
        for units in _packed(_within(section.units, limit, document.text, embedder), limit, document.text):
            for start, end in _verified(units, limit, document.text, embedder):
                path = section.path_of(units[0])
                text = document.text[start:end]
                chunks.append(Chunk(len(chunks), start, end, text, section.page, path))
    return tuple(chunks)


def headed(head: str, text: str) -> str:
    """The text with what stands above it, as it is embedded and counted."""
    return f"{head}\n{text}" if head else text


def headline(title: str, heading_path: Sequence[str], embedder: Embedder) -> str:
    """Title and headings as a chunk's vector has them before its text; at most a quarter of the limit."""
    parts: list[str] = []
    for part in (title.replace("_", " "), *heading_path):
        if part.strip() and fold(part) not in map(fold, parts):
            parts.append(part.strip())
    text = " > ".join(parts)[:_PIECE_CHARS]
    offsets = embedder.token_offsets(text)
    budget = embedder.max_tokens // 4
    return text if len(offsets) <= budget else text[: offsets[budget][0]].rstrip()


def _headline_tokens(title: str, section: _Section, embedder: Embedder) -> int:
    paths = {section.path_of(unit) for unit in section.units}
    return max(embedder.count_tokens([headline(title, path, embedder) for path in paths])) + 1


def _sections(document: DocumentText) -> Iterator[_Section]:
    """Sections in reading order; a heading without text of its own goes with the text that follows."""
    path: list[tuple[int, str]] = []
    pending: list[_Unit] = []
    for span in document.spans or (Span(0, len(document.text)),):
        label = (span.label,) if span.label else ()
        current: _Section | None = None
        for block in _blocks(document.text, span.start, span.end):
            units = list(_units(document.text, block))
            if block.kind == "heading":
                _enter(path, document.text[block.start : block.end])
                pending += _attached(pending, units)
                current = None
                continue
            if current is None:
                names = label + tuple(name for _, name in path if name not in label)
                current = _Section(names, span.number, pending)
                units, pending = _attached(pending, units), []
                yield current
            current.units += units
    if pending:
        yield _Section(tuple(name for _, name in path), _page_at(document.spans, pending[0].start), pending)


def _attached(before: list[_Unit], units: list[_Unit]) -> list[_Unit]:
    """The units as one block with the headings before them, if there are any."""
    if before and units:
        units[0].opens_block = False
    return units


def _page_at(spans: Sequence[Span], start: int) -> int | None:
    place = bisect_right([span.start for span in spans], start) - 1
    return spans[place].number if place >= 0 else None


def _enter(path: list[tuple[int, str]], line: str) -> None:
    match = _HEADING.match(line.strip())
    if match is None:
        return
    level = len(match.group(1))
    while path and path[-1][0] >= level:
        path.pop()
    path.append((level, _MARKUP.sub(r"\1", match.group(2))[:_HEADER_CHARS].strip()))


def _blocks(text: str, start: int, end: int) -> Iterator[_Block]:
    lines = ((kind, match.start(), match.end()) for kind, match in _kinds(text, start, end))
    for kind, run in groupby(lines, key=lambda line: line[0]):
        if kind == "heading":
            yield from (_Block(kind, line_start, line_end) for _, line_start, line_end in run)
        elif kind != "blank":
            members = list(run)
            yield _Block(kind, members[0][1], members[-1][2])


def _kinds(text: str, start: int, end: int) -> Iterator[tuple[str, re.Match[str]]]:
    fenced = False
    previous = "blank"
    for match in _LINE.finditer(text, start, end):
        line = text[match.start() : min(match.end(), match.start() + 400)]
        if line.lstrip().startswith("```"):
            fenced, previous = not fenced, "code"
        elif fenced:
            previous = "code"
        else:
            previous = _kind_of(line, previous)
        yield previous, match


def _kind_of(line: str, previous: str) -> str:
    stripped = line.strip()
    if not stripped:
        return "blank"
    if _HEADING.match(stripped):
        return "heading"
    if stripped.startswith("|"):
        return "table"
    if _LIST_ITEM.match(line) or (previous == "list" and line[0] in " \t"):
        return "list"
    return "paragraph"


def _units(text: str, block: _Block) -> Iterator[_Unit]:
    body = text[block.start : block.end]
    if block.kind in ("table", "code", "heading"):
        places = [
            _trimmed(text, block.start + m.start(), block.start + m.end()) for m in _LINE.finditer(body)
        ]
    else:
        places = [(block.start + start, block.start + end) for start, end in sentences(body)]
    places = [place for place in places if place[0] < place[1]]
    header = _header(text, places) if block.kind == "table" else None
    for number, (start, end) in enumerate(places):
        inside = header if number else None
        for piece_start, piece_end in _pieces(text, start, end):
            yield _Unit(piece_start, piece_end, 0, number == 0 and piece_start == start, inside)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    line = text[start:end]
    return start + len(line) - len(line.lstrip()), start + len(line.rstrip())


def _header(text: str, places: Sequence[tuple[int, int]]) -> str | None:
    """The names of all columns, of long ones the beginning, because a later part tells its cells by them."""
    if len(places) < 2:
        return None
    row = text[slice(*places[0])].strip()
    cells = [cell.strip() for cell in row.removeprefix("|").removesuffix("|").split("|")]
    if len(row) > _COLUMNS_CHARS:
        cells = [cell[: _COLUMNS_CHARS // len(cells)].strip() for cell in cells]
    return " | ".join(cells) if any(cells) else None


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while end - start > _PIECE_CHARS:
        cut = _last_space(text, start, start + _PIECE_CHARS)
        yield _trimmed(text, start, cut)
        start = cut
    start, end = _trimmed(text, start, end)
    if start < end:
        yield start, end


def _last_space(text: str, start: int, end: int) -> int:
    for place in range(end, start + (end - start) // 2, -1):
        if text[place - 1].isspace():
            return place
    return end


def _count_tokens(units: list[_Unit], text: str, embedder: Embedder) -> None:
    for first in range(0, len(units), _COUNT_UNITS):
        some = units[first : first + _COUNT_UNITS]
        counts = embedder.count_tokens([text[unit.start : unit.end] for unit in some])
        for unit, count in zip(some, counts, strict=True):
            unit.tokens = max(1, count, (unit.end - unit.start) // _CHARS_PER_TOKEN)


def _within(units: list[_Unit], limit: int, text: str, embedder: Embedder) -> list[_Unit]:
    """The units, those over the limit cut between tokens."""
    fitting: list[_Unit] = []
    for unit in units:
        if unit.tokens <= limit:
            fitting.append(unit)
            continue
        parts = [
            _Unit(start, end, 0, False, unit.header)
            for start, end in _token_runs(text, unit.start, unit.end, limit, embedder)
        ]
        _count_tokens(parts, text, embedder)
        fitting += parts
    return fitting


def _token_runs(text: str, start: int, end: int, limit: int, embedder: Embedder) -> Iterator[tuple[int, int]]:
    """Cuts by tokens, and by characters where a token is huge."""
    starts = [start + offset for offset, _ in embedder.token_offsets(text[start:end])]
    cut = start
    while cut < end:
        place = bisect_right(starts, cut) - 1 + limit
        following = starts[place] if 0 <= place < len(starts) else end
        following = min(following, cut + limit * _CHARS_PER_TOKEN, end)
        following = following if following > cut else min(cut + limit, end)
        trimmed = _trimmed(text, cut, following)
        if trimmed[0] < trimmed[1]:
            yield trimmed
        cut = following


def _packed(units: list[_Unit], limit: int, text: str) -> Iterator[list[_Unit]]:
    """Runs of units: small blocks together, a block that fits is never cut, a larger one evenly."""
    for stretch in _stretches(list(_by_block(units)), limit, text):
        yield from _packed_blocks(stretch, limit, text)


def _packed_blocks(blocks: list[list[_Unit]], limit: int, text: str) -> Iterator[list[_Unit]]:
    run: list[_Unit] = []
    size = 0
    for block in blocks:
        tokens = sum(unit.tokens for unit in block)
        if run and size + tokens > min(limit, _TARGET_TOKENS):
            yield run
            run, size = [], 0
        parts = [
            part
            for stretch in _stretches([[unit] for unit in block], limit, text)
            for part in _evenly([unit for [unit] in stretch], limit)
        ]
        yield from parts[:-1]
        run = run + parts[-1]
        size += sum(unit.tokens for unit in parts[-1])
    if run:
        yield run


def _by_block(units: list[_Unit]) -> Iterator[list[_Unit]]:
    block: list[_Unit] = []
    for unit in units:
        if block and unit.opens_block:
            yield block
            block = []
        block.append(unit)
    if block:
        yield block


def _stretches(pieces: list[list[_Unit]], limit: int, text: str) -> Iterator[list[list[_Unit]]]:
    """The pieces in stretches that begin at landmarks: pieces that their own text makes such.

    Where a chunk ends depends on all that came before it. Landmarks do not, so that after a changed line the
    chunks are soon the same again. Source: content-defined chunking, Muthitacharoen et al., A Low-bandwidth
    Network File System (SOSP 2001), section 3.1.
    """
    stretch: list[list[_Unit]] = []
    size = 0
    for piece in pieces:
        if size >= _STRETCH_LIMITS * limit and _is_landmark(text[piece[0].start : piece[0].end]):
            yield stretch
            stretch, size = [], 0
        stretch.append(piece)
        size += sum(unit.tokens for unit in piece)
    if stretch:
        yield stretch


def _is_landmark(text: str) -> bool:
    return zlib.crc32(text.encode()) % _LANDMARK_EVERY == 0


def _evenly(units: list[_Unit], limit: int) -> Iterator[list[_Unit]]:
    tokens = sum(unit.tokens for unit in units)
    goal = tokens / -(-tokens // limit)
    run: list[_Unit] = []
    size = 0
    for unit in units:
        if run and (size + unit.tokens > limit or size + unit.tokens / 2 > goal):
            yield run
            run, size = [], 0
        run.append(unit)
        size += unit.tokens
    yield run


def _verified(units: list[_Unit], limit: int, text: str, embedder: Embedder) -> Iterator[tuple[int, int]]:
    """The run's place in the text; halved while the whole has more tokens than its parts had."""
    start, end = units[0].start, units[-1].end
    if end - start <= 1 or embedder.count_tokens([text[start:end]])[0] <= limit:
        yield start, end
    elif len(units) > 1:
        yield from _verified(units[: len(units) // 2], limit, text, embedder)
        yield from _verified(units[len(units) // 2 :], limit, text, embedder)
    else:
        middle = _last_space(text, start, (start + end + 1) // 2)
        for half in (_trimmed(text, start, middle), _trimmed(text, middle, end)):
            if half[0] < half[1]:
                yield from _verified([_Unit(*half, 0, False)], limit, text, embedder)
