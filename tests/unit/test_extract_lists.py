"""Lists of web pages, books and office files: nested items come out indented, terms with what they mean."""

import docx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.extract.html import parsed_html
from rag.extract.htmltext import UNSEEN, whole_text
from tests.unit.reading import saved, text_of

STORY = "".join(
    f"<p>The council met on day {day} and agreed on a plan for the old harbour, closed for years.</p>"
    for day in range(6)  # no two alike, for then they would count once as main text
)


def article(content: str) -> str:
    return text_of(
        f"<html><body><article><h1>Harbour</h1>{STORY}{content}</article></body></html>".encode(), "a.html"
    )


def whole(content: str) -> str:
    """Read as mails and books are: all of it, without a search for the main text."""
    return whole_text(parsed_html(f"<html><body>{content}</body></html>".encode()), UNSEEN)


@pytest.mark.parametrize("read", [article, whole])
@pytest.mark.parametrize(
    "nested",
    [
        "<ul><li>Ships<ul><li>Ferry</li><li>Tug</li></ul></li><li>Cranes</li></ul>",
        "<ol><li>Ships <ol><li>Ferry</li> <li>Tug</li></ol> </li><li>Cranes</li></ol>",
        "<ul><li><p>Ships</p><ul><li><p>Ferry</p></li><li><p>Tug</p></li></ul></li><li>Cranes</li></ul>",
        "<ul><li>Ships</li><ul><li>Ferry</li><li>Tug</li></ul><li>Cranes</li></ul>",
        "<ul><li>Ships</li><!-- two --><ul><li>Ferry</li><li>Tug</li></ul><li>Cranes</li></ul>",
    ],
)
def test_nested_items_of_a_page_stand_below_theirs(read: object, nested: str) -> None:
    assert callable(read)
    assert "- Ships\n  - Ferry\n  - Tug\n- Cranes" in read(nested)


@pytest.mark.parametrize("read", [article, whole])
@pytest.mark.parametrize("between", ["", "\n  "])
def test_a_term_stands_on_one_line_with_its_definition(read: object, between: str) -> None:
    pairs = [
        ("Phone", "555-0100"),
        ("Email:", "<a href='mailto:x'>port@example.org</a>"),
        ("Hours", "<p>8 to 16</p>"),
    ]
    listed = between.join(
        f"<dt>{between}{term}{between}</dt>{between}<dd>{text}</dd>" for term, text in pairs
    )
    assert callable(read)
    assert "Phone: 555-0100\nEmail: port@example.org\nHours: 8 to 16" in read(f"<dl>{listed}</dl>")


@pytest.mark.parametrize("read", [article, whole])
def test_terms_and_definitions_without_each_other_are_kept(read: object) -> None:
    assert callable(read)
    text = read("<dl><dd>alone</dd><dt>One</dt><dt>Two</dt><dd>both</dd><dd>more</dd><dt>Last</dt></dl>")
    assert all(word in text for word in ("alone", "One", "Two: both", "more", "Last"))


@pytest.mark.parametrize("read", [article, whole])
def test_a_term_without_words_adds_no_colon(read: object) -> None:
    assert callable(read)
    text = read("<dl><dt><img src='a.png'></dt><dd>8 to 16</dd></dl>")
    assert "8 to 16" in text and ":" not in text


def test_the_rows_of_a_table_in_an_item_stand_on_lines_of_their_own() -> None:
    table = "<table><tr><th>Year</th><th>Pay</th></tr><tr><td>12</td><td>34</td></tr></table>"
    rows = "  | Year | Pay |\n  | --- | --- |\n  | 12 | 34 |"
    assert f"- Wages\n{rows}\n  a week" in article(f"<ul><li>Wages{table}a week</li></ul>")
    assert f"Wages:\n{rows}" in article(f"<dl><dt>Wages</dt><dd>{table}</dd></dl>")
    assert "- Yes\n  No" in article(
        "<ul><li><table><tr><td>Yes</td></tr><tr><td>No</td></tr></table></li></ul>"
    )


@pytest.mark.parametrize(
    "parts",
    [
        "<div>One</div><div>Two</div><div>Three</div>",
        "<div>One<div>Two</div>Three</div>",
        "One<section><b>Two</b></section>Three",
        "<p>One</p><p><b>Two</b></p><address>Three</address>",
    ],
)
def test_the_parts_of_an_item_are_not_joined(parts: str) -> None:
    assert "- One\n  Two\n  Three" in article(f"<ul><li>{parts}</li></ul>")
    assert "One Two Three: four" in article(f"<dl><dt>{parts}</dt><dd>four</dd></dl>")


def test_code_stays_in_its_sentence_and_listings_stand_alone() -> None:
    code = "<code>ls</code>, or <code><a href='/dir'>dir</a></code>"
    listed = (
        f"<ul><li>Use {code} here.<pre>ls -l</pre>then rest</li></ul><dl><dt>A</dt><dd>See {code}.</dd></dl>"
    )
    text = article(listed)
    assert "- Use ls, or dir here.\n  ls -l\n  then rest" in text and "A: See ls, or dir." in text


def test_no_item_is_lost_however_deep_it_is() -> None:
    items = [f"item{number}." for number in range(400)]
    text = article("".join(f"<ul><li>{item}" for item in items))
    assert [item for item in items if item not in text] == []


@pytest.mark.parametrize(
    "levels",
    [("List Bullet", "List Bullet 2", "List Bullet 3"), ("List Number", "List Number 2", "List Bullet 3")],
)
def test_the_levels_of_list_styles_are_indented(levels: tuple[str, str, str]) -> None:
    document = docx.Document()
    for words, level in (("Ships", 0), ("Ferry", 1), ("Seats", 2), ("Cranes", 0)):
        document.add_paragraph(words, style=levels[level])
    lines = [line for line in text_of(saved(document), "a.docx").split("\n") if line]
    assert [len(line) - len(line.lstrip()) for line in lines] == [0, 2, 4, 0]


_TREES = st.recursive(
    st.just(""),
    lambda inner: st.lists(
        st.tuples(
            st.sampled_from(
                (
                    "<li>{w}{}</li>",
                    "<li><p>{w}</p>{}tail</li>",
                    "<li>{}</li>",
                    "<li><div>{w}<div>{w}{}</div>{w}</div></li>",
                    "{}",
                )
            ),
            inner,
        ),
        max_size=3,
    ).map(lambda items: "<ul>" + "".join(item.format(below, w="word") for item, below in items) + "</ul>"),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(_TREES)
def test_no_word_of_a_list_is_lost_or_doubled(tree: str) -> None:
    assert whole(f"<div>Start</div>{tree}").count("word") == tree.count("word")
    assert article(tree).count("word") == tree.count("word")
