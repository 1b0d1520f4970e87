"""Every query is planned by the real PostgreSQL on the migrated schema, with all parameters NULL."""

import re
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from rag.sqlfile import load_queries, with_constants

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*ROOT.glob("app/store/*.sql"), *ROOT.glob("rag/*.sql")])
QUERIES = [(path, name) for path in FILES for name in load_queries(path)]
# What EXPLAIN does not take is run and rolled back.
UNPLANNED = ("CREATE", "DROP", "SET", "LOCK", "ANALYZE")


def statement(path: Path, name: str) -> LiteralString:
    """The query without its comment lines."""
    return "\n".join(line for line in load_queries(path)[name].splitlines() if not line.startswith("--"))  # type: ignore[return-value]


@pytest.mark.parametrize(("path", "name"), QUERIES, ids=[f"{path.stem}.{name}" for path, name in QUERIES])
def test_the_query_is_planned(database: psycopg.Connection[object], path: Path, name: str) -> None:
    query = statement(path, name)
    parameters = dict.fromkeys(re.findall(r"%\((\w+)\)s", query))
    explained = query if query.upper().startswith(UNPLANNED) else f"EXPLAIN {query}"
    # Concurrent building goes with no transaction, so with no rolling back either.
    explained = explained.replace(" CONCURRENTLY", "")
    composed = with_constants(explained, dimensions=384, model_id=1)
    with database.transaction(force_rollback=True):
        database.execute(composed, parameters or None)


@pytest.mark.parametrize(("path", "name"), QUERIES, ids=[f"{path.stem}.{name}" for path, name in QUERIES])
def test_the_query_says_what_it_does_and_casts_its_parameters(path: Path, name: str) -> None:
    body = load_queries(path)[name]
    assert body.startswith("-- "), "a description follows the name"
    assert not re.findall(r"%\(\w+\)s(?!::)", body), "a parameter has no cast"
    assert not re.search(r"SELECT\s+\*", body), "columns are listed"
