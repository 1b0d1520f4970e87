"""Answer events of a model -> the same without images and links that no source holds."""

import html
import re
from collections import deque
from collections.abc import Sequence

from rag.events import Cited, Token
from rag.passages import Hit

_LONGEST_URL = 2000  # characters; what is longer stands in no source
_LONGEST_TEXT = 300  # of a link; a longer one keeps its brackets
_LONGEST_TAG = 1000
_LOOK_AHEAD = 16
_SLICE = 4096
_DOUBTFUL = "[!<"
_MARK = re.compile(r"\[\d{1,3}\]")
_INLINE = re.compile(rf"(!?)\[([^\[\]\n]{{0,{_LONGEST_TEXT}}})\](?=\()")
_MAYBE_INLINE = re.compile(rf"!?(?:\[[^\[\]\n]{{0,{_LONGEST_TEXT}}}\]?)?")
_TARGET = re.compile(rf"[ \t]*\n?[ \t]*(<[^<>\n]{{0,{_LONGEST_URL}}}>?|[^\s<\[\]]{{0,{_LONGEST_URL}}})")
_TITLE = re.compile(r"(?:\s{1,8}(?:\"[^\"]{0,200}\"|'[^']{0,200}'|\([^()]{0,200}\)))?\s{0,8}\)")
_MAYBE_TITLE = re.compile(r"\s{0,8}(?:\"[^\"]{0,200}\"?|'[^']{0,200}'?|\([^()]{0,200}\)?)?\s{0,8}")
_TAG = re.compile(rf"<(?=[A-Za-z/])[^<>]{{1,{_LONGEST_TAG}}}>?")
_CLOSING_LINK = re.compile(r"</a\s*>", re.IGNORECASE)
_LOADS = ("src", "href")
_LINK_OR_IMAGE = re.compile(r"<(?:a|img)\b", re.IGNORECASE)
_ACTIVE = re.compile(
    r"</?(?:a|area|audio|base|button|embed|form|frame|iframe|image|img|input|link|math|meta|object|picture"
    r"|script|source|style|svg|track|video)\b",
    re.IGNORECASE,
)
_AUTOLINK = re.compile(rf"<[A-Za-z][A-Za-z0-9+.-]{{1,31}}:[^\s<>]{{0,{_LONGEST_URL}}}>")
_ATTRIBUTE = re.compile(
    r"\b(alt|title|src|href)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE
)
_WORD = re.compile(rf"[A-Za-z0-9.+_-]{{1,{_LONGEST_URL}}}")
_SCHEME = re.compile(r"(?:https?|ftp)$", re.IGNORECASE)
_WWW = re.compile(r"www\.(?=[a-z0-9])", re.IGNORECASE)
_HOST = re.compile(r"(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24}")
_PATH = re.compile(r"[^\s<>\[\]\"`|?\u3000-\u303f\uff00-\uffef]{0,100}")
_URL = re.compile(rf"[^\s<>\[\]\"`|\u3000-\u303f\uff00-\uffef]{{1,{_LONGEST_URL}}}")
_URL_STARTS = re.compile(r"(?:https?|ftp)://|www\.|mailto:", re.IGNORECASE)
_ASCII = re.compile(r"[!-~]*")
_PLAIN = re.compile(r"[^A-Za-z0-9\[!<(:\]]+")
_URL_ENDS = re.compile(rf"[?!.,:;*_~'\")}}」』）》】。，、；：！？]{{0,{_LOOK_AHEAD}}}(?:[\s<]|$)")
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*:\S|[/\\]", re.IGNORECASE)
_TRAILING = "?!.,:;*_~'}"
_ENDED = (" ", "\t", "\r", "\n", "<")
_JOINS_SAFELY = " \t\r\n.,)!"


