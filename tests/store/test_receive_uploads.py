"""Presigned uploads: one file of the announced size, within its time, for its workspace."""

import asyncio
import base64
import io
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.attachments import AttachmentKind, NewAttachment, Offered
from app.domain.errors import Forbidden, Invalid, NotFound
from app.services.attach import take_in
from app.services.converse import start_conversation
from app.services.house import House
from app.services.identify import Visit
from app.services.receive_uploads import (
    announce_upload,
    claim_upload,
    find_announced,
    receive_upload,
    upload_id_of,
)
from app.services.run_jobs import sweep
from tests.attachments import PNG, TEXT, elsewhere, stored

FIELDS = {"key", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "policy", "x-amz-signature"}


async def announce(house: House, visit: Visit, data: bytes = TEXT, name: str = "notes.txt") -> dict[str, str]:
    presigned = await announce_upload(house, visit.assistant.workspace_id, name, len(data))
    return presigned.fields


async def post(house: House, fields: dict[str, str], data: bytes = TEXT) -> None:
    await receive_upload(house, await find_announced(house, fields), io.BytesIO(data))


async def age(house: House, minutes: int) -> None:
    async with house.pool.connection() as connection:
        await connection.execute(
            "UPDATE uploads SET expires_at = expires_at - %s * interval '1 minute'", (minutes,)
        )


async def test_a_file_is_announced_sent_and_claimed(house: House, visit: Visit) -> None:
    workspace_id = visit.assistant.workspace_id
    fields = await announce(house, visit, PNG, "手册 one.png")
    assert set(fields) == FIELDS
    policy = json.loads(base64.b64decode(fields["policy"]))
    assert policy["conditions"] == [{"key": fields["key"]}, ["content-length-range", len(PNG), len(PNG)]]
    expires_at = datetime.fromisoformat(policy["expiration"])
    assert timedelta(minutes=14) < expires_at - datetime.now(UTC) <= timedelta(minutes=15)
    await post(house, fields, PNG)
    claimed = await claim_upload(house, workspace_id, fields["key"], NewAttachment(""))
    assert (claimed.name, claimed.kind, claimed.file_bytes) == (
        "手册 one.png",
        AttachmentKind.IMAGE,
        len(PNG),
    )
    again = await claim_upload(house, workspace_id, fields["key"], NewAttachment("other.png"))
    assert again == claimed
    assert stored(house) == [PNG]


async def test_the_key_of_an_upload_is_an_attachment_of_a_message(house: House, visit: Visit) -> None:
    workspace_id = visit.assistant.workspace_id
    fields = await announce(house, visit)
    await post(house, fields)
    offered = Offered(AttachmentKind.OTHER, "a\u202eb.txt", fields["key"])
    taken = await take_in(house, workspace_id, [offered, offered])
    assert [item.name for item in taken] == ["ab.txt", "ab.txt"]
    assert taken[0].id == taken[1].id


@pytest.mark.parametrize("field", ["key", "policy", "x-amz-signature"])
async def test_fields_that_were_not_handed_out_are_refused(house: House, visit: Visit, field: str) -> None:
    fields, other = await announce(house, visit), await announce(house, visit, PNG)
    for wrong in (None, "", "\ud800", other[field], fields[field] + "x", fields[field][:-1]):
        changed = {name: value for name, value in fields.items() if name != field}
        if wrong is not None:
            changed[field] = wrong
        with pytest.raises(Forbidden):
            await find_announced(house, changed)
    # All the others are not signed, so they may say anything.
    assert await find_announced(house, {**fields, "x-amz-date": "never", "extra": "1"})


async def test_a_policy_of_ones_own_is_refused_however_it_is_signed(house: House, visit: Visit) -> None:
    fields = await announce(house, visit)
    wider = base64.b64encode(json.dumps({"expiration": "2999-01-01T00:00:00Z"}).encode()).decode()
    with pytest.raises(Forbidden):
        await find_announced(house, {**fields, "policy": wider})
    # What is signed here for another purpose is worth nothing.
    forged = house.signer.sign("attachment", fields["policy"].encode())
    with pytest.raises(Forbidden):
        await find_announced(house, {**fields, "x-amz-signature": forged})


@pytest.mark.parametrize("data", [b"", TEXT[:-1], TEXT + b"x", TEXT * 100])
async def test_another_size_than_announced_is_refused_and_the_upload_stays_open(
    house: House, visit: Visit, data: bytes
) -> None:
    fields = await announce(house, visit)
    with pytest.raises(Invalid, match="announced"):
        await post(house, fields, data)
    assert stored(house) == []
    await post(house, fields)


