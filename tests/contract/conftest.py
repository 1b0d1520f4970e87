"""The application that speaks for the house, in process and behind a real server."""

from collections.abc import AsyncIterator, Iterator

import httpx
import msgspec
import pytest
from litestar import Litestar

from app.main import create_app
from app.services.house import House
from app.settings import Settings
from app.store.embedded import EmbeddedPostgres

from ..parts import cloned
from .server import serving


@pytest.fixture(scope="module")
def database_url(postgres: EmbeddedPostgres, template: str) -> Iterator[str]:
    """One database a module: these tests are tenants of their own, and tenants do not see each other."""
    with cloned(postgres, template) as url:
        yield url


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, max_upload_mb=8)


@pytest.fixture
def app(settings: Settings, house: House) -> Litestar:
    return create_app(settings, house=house)


@pytest.fixture
async def http(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://lectern.test") as client:
        yield client


@pytest.fixture
async def served(app: Litestar) -> AsyncIterator[str]:
    """The address of the application behind a real server."""
    async with serving(app) as address:
        yield address
