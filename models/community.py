"""The communities of the alliance and what each says about itself."""

from typing import Any

from sqlalchemy import bindparam
from sqlmodel import JSON, Column, Field, Session, SQLModel, col, func, select

from models.store import ours, table_of

OFFICE = "08:30-12:00, 13:30-17:00"  # the hours of an office that says nothing else, Asia/Shanghai


class Community(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    slug: str = Field(unique=True)
    content: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))  # its content pack, as checked
    version: int = 1  # counts changes of content, so that every process notices
    office: str = Field(default=OFFICE, sa_column_kwargs={"server_default": OFFICE})  # its hours, Asia/Shanghai
    tickets: int = 0  # how many have been opened: the last number given


def save_content(db: Session, slug: str, content: dict[str, Any], office: str = OFFICE) -> Community:
    """Add a community, or give one its new content; what residents wrote is not touched."""
    community = db.exec(select(Community).where(Community.slug == slug)).first()
    if community is None:
        community = Community(slug=slug, content=content)
    elif community.content != content:
        community.content, community.version = content, community.version + 1
    community.office = office
    db.add(community)
    db.flush()
    return community


def contents(db: Session) -> list[Community]:
    return list(db.exec(select(Community).order_by(col(Community.id))))


def content_version(db: Session) -> int:
    """A number that changes whenever any community's content does."""
    return db.exec(select(func.coalesce(func.sum(Community.version), 0))).one()


_communities = table_of(Community)
_count_ticket = (
    _communities.update()
    .where(_communities.c.id == bindparam("ours"))
    .values(tickets=_communities.c.tickets + 1)
    .returning(_communities.c.tickets)
)


def next_ticket_number(db: Session) -> int:
    """1, 2, 3 … within a community: short enough to be said over the telephone."""
    return int(db.connection().execute(_count_ticket, {"ours": ours(db)}).scalar_one())
