"""Syncs through the real stages: what changed is indexed, what failed says why, what is gone is gone."""

import asyncio
import zipfile
from pathlib import Path
from uuid import UUID

import pytest

from app.domain.channels import QuotaKind, QuotaPeriod
from app.domain.errors import Conflict, Exhausted, NotFound
from app.domain.knowledge import Row, RowChange, SyncState
from app.domain.paging import PageRequest
from app.services.add_sources import Added, Progress, add_path, find_target, watch
from app.services.house import House
from app.services.identify import Visit
from app.services.manage_channels import limit_channel
from app.services.manage_rows import add_rows, change_rows, delete_rows, get_row, list_rows
from app.services.manage_sources import create_source, delete_source, get_source
from app.services.sync_source import request_sync
from rag.passages import Extracted, Page, Question, Scope
from tests.parts import HeldQueue

LOANS = "# Loans\n\nThe grace period for returning a book is fourteen days after the due date."
PARKING = "# Parking\n\nVisitors park their bicycles behind the northern greenhouse."


async def ask(house: House, visit: Visit, text: str) -> list[str]:
    """The texts that are found for a question."""
    question = Question(text, Scope(tuple(base.id for base in visit.bases)))
    found = await house.engine.retrieve(house.pool, question)
    return [hit.text for hit in found.hits]


async def add(house: House, visit: Visit, path: Path, category: str | None = None) -> list[Added]:
    target = await find_target(house, visit.assistant.id, category)
    return [added async for added in add_path(house, target, path)]


async def sync(house: House, visit: Visit, queue: HeldQueue, source_id: UUID) -> None:
    await request_sync(house, visit, source_id)
    await queue.work_off(house)


@pytest.fixture
async def source_id(house: House, visit: Visit, queue: HeldQueue) -> UUID:
    source = await create_source(house, visit)
    await add_rows(house, visit, source.id, (Row("loans", LOANS), Row("parking", PARKING)))
    await sync(house, visit, queue, source.id)
    return source.id


async def test_a_changed_row_answers_with_its_old_text_until_the_next_sync(
    house: House, visit: Visit, queue: HeldQueue, source_id: UUID
) -> None:
    rows = await list_rows(house, visit, source_id, PageRequest())
    loans = rows.items[0]
    changed = LOANS.replace("fourteen", "thirty")
    await change_rows(house, visit, source_id, (RowChange(loans.id, content=changed),))
    row, content = await get_row(house, visit, source_id, loans.id)
    assert (row.state, content) == (SyncState.NOT_SYNCED, changed)
    found = await ask(house, visit, "grace period for returning a book")
    assert any("fourteen days" in text for text in found)
    await sync(house, visit, queue, source_id)
    found = await ask(house, visit, "grace period for returning a book")
    assert any("thirty days" in text for text in found)
    assert not any("fourteen days" in text for text in found)


async def test_a_deleted_row_stops_answering_at_once(house: House, visit: Visit, source_id: UUID) -> None:
    rows = await list_rows(house, visit, source_id, PageRequest())
    await delete_rows(house, visit, source_id, (rows.items[0].id,))
    assert not any("grace period" in text for text in await ask(house, visit, "grace period for a book"))


async def test_a_deleted_source_leaves_nothing_in_any_table(
    house: House, visit: Visit, source_id: UUID
) -> None:
    await delete_source(house, visit, source_id)
    async with house.pool.connection() as connection:
        for table in ("sources", "documents", "chunks", "chunk_vectors", "postings"):
            row = await (await connection.execute(f"SELECT count(*) FROM {table}")).fetchone()
            assert row == (0,), table
    with pytest.raises(NotFound):
        await get_source(house, visit, source_id)


async def test_a_source_deleted_while_it_is_synced_leaves_nothing_behind(
    house: House, visit: Visit, queue: HeldQueue
) -> None:
    source = await create_source(house, visit)
    await add_rows(house, visit, source.id, tuple(Row(f"row {n}", f"{LOANS} {n}") for n in range(20)))
    await request_sync(house, visit, source.id)
    working = asyncio.create_task(queue.work_off(house))
    await delete_source(house, visit, source.id)
    await working
    assert await ask(house, visit, "grace period for returning a book") == []


