"""Signatures: what was handed out is known again, whatever else comes is not."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from app.security.signing import Signer, read_signer
from app.settings import Settings

SIGNER = Signer(b"secret")
TOKEN = SIGNER.token("cursor", b"some data")


@given(st.binary(max_size=100))
def test_a_token_opens_to_what_was_put_in(data: bytes) -> None:
    assert SIGNER.open_token("cursor", SIGNER.token("cursor", data)) == data


@given(st.text() | st.text("ABCabc019-_=+/", max_size=60))
def test_what_was_not_handed_out_opens_to_nothing(forged: str) -> None:
    assert SIGNER.open_token("cursor", forged) is None


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from("AZaz09-_"))
def test_a_changed_token_opens_to_nothing(place: int, letter: str) -> None:
    changed = TOKEN[:place] + letter + TOKEN[place + 1 :]
    assert SIGNER.open_token("cursor", changed) == (b"some data" if changed == TOKEN else None)


def test_a_token_is_worth_nothing_for_another_purpose_or_secret() -> None:
    assert SIGNER.open_token("file", TOKEN) is None
    assert Signer(b"other").open_token("cursor", TOKEN) is None
    assert SIGNER.open_token("cursor", TOKEN + "=") is None


def test_processes_that_start_together_keep_one_secret_that_only_they_can_read(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    with ThreadPoolExecutor(8) as threads:
        signers = list(threads.map(lambda _: read_signer(settings), range(8)))
    assert len({signer.sign("any", b"x") for signer in signers}) == 1
    assert stat.S_IMODE((tmp_path / "home/secret.key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["secret.key"]


def test_a_secret_of_the_settings_needs_no_file(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", secret_key="s" * 32)
    assert read_signer(settings).sign("any", b"x") == Signer(b"s" * 32).sign("any", b"x")
    assert not (tmp_path / "home").exists()
