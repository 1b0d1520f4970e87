"""What machines and operators read: health, metrics, the OpenAPI page."""

import re
from uuid import uuid4

import httpx
import msgspec
import pytest

from app.services.house import House
from app.store import jobs


async def beat(house: House) -> None:
    async with house.pool.connection() as connection:
        await jobs.beat_worker(connection, uuid4())


async def test_the_process_lives(http: httpx.AsyncClient) -> None:
    reply = await http.get("/health/live")
    assert (reply.status_code, reply.json()) == (200, {"state": "ok"})


async def test_the_house_is_ready_when_every_part_works(http: httpx.AsyncClient, house: House) -> None:
    await beat(house)
    reply = await http.get("/health/ready")
    assert reply.status_code == 200
    assert reply.json()["ready"] is True
    assert {name: part["state"] for name, part in reply.json()["parts"].items()} == {
        "database": "ok",
        "workers": "ok",
        "model": "ok",
    }
    assert reply.json()["parts"]["model"]["details"] == {"embedder": "hash-32", "generator": "scripted"}


async def test_a_house_without_a_worker_is_not_ready(http: httpx.AsyncClient, house: House) -> None:
    async with house.pool.connection() as connection:
        await connection.execute("DELETE FROM workers")
    reply = await http.get("/health/ready")
    assert reply.status_code == 503
    assert reply.json()["parts"]["workers"]["state"] == "down"
    assert reply.json()["parts"]["database"] == {"state": "ok"}


async def test_a_house_without_its_database_is_not_ready_but_lives(
    http: httpx.AsyncClient, house: House
) -> None:
    await house.pool.close()
    reply = await http.get("/health/ready")
    assert reply.status_code == 503
    assert reply.json()["parts"]["database"]["state"] == "down"
    assert (await http.get("/health/live")).status_code == 200


async def test_requests_are_counted_by_route_and_never_by_id(http: httpx.AsyncClient) -> None:
    for _ in range(3):
        await http.post(f"/api/public/channels/{uuid4()}/1.0/conversation")
    await http.get(f"/nothing/{uuid4()}")
    reply = await http.get("/metrics")
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/plain")
    line = (
        'lectern_http_requests_total{method="POST",'
        'route="/api/public/channels/{channel_id}/1.0/conversation",status="404"} 3.0'
    )
    assert line in reply.text
    assert 'route="unknown",status="404"} 1.0' in reply.text
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", reply.text)


async def test_the_openapi_page_shows_every_call_and_loads_nothing(http: httpx.AsyncClient) -> None:
    schema = (await http.get("/schema/openapi.json")).json()
    reply = await http.get("/schema")
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/html")
    assert reply.headers["x-content-type-options"] == "nosniff"
    for path in schema["paths"]:
        assert path in reply.text
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//|@import|url\(|<script", reply.text)


async def test_the_openapi_description_knows_the_bodies(http: httpx.AsyncClient) -> None:
    schema = (await http.get("/schema/openapi.json")).json()
    paths = {path.rpartition("/1.0")[2]: item for path, item in schema["paths"].items() if "/1.0" in path}
    assert len(paths) == 11
    reference = paths["/message"]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    properties = schema["components"]["schemas"][reference.rpartition("/")[2]]["properties"]
    assert properties.keys() == {"message", "response", "conversationId", "stream"}
    assert "requestBody" in paths["/data-sources"]["delete"]
    assert [item["name"] for item in paths["/data-sources"]["get"]["parameters"]] == [
        "channel_id",
        "dataSourceId",
    ]
    for operation in (one for path in paths.values() for one in path.values()):
        assert operation["responses"].keys() == {"200", "400", "403", "404", "429", "500"}
    assert schema["components"]["securitySchemes"]["channel"]["name"] == "X-API-Secret-Key"
    for reference in re.findall(r'"#/components/schemas/([^"]+)"', msgspec.json.encode(schema).decode()):
        assert reference in schema["components"]["schemas"]


@pytest.mark.parametrize("path", ["/health/live", "/schema", "/nothing"])
async def test_every_reply_has_a_request_id(http: httpx.AsyncClient, path: str) -> None:
    given = await http.get(path, headers={"X-Request-ID": "abc-1"})
    assert given.headers["x-request-id"] == "abc-1"
    made = await http.get(path, headers={"X-Request-ID": "a b\tc"})
    assert re.fullmatch(r"[0-9a-f]{32}", made.headers["x-request-id"])
