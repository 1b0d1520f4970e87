"""Workbooks leave while their rows come, and every text arrives as what it was."""

import asyncio
import csv
import gc
import random
import shutil
import subprocess
import threading
import tracemalloc
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile, is_zipfile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from openpyxl.utils.escape import unescape

from app.services import spreadsheet
from app.services.spreadsheet import Column, Row, Sheet, write_workbook

ONE = Sheet("Texts", (Column("text", 40),))
AT = datetime(2026, 1, 31, 23, 59, 58, 250_000, tzinfo=UTC)
TEXTS = st.one_of(
    st.text(alphabet=st.characters(), max_size=40),
    st.text(alphabet=st.sampled_from("_x0041aF\x07\0\r\n\t =+-@＝<&>\"']\ufffe\ud83d\udc4d👍"), max_size=20),
)


async def each(batches: Iterable[Sequence[Row]]) -> AsyncIterator[Sequence[Row]]:
    for batch in batches:
        yield batch


def written(sheet: Sheet, *batches: Sequence[Row]) -> bytes:
    async def whole() -> bytes:
        return b"".join([piece async for piece in write_workbook(sheet, each(batches))])

    return asyncio.run(whole())


def opened(data: bytes) -> Any:
    return load_workbook(BytesIO(data))


def read_back(*texts: str) -> list[str]:
    # The number keeps the row of an empty text.
    rows = [(text, number) for number, text in enumerate(texts)]
    data = written(Sheet("Texts", (Column("text"), Column("number"))), rows)
    assert ZipFile(BytesIO(data)).testzip() is None
    sheet = opened(data).active
    # openpyxl leaves Excel's escapes as they are.
    return [unescape(row[0] or "") for row in sheet.iter_rows(min_row=2, values_only=True)]


