"""One running installation for all tests that do not break it."""

from collections.abc import Iterator

import pytest

from tests.acceptance.installation import Installation


@pytest.fixture(scope="session")
def installation() -> Iterator[Installation]:
    running = Installation()
    try:
        running.start()
        yield running
    finally:
        running.remove()


@pytest.fixture(scope="session")
def assistant(installation: Installation) -> str:
    created = installation.json("assistant", "create", "Handbook")
    return str(created["assistant_id"])
