"""What is kept about a person: shown, handed over whole, quietened at night, and deleted to the last word."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import SQLModel, select

from bot.channels import Parcel
from bot.conversation.group import answer
from bot.conversation.message import Message
from models.album import Album
from models.ballot import Ballot, Poll, count_ballots
from models.card import Card
from models.dialogue import Heard
from models.enquiry import Enquiry
from models.group import LinkedGroup, link_group
from models.household import Household
from models.migrate import all_tables
from models.outbox import Post, Push
from models.poll import close_poll
from models.privacy import erase_resident, export_resident
from models.proposal import Proposal
from models.resident import QUIET, Account, Resident, Role
from models.signup import SignUp
from models.store import reading, transaction
from models.telegram_bot import TelegramBot
from models.ticket import Ticket
from models.visitor import Visitor
from models.wechat_account import WechatAccount
from models.wechat_follower import WechatFollower
from scheduler.claim import claim, quiet_until
from tests.conftest import Chat, Clock, both_stores

Neighbour = Callable[..., Chat]
PHONE, OTHER_PHONE, HOME = "13812345678", "13987654321", "15-4-702"
SPOKEN = "15幢4单元702"
TELEGRAM, BOT = "7000000001", 42  # the platform's own numbers of the person and of the bot
REPORT = "5幢楼道的灯坏了，晚上全黑"
TOPIC = "北门口装一张长椅"
WORDS = [
    PHONE,
    OTHER_PHONE,
    HOME,
    SPOKEN,
    "张阿姨家",
    "钥匙在隔壁王奶奶那里",
    "还是一闪一闪的",
    "师傅来得太晚了点",
    "月球上能不能种白菜呀",
    "我家老头子晕倒了",
    "低保的事情想问问",
    TELEGRAM,
    "楼道灯的照片",
]
KEPT = {("ticket", "description"): "what was broken", ("proposal", "title"): "a topic", ("proposal", "what"): "a topic"}


@pytest.fixture
def worker(neighbour: Neighbour) -> Chat:
    return neighbour("wang", role=Role.WORKER, home="8幢1单元101")


@pytest.fixture
def lived(chat: Chat, neighbour: Neighbour, worker: Chat, clock: Clock) -> Chat:
    """A resident who has left a trace in every table there is."""
    chat.settle_in(home=SPOKEN)
    with chat.store() as db:
        chat.me(db).name = "张阿姨家"
    chat.says(f"{REPORT}，我电话{PHONE}", "跳过", OTHER_PHONE, "可以")
    neighbour("li").says("5幢楼道灯坏了，一直不亮", "+1")
    worker.says("工作", "/work.accept ticket=1", "/work.ticket ticket=1", "/work.ask ticket=1", "哪一层？")
    chat.says("/repair.add ticket=1", "钥匙在隔壁王奶奶那里")
    worker.says("/work.ticket ticket=1", "/work.finish ticket=1", "换了灯泡")
    chat.says("/repair.rate ticket=1", "2", "师傅来得太晚了点", "/repair.reopen ticket=1", "还是一闪一闪的")
    worker.says("/work.ticket ticket=1")
    chat.says("月球上能不能种白菜呀", "我要找人说低保的事情想问问")
    worker.says("没答上的问题")
    chat.say("我家老头子晕倒了")
    chat.say("取消")
    chat.say(tap="/meetings.propose")
    chat.says(TOPIC, "老人买菜回来好歇一歇", "可以")
    with chat.store() as db:
        poll = db.exec(select(Poll).where(Poll.key == "breakfast-weekend")).one()
    chat.say(tap=f"/meetings.vote poll={poll.id}")
    chat.say("1")
    with chat.store() as db:
        from models.event import Event

        event = db.exec(select(Event).where(Event.key == "yue-opera")).one()
    chat.say(tap=f"/events.join event={event.id}")
    chat.says("2", "可以")
    worker.say(tap=f"/events.list event={event.id}")
    write_from_telegram(chat, worker, clock)
    deliver(chat, clock)
    chat.say(f"停车证怎么办，我住{HOME}")
    worker.say("没答上的问题")
    assert chat.rows(SignUp)
    assert chat.rows(Ballot)
    assert chat.rows(Proposal)
    return chat


def write_from_telegram(chat: Chat, worker: Chat, clock: Clock) -> None:
    """The same person at the community's bot: agreed, sent an album, has a card of the report; so has the worker."""
    with transaction(chat.desk.engine, None) as db:
        db.add(TelegramBot(id=BOT, username="linlifang_bot", serves=["hongmei", "baoshi"], secret="s"))
    with chat.store() as db:
        (ticket,) = db.exec(select(Ticket)).all()
        db.add(
            Visitor(
                channel="telegram", door=str(BOT), user=TELEGRAM, community_id=chat.community.id, consented_at=clock()
            )
        )
        db.add(Account(channel="telegram", account="hongmei", user=TELEGRAM, resident_id=chat.me(db).id))
        at: dict[str, Any] = {"channel": "telegram", "account": "hongmei"}
        db.add(Album(**at, user=TELEGRAM, name="a1", refs={"1": "photo"}, caption="楼道灯的照片", at=clock()))
        for user in (TELEGRAM, "900"):
            db.add(Card(**at, user=user, about=f"ticket:{ticket.id}", message=5, text=f"{REPORT} {OTHER_PHONE}"))
        db.add(Card(**at, user="900", about="ticket:1", message=6, text="别人的事"))
        link_group(db, worker.me(db), "telegram", "hongmei", "-1001", "红梅邻居")


