"""Settings: read once from the environment (prefix `LECTERN_`), checked, and passed down."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

PREFIX = "LECTERN_"
_SHORTEST_SECRET_CHARS = 32


class WrongSetting(Exception):
    """A variable has a value that it can't take; the message names it and what it takes."""


class Settings(Struct, frozen=True):
    """One field per variable; the README's table is tested against this struct."""

    home: Path = field(default_factory=lambda: Path.home() / ".local/share/lectern")
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = ""
    secret_key: str = ""
    database_url: str = ""
    broker_url: str = ""
    files_url: str = ""
    embedding_model: str = ""
    llm: str = ""
    llm_context_tokens: int = 4096
    llm_queue: int = 8
    score_answers: bool = True
    judge: str = ""
    max_upload_mb: int = 64
    worker_threads: int = 2
    outbound_allow: tuple[str, ...] = ()
    rate_limit_per_minute: int = 600
    log_level: str = "info"

    @property
    def database_folder(self) -> Path:
        """Where the embedded PostgreSQL keeps its data."""
        return self.home / "postgres"

    @property
    def base_url(self) -> str:
        """The address under which clients reach the server, as far as the settings tell."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")

    @property
    def files_location(self) -> str:
        """Where stored files lie: `LECTERN_FILES_URL`, or a folder under the home."""
        return self.files_url or str(self.home / "files")


_TAKES: dict[str, str] = {
    "port": "a number from 1 to 65535",
    "llm_context_tokens": "a number from 512 to 1048576",
    "llm_queue": "a number from 1 to 1000",
    "max_upload_mb": "a number from 1 to 4096",
    "worker_threads": "a number from 1 to 64",
    "rate_limit_per_minute": "a number from 1 to 1000000",
    "log_level": "one of debug, info, warning, error",
    "database_url": "a URL that starts with postgresql://",
    "llm": "the path of a GGUF file that exists, or an http(s)://…/v1 address",
    "embedding_model": "a folder that exists, or a hub id such as organisation/name",
    "judge": "the path of a GGUF file that exists, or an http(s)://…/v1 address",
    "score_answers": "true or false",
    "broker_url": "a URL that starts with redis://, rediss://, amqp:// or amqps://",
    "public_url": "a URL that starts with http:// or https://",
    "secret_key": "at least 32 characters",
}
_TRUTHS = {"true": True, "false": False}
_RANGES: dict[str, tuple[int, int]] = {
    "port": (1, 65535),
    "llm_context_tokens": (512, 1_048_576),
    "llm_queue": (1, 1000),
    "max_upload_mb": (1, 4096),
    "worker_threads": (1, 64),
    "rate_limit_per_minute": (1, 1_000_000),
}
_STARTS: dict[str, tuple[str, ...]] = {
    "database_url": ("postgresql://", "postgres://"),
    "broker_url": ("redis://", "rediss://", "amqp://", "amqps://"),
    "public_url": ("http://", "https://"),
}


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process; unset and empty variables take their defaults.

    Raises: WrongSetting that names the variable and what it takes.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    for name in Settings.__struct_fields__:
        raw = environment.get(PREFIX + name.upper(), "").strip()
        if raw:
            values[name] = _parse(name, raw)
    return msgspec.structs.replace(Settings(), **values)


def _parse(name: str, raw: str) -> object:
    if name == "home":
        return Path(raw).expanduser().resolve()
    if name == "outbound_allow":
        return tuple(part.strip() for part in raw.split(",") if part.strip())
    if name in _RANGES:
        low, high = _RANGES[name]
        # isdigit() lets through digits that int() refuses (superscripts), isdecimal() does not.
        if not raw.isdecimal() or not low <= int(raw) <= high:
            raise _wrong(name, raw)
        return int(raw)
    if name == "score_answers":
        if raw.lower() not in _TRUTHS:
            raise _wrong(name, raw)
        return _TRUTHS[raw.lower()]
    if name == "log_level" and raw.lower() not in ("debug", "info", "warning", "error"):
        raise _wrong(name, raw)
    if name in _STARTS and not raw.startswith(_STARTS[name]):
        raise _wrong(name, raw)
    if name in _CHECKS and not _CHECKS[name](raw):
        raise _wrong(name, "*" * len(raw) if name == "secret_key" else raw)
    return raw.lower() if name == "log_level" else raw


def _names_llm(raw: str) -> bool:
    return raw.startswith(("http://", "https://")) or Path(raw).expanduser().is_file()


def _names_embedder(raw: str) -> bool:
    return not raw.startswith(("/", ".", "~")) or Path(raw).expanduser().is_dir()


_CHECKS: dict[str, Callable[[str], bool]] = {
    "secret_key": lambda raw: len(raw) >= _SHORTEST_SECRET_CHARS,
    "llm": _names_llm,
    "judge": _names_llm,
    "embedding_model": _names_embedder,
}


def _wrong(name: str, raw: str) -> WrongSetting:
    return WrongSetting(f"{PREFIX}{name.upper()} is {raw!r}: it takes {_TAKES[name]}.")
