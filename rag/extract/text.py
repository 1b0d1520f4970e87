"""Markdown without front matter and template marks, plain text, JSON, source code -> one page."""

import re
from contextlib import suppress

import msgspec

from rag.extract.encoding import clean, decode
from rag.passages import Extracted, Page

_FRONT_MATTER = re.compile(r"\A\s*---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S)
_TITLE = re.compile(r"^title:[ \t]*(.+?)[ \t]*$", re.M | re.I)
_HEADING = re.compile(r"^#[ \t]+(.+?)[ \t#]*$", re.M)
_FENCE = re.compile(r"^(?:```|~~~).*?^(?:```|~~~)[ \t]*$|`[^`\n]+`", re.S | re.M)
_COMMENT_BLOCK = re.compile(r"\{%-?\s*comment\b.*?%\}.*?\{%-?\s*endcomment\s*-?%\}", re.S)
# A mark alone on its line, and a mark inside a line: the second may carry words that the sentence needs.
_MARK_LINE = re.compile(r"^[ \t]*(?:\{%(?:[^%]|%(?!\})){0,500}%\}|\{\{[^\n]{0,500}?\}\})[ \t]*\n", re.M)
_COMMENT = ("<!--", "-->")
_MARK = re.compile(r"\{%.{0,500}?%\}|\{\{.{0,500}?\}\}", re.S)
_QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'")


def read_plain(data: bytes, media_type: str) -> Extracted:
    """The decoded text as it is."""
    return Extracted((Page(decode(data)),), media_type)


def read_code(data: bytes, media_type: str) -> Extracted:
    """The source as one block of code, so that its comments are no headings."""
    return Extracted((Page(f"```\n{decode(data).rstrip()}\n```"),), media_type)


def read_json(data: bytes, media_type: str) -> Extracted:
    """The values with letters instead of escapes: an object over lines, each line of JSON Lines a paragraph.

    What is not JSON after all comes as it is.
    """
    text = decode(data)
    with suppress(msgspec.DecodeError, RecursionError):
        return Extracted((Page(_rewritten(text, indent=2)),), media_type)
    with suppress(msgspec.DecodeError, RecursionError):
        text = "\n\n".join(_rewritten(line, indent=0) for line in text.split("\n") if line.strip())
    return Extracted((Page(text),), media_type)


def _rewritten(text: str, indent: int) -> str:
    value = msgspec.json.decode(text)
    # The encoder writes letters as they are.
    return clean(msgspec.json.format(msgspec.json.encode(value), indent=indent).decode())


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
    without_blocks = _MARK_LINE.sub(_caption_of, _COMMENT_BLOCK.sub("", _without_comments(text)))
    return _MARK.sub(_words_of, without_blocks)


def _without_comments(text: str) -> str:
    """The text without HTML comments, which no reader of the page sees."""
    opens, closes = _COMMENT
    parts: list[str] = []
    end = 0
    while (start := text.find(opens, end)) >= 0 and (close := text.find(closes, start + len(opens))) >= 0:
        parts.append(text[end:start])
        end = close + len(closes)
    return "".join([*parts, text[end:]])


def _caption_of(mark: re.Match[str]) -> str:
    """The caption of a block mark: its first argument of several words, on a line of its own."""
    caption = next((words for words in _quoted(mark) if " " in words), None)
    return f"{caption}\n" if caption else ""


def _words_of(mark: re.Match[str]) -> str:
    """The first argument of an inline mark: the channel, page or label that it stands for."""
    return next(iter(_quoted(mark)), "")


def _quoted(mark: re.Match[str]) -> list[str]:
    return [double or single for double, single in _QUOTED.findall(mark.group())]