def leaving(chat: Chat, clock: Clock) -> list[Parcel]:
    """What sets out now to the pages of this community."""
    return claim(chat.desk.engine, chat.desk.communities, clock(), ["web:hongmei"], 100).parcels


def deliver(chat: Chat, clock: Clock) -> None:
    """Everything due becomes letters in the residents' pages, as the web channel puts them there."""
    from bot.channels.mailroom import Mailroom

    due = leaving(chat, clock)
    assert due
    Mailroom(chat.desk)._put(due)
    with transaction(chat.desk.engine, None) as db:
        for row in db.exec(select(Push).where(Push.state == Post.SENDING)):
            row.state = Post.SENT


def traces(chat: Chat, wanted: list[str]) -> dict[tuple[str, str], set[str]]:
    """Where in the whole store some words are found, by table and column."""
    found: dict[tuple[str, str], set[str]] = {}
    with reading(chat.desk.engine, None) as db:
        for table in SQLModel.metadata.sorted_tables:
            for row in db.connection().execute(table.select()):
                for name, value in row._mapping.items():
                    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
                    if here := {w for w in wanted if w in text}:
                        found.setdefault((table.name, name), set()).update(here)
    return found


def forget(chat: Chat) -> str:
    chat.say("删除我的信息")
    return chat.say("是的")


# --- deleted --------------------------------------------------------------------------------------------------------


@both_stores
def test_after_it_no_table_holds_a_word_of_mine(lived: Chat) -> None:
    before = traces(lived, WORDS)
    assert set().union(*before.values()) == set(WORDS)  # or the walk would prove nothing
    assert {t for t, _ in before} >= {
        *("resident", "ticket", "ticket_event", "push", "letter", "heard", "enquiry"),
        *("account", "visitor", "album", "card"),
    }
    assert "已经删除" in forget(lived)
    assert traces(lived, WORDS) == {}


@both_stores
def test_what_stays_is_the_neighbourhoods_record_and_names_nobody(lived: Chat) -> None:
    asked = lived.say("删除我的信息")
    assert "报过的事" in asked  # it is said beforehand
    assert "议题" in asked
    lived.say("是的")
    assert set(traces(lived, [REPORT, TOPIC])) <= {*KEPT, ("heard", "replies"), ("push", "facts")}
    (ticket,) = lived.rows(Ticket)
    assert ticket.description == f"{REPORT}，我电话…"
    assert (ticket.contact, ticket.photos) == ("", [])
    (topic,) = [p for p in lived.rows(Proposal) if p.key is None]
    assert topic.title["zh"] == TOPIC
    assert topic.by_id is None