class Sources:
    """The URLs and tags that an answer may show."""

    def __init__(self, hits: Sequence[Hit]) -> None:
        self._texts = [hit.text for hit in hits]
        self._keys = frozenset(key for hit in hits for key in _keys_of(f"{hit.url or ''} {hit.text}"))

    def has_url(self, url: str) -> bool:
        """Whether a source has the URL, in its text or as its address."""
        return _key(url) in self._keys

    def has_tag(self, tag: str) -> bool:
        """Whether a source holds the tag word for word, or all that it links to and loads."""
        if any(tag in text for text in self._texts):
            return True
        targets = [
            one or two or bare for name, one, two, bare in _ATTRIBUTE.findall(tag) if name.lower() in _LOADS
        ]
        other = "=" in _ATTRIBUTE.sub("", tag) or not _LINK_OR_IMAGE.match(tag)
        return bool(targets) and not other and all(self.has_url(html.unescape(url)) for url in targets)


class LinkCleaner:
    """Takes out of an answer every URL that no source holds; a link leaves its text, an image its alt text.

    Markdown and HTML links and images, autolinks, definitions and bare URLs are read, in code as well, since
    renderers disagree on what is code. However the text is split into tokens, the result is the same. What
    goes leaves a blank where its neighbours could make up a new URL, and so does the end of a URL that stays
    where renderers would take what follows for a part of it.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._held = ""
        self._fed = 0  # characters of the input
        self._read = 0  # those of them that were dealt with
        self._cited: deque[tuple[int, Cited]] = deque()
        self._events: list[Token | Cited] = []
        self._text: list[str] = []
        self._last = ""  # the last character that was let through
        self._gap = False  # something went here
        self._dropping = False  # within a URL without end
        self._kept_links = 0  # <a …> let through and not closed yet

    def feed(self, events: Sequence[Token | Cited]) -> list[Token | Cited]:
        """What is certain after these events."""
        for event in events:
            if isinstance(event, Cited):
                self._cited.append((self._fed, event))
                continue
            for start in range(0, len(event.text), _SLICE):
                part = event.text[start : start + _SLICE]
                self._held += part
                self._fed += len(part)
                self._advance(final=False)
        return self._taken()

    def finish(self) -> list[Token | Cited]:
        """What was held back, once no more comes."""
        self._advance(final=True)
        return self._taken()

    def _taken(self) -> list[Token | Cited]:
        self._announce()
        self._flush()
        events, self._events = self._events, []
        return events

    def _advance(self, final: bool) -> None:
        place = 0
        while place < len(self._held):
            step = self._step(place, final)
            if step == 0:
                break
            place += step
            self._read += step
            self._announce()
        self._held = self._held[place:]

    def _announce(self) -> None:
        """Sends the citations whose marks have been read."""
        while self._cited and self._cited[0][0] <= self._read:
            self._flush()
            self._events.append(self._cited.popleft()[1])

    def _flush(self) -> None:
        if text := "".join(self._text):
            self._events.append(Token(text))
        self._text = []

    def _step(self, place: int, final: bool) -> int:
        """How many characters were dealt with; 0 when the next token decides."""
        held, first = self._held, self._held[place]
        if self._dropping:
            return self._drop_on(place, final)
        if self._last == "]" and not self._gap and first in "(:":
            return self._target(place, final, text=None)
        if first in _DOUBTFUL:
            return self._tag(place, final) if first == "<" else self._inline(place, final)
        if plain := _PLAIN.match(held, place):
            return self._say(plain.group())
        return self._word(place, final) if _WORD.match(first) else self._say(first)

    def _say(self, text: str) -> int:
        if text:
            if self._gap and self._last.isascii() and self._last.strip() and _could_join(text[0]):
                self._text.append(" ")
            self._text.append(text)
            self._last, self._gap = text[-1], False
        return len(text)

    def _drop(self, text: str) -> int:
        """Lets the text go, but for marks in it: their citations are sent."""
        for mark in _MARK.findall(text):
            self._say(mark)
        self._gap = True
        return len(text)

    def _drop_on(self, place: int, final: bool) -> int:
        rest = _URL.match(self._held, place)
        if rest is not None:
            return self._drop(rest.group())
        self._dropping = False
        return self._step(place, final)

    def _inline(self, place: int, final: bool) -> int:
        """`[text](target)` or `![alt](target)`, or just a bracket."""
        held = self._held
        if mark := _MARK.match(held, place):
            return self._say(mark.group())
        if found := _INLINE.match(held, place):
            return self._target(found.end(), final, found)
        maybe = _MAYBE_INLINE.match(held, place)
        if not final and maybe is not None and maybe.end() == len(held):
            return 0
        return self._say(held[place])

    def _target(self, place: int, final: bool, text: re.Match[str] | None) -> int:
        """What follows `]`: `(target "title")` of a link, or `: target` of a definition."""
        held, inline = self._held, self._held[place] == "("
        found = _TARGET.match(held, place + 1)
        assert found is not None
        raw = found.group(1)
        if not final and found.end() == len(held) and len(raw) < _LONGEST_URL and not _closed(raw, inline):
            return 0
        target = _balanced(raw) if inline else raw
        end = found.start(1) + len(target)
        title = _TITLE.match(held, end) if inline else None
        if inline and title is None and not final and self._title_undecided(end):
            return 0
        cut = held[end : end + 1] in ("[", "]") or len(raw) >= _LONGEST_URL
        image = text is not None and text.group(1) == "!" and title is not None
        if self._may_stay(target, image) and not (cut and _is_remote(target)):
            return self._stay(place, title.end() if title else place, text)
        self._dropping = len(raw) >= _LONGEST_URL
        end = title.end() if title else end
        if text is not None:
            self._gap = True
            self._say(self._cleaned(text.group(2)))
        self._drop(held[place:end])
        return end - (text.start() if text else place)

    def _stay(self, place: int, end: int, text: re.Match[str] | None) -> int:
        """Lets a link through up to `end`; one that is not closed only as far as its text."""
        if text is None:
            return self._say(self._held[place])
        self._say(f"{text.group(1)}[{self._cleaned(text.group(2))}]{self._held[place:end]}")
        return end - text.start()

    def _title_undecided(self, end: int) -> bool:
        maybe = _MAYBE_TITLE.match(self._held, end)
        return maybe is not None and maybe.end() == len(self._held)

    def _may_stay(self, target: str, image: bool) -> bool:
        """Whether a link's target stands in a source or is no address; an image's must stand in a source."""
        return self._sources.has_url(target.strip("<>")) or not (image or _is_remote(target))

    def _cleaned(self, text: str) -> str:
        """A link's own text, cleaned."""
        cleaner = LinkCleaner(self._sources)
        events = cleaner.feed([Token(text)]) + cleaner.finish()
        return "".join(event.text for event in events if isinstance(event, Token))

    def _tag(self, place: int, final: bool) -> int:
        """An HTML tag or an autolink `<https://…>`, or just a bracket."""
        held = self._held
        if autolink := _AUTOLINK.match(held, place):
            url = autolink.group()
            return self._say(url) if self._sources.has_url(url[1:-1]) else self._drop(url)
        found = _TAG.match(held, place)
        if found is None:
            return 0 if place + 1 == len(held) and not final else self._say("<")
        tag = found.group()
        closed = tag.endswith(">")
        if not closed and not final and found.end() == len(held):
            return 0
        if not (_ACTIVE.match(tag) or "=" in tag):
            return self._say("<")
        if not closed:
            return self._drop("<")
        if self._tag_may_stay(tag):
            return self._say(tag)
        alt = next(
            (one or two or bare for name, one, two, bare in _ATTRIBUTE.findall(tag) if name == "alt"), ""
        )
        self._gap = True
        self._say(self._cleaned(html.unescape(alt)))
        return self._drop(tag)

    def _tag_may_stay(self, tag: str) -> bool:
        """Whether a source holds the tag, or it closes a link that was let through."""
        if _CLOSING_LINK.fullmatch(tag):
            open_links, self._kept_links = self._kept_links, max(self._kept_links - 1, 0)
            return open_links > 0
        known = self._sources.has_tag(tag)
        self._kept_links += known and re.match(r"<a\b", tag, re.IGNORECASE) is not None
        return known

    def _word(self, place: int, final: bool) -> int:
        """A word, or the URL that starts in it."""
        held = self._held
        found = _WORD.match(held, place)
        assert found is not None
        word, end = found.group(), found.end()
        if len(word) == _LONGEST_URL:
            return self._say(word[:-_LOOK_AHEAD])
        # Only what follows says whether "https" begins a URL; after a blank it is a word.
        if not final and "://".startswith(held[end : end + 3]) and len(held) < end + 3:
            return 0
        start = self._url_start(word, end, final)
        if start is None:
            return self._say(word)
        url = _URL.match(held, place + max(start, 0))
        assert url is not None
        if start < 0 or (not final and url.end() == len(held) and len(url.group()) < _LONGEST_URL):
            return 0
        return self._url(place, url, final)

    def _url_start(self, word: str, end: int, final: bool) -> int | None:
        """Where in the word a URL starts, by what comes after it; below 0 when the next token decides."""
        after = self._held[end : end + 3]
        if www := _WWW.search(word):
            return www.start()
        if after == "://" and (scheme := _SCHEME.search(word)):
            return scheme.start()
        if after[:1] == ":" and after[1:2].strip() and word.lower().endswith("mailto"):
            return len(word) - len("mailto")
        if after[:1] not in ("/", "?", ":") or not _HOST.fullmatch(word):
            return None
        # A host without scheme or www is taken for a URL only with a query, which could carry words away.
        path = _PATH.match(self._held, end)
        query = self._held[path.end() : path.end() + 2] if path else ""
        if not final and len(query) < 2 and (not query or query == "?"):
            return -1
        return 0 if query[:1] == "?" and query[1:].strip() else None

    def _url(self, place: int, found: re.Match[str], final: bool) -> int:
        """A bare URL and the part of the word before it."""
        held, before = self._held, self._held[place : found.start()]
        narrow = _narrow(found.group())
        kept = next((url for url in (_trimmed(found.group()), narrow) if self._sources.has_url(url)), None)
        if kept is None:
            self._dropping = len(found.group()) == _LONGEST_URL
            self._say(before)
            self._drop(narrow)
            return len(before) + len(narrow)
        end = found.start() + len(kept)
        after = _URL_ENDS.match(held, end)
        if not final and after is not None and after.end() == len(held) and after.group()[-1:] not in _ENDED:
            return 0
        self._say(before + kept)
        if after is None:
            self._say(" ")
        return len(before) + len(kept)


