"""What can be set, by environment variables that begin with LINLIFANG_; docs/settings.md documents each."""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

PREFIX = "LINLIFANG_"


class BadSettings(ValueError):
    """A setting that is unknown or has no sense; one line each."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    database_url: str = Field("sqlite:///var/linlifang.db", description="The store: sqlite:///… or postgresql://…")
    media_dir: Path = Field(Path("var/media"), description="Where photos are kept; shared between replicas")
    host: str = Field("127.0.0.1", description="The address to listen on; 0.0.0.0 behind a reverse proxy elsewhere")
    port: int = Field(8080, ge=1, le=65535, description="The port to listen on")
    public_url: str = Field("", pattern=r"^$|^https?://[^/]+(/.*[^/])?$", description="How residents reach this server")
    log_level: str = Field("INFO", pattern=r"^(DEBUG|INFO|WARNING|ERROR)$", description="How much the log says")

    @field_validator("database_url")
    @classmethod
    def _names_a_store(cls, url: str) -> str:
        try:
            known = make_url(url).get_backend_name() in ("sqlite", "postgresql") and make_url(url).database
        except (ArgumentError, ValueError):
            known = None
        if not known or known == ":memory:":
            raise ValueError("a store is named like sqlite:///var/linlifang.db or postgresql://user@host/name")
        return url

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: object, **__: object
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is given: read_settings has looked at the environment, and knows its names to be right."""
        return (init_settings,)

    @property
    def address(self) -> str:
        """Where the pages are, without a slash at the end."""
        return self.public_url or f"http://{self.host}:{self.port}"


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings as the environment gives them; raises BadSettings for an unknown name or a senseless value."""
    given = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    known = [f"{PREFIX}{field.upper()}" for field in Settings.model_fields]
    problems = []
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1, 0.5)
            hint = f"; did you mean {close[0]}?" if close else f"; known are {', '.join(known)}"
            problems.append(f"{name} is not a setting{hint}")
    if problems:
        raise BadSettings("\n".join(problems))
    try:
        return Settings.model_validate({name.removeprefix(PREFIX).lower(): value for name, value in given.items()})
    except ValidationError as failure:
        lines = (
            f"{PREFIX}{str(e['loc'][0]).upper()}: {e['msg'].removeprefix('Value error, ')}" for e in failure.errors()
        )
        raise BadSettings("\n".join(lines)) from None