def as_kept(text: str) -> str:
    """What a cell keeps of a short text."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in lines)


@given(st.lists(TEXTS, min_size=1, max_size=8))
@example(["_x0041_", "_x0041_x0042_", "_x0041\x07", "_x005F_x0041_", "_x004", "_X0041_"])
@example(["a\r\nb\rc\nd", "  both ends \t", "\n", "\ufffe\uffff", "👍", "\u202eabc\u202c", "]]>"])
@settings(max_examples=100, deadline=None)
def test_any_text_comes_back(texts: list[str]) -> None:
    assert read_back(*texts) == [as_kept(text) for text in texts]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t=", "\r@", " +", "＝", "＋", "－", "＠"])
def test_a_text_is_never_a_formula(sign: str) -> None:
    cell = opened(written(ONE, [(f"{sign}1+1",)])).active["A2"]
    assert cell.data_type == "s"
    assert cell.quotePrefix, "it stays text when it is edited"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("x" * 32_767, "x" * 32_767),
        ("x" * 32_768, "x" * 32_766 + "…"),
        ("👍" * 16_383, "👍" * 16_383),
        ("👍" * 16_384, "👍" * 16_383 + "…"),
        ("x" + "👍" * 16_384, "x" + "👍" * 16_382 + "…"),
        ("\x07" * 40_000, "\x07" * 32_766 + "…"),
    ],
)
def test_a_text_beyond_excels_limit_ends_with_a_mark(text: str, kept: str) -> None:
    assert read_back(text) == [kept]


def test_values_have_their_types_and_styles() -> None:
    columns = tuple(Column(name) for name in ("id", "percent", "seconds", "at", "none", "empty"))
    data = written(Sheet("Values", columns), [("0042", 87, 1.5, AT, None, "")])
    cells = opened(data).active[2]
    assert [cell.value for cell in cells] == ["0042", 87, 1.5, AT.replace(tzinfo=None), None, None]
    assert [cell.number_format for cell in cells[1:3]] == ["0", "0.00"]
    assert cells[3].is_date


def test_times_are_told_in_utc() -> None:
    taipei = datetime(2026, 1, 1, 7, 30, tzinfo=timezone(timedelta(hours=8)))
    sheet = opened(written(ONE, [(taipei,), (datetime(1899, 1, 1, tzinfo=UTC),)])).active
    assert sheet["A2"].value == datetime(2025, 12, 31, 23, 30)
    assert sheet["A3"].value == "1899-01-01T00:00:00+00:00", "Excel has no days before 1900"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_leaves_its_cell_empty(value: float) -> None:
    assert opened(written(ONE, [(value,)])).active["A2"].value is None


def test_the_header_is_bold_and_stays_in_sight() -> None:
    sheet = opened(written(Sheet("A & <B>", (Column("=x", 7), Column("y", 30))))).active
    assert sheet.title == "A & <B>"
    assert [cell.value for cell in sheet[1]] == ["=x", "y"]
    assert all(cell.font.bold for cell in sheet[1])
    assert sheet.freeze_panes == "A2"
    assert [sheet.column_dimensions[letter].width for letter in "AB"] == [7, 30]


def test_columns_beyond_the_alphabet_have_their_names() -> None:
    columns = tuple(Column(str(number)) for number in range(1, 705))
    sheet = opened(written(Sheet("Wide", columns), [tuple(range(1, 705))])).active
    assert [sheet[name].value for name in ("A2", "Z2", "AA2", "AZ2", "BA2", "ZZ2", "AAA2", "AAB2")] == [
        1, 26, 27, 52, 53, 702, 703, 704
    ]  # fmt: skip


@pytest.mark.parametrize(("limit", "value"), [("_SHEET_ROWS", 3), ("_SHEET_BYTES", 700)])
def test_what_does_not_fit_goes_on_to_a_further_sheet(
    monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(spreadsheet, limit, value)
    monkeypatch.setattr(spreadsheet, "_SLICE_CHARS", 1)
    book = opened(written(ONE, [("a",), ("b",), ("c",)], [("d",), ("e",)]))
    assert book.sheetnames[:2] == ["Texts", "Texts 2"]
    columns = [[cell.value for cell in sheet["A"]] for sheet in book.worksheets]
    assert {column[0] for column in columns} == {"text"}
    assert [text for column in columns for text in column[1:]] == list("abcde")


async def test_the_first_piece_waits_for_no_row() -> None:
    asked = False

    async def late() -> AsyncIterator[Sequence[Row]]:
        nonlocal asked
        asked = True
        yield [("x",)]

    async with aclosing(write_workbook(ONE, late())) as pieces:
        assert (await anext(pieces)).startswith(b"PK")
        assert not asked


async def test_rows_are_made_beside_the_event_loop() -> None:
    threads = set()

    def rows() -> Iterable[Row]:
        threads.add(threading.current_thread())
        yield ("x",)

    async def batches() -> AsyncIterator[Iterable[Row]]:
        yield rows()

    async for _ in write_workbook(ONE, batches()):
        pass
    assert threading.main_thread() not in threads


async def test_a_file_that_broke_off_is_no_workbook() -> None:
    async def breaking() -> AsyncIterator[Sequence[Row]]:
        yield [(f"{random.random()}",) for _ in range(20_000)]
        raise ConnectionError("the database went away")

    pieces: list[bytes] = []
    with pytest.raises(ConnectionError):
        async for piece in write_workbook(ONE, breaking()):
            pieces.append(piece)
    assert len(pieces) > 2
    assert not is_zipfile(BytesIO(b"".join(pieces)))


async def test_a_row_of_another_length_breaks_off() -> None:
    with pytest.raises(ValueError, match="zip"):
        async for _ in write_workbook(ONE, each([[("a", "b")]])):
            pass


async def test_a_reader_who_goes_away_leaves_nothing_behind() -> None:
    async with aclosing(write_workbook(ONE, each([[("x",)] * 50_000]))) as pieces:
        await anext(pieces)
        await anext(pieces)
    gc.collect()


async def test_memory_does_not_grow_with_the_rows() -> None:
    batch_rows, text_chars = 100, 3_000

    async def batches() -> AsyncIterator[Sequence[Row]]:
        for _ in range(60):
            yield [(random.randbytes(text_chars // 2).hex(),) for _ in range(batch_rows)]

    gc.collect()
    tracemalloc.start()
    try:
        longest = 0
        async for piece in write_workbook(ONE, batches()):
            longest = max(longest, len(piece))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert longest < 256 * 1024
    # One batch more while the next is made, and what compressing takes.
    assert peak < 2 * batch_rows * text_chars + 1024 * 1024


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_libreoffice_reads_what_was_written(tmp_path: Path) -> None:
    texts = ["=1+1", "_x0041_", "bell\x07", "a\r\nb", "  in ", 'say "x", <b>&', "👍 借閱期限", "x" * 40_000]
    columns = (Column("文字"), Column("percent"), Column("seconds"), Column("at"), Column("none"))
    (tmp_path / "book.xlsx").write_bytes(
        written(Sheet("Texts", columns), [(text, 87, 1.234, AT, None) for text in texts])
    )
    subprocess.run(
        ["soffice", f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}", "--headless", "--convert-to",
         "csv:Text - txt - csv (StarCalc):44,34,76,1", "--outdir", tmp_path, tmp_path / "book.xlsx"],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    with (tmp_path / "book.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["文字", "percent", "seconds", "at", "none"]
    kept = [*(as_kept(text) for text in texts[:-1]), "x" * 32_766 + "…"]
    assert rows == [[text, "87", "1.23", "2026-01-31 23:59:58", ""] for text in kept]
