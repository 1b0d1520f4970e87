"""Every domain error in every door: the documented status, in the vendor's shape."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from litestar import Request, Response

from app.api import channel, maiagent
from app.domain import errors
from app.domain.errors import DomainError

Render = Callable[[Request[Any, Any, Any], Exception], Response[Any]]

# A door that is built adds its row; an error that is added makes every row fail until it is there.
DOORS: Mapping[str, tuple[Render, Mapping[str, int]]] = {
    "channel": (
        channel.render,
        {
            "NotFound": 404,
            "NoSuchPage": 404,
            "Unauthorized": 403,
            "Forbidden": 403,
            "Invalid": 400,
            "Conflict": 429,
            "Busy": 429,
            "Exhausted": 429,
            "TooLarge": 413,
            "Unavailable": 500,
        },
    ),
    "maiagent": (
        maiagent.render,
        {
            "NotFound": 404,
            "NoSuchPage": 404,
            "Unauthorized": 401,
            "Forbidden": 403,
            "Invalid": 400,
            "Conflict": 409,
            "Busy": 429,
            "Exhausted": 429,
            "TooLarge": 413,
            "Unavailable": 503,
        },
    ),
}
REQUEST: Request[Any, Any, Any] = Request({"type": "http", "method": "GET", "path": "/", "headers": []})  # type: ignore[arg-type]


def leaves(kind: type[DomainError] = DomainError) -> list[type[DomainError]]:
    below = kind.__subclasses__()
    return [leaf for sub in below for leaf in leaves(sub)] if below else [kind]


def test_every_door_package_is_checked() -> None:
    from importlib.resources import files

    packages = {
        entry.name for entry in files("app.api").iterdir() if entry.is_dir() and (entry / "wire.py").is_file()
    }
    assert packages == set(DOORS)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("leaf", leaves(), ids=lambda leaf: leaf.__name__)
def test_every_error_has_its_documented_status_in_every_door(leaf: type[DomainError], door: str) -> None:
    render, statuses = DOORS[door]
    reply = render(REQUEST, leaf("This went wrong."))
    assert reply.status_code == statuses[leaf.__name__]
    assert ("Retry-After" in reply.headers) == (reply.status_code == 429)


@pytest.mark.parametrize("leaf", leaves(), ids=lambda leaf: leaf.__name__)
def test_the_channels_errors_have_its_shape(leaf: type[DomainError]) -> None:
    reply = channel.render(REQUEST, leaf("This went wrong."))
    assert msgspec.to_builtins(reply.content) == {"success": False, "message": "This went wrong."}


@pytest.mark.parametrize(
    ("error", "body"),
    [
        (errors.NotFound("The cat is gone."), {"detail": "Not found."}),
        (errors.NoSuchPage("Invalid cursor"), {"detail": "Invalid cursor"}),
        (errors.Unauthorized("Who are you?"), {"detail": "Who are you?"}),
        (errors.Forbidden("No."), {"detail": "You do not have permission to perform this action."}),
        (errors.Invalid("Wrong.", "a.b"), {"a": {"b": ["Wrong."]}}),
        (errors.Invalid("Wrong."), {"non_field_errors": ["Wrong."]}),
        (errors.Busy("x", 60), {"detail": "Request was throttled. Expected available in 60 seconds."}),
        (errors.Exhausted("x", 1), {"detail": "Request was throttled. Expected available in 1 second."}),
        (RuntimeError("the secret cause"), {"detail": "A server error occurred."}),
    ],
)
def test_the_rest_frameworks_forms(error: Exception, body: object) -> None:
    assert maiagent.render(REQUEST, error).content == body


def test_the_channel_names_the_wrong_field_once() -> None:
    for message in ("is required.", "limit is required."):
        reply = channel.render(REQUEST, errors.Invalid(message, "limit"))
        assert reply.content.message.count("limit") == 1


@pytest.mark.parametrize("error", [errors.Busy("x", 7), errors.Exhausted("x", 7)])
def test_the_channel_says_when_to_try_again(error: DomainError) -> None:
    assert channel.render(REQUEST, error).headers["Retry-After"] == "7"
