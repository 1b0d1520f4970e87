"""Names and sizes of uploaded files."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import TooLarge
from app.security.uploads import check_size, display_name


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\Ana\\año nuevo.docx", "año nuevo.docx"),
        ("/", "file"),
        ("..", "file"),
        ("", "file"),
        (None, "file"),
        ("a\x00b\r\nc.txt", "ab c.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("\u2066手册\u2069.pdf", "手册.pdf"),
        ("\ufeffnotes\u200b.md", "notes.md"),
        ("\u200d", "file"),
        ("کتاب\u200cها.pdf", "کتاب\u200cها.pdf"),
        ("bad\ud800name.txt", "badname.txt"),
        ("line\u2028break.txt", "line break.txt"),
        (".env", "env"),
    ],
)
def test_a_clients_file_name_becomes_safe_to_show(sent: str | None, shown: str) -> None:
    assert display_name(sent) == shown


def test_a_long_name_is_cut_and_keeps_its_extension() -> None:
    name = display_name("x" * 5000 + ".docx")
    assert len(name) == 150
    assert name.endswith("x.docx")
    assert len(display_name("x." + "y" * 5000)) <= 150


@given(st.text(alphabet=st.characters(exclude_categories=[]), max_size=400))
def test_every_shown_name_is_short_printable_and_has_no_path(sent: str) -> None:
    name = display_name(sent)
    assert 0 < len(name) <= 150
    assert name not in (".", "..")
    assert not set("/\\\r\n\x00") & set(name)
    assert all(unicodedata.category(c)[0] != "C" for c in name if c not in "\u200c\u200d")
    assert display_name(name) == name
    name.encode()


def test_a_file_over_the_limit_is_refused_with_both_figures() -> None:
    check_size(64 * 1024 * 1024, 64)
    with pytest.raises(TooLarge, match=r"70\.0 MB; at most 64 MB"):
        check_size(70 * 1024 * 1024, 64)
