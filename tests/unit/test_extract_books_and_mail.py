"""EPUB, e-mail, OpenDocument, RTF, JSON and source code -> pages."""

import json
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.errors import Unreadable
from rag.extract.parse import parse
from tests.unit.making import epub, mail, opendocument, packed, rtf
from tests.unit.reading import LIMITS, read, reason, text_of, zipped

# EPUB


def test_a_book_comes_chapter_by_chapter_in_reading_order_without_its_contents() -> None:
    chapters = {
        "b.xhtml": "<h1>Swans</h1><p>White&#160;birds.</p><ul><li>one</li><li>two</li></ul>",
        "a.xhtml": "<h1>Ducks</h1><table><tr><th>Year</th><th>Count</th></tr>"
        "<tr><td>2024</td><td>7</td></tr></table>",
    }
    found = read(epub(chapters), "book.epub")
    assert found.title == "The Book"
    assert [page.text for page in found.pages] == [
        "# Swans\n\nWhite birds.\n\n- one\n- two",
        "# Ducks\n\n| Year | Count |\n| --- | --- |\n| 2024 | 7 |",
    ]


def test_a_book_with_encrypted_chapters_is_protected() -> None:
    lock = '<encryption><CipherReference URI="OEBPS/text/a.xhtml"/></encryption>'
    locked = epub({"a.xhtml": "<p>x</p>"}, **{"META-INF/encryption.xml": lock})
    assert "password" in reason(locked, "a.epub")
    fonts = lock.replace("text/a.xhtml", "font.otf")
    assert text_of(epub({"a.xhtml": "<p>x</p>"}, **{"META-INF/encryption.xml": fonts}), "a.epub") == "x"


def test_a_book_without_chapters_and_one_with_entities_are_refused() -> None:
    assert "damaged" in reason(packed("application/epub+zip", {"a.opf": "<package/>"}), "a.epub")
    bomb = '<!DOCTYPE x [<!ENTITY a "aa">]><package/>'
    assert "entities" in reason(packed("application/epub+zip", {"a.opf": bomb}), "a.epub")


# E-mail


def test_mail_shows_subject_people_text_and_names_of_what_is_attached() -> None:
    found = read(
        mail("Übersicht für März", "Grüße aus Köln.", "<p>Grüße</p>", "Plan 1.pdf").as_bytes(), "a.eml"
    )
    assert found.title == "Übersicht für März"
    assert found.pages[0].text == (
        "# Übersicht für März\n\nFrom: Zoë <zoe@example.org>\nTo: team@example.org\n"
        "Date: Fri, 16 Dec 2022 17:04:16 -0500\n\nGrüße aus Köln.\n\nAttachments: Plan 1.pdf"
    )


def test_a_table_that_only_the_html_alternative_shows_is_read() -> None:
    table = "<table><tr><td>Year</td><td>Rate</td></tr><tr><td>2024</td><td>0.97</td></tr></table>"
    text = text_of(mail("Rates", "Year\nRate\n2024\n0.97", f"<p>See:</p>{table}").as_bytes(), "a.eml")
    assert text.endswith("See:\n\n| Year | Rate |\n| --- | --- |\n| 2024 | 0.97 |")


def test_a_forwarded_mail_is_read_with_the_one_that_carries_it() -> None:
    outer = mail("Fwd", "See below.")
    outer.add_attachment(mail("Original", "First words."))
    text = text_of(outer.as_bytes(), "a.eml")
    assert "# Fwd" in text and "## Original" in text and text.endswith("First words.")


@pytest.mark.parametrize(
    ("charset", "words"),
    [("big5", "繁體中文信件"), ("gb18030", "简体中文邮件"), ("iso-8859-1", "años después")],
)
def test_mail_is_read_in_the_encoding_that_it_names(charset: str, words: str) -> None:
    head = f"From: a@b.example\nSubject: x\nContent-Type: text/plain; charset={charset}\n\n"
    assert words in text_of(head.encode() + words.encode(charset), "a.eml")


