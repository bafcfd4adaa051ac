"""WeChat accounts as an operator writes them down: a TOML file with [[account]] tables, and the app in WeCom."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError, ValidationInfo
from pydantic import field_validator as checks

from bot.seal import Unreadable, read_private
from bot.settings import Settings
from models.wechat_account import Kind

EVERYWHERE = "*"
KINDS = {kind.name.lower(): kind for kind in Kind}
SHAPES = {  # as mp.weixin.qq.com gives or takes them
    "appid": (r"wx[A-Za-z0-9]{6,30}", "an AppID begins with wx: 设置与开发 → 基本配置"),
    "secret": (r"[A-Za-z0-9_-]{16,64}", "an AppSecret is 32 letters and digits: 设置与开发 → 基本配置"),
    "token": (r"[A-Za-z0-9]{3,32}", "a Token is 3 to 32 letters and digits"),
    "aes_key": (r"([A-Za-z0-9]{43})?", "an EncodingAESKey is 43 letters and digits"),
}


class BadAccounts(ValueError):
    """The accounts as they are set up cannot be used; the message says which and why, and shows nothing secret."""


class Given(BaseModel):
    """One [[account]] of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    appid: str
    secret: SecretStr
    token: SecretStr
    aes_key: SecretStr = SecretStr("")
    kind: Literal["passive", "subscription", "service"]
    serves: tuple[Annotated[str, StringConstraints(pattern=r"^(\*|[a-z0-9-]+)$")], ...] = Field(min_length=1)
    name: str = ""
    plain: bool = False
    datum: Literal["gcj02", "wgs84"] = "gcj02"
    templates: dict[str, Any] = {}

    @checks("appid", "secret", "token", "aes_key")
    @classmethod
    def _well_written(cls, given: Any, info: ValidationInfo) -> Any:
        plain = given.get_secret_value() if isinstance(given, SecretStr) else given
        if problem := slip(info.field_name or "", plain):
            raise ValueError(problem)
        return given


def slip(what: str, written: str) -> str:
    """What is wrong with an AppID, secret, token or aes_key; "" if nothing. Never shows it."""
    pattern, problem = SHAPES[what]
    return "" if re.fullmatch(pattern, written) else problem


@dataclass(frozen=True)
class Corp:
    """Our app in WeCom (企业微信), in which workers talk to the desk."""

    corpid: str
    agent: int
    secret: SecretStr
    token: SecretStr
    aes_key: SecretStr


def given_accounts(settings: Settings) -> list[Given]:
    """The accounts of LINLIFANG_WECHAT_ACCOUNTS_FILE; raises BadAccounts."""
    file = settings.wechat_accounts_file
    if file is None:
        return []
    try:
        tables = tomllib.loads(read_private(file))
    except (Unreadable, tomllib.TOMLDecodeError) as failure:
        raise BadAccounts(f"{file}: {failure}") from None
    if unknown := sorted(set(tables) - {"account"}):
        raise BadAccounts(f"{file}: key {', '.join(unknown)}: there is nothing but [[account]]")
    entries = tables.get("account", [])
    if not isinstance(entries, list):
        raise BadAccounts(f"{file}: key account: write [[account]], in double brackets")
    found = [_read(file, number, entry) for number, entry in enumerate(entries, 1)]
    if twice := _twice([g.appid for g in found]):
        raise BadAccounts(f"{file}: account {twice}, key appid: given twice")
    return found


def known_corp(settings: Settings) -> Corp | None:
    """Our app in WeCom; None where none is set up. Raises BadAccounts for one set up in part."""
    file = settings.wecom_secret_file
    given = (settings.wecom_corp, settings.wecom_agent, file)
    if not any(given):
        return None
    if not all(given) or file is None:
        raise BadAccounts("WeCom needs LINLIFANG_WECOM_CORP, LINLIFANG_WECOM_AGENT and LINLIFANG_WECOM_SECRET_FILE")
    try:
        lines = read_private(file).split()
    except Unreadable as failure:
        raise BadAccounts(f"{file}: {failure}") from None
    for what, name, line in zip(
        ("secret", "token", "aes_key"), ("Secret", "Token", "EncodingAESKey"), lines, strict=False
    ):
        if slip(what, line):
            raise BadAccounts(f"{file}: {name} is not written as WeCom does")
    if len(lines) != 3:
        raise BadAccounts(f"{file}: three lines are needed: Secret, Token, EncodingAESKey")
    secret, token, aes_key = map(SecretStr, lines)
    return Corp(settings.wecom_corp, settings.wecom_agent, secret, token, aes_key)


def _read(file: Path, number: int, entry: Any) -> Given:
    appid = entry.get("appid", "") if isinstance(entry, dict) else ""
    whose = appid if isinstance(appid, str) and appid else f"number {number}"
    try:
        given = Given.model_validate(entry)
    except ValidationError as failure:
        problem = failure.errors(include_input=False, include_context=False)[0]
        key = ".".join(map(str, problem["loc"]))
        raise BadAccounts(
            f"{file}: account {whose}, key {key}: {problem['msg'].removeprefix('Value error, ')}"
        ) from None
    if not given.plain and not given.aes_key.get_secret_value():
        raise BadAccounts(f"{file}: account {whose}, key aes_key: only a test account with plain = true goes without")
    return given


def _twice(names: list[str]) -> str:
    return next((name for name in names if names.count(name) > 1), "")
