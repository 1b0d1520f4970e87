"""Organizations that have one of everything that a call can name, and the calls that they make."""

import io
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import msgspec
from psycopg import sql

from app.domain.attachments import NewAttachment
from app.services import attach, receive_uploads, serve_files
from app.services.house import House
from app.store.rows import value

from ..parts import HeldQueue
from .calls import IN_PATH, Call, Choose, filled
from .channel.door import Door as ChannelDoor
from .maiagent.door import Door, index, open_door
from .routes import Route

BASE = "http://lectern.test"
# What differs from reply to reply.
_PASSING_HEADERS = ("x-request-id", "date")


class Tenant(msgspec.Struct, frozen=True):
    """A client with the keys of one organization, and the ids of its things by kind."""

    door: Door
    ids: Mapping[str, str]

    async def send(self, route: Route, call: Call, choose: Choose, **options: Any) -> httpx.Response:
        """The reply to the call with ids as chosen."""
        path = re.sub(r"{(\w+)}", lambda part: choose(f"path.{part[1]}", _kind(part[1])), route.path)
        headers = {"Authorization": f"Api-Key {self.door.key}"}
        if route.name.startswith("channel"):
            headers = {"X-API-Secret-Key": self.door.created.channel.secret_key}
        content = options.pop("content", None)
        if content is None and call.body is not None:
            content = msgspec.json.encode(filled(call.body, choose))
        if call.form and content is None:
            options |= {"files": {"file": ("a.txt", b"abc")}}
        elif content is not None:
            headers["Content-Type"] = "application/json"
            options["content"] = content
        if call.query is not None:
            options["params"] = filled(call.query, choose)
        headers |= options.pop("headers", {})
        return await self.door.http.request(route.method, path, headers=headers, **options)

    def own(self, _place: str, kind: str) -> str:
        """Chooses what is the tenant's own."""
        return self.ids[kind]


def places(route: Route, call: Call) -> dict[str, str]:
    """The kinds of the ids that a call names, by their places."""
    found: dict[str, str] = {
        f"path.{name}": _kind(name) for name in re.findall(r"{(\w+)}", route.path) if name != "channel_id"
    }

    def note(place: str, kind: str) -> str:
        found[place] = kind
        return ""

    filled([call.body, call.query or {}], lambda place, kind: note(place.removeprefix("[]."), kind))
    return found


def told(reply: httpx.Response, *ids: str) -> tuple[int, dict[str, str], str]:
    """What a reply gives away: status, headers and body, without the ids that were sent."""
    text = reply.text
    for one in ids:
        text = text.replace(one, "…")
    headers = {name: value for name, value in reply.headers.items() if name not in _PASSING_HEADERS}
    return reply.status_code, headers, text


async def open_tenant(house: House, http: httpx.AsyncClient, queue: HeldQueue, name: str) -> Tenant:
    """A new organization with one of everything."""
    door = await open_door(house, http, name)
    await index(house, door)
    channel = ChannelDoor(http, str(door.created.channel.channel_id), door.created.channel.secret_key)
    ids = {"channel": channel.channel_id, "chatbot": door.chatbot_id, "web_chat": door.web_chat_id}
    ids |= await _in_the_channel(channel, house, queue) | await _in_the_inbox(door)
    return Tenant(door, ids | await _files(house, door))


async def kept(house: House, tenant: Tenant) -> dict[str, str]:
    """A digest of every table's rows that are the tenant's."""
    digest = sql.SQL(
        "SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) "
        "FROM {} AS t WHERE workspace_id = %(workspace)s::uuid"
    )
    digests: dict[str, str] = {}
    async with house.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT table_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND column_name = 'workspace_id'"
        )
        for (table,) in await cursor.fetchall():
            query: Any = digest.format(sql.Identifier(table))
            digests[table] = await value(connection, query, {"workspace": tenant.door.created.workspace_id})
    return digests


async def _in_the_inbox(door: Door) -> dict[str, str]:
    contact = await door.ok("POST", "/contacts/", {"name": "Ana"})
    conversation = (await door.ask())["conversationId"]
    await door.start()
    listed = await door.messages(conversation, pageSize=1)
    await door.ok("POST", f"/messages/{listed['results'][0]['id']}/feedback/", {"type": "like"})
    await door.ok("PUT", f"/chatbots/{door.chatbot_id}/webhook/", {"url": "https://example.org/hook"})
    inbox = await door.ok("GET", "/conversations/", params={"inbox": door.web_chat_id, "pageSize": 1})
    return {
        "contact": contact["id"],
        "conversation": conversation,
        "message": listed["results"][0]["id"],
        "messages_cursor": _cursor(listed),
        "conversations_cursor": _cursor(inbox),
    }


async def _in_the_channel(channel: ChannelDoor, house: House, queue: HeldQueue) -> dict[str, str]:
    asked = await channel.ok("POST", "/message", {"message": "Hello"})
    thread = asked["conversationId"]
    said = await channel.ok("POST", "/messages", {"conversationId": thread})
    source = (await channel.ok("POST", "/data-sources"))["dataSource"]["id"]
    rows = [{"name": name, "content": f"What {name} says."} for name in ("a.md", "b.md")]
    await channel.ok("POST", "/data-sources/row", {"dataSourceId": source, "dataSourceRows": rows})
    await channel.ok("POST", "/data-sources/sync", {"dataSourceId": source})
    await queue.work_off(house)
    listed = await channel.ok("POST", "/data-sources/row/list", {"dataSourceId": source})
    row, other = (row["id"] for row in listed["dataSourceRows"])
    utterance = said["messages"][0]["id"]
    return {"thread": thread, "utterance": utterance, "source": source, "row": row, "other_row": other}


async def _files(house: House, door: Door) -> dict[str, str]:
    workspace_id = UUID(str(door.created.workspace_id))
    attachment = await attach.keep_attachment(
        house, workspace_id, io.BytesIO(b"The library lends books."), NewAttachment("a.txt")
    )
    announced = await receive_uploads.announce_upload(house, workspace_id, "b.txt", 3)
    upload = await receive_uploads.find_announced(house, announced.fields)
    await receive_uploads.receive_upload(house, upload, io.BytesIO(b"abc"))
    return {
        "attachment": str(attachment.id),
        "file": serve_files.attachment_link(house, BASE, attachment),
        "upload": announced.fields["key"],
    }


def _kind(parameter: str) -> str:
    return IN_PATH[parameter].removeprefix("$")


def _cursor(page: Any) -> str:
    return parse_qs(urlsplit(page["next"]).query)["cursor"][0]
