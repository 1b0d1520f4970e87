"""Raw answer text with unverified marks -> answer text with verified, renumbered marks and citations."""

import re

from rag.events import Cited, Token
from rag.passages import Citation, Hit
from rag.support import Passage, Statement

_BLANK = "[ \t\u3000]"
_ITEM = rf"{_BLANK}*[0-9０-９]{{1,3}}(?:{_BLANK}*[-–—~]{_BLANK}*[0-9０-９]{{1,3}})?{_BLANK}*"
_ITEMS = rf"{_ITEM}(?:[,;，、；]{_ITEM})*"
_MARK = re.compile(rf"{_BLANK}?(?:\[\[{_ITEMS}\]\]|[\[【［]{_ITEMS}[\]】］])")
_MAYBE_MARK = re.compile(rf"{_BLANK}?(?:\[?[\[【［](?:[0-9０-９,;，、；~–—-]|{_BLANK})*\]?)?")
_NUMBERS = re.compile(r"(\d+)(?:\D*?[-–—~]\D*?(\d+))?")
_PLAIN = re.compile(r"[^\[【［`~\n \t\u3000]+|\[+(?=\[\[)")
_RUN = re.compile(r"`+|~+")
_FENCE_OPENS = re.compile(r"(?:[ \t>]|[-*+] |\d{1,3}[.)] )*")
_INFO = re.compile(r"[^`\n]*")  # what may follow the backticks that open a fence, else it is a code span
_LONGEST_MARK = 64  # characters; what is longer is text
_LONGEST_SPAN = 400  # characters; a code span that is not closed by then is text
_LONGEST_STATEMENT = 1000
_WIDEST_RANGE = 10
_MOST_CHECKS = 2000  # distinct statements per answer; bounds the work on a runaway model


