"""The same article in every format gives the same text: what a format loses is its reader's fault."""

from collections.abc import Callable
from html import escape
from pathlib import Path

import docx
import openpyxl
import pptx
import pytest

from rag.extract.fidelity import folded
from rag.extract.mupdf import load_pymupdf
from tests.unit.making import epub, opendocument, rtf
from tests.unit.reading import saved, text_of, unpacked, zipped

ARTICLES = {
    "en": [
        "You earn six hours of annual leave in each pay period.",
        "Whoever works part time earns one hour for twenty hours of work.",
    ],
    "es": [
        "Cada año se devengan veintidós días de vacaciones, según el convenio.",
        "¿Quién autoriza el permiso? El jefe de sección.",
    ],
    "zh-Hant": ["員工每月可休特別休假一天，須事先申請。", "部門主管核准後，由人事室登記。"],
    "zh-Hans": ["员工每月可休年假一天，须事先申请。", "部门主管批准后，由人事处登记。"],
}


def as_pdf(article: list[str]) -> bytes:
    document = load_pymupdf().open()
    page = document.new_page()
    for number, words in enumerate(article):
        chinese = "china-ts" if "員" in "".join(article) else "china-s"
        font = chinese if ord(words[0]) > 0x3000 else "helv"
        page.insert_text((60, 80 + 60 * number), words, fontsize=10, fontname=font)
    return bytes(document.tobytes())


def as_docx(article: list[str]) -> bytes:
    document = docx.Document()
    for words in article:
        document.add_paragraph(words)
    return saved(document)


def as_xlsx(article: list[str]) -> bytes:
    book = openpyxl.Workbook()
    for words in article:
        book.active.append([words])
    book.active.title = "x"
    return saved(book)


def as_pptx(article: list[str]) -> bytes:
    show = pptx.Presentation()
    frame = show.slides.add_slide(show.slide_layouts[6]).shapes.add_textbox(0, 0, 100, 100).text_frame
    frame.text = "\n".join(article)
    return saved(show)


def as_html(article: list[str]) -> bytes:
    return f"<html><body>{_paragraphs(article, 'p')}</body></html>".encode()


_MAIL_HEAD = (
    b"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
)


def _paragraphs(article: list[str], tag: str) -> str:
    return "".join(f"<{tag}>{escape(words)}</{tag}>" for words in article)


FORMATS: dict[str, Callable[[list[str]], bytes]] = {
    "a.pdf": as_pdf,
    "a.docx": as_docx,
    "a.xlsx": as_xlsx,
    "a.pptx": as_pptx,
    "a.html": as_html,
    "a.md": lambda article: "\n\n".join(article).encode(),
    "a.txt": lambda article: "\n\n".join(article).encode("utf-16"),
    "a.csv": lambda article: "\n".join(f'"{words}"' for words in article).encode(),
    "a.epub": lambda article: epub({"a.xhtml": _paragraphs(article, "p")}),
    "a.odt": lambda article: opendocument("text", _paragraphs(article, "text:p")),
    "a.eml": lambda article: _MAIL_HEAD + "\n\n".join(article).encode(),
    "a.rtf": lambda article: rtf("\\par ".join(article)),
}


@pytest.mark.parametrize("language", ARTICLES)
@pytest.mark.parametrize("name", FORMATS)
def test_an_article_reads_the_same_in_every_format(name: str, language: str) -> None:
    article = ARTICLES[language]
    text = text_of(FORMATS[name](article), name).removeprefix("# x\n\n")
    assert folded(text) == folded("".join(article))


@pytest.mark.parametrize("language", ARTICLES)
async def test_an_article_reads_the_same_out_of_an_archive(language: str, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({"a.md": "\n\n".join(ARTICLES[language])}))
    ((name, data),) = (await unpacked(path)).items()
    assert folded(text_of(data, name)) == folded("".join(ARTICLES[language]))


@pytest.mark.parametrize(
    ("language", "encoding"),
    [
        *(("zh-Hant", name) for name in ("big5", "gb18030", "utf-16", "utf-16-le", "utf-16-be")),
        *(("zh-Hans", name) for name in ("gb18030", "gbk", "utf-16", "utf-16-le")),
        *(("es", name) for name in ("latin-1", "cp1252", "utf-16", "utf-16-be")),
    ],
)
def test_real_text_is_read_in_its_encoding(language: str, encoding: str) -> None:
    article = "\n".join(ARTICLES[language] * 3)
    assert text_of(article.encode(encoding), "a.txt") == article