def test_mail_in_an_unknown_encoding_or_with_broken_headers_is_read_all_the_same() -> None:
    data = b"From: =?utf-8?B?!!!?= <a\nSubject: =?nope?q?x?=\nContent-Type: text/plain; charset=nope\n\nHello"
    assert "Hello" in text_of(data, "a.eml")


def test_an_encrypted_mail_asks_for_its_decrypted_text() -> None:
    data = b"From: a@b.example\nContent-Type: multipart/encrypted; boundary=x\n\n--x\n\nabc\n--x--\n"
    assert "encrypted" in reason(data, "a.eml")


def test_mail_nested_very_deeply_is_read_or_refused() -> None:
    head = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(3_000))
    with suppress(Unreadable, RecursionError):
        text_of(f"From: a@b.example\n{head}\nx".encode(), "a.eml")


# OpenDocument


def test_odt_keeps_headings_lists_tables_and_notes() -> None:
    numbers = '<text:list-style style:name="L1"><text:list-level-style-number/></text:list-style>'
    table = "".join(
        f"<table:table-row><table:table-cell><text:p>{a}</text:p></table:table-cell>"
        f"<table:table-cell><text:p>{b}</text:p></table:table-cell></table:table-row>"
        for a, b in (("Years", "Hours"), ("0-3", "4|5"))
    )
    body = (
        '<text:h text:outline-level="2">Leave</text:h>'
        '<text:p>You<text:s text:c="2"/>earn<text:tab/>six<text:note>'
        "<text:note-citation>1</text:note-citation>"
        "<text:note-body><text:p>A note.</text:p></text:note-body></text:note> hours.</text:p>"
        '<text:list text:style-name="L1"><text:list-item><text:p>one</text:p></text:list-item>'
        "<text:list-item><text:p>two</text:p>"
        "<text:list><text:list-item><text:p>inner</text:p></text:list-item>"
        "</text:list></text:list-item></text:list>"
        f"<table:table>{table}</table:table><text:tracked-changes><text:p>gone</text:p></text:tracked-changes>"
    )
    found = read(opendocument("text", body, numbers), "a.odt")
    assert (found.title, found.pages[0].number) == ("Handbook", None)
    assert found.pages[0].text == "\n\n".join(
        [
            "## Leave",
            "You  earn six hours.",
            "A note.",
            "1. one\n2. two\n  - inner",
            "| Years | Hours |\n| --- | --- |\n| 0-3 | 4\\|5 |",
        ]
    )


