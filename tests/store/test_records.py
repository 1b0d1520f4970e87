"""Records are an assistant's exchanges of some days, counted and listed alike, and found by their texts."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from app.domain.records import RecordFilter
from app.store import exchanges, records
from app.store.pool import Pool
from app.store.rows import Connection, value
from rag.passages import Hit
from tests.talking import NOON, Place, Talk, exchange, open_place, talk

DAY = timedelta(days=1)
ALPHABET = "aAbñÑéÉ鸚鵡中 %_\\'\":*&|"
TEXTS = st.text(ALPHABET, max_size=10)
SOUGHT = st.none() | st.text(ALPHABET, min_size=1, max_size=4)
# Only through the exchanges; only through the index; both in turn, each soon at its end.
WAYS = {"walk": (), "index": ((0, 1_000),), "both": ((1, 1), (2, 2))}


@pytest.fixture
async def place(pool: Pool) -> Place:
    return await open_place(pool)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "BUDGETS", WAYS[request.param])


def sought(place: Place, user_text: str | None = None, bot_text: str | None = None) -> RecordFilter:
    return RecordFilter(
        place.workspace_id, place.assistant_id, date(2026, 1, 1), date(2026, 12, 31), user_text, bot_text
    )


async def all_ids(connection: Connection, wanted: RecordFilter) -> list[UUID]:
    return [record.id for record in await records.list_records(connection, wanted, 0, 1_000)]


async def days(connection: Connection) -> dict[date, int]:
    cursor = await connection.execute(
        "SELECT day, exchanges_count FROM exchange_days WHERE exchanges_count <> 0"
    )
    return dict(await cursor.fetchall())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=st.lists(st.tuples(TEXTS, TEXTS), max_size=6), user_text=SOUGHT, bot_text=SOUGHT)
async def test_filters_find_exactly_the_texts_that_hold_them(
    pool: Pool,
    place: Place,
    way: None,
    pairs: list[tuple[str, str]],
    user_text: str | None,
    bot_text: str | None,
) -> None:
    wanted = sought(place, user_text, bot_text)
    async with pool.connection() as connection:
        for number, (question, answer) in enumerate(pairs):
            await talk(connection, place, Talk((question,), (answer,), at=NOON - number * DAY))
        listed = await records.list_records(connection, wanted, 0, 100)
        count = await records.count_records(connection, wanted)
        second = await records.list_records(connection, wanted, 1, 1)
        batch = await records.list_records_before(connection, wanted, None, 100)
        await connection.rollback()
    expected = [
        pair
        for pair in pairs
        if (user_text or "").casefold() in pair[0].casefold()
        and (bot_text or "").casefold() in pair[1].casefold()
    ]
    assert [(record.question, record.answer) for record in listed] == expected
    assert count == len(expected)
    assert second == listed[1:2]
    assert batch == listed


async def test_a_page_far_behind_is_the_same_stretch_of_the_whole(pool: Pool, place: Place) -> None:
    async with pool.connection() as connection:
        for n in range(30):
            await talk(connection, place, Talk(("?",), ("!",), at=NOON - n % 7 * DAY))
        wanted = sought(place)
        whole = await records.list_records(connection, wanted, 0, 100)
        assert len(whole) == await records.count_records(connection, wanted) == 30
        assert list(whole) == sorted(whole, key=lambda each: (each.created_at, each.seq), reverse=True)
        for offset in range(0, 33, 3):
            page = await records.list_records(connection, wanted, offset, 5)
            assert page == whole[offset : offset + 5]


@pytest.mark.parametrize("text", [None, "?"])
async def test_batches_neither_repeat_nor_lose_a_record_while_new_ones_come(
    pool: Pool, place: Place, way: None, text: str | None
) -> None:
    async with pool.connection() as connection:
        wanted = sought(place, text)
        for n in range(9):
            await talk(connection, place, Talk(("When?",), ("Now.",), at=NOON - n // 4 * DAY))
        expected, seen, position = await all_ids(connection, wanted), [], None
        while batch := await records.list_records_before(connection, wanted, position, 2):
            seen += [record.id for record in batch]
            position = batch[-1].position
            await talk(connection, place, Talk(("When?",), ("Now.",), at=NOON + DAY))
    assert seen == expected


async def test_days_are_whole_inclusive_and_utc(pool: Pool, place: Place) -> None:
    first, last = datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 11, 23, 59, 59, 999_999, tzinfo=UTC)
    wanted = replace(sought(place), start=first.date(), end=last.date())
    async with pool.connection() as connection:
        # The session's own clock must not matter.
        await connection.execute("SET LOCAL TimeZone = 'Asia/Taipei'")
        for at in (first - timedelta(microseconds=1), first, last, last + timedelta(microseconds=1)):
            await talk(connection, place, Talk(("?",), ("!",), at=at))
        found = await records.list_records(connection, wanted, 0, 10)
        assert [record.created_at for record in found] == [last, first]
        assert await records.count_records(connection, wanted) == 2
        assert await records.count_records(connection, replace(wanted, user_text="?")) == 2


async def test_a_record_names_who_asked(pool: Pool, place: Place) -> None:
    async with pool.connection() as connection:
        await talk(connection, place, Talk(("?",), ("!",), name="Ana"))
        await talk(connection, place, Talk(("?",), ("!",), at=NOON - DAY))
        named, nameless = await records.list_records(connection, sought(place), 0, 10)
        assert (named.sender_name, nameless.sender_name) == ("Ana", "")
        # In a group, the one who asked is not the one whom the conversation belongs to.
        await connection.execute(
            "WITH other AS (INSERT INTO contacts (workspace_id, name) VALUES (%s, 'Li') RETURNING id) "
            "UPDATE messages SET sender_id = other.id FROM other WHERE messages.id = %s",
            (place.workspace_id, named.question_message_id),
        )
        (asked, _) = await records.list_records(connection, sought(place), 0, 10)
        assert asked.sender_name == "Li"


async def test_another_workspace_finds_no_record(pool: Pool, place: Place) -> None:
    elsewhere = await open_place(pool)
    foreign = replace(sought(place), workspace_id=elsewhere.workspace_id)
    async with pool.connection() as connection:
        await talk(connection, place, Talk(("?",), ("!",)))
        for wanted in (foreign, replace(foreign, user_text="?")):
            assert await records.count_records(connection, wanted) == 0
            assert not await records.list_records(connection, wanted, 0, 10)
            assert not await records.list_records_before(connection, wanted, None, 10)


async def test_the_days_follow_their_exchanges(pool: Pool, place: Place) -> None:
    async with pool.connection() as connection:
        gone = await talk(connection, place, Talk(("1", "2"), ("1", "2")))
        await talk(connection, place, Talk(("3",), ("3",)))
        await talk(connection, place, Talk(("4",), ("4",), at=NOON - DAY))
        assert await days(connection) == {NOON.date(): 3, (NOON - DAY).date(): 1}
        await connection.execute("DELETE FROM conversations WHERE id = %s", (gone,))
        assert await days(connection) == {NOON.date(): 1, (NOON - DAY).date(): 1}
        await connection.execute("DELETE FROM assistants WHERE id = %s", (place.assistant_id,))
        assert await days(connection) == {}


async def test_fifty_at_once_are_all_counted(pool: Pool, place: Place) -> None:
    async with pool.connection() as connection:
        conversation_id = await talk(connection, place, Talk(("?",)))
        question = await value(connection, "SELECT id FROM messages", {})

    async def ask(n: int) -> None:
        async with pool.connection() as connection:
            await exchange(
                connection, place, (conversation_id, question, None), NOON + n * timedelta(seconds=1)
            )

    await asyncio.gather(*(ask(n) for n in range(50)))
    async with pool.connection() as connection:
        assert await days(connection) == {NOON.date(): 50}


@pytest.fixture
async def chunks(pool: Pool, place: Place) -> list[int]:
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "WITH base AS (SELECT id FROM knowledge_bases WHERE workspace_id = %(workspace)s), source AS ("
            "INSERT INTO sources (workspace_id, knowledge_base_id, kind) "
            "SELECT %(workspace)s, id, 'text' FROM base RETURNING id, knowledge_base_id), document AS ("
            "INSERT INTO documents (workspace_id, knowledge_base_id, source_id, name) "
            "SELECT %(workspace)s, knowledge_base_id, id, 'a' FROM source RETURNING id, knowledge_base_id) "
            "INSERT INTO chunks (workspace_id, knowledge_base_id, document_id, ordinal, start_chars, "
            "end_chars, text, text_hash, terms_count) "
            "SELECT %(workspace)s, knowledge_base_id, id, n, n, n, 'a', "
            "decode(to_hex(n), 'escape'), 1 FROM document, generate_series(1, 4) AS n RETURNING id",
            {"workspace": place.workspace_id},
        )
        return [row[0] for row in await cursor.fetchall()]


def hits(chunk_ids: list[int]) -> tuple[Hit, ...]:
    return tuple(Hit(chunk_id, uuid4(), "a", None, "a", 0, 1, None, (), 0.5) for chunk_id in chunk_ids)


async def counted(connection: Connection) -> dict[int, int]:
    cursor = await connection.execute("SELECT chunk_id, hits_count FROM chunk_hits")
    return dict(await cursor.fetchall())


async def test_hits_are_counted_in_whatever_order_answers_at_once_have_them(
    pool: Pool, place: Place, chunks: list[int]
) -> None:
    async with pool.connection() as connection:
        await talk(connection, place, Talk(("?",) * 20, ("!",) * 20))
        ids = await all_ids(connection, sought(place))

    async def store(n: int) -> None:
        async with pool.connection() as connection:
            order = chunks if n % 2 else chunks[::-1]
            await exchanges.insert_hits(connection, place.workspace_id, ids[n], hits(order))

    await asyncio.gather(*(store(n) for n in range(20)))
    async with pool.connection() as connection:
        assert await counted(connection) == dict.fromkeys(chunks, 20)
        ranks = await connection.execute(
            "SELECT array_agg(chunk_id ORDER BY rank) FROM hits WHERE exchange_id = %s", (ids[0],)
        )
        assert await ranks.fetchone() == (chunks[::-1],)


async def test_an_answer_is_stored_though_its_chunks_go_meanwhile(
    pool: Pool, database_url: str, place: Place, chunks: list[int]
) -> None:
    async with pool.connection() as connection:
        await talk(connection, place, Talk(("?",), ("!",)))
        [exchange_id] = await all_ids(connection, sought(place))
        await connection.execute("DELETE FROM chunks WHERE id = %s", (chunks[0],))
    async with await psycopg.AsyncConnection.connect(database_url) as deleting:
        await deleting.execute("DELETE FROM chunks WHERE id = %s", (chunks[1],))
        async with pool.connection() as connection:
            await exchanges.insert_hits(connection, place.workspace_id, exchange_id, hits(chunks))
    async with pool.connection() as connection:
        assert await counted(connection) == dict.fromkeys(chunks[2:], 1)
