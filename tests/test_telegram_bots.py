"""Which Telegram bots there are, whom each serves, and where its token is kept."""

import logging
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from bot.channels.telegram.bots import BadBots, TelegramAccount, known_bots
from bot.channels.telegram.tokens import BadToken, bot_id, read_lines, read_token, read_tokens
from bot.seal import BadKey, is_private, seal, unseal
from bot.settings import BadSettings, Settings, read_settings
from models.serving import AlreadyServed
from models.store import reading, transaction
from models.telegram_bot import (
    TelegramBot,
    Visitor,
    add_bot,
    bot_called,
    bots,
    enter_bot,
    fetched_by,
    name_bot,
    remove_bot,
    serve,
    set_webhook,
    stop_serving,
)
from tests.conftest import NOON, both_stores

LETTERS = "AAH4kz-_Qx0123456789abcdefghijklmno"
ONE, TWO = f"111111111:{LETTERS}", f"222222222:{LETTERS}"


def given(tokens: str = "", **more: object) -> Settings:
    return Settings.model_validate({"telegram_tokens": tokens, **more})


def keep(engine: Engine, token: str, *slugs: str, key: Path | None = None, file: Path | None = None) -> None:
    """A bot of the store's, as `telegram add` leaves it."""
    sealed = seal(SecretStr(token), key) if key else ""
    with transaction(engine, None) as db:
        serve(db, add_bot(db, int(token[:9]), f"bot_{token[0]}", sealed, str(file or "")), slugs)


def stored(engine: Engine) -> dict[int, list[str]]:
    with reading(engine, None) as db:
        return {bot.id: bot.serves for bot in bots(db)}


# tokens as they are written


def test_entries_name_communities_and_a_bot() -> None:
    first, second, third = read_tokens([f"hongmei={ONE}", f"baoshi,zhao-hui={TWO}", f"*=333333333:{LETTERS}"])
    assert (first.serves, first.id, first.token.get_secret_value()) == (("hongmei",), 111111111, ONE)
    assert second.serves == ("baoshi", "zhao-hui")
    assert third.serves == ("*",)


def test_a_file_has_remarks() -> None:
    lines = f"# the office's\n\nhongmei={ONE}   # since May\n  *={TWO}\n"
    assert [g.serves for g in read_lines(lines)] == [("hongmei",), ("*",)]


@pytest.mark.parametrize(
    "entry",
    [ONE, f"hongmei:{ONE}", f"={ONE}", "hongmei=", f"Hongmei={ONE}", f"*,hongmei={ONE}", f"a,={ONE}", f"a={ONE[:30]}"],
)
def test_a_slip_is_told_by_its_number_and_never_shown(entry: str) -> None:
    with pytest.raises(BadToken, match="entry 2 is not written like") as told:
        read_tokens([f"baoshi={TWO}", entry])
    assert LETTERS[:8] not in str(told.value)
    with pytest.raises(BadSettings, match=r"^LINLIFANG_TELEGRAM_TOKENS: entry 2") as refused:
        read_settings({"LINLIFANG_TELEGRAM_TOKENS": f"baoshi={TWO} {entry}"})
    assert LETTERS[:8] not in str(refused.value)


def test_one_bot_is_given_once() -> None:
    with pytest.raises(BadToken, match="given twice"):
        read_tokens([f"hongmei={ONE}", f"baoshi={ONE}"])


def test_a_token_alone() -> None:
    assert bot_id(read_token(f" {ONE}\n")) == 111111111
    with pytest.raises(BadToken, match="not a bot token"):
        read_token("111111111")


# the key


def test_what_is_sealed_is_opened_by_its_key_alone(tmp_path: Path) -> None:
    key, other = tmp_path / "var/secret.key", tmp_path / "other.key"
    sealed = seal(SecretStr(ONE), key)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert is_private(key)
    assert LETTERS not in sealed
    made = key.read_bytes()
    assert seal(SecretStr(ONE), key) != sealed  # salted, and by the same key
    assert key.read_bytes() == made
    assert unseal(sealed, key).get_secret_value() == ONE
    seal(SecretStr("x"), other)
    with pytest.raises(BadKey, match=r"other\.key is not the key"):
        unseal(sealed, other)
    key.unlink()
    with pytest.raises(BadKey, match=r"secret\.key cannot be read: No such file"):
        unseal(sealed, key)
    key.write_text("hunter2")
    with pytest.raises(BadKey, match=r"secret\.key holds no key") as told:
        unseal(sealed, key)
    assert "hunter2" not in str(told.value)


def test_a_key_that_cannot_be_made_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file")
    with pytest.raises(BadKey, match=r"cannot be made"):
        seal(SecretStr(ONE), tmp_path / "occupied/secret.key")


# rows


