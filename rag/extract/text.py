"""Markdown, plain text and source code -> one page, verbatim without front matter and template marks."""

import re

from rag.extract.encoding import decode
from rag.passages import Extracted, Page

_FRONT_MATTER = re.compile(r"\A\s*---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S)
_TITLE = re.compile(r"^title:[ \t]*(.+?)[ \t]*$", re.M | re.I)
_HEADING = re.compile(r"^#[ \t]+(.+?)[ \t#]*$", re.M)
_FENCE = re.compile(r"^(?:```|~~~).*?^(?:```|~~~)[ \t]*$|`[^`\n]+`", re.S | re.M)
_COMMENT_BLOCK = re.compile(r"\{%-?\s*comment\b.*?%\}.*?\{%-?\s*endcomment\s*-?%\}", re.S)
# A mark alone on its line, and a mark inside a line: the second may carry words that the sentence needs.
_MARK_LINE = re.compile(r"^[ \t]*(?:\{%[^\n]{0,500}?%\}|\{\{[^\n]{0,500}?\}\})[ \t]*\n", re.M)
_MARK = re.compile(r"\{%.{0,500}?%\}|\{\{.{0,500}?\}\}", re.S)
_QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'")


def read_plain(data: bytes, media_type: str) -> Extracted:
    """The decoded text as it is."""
    return Extracted((Page(decode(data)),), media_type)


def read_markdown(data: bytes, media_type: str) -> Extracted:
    """The text without front matter and template marks; the title from the front matter or the first `#`."""
    text = decode(data)
    front = _FRONT_MATTER.match(text)
    body = _without_marks(text[front.end() :] if front else text)
    title = _unquoted(_TITLE.search(front.group(1))) if front else None
    return Extracted((Page(body),), media_type, title or _first_heading(body))


def _unquoted(match: re.Match[str] | None) -> str | None:
    title = match.group(1).strip("\"'").strip() if match else ""
    return title if title not in ("", "|", ">") else None


def _first_heading(body: str) -> str | None:
    match = _HEADING.search(body)
    return match.group(1) if match else None


def _without_marks(text: str) -> str:
    parts: list[str] = []
    end = 0
    for fence in _FENCE.finditer(text):
        parts += [_unmarked(text[end : fence.start()]), fence.group()]
        end = fence.end()
    return "".join([*parts, _unmarked(text[end:])])


def _unmarked(text: str) -> str:
    without_blocks = _MARK_LINE.sub(_caption_of, _COMMENT_BLOCK.sub("", text))
    return _MARK.sub(_words_of, without_blocks)


def _caption_of(mark: re.Match[str]) -> str:
    """The caption of a block mark: its first argument of several words, on a line of its own."""
    caption = next((words for words in _quoted(mark) if " " in words), None)
    return f"{caption}\n" if caption else ""


def _words_of(mark: re.Match[str]) -> str:
    """The first argument of an inline mark: the channel, page or label that it stands for."""
    return next(iter(_quoted(mark)), "")


def _quoted(mark: re.Match[str]) -> list[str]:
    return [double or single for double, single in _QUOTED.findall(mark.group())]
