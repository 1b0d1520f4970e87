"""What the tests of the channel door use: its client and a row that answers a question."""

from typing import Any
from uuid import UUID

import httpx
import msgspec

from app.domain.channels import QuotaKind, QuotaPeriod
from app.services.house import House
from app.services.manage_assistants import create_assistant
from app.services.manage_channels import limit_channel

ROW = "# Loans\n\nThe grace period for returning a book is fourteen days after the due date."
QUESTION = "What is the grace period for returning a book?"
UNKNOWN_ID = "5eed0000-0000-4000-8000-000000000001"


class Door:
    """A client of one channel: `call` returns the reply, `ok` its JSON after checking the status."""

    def __init__(self, http: httpx.AsyncClient, channel_id: str, secret: str) -> None:
        self.http = http
        self.channel_id = channel_id
        self.secret = secret

    @property
    def base(self) -> str:
        return f"/api/public/channels/{self.channel_id}/1.0"

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        headers = {"Content-Type": "application/json", "X-API-Secret-Key": self.secret}
        content = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        return await self.http.request(
            method, self.base + path, content=content, headers=headers | options.pop("headers", {}), **options
        )

    async def ok(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        reply = await self.call(method, path, body, **options)
        assert reply.status_code == 200, (method, path, reply.status_code, reply.text)
        return reply.json()


async def open_door(house: House, http: httpx.AsyncClient, name: str) -> Door:
    created = await create_assistant(house.pool, name)
    return Door(http, str(created.channel.channel_id), created.channel.secret_key)


async def limit(house: House, door: Door, kind: QuotaKind, units: int) -> None:
    """Gives the channel a quota for a day."""
    await limit_channel(house.pool, UUID(door.channel_id), kind, units, QuotaPeriod.DAY)