@both_stores
def test_a_community_is_served_by_one_bot_at_most(engine: Engine) -> None:
    with transaction(engine, None) as db:
        one, two = add_bot(db, 1, "one_bot"), add_bot(db, 2, "two_bot")
        serve(db, one, ["hongmei", "baoshi"])
        serve(db, one, ["hongmei"])
        with pytest.raises(AlreadyServed, match="baoshi: served by @one_bot already"):
            serve(db, two, ["baoshi"])
    assert stored(engine) == {1: ["baoshi", "hongmei"], 2: []}
    with transaction(engine, None) as db:
        off = stop_serving(db, "baoshi")
        assert off is not None
        assert off.id == 1
        assert stop_serving(db, "baoshi") is None
    with transaction(engine, None) as db:
        two = bot_called(db, "@Two_Bot") or pytest.fail("not found")
        serve(db, two, ["baoshi"])
    assert stored(engine) == {1: ["hongmei"], 2: ["baoshi"]}


@both_stores
def test_a_bot_is_entered_once_and_keeps_its_secret(engine: Engine) -> None:
    with transaction(engine, None) as db:
        secret = enter_bot(db, 5).secret
        assert len(secret) > 40
        assert enter_bot(db, 5).secret == secret
    with transaction(engine, None) as db:
        assert add_bot(db, 5, "five_bot", "sealed").secret == secret
        assert enter_bot(db, 6).secret != secret
    with transaction(engine, None) as db:
        set_webhook(db, 5, "https://linli.example/telegram/5")
        name_bot(db, 5, "five_by_now_bot")
        renewed = add_bot(db, 5, "five_bot", token_file="/etc/token")
        assert (renewed.sealed_token, renewed.token_file) == ("", "/etc/token")
        assert renewed.webhook == "https://linli.example/telegram/5"


@both_stores
def test_a_bot_goes_with_who_stood_at_its_door(engine: Engine) -> None:
    with transaction(engine, None) as db:
        enter_bot(db, 5)
        enter_bot(db, 6)
    with transaction(engine, None) as db:
        db.add(Visitor(channel="telegram", door="5", user="7"))
        db.add(Visitor(channel="telegram", door="6", user="7"))
    with transaction(engine, None) as db:
        remove_bot(db, 5)
    with reading(engine, None) as db:
        assert [bot.id for bot in bots(db)] == [6]
        assert db.get(Visitor, ("telegram", "5", "7")) is None
        assert db.get(Visitor, ("telegram", "6", "7")) is not None


def test_who_fetches_says_for_how_long(engine: Engine) -> None:
    with transaction(engine, None) as db:
        db.add(TelegramBot(id=5, secret="x", poller="desk-1", polling_until=NOON))
    for now, who in ((NOON.replace(hour=3), "desk-1"), (NOON, "")):
        with reading(engine, None, now) as db:
            assert fetched_by(db, 5) == who
            assert fetched_by(db, 6) == ""


# all together


@both_stores
def test_bots_come_from_the_environment_a_file_and_the_store(engine: Engine, tmp_path: Path) -> None:
    key, tokens, kept = tmp_path / "secret.key", tmp_path / "tokens", tmp_path / "kept"
    tokens.write_text(f"# none yet\nbaoshi={TWO}\n")
    kept.write_text(f"444444444:{LETTERS}\n")
    keep(engine, f"333333333:{LETTERS}", key=key)
    keep(engine, f"444444444:{LETTERS}", file=kept)
    settings = given(f"hongmei={ONE}", telegram_tokens_file=tokens, secret_key_file=key)
    first = known_bots(engine, settings)
    assert [(a.id, a.serves, a.username, a.name) for a in first] == [
        (111111111, ("hongmei",), "", "bot 111111111"),
        (222222222, ("baoshi",), "", "bot 222222222"),
        (333333333, (), "bot_3", "@bot_3"),
        (444444444, (), "bot_4", "@bot_4"),
    ]
    assert [a.token.get_secret_value()[:9] for a in first] == [str(a.id) for a in first]
    assert len({a.secret for a in first}) == 4
    assert known_bots(engine, settings) == first  # the rows made on first sight stay
    assert not [a for a in first if LETTERS in repr(a) or a.secret in repr(a)]
    with reading(engine, None) as db:
        in_store = str([list(row) for row in db.connection().execute(text("SELECT * FROM telegrambot"))])
    assert LETTERS not in in_store


def test_one_bot_for_all_serves_those_there_are(engine: Engine) -> None:
    (account,) = known_bots(engine, given(f"*={ONE}"))
    assert account.serves == ("baoshi", "hongmei")
    assert stored(engine) == {111111111: ["baoshi", "hongmei"]}
    (account,) = known_bots(engine, given(f"hongmei={ONE}"))
    assert account.serves == ("hongmei",)


