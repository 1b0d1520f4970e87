"""What the application answers, read from itself: routes, and where their calls name things by ids."""

from collections.abc import Iterator
from typing import Any

from litestar import Litestar
from litestar.routes import HTTPRoute
from msgspec import Struct, inspect

CHANNEL, MAIAGENT = "/api/public/channels/{channel_id}/1.0", "/api"
_SECOND_PREFIX = "/api/v1"


class Route(Struct, frozen=True):
    """One method at one address; `name` is the same under each of its door's prefixes."""

    method: str
    path: str
    takes: Any = None

    @property
    def name(self) -> str:
        path = self.path
        for prefix in (CHANNEL, _SECOND_PREFIX, MAIAGENT):
            if path.startswith(prefix + "/"):
                door = "channel" if prefix == CHANNEL else "maiagent"
                return f"{door} {self.method} {path.removeprefix(prefix)}"
        return f"{self.method} {path}"

    @property
    def id_places(self) -> set[str]:
        """Where a call names something that exists: in the path, and in what the handler takes."""
        in_path = {f"path.{part[1:-1]}" for part in self.path.split("/") if part.startswith("{")}
        return in_path | (set(_id_places(inspect.type_info(self.takes), "")) if self.takes else set())


def routes_of(application: Litestar) -> list[Route]:
    """Every route of the application, without what the framework adds to each (OPTIONS, HEAD)."""
    return [
        Route(method, route.path_format, handler.opt.get("takes"))
        for route in application.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in sorted(handler.http_methods)
        if method not in ("OPTIONS", "HEAD")
    ]


def _id_places(kind: inspect.Type, at: str) -> Iterator[str]:
    match kind:
        case inspect.UUIDType():
            yield at
        case inspect.Metadata():
            yield from _id_places(kind.type, at)
        case inspect.UnionType():
            for one in kind.types:
                yield from _id_places(one, at)
        case inspect.ListType():
            yield from _id_places(kind.item_type, f"{at}[]")
        case inspect.StructType():
            for field in kind.fields:
                name = field.encode_name
                yield from _id_places(field.type, f"{at}.{name}" if at else name)
