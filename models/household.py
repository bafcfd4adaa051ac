"""Homes: building, unit and room."""

from sqlalchemy import UniqueConstraint
from sqlmodel import Session, select

from models.store import InCommunity, own_id


class Household(InCommunity, table=True):
    id: int = own_id()
    building: str
    unit: str = ""
    room: str
    area: float | None = None  # m², from the register; what an owner's vote weighs

    __table_args__ = (UniqueConstraint("community_id", "building", "unit", "room"),)

    def __str__(self) -> str:
        return "-".join(part for part in (self.building, self.unit, self.room) if part)


def parts_of(home: str) -> dict[str, str]:
    """Building, unit and room of a home written as above; nothing of no home."""
    if not home:
        return {}
    building, *rest = home.split("-")
    return {"building": building, "unit": "-".join(rest[:-1]), "room": rest[-1] if rest else ""}


def wordings(home: Household) -> list[str]:
    """How a home stands in what was said to people, whatever their language."""
    chinese = f"{home.building}幢{f'{home.unit}单元' if home.unit else ''}{home.room}"
    named = {"Building": home.building, "Unit": home.unit, "Room": home.room}
    return [f"{chinese}室", chinese, ", ".join(f"{name} {number}" for name, number in named.items() if number)]


def find_household(db: Session, building: str, unit: str, room: str) -> Household:
    """The home at this address, entered now if nobody has named it before."""
    at = (Household.building == building, Household.unit == unit, Household.room == room)
    household = db.exec(select(Household).where(*at)).first()
    if household is None:
        household = Household(building=building, unit=unit, room=room)
        db.add(household)
        db.flush()
    return household
