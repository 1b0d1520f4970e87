"""What holds for every route of every door: keys, methods, addresses, and what is another workspace's."""

from collections.abc import Iterator
from itertools import groupby
from uuid import uuid4

import httpx
import pytest
from litestar import Litestar

from app.services.house import House

from ..parts import HeldQueue
from .calls import CALLS, KEYLESS, Call, Choose
from .maiagent.door import UNKNOWN_ID
from .routes import Route, routes_of
from .tenants import BASE, Tenant, kept, open_tenant, places, told

_ELSEWHERE = {
    "file": f"{BASE}/api/files/{'A' * 43}/a.txt",
    "upload": f"media/{UNKNOWN_ID}/b.txt",
    "messages_cursor": "A" * 30,
    "conversations_cursor": "A" * 30,
}

# Rows to delete are named in either of two ways.
_BY_ANOTHER_NAME = {"dataSourceRowId", "dataSourceRows[].id"}


@pytest.fixture
async def owner(house: House, http: httpx.AsyncClient, queue: HeldQueue) -> Tenant:
    return await open_tenant(house, http, queue, "Library")


@pytest.fixture
async def stranger(house: House, http: httpx.AsyncClient, queue: HeldQueue) -> Tenant:
    return await open_tenant(house, http, queue, "Elsewhere")


def calls(app: Litestar) -> Iterator[tuple[Route, Call]]:
    """Every call of the table at each of its addresses, in the table's order."""
    order = {name: place for place, name in enumerate(CALLS)}
    routes = [route for route in routes_of(app) if route.name in CALLS]
    for route in sorted(routes, key=lambda route: (order[route.name], route.path)):
        for call in CALLS[route.name]:
            yield route, call


def nothing(place: str, kind: str) -> str:
    """Chooses what exists nowhere."""
    return _ELSEWHERE.get(kind, UNKNOWN_ID)


def test_every_route_of_the_application_has_its_row(app: Litestar) -> None:
    names = {route.name for route in routes_of(app)}
    assert names == CALLS.keys() | KEYLESS, "add the row of a new route to tests/contract/calls.py"
    for route in routes_of(app):
        if route.name in CALLS:
            named = {place for call in CALLS[route.name] for place in places(route, call)}
            missing = route.id_places - named - {"path.channel_id"} - _BY_ANOTHER_NAME
            assert not missing, (route.name, missing)


async def test_a_foreign_id_is_answered_exactly_like_one_that_nobody_has(
    app: Litestar, house: House, owner: Tenant, stranger: Tenant
) -> None:
    before = await kept(house, owner)
    for route, call in calls(app):
        named = places(route, call)
        # Each id alone, so that no other refusal hides it, and all of them together.
        for attacked in [{place} for place in named] + ([set(named)] if len(named) > 1 else []):
            with_foreign = await stranger.send(route, call, _at(attacked, stranger, owner.own))
            with_random = await stranger.send(route, call, _at(attacked, stranger, nothing))
            foreign = [owner.ids[named[place]] for place in attacked]
            random = [nothing(place, named[place]) for place in attacked]
            case = (route.method, route.path, call, attacked)
            assert told(with_foreign, *foreign) == told(with_random, *random), case
            assert 400 <= with_foreign.status_code < 500, case
    assert await kept(house, owner) == before
    asked = await owner.door.ask()
    assert asked["citations"], "what the owner has still answers"


async def test_with_its_own_ids_every_call_is_answered(app: Litestar, owner: Tenant) -> None:
    """Or else the test above would prove nothing: each id in it could be refused for another reason."""
    for (name, path), same in groupby(calls(app), key=lambda one: (one[0].name, one[0].path)):
        if path.startswith("/api/v1/"):
            continue
        for route, call in same:
            reply = await owner.send(route, call, owner.own)
            assert reply.is_success, (name, call, reply.status_code, reply.text)


def _at(attacked: set[str], tenant: Tenant, choose: Choose) -> Choose:
    """Chooses at the attacked places as told, and elsewhere what is the tenant's own."""

    def chosen(place: str, kind: str) -> str:
        return (choose if place in attacked else tenant.own)(place, kind)

    return chosen


async def test_a_key_is_asked_for_before_anything_else_is_looked_at(app: Litestar, owner: Tenant) -> None:
    for route in [route for route in routes_of(app) if route.name in CALLS]:
        for key in ("", "wrong", _key_of_another_door(route, owner)):
            assert_refused(
                route,
                await owner.send(route, Call(), owner.own, content=b"{broken", headers=key_of(route, key)),
            )


