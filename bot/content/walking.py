"""How far a walk is: straight metres lengthened by streets, at an older person's pace."""

from bot.content.pack import Building, Pack, Place
from bot.conversation.message import Place as Spot
from bot.understanding.place import home_in
from models.ticket import metres

PACE = 75  # metres a minute
DETOUR = 1.3  # streets are longer than the straight line by about this much in a grid of estates
TEN_MINUTES = 10 * PACE


def walk(lat: float, lon: float, place: Place) -> int:
    """Walking metres to a place, to the nearest ten."""
    return int(round(metres(lat, lon, place.lat, place.lon) * DETOUR, -1))


def minutes(distance: int) -> int:
    return max(1, -(-distance // PACE))


def nearest(pack: Pack, lat: float, lon: float) -> list[tuple[int, Place]]:
    """All places with the walking metres to each, nearest first."""
    return sorted(((walk(lat, lon, p), p) for p in pack.places), key=lambda pair: pair[0])


def building(pack: Pack, number: str) -> Building | None:
    return next((b for b in pack.buildings if b.number == number), None)


def locate(pack: Pack, spot: Spot) -> tuple[float, float] | None:
    """The WGS-84 point of a pin, or of the building its words name."""
    if spot.lat is not None and spot.lon is not None:
        return spot.lat, spot.lon
    found = building(pack, home_in(spot.text).building or spot.text.partition("-")[0].strip())
    return (found.lat, found.lon) if found else None
