"""The command line as an operator uses it: `python -m bot …` in processes of its own."""

import asyncio
import io
import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from bot.__main__ import main
from bot.commands import telegram_webhook
from models.code import issue_code, looks_like_code
from models.login import find_staff
from models.outbox import Push
from models.password import fits, password_of
from models.resident import Resident
from models.store import connect, reading, transaction
from models.telegram_bot import TelegramBot, bots
from models.wechat_account import WechatAccount, enter_account, note_trouble, serve, wechat_accounts
from models.workdays import is_known
from tests.conftest import ROOT, Chat, named
from tests.fakes.telegram import FakeTelegram
from tests.fakes.wechat import FakeWechat
from tests.ports import free_port

COMMANDS = ("serve", "chat", "migrate", "community", "worker", "audit", "telegram", "wechat", "doctor", "understand")
HONGMEI, BAOSHI = ROOT / "communities/hongmei.toml", ROOT / "communities/baoshi.toml"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the commands are run, so that nothing of theirs lies about in the checkout."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


@pytest.fixture
def environment(place: Path) -> dict[str, str]:
    """Nothing set but the store and the photos' folder."""
    inherited = {k: v for k, v in os.environ.items() if not k.upper().startswith("LINLIFANG_")}
    ours = {
        "PYTHONPATH": str(ROOT),
        "LINLIFANG_DATABASE_URL": f"sqlite:///{place}/store.db",
        "LINLIFANG_MEDIA_DIR": f"{place}/media",
    }
    return inherited | ours


@pytest.fixture
def run(environment: dict[str, str], place: Path) -> Run:
    def command(*arguments: str | Path, said: str = "", **settings: str) -> "subprocess.CompletedProcess[str]":
        given = environment | {f"LINLIFANG_{name.upper()}": value for name, value in settings.items()}
        return subprocess.run(
            [sys.executable, "-m", "bot", *map(str, arguments)],
            cwd=place,
            env=given,
            input=said,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    return command


@pytest.fixture
def here(
    environment: dict[str, str],
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """The same command line in this process: a tenth of the time, for what needs many runs."""

    def command(*arguments: str | Path, said: str = "", **settings: str) -> "subprocess.CompletedProcess[str]":
        capsys.readouterr()
        with monkeypatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("LINLIFANG_")]:
                patch.delenv(name)
            given = environment | {f"LINLIFANG_{name.upper()}": value for name, value in settings.items()}
            for name in [name for name in given if name.startswith("LINLIFANG_")]:
                patch.setenv(name, given[name])
            patch.setattr("sys.stdin", io.StringIO(said))
            patch.chdir(place)
            status: object = 0
            try:
                status = main([str(argument) for argument in arguments])
            except SystemExit as end:
                status = end.code
        told = capsys.readouterr()
        if isinstance(status, str):  # as the interpreter does it
            told, status = told._replace(err=f"{told.err}{status}\n"), 1
        assert isinstance(status, int)
        return subprocess.CompletedProcess(arguments, status, told.out, told.err)

    return command


@pytest.fixture
def furnished(place: Path, sqlite_template: Path) -> None:
    """The store is there, with two communities."""
    shutil.copy(sqlite_template, place / "store.db")


def quiet(done: "subprocess.CompletedProcess[str]") -> None:
    """Whatever went wrong, it was told in plain lines."""
    assert "Traceback" not in done.stderr + done.stdout


# in general


def test_help_names_every_command(run: Run) -> None:
    told = run("--help")
    assert told.returncode == 0
    assert all(command in told.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(here: Run, command: str) -> None:
    told = here(command, "--help")
    assert told.returncode == 0
    assert f"python -m bot {command}" in told.stdout
    assert command in told.stdout.split("\n\n")[1]  # what it is, in a sentence
    assert not told.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("dance",),
        ("serve", "--only", "chat"),
        ("serve", "--only", "clock", "--without", "clock"),
        ("chat",),
        ("worker",),
        ("community", "remove", "x.toml"),
        ("community", "add"),
        ("worker", "hongmei", "--role", "mayor"),
        ("doctor", "now"),
    ],
)
def test_what_is_not_understood_is_two(here: Run, arguments: tuple[str, ...]) -> None:
    told = here(*arguments)
    assert told.returncode == 2
    assert told.stderr.startswith("usage: python -m bot")


def test_a_wrong_setting_stops_every_command(here: Run) -> None:
    for arguments in (("doctor",), ("serve",), ("chat", "hongmei"), ("migrate",)):
        told = here(*arguments, prot="1")
        assert told.returncode == 1
        assert told.stderr == "LINLIFANG_PROT is not a setting; did you mean LINLIFANG_PORT?\n"
    told = here("migrate", database_url="nonsense")
    assert told.returncode == 1
    assert told.stderr.startswith("LINLIFANG_DATABASE_URL: a store is named like")