def test_every_row_that_referred_to_me_is_gone_or_says_nothing(lived: Chat) -> None:
    with lived.store() as db:
        me = lived.me(db).id
    forget(lived)
    with reading(lived.desk.engine, None) as db:
        left: dict[str, list[Any]] = {}
        for table in SQLModel.metadata.sorted_tables:
            for column in table.c:
                if any(f.target_fullname == "resident.id" for f in column.foreign_keys) or column.name == "by_id":
                    rows = db.connection().execute(table.select().where(column == me)).all()
                    left |= {table.name: rows} if rows else {}
    assert set(left) <= {"ticket", "ticket_event", "second", "heard"}
    assert all(row.text == "" for row in left["ticket_event"])
    (last,) = left["heard"]  # the goodbye itself, for a redelivery; pruned with the rest
    assert last.said["text"] == "是的"


@both_stores
def test_the_count_of_an_open_poll_is_unchanged(lived: Chat, neighbour: Neighbour, clock: Clock) -> None:
    hu = neighbour("hu")
    with hu.store() as db:
        poll = db.exec(select(Poll).where(Poll.key == "breakfast-weekend")).one()
        hidden = poll.id
    hu.say(tap=f"/meetings.vote poll={hidden}")
    hu.say("2")

    def count() -> list[tuple[int, Any]]:
        return sorted((b.option, b.poll_id) for b in lived.rows(Ballot))

    before = count()
    with lived.store() as db:
        me = lived.me(db).id
    forget(lived)
    assert count() == before
    assert all(b.resident_id != me and str(me) not in b.voter for b in lived.rows(Ballot))
    clock.passes(days=8)
    with lived.store() as db:
        poll = db.get(Poll, hidden)
        assert poll is not None
        close_poll(db, poll, None)
        assert count_ballots(db, poll) == [1, 1, 0]


@both_stores
def test_the_same_browser_comes_back_as_somebody_new(lived: Chat) -> None:
    with lived.store() as db:
        before = lived.me(db).id
    forget(lived)
    assert "只为把事情办好" in lived.say("你好")  # greeted, and told what is kept, as at the first time
    with lived.store() as db:
        me = lived.me(db)
        assert me.id != before
        assert (me.role, me.home, me.phone) == (Role.GUEST, "", None)
        gone = db.get(Resident, before)
        assert gone is not None
        assert gone.erased_at is not None
    assert "住哪里" in lived.say("我的报修")
    lived.say(SPOKEN)
    assert "还没有报过什么" in "\n".join(r.text for r in lived.replies)
    with lived.store() as db:
        poll = db.exec(select(Poll).where(Poll.key == "breakfast-weekend")).one()
    assert "现在投的是" not in lived.say(tap=f"/meetings.vote poll={poll.id}")


def test_a_redelivered_goodbye_gets_the_same_answer(lived: Chat) -> None:
    lived.say("删除我的信息")
    first = lived.say("是的", message_id="bye")
    assert lived.say("是的", message_id="bye") == first


def test_what_was_still_owed_to_me_is_not_sent(chat: Chat, worker: Chat, clock: Clock) -> None:
    chat.settle_in()
    worker.says("发通知", "明天停水，请储水", "全体居民", "可以")
    with chat.store() as db:
        me = chat.me(db).id
    forget(chat)
    assert me not in {p.resident_id for p in leaving(chat, clock)}


def test_my_seat_goes_to_the_next(chat: Chat, neighbour: Neighbour) -> None:
    from models.event import Event

    chat.settle_in()
    hu = neighbour("hu")
    with chat.store() as db:
        event = db.exec(select(Event).where(Event.key == "dumplings")).one()
        event.seats = 1
    for who in (chat, hu):
        who.say(tap=f"/events.join event={event.id}")
        who.says("1", "可以")
    assert "events.offer" not in hu.pushed()
    forget(chat)
    assert "events.offer" in hu.pushed()


def test_others_keep_what_is_theirs(lived: Chat, neighbour: Neighbour, worker: Chat) -> None:
    hu = neighbour("hu", home="5幢2单元202")
    hu.says("21幢水管漏水，漏了一天", "跳过", "13700000000", "可以", "火星上能不能种白菜呢")
    worker.says("/work.ticket ticket=2", "没答上的问题")
    before = traces(hu, ["13700000000", "5-2-202", "火星上能不能种白菜呢"])
    forget(lived)
    assert traces(hu, ["13700000000", "5-2-202", "火星上能不能种白菜呢"]) == before
    assert "火星上能不能种白菜呢" in worker.say("没答上的问题")


