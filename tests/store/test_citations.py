"""Citations end to end: whatever format a document came in, an excerpt stands where its citation says."""

import asyncio
import html
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import docx
import openpyxl
import pptx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from app.services.evaluate import Answered, Bench, open_bench
from app.services.house import House
from app.store import documents
from rag.extract.pdf import load_pymupdf
from rag.generate.extractive import ExtractiveGenerator
from rag.testing import HashEmbedder

SUBJECTS = ("The archive", "El archivo municipal", "市档案馆", "檔案館")
SAYS = (
    "opens at nine",
    "guarda 240 libros",
    "每周一闭馆",
    "借閱期為四週",
    "costs $3.50 [12] a day",
    "是 5 元 [1]。",
)
TAILS = (
    "", ".", "。", "！", "；", " [3]", "[1][2]", "【2】", "［１］", " [[4]]", "`code [1]`", " ```[2]",
    " (p. 7)", " a\u0301 ﬁn", " «cita»", "「引文」", " 𝟙\U0001f600", "|x|", " <b>&amp;</b>", " [", "]]",
    " *x*",
)  # fmt: skip
_SENTENCES = st.tuples(st.sampled_from(SUBJECTS), st.sampled_from(SAYS), st.sampled_from(TAILS)).map(
    lambda parts: f"{parts[0]} {parts[1]}{parts[2]}"
)
_SECTIONS = st.lists(st.lists(_SENTENCES, min_size=1, max_size=4), min_size=1, max_size=4)
QUESTIONS = (
    "When does the archive open?",
    "¿Cuántos libros guarda el archivo?",
    "档案馆星期几闭馆？",
    "借閱期多長？",
)

Sections = list[list[str]]


def plain(sections: Sections) -> bytes:
    return "\n\n".join(" ".join(sentences) for sentences in sections).encode()


def markdown(sections: Sections) -> bytes:
    parts = [f"## Part {n}\n\n- " + "\n- ".join(sentences) for n, sentences in enumerate(sections)]
    return "\n\n".join(parts).encode()


def page(sections: Sections) -> bytes:
    parts = [f"<h2>Part {n}</h2><p>{html.escape(' '.join(each))}</p>" for n, each in enumerate(sections)]
    return f"<html><title>Archive</title><body><main>{''.join(parts)}</main></body></html>".encode()


def text_document(sections: Sections) -> bytes:
    document = docx.Document()
    for number, sentences in enumerate(sections):
        document.add_heading(f"Part {number}", 2)
        document.add_paragraph(" ".join(sentences))
    return _saved(document)


def slides(sections: Sections) -> bytes:
    deck = pptx.Presentation()
    for number, sentences in enumerate(sections):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = f"Part {number}"
        slide.placeholders[1].text = "\n".join(sentences)
    return _saved(deck)


def workbook(sections: Sections) -> bytes:
    book = openpyxl.Workbook()
    book.active.append(["Part", "Text"])
    for number, sentences in enumerate(sections):
        for sentence in sentences:
            book.active.append([number, sentence])
    return _saved(book)


def comma_separated(sections: Sections) -> bytes:
    quoted = [sentence.replace('"', '""') for sentences in sections for sentence in sentences]
    return "\n".join(["Part,Text", *(f'{n},"{each}"' for n, each in enumerate(quoted))]).encode()


def portable(sections: Sections) -> bytes:
    pdf = load_pymupdf()
    document = pdf.open()
    for sentences in sections:
        leaf = document.new_page()
        for line, sentence in enumerate(sentences):
            leaf.insert_text((72, 90 + 30 * line), sentence, fontname="china-s", fontsize=11)
    return bytes(document.tobytes())


def _saved(document: Any) -> bytes:
    buffer = BytesIO()
    document.save(buffer)
    return buffer.getvalue()


FORMATS: dict[str, Callable[[Sections], bytes]] = {
    "txt": plain, "md": markdown, "html": page, "docx": text_document, "pptx": slides, "xlsx": workbook,
    "csv": comma_separated, "pdf": portable,
}  # fmt: skip


class Asked(Struct):
    """What came of one document and one question."""

    text: str
    answered: Answered


@pytest.fixture
def generator() -> ExtractiveGenerator:
    return ExtractiveGenerator(HashEmbedder())


async def ask(house: House, bench: Bench, file: Path, question: str) -> Asked | None:
    document_id = await bench.add_file(f"{uuid4()}{file.suffix}", file)
    if document_id is None:
        return None
    answered = await bench.answer(question)
    async with house.pool.connection() as connection:
        text = await documents.get_text(connection, document_id)
        await house.engine.remove(connection, [document_id])
    return Asked(text, answered)


@pytest.mark.parametrize("suffix", FORMATS)
async def test_every_excerpt_stands_in_the_stored_text_where_its_citation_says(
    house: House, tmp_path: Path, suffix: str
) -> None:
    loop = asyncio.get_running_loop()
    cited = 0

    async with open_bench(house) as bench:

        @settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(_SECTIONS, st.sampled_from(QUESTIONS))
        def holds(sections: Sections, question: str) -> None:
            nonlocal cited
            file = tmp_path / f"archive.{suffix}"
            file.write_bytes(FORMATS[suffix](sections))
            found = asyncio.run_coroutine_threadsafe(ask(house, bench, file, question), loop).result()
            assert found is not None
            for citation in found.answered.citations:
                assert found.text[citation.start : citation.end] == citation.text
                assert citation.text.strip() == citation.text != ""
            cited += len(found.answered.citations)

        await asyncio.to_thread(holds)
    assert cited > 0, "a property of nothing would hold of anything"
