"""Links to files: who has one gets the file, nobody makes one, and what is deleted is gone."""

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid4

import pytest

from app.domain.errors import NotFound
from app.domain.knowledge import Row, SourceKind
from app.domain.paging import PageRequest
from app.domain.quotes import CitedFile, CitedKind
from app.services.add_sources import add_path, find_target
from app.services.house import House
from app.services.identify import Visit
from app.services.manage_rows import add_rows, delete_rows, list_rows
from app.services.manage_sources import create_source
from app.services.serve_files import ServedFile, attachment_link, cited_link, open_file
from app.store import documents, sources
from app.store.documents import NewDocument
from app.store.sources import NewSource
from rag.passages import DocumentText
from tests.attachments import PNG, TEXT, keep
from tests.parts import HeldQueue


def token_of(link: str) -> str:
    return urlsplit(link).path.split("/")[3]


def document_token(house: House, document_id: UUID, name: str) -> str:
    now = datetime.now(UTC)
    return token_of(cited_link(house, "http://x", CitedFile(document_id, CitedKind.DOCUMENT, name, now, now)))


async def body(served: ServedFile) -> bytes:
    data = b"".join([block async for block in served.blocks])
    assert len(data) == served.file_bytes
    return data


async def test_a_link_leads_to_the_attachment_under_its_name(house: House, visit: Visit) -> None:
    kept = await keep(house, visit, PNG * 10_000, '手册 "a" #1?%2e.png')
    link = attachment_link(house, "https://lectern.test/", kept)
    parts = urlsplit(link)
    assert link.startswith("https://lectern.test/api/files/") and not parts.query and not parts.fragment
    assert unquote(parts.path.rpartition("/")[2]) == kept.name
    served = await open_file(house, token_of(link))
    assert (served.name, served.media_type) == (kept.name, "image/png")
    assert await body(served) == PNG * 10_000


async def test_a_token_that_was_not_handed_out_opens_nothing(house: House, visit: Visit) -> None:
    kept = await keep(house, visit)
    token = token_of(attachment_link(house, "", kept))
    foreign = (
        house.signer.token("cursor", kept.id.bytes),
        house.signer.token("attachment", uuid4().bytes),
        house.signer.token("document", kept.id.bytes),
        token[:-1],
        token + "A",
        "A" * 43,
        "..",
        "é",
        "",
        str(kept.id),
    )
    for forged in foreign:
        with pytest.raises(NotFound, match=r"^File not found\.$"):
            await open_file(house, forged)


async def test_a_file_that_is_gone_from_the_store_is_not_found(house: House, visit: Visit) -> None:
    kept = await keep(house, visit)
    await house.files.delete([kept.file_key])
    with pytest.raises(NotFound):
        await open_file(house, token_of(attachment_link(house, "", kept)))


async def document_id(house: House, name: str) -> UUID:
    async with house.pool.connection() as connection:
        rows = await connection.execute("SELECT id FROM documents WHERE name = %s", (name,))
        found = await rows.fetchone()
        assert found is not None
        return UUID(str(found[0]))


async def test_a_documents_file_is_served_as_it_was_added(
    house: House, visit: Visit, queue: HeldQueue, tmp_path: Path
) -> None:
    path = tmp_path / "added/notes.md"
    path.parent.mkdir()
    path.write_bytes(TEXT)
    target = await find_target(house, visit.assistant.id, None)
    assert [added.error async for added in add_path(house, target, path.parent)] == [None]
    name = "added/notes.md"
    found = await document_id(house, name)
    for _ in range(2):
        served = await open_file(house, document_token(house, found, name))
        assert served.name == "notes.md"
        assert await body(served) == TEXT
        await queue.work_off(house)


async def test_a_row_is_served_as_text_until_it_is_deleted(
    house: House, visit: Visit, queue: HeldQueue
) -> None:
    source = await create_source(house, visit)
    await add_rows(house, visit, source.id, (Row("library/loans", "Fourteen days, señor."),))
    (row,) = (await list_rows(house, visit, source.id, PageRequest())).items
    token = document_token(house, row.id, row.name)
    served = await open_file(house, token)
    assert (served.name, served.media_type) == ("loans.txt", "text/plain; charset=utf-8")
    assert (await body(served)).decode() == "Fourteen days, señor."
    await delete_rows(house, visit, source.id, (row.id,))
    with pytest.raises(NotFound):
        await open_file(house, token)


async def test_a_web_page_is_served_as_its_text(house: House, visit: Visit) -> None:
    stored = await keep(house, visit, b"<script>alert(1)</script>", "page.html")
    async with house.pool.connection() as connection:
        source = NewSource(SourceKind.WEBSITE, "site")
        website = await sources.insert_source(connection, visit.base, source)
        new = NewDocument("https://site.test/about/", None, file_key=stored.file_key)
        page = await documents.insert_document(connection, website, new)
        assert page is not None
        text = DocumentText("About us", (), "")
        await documents.mark_synced(connection, documents.Reading(page.id, None, text, "text/html"))
    served = await open_file(house, document_token(house, page.id, page.name))
    assert served.media_type == "text/plain; charset=utf-8"
    assert await body(served) == b"About us"
