"""API keys."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.workspaces import KeyKind
from app.security.keys import hash_key, key_prefix, make_key


@pytest.mark.parametrize("kind", list(KeyKind))
def test_every_kind_of_key_has_its_own_readable_prefix_and_256_random_bits(kind: KeyKind) -> None:
    key = make_key(kind)
    assert {make_key(other).secret[:3] for other in KeyKind if other is not kind}.isdisjoint({key.secret[:3]})
    assert len(base64.urlsafe_b64decode(key.secret[3:] + "=")) == 32
    assert make_key(kind).secret != key.secret


def test_the_shown_prefix_gives_away_nothing_but_six_characters() -> None:
    key = make_key(KeyKind.CHANNEL)
    assert key.prefix == key_prefix(key.secret) == key.secret[:9]


def test_a_key_is_known_by_its_hash_and_by_no_other() -> None:
    key, other = make_key(KeyKind.ADMIN), make_key(KeyKind.ADMIN)
    assert hash_key(key.secret) == key.hash
    assert hash_key(other.secret) != key.hash
    assert key.secret.encode() not in key.hash


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_whatever_a_client_sends_as_a_key_can_be_hashed(secret: str) -> None:
    assert len(hash_key(secret)) == 32
    assert hash_key(secret) != hash_key(secret + "x")
