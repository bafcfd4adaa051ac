"""What can be set: every setting is documented, slips are named, and nothing is taken from elsewhere."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from bot.settings import PREFIX, BadSettings, Settings, read_settings
from tests.conftest import ROOT

DOC = (ROOT / "docs/settings.md").read_text("utf-8")
ROWS = {name: (default, said) for name, default, said in re.findall(r"^\| `(\w+)` \| (.*?) \| (.+) \|$", DOC, re.M)}
NAMES = {f"{PREFIX}{field.upper()}": field for field in Settings.model_fields}


def test_every_setting_is_documented_and_no_other() -> None:
    assert set(ROWS) == set(NAMES)
    assert set(re.findall(r"LINLIFANG_[A-Z_]*[A-Z]", DOC)) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_documented_default_is_the_default(name: str) -> None:
    given = Settings.model_fields[NAMES[name]].default
    default = "" if given is None else str(given)
    assert ROWS[name][0] == (f"`{default}`" if default else "empty")
    assert len(ROWS[name][1]) > 20
    assert Settings.model_fields[NAMES[name]].description


def test_nothing_given_is_enough() -> None:
    settings = read_settings({"PATH": "/bin", "LINLI": "x"})
    assert settings.address == "http://127.0.0.1:8080"
    assert settings == Settings()


def test_what_is_given_is_taken() -> None:
    settings = read_settings(
        {
            "LINLIFANG_PORT": "9000",
            "LINLIFANG_HOST": "0.0.0.0",
            "LINLIFANG_MEDIA_DIR": "/srv/media",
            "LINLIFANG_PUBLIC_URL": "https://linli.example/hz",
            "LINLIFANG_DATABASE_URL": "postgresql://me:secret@db/linli",
        }
    )
    assert settings.port == 9000
    assert settings.media_dir == Path("/srv/media")
    assert settings.address == "https://linli.example/hz"


def test_settings_are_read_only_from_what_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINLIFANG_PORT", "9000")
    monkeypatch.setenv("linlifang_host", "10.0.0.1")  # another name where case matters
    assert read_settings({}).port == 8080
    assert read_settings().port == 9000
    assert read_settings().host == "127.0.0.1"
    assert Settings().port == 8080


def test_settings_stay_as_they_are() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("LINLIFANG_DATABSE_URL", "LINLIFANG_DATABASE_URL"),
        ("LINLIFANG_DATABASE", "LINLIFANG_DATABASE_URL"),
        ("LINLIFANG_PROT", "LINLIFANG_PORT"),
        ("LINLIFANG_MEDIA", "LINLIFANG_MEDIA_DIR"),
        ("LINLIFANG_port", "LINLIFANG_PORT"),
        ("LINLIFANG_LOGLEVEL", "LINLIFANG_LOG_LEVEL"),
    ],
)
def test_an_unknown_name_leads_to_the_right_one(wrong: str, right: str) -> None:
    with pytest.raises(BadSettings) as told:
        read_settings({wrong: "x"})
    assert str(told.value) == f"{wrong} is not a setting; did you mean {right}?"


def test_a_name_like_none_lists_them_all() -> None:
    with pytest.raises(BadSettings) as told:
        read_settings({"LINLIFANG_XYZZYQQQQQQQQQQQQ": "1"})
    assert all(name in str(told.value) for name in NAMES)


@pytest.mark.parametrize(
    ("field", "value"),
    [("port", v) for v in ("", "eighty", "0", "65536", "80.5")]
    + [("public_url", v) for v in ("linli.example", "ftp://linli.example", "https://linli.example/", "https://")]
    + [("telegram_api", v) for v in ("", "api.telegram.org", "https://api.telegram.org/")]
    + [("telegram_proxy", v) for v in ("127.0.0.1:1080", "ftp://127.0.0.1", "socks5://host/path")]
    + [
        ("telegram_local", "perhaps"),
        ("transcriber_url", "whisper"),
        ("interpreter_url", "gpt"),
        ("telegram_tokens", "hongmei"),
    ]
    + [("log_level", v) for v in ("debug", "LOUD", "")]
    + [("database_url", v) for v in ("", "nonsense", "mysql://me@db/linli", "sqlite://", "sqlite:///:memory:")]
    + [("database_url", v) for v in ("postgresql://me@db:port/linli", "postgres://me@db/linli", "postgresql://db")],
)
def test_a_senseless_value_is_named(field: str, value: str) -> None:
    name = f"{PREFIX}{field.upper()}"
    with pytest.raises(BadSettings) as told:
        read_settings({name: value})
    assert str(told.value).startswith(f"{name}: ")
    assert "\n" not in str(told.value)


def test_every_slip_has_its_line() -> None:
    with pytest.raises(BadSettings) as told:
        read_settings({"LINLIFANG_PORT": "eighty", "LINLIFANG_LOG_LEVEL": "LOUD"})
    assert sorted(line.partition(":")[0] for line in str(told.value).splitlines()) == [
        "LINLIFANG_LOG_LEVEL",
        "LINLIFANG_PORT",
    ]
    with pytest.raises(BadSettings) as told:
        read_settings({"LINLIFANG_PROT": "1", "LINLIFANG_HOTS": "2"})
    assert len(str(told.value).splitlines()) == 2


@pytest.mark.parametrize("way", ["http://h:1", "https://h", "socks5://me:pw@h:1080", "socks5h://127.0.0.1:1080/", ""])
def test_a_way_to_telegram(way: str) -> None:
    assert read_settings({"LINLIFANG_TELEGRAM_PROXY": way}).telegram_proxy.get_secret_value() == way


def test_a_password_in_a_senseless_address_is_not_shown() -> None:
    with pytest.raises(BadSettings) as told:
        read_settings({"LINLIFANG_DATABASE_URL": "mysql://me:hunter2@db/linli"})
    assert "hunter2" not in str(told.value)