def test_a_worker_can_still_finish_the_report(lived: Chat, worker: Chat) -> None:
    forget(lived)
    assert "已受理" in worker.say(tap="/work.accept ticket=1")
    card = worker.say(tap="/work.ticket ticket=1")
    assert "电话：—" in card
    assert "已办结" in worker.says("/work.finish ticket=1", "换了开关")


def test_short_words_blank_nobody_elses(chat: Chat, neighbour: Neighbour, worker: Chat) -> None:
    """A rating of "好" must not tear holes into what workers read about others."""
    chat.settle_in().says("5幢楼道的灯坏了，三天了", "跳过", "跳过", "可以")
    worker.says("/work.accept ticket=1", "/work.finish ticket=1", "换好了")
    chat.says("/repair.rate ticket=1", "5", "好")
    neighbour("hu").says("21幢水管漏水，好大一滩水", "跳过", "跳过", "可以")
    worker.say("/work.ticket ticket=2")
    before = traces(worker, ["好大一滩水"])
    forget(chat)
    assert traces(worker, ["好大一滩水"]) == before


def test_thinking_better_of_it(lived: Chat) -> None:
    before = traces(lived, WORDS)
    assert "什么都没有删" in lived.says("删除我的信息", "不")
    after = traces(lived, WORDS)
    assert {k: before[k] for k in before} == after


@pytest.mark.parametrize("words", ["删除我的信息", "delete my data", "忘了我", "注销"])
def test_the_words_for_it(chat: Chat, words: str) -> None:
    assert re.search("真的要删除|Really delete", chat.say(words))


def test_a_guest_without_anything_is_deleted_too(chat: Chat) -> None:
    chat.say("你好")
    assert "已经删除" in forget(chat)
    assert chat.rows(Account) == []


def test_erasing_twice_is_erasing_once(chat: Chat) -> None:
    chat.settle_in()
    with chat.store() as db:
        me = chat.me(db)
        erase_resident(db, me)
        erase_resident(db, me)
    assert chat.rows(Resident)[0].erased_at is not None


@both_stores
def test_at_the_bot_only_what_is_mine_in_this_community_goes(lived: Chat, clock: Clock) -> None:
    """A stranger at the same bot, the same person at another bot for another community, a group: all stay."""
    with transaction(lived.desk.engine, None) as db:
        far = lived.desk.communities["baoshi"].id
        db.add(TelegramBot(id=43, serves=["baoshi"], secret="t"))
        db.add(Visitor(channel="telegram", door="43", user=TELEGRAM, community_id=far, consented_at=clock()))
        db.add(
            Visitor(channel="telegram", door=str(BOT), user="7", community_id=lived.community.id, consented_at=clock())
        )
    forget(lived)
    with reading(lived.desk.engine, None) as db:
        assert {(v.door, v.user) for v in db.exec(select(Visitor))} == {("43", TELEGRAM), (str(BOT), "7")}
        assert [(c.user, c.text) for c in db.exec(select(Card))] == [("900", "别人的事")]
        assert db.exec(select(Album)).all() == []
        assert [(g.title, g.left_at) for g in db.exec(select(LinkedGroup))] == [("红梅邻居", None)]
        assert len(db.exec(select(TelegramBot)).all()) == 2


def test_of_every_table_it_is_known_whom_it_names() -> None:
    """A table that is added is found by its references, by an address, or is said here to be about nobody."""
    all_tables()
    nobody = {"community", "household", "poll", "event", "telegrambot", "wechataccount"}
    nobody |= {"pace", "wechatlate", "login_try"}  # forgotten within minutes
    nobody |= {"audit_entry", "audit_head"}  # actors by a number, which once they are deleted leads to nobody
    nobody |= {"special_day", "reply_template"}
    for table in SQLModel.metadata.sorted_tables:
        columns = set(table.c.keys())
        refers = any(f.target_fullname == "resident.id" for f in table.foreign_keys) or "by_id" in columns
        stands = {"channel", "account", "user"} <= columns or table.name in ("resident", "visitor", "wechatfollower")
        assert refers or stands or table.name in nobody, table.name
        if columns & {"user", "chat", "phone"}:
            assert stands or table.name in {"linkedgroup", "pace"}, table.name


# --- handed over ----------------------------------------------------------------------------------------------------