def test_a_user_without_a_name_can_run_it(here: Run, furnished: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that is given a bare number to run as."""
    for variable in ("USER", "LOGNAME", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 54_321)
    assert here("doctor").returncode == 0
    assert "再见" in here("chat", "hongmei", said="再见\n").stdout


# migrate


def test_migrate_makes_the_store_and_can_be_repeated(here: Run, place: Path) -> None:
    for _ in range(2):
        told = here("migrate", database_url=f"sqlite:///{place}/new/folder/store.db")
        assert (told.returncode, told.stdout) == (0, "the store is at head\n"), told.stderr
    assert (place / "new/folder/store.db").exists()


def test_migrate_back_to_nothing(here: Run, furnished: None, place: Path) -> None:
    assert here("migrate", "--to", "base").returncode == 0
    told = here("worker", "hongmei")
    assert (told.returncode, told.stderr) == (1, "the store is not up to date: run `python -m bot migrate`\n")
    assert here("migrate").returncode == 0
    assert "none yet" in here("worker", "hongmei").stderr


def test_a_revision_nobody_knows_changes_nothing(here: Run, furnished: None) -> None:
    told = here("migrate", "--to", "nonsense")
    assert told.returncode == 1
    assert "nonsense" in told.stderr
    quiet(told)
    assert here("worker", "hongmei").returncode == 0


# community


def test_community_check_needs_no_store(run: Run, place: Path) -> None:
    told = run("community", "check", HONGMEI, BAOSHI)
    assert told.returncode == 0
    assert re.fullmatch(r"hongmei: good, \d+ answers, \d+ places\nbaoshi: good, \d+ answers, \d+ places\n", told.stdout)
    assert not (place / "store.db").exists()


def test_community_add_then_update(run: Run) -> None:
    run("migrate")
    assert run("community", "update", HONGMEI).stdout == "hongmei is not there yet: use add\n"
    added = run("community", "add", HONGMEI, BAOSHI)
    assert (added.returncode, added.stdout) == (0, "hongmei: added\nbaoshi: added\n")
    again = run("community", "add", HONGMEI)
    assert (again.returncode, again.stdout) == (1, "hongmei is already there: use update\n")
    updated = run("community", "update", HONGMEI)
    assert (updated.returncode, updated.stdout) == (0, "hongmei: updated\n")


@pytest.mark.parametrize("action", ["check", "add", "update"])
def test_a_broken_pack_is_named_to_the_key_and_nothing_is_loaded(here: Run, place: Path, action: str) -> None:
    here("migrate")
    source = HONGMEI.read_text("utf-8")
    slip = place / "slip.toml"
    slip.write_text(source.replace("seats = ", "chairs = ", 1).replace('open = "', 'open = "9 to ', 1), "utf-8")
    told = here("community", action, BAOSHI, slip)
    assert told.returncode == 1
    assert not told.stdout
    lines = told.stderr.splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"{slip}: [") for line in lines)
    assert "[places] number 1, key hours number 1, key open: hours are written like" in told.stderr
    assert "[events] number 1, key seats: Field required" in told.stderr
    assert "[events] number 1, key chairs: Extra inputs" in told.stderr
    assert "none yet" in here("worker", "baoshi").stderr


def test_a_missing_pack_is_named(here: Run) -> None:
    told = here("community", "check", "nowhere.toml")
    assert told.returncode == 1
    assert told.stderr.startswith("nowhere.toml: ")
    quiet(told)


# worker and chat


def code_of(command: Run, *arguments: str) -> str:
    """The code that `worker` prints."""
    printed = command("worker", *arguments)
    assert printed.returncode == 0, printed.stderr
    code = re.match(r"[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}(?=  \()", printed.stdout)
    assert code, printed.stdout
    return code[0]


def test_every_code_is_understood(chat: Chat) -> None:
    """One of letters alone, as one in eleven would be, is a word."""
    with chat.store() as db:
        assert all(looks_like_code(issue_code(db, None)) for _ in range(300))


def test_the_code_of_worker_makes_a_worker_in_chat(run: Run, furnished: None) -> None:
    code = code_of(run, "hongmei")
    assert "https://linli.example/c/hongmei" in run("worker", "hongmei", public_url="https://linli.example").stdout
    told = run("chat", "hongmei", "--as", "wang", said=f"{code}\n工作\n")
    assert told.returncode == 0
    assert "社区工作人员" in told.stdout
    assert "没有等您办的工单" in told.stdout
    assert "不对，或者已经用过" in run("chat", "hongmei", "--as", "li", said=f"{code}\n").stdout


def test_a_code_for_a_home_and_for_each_role(here: Run, furnished: None) -> None:
    home = code_of(here, "hongmei", "--home", "5-2-502")
    assert "绑定好了：5幢2单元502" in here("chat", "hongmei", "--as", "a", said=f"{home}\n").stdout
    for role, named_as in (("volunteer", "志愿者"), ("manager", "社区负责人"), ("alliance", "联盟管理员")):
        code = code_of(here, "hongmei", "--role", role)
        assert named_as in here("chat", "hongmei", "--as", role, said=f"{code}\n").stdout


def test_a_code_of_one_community_is_none_in_another(here: Run, furnished: None) -> None:
    code = code_of(here, "hongmei")
    assert "不对" in here("chat", "baoshi", "--as", "wang", said=f"{code}\n").stdout
    assert "社区工作人员" in here("chat", "hongmei", "--as", "wang", said=f"{code}\n").stdout


def test_a_worker_with_a_password_is_in_no_chat(run: Run, here: Run, place: Path, furnished: None) -> None:
    told = run("worker", "hongmei", "--role", "manager", "--name", "王敏", said="correct horse\n")
    assert (told.returncode, told.stderr) == (0, "")
    assert "/console/login/password" in told.stdout
    (place / "secret").write_text("correct horse battery\n", "utf-8")
    assert here("worker", "hongmei", "--name", "李红", "--password-file", str(place / "secret")).returncode == 0
    weak = run("worker", "hongmei", "--name", "赵强", said="short\n")
    assert (weak.returncode, weak.stderr) == (1, "a password has 10 to 200 characters\n")
    engine = connect(f"sqlite:///{place}/store.db")
    with reading(engine, None) as db:
        found = {p.name: (p.role.name, password_of(db, p)) for p in find_staff(db, "王敏") + find_staff(db, "李红")}
    engine.dispose()
    assert {name: role for name, (role, _) in found.items()} == {"王敏": "MANAGER", "李红": "WORKER"}
    assert [fits("correct horse", found["王敏"][1]), fits("correct horse battery", found["李红"][1])] == [True, True]


def test_worker_says_what_it_cannot_use(here: Run, furnished: None) -> None:
    told = here("worker", "nowhere")
    assert (told.returncode, told.stderr) == (1, "no community nowhere; there are: hongmei, baoshi\n")
    told = here("worker", "hongmei", "--home", "somewhere")
    assert (told.returncode, told.stderr) == (1, "a home is written like 3-2-502\n")


def test_chat_holds_a_conversation(run: Run, furnished: None) -> None:
    said = ["登记住址", "3幢2单元502", "我的", "5幢楼道的灯坏了，已经三天了", "跳过", "13812345678", "1", "我的报修"]
    told = run("chat", "hongmei", "--as", "zhang", said="\n".join(said) + "\n")
    assert told.returncode == 0, told.stderr
    for heard in (
        "您住几幢几单元几室",
        "记下了：3幢2单元502室",
        "方便的话发张照片",
        "留个电话",
        "收到，工单 1 号",
        "1 号 照明：已提交",
    ):
        assert heard in told.stdout
    assert "  1. " in told.stdout  # choices are numbered
    assert "工单 1 号" in run("chat", "hongmei", "--as", "zhang", said="我的报修\n1\n").stdout
    assert "已提交" not in run("chat", "hongmei", "--as", "li", said="我的报修\n").stdout


def test_chat_ends_at_an_empty_line(here: Run, furnished: None) -> None:
    told = here("chat", "hongmei", "--as", "zhang", said="再见\n\n菜单\n")
    assert told.returncode == 0
    assert "再见" in told.stdout
    assert "能为您做这些" not in told.stdout
    nobody = here("chat", "nowhere", said="你好\n")
    assert (nobody.returncode, nobody.stderr) == (1, "no community nowhere\n")


# doctor


def test_doctor_of_a_healthy_house(run: Run, furnished: None) -> None:
    told = run("doctor")
    assert told.returncode == 0, told.stdout
    assert "2 communities" in told.stdout
    assert "hongmei has no worker yet" in told.stdout
    assert "http://127.0.0.1:8080" in told.stdout
    assert "missing" not in told.stdout
    soon = datetime.now(UTC).date() + timedelta(days=58)
    assert (f"the working days of {soon.year} are not known yet" in told.stdout) is not is_known(soon)
    code = code_of(run, "hongmei")
    run("chat", "hongmei", "--as", "wang", said=f"{code}\n")
    assert "hongmei has no worker yet" not in run("doctor").stdout


def test_doctor_of_a_house_without_communities(here: Run) -> None:
    here("migrate")
    told = here("doctor")
    assert told.returncode == 1
    assert re.search(r"^missing +0 communities \(`python -m bot community add", told.stdout, re.M)


def test_doctor_of_a_store_that_is_old_or_away(here: Run, place: Path) -> None:
    for away in (place / "no/such/folder/store.db", place / "store.db"):
        told = here("doctor", database_url=f"sqlite:///{away}")
        assert (told.returncode, "missing  no store yet: run `python -m bot migrate`\n" in told.stdout) == (1, True)
        told = here("wechat", "list", database_url=f"sqlite:///{away}")
        assert (told.returncode, told.stderr) == (1, "no store yet: run `python -m bot migrate`\n")
        assert not away.exists()
    (place / "store.db").touch()
    told = here("doctor")
    assert told.returncode == 1
    assert re.search(r"^missing +the store is not up to date: run `python -m bot migrate`$", told.stdout, re.M)
    told = here("doctor", database_url=f"sqlite:///{place}")
    assert told.returncode == 1
    assert re.search(r"^missing +the store does not answer: sqlite", told.stdout, re.M)
    quiet(told)


AWAY = "postgresql://me:hunter2@127.0.0.1:1/linli"


@pytest.mark.parametrize(
    "arguments",
    [
        ("doctor",),
        ("serve",),
        ("migrate",),
        ("chat", "hongmei"),
        ("worker", "hongmei"),
        ("community", "add", str(HONGMEI)),
    ],
)
def test_a_server_that_is_away_is_said_to_be(here: Run, arguments: tuple[str, ...]) -> None:
    told = here(*arguments, database_url=AWAY, port=str(free_port()))
    assert told.returncode == 1
    assert re.search(
        r"the store does not answer: postgresql(\+psycopg)?://me:\*\*\*@127\.0\.0\.1:1/linli: ",
        told.stdout + told.stderr,
    )
    assert "hunter2" not in told.stdout + told.stderr
    quiet(told)


def test_doctor_says_where_photos_cannot_be_kept(run: Run, furnished: None, place: Path) -> None:
    (place / "occupied").write_text("a file, not a folder")
    told = run("doctor", media_dir=f"{place}/occupied/media")
    assert told.returncode == 1
    assert re.search(r"^missing +photos can be kept", told.stdout, re.M)


# serve


@contextmanager
def serving(environment: dict[str, str], place: Path, *arguments: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """A server of our own and its address, once it says that it is there."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "serve", *arguments],
        cwd=place,
        env=environment | {"LINLIFANG_PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    try:
        assert process.stdout
        line = process.stdout.readline()
        assert f"http://127.0.0.1:{port}" in line, process.stderr.read() if process.stderr else ""
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.kill()
        process.communicate()


def fetch(address: str, patience: float = 20) -> str:
    """The page, as soon as the server listens: it says its address a moment before."""
    until = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(address, timeout=10) as response:
                page: str = response.read().decode()
                return page
        except ConnectionError:
            if time.monotonic() > until:
                raise
        except urllib.error.URLError as failure:
            if time.monotonic() > until or not isinstance(failure.reason, ConnectionError):
                raise
        time.sleep(0.05)


def test_serve_says_when_its_port_is_taken(run: Run, place: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = run("serve", port=str(port))
    assert told.returncode == 1
    assert f"port {port} is taken by another program" in told.stderr
    assert re.search(r"choose another: LINLIFANG_PORT=\d+ make run$", told.stderr)
    assert not (place / "store.db").exists()  # nothing was touched


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.7"])
def test_serve_says_when_it_cannot_listen(here: Run, host: str) -> None:
    told = here("serve", host=host)
    assert told.returncode == 1
    assert told.stderr.startswith(f"cannot listen on {host}:8080: ")
    quiet(told)


def test_serve_demo_from_nothing(environment: dict[str, str], place: Path) -> None:
    """The first thing a newcomer does: no store, no folder, every pack loaded, dated from today."""
    environment["LINLIFANG_DATABASE_URL"] = f"sqlite:///{place}/var/store.db"
    with serving(environment, place, "--demo") as (address, process):
        assert json.loads(fetch(f"{address}/health")) == {"status": "ok", "communities": 12}
        assert "红梅社区" in fetch(f"{address}/c/hongmei")
        link = next(line for line in iter(process.stdout.readline, "") if "/console/enter/" in line)
        assert "演示社工" in fetch(link.split()[1])
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 0
        assert "Traceback" not in errors


def test_serve_ends_at_once_though_a_page_is_open(environment: dict[str, str], place: Path, furnished: None) -> None:
    with serving(environment, place) as (address, process):
        fetch(f"{address}/health")
        with urllib.request.urlopen(f"{address}/api/chat/hongmei/events", timeout=10) as page:
            assert page.readline() == b": open\n"
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=15)  # aiohttp would wait a minute for the page
        assert process.returncode in (0, 130)


def test_serve_only_the_clock(environment: dict[str, str], place: Path, furnished: None) -> None:
    with serving(environment, place, "--only", "clock") as (address, _):
        assert json.loads(fetch(f"{address}/health"))["status"] == "ok"
        with pytest.raises(urllib.error.HTTPError) as told:
            fetch(f"{address}/c/hongmei")
        assert told.value.code == 404
        told.value.close()


def test_serve_leaves_postgresql_to_its_operator(run: Run, here: Run, postgres: str) -> None:
    admin, name = connect(postgres), f"bare_{os.getpid()}"
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as c:
        c.execute(text(f'CREATE DATABASE "{name}"'))
    bare = named(postgres, name)
    try:
        assert run("serve", database_url=bare, port=str(free_port())).returncode == 1
        for command in (("serve",), ("worker", "hongmei"), ("chat", "hongmei"), ("community", "add", HONGMEI)):
            told = here(*command, database_url=bare, port=str(free_port()))
            assert told.returncode == 1
            assert told.stderr == "the store is not up to date: run `python -m bot migrate`\n"
        told = here("doctor", database_url=bare)
        assert (told.returncode, "run `python -m bot migrate`" in told.stdout) == (1, True)
        assert here("migrate", database_url=bare).returncode == 0
        assert here("community", "add", HONGMEI, database_url=bare).stdout == "hongmei: added\n"
        assert here("doctor", database_url=bare).returncode == 0
    finally:
        with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as c:
            c.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        admin.dispose()


# telegram

LETTERS = "AAH4kz-_Qx0123456789abcdefghijklmno"
ONE, TWO = f"111111111:{LETTERS}", f"222222222:{LETTERS}"


class Office:
    """An operator at the command line, and the Telegram that answers there."""

    def __init__(self, fake: FakeTelegram, here: Run, place: Path) -> None:
        self.fake, self._here, self._settings = fake, here, {"telegram_api": fake.url}
        self.store = connect(f"sqlite:///{place}/store.db")

    async def does(self, *arguments: str | Path, said: str = "", **settings: str) -> "subprocess.CompletedProcess[str]":
        given = self._settings | {"secret_key_file": "secret.key"} | settings
        done = await asyncio.to_thread(self._here, *arguments, said=said, **given)
        quiet(done)
        assert LETTERS not in done.stdout + done.stderr
        return done

    async def telegram(self, *arguments: str | Path, **more: str) -> "subprocess.CompletedProcess[str]":
        return await self.does("telegram", *arguments, **more)

    def bots(self) -> dict[str, TelegramBot]:
        with reading(self.store, None) as db:
            return {bot.username: bot for bot in bots(db)}

    def change(self, username: str, **columns: object) -> None:
        with transaction(self.store, None) as db:
            bot = next(bot for bot in bots(db) if bot.username == username)
            for name, value in columns.items():
                setattr(bot, name, value)
            db.add(bot)


@pytest.fixture
async def office(here: Run, place: Path, furnished: None) -> AsyncIterator[Office]:
    async with FakeTelegram(allow_http=False) as fake:
        fake.add_bot(ONE, "one_bot")
        fake.add_bot(TWO, "two_bot")
        office = Office(fake, here, place)
        yield office
        office.store.dispose()


async def test_a_bot_is_added_by_its_token_which_is_sealed(office: Office, place: Path) -> None:
    added = await office.telegram("add", "hongmei", said=f"{ONE}\n")
    assert added.returncode == 0
    assert "@one_bot serves hongmei\n" in added.stdout
    assert "https://t.me/one_bot\n" in added.stdout
    assert "python -m bot serve" in added.stdout
    bot = office.bots()["one_bot"]
    assert (bot.id, bot.serves, bot.token_file) == (111111111, ["hongmei"], "")
    assert (place / "secret.key").stat().st_mode & 0o777 == 0o600
    assert not [file for file in place.iterdir() if LETTERS.encode() in file.read_bytes()]
    more = await office.telegram("add", "hongmei,baoshi", said=ONE)  # the same bot for one more
    assert "https://t.me/one_bot?start=baoshi\n" in more.stdout
    assert office.bots()["one_bot"].serves == ["baoshi", "hongmei"]


async def test_a_token_may_stay_in_its_file(office: Office, place: Path) -> None:
    (place / "token").write_text(f"{ONE}\n")
    (place / "token").chmod(0o600)
    assert (await office.telegram("add", "all", "--token-file", "token")).returncode == 0
    bot = office.bots()["one_bot"]
    assert (bot.sealed_token, bot.token_file) == ("", f"{place}/token")
    assert bot.serves == ["baoshi", "hongmei"]
    assert not (place / "secret.key").exists()
    told = await office.telegram("add", "all", "--token-file", "no-such-file")
    assert (told.returncode, told.stderr) == (1, "no-such-file: No such file or directory\n")


def test_a_typed_token_is_not_shown(environment: dict[str, str], place: Path, furnished: None) -> None:
    ours, theirs = pty.openpty()
    environment |= {"LINLIFANG_TELEGRAM_API": "http://127.0.0.1:1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "telegram", "add", "hongmei"],
        cwd=place,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = os.read(ours, 1000)
    os.write(ours, f"{ONE}\n".encode())
    with suppress(OSError):  # it has ended
        while more := os.read(ours, 1000):
            shown += more
    os.close(ours)
    assert process.wait(30) == 1
    assert b"not shown" in shown
    assert b"does not answer" in shown
    assert LETTERS.encode() not in shown


@pytest.mark.parametrize(
    ("community", "token", "told"),
    [
        ("nowhere", ONE, "no community nowhere; there are: hongmei, baoshi"),
        ("hongmei", "", "that is not a bot token"),
        ("hongmei", "hunter2", "that is not a bot token"),
        ("hongmei", f"333333333:{LETTERS}", "Telegram does not know this token: copy it again from BotFather"),
    ],
)
async def test_what_cannot_be_added_is_said(office: Office, community: str, token: str, told: str) -> None:
    done = await office.telegram("add", community, said=token)
    assert done.returncode == 1
    assert done.stderr.startswith(told)
    assert "hunter2" not in done.stderr
    assert office.bots() == {}


async def test_a_telegram_out_of_reach_leads_to_the_proxy(office: Office) -> None:
    await office.fake.go_away()
    told = await office.telegram("add", "hongmei", said=ONE)
    assert told.returncode == 1
    assert f"{office.fake.url} does not answer" in told.stderr
    assert "is the server of LINLIFANG_TELEGRAM_API running?" in told.stderr
    told = await office.telegram("add", "hongmei", said=ONE, telegram_proxy="socks5://me:hunter2@127.0.0.1:1")
    assert "is the proxy of LINLIFANG_TELEGRAM_PROXY running" in told.stderr
    assert "hunter2" not in told.stderr
    assert office.bots() == {}


async def test_a_community_is_switched_on_and_off(office: Office) -> None:
    await office.telegram("add", "hongmei", said=ONE)
    await office.telegram("add", "baoshi", said=TWO)
    taken = await office.telegram("on", "baoshi", "--bot", "one_bot")
    assert (taken.returncode, taken.stderr) == (1, "baoshi: served by @two_bot already\n")
    off = await office.telegram("off", "baoshi")
    assert off.returncode == 0
    assert off.stdout.startswith("@two_bot serves baoshi no more")
    assert (await office.telegram("off", "baoshi")).stderr == "Telegram is off for baoshi already\n"
    listed = await office.telegram("list")
    assert "@one_bot: hongmei; nobody fetches messages now; token sealed in the store\n" in listed.stdout
    assert "@two_bot: serves nobody; " in listed.stdout
    assert "off: baoshi\n" in listed.stdout
    on = await office.telegram("on", "baoshi", "--bot", "@One_bot")
    assert on.stdout == "@one_bot serves baoshi: https://t.me/one_bot?start=baoshi\n"
    assert office.bots()["one_bot"].serves == ["baoshi", "hongmei"]
    gone = ("off", "hongmei,nowhere")
    unknown = (("on", "baoshi", "--bot", "three_bot"), ("on", "nowhere", "--bot", "one_bot"), ("remove", "three"))
    for wrong in (*unknown, gone):
        assert (await office.telegram(*wrong)).returncode == 1
    assert office.bots()["one_bot"].serves == ["baoshi", "hongmei"]


async def test_several_communities_are_switched_off_and_on_at_once(office: Office) -> None:
    await office.telegram("add", "hongmei", said=ONE)
    await office.telegram("add", "baoshi", said=TWO)
    off = await office.telegram("off", "all")
    told = [line.partition(";")[0] for line in off.stdout.splitlines()]
    assert told == ["@one_bot serves hongmei no more", "@two_bot serves baoshi no more"]
    assert (await office.telegram("off", "all")).stderr == "Telegram is off for hongmei, baoshi already\n"
    assert (await office.telegram("on", "all", "--bot", "two_bot")).returncode == 0
    assert (await office.telegram("off", "hongmei,baoshi")).returncode == 0
    assert [bot.serves for bot in office.bots().values()] == [[], []]


async def test_what_the_environment_gives_is_changed_there(office: Office) -> None:
    tokens = f"hongmei={ONE}"
    listed = await office.telegram("list", telegram_tokens=tokens)
    assert "bot 111111111: hongmei; nobody fetches messages now; token given by the environment" in listed.stdout
    for asked in (("add", "baoshi"), ("add", "hongmei"), ("off", "hongmei"), ("on", "hongmei", "--bot", "111111111")):
        told = await office.telegram(*asked, said=ONE, telegram_tokens=tokens)
        assert told.returncode == 1
        assert "LINLIFANG_TELEGRAM_TOKENS" in told.stderr
    assert (await office.telegram("remove", "111111111", telegram_tokens=tokens)).returncode == 1
    assert (await office.telegram("remove", "111111111")).returncode == 0  # it is there no more
    assert office.bots() == {}


async def test_a_lost_key_is_told_and_the_bot_added_again(office: Office, place: Path) -> None:
    await office.telegram("add", "hongmei", said=ONE)
    (place / "secret.key").unlink()
    for asked in (("telegram", "list"), ("telegram", "webhook", "info"), ("doctor",), ("serve",)):
        told = await office.does(*asked, port=str(free_port()))
        assert told.returncode == 1
        assert "the token of @one_bot: the key secret.key cannot be read: " in told.stdout + told.stderr
    assert (await office.telegram("add", "hongmei", said=ONE)).returncode == 0
    assert (await office.telegram("list")).returncode == 0


async def test_a_webhook_is_set_told_of_and_taken_away(office: Office) -> None:
    await office.telegram("add", "hongmei", said=ONE)
    queue = office.fake.bots[111111111].queue
    refused = await office.telegram("webhook", "set")
    assert (refused.returncode, "say how this server is reached" in refused.stderr) == (1, True)
    await office.fake.phone(7, "小张").start(office.fake.bots[111111111])  # what waits is not dropped
    public = {"public_url": "https://linli.example/hz"}
    done = await office.telegram("webhook", "set", **public)
    assert done.returncode == 0
    assert done.stdout == "@one_bot: Telegram brings messages to https://linli.example/hz/telegram/111111111\n"
    bot = office.bots()["one_bot"]
    assert queue.webhook.url == bot.webhook == "https://linli.example/hz/telegram/111111111"
    assert queue.webhook.secret == bot.secret
    assert queue.webhook.max_connections == 40
    assert sorted(queue.allowed) == ["callback_query", "edited_message", "message", "my_chat_member"]
    assert len(queue.pending) == 1
    told = await office.telegram("webhook", "info", "--bot", "one_bot")
    assert told.stdout.endswith("1 wait\n")
    deleted = await office.telegram("webhook", "delete")
    assert deleted.stdout == "@one_bot: messages are fetched by `python -m bot serve`\n"
    assert queue.webhook.url == office.bots()["one_bot"].webhook == ""
    assert len(queue.pending) == 1


async def test_a_webhook_waits_for_whoever_fetches(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    await office.telegram("add", "hongmei", said=ONE)
    office.change("one_bot", poller="desk-1", polling_until=datetime.now(UTC) + timedelta(minutes=5))
    with monkeypatch.context() as impatient:
        impatient.setattr(telegram_webhook, "PATIENCE", timedelta())
        told = await office.telegram("webhook", "set", public_url="https://linli.example")
    assert (told.returncode, "desk-1 goes on fetching messages of @one_bot" in told.stderr) == (1, True)
    assert office.bots()["one_bot"].webhook == ""
    asked = asyncio.create_task(office.telegram("webhook", "set", public_url="https://linli.example"))
    async with asyncio.timeout(20):
        while not office.bots()["one_bot"].webhook:  # whoever fetches sees this, and lets go
            await asyncio.sleep(0.01)
    assert office.fake.bots[111111111].queue.webhook.url == ""
    office.change("one_bot", poller="", polling_until=None)
    done = await asked
    assert done.returncode == 0
    assert "waiting until desk-1 has stopped fetching" in done.stdout
    assert office.fake.bots[111111111].queue.webhook.url


async def test_a_webhook_that_telegram_refuses_changes_nothing(office: Office) -> None:
    await office.telegram("add", "hongmei", said=ONE)
    address = "http://linli.example/telegram/111111111"  # by plain http; a server of one's own may take it
    told = await office.telegram("webhook", "set", "--url", address)
    assert told.returncode == 1
    assert re.match(r"Telegram refuses: bad webhook: an https url must be provided", told.stderr, re.IGNORECASE)
    official = {"telegram_api": "https://api.telegram.org"}  # refused before anybody is asked
    told = await office.telegram("webhook", "set", "--url", address, **official)
    assert (told.returncode, "Telegram brings messages only to https addresses" in told.stderr) == (1, True)
    assert office.bots()["one_bot"].webhook == ""
    told = await office.telegram("webhook", "info", "--bot", "two_bot")
    assert (told.returncode, told.stderr) == (1, "no bot two_bot; there are: @one_bot\n")


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        ("Wrong response from the webhook: 502 Bad Gateway", "is `serve` running"),
        ("Wrong response from the webhook: 403 Forbidden", "`telegram webhook set` again"),
        ("Wrong response from the webhook: 404 Not Found", "must pass /telegram/ on"),
        ("Wrong response from the webhook: 301 Moved Permanently", "does not redirect"),
        ("SSL error {error:0A000086:SSL routines::certificate verify failed}", "whole chain"),
        ("Connection timed out", "firewall"),
        ("Failed to resolve host: Name or service not known", "DNS"),
    ],
)
async def test_what_telegram_met_at_the_webhook_is_told_with_a_remedy(office: Office, error: str, hint: str) -> None:
    await office.telegram("add", "hongmei", said=ONE)
    await office.telegram("webhook", "set", public_url="https://linli.example")
    webhook = office.fake.bots[111111111].queue.webhook
    webhook.last_error_message, webhook.last_error_date = error, int(time.time())
    for asked in (("telegram", "webhook", "info"), ("doctor",)):
        told = await office.does(*asked, public_url="https://linli.example")
        assert told.returncode == 1
        assert f"{error}: " in told.stdout + told.stderr
        assert hint in told.stdout + told.stderr
    webhook.last_error_date -= 3600  # Telegram shows it still; all has been well since
    assert (await office.telegram("webhook", "info")).returncode == 0


async def test_a_webhook_that_somebody_else_has_changed_is_noticed(office: Office) -> None:
    await office.telegram("add", "hongmei", said=ONE)
    await office.telegram("webhook", "set", public_url="https://linli.example")
    queue = office.fake.bots[111111111].queue
    ours, queue.webhook.url = queue.webhook.url, "https://else.example/hook"
    told = await office.telegram("webhook", "info")
    assert (told.returncode, "somebody else has given Telegram the address" in told.stderr) == (1, True)
    queue.webhook.url = ""
    assert "Telegram has forgotten the address" in (await office.telegram("webhook", "info")).stderr
    queue.webhook.url = ours
    assert (await office.telegram("webhook", "info")).returncode == 0


async def test_a_bot_is_forgotten_and_telegram_told(office: Office) -> None:
    await office.telegram("add", "hongmei", said=ONE)
    await office.telegram("webhook", "set", public_url="https://linli.example")
    await office.telegram("remove", "@one_bot")
    assert office.bots() == {}
    assert office.fake.bots[111111111].queue.webhook.url == ""
    await office.telegram("add", "hongmei", said=ONE)
    office.change("one_bot", webhook="https://linli.example/telegram/111111111")
    office.fake.bots[111111111].token = TWO.replace("2", "1", 9) + "x"  # revoked
    told = await office.telegram("remove", "one_bot")
    assert told.returncode == 0
    assert "Telegram still knows https://linli.example/telegram/111111111: Telegram does not know" in told.stderr
    assert office.bots() == {}


async def test_doctor_goes_through_every_step(office: Office, place: Path) -> None:
    assert "ok       Telegram is off" in (await office.does("doctor")).stdout
    await office.telegram("add", "hongmei", said=ONE)
    told = await office.does("doctor")
    assert told.returncode == 1
    assert "ok       secret.key is kept from others\n" in told.stdout
    assert "ok       @one_bot answers; it serves hongmei\n" in told.stdout
    assert "missing  @one_bot: messages are fetched by nobody: is `python -m bot serve` running?\n" in told.stdout
    assert "ok       Telegram is off for baoshi" in told.stdout
    office.change("one_bot", poller="desk-1", polling_until=datetime.now(UTC) + timedelta(minutes=5))
    told = await office.does("doctor", transcriber_url="http://127.0.0.1:9000/v1/audio/transcriptions")
    assert told.returncode == 0, told.stdout
    assert "messages are fetched by desk-1" in told.stdout
    assert "voice messages are put into words by http://127.0.0.1:9000" in told.stdout
    told = await office.does("doctor", interpreter_url="http://127.0.0.1:9/v1/chat/completions")
    assert "missing  a second opinion comes from http://127.0.0.1:9/v1/chat/completions: say which" in told.stdout
    told = await office.does("doctor", interpreter_url="http://127.0.0.1:9/v1", interpreter_model="sorter-1")
    assert "ok       a second opinion comes from http://127.0.0.1:9/v1: sorter-1\n" in told.stdout
    (place / "secret.key").chmod(0o644)
    assert (
        "missing  secret.key may be read by anybody on this machine: chmod 600" in (await office.does("doctor")).stdout
    )
    (place / "secret.key").chmod(0o600)
    office.fake.bots[111111111].token = "111111111:revoked"
    assert "missing  @one_bot: Telegram does not know this token" in (await office.does("doctor")).stdout


async def test_doctor_asks_for_no_key_where_none_is_needed(office: Office, place: Path) -> None:
    await office.telegram("add", "hongmei", said=ONE)
    (place / "secret.key").unlink()
    told = await office.does("doctor", telegram_tokens=f"hongmei={ONE}")
    assert "ok       @one_bot answers" in told.stdout
    assert "secret.key" not in told.stdout


def owe(store: Engine, *lanes: str) -> None:
    """A push that waits in each of these lanes."""
    with transaction(store, None) as db:
        for n, lane in enumerate(lanes):
            guest = Resident(origin=f"x:{n}", community_id=2)
            db.add(guest)
            db.flush()
            about = {"key": f"k{n}", "text_key": "x", "lane": lane, "due_at": datetime.now(UTC)}
            db.add(Push(community_id=2, resident_id=guest.id, **about))


async def test_doctor_counts_what_no_bot_can_send(office: Office, chat: Chat) -> None:
    await office.telegram("add", "hongmei", said=ONE)
    office.change("one_bot", poller="desk-1", polling_until=datetime.now(UTC) + timedelta(minutes=5))
    owe(office.store, "telegram:hongmei", "telegram:baoshi", "telegram:baoshi", "web:baoshi", "")
    told = await office.does("doctor")
    assert told.returncode == 1
    assert "missing  2 messages wait for Telegram in baoshi, which no bot serves\n" in told.stdout
    assert "in hongmei" not in told.stdout
    await office.telegram("remove", "one_bot")
    assert (
        "missing  1 messages wait for Telegram in hongmei, which no bot serves\n"
        in (await office.does("doctor")).stdout
    )


# wechat

RED, BLUE = "wx1111111111111111", "wx2222222222222222"
APP_SECRET, LETTER_TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "linlifangtoken"
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
TYPED = f"{APP_SECRET}\n{LETTER_TOKEN}\n{AES_KEY}\n"


class WechatOffice:
    """An operator at the command line, and the WeChat that answers there."""

    def __init__(self, fake: FakeWechat, here: Run, place: Path) -> None:
        self.fake, self._here, self._settings = fake, here, {"wechat_api": fake.url}
        self.store = connect(f"sqlite:///{place}/store.db")

    async def does(self, *arguments: str | Path, said: str = "", **settings: str) -> "subprocess.CompletedProcess[str]":
        given = self._settings | {"secret_key_file": "secret.key"} | settings
        done = await asyncio.to_thread(self._here, *arguments, said=said, **given)
        quiet(done)
        assert APP_SECRET not in done.stdout + done.stderr
        assert "--show" in arguments or LETTER_TOKEN not in done.stdout + done.stderr
        return done

    async def wechat(self, *arguments: str | Path, **more: str) -> "subprocess.CompletedProcess[str]":
        return await self.does("wechat", *arguments, **more)

    async def adds(self, appid: str, *slugs: str, kind: str = "service", said: str = TYPED) -> None:
        done = await self.wechat("add", ",".join(slugs), "--appid", appid, "--kind", kind, said=said)
        assert done.returncode == 0, done.stderr

    def rows(self) -> dict[str, WechatAccount]:
        with reading(self.store, None) as db:
            return {row.appid: row for row in wechat_accounts(db)}


@pytest.fixture
async def bureau(here: Run, place: Path, furnished: None) -> AsyncIterator[WechatOffice]:
    async with FakeWechat() as fake:
        for appid in (RED, BLUE):
            fake.add_account(appid, APP_SECRET, token=LETTER_TOKEN, aes_key=AES_KEY)
        bureau = WechatOffice(fake, here, place)
        yield bureau
        bureau.store.dispose()


async def test_an_account_is_added_by_its_secrets_which_are_sealed(bureau: WechatOffice, place: Path) -> None:
    added = await bureau.wechat("add", "hongmei", "--appid", RED, "--kind", "service", "--name", "红梅", said=TYPED)
    assert (added.returncode, added.stdout.splitlines()[0]) == (0, f"红梅 ({RED}) serves hongmei")
    assert "python -m bot wechat check --show" in added.stdout
    assert (place / "secret.key").stat().st_mode & 0o777 == 0o600
    for secret in (APP_SECRET, LETTER_TOKEN, AES_KEY):
        assert not [file for file in place.iterdir() if secret.encode() in file.read_bytes()]
    before = bureau.rows()[RED]
    again = await bureau.wechat("add", "baoshi", "--appid", RED, "--kind", "subscription", said=f"{APP_SECRET}\n")
    assert "what stands at mp.weixin.qq.com stays as it is" in again.stdout  # for token and key stayed as they were
    assert "enter at mp.weixin.qq.com" not in again.stdout
    anew = await bureau.wechat(
        "add", "baoshi", "--appid", RED, "--kind", "subscription", said=TYPED.replace("token", "t")
    )
    assert "enter at mp.weixin.qq.com" in anew.stdout
    (place / "secret.key").unlink()
    lost = await bureau.wechat("add", "baoshi", "--appid", RED, "--kind", "subscription", said=TYPED)
    assert (lost.returncode, "enter at mp.weixin.qq.com" in lost.stdout) == (0, True), lost.stderr
    row = bureau.rows()[RED]
    assert (row.name, row.kind.name, row.serves) == ("红梅", "SUBSCRIPTION", ["baoshi", "hongmei"])
    assert row.sealed_secret != before.sealed_secret
    shown = await bureau.wechat("check", "--show", public_url="https://linli.example")
    assert f"  Token: {LETTER_TOKEN}\n  EncodingAESKey: {AES_KEY}\n" in shown.stdout


async def test_token_and_key_are_made_where_none_are_given(bureau: WechatOffice) -> None:
    await bureau.adds(RED, "hongmei", said=APP_SECRET)
    shown = await bureau.wechat("check", "--show", public_url="https://linli.example")
    assert shown.returncode == 0, shown.stderr
    assert f"  URL: https://linli.example/wechat/{RED}\n" in shown.stdout
    assert re.search(r"  Token: \w{32}\n  EncodingAESKey: \w{43}\n  消息加解密方式: 安全模式\n", shown.stdout)
    assert shown.stdout.endswith("WeChat lets us in\n")
    told = await bureau.wechat("check")
    assert (told.returncode, "--show" in told.stdout) == (1, True)
    assert "missing  LINLIFANG_PUBLIC_URL is not set" in told.stderr
    odd = "LINLIFANG_PUBLIC_URL has port 8443: WeChat knows 80 and 443 only\n"
    told = await bureau.wechat("check", public_url="https://linli.example:8443")
    assert (told.returncode, told.stderr) == (1, f"missing  {odd}")
    assert f"missing  {odd}" in (await bureau.does("doctor", public_url="https://linli.example:8443")).stdout
    assert (await bureau.wechat("check", public_url="https://linli.example:443")).returncode == 0


@pytest.mark.parametrize(
    ("community", "appid", "said", "told"),
    [
        ("nowhere", RED, TYPED, "no community nowhere; there are: hongmei, baoshi"),
        ("hongmei", "hongmei", TYPED, "an AppID begins with wx"),
        ("hongmei", RED, "", "an AppSecret is 32 letters"),
        ("hongmei", RED, "hunter2\n", "an AppSecret is 32 letters"),
        ("hongmei", RED, f"{APP_SECRET}\nhunter2!\n", "a Token is 3 to 32"),
        ("hongmei", RED, f"{APP_SECRET}\n\nhunter2\n", "an EncodingAESKey is 43"),
        ("hongmei", RED, f"{APP_SECRET[:-1]}f\n", "WeChat does not know this AppSecret"),
        ("hongmei", "wx3333333333333333", TYPED, "WeChat does not know this AppID"),
    ],
)
async def test_an_account_that_cannot_be_added(
    bureau: WechatOffice, community: str, appid: str, said: str, told: str
) -> None:
    done = await bureau.wechat("add", community, "--appid", appid, "--kind", "service", said=said)
    assert done.returncode == 1
    assert done.stderr.startswith(told)
    assert len(done.stderr.splitlines()) == 1
    assert "hunter2" not in done.stderr
    assert bureau.rows() == {}


async def test_the_address_to_let_in_is_named(bureau: WechatOffice) -> None:
    bureau.fake.whitelist = {"203.0.113.9"}
    done = await bureau.wechat("add", "hongmei", "--appid", RED, "--kind", "service", said=TYPED)
    assert "WeChat does not let us in from 127.0.0.1: enter it at 设置与开发 → 基本配置 → IP白名单" in done.stderr
    await bureau.fake.go_away()
    done = await bureau.wechat("add", "hongmei", "--appid", RED, "--kind", "service", said=TYPED)
    assert f"{bureau.fake.url} does not do it: stable_token: no connection" in done.stderr
    assert bureau.rows() == {}


async def test_wechat_is_switched_on_and_off(bureau: WechatOffice) -> None:
    await bureau.adds(RED, "hongmei")
    await bureau.adds(BLUE, "baoshi", kind="passive")
    taken = await bureau.wechat("on", "baoshi", "--account", RED)
    assert taken.returncode == 1
    assert taken.stderr == f"baoshi: served by {BLUE} already: `python -m bot wechat off` frees it\n"
    off = await bureau.wechat("off", "baoshi")
    assert off.stdout.startswith(f"{BLUE} serves baoshi no more")
    assert (await bureau.wechat("off", "baoshi")).stderr == "WeChat is off for baoshi already\n"
    listed = (await bureau.wechat("list")).stdout
    assert f"{RED}: hongmei; service; safe mode; secrets sealed in the store\n" in listed
    assert f"{BLUE}: serves nobody; passive; " in listed
    assert "off: baoshi\n" in listed
    assert (await bureau.wechat("on", "baoshi", "--account", RED)).stdout.startswith(f"{RED} serves baoshi; ")
    assert (await bureau.wechat("remove", BLUE)).stdout.startswith(f"{BLUE} is forgotten here")
    assert {appid: row.serves for appid, row in bureau.rows().items()} == {RED: ["baoshi", "hongmei"]}
    for wrong in (("on", "baoshi", "--account", BLUE), ("on", "nowhere", "--account", RED), ("remove", BLUE)):
        assert (await bureau.wechat(*wrong)).returncode == 1
    off = (await bureau.wechat("off", "baoshi,hongmei")).stdout
    assert [line.partition(";")[0] for line in off.splitlines()] == [
        f"{RED} serves baoshi no more",
        f"{RED} serves hongmei no more",
    ]
    assert (await bureau.wechat("off", "all")).stderr == "WeChat is off for hongmei, baoshi already\n"
    assert (await bureau.wechat("on", "all", "--account", RED)).returncode == 0
    assert bureau.rows()[RED].serves == ["baoshi", "hongmei"]


async def test_what_the_file_gives_is_changed_there(bureau: WechatOffice, place: Path) -> None:
    secrets = f"secret = '{APP_SECRET}'\ntoken = '{LETTER_TOKEN}'\naes_key = '{AES_KEY}'\n"
    (place / "accounts.toml").write_text(
        f"[[account]]\nappid = '{RED}'\nkind = 'service'\nserves = ['hongmei']\n{secrets}"
    )
    (place / "accounts.toml").chmod(0o600)
    given = {"wechat_accounts_file": "accounts.toml"}
    for command in (("wechat", "check"), ("doctor",), ("wechat", "list")):
        await bureau.does(*command, **given)
        assert bureau.rows() == {}
    assert f"{RED}: hongmei; service; safe mode; secrets in the file\n" in (await bureau.wechat("list", **given)).stdout
    add = ("add", "baoshi", "--kind", "service", "--appid")
    for action in (("off", "hongmei"), ("on", "baoshi", "--account", RED), ("remove", RED), (*add, RED)):
        done = await bureau.wechat(*action, said=TYPED, **given)
        assert (done.returncode, "is given by LINLIFANG_WECHAT_ACCOUNTS_FILE" in done.stderr) == (1, True), action
    (place / "accounts.toml").write_text("[[account]]\n")
    for command in (("wechat", "list"), ("doctor",)):
        done = await bureau.does(*command, **given)
        assert (done.returncode, "account number 1, key appid" in done.stdout + done.stderr) == (1, True), command


def test_serve_says_which_accounts_it_runs_and_writes_them_down(
    environment: dict[str, str], place: Path, furnished: None
) -> None:
    secrets = f"secret = '{APP_SECRET}'\ntoken = '{LETTER_TOKEN}'\naes_key = '{AES_KEY}'\n"
    account = f"[[account]]\nappid = '{RED}'\nname = '红梅'\nkind = 'passive'\nserves = ['hongmei']\n{secrets}"
    (place / "accounts.toml").write_text(account, "utf-8")
    (place / "wecom").write_text(f"{APP_SECRET}\n{LETTER_TOKEN}\n{AES_KEY}\n")
    away = {"LINLIFANG_WECHAT_API": "http://127.0.0.1:1", "LINLIFANG_WECOM_API": "http://127.0.0.1:1"}
    wecom = {"LINLIFANG_WECOM_CORP": "ww1234567890abcdef", "LINLIFANG_WECOM_AGENT": "1000002"}
    files = {"LINLIFANG_WECHAT_ACCOUNTS_FILE": "accounts.toml", "LINLIFANG_WECOM_SECRET_FILE": "wecom"}
    with serving(environment | away | wecom | files, place) as (address, process):
        fetch(f"{address}/health")
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert f"WeChat: 红梅 ({RED}) serves hongmei\n" in errors
    assert "WeCom: the app 1000002 of ww1234567890abcdef\n" in errors
    assert APP_SECRET not in errors
    store = connect(f"sqlite:///{place}/store.db")
    with reading(store, None) as db:
        assert [(row.appid, row.serves) for row in wechat_accounts(db)] == [(RED, ["hongmei"])]
    store.dispose()


async def test_an_account_that_no_file_gives_any_more_is_shown_and_forgotten(bureau: WechatOffice) -> None:
    with transaction(bureau.store, None) as db:  # as `serve` leaves it
        serve(db, enter_account(db, RED), ["hongmei"])
    lost = f"{RED}: hongmei; has no secret here and no file gives it: "
    assert lost in (await bureau.wechat("list")).stdout
    assert f"missing  {RED} has no secret here and no file gives it: " in (await bureau.does("doctor")).stdout
    refused = await bureau.wechat("add", "all", "--appid", BLUE, "--kind", "service", said=TYPED)
    assert refused.stderr == f"hongmei: served by {RED} already: `python -m bot wechat off` frees it\n"
    on = await bureau.wechat("on", "baoshi", "--account", RED)
    assert (on.returncode, on.stderr.startswith(f"{RED} has no secret here")) == (1, True)
    assert (await bureau.wechat("off", "hongmei")).returncode == 0
    await bureau.adds(BLUE, "hongmei", "baoshi")
    assert (await bureau.wechat("remove", RED)).returncode == 0
    assert set(bureau.rows()) == {BLUE}


async def test_the_menu_is_set_shown_and_deleted(bureau: WechatOffice) -> None:
    await bureau.adds(RED, "hongmei")
    page = {"public_url": "https://linli.example"}
    shown = (await bureau.wechat("menu", "show", **page)).stdout
    assert "    报事报修  /repair\n" in shown
    assert f"    网页版  https://linli.example/wechat/{RED}/enter?to=hongmei\n" in shown
    assert bureau.fake.accounts[RED].menu == []
    assert (await bureau.wechat("menu", "set", **page)).returncode == 0
    assert len(bureau.fake.accounts[RED].menu) == 3
    assert bureau.rows()[RED].menu
    assert (await bureau.wechat("menu", "delete", "--account", RED)).stdout == f"{RED} has no menu\n"
    assert bureau.fake.accounts[RED].menu == []
    await bureau.adds(BLUE, "baoshi", kind="passive")
    refused = await bureau.wechat("menu", "set", "--account", BLUE)
    assert refused.stderr.startswith(f"{BLUE} has no right to it (自定义菜单")


async def test_templates_are_kept_once_they_are_right(bureau: WechatOffice, place: Path) -> None:
    await bureau.adds(RED, "hongmei")
    assert f"ok       {RED} has no templates" in (await bureau.does("doctor")).stdout
    (place / "t.toml").write_text("[reports]\nid = 't1'\nkind = 'template'\nfields = { thing1 = 'text' }\n")
    done = await bureau.wechat("templates", RED, "t.toml")
    assert done.stdout.startswith(f"{RED} has templates: t1; ")
    assert bureau.rows()[RED].templates["reports"]["fields"] == {"thing1": "text"}
    assert "has no templates" not in (await bureau.does("doctor")).stdout
    good = "[reports]\nid = 't1'\nkind = 'template'\nfields = { thing1 = 'text' }\n"
    (place / "slip.toml").write_text(good.replace("'template'", "'often'"))
    (place / "about.toml").write_text(good + "about = ['tickets']\n")
    (place / "id.toml").write_text(good.replace("t1", "the id of the template"))
    for file, told in (
        ("slip.toml", f"account {RED}, templates.reports.kind"),
        ("about.toml", f"account {RED}, templates.reports.about.0: Input should be 'ticket', 'enquiry'"),
        ("id.toml", f"account {RED}, templates.reports.id: copy the id that WeChat shows"),
        ("gone.toml", "gone.toml: No such file"),
    ):
        refused = await bureau.wechat("templates", RED, file)
        assert (refused.returncode, refused.stderr.startswith(told)) == (1, True), refused.stderr
    assert bureau.rows()[RED].templates["reports"]["kind"] == "template"


async def test_a_poster_is_drawn(bureau: WechatOffice, place: Path) -> None:
    await bureau.adds(RED, "hongmei")
    done = await bureau.wechat("poster", "hongmei", "events", "-o", "events.png")
    assert done.stdout == f"events.png: who scans it comes to hongmei-events on {RED}\n"
    assert (place / "events.png").read_bytes().startswith(b"\x89PNG")
    assert list(bureau.fake.accounts[RED].scenes.values()) == ["hongmei-events"]
    for wrong, told in (
        (("baoshi",), "WeChat is off for baoshi"),
        (("hongmei", "nowhere"), "no service or place nowhere"),
    ):
        refused = await bureau.wechat("poster", *wrong, "-o", "x.png")
        assert (refused.returncode, refused.stderr.startswith(told)) == (1, True)


async def test_doctor_goes_through_the_steps_of_wechat(bureau: WechatOffice, place: Path) -> None:
    assert "ok       WeChat is off (" in (await bureau.does("doctor")).stdout
    await bureau.adds(RED, "hongmei", kind="subscription")
    told = await bureau.does("doctor")
    assert told.returncode == 1
    assert "missing  LINLIFANG_PUBLIC_URL is not set: WeChat brings messages to an address" in told.stdout
    told = await bureau.does("doctor", public_url="https://linli.example")
    assert told.returncode == 0, told.stdout
    assert f"ok       {RED}: WeChat lets us in; it serves hongmei\n" in told.stdout
    assert f"ok       {RED} (subscription) lacks rights: these are for verified service accounts" in told.stdout
    assert "ok         模板消息: nothing reaches" in told.stdout
    assert "客服消息" not in told.stdout
    assert f"ok       {RED} has no menu yet" in told.stdout
    assert "ok       WeChat is off for baoshi" in told.stdout
    with transaction(bureau.store, None, datetime(2026, 11, 25, 4, tzinfo=UTC)) as db:
        note_trouble(db, RED, "the account has no right to media/upload")
    told = await bureau.does("doctor", public_url="https://linli.example")
    assert f"missing  {RED}: at Wed 25 Nov 12:00: the account has no right to media/upload\n" in told.stdout
    bureau.fake.whitelist = {"203.0.113.9"}
    assert f"missing  {RED}: WeChat does not let us in from 127.0.0.1" in (await bureau.does("doctor")).stdout
    (place / "secret.key").unlink()
    assert (
        f"missing  WeChat: the secrets of {RED}: the key secret.key cannot be read"
        in (await bureau.does("doctor")).stdout
    )


async def test_doctor_counts_what_no_account_can_send_and_looks_at_the_key(bureau: WechatOffice, place: Path) -> None:
    owe(bureau.store, "wechat:hongmei", "wechat:baoshi", "wechat:baoshi:next", "wecom:baoshi")
    told = (await bureau.does("doctor")).stdout
    assert "missing  1 messages wait for WeChat in hongmei, which no account serves\n" in told
    assert "secret.key" not in told
    await bureau.adds(RED, "hongmei")
    told = (await bureau.does("doctor")).stdout
    assert "missing  2 messages wait for WeChat in baoshi, which no account serves\n" in told
    assert "missing  1 messages wait for WeCom in baoshi, and WeCom is off\n" in told
    assert "for WeChat in hongmei" not in told
    assert "ok       secret.key is kept from others\n" in told
    (place / "secret.key").chmod(0o644)
    told = (await bureau.does("doctor")).stdout
    assert told.count("missing  secret.key may be read by anybody on this machine: chmod 600 secret.key\n") == 1
