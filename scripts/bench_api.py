"""The bench of the API: what a hundred times the messages cost, and fifty streams at once, and a long export.

Two real servers answer on loopback ports, one over 10,000 messages and one over as many as are asked for;
each request goes to both in turn.
"""

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import httpx
import uvloop
from bench_api_rows import ABSENT, KEYWORDS, MESSAGES_PER_CONVERSATION, Place, fill
from bench_ingest import HANDBOOK, Queue
from msgspec import Struct

from app.cli.options import settings_with
from app.domain.workspaces import KeyKind
from app.services.add_sources import add_path, find_target
from app.services.house import close_house, open_house
from app.services.manage_keys import list_keys, rotate_key
from app.store.embedded import EmbeddedPostgres
from app.store.migrate import create_database, migrate
from app.store.pool import Pool, open_pool

_FEW = 10_000
_TIMES = 30
_WARM = 5
_PAGE = 20
_STREAMS = 50
_EXPORTED = 100_000
_QUESTIONS = (
    "How do I book travel?",
    "¿Cuántos días de permiso hay?",
    "What is overtime?",
    "如何報銷差旅費?",
)
_TAUGHT = ("overtime.md", "leave.md", "paid-parental-leave.md", "going-out-of-office.md")
_SERVER = Path(__file__).with_name("bench_api_server.py")


