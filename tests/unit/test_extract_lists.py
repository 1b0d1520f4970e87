"""Lists of web pages, books and office files: nested items come out indented, terms with what they mean."""

import docx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.reading import saved, text_of

STORY = "<p>The council met on Monday and agreed on a plan for the old harbour, closed for years.</p>" * 6


def article(content: str) -> str:
    return text_of(
        f"<html><body><article><h1>Harbour</h1>{STORY}{content}</article></body></html>".encode(), "a.html"
    )


def form(content: str) -> str:
    """Read without a main text."""
    return text_of(f"<html><body>{content}</body></html>".encode(), "a.html")


@pytest.mark.parametrize("read", [article, form])
@pytest.mark.parametrize(
    "nested",
    [
        "<ul><li>Ships<ul><li>Ferry</li><li>Tug</li></ul></li><li>Cranes</li></ul>",
        "<ol><li>Ships <ol><li>Ferry</li> <li>Tug</li></ol> </li><li>Cranes</li></ol>",
        "<ul><li><p>Ships</p><ul><li><p>Ferry</p></li><li><p>Tug</p></li></ul></li><li>Cranes</li></ul>",
        "<ul><li>Ships</li><ul><li>Ferry</li><li>Tug</li></ul><li>Cranes</li></ul>",
    ],
)
def test_nested_items_of_a_page_stand_below_theirs(read: object, nested: str) -> None:
    assert callable(read)
    assert "- Ships\n  - Ferry\n  - Tug\n- Cranes" in read(nested)


@pytest.mark.parametrize("read", [article, form])
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


@pytest.mark.parametrize("read", [article, form])
def test_terms_and_definitions_without_each_other_are_kept(read: object) -> None:
    assert callable(read)
    text = read("<dl><dd>alone</dd><dt>One</dt><dt>Two</dt><dd>both</dd><dd>more</dd><dt>Last</dt></dl>")
    assert all(word in text for word in ("alone", "One", "Two: both", "more", "Last"))


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
            st.sampled_from(("<li>{w}{}</li>", "<li><p>{w}</p>{}tail</li>", "<li>{}</li>", "{}")), inner
        ),
        max_size=3,
    ).map(lambda items: "<ul>" + "".join(item.format(below, w="word") for item, below in items) + "</ul>"),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(_TREES)
def test_no_word_of_a_list_is_lost_or_doubled(tree: str) -> None:
    assert form(f"<div>Start</div>{tree}").count("word") == tree.count("word")
    assert article(tree).count("word") == tree.count("word")