async def test_a_second_sync_touches_nothing(
    house: House, visit: Visit, queue: HeldQueue, source_id: UUID
) -> None:
    async def chunk_ids() -> list[tuple[int, ...]]:
        async with house.pool.connection() as connection:
            return await (await connection.execute("SELECT id FROM chunks ORDER BY id")).fetchall()

    before = await chunk_ids()
    await sync(house, visit, queue, source_id)
    assert await chunk_ids() == before
    assert (await get_source(house, visit, source_id)).state is SyncState.SYNCED


async def test_a_sync_while_one_is_open_is_refused(house: House, visit: Visit, source_id: UUID) -> None:
    await request_sync(house, visit, source_id)
    with pytest.raises(Conflict):
        await request_sync(house, visit, source_id)


async def test_a_sync_beyond_the_storage_quota_is_refused(
    house: House, visit: Visit, source_id: UUID
) -> None:
    await limit_channel(house.pool, visit.channel.id, QuotaKind.STORAGE_BYTES, 10, QuotaPeriod.FOREVER)
    with pytest.raises(Exhausted):
        await request_sync(house, visit, source_id)


async def test_one_broken_file_does_not_stop_the_others(
    house: House, visit: Visit, queue: HeldQueue, tmp_path: Path
) -> None:
    folder = tmp_path / "papers"
    (folder / "sub").mkdir(parents=True)
    (folder / "loans.md").write_text(LOANS)
    (folder / "sub" / "parking.txt").write_text(PARKING)
    (folder / "empty.md").write_text("")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing of the kind")
    (folder / "unknown.bin").write_bytes(bytes(range(256)) * 40)
    added = await add(house, visit, folder)
    await queue.work_off(house)
    progress = [step async for step in watch(house, [one.source_id for one in added if one.source_id])][-1]
    assert isinstance(progress, Progress)
    assert (progress.done, progress.total) == (5, 5)
    assert {item.name for item in progress.failed} == {
        f"papers/{name}" for name in ("empty.md", "broken.pdf", "unknown.bin")
    }
    assert all(len(item.error) > 20 and item.error.endswith(".") for item in progress.failed), progress.failed
    assert any("fourteen" in text for text in await ask(house, visit, "grace period for returning a book"))
    assert any("greenhouse" in text for text in await ask(house, visit, "where do visitors park bicycles"))


async def test_a_file_over_the_limit_keeps_its_reason(
    house: House, visit: Visit, queue: HeldQueue, tmp_path: Path
) -> None:
    large = tmp_path / "large.txt"
    with large.open("wb") as file:
        file.truncate((house.settings.max_upload_mb << 20) + 1)
    (added,) = await add(house, visit, large)
    assert added.error is not None
    assert added.source_id is not None
    assert queue.jobs == []


async def test_the_members_of_a_zip_become_sources(
    house: House, visit: Visit, queue: HeldQueue, tmp_path: Path
) -> None:
    archive = tmp_path / "papers.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a/loans.md", LOANS)
        file.writestr("parking.txt", PARKING)
    added = await add(house, visit, archive, "rules")
    assert sorted(one.name for one in added) == ["a/loans.md", "parking.txt"]
    await queue.work_off(house)
    assert any("fourteen" in text for text in await ask(house, visit, "grace period for returning a book"))


async def test_a_hostile_zip_is_refused_whole(
    house: House, visit: Visit, queue: HeldQueue, tmp_path: Path
) -> None:
    archive = tmp_path / "papers.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("loans.md", LOANS)
        file.writestr("../../etc/cron.d/evil", "no")
    (added,) = await add(house, visit, archive)
    assert (added.source_id, queue.jobs) == (None, [])
    assert added.error


