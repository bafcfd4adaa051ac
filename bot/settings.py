"""What can be set, by environment variables that begin with LINLIFANG_; docs/settings.md documents each."""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from bot.channels.telegram.tokens import read_tokens

PREFIX = "LINLIFANG_"
TELEGRAM = "https://api.telegram.org"
WECHAT, WECHAT_OPEN = "https://api.weixin.qq.com", "https://open.weixin.qq.com"
WECOM = "https://qyapi.weixin.qq.com"
PAGE = r"^https?://[^/\s]+(/\S*[^/\s])?$"
NOTHING = SecretStr("")


class BadSettings(ValueError):
    """A setting that is unknown or has no sense; one line each."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    database_url: str = Field("sqlite:///var/linlifang.db", description="The store: sqlite:///… or postgresql://…")
    media_dir: Path = Field(Path("var/media"), description="Where photos are kept; shared between replicas")
    host: str = Field("127.0.0.1", description="The address to listen on; 0.0.0.0 behind a reverse proxy elsewhere")
    port: int = Field(8080, ge=1, le=65535, description="The port to listen on")
    public_url: str = Field("", pattern=rf"^$|{PAGE}", description="How residents reach this server")
    log_level: str = Field("INFO", pattern=r"^(DEBUG|INFO|WARNING|ERROR)$", description="How much the log says")
    telegram_tokens: SecretStr = Field(NOTHING, description="Bots: hongmei=<token> baoshi,zhaohui=<token> *=<token>")
    telegram_tokens_file: Path | None = Field(None, description="The same in a file, one bot a line")
    telegram_api: str = Field(TELEGRAM, pattern=PAGE, description="The Bot API server")
    telegram_local: bool = Field(False, description="Whether that server runs beside us in its --local mode")
    telegram_proxy: SecretStr = Field(NOTHING, description="The way to Telegram: http://…, https://… or socks5://…")
    wechat_accounts_file: Path | None = Field(None, description="WeChat accounts in a TOML file")
    wechat_api: str = Field(WECHAT, pattern=PAGE, description="The API server of WeChat")
    wechat_open: str = Field(WECHAT_OPEN, pattern=PAGE, description="Where WeChat lets its users log in to pages")
    wecom_corp: str = Field("", pattern=r"^[A-Za-z0-9_-]*$", description="The id of the corporation in WeCom")
    wecom_agent: int = Field(0, ge=0, description="The number of our app there")
    wecom_secret_file: Path | None = Field(None, description="A file with the app's Secret, Token and EncodingAESKey")
    wecom_api: str = Field(WECOM, pattern=PAGE, description="The API server of WeCom")
    secret_key_file: Path = Field(Path("var/secret.key"), description="What seals the tokens kept in the store")
    transcriber_url: str = Field("", pattern=rf"^$|{PAGE}", description="Turns voice messages into words")
    transcriber_key: SecretStr = Field(NOTHING, description="The transcriber's key")
    interpreter_url: str = Field(
        "", pattern=rf"^$|{PAGE}", description="A language model for sentences we are not sure of"
    )
    interpreter_model: str = Field("", description="Which model there")
    interpreter_key: SecretStr = Field(NOTHING, description="The language model's key")

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

    @field_validator("telegram_tokens")
    @classmethod
    def _names_bots(cls, tokens: SecretStr) -> SecretStr:
        read_tokens(tokens.get_secret_value().split())
        return tokens

    @field_validator("telegram_proxy")
    @classmethod
    def _is_a_way(cls, proxy: SecretStr) -> SecretStr:
        if not re.fullmatch(r"((https?|socks5h?)://[^/\s]+/?)?", proxy.get_secret_value()):
            raise ValueError("a proxy is written like http://host:port or socks5://user:password@host:port")
        return proxy

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
