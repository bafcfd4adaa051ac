"""What is kept no longer than it is needed."""

from datetime import timedelta

from sqlalchemy import delete
from sqlmodel import select

from bot.conversation.desk import Desk
from models.alarm import Alarm
from models.album import Album
from models.code import Code
from models.contractor import ContractorLink
from models.dialogue import Dialogue, Heard
from models.example import Example
from models.login import LONGEST, Login, LoginKey
from models.login_try import FORGOTTEN, LoginTry
from models.mailbox import Letter
from models.outbox import Post, Push
from models.photo import Photo
from models.store import reading, table_of, transaction
from models.wechat_late import WechatLate

KEPT = timedelta(days=30)  # replies, for redelivery and a page's history, and what somebody left unfinished
LETTERS = timedelta(days=90)
EXAMPLES = timedelta(days=365)
REDELIVERED = timedelta(days=2)  # Telegram delivers again for a day; a letter of WeChat's is late no longer than that
ORPHANS = timedelta(days=1)  # a photo is stored a moment before its row
AT_ONCE = 2000  # rows of one transaction: nobody should wait behind a pruning


def prune_photos(desk: Desk) -> int:
    """Delete the photos no row names any more: their sender has left, or never sent the message; returns how many."""
    gone, old = 0, (desk.now() - ORPHANS).timestamp()
    for path in desk.media.glob("??/*.jpg"):
        if path.stat().st_mtime > old:
            continue
        with reading(desk.engine, None) as db:
            named = db.exec(select(Photo.id).where(Photo.ref == path.stem)).first()
        if named is None:
            path.unlink(missing_ok=True)
            gone += 1
    return gone


def prune(desk: Desk) -> int:
    """Delete old replies, talks laid aside, letters, settled pushes, dead codes …, a little at a time; returns how many."""
    now = desk.now()
    kinds = (Heard, Dialogue, Letter, Push, Code, Album, WechatLate, Example, Alarm, Login, LoginKey, LoginTry)
    tables = (table_of(kind) for kind in (*kinds, ContractorLink))
    heard, dialogue, letter, push, code, album, late, example, alarm, login, key, tried, link = tables
    old = (
        (heard, heard.c.key, heard.c.at < now - KEPT),
        (dialogue, dialogue.c.resident_id, dialogue.c.touched_at < now - KEPT),
        (letter, letter.c.id, letter.c.at < now - LETTERS),
        (push, push.c.id, (push.c.settled_at < now - LETTERS) & push.c.state.notin_([Post.WAITING, Post.SENDING])),
        (code, code.c.id, code.c.expires_at < now - KEPT),
        (link, link.c.id, link.c.expires_at < now - KEPT),
        (album, album.c.id, (album.c.at < now - REDELIVERED) & album.c.due_at.is_(None)),
        (late, late.c.identity, late.c.due_at < now - REDELIVERED),  # of an account that nobody runs any more
        (example, example.c.id, example.c.at < now - EXAMPLES),
        (alarm, alarm.c.id, alarm.c.rung_at < now - LETTERS),
        (login, login.c.id, login.c.started_at < now - LONGEST),
        (key, key.c.digest, key.c.expires_at < now),
        (tried, tried.c.key, tried.c.last_at < now - FORGOTTEN),
    )
    gone = 0
    for table, name, is_old in old:
        while True:
            with transaction(desk.engine, None, now) as db:
                some = table.select().with_only_columns(name).where(is_old).limit(AT_ONCE)
                count = db.connection().execute(delete(table).where(name.in_(some))).rowcount
            gone += count
            if count < AT_ONCE:
                break
    return gone
