"""Links and images in a model's answer: what no source holds goes, whatever it is written as."""

import html
import re
from collections.abc import Sequence
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rag.cite import Citer
from rag.events import Cited, Token
from rag.links import LinkCleaner, Sources
from rag.passages import Hit

TEXT = (
    "Returns are due at noon. Read https://lib.example/rules?page=2 or "
    "[the guide](https://lib.example/guide). "
    '<a href="https://lib.example/form">Form</a> ![map](/img/map.png) 詳見https://lib.example/規則。'
)
HITS = (Hit(1, UUID(int=1), "Loans", "https://lib.example/loans/", TEXT, 0, len(TEXT), 1, (), 1.0),)
SOURCES = Sources(HITS)


def cleaned(raw: str, pieces: Sequence[str] | None = None) -> str:
    cleaner = LinkCleaner(SOURCES)
    events: list[Token | Cited] = []
    for piece in [raw] if pieces is None else pieces:
        events += cleaner.feed([Token(piece)])
    events += cleaner.finish()
    return "".join(event.text for event in events if isinstance(event, Token))


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("See [the form](https://evil.test/?q=secret).", "See the form."),
        ('See [the form](https://evil.test/ "title") now.', "See the form now."),
        ("Hi ![a cat](https://evil.test/p.png?q=secret) there", "Hi a cat there"),
        ("Hi ![](https://evil.test/p.png?q=secret) there", "Hi  there"),
        ("![dot](pixel.png)", "dot"),
        ("Go to <https://evil.test/x> now", "Go to  now"),
        ("Go to https://evil.test/x?q=secret.", "Go to ."),
        ("(www.evil.test/x)", "()"),
        ("Ask evil.test/x?q=secret today", "Ask  today"),
        ("請看https://evil.test/x。謝謝", "請看。謝謝"),
        ("請看[手冊](https://evil.test/x)。", "請看手冊。"),
        ('<a href="https://evil.test">here</a>!', "here!"),
        ("a <img src='//evil.test/p' alt='cat'> b", "a cat b"),
        ("<img/src=//evil.test/p>", ""),
        ("[x][1]\n\n[1]: https://evil.test/p", "[x][1]\n\n[1]"),
        ("[x](https&#58;//evil.test/p)", "x"),
        ("[x](https\\://evil.test/p)", "x"),
        ("[x](//evil.test/p)", "x"),
        ("[x](javascript:alert(1))", "x"),
        ("[1]: https&colon;//evil.test/p", "[1]"),
        ("[https://evil.test](https://evil.test/p)", ""),
        ("[![a](https://evil.test/p)](https://evil.test/q)", "[ a ]"),
        ("Paid [1](https://evil.test/q) twice", "Paid [1] twice"),
        ("htt[ps:](//x.test)//evil.test/p", "htt ps: //evil.test/p"),
        ("![x]<a href=//a.test>(https&#58;//evil.test)", "![x] (https&#58;//evil.test)"),
        ("[x](mailto:me@evil.test?body=secret)", "x"),
    ],
)
def test_what_no_source_holds_goes(raw: str, shown: str) -> None:
    assert cleaned(raw) == shown


@pytest.mark.parametrize(
    "raw",
    [
        "Read https://lib.example/rules?page=2.",
        "(https://lib.example/guide)",
        "**https://lib.example/loans**",
        "[Our loans](https://lib.example/loans/)",
        '[the guide](https://lib.example/guide "Guide")',
        "<https://lib.example/form>",
        '<a href="https://lib.example/form">Form</a>',
        "![map](/img/map.png)",
        "詳見https://lib.example/規則。",
        "Great![1] a[i](x) and/or 3.5 p.m. <b>bold</b> List<String> x < y e.g. see [1](p. 7), 1: a",
        "Mail me@lib.example or call 9:30; ratio 3/4; Node.js/Express; https is a scheme.",
        "[1]: Note this",
    ],
)
def test_what_a_source_holds_or_is_no_url_stays(raw: str) -> None:
    assert cleaned(raw) == raw


@pytest.mark.parametrize("tail", ["secret", "|secret", "密码", "[secret]", '"secret', ".|secret", "，密码"])
def test_words_do_not_hang_on_a_url_that_stays(tail: str) -> None:
    shown = cleaned(f"https://lib.example/guide{tail}")
    assert re.match(r"(?:https://lib\.example/guide[.]? |$|[^h])", shown), shown


