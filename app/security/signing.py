"""Signatures of what is handed out and comes back: cursors, file addresses, uploads, webhook bodies."""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import threading
from pathlib import Path

from app.settings import Settings

_SECRET_BYTES = 32
_MAC_BYTES = 16
_FILE = "secret.key"


class Signer:
    """Signs with one secret; what is signed for one purpose is worth nothing for another."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def sign(self, purpose: str, data: bytes) -> str:
        """The signature, in hexadecimal.

        Shape: 64 characters (HMAC-SHA256).
        """
        return self._mac(purpose, data).hex()

    def token(self, purpose: str, data: bytes) -> str:
        """The data with its signature, as text that is safe in a URL."""
        return base64.urlsafe_b64encode(data + self._mac(purpose, data)[:_MAC_BYTES]).rstrip(b"=").decode()

    def open_token(self, purpose: str, token: str) -> bytes | None:
        """The data of a token that was made here for that purpose, or None."""
        try:
            raw = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error):
            return None
        data, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        # A text of other letters can mean the same bytes; only the one that was handed out counts.
        is_ours = hmac.compare_digest(self.token(purpose, data).encode(), token.encode("ascii"))
        return data if is_ours and len(mac) == _MAC_BYTES else None

    def _mac(self, purpose: str, data: bytes) -> bytes:
        key = hmac.digest(self._secret, b"lectern:" + purpose.encode(), hashlib.sha256)
        return hmac.digest(key, data, hashlib.sha256)


def sign_body(secret: str, body: bytes) -> str:
    """The signature of a webhook's body, as its header has it.

    Shape: `sha256=` and 64 hexadecimal characters (HMAC-SHA256 of the body under the secret's characters).
    """
    return "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()


def read_signer(settings: Settings) -> Signer:
    """The signer of `LECTERN_SECRET_KEY`, or of a secret in the data folder, made there the first time.

    Machines that serve together need the same `LECTERN_SECRET_KEY`.
    """
    if settings.secret_key:
        return Signer(settings.secret_key.encode())
    return Signer(_kept_secret(settings.home / _FILE))


def _kept_secret(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Written whole beside it and linked: of processes that start together one wins, the others read its file.
    draft = path.with_name(f".{_FILE}.{os.getpid()}-{threading.get_ident()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(_SECRET_BYTES))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return bytes.fromhex(path.read_text().strip())
