"""One running installation for all tests that do not break it."""

from collections.abc import Iterator

import pytest

from tests.acceptance.installation import Installation, running_installation


@pytest.fixture(scope="session")
def installation() -> Iterator[Installation]:
    with running_installation() as running:
        yield running


@pytest.fixture(scope="session")
def assistant(installation: Installation) -> str:
    created = installation.json("assistant", "create", "Handbook")
    return str(created["assistant_id"])
