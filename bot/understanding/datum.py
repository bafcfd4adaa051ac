"""Between the globe's coordinates and those of Chinese maps: WGS-84 and GCJ-02, half a kilometre apart in Hangzhou.

GCJ-02 has no published definition; this is the formula everybody uses, right to less than a metre. All in degrees.
"""

from math import cos, pi, radians, sin, sqrt

RADIUS, ECCENTRICITY = 6_378_245.0, 0.00669342162296594323  # Krasovsky's ellipsoid: metres, and its first one squared
SOUTH, NORTH, WEST, EAST = 0.8293, 55.8271, 72.004, 137.8347  # outside, maps are left as they are
ROUNDS = 4  # each brings the point a hundred times closer, from a few metres to nothing


def to_gcj02(lat: float, lon: float) -> tuple[float, float]:
    """The point a Chinese map shows for a point on the globe."""
    if not _in_china(lat, lon):
        return lat, lon
    north, east = _shift(lat, lon)
    return lat + north, lon + east


def to_wgs84(lat: float, lon: float) -> tuple[float, float]:
    """The point on the globe for a point of a Chinese map, to less than a millimetre of the formula's own."""
    if not _in_china(lat, lon):
        return lat, lon
    found = lat, lon
    for _ in range(ROUNDS):
        north, east = _shift(*found)
        found = lat - north, lon - east
    return found


def _in_china(lat: float, lon: float) -> bool:
    return SOUTH <= lat <= NORTH and WEST <= lon <= EAST


def _shift(lat: float, lon: float) -> tuple[float, float]:
    """How far the map is moved there, northwards and eastwards."""
    x, y = lon - 105.0, lat - 35.0
    both = 20 * sin(6 * pi * x) + 20 * sin(2 * pi * x)
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x))
    north += 2 / 3 * (both + _waves(y, 160, 12, 320, 30))
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x))
    east += 2 / 3 * (both + _waves(x, 150, 12, 300, 30))
    flattening = 1 - ECCENTRICITY * sin(radians(lat)) ** 2
    degree_north = radians(RADIUS * (1 - ECCENTRICITY) / flattening**1.5)  # metres
    degree_east = radians(RADIUS * cos(radians(lat)) / sqrt(flattening))
    return north / degree_north, east / degree_east


def _waves(along: float, long: float, period: int, longest: float, widest: int) -> float:
    short = 20 * sin(pi * along) + 40 * sin(pi * along / 3)
    return short + long * sin(pi * along / period) + longest * sin(pi * along / widest)
