"""Scans and pictures: read where Tesseract is installed, else with the reason why not."""

from pathlib import Path

import pytest

from rag.extract import Extractor, Limits, ocr
from rag.extract.mupdf import load_pymupdf
from tests.unit.making import picture_of
from tests.unit.reading import read, reason, text_of

installed = pytest.mark.skipif("eng" not in ocr.languages(), reason="tesseract-ocr is not installed")
LINES = ("Annual leave is earned", "at six hours a month")


@pytest.fixture
def without_tesseract(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "languages", lambda: ())


def scan(*pictures: bytes, text: str = "") -> bytes:
    """A PDF with a page for each picture, and one with text."""
    document = load_pymupdf().open()
    for picture in pictures:
        document.new_page(width=500, height=300).insert_image((0, 0, 500, 300), stream=picture)
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


@installed
def test_recognition_ends_with_its_time() -> None:
    two = scan(picture_of(*LINES), picture_of(*LINES))
    assert "took longer" in reason(two, "a.pdf", Limits(max_ocr_s=0.001))


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
