"""The real PostgreSQL that every test uses: one embedded server a run, a fresh database a test."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from app.services.house import House, close_house, open_house
from app.services.identify import Visit, visit_assistant
from app.services.manage_assistants import create_assistant
from app.settings import Settings
from app.store.embedded import EmbeddedPostgres
from app.store.migrate import migrate
from app.store.pool import Pool, open_pool
from rag.engine import Engine, Models
from rag.extract import Extractor
from rag.testing import HashEmbedder, ScriptedGenerator

from .parts import HeldQueue, cloned


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    with tempfile.TemporaryDirectory(prefix="lt", ignore_cleanup_errors=True) as folder:
        # The server runs under another user when the tests run as root.
        Path(folder).chmod(0o755)
        server = EmbeddedPostgres.start(Path(folder) / "pg")
        yield server
        server.stop()


@pytest.fixture(scope="session")
def template(postgres: EmbeddedPostgres) -> str:
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE template_lectern")
    migrate(postgres.url("template_lectern"))
    return "template_lectern"


@pytest.fixture
def database_url(postgres: EmbeddedPostgres, template: str) -> Iterator[str]:
    with cloned(postgres, template) as url:
        yield url


@pytest.fixture(scope="session")
def database(postgres: EmbeddedPostgres, template: str) -> Iterator[psycopg.Connection[object]]:
    """One connection to a migrated database for tests that leave nothing behind."""
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE planned TEMPLATE {}").format(sql.Identifier(template)))
    with psycopg.connect(postgres.url("planned"), autocommit=True) as connection:
        yield connection


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    opened = await open_pool(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", max_upload_mb=1, rate_limit_per_minute=1_000_000)


@pytest.fixture
def generator() -> ScriptedGenerator:
    return ScriptedGenerator(["The grace period ", "is fourteen days ", "[1]."])


@pytest.fixture
def queue() -> HeldQueue:
    return HeldQueue()


@pytest.fixture
async def house(
    settings: Settings, database_url: str, pool: Pool, generator: ScriptedGenerator, queue: HeldQueue
) -> AsyncIterator[House]:
    """A house with fakes for its models and a queue that the test works off."""
    engine = await Engine.open(pool, Models(HashEmbedder(), generator, Extractor()))
    opened = await open_house(settings, database_url, engine=engine, queue=queue)
    yield opened
    await close_house(opened)


@pytest.fixture
async def visit(house: House) -> Visit:
    """A caller at a new assistant."""
    created = await create_assistant(house.pool, "Library")
    return await visit_assistant(house, created.assistant_id)
