"""Letters for residents of the web chat: what was pushed to a page that may not be open."""

from datetime import datetime
from typing import Any

from sqlmodel import JSON, Column, Field

from models.store import InCommunity, refers


class Letter(InCommunity, table=True):
    id: int | None = Field(default=None, primary_key=True)  # the page asks for everything after the last it has
    key: str = Field(unique=True)  # putting the same letter in twice is putting it in once
    resident_id: int = refers("resident.id", index=True)
    reply: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    at: datetime
