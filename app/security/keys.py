"""API keys: how they are made and hashed; the secret itself is never kept."""

import hashlib
import secrets
from typing import NamedTuple

from app.domain.workspaces import KeyKind

_SECRET_BYTES = 32
_SHOWN_CHARS = 6
_PREFIXES = {
    KeyKind.CHANNEL: "lc_",
    KeyKind.MAIAGENT: "lm_",
    KeyKind.COPIANTO: "lp_",
    KeyKind.COGNITIVE: "lg_",
    KeyKind.ADMIN: "la_",
}


class MadeKey(NamedTuple):
    """A fresh key: `secret` is shown once, `prefix` names it in lists and logs, `hash` is what is stored."""

    secret: str
    prefix: str
    hash: bytes


def make_key(kind: KeyKind) -> MadeKey:
    """A fresh key for one door, with its printable prefix and its hash."""
    secret = _PREFIXES[kind] + secrets.token_urlsafe(_SECRET_BYTES)
    return MadeKey(secret, key_prefix(secret), hash_key(secret))


def key_prefix(secret: str) -> str:
    """The part of a key that may be shown: the kind's prefix and six characters (36 of 256 bits)."""
    return secret[: len("lc_") + _SHOWN_CHARS]


def hash_key(secret: str) -> bytes:
    """The SHA-256 of a key, under which it is looked up.

    Keys carry 256 random bits, so there is nothing to guess that a slow password hash would protect, and a
    plain hash lets the database find the key by an index.
    """
    # A header can hold anything, lone surrogates included; such a key is simply not known.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