class Citer:
    """Turns a generator's pieces into tokens and citations.

    A mark `[n]`, `[n, m]`, `[n-m]`, `[[n]]` or `【n】` points to `hits[n - 1]`. It stays, as `[k]`, if the
    hit supports the statement before it, and goes, with one blank before it, if not. Citations are numbered
    in order of appearance; the same excerpt cited again keeps its number. Code is left alone.
    However the text is split into pieces, the joined tokens and the citations are the same.
    """

    def __init__(self, hits: tuple[Hit, ...], question: str = "") -> None:
        self.citations: list[Citation] = []
        self._passages = [Passage(hit) for hit in hits]
        self._question = question
        self._held = ""
        self._events: list[Token | Cited] = []
        self._text: list[str] = []
        self._line = ""  # the start of the current line, for fences
        self._statement = ""  # what was said since the last mark
        self._said = Statement("", question)  # the statement of the last mark, for a mark right after it
        self._fence = ""
        self._literal = False  # a backtick without its partner: no code spans on the rest of the line
        self._blank = ""  # the blank before a mark that went, for the one right after it
        self._touching: set[int] = set()  # numbers of the marks that end the text so far
        self._checks = 0

    def feed(self, text: str) -> list[Token | Cited]:
        """What is certain after the next piece of raw text."""
        self._held += text
        return self._advance(final=False)

    def finish(self) -> list[Token | Cited]:
        """What was held back, once no more text comes."""
        return self._advance(final=True)

    def _advance(self, final: bool) -> list[Token | Cited]:
        place = 0
        while place < len(self._held):
            step = self._fenced(place) if self._fence else self._open(place, final)
            if step == 0:
                break
            place += step
        self._held = self._held[place:]
        self._flush()
        events, self._events = self._events, []
        return events

    def _open(self, place: int, final: bool) -> int:
        """How many characters of ordinary text were used up; 0 when the next piece decides."""
        held = self._held
        if plain := _PLAIN.match(held, place):
            return self._say(plain.group())
        if held[place] == "\n":
            return self._say("\n")
        if held[place] in "`~":
            return self._code(place, final)
        if mark := _MARK.match(held, place, place + _LONGEST_MARK):
            self._mark(mark.group())
            return mark.end() - place
        if not final and self._undecided(place):
            return 0
        return self._say(held[place])

    def _undecided(self, place: int) -> bool:
        if len(self._held) - place >= _LONGEST_MARK:
            return False
        maybe = _MAYBE_MARK.match(self._held, place)
        return maybe is not None and maybe.end() == len(self._held)

    def _code(self, place: int, final: bool) -> int:
        """A run of backticks or tildes: a fence, the start of a code span, or just text."""
        held = self._held
        run = _RUN.match(held, place, place + _LONGEST_MARK)
        assert run is not None
        if run.end() == len(held) and len(run.group()) < _LONGEST_MARK and not final:
            return 0
        if len(run.group()) >= 3 and _FENCE_OPENS.fullmatch(self._line):
            info = _INFO.match(held, run.end(), run.end() + _LONGEST_SPAN)
            ended = info.end() if info else run.end()
            if run.group()[0] == "~" or held[ended : ended + 1] not in ("`", ""):
                return self._open_fence(run.group())
            if ended == len(held):
                return self._open_fence(run.group()) if final else 0
        if run.group()[0] == "~" or self._literal:
            return self._say(run.group())
        return self._span(run, final)

    def _open_fence(self, ticks: str) -> int:
        self._fence = ticks
        step, self._line = self._say(ticks), ""
        return step

    def _span(self, run: re.Match[str], final: bool) -> int:
        held, ticks = self._held, run.group()
        line_end = held.find("\n", run.end(), run.end() + _LONGEST_SPAN)
        limit = line_end if line_end >= 0 else run.end() + _LONGEST_SPAN
        close = re.compile(rf"(?<!`){ticks}(?!`)").search(held, run.end(), limit)
        decided = final or line_end >= 0 or len(held) > limit
        if close is not None and (decided or close.end() < len(held)):
            return self._say(held[run.start() : close.end()])
        if not decided:
            return 0
        self._literal = True
        return self._say(ticks)

    def _fenced(self, place: int) -> int:
        """Text of a fenced block up to the end of its line, or of what is there of it."""
        end = self._held.find("\n", place)
        if end < 0:
            return self._say(self._held[place:])
        self._say(self._held[place:end])
        line = self._line.strip(" \t>")
        if len(line) >= len(self._fence) and not line.strip(self._fence[0]):
            self._fence = ""
        return end - place + self._say("\n")

    def _say(self, text: str) -> int:
        self._text.append(text)
        if text == "\n":
            self._line, self._literal = "", False
        else:
            self._line = (self._line + text)[:_LONGEST_MARK]
        self._statement += text
        if len(self._statement) > 2 * _LONGEST_STATEMENT:
            self._statement = self._statement[-_LONGEST_STATEMENT:]
        self._blank = ""
        if self._touching and not text.isspace():
            self._touching = set()
        return len(text)

    def _mark(self, raw: str) -> None:
        self._blank = raw[: len(raw) - len(raw.lstrip())] or self._blank
        statement = self._statement[-_LONGEST_STATEMENT:]
        if any(character.isalnum() for character in statement):
            self._said = Statement(statement, self._question)
        self._statement = ""
        for place in _places(raw, len(self._passages)):
            citation = self._verify(place)
            if citation is None or citation.number in self._touching:
                continue
            self._show(citation)

    def _show(self, citation: Citation) -> None:
        mark, self._blank = f"{self._blank}[{citation.number}]", ""
        self._text.append(mark)
        self._line = (self._line + mark)[:_LONGEST_MARK]
        self._touching = self._touching | {citation.number}
        if citation.number > len(self.citations):
            self.citations.append(citation)
            self._flush()
            self._events.append(Cited(citation))

    def _verify(self, place: int) -> Citation | None:
        """The citation of `hits[place - 1]` for what was said last, or None when it does not hold."""
        self._checks += 1
        passage = self._passages[place - 1]
        found = passage.support(self._said) if self._checks <= _MOST_CHECKS else None
        if found is None:
            return None
        hit, (start, end) = passage.hit, found
        for known in self.citations:
            if (
                known.chunk_id == hit.chunk_id
                and known.start <= hit.start + start
                and hit.start + end <= known.end
            ):
                return known
        return Citation(
            number=len(self.citations) + 1,
            document_id=hit.document_id,
            chunk_id=hit.chunk_id,
            title=hit.title,
            url=hit.url,
            page=hit.page,
            start=hit.start + start,
            end=hit.start + end,
            excerpt=hit.text[start:end],
            score=hit.score,
        )

    def _flush(self) -> None:
        if text := "".join(self._text):
            self._events.append(Token(text))
        self._text = []


def _places(mark: str, sources: int) -> list[int]:
    """The sources a mark names, in its order; numbers that no source has are left out."""
    places: list[int] = []
    for match in _NUMBERS.finditer(mark):
        first = int(match.group(1))
        last = int(match.group(2) or first)
        if first <= last < first + _WIDEST_RANGE:
            places += [place for place in range(first, last + 1) if 1 <= place <= sources]
    return list(dict.fromkeys(places))
