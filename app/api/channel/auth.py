"""Who calls: a channel's id in the path and its secret in `X-API-Secret-Key`."""

import math
from typing import Any

from litestar import Request
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from app.domain.errors import Busy
from app.security.limits import RateLimiter
from app.services.house import House
from app.services.identify import Visit, open_channel

HEADER = "X-API-Secret-Key"

# Built by us, so there is nothing to validate.
InHouse = NamedDependency[SkipValidation[House]]
Visiting = NamedDependency[SkipValidation[Visit]]
Limits = NamedDependency[SkipValidation[RateLimiter]]


async def identify(
    request: Request[Any, Any, Any], house: InHouse, limits: Limits, channel_id: FromPath[str]
) -> Visit:
    """The channel that the request's key opens; the request counts against the key's rate.

    Raises: NotFound, Forbidden, Busy.
    """
    visit = await open_channel(house, channel_id, request.headers.get(HEADER))
    if wait_s := limits.take(visit.key_prefix):
        raise Busy("Too many requests with this key; wait a moment.", math.ceil(wait_s))
    return visit