async def test_no_more_is_read_than_one_byte_past_the_announced_size(house: House, visit: Visit) -> None:
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            assert size >= 0
            self.given += size
            return b"x" * size

        def seek(self, offset: int, whence: int = 0) -> int:
            self.given = offset
            return offset

    endless = Endless()
    upload = await find_announced(house, await announce(house, visit))
    with pytest.raises(Invalid, match="more than"):
        await receive_upload(house, upload, endless)  # type: ignore[arg-type]
    assert endless.given == len(TEXT) + 1


async def test_of_several_posts_at_once_one_is_taken(house: House, visit: Visit) -> None:
    fields = await announce(house, visit)
    outcomes = await asyncio.gather(*(post(house, fields) for _ in range(6)), return_exceptions=True)
    assert sum(outcome is None for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Forbidden) for outcome in outcomes) == 5
    assert stored(house) == [TEXT]
    with pytest.raises(Forbidden):
        await post(house, fields)


async def test_several_claims_at_once_give_one_attachment(house: House, visit: Visit) -> None:
    fields = await announce(house, visit)
    await post(house, fields)
    claims = (
        claim_upload(house, visit.assistant.workspace_id, fields["key"], NewAttachment("a")) for _ in range(4)
    )
    assert len({claimed.id for claimed in await asyncio.gather(*claims)}) == 1


async def test_an_upload_expires(house: House, visit: Visit) -> None:
    fields = await announce(house, visit)
    upload = await find_announced(house, fields)
    await age(house, 16)
    with pytest.raises(Forbidden):
        await find_announced(house, fields)
    with pytest.raises(Forbidden):
        await receive_upload(house, upload, io.BytesIO(TEXT))
    assert stored(house) == []


async def test_the_sweep_removes_what_nobody_claimed_in_time(house: House, visit: Visit) -> None:
    unclaimed, claimed = await announce(house, visit), await announce(house, visit, PNG)
    await announce(house, visit)
    await post(house, unclaimed)
    await post(house, claimed, PNG)
    await claim_upload(house, visit.assistant.workspace_id, claimed["key"], NewAttachment("a.png"))
    await sweep(house)
    assert stored(house) == sorted([PNG, TEXT])
    await age(house, 61)
    await sweep(house)
    assert stored(house) == [PNG]
    with pytest.raises(Invalid):
        await claim_upload(house, visit.assistant.workspace_id, unclaimed["key"], NewAttachment("a"))


async def test_unused_unknown_and_foreign_keys_are_answered_alike(house: House, visit: Visit) -> None:
    stranger = await elsewhere(house)
    foreign, unused = await announce(house, stranger), await announce(house, visit)
    await post(house, foreign)
    answers = set()
    for key in (foreign["key"], unused["key"], f"media/{uuid4()}/x", "media/", "\x00", "../etc/passwd", ""):
        with pytest.raises(Invalid) as caught:
            await claim_upload(house, visit.assistant.workspace_id, key, NewAttachment("x"))
        answers.add((caught.value.field, caught.value.message))
    assert answers == {("file", "No file was uploaded under this key; upload it first.")}
    assert await claim_upload(house, stranger.assistant.workspace_id, foreign["key"], NewAttachment("x"))


async def test_a_foreign_conversation_takes_no_upload(house: House, visit: Visit) -> None:
    foreign, _ = await start_conversation(house, await elsewhere(house))
    own, _ = await start_conversation(house, visit)
    fields = await announce(house, visit)
    await post(house, fields)
    for conversation_id in (foreign.id, uuid4()):
        with pytest.raises(NotFound):
            new = NewAttachment("x", conversation_id=conversation_id)
            await claim_upload(house, visit.assistant.workspace_id, fields["key"], new)
    new = NewAttachment("x", conversation_id=own.id)
    claimed = await claim_upload(house, visit.assistant.workspace_id, fields["key"], new)
    assert claimed.conversation_id == own.id


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        (0, "Ensure this value is greater than or equal to 1."),
        (-1, "Ensure this value is greater than or equal to 1."),
        (2**20 + 1, "Ensure this value is less than or equal to 1048576."),
    ],
)
async def test_a_size_that_no_file_may_have_is_refused(
    house: House, visit: Visit, size: int, reason: str
) -> None:
    with pytest.raises(Invalid) as caught:
        await announce_upload(house, visit.assistant.workspace_id, "x", size)
    assert (caught.value.field, caught.value.message) == ("fileSize", reason)


@given(st.text(max_size=60) | st.builds("media/{}/{}".format, st.uuids() | st.text(), st.text(max_size=9)))
def test_a_key_names_an_upload_or_nothing(key: str) -> None:
    found = upload_id_of(key)
    assert found is None or key.startswith(f"media/{found}/")
    assert found is None or isinstance(found, UUID)
