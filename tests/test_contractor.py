"""A contractor's link: for one ticket, for fourteen days, for whoever has it, and for nothing else."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlmodel import select

from models.contractor import (
    LIFETIME,
    PHOTOS,
    BadLink,
    ContractorLink,
    call_in_links,
    community_of_link,
    fetch_link,
    issue_link,
    keep_contractor_photo,
    sign_off,
)
from models.handling import accept_ticket
from models.lifecycle import Act, NotNow, Status
from models.photo import may_see
from models.resident import Role
from models.store import reading
from models.ticket import Ticket, TicketEvent, history_of
from scheduler.pruning import KEPT, prune
from tests.conftest import Chat, Clock, both_stores

Neighbour = Callable[..., Chat]


@pytest.fixture
def wang(neighbour: Neighbour) -> Chat:
    return neighbour("wang", role=Role.WORKER)


@pytest.fixture
def li(neighbour: Neighbour, wang: Chat) -> Chat:
    """Somebody whose report wang has accepted."""
    li = neighbour("li")
    li.says("5幢楼道的灯坏了，三天了", "跳过", "13812345678", "可以")
    with wang.store() as db:
        accept_ticket(db, wang.me(db), db.exec(select(Ticket)).one())
    return li


@pytest.fixture
def token(li: Chat, wang: Chat) -> str:
    with wang.store() as db:
        return issue_link(db, wang.me(db), db.exec(select(Ticket)).one(), "明亮电工")


def works(chat: Chat, token: str) -> bool:
    with chat.store() as db:
        try:
            return fetch_link(db, token)[1].number == 1
        except BadLink:
            return False


@both_stores
def test_photos_and_a_signature_come_back_by_it(li: Chat, wang: Chat, token: str) -> None:
    with wang.store() as db:
        keep_contractor_photo(db, token, "sha-done")
        sign_off(db, token, "陈师傅", "换了两只灯泡")
    assert wang.rows(Ticket)[0].status is Status.ACCEPTED  # a worker looks before it is finished
    with wang.store() as db:
        ticket, me = db.exec(select(Ticket)).one(), wang.me(db)
        lines = [(e.act, e.text, e.photos) for e in history_of(db, me, ticket)][2:]
        assert lines == [
            (Act.LINKED, "明亮电工", []),
            (Act.PHOTOGRAPHED, "明亮电工", ["sha-done"]),
            (Act.SIGNED_OFF, "明亮电工 陈师傅 换了两只灯泡", []),
        ]
        assert [e.act for e in history_of(db, li.me(db), ticket)] == [Act.MOVED, Act.MOVED]
        assert may_see(db, "sha-done", me)
        assert not may_see(db, "sha-done", li.me(db))
    assert wang.pushed()[-1] == "work.signed_off"
    assert not works(wang, token)  # signed once


@both_stores
def test_it_leads_to_its_community_and_to_no_other(wang: Chat, token: str) -> None:
    with reading(wang.desk.engine, None) as db:
        assert community_of_link(db, token) == wang.community.id
        assert community_of_link(db, token[:-1]) is None
    assert not works(Chat(wang.desk, "chen", "baoshi"), token)
    assert works(wang, token)


def test_the_store_does_not_hold_it(wang: Chat, token: str) -> None:
    (link,) = wang.rows(ContractorLink)
    assert token not in str(link.model_dump())
    assert not works(wang, link.digest)


def test_it_works_for_fourteen_days(wang: Chat, token: str, clock: Clock) -> None:
    clock.now += LIFETIME - timedelta(seconds=1)
    assert works(wang, token)
    clock.passes(seconds=1)
    assert not works(wang, token)
    with pytest.raises(BadLink), wang.store() as db:
        sign_off(db, token, "陈师傅")


def test_it_is_called_in(li: Chat, wang: Chat, token: str) -> None:
    with wang.store() as db:
        ticket = db.exec(select(Ticket)).one()
        with pytest.raises(PermissionError):
            call_in_links(db, li.me(db), ticket)
        assert call_in_links(db, wang.me(db), ticket) == 1
        assert call_in_links(db, wang.me(db), ticket) == 0
    assert not works(wang, token)


def test_it_ends_with_the_ticket(wang: Chat, token: str) -> None:
    wang.says("/work.finish ticket=1", "换了灯泡")
    assert not works(wang, token)
    with pytest.raises(NotNow), wang.store() as db:
        issue_link(db, wang.me(db), db.exec(select(Ticket)).one(), "明亮电工")


def test_so_many_photos_and_no_more(wang: Chat, token: str) -> None:
    with wang.store() as db:
        for n in range(PHOTOS):
            keep_contractor_photo(db, token, f"sha-{n}")
        with pytest.raises(BadLink):
            keep_contractor_photo(db, token, "sha-more")
    assert len([e for e in wang.rows(TicketEvent) if e.act is Act.PHOTOGRAPHED]) == PHOTOS


def test_a_resident_gives_out_none(li: Chat, wang: Chat) -> None:
    with pytest.raises(PermissionError), li.store() as db:
        issue_link(db, li.me(db), db.exec(select(Ticket)).one(), "我表哥")
    assert wang.rows(ContractorLink) == []


def test_it_is_forgotten(wang: Chat, token: str, clock: Clock) -> None:
    clock.now += LIFETIME + KEPT
    prune(wang.desk)
    assert len(wang.rows(ContractorLink)) == 1
    clock.passes(seconds=1)
    prune(wang.desk)
    assert wang.rows(ContractorLink) == []
