"""Who calls: a workspace's key in `Authorization: Api-Key KEY`."""

import math
import re
from typing import Any
from uuid import UUID

from litestar import Request
from litestar.di import NamedDependency
from litestar.exceptions import ClientException
from litestar.params import SkipValidation

from app.api.maiagent.errors import CHALLENGE
from app.domain.errors import Busy, NotFound, Unauthorized
from app.domain.workspaces import KeyKind
from app.security.limits import RateLimiter
from app.services.house import House
from app.services.identify import Caller, open_workspace

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_HOST = re.compile(r"(?:[\w.-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?", re.ASCII | re.IGNORECASE)
_MOST_PORT = 65_535

# Built by us, so there is nothing to validate.
InHouse = NamedDependency[SkipValidation[House]]
Calling = NamedDependency[SkipValidation[Caller]]
Limits = NamedDependency[SkipValidation[RateLimiter]]


async def identify(request: Request[Any, Any, Any], house: InHouse, limits: Limits) -> Caller:
    """The workspace that the request's key opens; the request counts against the key's rate.

    Raises: Unauthorized, Busy, ClientException for a Host header that no link can be made of.
    """
    _check_host(request.headers.get("host", ""))
    scheme, _, secret = request.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != CHALLENGE.lower():
        raise Unauthorized("Authentication credentials were not provided.")
    caller = await open_workspace(house, secret.strip(), KeyKind.MAIAGENT)
    if caller is None:
        raise Unauthorized("Incorrect authentication credentials.")
    if wait_s := limits.take(caller.key_prefix):
        raise Busy("Too many requests with this key; wait a moment.", math.ceil(wait_s))
    return caller


def _check_host(host: str) -> None:
    read = _HOST.fullmatch(host)
    if host and (read is None or int(read[1] or 0) > _MOST_PORT):
        raise ClientException("Invalid host header")


def base_url(request: Request[Any, Any, Any], house: House) -> str:
    """The server's address as the client knows it, without a slash at the end."""
    return house.settings.public_url.rstrip("/") or str(request.base_url).rstrip("/")


def client_address(request: Request[Any, Any, Any]) -> str | None:
    """The address that the request came from."""
    return request.client.host if request.client else None


def id_in_path(value: str) -> UUID:
    """The id of an address.

    Raises: NotFound for what is none.
    """
    if not _UUID.fullmatch(value):
        raise NotFound("There is nothing at this address.")
    return UUID(value)