def _could_join(character: str) -> bool:
    return character.isascii() and character not in _JOINS_SAFELY


def _closed(raw: str, inline: bool) -> bool:
    """Whether a link's target is complete however the text goes on."""
    return inline and (raw.endswith(">") if raw.startswith("<") else len(_balanced(raw)) < len(raw))


def _balanced(raw: str) -> str:
    """The target up to the parenthesis that closes the link."""
    if raw.startswith("<"):
        return raw
    depth = 0
    for place, character in enumerate(raw):
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return raw[:place]
    return raw


def _is_remote(target: str) -> bool:
    """Whether a target leads anywhere, read as renderers do: entities and escapes undone."""
    plain = re.sub(r"[\x00-\x20\x7f]", "", html.unescape(target).strip("<>"))
    return bool(_REMOTE.match(plain) or _REMOTE.match(re.sub(r"\\(?=[!-/:-@\[-`{-~])", "", plain)))


def _trimmed(url: str) -> str:
    """The URL without punctuation of the sentence around it."""
    surplus = url.count(")") - url.count("(")
    end = len(url)
    while end and (url[end - 1] in _TRAILING or (url[end - 1] == ")" and surplus > 0)):
        surplus -= url[end - 1] == ")"
        end -= 1
    return url[:end]


def _narrow(url: str) -> str:
    """The URL up to its first character beyond ASCII, where a text without blanks often goes on."""
    found = _ASCII.match(url)
    return _trimmed(found.group() if found else "")


def _key(url: str) -> str:
    """What makes two writings of a URL the same: scheme and last slash don't count."""
    return re.sub(r"^https?://", "", url, flags=re.IGNORECASE).rstrip("/")


def _keys_of(text: str) -> set[str]:
    """The keys of all URLs in a source, and of its targets."""
    keys: set[str] = set()
    for run in _URL.findall(text):
        starts = [match.start() for match in _URL_STARTS.finditer(run)] or [0]
        for url in (run.strip("()"), *(run[start:] for start in starts)):
            keys |= {_key(_trimmed(url)), _key(_narrow(url))}
    return {key for key in keys if "." in key or "/" in key}
