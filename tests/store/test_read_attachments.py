"""Reading attachments: real files give their texts with pages, the others a reason; each is read once."""

import asyncio
import io
from pathlib import Path
from uuid import UUID

import pytest
from docx import Document

from app.domain.attachments import Attachment
from app.services import read_attachments as reading
from app.services.house import House
from app.services.identify import Visit
from app.services.read_attachments import read_attachments
from rag.extract.mupdf import load_pymupdf
from rag.passages import DocumentText, Extracted, Page
from tests.attachments import PNG, TEXT, keep, send, sent_with

DOWNLOADS = Path(__file__).resolve().parents[1] / "data/handbook-tts/downloads"


def pdf(*pages: str, password: str = "") -> bytes:
    document = load_pymupdf().open()
    for text in pages:
        document.new_page().insert_text((50, 80), text)
    options = {"encryption": 5, "user_pw": password, "owner_pw": password} if password else {}
    return bytes(document.tobytes(**options))


def docx(text: str) -> bytes:
    document, buffer = Document(), io.BytesIO()
    document.add_heading("Loans")
    document.add_paragraph(text)
    document.save(buffer)
    return buffer.getvalue()


async def texts(house: House, *wanted: Attachment) -> dict[UUID, DocumentText]:
    return dict(await read_attachments(house, wanted))


async def error_of(house: House, sent: Attachment) -> str:
    found = {item.id: item for item in await sent_with(house, sent.message_id)}
    return found[sent.id].error or ""


async def test_pdf_docx_and_text_are_read_under_their_names_with_their_pages(
    house: House, visit: Visit
) -> None:
    kept = [
        await keep(house, visit, pdf("The fee is nine euros.", "Ships leave at dawn."), "fees.pdf"),
        await keep(house, visit, docx("Books are due after fourteen days."), "loans.docx"),
        await keep(house, visit, TEXT, "notes.txt"),
        await keep(house, visit, (DOWNLOADS / "my-form.pdf").read_bytes(), "form.pdf"),
        await keep(house, visit, (DOWNLOADS / "TEMPLATE_Team_charter.docx").read_bytes(), "charter.docx"),
    ]
    sent = await send(house, visit, *kept)
    read = await texts(house, *sent)
    assert list(read) == [item.id for item in sent]
    fees, loans, notes, form, charter = read.values()
    assert [document.title for document in read.values()] == [item.name for item in sent]
    assert [span.number for span in fees.spans] == [1, 2]
    assert "Ships leave at dawn" in fees.text[fees.spans[1].start : fees.spans[1].end]
    assert "fourteen days" in loans.text
    assert notes.text == TEXT.decode()
    assert len(form.text) > 100 and len(charter.text) > 100


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (PNG, "a.png", "Pictures are stored but not read."),
        (PNG, "lies.pdf", "Pictures are stored but not read."),
        (b"ID3\x04" + bytes(60), "a.mp3", "Recordings are stored but not read."),
        (b"\0\0\0\x18ftypmp42" + bytes(60), "a.mp4", "Videos are stored but not read."),
        (pdf("secret", password="x"), "locked.pdf", "password"),
        (pdf("cut")[:300], "cut.pdf", "damaged"),
        (pdf(""), "blank.pdf", ""),
        (b"   \n", "blank.txt", "empty"),
        (b"MZ\x90\0" + bytes(range(256)) * 4, "setup.exe", "type is unknown"),
        (b"\0" * 600, "zeros.txt", "type is unknown"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_not_read_says_why_and_does_not_stop_the_others(
    house: House, visit: Visit, data: bytes, name: str, reason: str
) -> None:
    bad, good = await send(
        house, visit, await keep(house, visit, data, name), await keep(house, visit, TEXT, "notes.txt")
    )
    assert list(await texts(house, bad, good)) == [good.id]
    told = await error_of(house, bad)
    assert told.endswith(".") and reason in told
    assert await error_of(house, good) == ""
    # The reason is kept: nobody tries again.
    assert list(await texts(house, bad, good)) == [good.id]


async def test_text_may_come_with_nul_and_bidi_characters(house: House, visit: Visit) -> None:
    data = ("The fee\0 is \u202enine\u202c euros. " + "Ships leave at dawn. " * 20).encode()
    (sent,) = await send(house, visit, await keep(house, visit, data, "odd.txt"))
    (text,) = (await texts(house, sent)).values()
    assert "\0" not in text.text and "euros" in text.text


class Counted:
    """Stands in for the extraction and counts what runs at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, house: House, gate: asyncio.Event) -> None:
        self.under_way = self.most = self.calls = 0
        self._gate = gate
        monkeypatch.setattr(house.engine, "extract", self.extract)

    async def extract(self, path: Path, name: str) -> Extracted:
        self.calls += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await self._gate.wait()
        self.under_way -= 1
        return Extracted((Page(name, 1),), "text/plain")


async def test_a_stored_file_is_read_once_however_often_it_is_sent(
    house: House, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = asyncio.Event()
    gate.set()
    counted = Counted(monkeypatch, house, gate)
    (first,) = await send(house, visit, await keep(house, visit))
    (second,) = await send(house, visit, first)
    read = [(await texts(house, first))[first.id], (await texts(house, second))[second.id]]
    assert read[0] == read[1] and read[0].spans[0].number == 1
    assert counted.calls == 1


async def test_four_files_are_read_at_once_over_the_whole_process(
    house: House, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = asyncio.Event()
    counted = Counted(monkeypatch, house, gate)
    sent = [
        await send(house, visit, *[await keep(house, visit, f"{a}{b}".encode()) for a in range(5)])
        for b in range(2)
    ]
    readings = [asyncio.create_task(read_attachments(house, items)) for items in sent]
    while counted.under_way < 4:  # noqa: ASYNC110 -- the stand-in has no event to wait for
        await asyncio.sleep(0)
    gate.set()
    read = await asyncio.gather(*readings)
    assert [len(items) for items in read] == [5, 5]
    assert (counted.most, counted.calls) == (4, 10)


async def test_a_file_that_takes_too_long_is_left_out_and_tried_again(
    house: House, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = asyncio.Event()
    Counted(monkeypatch, house, gate)
    (sent,) = await send(house, visit, await keep(house, visit))
    with monkeypatch.context() as hurried:
        hurried.setattr(reading, "_READ_S", 0.01)
        assert await texts(house, sent) == {}
    assert "not read within" in await error_of(house, sent)
    gate.set()
    (again,) = await send(house, visit, sent)
    assert list(await texts(house, sent, again)) == [sent.id, again.id]
    assert await error_of(house, sent) == ""


async def test_a_file_that_is_gone_from_the_store_says_so(house: House, visit: Visit) -> None:
    (sent,) = await send(house, visit, await keep(house, visit))
    await house.files.delete([sent.file_key])
    assert await texts(house, sent) == {}
    assert await error_of(house, sent) == "The stored file is missing; send it again."
