"""The generator over an OpenAI-compatible server, with a small real one on loopback."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from rag.errors import ModelBusy, ModelUnavailable
from rag.generate.remote import RemoteGenerator, estimated_tokens
from rag.passages import Hit, Question, Scope, Turn

QUESTION = Question("How much sick leave?", Scope(()), max_answer_tokens=50)
HITS = (Hit(1, UUID(int=1), "Leave", None, "Four hours.", 0, 11, None, (), 1.0),)
Say = Callable[[dict[str, Any] | str], Awaitable[None]]


class Server:
    """An HTTP server that lists two models and streams what a test scripted."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.status = 200
        self.pieces: list[str] = ["Four ", "hours [1]."]
        self.breaks_off = False
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.url = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        path = head[0].split(" ")[1]
        self.requests.append((path, headers, json.loads(body) if body else None))
        if path.endswith("/models"):
            models = [
                {"id": name, "object": "model", "created": 1, "owned_by": "t"} for name in ("first", "second")
            ]
            self._whole(writer, 200, {"object": "list", "data": models})
        elif self.status != 200:
            self._whole(writer, self.status, {"error": {"message": "no such luck"}})
        else:
            await self._stream(writer)
        writer.close()

    def _whole(self, writer: asyncio.StreamWriter, status: int, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        for piece in self.pieces:
            self._event(writer, [{"index": 0, "delta": {"content": piece}, "finish_reason": None}])
            await writer.drain()
            await self.go_on.wait()
        if not self.breaks_off:
            self._event(writer, [{"index": 0, "delta": {}, "finish_reason": "stop"}])
            self._event(writer, [], {"prompt_tokens": 40, "completion_tokens": 5, "total_tokens": 45})
            writer.write(b"data: [DONE]\n\n")

    def _event(
        self, writer: asyncio.StreamWriter, choices: list[Any], usage: dict[str, int] | None = None
    ) -> None:
        chunk = {
            "id": "c",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "first",
            "choices": choices,
        }
        writer.write(f"data: {json.dumps({**chunk, 'usage': usage})}\n\n".encode())


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    scripted = Server()
    listening = await asyncio.start_server(scripted.handle, "127.0.0.1", 0)
    scripted.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
    yield scripted
    listening.close()
    await listening.wait_closed()


@asynccontextmanager
async def opened(url: str, **options: int) -> AsyncIterator[RemoteGenerator]:
    generator = RemoteGenerator(url, **options)
    yield generator
    await generator.close()


async def asked(generator: RemoteGenerator, question: Question = QUESTION) -> list[Any]:
    return [piece async for piece in generator.generate(question, question.text, HITS)]


async def test_an_answer_is_streamed_with_its_counts(server: Server) -> None:
    async with opened(server.url) as generator:
        *pieces, last = await asked(generator)
    assert [piece.text for piece in pieces] == ["Four ", "hours [1]."]
    assert (last.prompt_tokens, last.answer_tokens, last.finish_reason) == (40, 5, "stop")


async def test_the_first_listed_model_is_used_and_named(server: Server) -> None:
    async with opened(server.url) as generator:
        await asked(generator)
        assert generator.name == "first"
    assert server.requests[-1][2]["model"] == "first"


async def test_a_model_named_in_the_address_is_used_without_asking(server: Server) -> None:
    async with opened(server.url + "#special") as generator:
        assert generator.name == "special"
        await asked(generator)
    assert [path for path, _, _ in server.requests] == ["/v1/chat/completions"]
    assert server.requests[0][2]["model"] == "special"


async def test_a_password_in_the_address_is_the_key_and_is_not_part_of_the_name(server: Server) -> None:
    async with opened(server.url.replace("//", "//:sesame@")) as generator:
        assert "sesame" not in generator.name
        await asked(generator)
    assert server.requests[-1][1]["authorization"] == "Bearer sesame"


async def test_sources_rules_and_limits_are_sent(server: Server) -> None:
    async with opened(server.url) as generator:
        await asked(generator)
    body = server.requests[-1][2]
    assert body["messages"][0]["role"] == "system"
    assert "[1] Leave" in body["messages"][-1]["content"]
    assert body["max_tokens"] == 50


@pytest.mark.parametrize("status", [429, 503])
async def test_a_server_without_room_is_busy(server: Server, status: int) -> None:
    server.status = status
    async with opened(server.url) as generator:
        with pytest.raises(ModelBusy, match="try again"):
            await asked(generator)


@pytest.mark.parametrize("status", [400, 401, 500])
async def test_a_refusal_is_told_with_its_reason(server: Server, status: int) -> None:
    server.status = status
    async with opened(server.url) as generator:
        with pytest.raises(ModelUnavailable, match="no such luck"):
            await asked(generator)


async def test_a_server_that_is_not_there_is_named() -> None:
    async with opened("http://127.0.0.1:9/v1#m") as generator:
        with pytest.raises(ModelUnavailable, match="can't be reached"):
            await asked(generator)


async def test_an_answer_that_breaks_off_is_an_error_not_a_short_answer(server: Server) -> None:
    server.breaks_off = True
    async with opened(server.url) as generator:
        with pytest.raises(ModelUnavailable, match="broke off"):
            await asked(generator)


async def test_more_questions_than_allowed_at_once_are_busy(server: Server) -> None:
    server.go_on.clear()
    async with opened(server.url, queue=1) as generator:
        stream = generator.generate(QUESTION, QUESTION.text, HITS)
        await anext(stream)
        with pytest.raises(ModelBusy):
            await asked(generator)
        server.go_on.set()
        assert (await anext(stream)).text == "hours [1]."
        assert (await anext(stream)).finish_reason == "stop"
        await stream.aclose()  # type: ignore[attr-defined]
        assert await asked(generator)


async def test_a_closed_answer_makes_room_for_the_next(server: Server) -> None:
    async with opened(server.url, queue=1) as generator:
        stream = generator.generate(QUESTION, QUESTION.text, HITS)
        await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]
        assert await asked(generator)


async def test_a_follow_up_is_condensed_by_the_model(server: Server) -> None:
    server.pieces = ["Question: How much sick leave ", "do interns get?\n"]
    history = (Turn("user", "How much sick leave is there?"), Turn("assistant", "Four hours."))
    async with opened(server.url) as generator:
        assert await generator.condense(Question("And interns?", Scope(()), history)) == (
            "How much sick leave do interns get?"
        )
        assert await generator.condense(QUESTION) is None


def test_tokens_are_estimated_from_above() -> None:
    assert estimated_tokens("abc" * 10) == 10
    assert estimated_tokens("病假") == 3
    assert estimated_tokens("a b of") == 3
    assert estimated_tokens("0123456789") == 10
    assert estimated_tokens("!?{}[]()||--") == 12
    assert estimated_tokens("\U0001f600\U0001f468\u200d\U0001f469") >= 4 * 3
    assert estimated_tokens("\n" * 7) == 7
    assert estimated_tokens("\ud800") >= 1
