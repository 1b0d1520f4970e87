"""The description that is served, tried against the application: what it promises is what is answered."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.services.house import House

from ...parts import HeldQueue
from ..calls import IN_PATH
from ..tenants import BASE, Tenant, open_tenant

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
_IN_QUERY = {"inbox": "web_chat", "conversation": "conversation"}
# How many calls are tried at each operation.
EXAMPLES = {"maiagent": 15, "channel": 6}
BOUNDED = settings(
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
async def tenant(house: House, http: httpx.AsyncClient, queue: HeldQueue) -> Tenant:
    return await open_tenant(house, http, queue, "Library")


async def described(http: httpx.AsyncClient, tag: str) -> list[Any]:
    """The operations of one door, as the description that is served has them."""
    schema = schemathesis.openapi.from_dict((await http.get("/schema/openapi.json")).json())
    operations = [result.ok() for result in schema.get_all_operations()]
    return [operation for operation in operations if tag in (operation.tags or ())]


def with_real_ids(case: Any, tenant: Tenant) -> None:
    """Puts ids that exist where the case has made some up, so that more than the refusal is tried."""
    for parameters, kinds in ((case.path_parameters, IN_PATH), (case.query, _IN_QUERY)):
        for name in set(parameters or ()) & set(kinds):
            parameters[name] = tenant.ids[kinds[name].removeprefix("$")]


@pytest.mark.parametrize("tag", EXAMPLES)
async def test_the_application_does_what_its_description_says(tenant: Tenant, tag: str) -> None:
    loop = asyncio.get_running_loop()

    def send(case: Any) -> httpx.Response:
        options = case.as_transport_kwargs(base_url=BASE)
        prepared = requests.Request(**options).prepare()
        headers = {**prepared.headers, **key_of(tenant, tag)}
        request = httpx.Request(
            str(prepared.method), str(prepared.url), headers=headers, content=prepared.body
        )
        return asyncio.run_coroutine_threadsafe(tenant.door.http.send(request), loop).result(20)

    for operation in await described(tenant.door.http, tag):
        await asyncio.to_thread(
            settings(BOUNDED, max_examples=EXAMPLES[tag])(trying(operation, tenant, send))
        )


def trying(operation: Any, tenant: Tenant, send: Callable[[Any], httpx.Response]) -> Callable[[], None]:
    """Tries the operation with made-up calls, with made-up ids and with real ones."""

    @given(case=st.one_of(map(operation.as_strategy, GenerationMode)), real=st.booleans())
    def tried(case: Any, real: bool) -> None:
        if real or operation.path.startswith("/api/public"):
            with_real_ids(case, tenant)
        case.validate_response(send(case), checks=CHECKS)

    return tried


def key_of(tenant: Tenant, tag: str) -> dict[str, str]:
    keys = tenant.door.created
    if tag == "channel":
        return {"X-API-Secret-Key": keys.channel.secret_key}
    return {"Authorization": f"Api-Key {keys.maiagent.api_key}"}
