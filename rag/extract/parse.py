"""One file's bytes -> its pages, by the reader of its type; runs inside the jail."""

import io
from collections.abc import Callable

from rag.errors import Unreadable
from rag.extract import media, ocr
from rag.extract.docx import read_docx
from rag.extract.epub import read_epub
from rag.extract.html import read_html
from rag.extract.limits import Limits
from rag.extract.mail import read_mail
from rag.extract.mupdf import load_pymupdf
from rag.extract.opendocument import read_opendocument
from rag.extract.pdf import read_pdf
from rag.extract.pptx import read_pptx
from rag.extract.rtf import read_rtf
from rag.extract.scan import read_picture
from rag.extract.sheet import read_csv, read_xlsx
from rag.extract.streamed import Streamed, within_limits
from rag.extract.text import read_code, read_json, read_markdown, read_plain
from rag.passages import Extracted

_TITLE_CHARS = 300

_LIMITED: dict[str, Callable[[bytes, str, Limits], Extracted | Streamed]] = {
    media.PDF: read_pdf,
    media.DOCX: read_docx,
    media.PPTX: read_pptx,
    media.XLSX: read_xlsx,
    media.EPUB: read_epub,
    **dict.fromkeys(media.PICTURES, read_picture),
    **dict.fromkeys((media.ODT, media.ODS, media.ODP), read_opendocument),
}
_SIMPLE: dict[str, Callable[[bytes, str], Extracted]] = {
    media.HTML: read_html,
    media.MARKDOWN: read_markdown,
    media.PLAIN: read_plain,
    media.JSON: read_json,
    media.JSON_LINES: read_json,
    media.CODE: read_code,
    media.MAIL: read_mail,
    media.RTF: read_rtf,
    media.CSV: read_csv,
    media.TSV: read_csv,
}


def parse(data: bytes, name: str, limits: Limits) -> Streamed:
    """The pages of a file, to be gone through once.

    Raises: Unreadable when the type is not read, or the file is broken or protected; also while its pages
    are gone through, then for length and emptiness too.
    """
    kind = media.media_type(io.BytesIO(data), name)
    if kind in media.REFUSED:
        raise Unreadable(media.REFUSED[kind])
    found = _LIMITED[kind](data, kind, limits) if kind in _LIMITED else _SIMPLE[kind](data, kind)
    return Streamed(within_limits(found.pages, limits), found.media_type, _clipped(found.title))


def _clipped(title: str | None) -> str | None:
    """The title, a long one cut between words where there are any near its end."""
    if title is None or len(title) <= _TITLE_CHARS:
        return title
    words = title[: _TITLE_CHARS + 1].rpartition(" ")[0]
    return (words if len(words) > _TITLE_CHARS // 2 else title[:_TITLE_CHARS]).rstrip()


def preload() -> None:
    """Loads what the readers load late, so that every document finds it in memory."""
    load_pymupdf()
    ocr.languages()