@both_stores
def test_the_export_holds_everything_that_names_me(lived: Chat) -> None:
    assert lived.say("导出我的信息")
    assert lived.replies[0].file == "mine.json"
    with reading(lived.desk.engine, lived.community.id) as db:
        me = lived.me(db)
        kept = export_resident(db, me)
        named = {}
        for table in SQLModel.metadata.sorted_tables:
            columns = [
                c
                for c in table.c
                if c.name == "by_id" or any(f.target_fullname == "resident.id" for f in c.foreign_keys)
            ]
            rows = [
                row
                for row in db.connection().execute(table.select())
                if any(row._mapping[c.name] == me.id for c in columns) or row._mapping.get("user") == TELEGRAM
            ]
            if rows:
                named[table.name] = len(rows)
    assert {t: len(rows) for t, rows in kept.items() if t not in ("resident", "household")} == named
    assert set(named) >= {
        *("account", "ballot", "dialogue", "enquiry", "heard", "letter", "proposal", "push"),
        *("second", "sign_up", "ticket", "ticket_event", "album", "card", "visitor"),
    }
    text = json.dumps(kept, ensure_ascii=False)
    assert all(word in text for word in WORDS)
    assert kept["household"][0]["room"] == "702"


@both_stores
def test_the_export_holds_nothing_of_anybody_else(
    lived: Chat, neighbour: Neighbour, worker: Chat, clock: Clock
) -> None:
    """The neighbour who said "me too", and the worker who was told everything, hand over only their own."""
    hu = neighbour("hu", home="5幢2单元202")
    hu.says("21幢水管漏水，漏了一天了", "跳过", "13700000000", "可以")
    li = Chat(lived.desk, "li")
    with reading(lived.desk.engine, lived.community.id) as db:
        mine, theirs, wangs = (
            json.dumps(export_resident(db, who.me(db)), ensure_ascii=False) for who in (lived, li, worker)
        )
    for word in ("13700000000", "5-2-202", "漏了一天了"):
        assert word not in mine
        assert word not in theirs
        assert word not in wangs
    for word in WORDS:
        assert word not in theirs
        assert word not in wangs
    assert "哪一层？" in wangs  # their own words are theirs


def test_the_export_ends_at_the_community(lived: Chat, neighbour: Neighbour) -> None:
    there = neighbour("zhang", slug="baoshi")
    with reading(lived.desk.engine, there.community.id) as db:
        kept = export_resident(db, there.me(db))
    assert PHONE not in json.dumps(kept)
    assert {row["community_id"] for rows in kept.values() for row in rows} == {there.community.id}


def test_the_export_is_json(lived: Chat) -> None:
    with reading(lived.desk.engine, lived.community.id) as db:
        kept = export_resident(db, lived.me(db))
    assert json.loads(json.dumps(kept)) == kept


# --- seen -----------------------------------------------------------------------------------------------------------


def test_my_page_counts_and_does_not_say_how_i_voted(lived: Chat) -> None:
    heard = lived.say("我的")
    assert f"{SPOKEN}室（您自己填的）" in heard
    assert "报修 1 件，投过票 1 次，报名 1 个活动" in heard
    assert "周六周日都开" not in heard
    lived.say(tap="English")
    assert "Reports: 1. Votes cast: 1. Events signed up for: 1." in lived.say("my information")


def test_a_confirmed_home_says_so(chat: Chat, worker: Chat) -> None:
    code = worker.says("发绑定码", "5幢1单元301").split("绑定码：")[1][:9]
    chat.say(code)
    assert "5幢1单元301室（已核实）" in chat.say("我的")


def test_the_language_button_needs_no_second_question(chat: Chat) -> None:
    chat.say("我的")
    assert chat.say(tap="English") == "OK, English from now on."
    chat.say("my information")
    assert chat.say(tap="中文") == "好的，以后用中文。"


# --- quiet ------------------------------------------------------------------------------------------------------------

NIGHTS = [
    ("21:30 到 8:00", (21, 30), (8, 0)),
    ("20:00 到 9:00", (20, 0), (9, 0)),
    ("22:30 到 7:00", (22, 30), (7, 0)),
]