def test_no_bot_is_no_fault(engine: Engine) -> None:
    assert known_bots(engine, given()) == []


def test_a_bot_whose_token_is_gone_gives_way(engine: Engine) -> None:
    """Its row is a mirror of what the environment said once."""
    known_bots(engine, given(f"hongmei,baoshi={ONE}"))
    assert [a.id for a in known_bots(engine, given(f"hongmei={TWO}"))] == [222222222]
    assert stored(engine) == {111111111: ["baoshi"], 222222222: ["hongmei"]}


@pytest.mark.parametrize("tokens", [f"hongmei={ONE} hongmei,baoshi={TWO}", f"hongmei={ONE} *={TWO}"])
def test_two_bots_for_one_community_are_refused(engine: Engine, tokens: str) -> None:
    with pytest.raises(BadBots, match="hongmei is given to two Telegram bots, bot 111111111 and bot 222222222"):
        known_bots(engine, given(tokens))
    assert stored(engine) == {}


def test_the_environment_and_the_store_may_not_both_claim_one(engine: Engine, tmp_path: Path) -> None:
    key = tmp_path / "secret.key"
    keep(engine, ONE, "hongmei", key=key)
    with pytest.raises(BadBots, match="hongmei is given to two Telegram bots, @bot_1 and bot 222222222"):
        known_bots(engine, given(f"hongmei={TWO}", secret_key_file=key))


def test_a_token_given_by_the_environment_needs_no_key(engine: Engine, tmp_path: Path) -> None:
    keep(engine, ONE, "hongmei", key=tmp_path / "secret.key")
    (account,) = known_bots(engine, given(f"baoshi={ONE}", secret_key_file=tmp_path / "gone.key"))
    assert (account.name, account.serves) == ("@bot_1", ("baoshi",))


def test_a_community_nobody_knows_is_named(engine: Engine) -> None:
    with pytest.raises(BadBots, match="is given for nowhere; there are: hongmei, baoshi"):
        known_bots(engine, given(f"hongmei,nowhere={ONE}"))


def test_a_token_that_cannot_be_had_is_told_with_its_bot(engine: Engine, tmp_path: Path) -> None:
    key, kept = tmp_path / "secret.key", tmp_path / "kept"
    keep(engine, ONE, key=key)
    with pytest.raises(BadBots, match=r"the token of @bot_1: the key .*gone\.key cannot be read: No such file"):
        known_bots(engine, given(secret_key_file=tmp_path / "gone.key"))
    with transaction(engine, None) as db:
        remove_bot(db, 111111111)
    keep(engine, TWO, file=kept)
    with pytest.raises(BadBots, match=r"the token of @bot_2 in .*/kept: No such file"):
        known_bots(engine, given())
    kept.write_text(ONE)
    with pytest.raises(BadBots, match=r"the token in it is another bot's"):
        known_bots(engine, given())
    kept.write_text("nonsense")
    with pytest.raises(BadBots, match="that is not a bot token"):
        known_bots(engine, given())


def test_a_file_of_tokens_is_checked_and_anybody_reading_it_is_warned_of(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = tmp_path / "tokens"
    with pytest.raises(BadBots, match=r"/tokens: No such file"):
        known_bots(engine, given(telegram_tokens_file=tokens))
    tokens.write_text(f"hongmei={ONE}\nbaoshi\n")
    tokens.chmod(0o640)
    with pytest.raises(BadBots, match=r"/tokens: entry 2 is not written like"):
        known_bots(engine, given(telegram_tokens_file=tokens))
    tokens.write_text(f"# 红梅\nhongmei={ONE}\n", "gbk")
    with pytest.raises(BadBots, match=r"/tokens: it is not written in UTF-8"):
        known_bots(engine, given(telegram_tokens_file=tokens))
    tokens.write_text(f"hongmei={ONE}\n")
    known_bots(engine, given(telegram_tokens_file=tokens))
    assert not caplog.records
    with pytest.raises(BadBots, match="gives a bot that LINLIFANG_TELEGRAM_TOKENS gives too"):
        known_bots(engine, given(f"hongmei={ONE}", telegram_tokens_file=tokens))
    tokens.chmod(0o644)
    known_bots(engine, given(telegram_tokens_file=tokens))
    (warned,) = caplog.records
    assert warned.levelno == logging.WARNING
    assert "chmod 600" in warned.getMessage()


def test_an_account_says_who_it_is_and_not_what_it_knows() -> None:
    account = TelegramAccount(1, SecretStr(ONE), "one_bot", ("hongmei",), "the-secret", "")
    assert "one_bot" in repr(account)
    assert not [secret for secret in (LETTERS, "the-secret") if secret in f"{account!r}{account}"]
