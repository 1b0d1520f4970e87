"""Seed 003, "Streaming message responses" and "Stream handling logic", over real sockets."""

import asyncio
import json
from typing import Any

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from rag.errors import ModelUnavailable
from rag.testing import ScriptedGenerator

from ..shapes import assert_same_shape
from .door import QUESTION, Door

CHUNK = {
    "id": "chatcmpl-7MZUCOltFCEIMM1zJWdb2LI5teuCl",
    "object": "chat.completion.chunk",
    "created": 1685613980,
    "model": "gpt-3.5-turbo-0301",
    "choices": [{"delta": {}, "index": 0, "finish_reason": None}],
}
WHOLE = "The grace period is fourteen days [1]."


def frames(raw: bytes) -> list[Any]:
    """The data of every event; `[DONE]` stays a string."""
    events = raw.decode().split("\n\n")
    assert events.pop() == "", "the last event is not ended by a blank line"
    for event in events:
        assert event.startswith("data: "), event
        assert "\n" not in event, "an event has one line: no comments, ids or event names"
    data = [event.removeprefix("data: ") for event in events]
    return [item if item == "[DONE]" else json.loads(item) for item in data]


async def test_streaming_message_responses(served_door: Door, row_id: str) -> None:
    reply = await served_door.call("POST", "/message", {"message": QUESTION, "stream": True})
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-accel-buffering"] == "no"
    *chunks, done = frames(reply.content)
    assert done == "[DONE]"
    for chunk in chunks:
        assert_same_shape(chunk, CHUNK)
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant"}
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in chunks[:-1])
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks[1:-1]) == WHOLE
    last = chunks[-1]
    assert last["choices"] == [{"delta": {}, "index": 0, "finish_reason": "stop"}]
    assert [citation["number"] for citation in last["citations"]] == [1]
    thread = await served_door.ok("POST", "/messages", {"conversationId": last["conversationId"]})
    assert [item["message"] for item in thread["messages"]] == [QUESTION, WHOLE]


async def test_stream_handling_logic(served_door: Door, row_id: str) -> None:
    """The document's own client parses every network chunk by itself, so no event may be split."""
    heard = ""
    body = {"message": QUESTION, "stream": True}
    headers = {"X-API-Secret-Key": served_door.secret}
    async with served_door.http.stream(
        "POST", f"{served_door.base}/message", json=body, headers=headers
    ) as reply:
        async for chunk in reply.aiter_raw():
            lines = [line.removeprefix("data: ").strip() for line in chunk.decode().split("\n")]
            for parsed in [json.loads(line) for line in lines if line not in ("", "[DONE]")]:
                heard += parsed["choices"][0]["delta"].get("content", "")
    assert heard == WHOLE


async def test_each_event_is_one_write_and_no_character_is_split(
    app: Any, door: Door, generator: ScriptedGenerator, row_id: str
) -> None:
    generator._script = ["Días ", "中文 ", "👩‍👩‍👧 ", "line\nbreak\u2028 ", "[1]."]
    writes = await asgi_writes(app, door, {"message": QUESTION, "stream": True})
    for write in writes:
        (_,) = frames(write)
    assert len(writes) > 5


async def asgi_writes(app: Any, door: Door, body: dict[str, Any]) -> list[bytes]:
    requests: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    requests.put_nowait({"type": "http.request", "body": json.dumps(body).encode(), "more_body": False})
    writes: list[bytes] = []

    async def send(message: Any) -> None:
        if message.get("body"):
            writes.append(message["body"])
        if message["type"] == "http.response.body" and not message.get("more_body"):
            requests.put_nowait({"type": "http.disconnect"})

    path = f"{door.base}/message"
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"lectern.test"), (b"x-api-secret-key", door.secret.encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    await app(scope, requests.get, send)
    return writes


async def test_the_openai_sdk_reads_the_stream(served: str, door: Door, row_id: str) -> None:
    client = openai.AsyncOpenAI(
        base_url=served + door.base,
        api_key="unused",
        default_headers={"X-API-Secret-Key": door.secret},
        max_retries=0,
    )
    async with client:
        stream = await client.post(
            "/message",
            body={"message": QUESTION, "stream": True},
            cast_to=ChatCompletionChunk,
            stream=True,
            stream_cls=openai.AsyncStream[ChatCompletionChunk],
        )
        chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == WHOLE
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].model_extra is not None
    assert chunks[-1].model_extra["citations"][0]["number"] == 1


async def test_the_sdk_raises_what_broke_off_in_mid_stream(
    served: str, door: Door, generator: ScriptedGenerator, row_id: str
) -> None:
    generator._error = ModelUnavailable("The model went away; ask again.")
    client = openai.AsyncOpenAI(
        base_url=served + door.base, api_key="unused", default_headers={"X-API-Secret-Key": door.secret}
    )
    async with client:
        stream = await client.post(
            "/message",
            body={"message": QUESTION, "stream": True},
            cast_to=ChatCompletionChunk,
            stream=True,
            stream_cls=openai.AsyncStream[ChatCompletionChunk],
        )
        with pytest.raises(openai.APIError, match="went away"):
            async for _ in stream:
                pass


async def test_a_failure_in_mid_stream_is_the_last_event(
    door: Door, generator: ScriptedGenerator, row_id: str
) -> None:
    generator._error = ModelUnavailable("The model went away; ask again.")
    reply = await door.call("POST", "/message", {"message": QUESTION, "stream": True})
    assert reply.status_code == 200
    events = frames(reply.content)
    assert events[-1] == {"error": {"message": "The model went away; ask again."}}
    assert "[DONE]" not in events


async def test_a_client_that_leaves_does_not_stop_the_answer(
    served_door: Door, generator: ScriptedGenerator, row_id: str
) -> None:
    gate = generator._gates[2] = asyncio.Event()
    conversation = await served_door.ok("POST", "/conversation")
    body = {"message": QUESTION, "stream": True, "conversationId": conversation["conversationId"]}
    headers = {"X-API-Secret-Key": served_door.secret}
    async with (
        httpx.AsyncClient(base_url=served_door.http.base_url) as leaving,
        leaving.stream("POST", f"{served_door.base}/message", json=body, headers=headers) as reply,
    ):
        async for _ in reply.aiter_raw():
            break
    gate.set()
    await _until_answered(served_door, conversation["conversationId"])


async def _until_answered(door: Door, conversation_id: str) -> None:
    async with asyncio.timeout(20):
        while True:
            thread = await door.ok("POST", "/messages", {"conversationId": conversation_id})
            if thread["messages"][-1]["message"] == WHOLE:
                return
            await asyncio.sleep(0.02)
