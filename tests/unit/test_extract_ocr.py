"""Scans and pictures: read where Tesseract is installed, else with the reason why not."""

from difflib import SequenceMatcher
from pathlib import Path

import pytest

from rag.extract import Extractor, Limits, ocr
from rag.extract.mupdf import load_pymupdf
from rag.extract.parse import parse
from rag.extract.streamed import CutShort
from tests.unit.making import picture_of
from tests.unit.reading import read, reason, text_of

installed = pytest.mark.skipif("eng" not in ocr.languages(), reason="tesseract-ocr is not installed")
LINES = ("Annual leave is earned", "at six hours a month")
SPANISH = (
    "La biblioteca abrirá también los sábados por la mañana según el horario de otoño.",
    "El préstamo dura dos semanas y después habrá que pagar una multa pequeña por día.",
    "¿Quién podrá pedir más libros que los que permite su carné?",
)
IN_OTHER_LANGUAGES = (
    ("spa", "helv", SPANISH),
    ("chi_sim", "china-s", ("图书馆星期六上午也开放", "借书期限为两个星期", "过期须付罚款")),
    ("chi_tra", "china-t", ("維基百科是一個自由的", "線上百科全書計畫", "圖書館星期六上午也開放")),
)


@pytest.fixture
def without_tesseract(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "languages", lambda: ())


def scan(*pictures: bytes, text: str = "") -> bytes:
    """A PDF with a page for each picture, and one with text."""
    document = load_pymupdf().open()
    for picture in pictures:
        width = max(500, load_pymupdf().Pixmap(picture).width * 72 / 150)
        document.new_page(width=width, height=300).insert_image((0, 0, width, 300), stream=picture)
    if text:
        document.new_page().insert_text((72, 72), text)
    return bytes(document.tobytes())


def blank() -> bytes:
    pymupdf = load_pymupdf()
    picture = pymupdf.Pixmap(pymupdf.csGRAY, (0, 0, 200, 200), False)
    picture.clear_with(200)
    return bytes(picture.tobytes("png"))


@installed
def test_the_scanned_pages_of_a_pdf_are_recognised_and_keep_their_numbers() -> None:
    found = read(scan(picture_of(*LINES), blank(), text="Typed page."), "a.pdf")
    assert [page.number for page in found.pages] == [1, 2, 3]
    assert "Annual leave is earned" in found.pages[0].text and "six hours a month" in found.pages[0].text
    assert (found.pages[1].text, found.pages[2].text) == ("", "Typed page.")


@installed
def test_a_picture_is_recognised() -> None:
    assert "six hours a month" in text_of(picture_of(*LINES), "a.png")


@installed
def test_a_scan_that_shows_no_letters_says_so() -> None:
    assert "no text was recognised" in reason(scan(blank()), "a.pdf")
    assert "No text was recognised" in reason(blank(), "a.png")


@pytest.mark.parametrize(("language", "font", "lines"), IN_OTHER_LANGUAGES)
def test_the_installed_languages_are_told_by_the_picture(
    language: str, font: str, lines: tuple[str, ...]
) -> None:
    if language not in ocr.languages():
        pytest.skip(f"the language {language} of tesseract-ocr is not installed")
    english, foreign = picture_of(*LINES), picture_of(*lines, font=font)
    found = read(scan(foreign, english, foreign, english), "a.pdf")
    first, second, third, fourth = ("".join(page.text.split("\n")) for page in found.pages)
    assert first == third
    assert SequenceMatcher(None, first.replace(" ", ""), "".join(lines).replace(" ", "")).ratio() > 0.9
    assert (" " in first) == (language == "spa")
    assert "hours a month" in second and "hours a month" in fourth


@installed
def test_languages_of_the_latin_script_are_recognised_together_and_others_alone() -> None:
    assert ocr.groups(("eng", "spa", "chi_tra", "chi_sim")) == [("eng", "spa"), ("chi_tra",), ("chi_sim",)]
    assert ocr.groups(("chi_sim",)) == [("chi_sim",)]
    assert ocr.groups(("eng", "deu", "fra", "ita", "rus", "srp", "srp_latn")) == [
        ("eng", "deu", "fra"),
        ("rus",),
        ("srp",),
    ]


@installed
def test_a_scan_that_takes_too_long_for_any_of_it_is_refused() -> None:
    two = scan(picture_of(*LINES), picture_of(*LINES))
    said = reason(two, "a.pdf", Limits(max_ocr_s=0.001))
    assert "took longer" in said and "2 of 2 pictures" in said
    assert "took longer" in reason(two, "a.pdf", Limits(max_ocr_page_s=0.001))


class Clock:
    """A time that goes on by a second whenever it is asked."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 1.0
        return self.now


@installed
async def test_what_was_recognised_until_the_time_was_up_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ocr, "time", Clock())
    found = parse(scan(*[picture_of(*LINES)] * 4, text="Typed page."), "a.pdf", Limits(max_ocr_s=5.0))
    pages = []
    with pytest.raises(CutShort, match="2 of 4 pictures are missing"):
        for page in found.pages:
            pages.append(page.text)
    assert ["six hours" in text for text in pages] == [True, True, False, False, False]
    assert pages[4] == "Typed page."


async def test_pages_beyond_the_limit_are_left_out_with_a_reason(tmp_path: Path) -> None:
    document = load_pymupdf().open()
    for number in range(5):
        document.new_page().insert_text((72, 72), f"Page {number}.")
    path = tmp_path / "a.pdf"
    path.write_bytes(document.tobytes())
    extractor = Extractor(Limits(max_pages=3))
    try:
        found = await extractor.extract(path, "a.pdf")
    finally:
        await extractor.close()
    assert [page.text for page in found.pages] == ["Page 0.", "Page 1.", "Page 2."]
    assert "first 3 pages" in (found.shortfall or "")


def test_a_broken_picture_says_so() -> None:
    said = reason(b"\x89PNG\r\n\x1a\n" + bytes(50), "a.png")
    assert "picture" in said


def test_without_tesseract_the_reason_names_it(without_tesseract: None) -> None:
    assert "scan" in reason(scan(blank()), "a.pdf")
    for data, name in ((scan(blank()), "a.pdf"), (blank(), "a.png")):
        assert "install tesseract-ocr" in reason(data, name)


@installed
async def test_a_picture_is_recognised_in_the_jail_too(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(picture_of(*LINES))
    extractor = Extractor()
    try:
        found = await extractor.extract(path, "a.png")
    finally:
        await extractor.close()
    assert "six hours a month" in found.pages[0].text
