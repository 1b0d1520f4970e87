"""Two channels in two workspaces, and a data source with a row that is indexed."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.services.house import House

from ...parts import HeldQueue
from .door import ROW, Door, open_door


@pytest.fixture
async def door(house: House, http: httpx.AsyncClient) -> Door:
    return await open_door(house, http, "Library")


@pytest.fixture
async def stranger(house: House, http: httpx.AsyncClient) -> Door:
    """The door of another workspace in the same house."""
    return await open_door(house, http, "Elsewhere")


@pytest.fixture
async def source_id(door: Door) -> str:
    source = await door.ok("POST", "/data-sources")
    return str(source["dataSource"]["id"])


@pytest.fixture
async def row_id(door: Door, house: House, queue: HeldQueue, source_id: str) -> str:
    """A row that is indexed."""
    rows = [{"name": "loans.md", "content": ROW}]
    await door.ok("POST", "/data-sources/row", {"dataSourceId": source_id, "dataSourceRows": rows})
    await door.ok("POST", "/data-sources/sync", {"dataSourceId": source_id})
    await queue.work_off(house)
    listed = await door.ok("POST", "/data-sources/row/list", {"dataSourceId": source_id})
    return str(listed["dataSourceRows"][0]["id"])


@pytest.fixture
async def served_door(served: str, door: Door) -> AsyncIterator[Door]:
    """The same channel over a real socket."""
    async with httpx.AsyncClient(base_url=served) as client:
        yield Door(client, door.channel_id, door.secret)