class Server(Struct, frozen=True):
    """A server that answers, and what it answers about."""

    client: httpx.AsyncClient
    process: subprocess.Popen[bytes]
    pipe: int
    place: Place
    messages: int

    def lap(self) -> dict[str, float]:
        """How long its loop was blocked and how much memory it took at most, since the lap before."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        figures: dict[str, float] = json.loads(os.read(self.pipe, 1000))
        return figures


@click.command()
@click.option("--messages", type=click.IntRange(2 * _FEW), default=1_000_000, show_default=True)
@click.option(
    "--keep", type=click.Path(path_type=Path), help="A folder for the filled databases, used again."
)
def main(messages: int, keep: Path | None) -> None:
    """Measure the MaiAgent door at 10,000 messages and at MESSAGES; the last line is JSON."""
    with tempfile.TemporaryDirectory(prefix="lectern-bench-", ignore_cleanup_errors=True) as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        # The database runs as another user when this is run by root.
        folder.chmod(0o755)
        postgres = EmbeddedPostgres.start(folder / "pg")
        try:
            figures = uvloop.run(_measure(postgres, folder, messages))
        finally:
            postgres.stop()
    click.echo(json.dumps(figures))


async def _measure(postgres: EmbeddedPostgres, folder: Path, messages: int) -> dict[str, Any]:
    async with AsyncExitStack() as opened:
        few, many = [
            await opened.enter_async_context(_serving(postgres.url(f"messages_{size}"), folder, size))
            for size in (_FEW, messages)
        ]
        paths = [await _paths(server) for server in (few, many)]
        taken = {name: await _ask_both((few, many), name, paths) for name in paths[0]}
        times = {name: {size: _spread(each) for size, each in both.items()} for name, both in taken.items()}
        ratios = {
            name: round(both["many"]["p50_ms"] / both["few"]["p50_ms"], 2) for name, both in times.items()
        }
        figures = {"times": times, "streams": await _stream(many), "export": await _export(many)}
    return {"messages": messages, **figures, "ratios": ratios}


@asynccontextmanager
async def _serving(url: str, folder: Path, messages: int) -> AsyncIterator[Server]:
    create_database(url)
    migrate(url)
    pool = await open_pool(url, max_size=4)
    place = await fill(pool, messages)
    key = await _new_key(pool, place.workspace_id)
    await pool.close()
    await _teach(url, folder, place)
    port = _free_port()
    process, pipe = _start(url, folder, port)
    headers = {"Authorization": f"Api-Key {key}"}
    limits = httpx.Limits(max_connections=2 * _STREAMS)
    base = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=300, limits=limits) as client:
        try:
            await _ready(client, process)
            yield Server(client, process, pipe, place, messages)
        finally:
            process.terminate()
            process.wait(30)


async def _teach(url: str, folder: Path, place: Place) -> None:
    """Something to answer from, unless an earlier run has added it."""
    queue = Queue()
    house = await open_house(settings_with(folder / "home"), url, queue=queue, llm="nothing")
    async with house.pool.connection() as connection:
        known = await (await connection.execute("SELECT id FROM documents LIMIT 1")).fetchone()
    if known is None:
        target = await find_target(house, place.assistant_id, None)
        for name in _TAUGHT:
            async for _ in add_path(house, target, HANDBOOK / "pages/travel-and-leave" / name):
                pass
        await queue.work_off(house)
    await close_house(house)


def _start(url: str, folder: Path, port: int) -> tuple[subprocess.Popen[bytes], int]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(_SERVER.parents[1]),
        "LECTERN_HOME": str(folder / "home"),
        "LECTERN_DATABASE_URL": url,
        "LECTERN_PORT": str(port),
        "LECTERN_RATE_LIMIT_PER_MINUTE": "1000000",
    }
    reading, writing = os.pipe()
    command = [sys.executable, str(_SERVER), str(writing)]
    with (folder / f"server-{port}.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=log, stderr=log, pass_fds=(writing,)
        )
    return process, reading


async def _new_key(pool: Pool, workspace_id: UUID) -> str:
    keys = [each for each in await list_keys(pool, workspace_id) if each.kind is KeyKind.MAIAGENT]
    [key] = [each for each in keys if each.revoked_at is None]
    return await rotate_key(pool, key.id)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


async def _ready(client: httpx.AsyncClient, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            await client.get("/health/live")
        except httpx.TransportError:
            await asyncio.sleep(0.2)
        else:
            return
    raise click.ClickException("The server did not start: see its log.")


async def _paths(server: Server) -> dict[str, str]:
    """What is asked, by the name of its figures."""
    inbox = f"/api/conversations/?inbox={server.place.channel_id}&pageSize={_PAGE}"
    deep, conversation_id = await _go_deep(server, inbox)
    records = f"/api/chatbots/{server.place.assistant_id}/records/?{_days(400)}&pageSize={_PAGE}"
    keywords = {name: word for name, (word, _) in KEYWORDS.items()} | {"absent": ABSENT, "letter": "é"}
    searches = {f"keyword_{name}": f"{inbox}&keyword={word}" for name, word in keywords.items()}
    pages = {
        "records_first": records,
        "records_far": f"{records}&page={server.messages // 4 // _PAGE}",
        "records_last": f"{records}&page=last",
        "records_user_rare": f"{records}&userMessage={KEYWORDS['rare'][0]}",
        "records_user_middling": f"{records}&userMessage={KEYWORDS['middling'][0]}",
        "records_bot_common": f"{records}&botMessage={KEYWORDS['common'][0]}",
    }
    messages = f"/api/messages/?conversation={conversation_id}&pageSize={_PAGE}"
    return {
        "conversations_first": inbox,
        "conversations_deep": deep,
        **searches,
        "messages": messages,
        **pages,
    }


async def _go_deep(server: Server, inbox: str) -> tuple[str, str]:
    """A page near the end of the inbox, and a conversation of it."""
    path = inbox.replace(f"pageSize={_PAGE}", "pageSize=100")
    for _ in range(max(1, server.messages // MESSAGES_PER_CONVERSATION // 100 * 9 // 10)):
        page = (await server.client.get(path)).raise_for_status().json()
        path = page["next"] or path
    return path.replace("pageSize=100", f"pageSize={_PAGE}"), page["results"][-1]["id"]


def _days(count: int) -> str:
    today = datetime.now(UTC).date()
    return f"startDate={today - timedelta(days=count)}&endDate={today}"


async def _ask_both(
    servers: tuple[Server, Server], name: str, paths: list[dict[str, str]]
) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {"few": [], "many": []}
    for _ in range(_WARM + _TIMES):
        for size, server, by_name in zip(taken, servers, paths, strict=True):
            began = time.perf_counter()
            (await server.client.get(by_name[name])).raise_for_status()
            taken[size].append((time.perf_counter() - began) * 1000)
    click.echo(f"{name}: {[_spread(each[_WARM:]) for each in taken.values()]}", err=True)
    return {size: each[_WARM:] for size, each in taken.items()}


def _spread(taken: list[float]) -> dict[str, float]:
    return {
        "p50_ms": round(statistics.median(taken), 1),
        "p90_ms": round(statistics.quantiles(taken, n=10)[-1], 1),
    }


async def _stream(server: Server) -> dict[str, Any]:
    """As many answers at once as are to be borne."""
    server.lap()
    ended = await asyncio.gather(*(_complete(server, n) for n in range(_STREAMS)))
    complete = [each for each in ended if each is not None]
    first, whole = zip(*complete, strict=True)
    return {
        "complete": len(complete),
        "of": _STREAMS,
        "first": _spread(list(first)),
        "end": _spread(list(whole)),
    } | server.lap()


async def _complete(server: Server, n: int) -> tuple[float, float] | None:
    """The milliseconds to the first byte and to the end, or None when it broke off."""
    began, first, said = time.perf_counter(), 0.0, b""
    body = {"isStreaming": True, "message": {"content": f"{_QUESTIONS[n % len(_QUESTIONS)]} ({n})"}}
    path = f"/api/chatbots/{server.place.assistant_id}/completions/"
    async with server.client.stream("POST", path, json=body) as reply:
        async for part in reply.aiter_bytes():
            first = first or time.perf_counter()
            said += part
    whole = (time.perf_counter() - began) * 1000
    return ((first - began) * 1000, whole) if b'"done":true' in said else None


async def _export(server: Server) -> dict[str, Any]:
    """A workbook of so many records, or of all there are."""
    days = 365 * _EXPORTED // max(_EXPORTED, server.messages // 2)
    path = f"/api/chatbots/{server.place.assistant_id}/records/export-excel/?{_days(days)}"
    records = (
        (await server.client.get(path.replace("/export-excel/", "/"))).raise_for_status().json()["count"]
    )
    server.lap()
    began, first, size = time.perf_counter(), 0.0, 0
    async with server.client.stream("GET", path) as reply:
        if reply.status_code == httpx.codes.NOT_FOUND:
            return {}
        async for part in reply.raise_for_status().aiter_bytes():
            first = first or time.perf_counter() - began
            size += len(part)
    took = {"seconds": round(time.perf_counter() - began, 1), "first_ms": round(first * 1000)}
    return {"records": records, "mb": round(size / 1e6, 1)} | took | server.lap()


if __name__ == "__main__":
    main()
