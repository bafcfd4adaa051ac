"""Which WeChat accounts there are, whom each serves, what each may do, and where its secrets are kept."""

import logging
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine
from sqlmodel import select

from bot.channels.wechat.accounts import Account, enter_accounts, known_accounts, lost_accounts
from bot.channels.wechat.given import BadAccounts, given_accounts, known_corp
from bot.channels.wechat.rights import RIGHTS, WITHOUT, missing, remedy, rights
from bot.seal import seal
from bot.settings import Settings
from models.serving import AlreadyServed
from models.store import reading, transaction
from models.visitor import Visitor
from models.wechat_account import (
    Kind,
    WechatAccount,
    account_called,
    add_account,
    enter_account,
    note_trouble,
    remove_account,
    serve,
    stop_serving,
    wechat_accounts,
)
from models.wechat_follower import WechatFollower
from models.wechat_late import WechatLate
from tests.conftest import NOON, both_stores

ONE, TWO = "wx1111111111111111", "wx2222222222222222"
SECRET, AES_KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"


def table(appid: str = ONE, **changed: object) -> str:
    """One [[account]] as an operator writes it; None takes a key away."""
    given = {"appid": appid, "kind": "service", "serves": ["hongmei"], "secret": SECRET}
    given |= {"token": "linlifang", "aes_key": AES_KEY} | changed
    lines = [f"{key} = {_written(value)}" for key, value in given.items() if value is not None]
    return "\n".join(["[[account]]", *lines, ""])


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(wechat_accounts_file=tmp_path / "accounts.toml", secret_key_file=tmp_path / "secret.key")


def write(settings: Settings, *tables: str) -> Path:
    file = settings.wechat_accounts_file or pytest.fail("no file")
    file.write_text("\n".join(tables), "utf-8")
    file.chmod(0o600)
    return file


def keep(engine: Engine, settings: Settings, appid: str, *slugs: str) -> None:
    """An account of the store's, as `wechat add` leaves it."""
    key = settings.secret_key_file
    sealed = {"sealed_secret": SECRET, "sealed_token": "linlifang", "sealed_aes_key": AES_KEY}
    with transaction(engine, None) as db:
        kept = {name: seal(SecretStr(value), key) for name, value in sealed.items()}
        serve(db, add_account(db, appid, kind=Kind.SERVICE, **kept), slugs)


def stored(engine: Engine) -> dict[str, list[str]]:
    with reading(engine, None) as db:
        return {row.appid: row.serves for row in wechat_accounts(db)}


# the file


def test_a_file_gives_accounts(settings: Settings) -> None:
    write(settings, table(name="红梅"), table(TWO, serves=["*"], kind="passive", plain=True, aes_key=None))
    first, second = given_accounts(settings)
    assert (first.name, first.kind, first.serves, first.datum) == ("红梅", "service", ("hongmei",), "gcj02")
    assert (second.plain, second.aes_key.get_secret_value()) == (True, "")
    assert given_accounts(Settings()) == []


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"secret": "hunter2"}, "secret: an AppSecret is 32 letters"),
        ({"secret": None}, "secret: Field required"),
        ({"token": "hunter2!"}, "token: a Token is 3 to 32 letters"),
        ({"aes_key": "hunter2"}, "aes_key: an EncodingAESKey is 43"),
        ({"aes_key": None}, "aes_key: only a test account"),
        ({"kind": "hunter2"}, "kind: Input should be 'passive', 'subscription' or 'service'"),
        ({"serves": []}, "serves: "),
        ({"serves": ["Hongmei"]}, "serves.0: "),
        ({"datum": "bd09"}, "datum: "),
        ({"sercet": "hunter2"}, "sercet: Extra inputs"),
        ({"secret": 7}, "secret: "),
    ],
)
def test_a_slip_names_file_account_and_key_and_shows_nothing(
    settings: Settings, changed: dict[str, object], key: str
) -> None:
    file = write(settings, table(TWO, serves=["baoshi"]), table(**changed))
    with pytest.raises(BadAccounts) as told:
        given_accounts(settings)
    assert str(told.value).startswith(f"{file}: account {ONE}, key {key}")
    assert "hunter2" not in str(told.value)
    assert SECRET not in str(told.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[account]", "accounts.toml: "),
        ("[account]\n", "key account: write [[account]]"),
        ("[[accounts]]\n", "key accounts: there is nothing but"),
        ("[[account]]\nkind = 'service'\n", "account number 1, key appid: Field required"),
        (table("hongmei"), "account hongmei, key appid: an AppID begins with wx"),
        (table() + table(), f"account {ONE}, key appid: given twice"),
    ],
)
def test_a_file_that_is_none_is_said_to_be(settings: Settings, text: str, told: str) -> None:
    write(settings, text)
    with pytest.raises(BadAccounts) as problem:
        given_accounts(settings)
    assert told in str(problem.value)


