"""Brings a database to the current schema, once, whoever comes first."""

from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from yoyo import get_backend, read_migrations

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def create_database(url: str) -> None:
    """Creates the database that the URL names, on the same server, unless it is there."""
    parts = conninfo_to_dict(url)
    name = str(parts.get("dbname", ""))
    with psycopg.connect(url, dbname="postgres", autocommit=True) as connection:
        row = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
        if row is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def migrate(url: str) -> list[str]:
    """The ids of the migrations that were applied now; a lock makes concurrent starts safe."""
    backend = get_backend(_yoyo_url(url))
    try:
        with backend.lock():
            pending = backend.to_apply(read_migrations(str(MIGRATIONS)))
            backend.apply_migrations(pending)
            return [migration.id for migration in pending]
    finally:
        backend.connection.close()


def list_pending(url: str) -> list[str]:
    """The ids of the migrations that were not applied yet; nothing is changed but yoyo's own tables."""
    backend = get_backend(_yoyo_url(url))
    try:
        return [migration.id for migration in backend.to_apply(read_migrations(str(MIGRATIONS)))]
    finally:
        backend.connection.close()


def _yoyo_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1).replace(
        "postgres://", "postgresql+psycopg://", 1
    )