def test_ods_sheets_become_pages_without_the_endless_empty_cells() -> None:
    def row(*cells: str) -> str:
        filled = "".join(f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>" for cell in cells)
        rest = '<table:table-cell table:number-columns-repeated="16384"/>'
        return f"<table:table-row>{filled}{rest}</table:table-row>"

    empty = '<table:table-row table:number-rows-repeated="1048576"><table:table-cell/></table:table-row>'
    sheet = f'<table:table table:name="{{}}">{row("a", "b")}{row("1", "2")}{empty}</table:table>'
    found = read(opendocument("spreadsheet", sheet.format("One") + sheet.format("Two")), "a.ods")
    assert [(page.number, page.label) for page in found.pages] == [(1, "One"), (2, "Two")]
    assert found.pages[1].text == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_odp_slides_become_pages_with_their_titles_and_notes() -> None:
    frame = "<draw:frame{}><draw:text-box><text:p>{}</text:p></draw:text-box></draw:frame>"
    title = frame.format(' presentation:class="title"', "Ducks")
    notes = f"<presentation:notes>{frame.format('', 'Say hello.')}</presentation:notes>"
    body = f"<draw:page>{title}{frame.format('', 'Swim.')}{notes}</draw:page>"
    (page,) = read(opendocument("presentation", body), "a.odp").pages
    assert (page.number, page.label, page.text) == (1, "Ducks", "# Ducks\n\nSwim.\n\nNotes: Say hello.")


def test_an_encrypted_or_broken_opendocument_says_so() -> None:
    lock = {"META-INF/manifest.xml": "<m><encryption-data/></m>"}
    assert "password" in reason(opendocument("text", "x", **lock), "a.odt")
    assert "damaged" in reason(packed("application/vnd.oasis.opendocument.text", {"x.xml": "<x/>"}), "a.odt")
    whole = opendocument("text", "<text:p>x</text:p>")
    assert "damaged" in reason(whole[: len(whole) // 2], "a.odt")


# RTF


def test_rtf_keeps_headings_tables_and_letters_of_every_kind() -> None:
    body = (
        r"{\stylesheet{\s1\outlinelevel0 heading 1;}}\pard\s1\outlinelevel0 Leave\par\pard "
        "Caf\\'e9, 繁體, 简体 \\emdash  end.\\par\\trowd\\cellx1\\cellx2\\intbl Year\\cell Rate\\cell\\row"
        r"\intbl 2024\cell 0.97\cell\row\pard after{\*\hidden secret}\par"
    )
    found = read(rtf(body), "a.rtf")
    assert found.title == "Handbook"
    assert found.pages[0].text == (
        "# Leave\n\nCafé, 繁體, 简体 — end.\n\n| Year | Rate |\n| --- | --- |\n| 2024 | 0.97 |\n\nafter"
    )


def test_rtf_text_in_the_code_page_of_its_font_is_read() -> None:
    font = r"{\fonttbl{\f0\fcharset0 A;}{\f1\fcharset136 M;}}"
    written = "".join(f"\\'{byte:02x}" for byte in "繁體中文".encode("big5"))
    assert text_of(rf"{{\rtf1\ansi{font}{{\f1 {written}}}}}".encode(), "a.rtf") == "繁體中文"


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.text("\\{}'u0123abc*; \n", max_size=60))
def test_any_rtf_is_read_or_refused_but_nothing_else(noise: str) -> None:
    try:
        tuple(parse(rf"{{\rtf1 word {noise}".encode(), "a.rtf", LIMITS).pages)
    except Unreadable as error:
        assert str(error).endswith(".")


# JSON and source code


def test_json_is_set_over_lines_with_letters_instead_of_escapes() -> None:
    data = json.dumps({"name": "繁體", "list": [1, 2.5, None]}).encode()
    assert text_of(data, "a.json").splitlines()[:2] == ["{", '  "name": "繁體",']


def test_each_line_of_json_lines_is_a_paragraph_and_broken_json_comes_as_it_is() -> None:
    assert text_of(b'{"a": "\\u4e2d"}\n\n{"a": 2}\n', "a.jsonl") == '{"a": "中"}\n\n{"a": 2}'
    assert text_of(b'{"a": 1,}\nnot', "a.json") == '{"a": 1,}\nnot'
    assert text_of(b"[" * 100_000, "a.json") == "[" * 100_000


def test_source_code_is_one_block_so_that_comments_are_no_headings() -> None:
    assert text_of(b"# a comment\nx = 1\n", "a.py") == "```\n# a comment\nx = 1\n```"


@pytest.mark.parametrize("name", ["a.epub", "a.odt", "a.eml", "a.rtf"])
def test_a_name_alone_makes_no_type(name: str) -> None:
    assert "type is unknown" in reason(bytes(range(256)) * 4, name)


def test_a_bomb_in_a_book_is_refused() -> None:
    assert "far more than its own size" in reason(epub({"a.xhtml": "a" * 30_000_000}), "a.epub")


def test_an_archive_without_a_type_is_still_an_archive() -> None:
    assert "archive" in reason(zipped({"mimetyp": "application/epub+zip"}), "a.epub")
