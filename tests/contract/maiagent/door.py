"""What the tests of the MaiAgent door use: its client, and a document that answers a question."""

import asyncio
import json
from typing import Any

import httpx
import msgspec

from app.domain.jobs import JobKind
from app.domain.knowledge import SourceKind
from app.services.house import House
from app.services.manage_assistants import Created, create_assistant
from app.services.sync_source import sync_source
from app.store import documents, jobs, knowledge, sources
from app.store.documents import NewDocument
from app.store.sources import NewSource

TEXT = "# Loans\n\nThe grace period for returning a book is fourteen days after the due date."
QUESTION = "What is the grace period for returning a book?"
WHOLE = "The grace period is fourteen days [1]."
UNKNOWN_ID = "5eed0000-0000-4000-8000-000000000001"


class Door:
    """A client with one key: `call` returns the reply, `ok` its JSON after checking the status."""

    def __init__(self, http: httpx.AsyncClient, created: Created, prefix: str = "/api/v1") -> None:
        self.http = http
        self.created = created
        self.key = created.maiagent.api_key
        self.chatbot_id = str(created.assistant_id)
        self.web_chat_id = str(created.maiagent.web_chat_id)
        self.prefix = prefix

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Api-Key {self.key}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
            options["content"] = body if isinstance(body, bytes) else msgspec.json.encode(body)
        headers |= options.pop("headers", {})
        return await self.http.request(method, self.prefix + path, headers=headers, **options)

    async def ok(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        reply = await self.call(method, path, body, **options)
        assert reply.is_success, (reply.status_code, reply.text)
        return reply.json() if reply.content else None

    async def ask(self, content: str = QUESTION, **more: Any) -> Any:
        """A completion, as one reply."""
        body = {"message": {"content": content, **more.pop("message", {})}, **more}
        return await self.ok("POST", f"/chatbots/{self.chatbot_id}/completions/", body)

    async def start(self) -> str:
        """The id of a new conversation."""
        started = await self.ok("POST", "/conversations/", {"webChat": self.web_chat_id})
        return str(started["id"])

    async def say(self, conversation_id: str, content: str = QUESTION, **more: Any) -> Any:
        return await self.ok(
            "POST", "/messages/", {"conversation": conversation_id, "content": content, **more}
        )

    async def messages(self, conversation_id: str, **query: Any) -> Any:
        return await self.ok("GET", "/messages/", params={"conversation": conversation_id, **query})

    async def answered(self, conversation_id: str, answers: int = 1) -> list[Any]:
        """The messages of a conversation, newest first, as soon as it holds that many answers."""
        async with asyncio.timeout(20):
            while True:
                listed = (await self.messages(conversation_id, pageSize=100))["results"]
                if sum(message["type"] == "outgoing" for message in listed) >= answers:
                    return list(listed)
                await asyncio.sleep(0.02)


async def open_door(house: House, http: httpx.AsyncClient, name: str) -> Door:
    return Door(http, await create_assistant(house.pool, name))


async def index(house: House, door: Door, text: str = TEXT, name: str = "loans.md") -> str:
    """The id of a document of the door's chatbot, now in the index."""
    async with house.pool.connection() as connection:
        base = (await knowledge.list_knowledge_bases(connection, door.created.assistant_id))[0]
        category = await knowledge.ensure_category(connection, base, "Policies")
        new = NewSource(SourceKind.TEXT, name, category_id=category.id)
        source = await sources.insert_source(connection, base, new)
        document = NewDocument(name, b"1", content=text)
        stored = await documents.insert_document(connection, source, document)
        assert stored is not None
        job = await jobs.insert_job(connection, base.workspace_id, JobKind.SYNC_SOURCE, source.id)
        assert job is not None
        claimed = await jobs.claim_job(connection, job.id)
        assert claimed is not None
    await sync_source(house, claimed)
    async with house.pool.connection() as connection:
        await jobs.finish_job(connection, claimed, {})
    return str(stored.id)


def events(raw: bytes) -> list[Any]:
    """The data of every event of a stream: `data:` lines alone, each event ended by a blank line."""
    frames = raw.decode().split("\n\n")
    assert frames.pop() == "", "the last event is not ended by a blank line"
    for frame in frames:
        assert frame.startswith("data: "), frame
        assert "\n" not in frame, frame
    return [json.loads(frame.removeprefix("data: ")) for frame in frames]
