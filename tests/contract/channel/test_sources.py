"""Seed 003: manual data sources; each test is named after a heading."""

import pytest

from app.domain.channels import QuotaKind
from app.services.house import House

from ...parts import HeldQueue
from ..shapes import assert_same_shape
from .door import QUESTION, UNKNOWN_ID, Door, limit

SOURCE = {
    "id": "41559b21-b8ff-44c3-8658-1c9e34273070",
    "type": "MANUAL",
    "state": "not_synced",
    "lastSync": None,
    "syncInterval": None,
    "createdAt": "2024-01-27T15:02:51.970Z",
}
ONE = {"success": True, "dataSource": SOURCE}
LIST = {
    "success": True,
    "dataSources": [
        {
            "id": "19d95fbc-8285-40bc-8cc0-3e1fe597b765",
            "type": "MANUAL",
            "state": "synced",
            "lastSync": "2024-01-27T14:39:03.038Z",
            "syncInterval": None,
            "createdAt": "2023-10-31T14:52:19.264Z",
        }
    ],
    "pagination": {"total": 1, "last": "19d95fbc-8285-40bc-8cc0-3e1fe597b765"},
}
DONE = {"success": True}


async def test_create_manual_data_source(door: Door) -> None:
    reply = await door.ok("POST", "/data-sources")
    assert_same_shape(reply, ONE)
    source = reply["dataSource"]
    assert (source["type"], source["state"]) == ("MANUAL", "not_synced")
    assert (source["lastSync"], source["syncInterval"]) == (None, None)


async def test_list_manual_data_sources(door: Door) -> None:
    made = [(await door.ok("POST", "/data-sources"))["dataSource"] for _ in range(3)]
    reply = await door.ok("POST", "/data-sources/list", {"limit": 2})
    assert_same_shape(reply, LIST, nullable=frozenset({"lastSync"}))
    assert reply["dataSources"] == made[:2]
    assert reply["pagination"] == {"total": 3, "last": made[1]["id"]}
    rest = await door.ok("POST", "/data-sources/list", {"cursor": reply["pagination"]["last"]})
    assert rest["dataSources"] == made[2:]
    assert rest["pagination"] == {"total": 3, "last": made[2]["id"]}


async def test_get_manual_data_source(door: Door, source_id: str) -> None:
    reply = await door.ok("GET", "/data-sources", params={"dataSourceId": source_id})
    assert_same_shape(reply, ONE)
    assert reply["dataSource"]["id"] == source_id
    assert await door.ok("GET", "/data-sources", {"dataSourceId": source_id}) == reply


async def test_a_synced_source_tells_when(door: Door, source_id: str, row_id: str) -> None:
    reply = await door.ok("GET", "/data-sources", params={"dataSourceId": source_id})
    assert_same_shape(reply, ONE | {"dataSource": LIST["dataSources"][0]})  # type: ignore[index]
    assert reply["dataSource"]["state"] == "synced"


@pytest.mark.parametrize("interval", ["day", "week", "month", None])
async def test_update_manual_data_source(door: Door, source_id: str, interval: str | None) -> None:
    body = {"dataSourceId": source_id, "syncInterval": interval}
    reply = await door.ok("PUT", "/data-sources", body)
    assert_same_shape(reply, ONE)
    assert reply["dataSource"]["syncInterval"] == interval
    read = await door.ok("GET", "/data-sources", params={"dataSourceId": source_id})
    assert read["dataSource"]["syncInterval"] == interval


async def test_an_update_without_an_interval_ends_it(door: Door, source_id: str) -> None:
    await door.ok("PUT", "/data-sources", {"dataSourceId": source_id, "syncInterval": "day"})
    reply = await door.ok("PUT", "/data-sources", {"dataSourceId": source_id})
    assert reply["dataSource"]["syncInterval"] is None


@pytest.mark.parametrize("in_query", [False, True])
async def test_delete_manual_data_source(door: Door, source_id: str, row_id: str, in_query: bool) -> None:
    ids = {"dataSourceId": source_id}
    reply = await (
        door.ok("DELETE", "/data-sources", params=ids)
        if in_query
        else door.ok("DELETE", "/data-sources", ids)
    )
    assert_same_shape(reply, DONE)
    assert (await door.call("GET", "/data-sources", params=ids)).status_code == 404
    assert (await door.call("DELETE", "/data-sources", ids)).status_code == 404
    assert (await door.ok("POST", "/message", {"message": QUESTION}))["citations"] == []


async def test_sync_manual_data_source(
    door: Door, house: House, queue: HeldQueue, source_id: str, row_id: str
) -> None:
    changed = {"id": row_id, "content": "The grace period for returning a book is thirty days."}
    body = {"dataSourceId": source_id}
    await door.ok("PUT", "/data-sources/row", body | {"dataSourceRows": [changed]})
    assert_same_shape(await door.ok("POST", "/data-sources/sync", body), DONE)
    again = await door.call("POST", "/data-sources/sync", body)
    assert again.status_code == 429
    assert int(again.headers["retry-after"]) > 0
    await queue.work_off(house)
    assert (await door.ok("GET", "/data-sources", params=body))["dataSource"]["state"] == "synced"
    (citation,) = (await door.ok("POST", "/message", {"message": QUESTION}))["citations"]
    assert "thirty days" in citation["excerpt"]
    assert_same_shape(await door.ok("POST", "/data-sources/sync", body), DONE)


async def test_a_source_waiting_for_its_sync_says_so(door: Door, source_id: str, row_id: str) -> None:
    await door.ok("POST", "/data-sources/sync", {"dataSourceId": source_id})
    reply = await door.ok("GET", "/data-sources", params={"dataSourceId": source_id})
    assert reply["dataSource"]["state"] == "syncing"


async def test_a_spent_storage_quota_answers_a_sync_with_429(
    door: Door, house: House, source_id: str, row_id: str
) -> None:
    await limit(house, door, QuotaKind.STORAGE_BYTES, 1)
    reply = await door.call("POST", "/data-sources/sync", {"dataSourceId": source_id})
    assert reply.status_code == 429
    assert int(reply.headers["retry-after"]) > 0


async def test_a_failed_sync_tells_its_reason(door: Door, house: House, source_id: str, row_id: str) -> None:
    async with house.pool.connection() as connection:
        for table, row in (("sources", source_id), ("documents", row_id)):
            failed = (
                f"UPDATE {table} SET state = 'sync_error', error = 'The disk is full.' WHERE id = %s::uuid"
            )
            await connection.execute(failed, (row,))
    ids = {"dataSourceId": source_id, "dataSourceRowId": row_id}
    source = (await door.ok("GET", "/data-sources", params=ids))["dataSource"]
    row = (await door.ok("GET", "/data-sources/row", params=ids))["dataSourceRow"]
    for failed in (source, row):
        assert (failed["state"], failed["error"]) == ("sync_error", "The disk is full.")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/data-sources"),
        ("PUT", "/data-sources"),
        ("DELETE", "/data-sources"),
        ("POST", "/data-sources/sync"),
    ],
)
async def test_an_unknown_source_is_not_found(door: Door, method: str, path: str) -> None:
    reply = await door.call(method, path, {"dataSourceId": UNKNOWN_ID})
    assert reply.status_code == 404
    assert_same_shape(reply.json(), {"success": False, "message": "Data source not found."})
