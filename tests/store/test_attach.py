"""Attachments: what is handed in is stored once, belongs to its workspace, and is refused with its name."""

import asyncio
import io
import re
from uuid import UUID, uuid4

import msgspec
import pytest

from app.domain.attachments import AttachmentKind, NewAttachment, Offered
from app.domain.errors import Invalid, NotFound, TooLarge
from app.services.attach import keep_attachment, take_in
from app.services.converse import start_conversation
from app.services.house import House
from app.services.identify import Visit
from app.services.run_jobs import sweep
from app.services.serve_files import attachment_link
from app.settings import Settings
from tests.attachments import PAGE, PNG, TEXT, elsewhere, keep, send, sent_with, stored
from tests.unit.loopback import always, response, site

UNKNOWN = "5eed0000-0000-4000-8000-000000000001"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, outbound_allow=("127.0.0.1",))


def offer(file: str = "", name: str = "notes.txt", id: UUID | None = None) -> Offered:
    return Offered(None, name, file, id)


async def refused(house: House, visit: Visit, *offered: Offered) -> str:
    with pytest.raises(Invalid) as caught:
        await take_in(house, visit.assistant.workspace_id, offered)
    assert caught.value.field == "attachments"
    return caught.value.message


async def take(house: House, visit: Visit, *offered: Offered) -> list[UUID]:
    return [taken.id for taken in await take_in(house, visit.assistant.workspace_id, offered)]


@pytest.mark.parametrize(
    ("data", "name", "said", "kind"),
    [
        (PNG, "report.pdf", None, "image"),
        (PAGE, "photo.png", None, "other"),
        (b"ID3\x04" + bytes(60), "song", None, "audio"),
        (b"\0\0\0\x18ftypmp42" + bytes(60), "x", None, "video"),
        (b"\0\0\0\x18ftypM4A " + bytes(60), "x", None, "audio"),
        (b"\0\0\0\x18ftypheic" + bytes(60), "x", None, "image"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "x", None, "image"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "x", None, "audio"),
        (b"\x1a\x45\xdf\xa3...V_VP9", "x", None, "video"),
        (b"\x1a\x45\xdf\xa3...A_OPUS", "x", None, "audio"),
        (b"<?xml version='1.0'?><svg xmlns=''/>", "x", None, "image"),
        (PNG, "smile.webp", "sticker", "sticker"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_the_content_tells_what_a_file_is_unless_the_client_does(
    house: House, visit: Visit, data: bytes, name: str, said: str | None, kind: str
) -> None:
    kept = await keep(house, visit, data, name, said and AttachmentKind(said))
    assert (kept.kind, kept.name, kept.file_bytes) == (kind, name, len(data))
    assert stored(house) == [data]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("a\x00b\r\n.txt", "ab .txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("C:\\x\\手册.pdf", "手册.pdf"),
        ("x" * 5000 + ".docx", "x" * 145 + ".docx"),
    ],
)
async def test_a_name_is_made_safe_and_leads_nowhere_in_the_store(
    house: House, visit: Visit, sent: str, shown: str
) -> None:
    kept = await keep(house, visit, name=sent)
    assert kept.name == shown
    assert re.fullmatch(r"[0-9a-f]{2}/[0-9a-f]{32}(\.\w+)?", kept.file_key)


async def test_an_empty_or_too_large_file_and_a_foreign_conversation_leave_nothing(
    house: House, visit: Visit
) -> None:
    with pytest.raises(Invalid, match=r"^The submitted file is empty\.$") as empty:
        await keep(house, visit, b"")
    assert empty.value.field == "file"
    with pytest.raises(TooLarge, match=r"at most 1 MB"):
        await keep(house, visit, bytes(2**20 + 1))
    foreign, _ = await start_conversation(house, await elsewhere(house))
    answers = set()
    for conversation_id in (foreign.id, uuid4()):
        new = NewAttachment("x.txt", conversation_id=conversation_id)
        with pytest.raises(NotFound) as missing:
            await keep_attachment(house, visit.assistant.workspace_id, io.BytesIO(TEXT), new)
        answers.add(missing.value.message)
    assert len(answers) == 1
    assert stored(house) == []


async def test_what_is_stored_here_is_taken_by_its_link_or_id(house: House, visit: Visit) -> None:
    kept = await keep(house, visit)
    link = attachment_link(house, "https://other.example/base/", kept)
    assert await take(house, visit, offer(link)) == [kept.id]
    assert await take(house, visit, offer(link.replace("/api/", "/api/v1/") + "?download=1")) == [kept.id]
    assert await take(house, visit, offer(link[len("https://other.example/base") :])) == [kept.id]
    assert await take(house, visit, offer("", id=kept.id)) == [kept.id]
    assert await take(house, visit, offer("https://example.com/file.jpg", id=kept.id)) == [kept.id]
    assert stored(house) == [TEXT]


async def test_a_foreign_link_or_id_is_answered_like_a_random_one(house: House, visit: Visit) -> None:
    foreign = await keep(house, await elsewhere(house))
    link = attachment_link(house, "http://here", foreign)
    token = link.split("/")[-2]
    forged = link.replace(token, token[:-2] + ("AA" if token[-2:] != "AA" else "BA"))
    answers = {
        await refused(house, visit, offer(link)),
        await refused(house, visit, offer(forged)),
        await refused(house, visit, offer("", id=foreign.id)),
        await refused(house, visit, offer("", id=UUID(UNKNOWN))),
        await refused(house, visit, offer(f"media/{foreign.id}/notes.txt")),
        await refused(house, visit, offer("file:///etc/passwd")),
        await refused(house, visit, offer("../../etc/passwd")),
        await refused(house, visit, offer("media/\x00")),
    }
    assert answers == {"notes.txt: there is no such file here; send it again."}


async def test_a_file_elsewhere_is_fetched_and_remembers_its_address(house: House, visit: Visit) -> None:
    async with site(always(response(PNG, Content_Type="text/html"))) as state:
        url = f"http://127.0.0.1:{state.port}/a%20b/photo%20one.png?size=2"
        (taken,) = await take_in(house, visit.assistant.workspace_id, [offer(url, name="")])
        assert (taken.kind, taken.name, taken.url) == (AttachmentKind.IMAGE, "photo one.png", url)
    assert stored(house) == [PNG]


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/",
        "http://10.0.0.7/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://0177.0.0.1/",
        "http://user:secret@10.0.0.1/",
        "http://[fe80::1%25eth0]/",
        "http://10.0.0.1:99999/",
        "http://",
        "http://a b/",
    ],
)
async def test_private_and_odd_addresses_are_refused_with_the_files_name(
    house: House, visit: Visit, url: str
) -> None:
    assert (await refused(house, visit, offer(url))).startswith("notes.txt: ")
    assert stored(house) == []


