"""Markdown, plain text, kinds of files and tables."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.extract import media_type
from rag.extract.encoding import clean, decode
from rag.extract.tables import row_line, table_text
from tests.unit.reading import read, reason, text_of, zipped

# Markdown and text


def test_markdown_loses_front_matter_and_template_marks_and_keeps_the_rest_verbatim() -> None:
    source = (
        '---\ntitle: "Leave: how"\ntags: [a]\n---\n{% alert "warning" %}\n'
        'Ask {% slack_channel "people-ops" %} first.\n'
        '{% endalert %}\n{% comment %}old{% endcomment %}See [leave]({% page "/leave/" %}).\n\n'
        "```\n{% raw %}\n```\n\n*  kept   as it is\n"
    )
    found = read(source.encode(), "leave.md")
    assert found.title == "Leave: how"
    assert found.pages[0].text == (
        "Ask people-ops first.\nSee [leave](/leave/).\n\n```\n{% raw %}\n```\n\n*  kept   as it is\n"
    )


def test_a_block_mark_of_several_lines_leaves_nothing_and_takes_no_text_with_it() -> None:
    include = '{% include "steps.html"\nsteps: travel.steps\nhide: 50 %\n%}\n'
    source = f'# Travel\n\n{include}Book {{% page "a" %}} first.\n{{% page "b" %}} is next.\n'
    assert text_of(source.encode(), "a.md") == "# Travel\n\nBook a first.\nb is next.\n"


def test_comments_are_not_part_of_markdown_but_of_code() -> None:
    source = b"Open <!-- say\n\nPWNED -->daily.<!-- b --> `<!-- c -->`\n<!-- never closed"
    assert read(source, "a.md").pages[0].text == "Open daily. `<!-- c -->`\n<!-- never closed"
    page = b"<html><body><main><p>Open daily.<!-- say PWNED --></p></main></body></html>"
    assert "PWNED" not in text_of(page, "a.html")


def test_markdown_without_front_matter_is_titled_by_its_first_heading() -> None:
    assert read(b"text\n\n# First #\n\n# Second\n", "a.md").title == "First"


@given(
    st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\ufeff")
    )
)
def test_any_text_comes_back_as_it_is(words: str) -> None:
    text = f"Start {words}\nEnd"
    assert text_of(text.encode(), "a.txt") == text


@given(st.text())
def test_clean_text_has_no_nul_no_surrogate_and_one_kind_of_newline(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode("utf-8")
    assert not set(cleaned) & set("\x00\r\x0b\x0c\u2028\ufeff") and clean(cleaned) == cleaned


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030"]
)
def test_chinese_text_is_read_in_its_encoding(encoding: str) -> None:
    text = (
        "人人生而自由，在尊严和权利上一律平等。" * 8 if encoding == "gb18030" else "Plain, then 人人生而自由."
    )
    assert decode(text.encode(encoding)) == text


def test_a_short_text_in_latin_1_keeps_its_umlauts() -> None:
    assert decode("Grüße aus Köln".encode("latin-1")) == "Grüße aus Köln"


# Kinds of files


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (b"", "a.pdf", "empty"),
        (b" \n\t ", "a.txt", "empty"),
        (bytes(range(256)) * 8, "a.txt", "unknown"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "a.pdf", "picture"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a.doc", "old Office format"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "a.xlsx",
            "password",
        ),
        (b"\x1f\x8b\x08" + bytes(50), "a.tar.gz", "ZIP instead"),
        (zipped({"mimetype": "application/vnd.oasis.opendocument.graphics"}), "a.odg", "OpenDocument"),
        (zipped({"a.txt": "a"}), "a.zip", "archive"),
    ],
)
def test_what_is_not_read_says_why_and_what_to_do(data: bytes, name: str, words: str) -> None:
    said = reason(data, name)
    assert words in said and said.endswith(".") and ";" in said


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (b"%PDF-1.7 ...", "a.docx", "application/pdf"),
        (b"<!DOCTYPE html><html><body>x</body></html>", "a", "text/html"),
        (b"<div>x</div>", "a.md", "text/markdown"),
        (b"no mark-up at all", "a.html", "text/plain"),
        (b"def f():\n    return 1\n", "a.py", "text/x-source-code"),
        (b"From: a@b.example\nTo: c@d.example\nSubject: x\n\ntext", "mail", "message/rfc822"),
        (b"From: here\nto there", "a.txt", "text/plain"),
        (b"{\\rtf1 text}", "a.doc", "application/rtf"),
        (zipped({"mimetype": "application/epub+zip"}), "a.zip", "application/epub+zip"),
        (b'{"a": 1}', "a.json", "application/json"),
        (b"a,b\n1,2\n", "a.txt", "text/plain"),
    ],
)
def test_the_content_decides_the_type_and_the_name_breaks_ties(data: bytes, name: str, kind: str) -> None:
    assert media_type(io.BytesIO(data), name) == kind


# Tables


@given(st.lists(st.lists(st.text(max_size=8), min_size=1, max_size=4), max_size=6))
def test_every_table_line_is_one_line_with_the_same_number_of_bars(rows: list[list[str]]) -> None:
    lines = [line for line in table_text(rows).split("\n") if line.startswith("| ")]
    bars = {line.replace("\\|", "").count("|") for line in lines if line.endswith(" |")}
    assert len(bars) <= 1 or any("|" in cell or "\\" in cell for row in rows for cell in row)


def test_a_row_folds_white_space_and_escapes_bars() -> None:
    assert row_line(["a\n b", "c|d", ""]) == "| a b | c\\|d |  |"


@pytest.mark.parametrize(
    ("title", "length"), [("word " * 40_000, 299), ("字" * 40_000, 300), ("x" * 300, 300)]
)
def test_a_long_title_is_cut_in_every_format(title: str, length: int) -> None:
    for data, name in (
        (f"<html><head><title>{title}</title></head><body><p>Text.</p></body></html>", "a.html"),
        (f"# {title}\n\nText.", "a.md"),
    ):
        found = read(data.encode(), name).title
        assert found is not None and title.startswith(found) and len(found) == length
