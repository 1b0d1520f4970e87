"""Seed 003: rows of manual data sources; each test is named after a heading."""

import pytest

from app.services.house import House

from ...parts import HeldQueue
from ..shapes import assert_same_shape
from .door import QUESTION, ROW, UNKNOWN_ID, Door

DONE = {"success": True}
LIST = {
    "success": True,
    "dataSourceRows": [
        {"id": "c4f85105-6d07-44c0-bdb7-eb0baf7c6f62", "name": "one.md"},
        {"id": "4f401205-5f76-46e1-a2b0-9adf66617d81", "name": "two.md"},
        {"id": "eb330863-4251-45c6-917d-e863c22f5bb9", "name": "three.md"},
    ],
    "pagination": {"total": 3, "last": "eb330863-4251-45c6-917d-e863c22f5bb9"},
}
ONE = {
    "success": True,
    "dataSourceRow": {
        "id": "c4f85105-6d07-44c0-bdb7-eb0baf7c6f62",
        "type": "MANUAL",
        "state": "synced",
        "lastSync": "2024-01-27T14:39:03.014Z",
        "createdAt": "2024-01-27T14:30:01.216Z",
        "content": "# Testing 1.1\n## Blah",
    },
}
PATHS = ["/data-sources/row", "/data-sources/rows"]
both_paths = pytest.mark.parametrize("path", PATHS)


def rows(source_id: str, *names: str) -> dict[str, object]:
    items = [{"name": name, "content": f"# Testing {name}"} for name in names]
    return {"dataSourceId": source_id, "dataSourceRows": items}


async def names(door: Door, source_id: str) -> list[str]:
    listed = await door.ok("POST", "/data-sources/row/list", {"dataSourceId": source_id, "limit": 100})
    return [row["name"] for row in listed["dataSourceRows"]]


@both_paths
async def test_create_manual_data_source_rows(door: Door, source_id: str, path: str) -> None:
    reply = await door.ok("POST", path, rows(source_id, "one.md", "two.md", "three.md"))
    assert_same_shape(reply, DONE)
    assert await names(door, source_id) == ["one.md", "two.md", "three.md"]


@both_paths
async def test_list_data_source_rows(door: Door, source_id: str, path: str) -> None:
    await door.ok("POST", path, rows(source_id, "one.md", "two.md", "three.md"))
    reply = await door.ok("POST", f"{path}/list", {"dataSourceId": source_id})
    assert_same_shape(reply, LIST)
    assert reply["pagination"] == {"total": 3, "last": reply["dataSourceRows"][-1]["id"]}
    first = await door.ok("POST", f"{path}/list", {"dataSourceId": source_id, "limit": 2})
    rest = await door.ok(
        "POST", f"{path}/list", {"dataSourceId": source_id, "cursor": first["pagination"]["last"]}
    )
    assert first["dataSourceRows"] + rest["dataSourceRows"] == reply["dataSourceRows"]


@both_paths
async def test_get_manual_data_source_row(door: Door, source_id: str, row_id: str, path: str) -> None:
    ids = {"dataSourceId": source_id, "dataSourceRowId": row_id}
    reply = await door.ok("GET", path, params=ids)
    assert_same_shape(reply, ONE)
    assert (reply["dataSourceRow"]["content"], reply["dataSourceRow"]["name"]) == (ROW, "loans.md")
    assert await door.ok("GET", path, ids) == reply
    assert (
        await door.ok("GET", path, {"dataSourceRowId": row_id}, params={"dataSourceId": source_id}) == reply
    )


@both_paths
async def test_update_manual_data_source_rows(
    door: Door, house: House, queue: HeldQueue, source_id: str, row_id: str, path: str
) -> None:
    change = {"id": row_id, "name": "new.md", "content": "The grace period for returning a book is a year."}
    body = {"dataSourceId": source_id, "dataSourceRows": [change]}
    assert_same_shape(await door.ok("PUT", path, body), DONE)
    ids = {"dataSourceId": source_id, "dataSourceRowId": row_id}
    row = (await door.ok("GET", path, params=ids))["dataSourceRow"]
    assert (row["name"], row["content"], row["state"]) == ("new.md", change["content"], "not_synced")
    (old,) = (await door.ok("POST", "/message", {"message": QUESTION}))["citations"]
    assert old["excerpt"] in ROW, "the old text answers until the next sync"
    await door.ok("POST", "/data-sources/sync", {"dataSourceId": source_id})
    await queue.work_off(house)
    (new,) = (await door.ok("POST", "/message", {"message": QUESTION}))["citations"]
    assert new["excerpt"] in change["content"]


async def test_what_an_update_leaves_out_stays(door: Door, source_id: str, row_id: str) -> None:
    body = {"dataSourceId": source_id, "dataSourceRows": [{"id": row_id, "name": "new.md"}]}
    await door.ok("PUT", "/data-sources/row", body)
    ids = {"dataSourceId": source_id, "dataSourceRowId": row_id}
    row = (await door.ok("GET", "/data-sources/row", params=ids))["dataSourceRow"]
    assert (row["name"], row["content"]) == ("new.md", ROW)


@both_paths
async def test_delete_manual_data_source_rows(door: Door, source_id: str, row_id: str, path: str) -> None:
    await door.ok("POST", path, rows(source_id, "kept.md"))
    body = {"dataSourceId": source_id, "dataSourceRows": [{"id": row_id}]}
    assert_same_shape(await door.ok("DELETE", path, body), DONE)
    assert await names(door, source_id) == ["kept.md"]
    assert (await door.ok("POST", "/message", {"message": QUESTION}))["citations"] == []
    assert (await door.call("DELETE", path, body)).status_code == 404


async def test_a_single_row_is_deleted_by_its_id_in_the_query(
    door: Door, source_id: str, row_id: str
) -> None:
    ids = {"dataSourceId": source_id, "dataSourceRowId": row_id}
    assert_same_shape(await door.ok("DELETE", "/data-sources/row", params=ids), DONE)
    assert await names(door, source_id) == []


async def test_a_row_that_exists_is_refused_by_name_and_nothing_is_added(door: Door, source_id: str) -> None:
    await door.ok("POST", "/data-sources/row", rows(source_id, "one.md"))
    for twin in (rows(source_id, "new.md", "one.md"), rows(source_id, "twice.md", "twice.md")):
        reply = await door.call("POST", "/data-sources/row", twin)
        assert reply.status_code == 400
        message = reply.json()["message"]
        assert message.startswith("dataSourceRows")
        assert "one.md" in message or "twice.md" in message
    assert await names(door, source_id) == ["one.md"]


async def test_a_row_of_an_unknown_source_is_not_found(door: Door) -> None:
    for method in ("POST", "PUT", "DELETE"):
        body = {"dataSourceId": UNKNOWN_ID, "dataSourceRows": []}
        assert (await door.call(method, "/data-sources/row", body)).status_code == 404


async def test_a_bulk_of_rows_beyond_the_limit_of_other_bodies_is_taken(door: Door, source_id: str) -> None:
    items = [{"name": f"{number}.md", "content": "word " * 60_000} for number in range(10)]
    body = {"dataSourceId": source_id, "dataSourceRows": items}
    assert_same_shape(await door.ok("POST", "/data-sources/row", body), DONE)