@pytest.mark.parametrize(("choice", "start", "end"), NIGHTS)
def test_quiet_hours_set_in_the_chat_are_obeyed(
    chat: Chat, worker: Chat, clock: Clock, choice: str, start: tuple[int, int], end: tuple[int, int]
) -> None:
    chat.settle_in().says("5幢楼道的灯坏了，三天了", "跳过", "跳过", "可以")
    chat.says("免打扰", choice)
    with chat.store() as db:
        me = chat.me(db)
        quiet = (me.quiet_from, me.quiet_until)
    assert quiet == (start[0] * 60 + start[1], end[0] * 60 + end[1])
    evening = datetime(2026, 11, 25, tzinfo=UTC) + timedelta(hours=start[0] - 8, minutes=start[1])
    morning = datetime(2026, 11, 26, tzinfo=UTC) + timedelta(hours=end[0] - 8, minutes=end[1])
    assert quiet_until(*quiet, evening - timedelta(minutes=1)) is None
    assert quiet_until(*quiet, evening) == morning
    assert quiet_until(*quiet, morning - timedelta(minutes=1)) == morning
    assert quiet_until(*quiet, morning) is None

    clock.now = evening + timedelta(minutes=5)
    worker.say(tap="/work.accept ticket=1")

    def mine() -> list[Any]:
        with chat.store() as db:
            me = chat.me(db).id
        return [p for p in leaving(chat, clock) if p.resident_id == me]

    assert mine() == []
    clock.now = morning - timedelta(seconds=1)
    assert mine() == []
    clock.now = morning
    assert len(mine()) == 1


def test_any_time_is_fine(chat: Chat) -> None:
    chat.says("免打扰", "都可以")
    with chat.store() as db:
        me = chat.me(db)
        for hour in range(24):
            assert quiet_until(me.quiet_from, me.quiet_until, datetime(2026, 11, 25, hour, tzinfo=UTC)) is None


def test_the_nights_are_quiet_unless_said_otherwise(chat: Chat) -> None:
    chat.say("你好")
    assert (chat.rows(Resident)[0].quiet_from, chat.rows(Resident)[0].quiet_until) == QUIET


def test_households_and_questions_of_others_stay(lived: Chat, neighbour: Neighbour) -> None:
    neighbour("hu").say("请问钓鱼证去哪里办")
    forget(lived)
    assert [e.text for e in lived.rows(Enquiry)] == ["请问钓鱼证去哪里办"]
    assert {h.room for h in lived.rows(Household)} >= {"702", "301"}  # the building's register, of nobody in particular


def test_who_speaks_in_the_very_moment_of_leaving_is_somebody_new(chat: Chat) -> None:
    chat.settle_in(home=SPOKEN).say("删除我的信息")
    several = [Message("yes", chat.address, "是的"), Message("after", chat.address, f"登记住址 {SPOKEN}")]
    left, back = answer(chat.desk, chat.community.id, several)
    assert not isinstance(left, Exception)
    assert not isinstance(back, Exception)
    assert "已经删除" in left[0].text
    assert SPOKEN in back[0].text
    old, new = sorted(chat.rows(Resident), key=lambda r: r.id)[-2:]
    assert (bool(old.erased_at), old.home) == (True, "")
    assert (new.erased_at, new.home) == (None, HOME)
    with reading(chat.desk.engine, chat.community.id) as db:
        assert [h.said["id"] for h in db.exec(select(Heard).where(Heard.resident_id == new.id))] == ["after"]


def test_what_wechat_lets_us_send_goes_with_the_person(chat: Chat, clock: Clock) -> None:
    with reading(chat.desk.engine, None) as db:
        assert db.exec(select(WechatFollower)).all() == []
    with transaction(chat.desk.engine, None, clock()) as db:
        db.add(WechatAccount(appid="wx1", serves=["hongmei"]))
        db.flush()
        db.add(WechatFollower(appid="wx1", user="o-mine", rest="后面的话"))
        db.add(WechatFollower(appid="wx1", user="o-else", rest="别人的话"))
    chat.settle_in()
    with chat.store() as db:
        db.add(Account(channel="wechat", account="hongmei", user="o-mine", resident_id=chat.me(db).id))
    with chat.store() as db:
        assert [f["rest"] for f in export_resident(db, chat.me(db))["wechatfollower"]] == ["后面的话"]
        erase_resident(db, chat.me(db))
    with reading(chat.desk.engine, None) as db:
        assert [f.user for f in db.exec(select(WechatFollower))] == ["o-else"]