_PARTS = st.sampled_from(
    [
        *(
            "[",
            "]",
            "(",
            ")",
            "!",
            "<",
            ">",
            ":",
            "/",
            "//",
            "\n",
            " ",
            ".",
            "?",
            "=",
            "\\",
            "&#58;",
            '"',
            "'",
        ),
        *("http", "https://", "www.", "evil.test", "/p?q=1", "mailto:", "[1]", "[x](", "![x](", "]: ", "]("),
        *(
            "<a href=",
            "</a>",
            "<img src=",
            " alt='",
            "https://lib.example/guide",
            "text",
            "密",
            "。",
            "a",
            "<b",
        ),
        "[the guide](https://lib.example/guide)",
        "https://evil.test/x",
        "[y](https://evil.test/x)",
    ]
)
_TEXTS = st.lists(_PARTS, max_size=24).map("".join)
_SIZES = st.lists(st.integers(1, 9), max_size=80)


def split(raw: str, sizes: list[int]) -> list[str]:
    pieces, place = [], 0
    for size in [*sizes, len(raw) + 1]:
        pieces.append(raw[place : place + size])
        place += size
    return pieces


@settings(max_examples=500, deadline=None)
@given(_TEXTS, _SIZES)
@example("https://lib.example/guide.)。x", [26, 1, 1])
def test_however_the_text_is_split_the_result_is_the_same(raw: str, sizes: list[int]) -> None:
    assert cleaned(raw, split(raw, sizes)) == cleaned(raw) == cleaned(raw, list(raw))


@settings(max_examples=500, deadline=None)
@given(_TEXTS)
@example("www.evil.test.https://lib.example/guide")
@example("<a href=https://lib.example/guide>")
def test_no_foreign_url_is_left_in_any_reading(raw: str) -> None:
    shown = cleaned(raw).replace("https://lib.example/guide", "")
    assert not re.search(r"https?://[a-z]|www\.[a-z]", shown), shown
    # A target or a definition as Markdown reads it: entities and escapes undone.
    for target in re.findall(r"\]\(\s*<?([^\s<>]*)[^()]*\)|\]:\s*<?([^\s<>]+)", shown):
        plain = html.unescape("".join(target)).replace("\\", "")
        assert not re.match(r"(?:https?:|//)\w", plain), shown
    # A tag stays with the URL of a source in it, which is taken out of what is shown above.
    assert not re.search(r"<(?:a|img)\b[^<>]*=\s*[\"']?[^<>\s\"'][^<>]*>", shown), shown


@settings(max_examples=300, deadline=None)
@given(st.text("abc XYZ 019.,;!?()[]{}*_-+#|~\"'`\n病假。，：é", max_size=200))
def test_text_without_urls_is_unchanged(raw: str) -> None:
    assert cleaned(raw) == raw


@settings(max_examples=200, deadline=None)
@given(st.text("ab .\n病。", max_size=20), st.sampled_from([" ", ". ", "\n", ") ", ""]))
def test_a_url_that_a_source_holds_stays(before: str, after: str) -> None:
    raw = f"{before} https://lib.example/guide{after}"
    assert cleaned(raw) == raw


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(["Returns are due at noon", " [1]", ". ", "[1](https://evil.test/)", "[a", "\n",
                              "[see [1]](https://evil.test)", "<a href='x[1]'>", "https://evil.test/[1]"]),
             max_size=12).map("".join),
    _SIZES,
)  # fmt: skip
def test_citations_keep_their_marks_and_their_places(raw: str, sizes: list[int]) -> None:
    citer, cleaner = Citer(HITS), LinkCleaner(SOURCES)
    shown, numbers = "", []
    events = [event for piece in split(raw, sizes) for event in cleaner.feed(citer.feed(piece))]
    for event in [*events, *cleaner.feed(citer.finish()), *cleaner.finish()]:
        if isinstance(event, Token):
            shown += event.text
            continue
        citation = event.citation
        assert TEXT[citation.start : citation.end] == citation.excerpt
        assert f"[{citation.number}]" in shown
        numbers.append(citation.number)
    assert numbers == list(range(1, len(numbers) + 1))


def test_plain_words_are_not_held_back_longer_than_a_word() -> None:
    cleaner = LinkCleaner(SOURCES)
    assert cleaner.feed([Token("Fourteen days ")]) == [Token("Fourteen days ")]
    assert cleaner.feed([Token("after [1]")]) == [Token("after [1]")]
    assert cleaner.feed([Token(" and 病假")]) == [Token(" and 病假")]
    assert cleaner.feed([Token(" [the ")]) == [Token(" ")]
    assert cleaner.feed([Token("form](https://evil.test/)")]) == [Token("the form")]


@pytest.mark.parametrize(
    "part",
    ["[", "](", "](((", "<a ", "a.bc/", "http", "https://", "[x](", "![x](y", "]:", "<a b=c>", "word "],
)
def test_long_answers_pass(part: str) -> None:
    assert "https://" not in cleaned(part * (200_000 // len(part)))
