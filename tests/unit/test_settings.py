"""Settings: what the environment may say, and that the README tells all of it."""

import re
from pathlib import Path

import msgspec
import pytest

from app.settings import PREFIX, Settings, WrongSetting, read_settings

README = Path(__file__).resolve().parents[2] / "README.md"
_ROW = re.compile(r"^\| `(LECTERN_\w+)` \|(.*?)\| (.+?) \|$", re.MULTILINE)


def documented() -> dict[str, str]:
    """The README's settings: variable -> default as shown."""
    return {name: default.strip("` ") for name, default, _ in _ROW.findall(README.read_text())}


def shown(field: msgspec.structs.FieldInfo) -> str:
    if field.name == "home":
        return "~/.local/share/lectern"
    default = field.default
    return "" if default in ("", ()) else str(default).replace("True", "true")


def test_the_readme_lists_exactly_the_settings_with_their_defaults() -> None:
    fields = msgspec.structs.fields(Settings)
    assert documented() == {PREFIX + field.name.upper(): shown(field) for field in fields}


def test_nothing_set_gives_the_defaults() -> None:
    assert read_settings({}) == read_settings({"LECTERN_PORT": "  ", "PATH": "/bin"})


def test_each_variable_reaches_its_field() -> None:
    settings = read_settings(
        {"LECTERN_PORT": "9000", "LECTERN_HOME": "/srv/x", "LECTERN_OUTBOUND_ALLOW": "wiki.local, 10.0.0.7"}
    )
    assert (settings.port, settings.home) == (9000, Path("/srv/x"))
    assert settings.outbound_allow == ("wiki.local", "10.0.0.7")


@pytest.mark.parametrize(
    ("name", "value", "takes"),
    [
        ("LECTERN_PORT", "0", "1 to 65535"),
        ("LECTERN_PORT", "http", "1 to 65535"),
        ("LECTERN_PORT", "8²", "1 to 65535"),
        ("LECTERN_LOG_LEVEL", "loud", "debug, info, warning, error"),
        ("LECTERN_DATABASE_URL", "mysql://x", "postgresql://"),
        ("LECTERN_BROKER_URL", "kafka://x", "redis://"),
        ("LECTERN_WORKER_THREADS", "1000", "1 to 64"),
    ],
)
def test_a_wrong_value_is_refused_by_name_with_what_it_takes(name: str, value: str, takes: str) -> None:
    with pytest.raises(WrongSetting) as refused:
        read_settings({name: value})
    said = str(refused.value)
    assert name in said
    assert value in said
    assert takes in said
    assert "\n" not in said
