"""Two organizations in one house; the first has a document that answers a question."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.services.house import House

from .door import Door, index, open_door


@pytest.fixture
async def door(house: House, http: httpx.AsyncClient) -> Door:
    return await open_door(house, http, "Library")


@pytest.fixture
async def stranger(house: House, http: httpx.AsyncClient) -> Door:
    """The door of another organization in the same house."""
    return await open_door(house, http, "Elsewhere")


@pytest.fixture
async def document_id(house: House, door: Door) -> str:
    """A document that is indexed."""
    return await index(house, door)


@pytest.fixture
async def served_door(served: str, door: Door) -> AsyncIterator[Door]:
    """The same key over a real socket."""
    async with httpx.AsyncClient(base_url=served, timeout=30) as client:
        yield Door(client, door.created)