async def test_a_redirect_leads_to_no_private_address(house: House, visit: Visit) -> None:
    away = response(status="302 Found", Location="http://169.254.169.254/latest/meta-data/")
    async with site(always(away)) as state:
        told = await refused(house, visit, offer(f"http://127.0.0.1:{state.port}/x.pdf"))
    assert "private or reserved" in told


async def test_a_missing_empty_or_too_large_file_elsewhere_is_refused(house: House, visit: Visit) -> None:
    for answer, reason in (
        (response(b"no", status="404 Not Found"), "the other server answered 404"),
        (response(b""), "the file is empty"),
        (response(bytes(2**20 + 1)), "larger than 1,048,576 bytes"),
    ):
        async with site(always(answer)) as state:
            told = await refused(house, visit, offer(f"http://127.0.0.1:{state.port}/x", name="big.bin"))
        assert told.startswith("big.bin: ") and reason in told
    assert stored(house) == []


async def test_of_a_message_that_is_refused_nothing_that_was_fetched_stays(
    house: House, visit: Visit
) -> None:
    async with site(always(response(PNG))) as state:
        good = offer(f"http://127.0.0.1:{state.port}/a.png")
        await refused(house, visit, good, offer("http://10.0.0.1/b.png"), good)
        # Fetched before it turns out that nobody uploaded the other one.
        await refused(house, visit, good, offer(f"media/{UNKNOWN}/x.pdf"))
        assert len(state.requests) == 3
    assert stored(house) == []
    async with house.pool.connection() as connection:
        rows = await connection.execute("SELECT count(*) FROM attachments")
        assert await rows.fetchone() == (0,)


async def test_a_message_takes_ten_attachments_in_the_order_given(house: House, visit: Visit) -> None:
    kept = [await keep(house, visit, name=f"{number}.txt") for number in range(10)]
    await refused(house, visit, *[offer("", id=item.id) for item in [*kept, kept[0]]])
    wanted = [kept[place] for place in (3, 9, 0, 4, 1, 2, 8, 5, 7, 6)]
    taken = await take_in(house, visit.assistant.workspace_id, [offer("", id=item.id) for item in wanted])
    bound = await send(house, visit, *taken)
    assert [item.name for item in bound] == [item.name for item in wanted]
    assert await sent_with(house, bound[0].message_id) == list(bound)


async def test_an_attachment_that_is_sent_again_becomes_a_row_that_shares_the_file(
    house: House, visit: Visit
) -> None:
    kept, other = await keep(house, visit), await keep(house, visit, PNG, "a.png")
    (first,) = await send(house, visit, kept)
    assert first.id == kept.id
    second = await send(house, visit, other, first, other)
    assert [item.name for item in second] == ["a.png", "notes.txt"]
    assert second[0].id == other.id
    assert second[1].id != first.id and second[1].file_key == first.file_key
    assert [item.id for item in await sent_with(house, first.message_id)] == [first.id]
    assert len(stored(house)) == 2


async def test_two_messages_that_take_one_attachment_at_once_both_have_it(house: House, visit: Visit) -> None:
    kept = await keep(house, visit)
    bound = await asyncio.gather(*(send(house, visit, kept) for _ in range(4)))
    assert [len(item) for item in bound] == [1] * 4
    assert len({item[0].id for item in bound}) == 4 and len({item[0].message_id for item in bound}) == 4


async def test_the_sweep_removes_what_came_along_with_no_message_for_a_week(
    house: House, visit: Visit
) -> None:
    forgotten = await keep(house, visit, b"forgotten", "a.txt")
    sent = await keep(house, visit, b"sent", "b.txt")
    await send(house, visit, sent)
    async with house.pool.connection() as connection:
        await connection.execute("UPDATE attachments SET created_at = now() - interval '8 days'")
    recent = await keep(house, visit, b"recent", "c.txt")
    await sweep(house)
    assert sorted(stored(house)) == [b"recent", b"sent"]
    assert await take(house, visit, offer(id=recent.id)) == [recent.id]
    assert await take(house, visit, offer(id=sent.id)) == [sent.id]
    assert "no such file" in await refused(house, visit, offer(id=forgotten.id))
