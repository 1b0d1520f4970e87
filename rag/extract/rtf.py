"""RTF -> one page of Markdown: paragraphs, headings by outline level, tables."""

import re
from collections.abc import Iterator
from itertools import groupby

from striprtf.striprtf import rtf_to_text

from rag.errors import Unreadable
from rag.extract.encoding import clean
from rag.extract.tables import table_text
from rag.passages import Extracted, Page

_TITLE = re.compile(r"\{\\title ([^{}]{1,500})\}")
_OUTLINE = re.compile(r"\\outlinelevel([0-8])(?!\d)[ ]?")
# A character for private use stands before a heading until the text is there.
_MARK = 0xE000
_MARKS = re.compile("[\ue000-\ue008]")
_DAMAGED = "The RTF file is damaged; open and save it again in its program, then add it anew."


def read_rtf(data: bytes, media_type: str) -> Extracted:
    """The text; the title from the document's properties.

    Raises: Unreadable when it is damaged.
    """
    source = data.decode("latin-1")
    marked = _OUTLINE.sub(lambda level: f"{level.group()}\\u{_MARK + int(level.group(1))}?", source)
    title = _TITLE.search(source)
    try:
        text = _text(marked)
        name = _text(f"{{\\rtf1 {title.group(1)}}}") if title else ""
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise Unreadable(_DAMAGED) from error
    return Extracted((Page("\n\n".join(_blocks(clean(text)))),), media_type, name.strip() or None)


def _text(source: str) -> str:
    return str(rtf_to_text(source, errors="replace"))  # type: ignore[no-untyped-call]


def _blocks(text: str) -> Iterator[str]:
    """Paragraphs, and tables of the lines that end with the bar after each cell."""
    for is_row, run in groupby(text.split("\n"), key=lambda line: line.rstrip().endswith("|")):
        lines = [_headed(line.rstrip()) for line in run]
        if is_row:
            yield table_text([line.split("|")[:-1] for line in lines])
        else:
            yield from (line for line in lines if line)


def _headed(line: str) -> str:
    mark = _MARKS.search(line)
    words = _MARKS.sub("", line)
    return (
        f"{'#' * min(ord(mark.group()) - _MARK + 1, 6)} {words.strip()}" if mark and words.strip() else words
    )