async def test_a_name_too_long_to_be_kept_is_said_and_the_others_go_on(
    house: House, visit: Visit, queue: HeldQueue, tmp_path: Path
) -> None:
    archive = tmp_path / "papers.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("規則/" * 1_000 + "loans.md", LOANS)
        file.writestr("借" * 4_000 + ".md", LOANS)
        file.writestr("parking.txt", PARKING)
    added = await add(house, visit, archive)
    assert [one.error is None for one in added] == [False, True, True]
    assert "600 characters" in (added[0].error or "")
    assert len(queue.jobs) == 2


async def test_a_file_read_in_part_is_indexed_and_says_what_is_missing(
    house: House, visit: Visit, queue: HeldQueue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def extract_part(path: Path, name: str) -> Extracted:
        return Extracted((Page(LOANS),), "application/pdf", shortfall="2 of 3 pictures are missing.")

    monkeypatch.setattr(house.engine, "extract", extract_part)
    file = tmp_path / "loans.pdf"
    file.write_bytes(b"%PDF-")
    (added,) = await add(house, visit, file)
    await queue.work_off(house)
    assert added.source_id is not None
    progress = [each async for each in watch(house, [added.source_id])][-1]
    assert (progress.failed, [item.error for item in progress.incomplete]) == (
        (),
        ["2 of 3 pictures are missing."],
    )
    assert await ask(house, visit, "grace period for returning a book")


async def test_adding_a_file_again_renews_it(
    house: House, visit: Visit, queue: HeldQueue, tmp_path: Path
) -> None:
    file = tmp_path / "loans.md"
    file.write_text(LOANS)
    (first,) = await add(house, visit, file)
    await queue.work_off(house)
    file.write_text(LOANS.replace("fourteen", "ninety"))
    (second,) = await add(house, visit, file)
    await queue.work_off(house)
    assert first.source_id == second.source_id
    found = await ask(house, visit, "grace period for returning a book")
    assert [text for text in found if "days" in text] == [text for text in found if "ninety days" in text]
    assert len(list((house.settings.home / "files").rglob("*.md"))) == 1, "the file before is not kept"


async def test_changes_deletions_and_a_sync_at_once_do_not_lock_each_other_out(
    house: House, visit: Visit, queue: HeldQueue
) -> None:
    source = await create_source(house, visit)
    await add_rows(house, visit, source.id, tuple(Row(f"row {n}", f"{LOANS} {n}") for n in range(12)))
    await sync(house, visit, queue, source.id)
    rows = (await list_rows(house, visit, source.id, PageRequest(limit=100))).items
    changed = tuple(RowChange(row.id, content=f"{PARKING} {row.name}") for row in rows)
    await change_rows(house, visit, source.id, changed)
    await request_sync(house, visit, source.id)
    outcomes = await asyncio.gather(
        queue.work_off(house),
        *(change_rows(house, visit, source.id, (change,)) for change in changed),
        *(delete_rows(house, visit, source.id, (row.id,)) for row in rows[::2]),
        delete_source(house, visit, source.id),
        return_exceptions=True,
    )
    assert [one for one in outcomes if one is not None and not isinstance(one, NotFound)] == []
    assert await ask(house, visit, "where do visitors park bicycles") == []


async def test_files_of_one_name_in_two_folders_are_both_kept_and_a_renewal_is_told(
    house: House, visit: Visit, queue: HeldQueue, tmp_path: Path
) -> None:
    for folder, text in (("lending", LOANS), ("grounds", PARKING)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "notes.md").write_text(text)
        [added] = await add(house, visit, tmp_path / folder)
        assert (added.name, added.renewed) == (f"{folder}/notes.md", False)
    await queue.work_off(house)
    assert any("fourteen days" in text for text in await ask(house, visit, "grace period for a book"))
    assert any("greenhouse" in text for text in await ask(house, visit, "Where do visitors park bicycles?"))
    [same] = await add(house, visit, tmp_path / "grounds")
    (tmp_path / "grounds/notes.md").write_text(PARKING.replace("greenhouse", "gate"))
    [changed] = await add(house, visit, tmp_path / "grounds")
    assert (same.renewed, changed.renewed) == (False, True)
