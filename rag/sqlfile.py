"""Named queries out of `.sql` files.

A block starts with `-- name: what_it_does` and may carry further comment lines that describe it. Parameters
are psycopg's `%(name)s`. `{dimensions}` and `{model_id}` are the only composed parts: integers that must be
constants for PostgreSQL (a type modifier, the predicate of a partial index).
"""

import re
from functools import cache
from pathlib import Path
from typing import LiteralString, cast

from psycopg import sql

_NAME = re.compile(r"^-- name: (\w+)[ \t]*$", re.MULTILINE)


@cache
def load_queries(path: Path) -> dict[str, LiteralString]:
    """The queries of one file by name.

    Raises: ValueError when a name occurs twice or the file starts without one.
    """
    parts = _NAME.split(path.read_text(encoding="utf-8"))
    names, bodies = parts[1::2], parts[2::2]
    if len(set(names)) != len(names) or not names:
        raise ValueError(f"{path.name}: query names are missing or occur twice")
    return {name: cast(LiteralString, body.strip()) for name, body in zip(names, bodies, strict=True)}


def queries_beside(module_file: str) -> dict[str, LiteralString]:
    """The queries of the `.sql` file beside a module: `Q = queries_beside(__file__)`."""
    return load_queries(Path(module_file).with_suffix(".sql"))


def with_constants(query: LiteralString, **constants: int) -> sql.Composed:
    """The query with its `{name}` parts filled in by integers."""
    return sql.SQL(query).format(**{name: sql.Literal(int(value)) for name, value in constants.items()})
