"""An inbox lists conversations by last activity, and finds in them whatever holds a keyword."""

from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.conversations import Role
from app.domain.inbox import InboxFilter, InboxItem
from app.store import inbox
from app.store.pool import Pool
from app.store.rows import Connection
from tests.talking import NOON, Place, Talk, open_place, talk

MINUTE = timedelta(minutes=1)
# What two scripts, cases, accents and the syntax of patterns and queries can get wrong.
ALPHABET = "aAbBñÑéÉжЖ鸚鵡中😀 \n%_\\'\":*&|!()<->."
TEXTS = st.text(ALPHABET, max_size=12)
# Only through the conversations; only through the index; both in turn, each soon at its end.
WAYS = {"walk": (), "index": ((0, 1_000),), "both": ((1, 1), (2, 2))}


@pytest.fixture
async def place(pool: Pool) -> Place:
    return await open_place(pool)


def sought(place: Place, keyword: str | None = None) -> InboxFilter:
    return InboxFilter(place.workspace_id, place.channel_id, keyword)


async def found(connection: Connection, place: Place, keyword: str) -> tuple[InboxItem, ...]:
    return await inbox.list_inbox(connection, sought(place, keyword), None, 100)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "BUDGETS", WAYS[request.param])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, max_size=6), keyword=st.text(ALPHABET, min_size=1, max_size=5))
async def test_a_search_finds_exactly_the_texts_that_hold_the_keyword(
    pool: Pool, place: Place, way: None, texts: list[str], keyword: str
) -> None:
    async with pool.connection() as connection:
        for number, text in enumerate(texts):
            await talk(connection, place, Talk((text,), at=NOON - number * MINUTE))
        items = await found(connection, place, keyword)
        await connection.rollback()
    expected = [text for text in texts if keyword.casefold() in text.casefold()]
    assert [item.last_message.content for item in items if item.last_message] == expected


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=TEXTS, name=TEXTS, data=st.data())
async def test_a_part_of_a_title_or_a_name_finds_its_conversation(
    pool: Pool, place: Place, way: None, title: str, name: str, data: st.DataObject
) -> None:
    text = data.draw(st.sampled_from([each for each in (title, name) if each] or ["a"]))
    start = data.draw(st.integers(0, len(text) - 1))
    keyword = text[start : data.draw(st.integers(start + 1, len(text)))].swapcase()
    async with pool.connection() as connection:
        await talk(connection, place, Talk(title=title, name=name))
        items = await found(connection, place, keyword)
        await connection.rollback()
    assert len(items) == any(keyword.casefold() in each.casefold() for each in (title, name))


async def test_a_new_title_is_found_and_the_old_one_is_not(pool: Pool, place: Place, way: None) -> None:
    async with pool.connection() as connection:
        conversation_id = await talk(connection, place, Talk(title="Overdue books"))
        await connection.execute(
            "UPDATE conversations SET title = 'Lost card' WHERE id = %s", (conversation_id,)
        )
        assert len(await found(connection, place, "lost")) == 1
        assert not await found(connection, place, "overdue")


async def test_a_search_sees_neither_hidden_messages_nor_other_workspaces_nor_other_channels(
    pool: Pool, place: Place, way: None
) -> None:
    elsewhere = await open_place(pool)
    async with pool.connection() as connection:
        await talk(connection, place, Talk(("the secret",), visible=False))
        await talk(connection, elsewhere, Talk(("the secret",), title="the secret", name="the secret"))
        assert not await found(connection, place, "secret")
        other_channel = InboxFilter(elsewhere.workspace_id, place.channel_id, "secret")
        assert not await inbox.list_inbox(connection, other_channel, None, 10)


async def test_a_text_of_any_length_is_stored_and_found(pool: Pool, place: Place, way: None) -> None:
    long = "".join(chr(0x20000 + n) for n in range(40_000)) + "Z" * 100_000
    async with pool.connection() as connection:
        await talk(connection, place, Talk((long,)))
        assert len(await found(connection, place, long[20_000:20_300])) == 1


@pytest.mark.parametrize("keyword", [None, "book"])
async def test_pages_neither_repeat_nor_lose_a_conversation_while_new_ones_come(
    pool: Pool, place: Place, way: None, keyword: str | None
) -> None:
    async with pool.connection() as connection:
        # Three at a time, so that the order within a moment counts too.
        expected = [
            await talk(connection, place, Talk(("A book",), at=NOON - n // 3 * MINUTE)) for n in range(9)
        ]
        seen, position = [], None
        while page := await inbox.list_inbox(connection, sought(place, keyword), position, 2):
            seen += [item.id for item in page]
            position = page[-1].position
            await talk(connection, place, Talk(("Another book",), at=NOON + len(seen) * MINUTE))
    assert sorted(seen) == sorted(expected)


@pytest.mark.parametrize("keyword", [None, "book"])
async def test_the_page_before_a_position_ends_right_before_it(
    pool: Pool, place: Place, way: None, keyword: str | None
) -> None:
    async with pool.connection() as connection:
        for n in range(9):
            await talk(connection, place, Talk(("A book",), at=NOON - n // 2 * MINUTE))
        whole = await inbox.list_inbox(connection, sought(place, keyword), None, 100)
        for at, item in enumerate(whole):
            page = await inbox.list_inbox_after(connection, sought(place, keyword), item.position, 3)
            assert page == whole[max(0, at - 3) : at]


async def test_an_item_tells_who_talks_and_what_was_said_last(pool: Pool, place: Place) -> None:
    async with pool.connection() as connection:
        await talk(connection, place, Talk(("Hello?",), ("Hello!",), name="Ana", unread=1))
        await talk(connection, place, Talk(("hidden",), visible=False, at=NOON - MINUTE))
        spoken, silent = await inbox.list_inbox(connection, sought(place), None, 10)
    assert spoken.contact is not None
    assert spoken.contact.name == "Ana"
    assert spoken.last_message is not None
    assert (spoken.last_message.role, spoken.last_message.content) == (Role.ASSISTANT, "Hello!")
    assert spoken.last_message.created_at == spoken.active_at == NOON
    assert (silent.contact, silent.last_message) == (None, None)


async def test_unread_conversations_are_counted(pool: Pool, place: Place) -> None:
    async with pool.connection() as connection:
        for unread in (0, 1, 5):
            await talk(connection, place, Talk(unread=unread))
        assert await inbox.count_unread_conversations(connection, place.channel_id) == 2


@pytest.mark.parametrize("change", ["kind = 'api'", "enabled = false", "enabled = true"])
async def test_a_conversation_is_found_in_open_inboxes_only(pool: Pool, place: Place, change: str) -> None:
    async with pool.connection() as connection:
        conversation_id = await talk(connection, place, Talk())
        await connection.execute(f"UPDATE channels SET {change} WHERE id = %s".encode(), (place.channel_id,))
        item = await inbox.find_inbox_item(connection, place.workspace_id, conversation_id)
        assert (item is not None) == (change == "enabled = true")


async def test_a_conversation_of_another_workspace_is_not_found(pool: Pool, place: Place) -> None:
    elsewhere = await open_place(pool)
    async with pool.connection() as connection:
        conversation_id = await talk(connection, place, Talk())
        assert await inbox.find_inbox_item(connection, elsewhere.workspace_id, conversation_id) is None
        assert await inbox.find_inbox_item(connection, place.workspace_id, uuid4()) is None
