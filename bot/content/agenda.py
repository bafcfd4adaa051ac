"""A content pack's topics and votes into the 议事坊: entered once by their keys, never over what residents did."""

from datetime import datetime, time, timedelta

from sqlmodel import Session

from bot.content.pack import Pack
from bot.conversation.texts import CIVIL
from models.ballot import Voter
from models.poll import enter_poll
from models.proposal import enter_proposal
from models.store import moment

CLOSE = time(20, 0)  # when people are at home and still awake


def _evening(now: datetime, days: int) -> datetime:
    """So many days from now, when a vote may well close; Asia/Shanghai civil time."""
    return datetime.combine(now.astimezone(CIVIL).date() + timedelta(days=days), CLOSE, CIVIL)


def enter_meetings(db: Session, pack: Pack) -> None:
    """Enter what is new; a demonstration's own are renewed when their time is over, so that there is always one."""
    demo = pack.community.demo
    for topic in pack.topics:
        enter_proposal(
            db,
            topic.key,
            topic.title.model_dump(),
            topic.what.model_dump(),
            seconds_needed=topic.seconds_needed,
            lifetime=timedelta(days=topic.days),
            renew=demo,
        )
    for vote in pack.votes:
        enter_poll(
            db,
            vote.key,
            vote.title.model_dump(),
            vote.what.model_dump(),
            [option.model_dump() for option in vote.options],
            Voter[vote.voter.upper()],
            hidden=vote.hidden,
            closes_at=_evening(moment(db), vote.days),
            renew=demo,
        )
