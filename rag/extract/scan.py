"""Pictures, and pages that are nothing but pictures -> their text."""

import re
from collections.abc import Iterator
from math import sqrt
from typing import Any

from rag.errors import Unreadable
from rag.extract import ocr
from rag.extract.limits import Limits
from rag.extract.mupdf import load_pymupdf
from rag.extract.streamed import CutShort, Streamed
from rag.passages import Page

# A page of A3 at the usual resolution; what is larger is made smaller, for time and memory.
_MOST_PIXELS = 12_000_000
_POINTS_PER_INCH = 72
_GOES_ON = 0.7
# Chinese and Japanese have no spaces; Korean has.
_WIDE = r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]"
_GAP = re.compile(rf"(?<={_WIDE}) +(?={_WIDE})")
_LETTERS = 0.75
_NO_READER = (
    "The file is a picture; install tesseract-ocr on the server to read it, or add a document instead."
)
_BROKEN = "The picture can't be opened; save it as PNG, JPEG or TIFF and add that."
_TOO_LONG = (
    "Recognising text took longer than is allowed: {} of {} pictures are missing or cut off; "
    "split the file into smaller ones."
)
_NO_TEXT = "No text was recognised in the picture; add a sharper one, or a document instead."


def read_picture(data: bytes, media_type: str, limits: Limits) -> Streamed:
    """The text of the picture; of each of its pages, where it has several.

    Raises: Unreadable when it can't be opened, shows no text, or nothing is installed to recognise it.
    """
    if not ocr.languages():
        raise Unreadable(_NO_READER)
    return Streamed(_pages(data, media_type, limits), media_type)


def _pages(data: bytes, media_type: str, limits: Limits) -> Iterator[Page]:
    scans, is_empty = Scans(limits), True
    pymupdf = load_pymupdf()
    try:
        with pymupdf.open(stream=data, filetype=media_type.partition("/")[2]) as document:
            for number, page in enumerate(document, 1):
                text = scans.text_of(page)
                is_empty = is_empty and not text
                yield Page(text, number if document.page_count > 1 else None)
    except (RuntimeError, ValueError, pymupdf.mupdf.FzErrorBase) as error:
        raise Unreadable(_BROKEN) from error
    scans.check()
    if is_empty:
        raise Unreadable(_NO_TEXT)


class Scans:
    """Recognises the pages of one document; the languages are loaded with the first that needs them."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._recogniser: ocr.Recogniser | None = None
        self._pictures = self._unfinished = 0

    def check(self) -> None:
        """Nothing, when all pictures were recognised to their ends.

        Raises: CutShort when the time did not suffice.
        """
        if self._unfinished:
            raise CutShort(_TOO_LONG.format(self._unfinished, self._pictures))

    def text_of(self, page: Any) -> str:
        """The text of a page that is a picture or shows some; nothing when none is recognised."""
        is_picture = not page.parent.is_pdf or page.get_images()
        if not is_picture or not ocr.languages():
            return ""
        if self._recogniser is None:
            self._recogniser = ocr.Recogniser(self._limits)
        found = self._recogniser.recognise(_picture(page))
        self._pictures += 1
        self._unfinished += not found.is_whole
        return "\n\n".join(map(_joined, found.text.split("\n\n")))


def _picture(page: Any) -> Any:
    """The page in grey, at the usual resolution or as large as is allowed."""
    pymupdf = load_pymupdf()
    area = max(page.rect.width * page.rect.height, 1.0)
    zoom = min(ocr.DOTS_PER_INCH / _POINTS_PER_INCH, sqrt(_MOST_PIXELS / area))
    return page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), colorspace=pymupdf.csGRAY, alpha=False)


def _joined(paragraph: str) -> str:
    """The lines as running text where they are that; short lines and those of figures stay as they are."""
    lines = [" ".join(line.split()) for line in paragraph.split("\n") if line.strip()]
    longest = max(map(len, lines), default=0)
    text = ""
    for line, following in zip(lines, [*lines[1:], ""], strict=False):
        letters = sum(map(str.isalpha, line)) / max(1, len(line.replace(" ", "")))
        goes_on = bool(following) and len(line) >= _GOES_ON * longest and letters >= _LETTERS
        if goes_on and line.endswith("-") and following[:1].islower():
            text += line[:-1]
        else:
            text += line + (" " if goes_on else "\n")
    return _GAP.sub("", text).strip()