async def test_only_the_doors_own_keys_open_it(app: Litestar, owner: Tenant, stranger: Tenant) -> None:
    keys = owner.door.created
    right = {"channel": keys.channel.secret_key, "maiagent": keys.maiagent.api_key}
    others = [
        *right.values(),
        keys.copianto.api_key,
        keys.cognitive.api_key,
        stranger.door.created.channel.secret_key,
    ]
    by_name = {route.name: route for route in routes_of(app)}
    for name in ("channel POST /data-sources/list", "maiagent GET /chatbots"):
        own = right[name.split()[0]]
        odd = [
            own + "x",
            own[:-1],
            f"{own} {own}",
            own.upper(),
            "é\x7f",
            "x" * 5000,
            "Api-Key",
            "%00",
            "null",
        ]
        for key in [*odd, *(key for key in others if key != own)]:
            route = by_name[name]
            assert_refused(route, await owner.send(route, Call(), owner.own, headers=key_of(route, key)))


def key_of(route: Route, key: str) -> dict[str, bytes]:
    """The header that carries a key to the route's door."""
    if route.name.startswith("channel"):
        return {"X-API-Secret-Key": key.encode("latin-1")}
    return {"Authorization": f"Api-Key {key}".encode("latin-1")}


def assert_refused(route: Route, reply: httpx.Response) -> None:
    if route.name.startswith("channel"):
        assert (reply.status_code, reply.json()["success"]) == (403, False), route
    else:
        assert (reply.status_code, reply.headers["www-authenticate"]) == (401, "Api-Key"), route
        assert reply.json() == {"detail": "Incorrect authentication credentials."}


def _key_of_another_door(route: Route, tenant: Tenant) -> str:
    keys = tenant.door.created
    return keys.maiagent.api_key if route.name.startswith("channel") else keys.channel.secret_key


async def test_a_wrong_method_names_the_right_ones(app: Litestar, owner: Tenant) -> None:
    for path, same in groupby(sorted(routes_of(app), key=lambda route: route.path), lambda route: route.path):
        methods = {route.method for route in same}
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - methods:
            route = Route(method, path.replace("{token}", "x").replace("{name}", "x").replace("{path}", "x"))
            reply = await owner.send(route, Call(), owner.own)
            assert reply.status_code == 405, (method, path)
            assert methods <= set(reply.headers["allow"].split(", ")) <= methods | {"OPTIONS", "HEAD"}
            if path.startswith("/api/") and "public" not in path:
                assert reply.json() == {"detail": f'Method "{method}" not allowed.'}


async def test_a_path_is_served_with_and_without_its_trailing_slash(app: Litestar, owner: Tenant) -> None:
    for route in [route for route in routes_of(app) if route.name in CALLS]:
        call = CALLS[route.name][0]
        if named := set(places(route, call)):
            bare = await owner.send(route, call, _at(named, owner, nothing))
            slashed = Route(route.method, route.path + "/")
            assert told(await owner.send(slashed, call, _at(named, owner, nothing))) == told(bare), route
            assert 400 <= bare.status_code < 500, "and never redirected"


async def test_an_unknown_address_is_not_found_in_the_doors_shape(
    http: httpx.AsyncClient, owner: Tenant
) -> None:
    channel = f"/api/public/channels/{owner.ids['channel']}/1.0"
    for base in ("/api", "/api/v1", channel):
        for path in (
            "",
            "/",
            "/nothing",
            f"/{uuid4()}",
            "/message/x/y",
            "/messages/a/b/c",
            "/../x",
            "/%2e%2e/x",
        ):
            reply = await http.request("POST", base + path, content=b"{broken")
            assert reply.status_code == 404, (base, path)
            assert reply.json().keys() == ({"success", "message"} if base == channel else {"detail"})


async def test_an_id_in_a_path_that_is_none_is_not_found(app: Litestar, owner: Tenant) -> None:
    odd = [
        "1",
        "a b",
        "%00",
        "%F0%9F%92%A5",
        "{}",
        "null",
        "a" * 5000,
        UNKNOWN_ID[:-1] + "%0A",
        f"{{{UNKNOWN_ID}}}",
    ]
    for route in [route for route in routes_of(app) if route.name in CALLS and "{" in route.path]:
        if not route.name.startswith("channel"):
            for wrong in ["x", *(odd if route.name.endswith("/webhook") else ())]:
                reply = await owner.send(route, CALLS[route.name][0], _in_path(owner, wrong))
                assert (reply.status_code, reply.json()) == (404, {"detail": "Not found."}), (route, wrong)


def _in_path(tenant: Tenant, wrong: str) -> Choose:
    return lambda place, kind: wrong if place.startswith("path.") else tenant.own(place, kind)