def test_a_file_that_anybody_may_read_is_warned_of(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    file = write(settings, table())
    given_accounts(settings)
    assert not caplog.records
    file.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        given_accounts(settings)
    assert f"chmod 600 {file}" in caplog.text
    file.unlink()
    with pytest.raises(BadAccounts, match=r"accounts\.toml: No such file"):
        given_accounts(settings)


def test_wecom_is_set_up_wholly_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "wecom"
    file.write_text(f"{SECRET}\nlinlifang\n{AES_KEY}\n")
    file.chmod(0o600)
    given = {"wecom_corp": "ww1234567890abcdef", "wecom_agent": 1000002, "wecom_secret_file": file}
    corp = known_corp(Settings.model_validate(given)) or pytest.fail("none")
    assert (corp.corpid, corp.agent, corp.secret.get_secret_value()) == ("ww1234567890abcdef", 1000002, SECRET)
    assert SECRET not in repr(corp)
    assert known_corp(Settings()) is None
    for name in given:
        with pytest.raises(BadAccounts, match="WeCom needs"):
            known_corp(Settings.model_validate({k: v for k, v in given.items() if k != name}))
    for text, told in ((SECRET, "three lines"), (f"{SECRET}\nhunter2\nhunter2\n", "EncodingAESKey is not")):
        file.write_text(text)
        with pytest.raises(BadAccounts, match=told) as problem:
            known_corp(Settings.model_validate(given))
        assert "hunter2" not in str(problem.value)


# known accounts


@both_stores
def test_accounts_of_the_store_and_of_the_file(engine: Engine, settings: Settings) -> None:
    keep(engine, settings, TWO, "baoshi")
    write(
        settings,
        table(name="红梅", templates={}).replace("templates = {}\n", "") + "[account.templates]\nnotice = 't1'\n",
    )
    first, second = known_accounts(engine, settings)
    assert stored(engine) == {TWO: ["baoshi"]}
    assert enter_accounts(engine, settings) == [first, second]
    assert (first.given, second.given) == (True, False)
    assert (first.called, first.serves, first.path) == (f"红梅 ({ONE})", ("hongmei",), f"/wechat/{ONE}")
    assert first.templates == {"notice": "t1"}
    assert second.secret.get_secret_value() == SECRET
    assert (second.token.get_secret_value(), second.aes_key.get_secret_value()) == ("linlifang", AES_KEY)
    assert SECRET not in f"{first!r} {second}"
    assert AES_KEY not in f"{first!r} {second}"
    assert stored(engine) == {ONE: ["hongmei"], TWO: ["baoshi"]}
    write(settings, table(serves=["*"]))
    with pytest.raises(BadAccounts, match=r"baoshi is given to two WeChat accounts, .*: only one can serve it"):
        enter_accounts(engine, settings)
    assert stored(engine) == {ONE: ["hongmei"], TWO: ["baoshi"]}


@both_stores
def test_an_account_that_is_given_no_more_keeps_nothing_from_another(engine: Engine, settings: Settings) -> None:
    write(settings, table())
    enter_accounts(engine, settings)
    write(settings, table(TWO, serves=["*"]))
    known = known_accounts(engine, settings)
    assert [(a.appid, a.serves) for a in known] == [(TWO, ("baoshi", "hongmei"))]
    assert stored(engine) == {ONE: ["hongmei"]}
    with reading(engine, None) as db:
        assert [row.appid for row in lost_accounts(db, known)] == [ONE]
    enter_accounts(engine, settings)
    assert stored(engine) == {ONE: [], TWO: ["baoshi", "hongmei"]}


def test_a_community_that_is_not_there_is_named(engine: Engine, settings: Settings) -> None:
    write(settings, table(serves=["hongmei", "nowhere"]))
    with pytest.raises(
        BadAccounts, match=f"account {ONE}, key serves: no community nowhere; there are: hongmei, baoshi"
    ):
        known_accounts(engine, settings)


def test_a_lost_key_is_told(engine: Engine, tmp_path: Path) -> None:
    settings = Settings(secret_key_file=tmp_path / "secret.key")
    keep(engine, settings, ONE, "hongmei")
    settings.secret_key_file.unlink()
    with pytest.raises(BadAccounts, match=rf"the secrets of {ONE}: .*cannot be read"):
        known_accounts(engine, settings)


# rows


@both_stores
def test_a_community_is_served_by_one_account_at_most(engine: Engine) -> None:
    with transaction(engine, None) as db:
        one, two = add_account(db, ONE, name="红梅"), add_account(db, TWO)
        serve(db, one, ["hongmei", "baoshi"])
        serve(db, one, ["hongmei"])
        with pytest.raises(AlreadyServed, match=rf"baoshi: served by 红梅 \({ONE}\) already"):
            serve(db, two, ["baoshi"])
        off = stop_serving(db, "baoshi")
        assert off is not None
        assert stop_serving(db, "baoshi") is None
        serve(db, two, ["baoshi"])
    assert stored(engine) == {ONE: ["hongmei"], TWO: ["baoshi"]}
    with reading(engine, None) as db:
        assert [account_called(db, name) for name in (ONE, "红梅")] == [one, one]
        assert account_called(db, "nobody") is None


@both_stores
def test_an_account_added_again_begins_anew_but_for_whom_it_serves(engine: Engine) -> None:
    with transaction(engine, None, NOON) as db:
        row = add_account(db, ONE, sealed_secret="old", menu="told")
        serve(db, row, ["hongmei"])
        row.access_token, row.token_until = "old", NOON
        note_trouble(db, ONE, "no secret")
        note_trouble(db, TWO, "is tried and not kept")
    with transaction(engine, None) as db:
        again = add_account(db, ONE, sealed_secret="new")
    assert (again.sealed_secret, again.serves, again.menu) == ("new", ["hongmei"], "told")
    assert (again.access_token, again.token_until, again.trouble, again.trouble_at) == ("", None, "", None)
    assert set(stored(engine)) == {ONE}


@both_stores
def test_an_account_is_forgotten_with_all_that_hangs_on_it(engine: Engine) -> None:
    with transaction(engine, None) as db:
        for appid in (ONE, TWO):
            enter_account(db, appid)
            db.add(WechatFollower(appid=appid, user="o1"))
            db.add(WechatLate(appid=appid, identity="1", letter={}, due_at=NOON))
            db.add(Visitor(channel="wechat", door=appid, user="o1"))
    with transaction(engine, None) as db:
        remove_account(db, ONE)
    with reading(engine, None) as db:
        columns = (WechatAccount.appid, WechatFollower.appid, WechatLate.appid, Visitor.door)
        assert [db.exec(select(column)).all() for column in columns] == [[TWO]] * 4


# what they may do


def test_each_kind_may_do_what_those_before_it_may() -> None:
    def held(kind: Kind) -> set[str]:
        return set(WITHOUT) - set(missing(RIGHTS[kind]))

    assert held(Kind.PASSIVE) == set()
    assert held(Kind.SUBSCRIPTION) == {"messages", "msgmenu", "menu", "media"}
    assert held(Kind.SERVICE) == set(WITHOUT)
    told = zip(("服务号", "账号迁移", "no test account"), Kind, strict=True)
    assert [words for words, kind in told if words not in remedy(kind)] == []


def test_a_test_account_has_no_lines_to_tap() -> None:
    secrets = (SecretStr(SECRET), SecretStr("linlifang"), SecretStr(""))
    account = Account(ONE, "", Kind.SERVICE, ("hongmei",), *secrets, plain=True, datum="gcj02")
    assert missing(account.rights) == ["msgmenu"]
    assert rights(Kind.SERVICE).msgmenu
