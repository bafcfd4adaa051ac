"""The two datums of China: as two other programs have them, and there and back without a loss."""

import random

import eviltransform
import prcoords
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.understanding.datum import to_gcj02, to_wgs84
from models.ticket import metres

DICE = random.Random(310000)  # the postcode of Hangzhou
HANGZHOU = [(DICE.uniform(29.18, 30.57), DICE.uniform(118.34, 120.73)) for _ in range(2000)]
INLAND = st.tuples(st.floats(1.5, 55.0), st.floats(73.0, 137.0))  # nothing here is moved out of the box
ABROAD = [(48.86, 2.35), (-33.87, 151.21), (60.0, 105.0), (30.0, 71.0), (30.0, 138.0), (0.5, 105.0), (0.0, 0.0)]
EXACT = 1e-6  # degrees: a tenth of a metre


def apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Degrees, along the axis where they differ more."""
    return max(abs(one[0] - other[0]), abs(one[1] - other[1]))


def test_maps_of_hangzhou_are_half_a_kilometre_off() -> None:
    shifts = [metres(*point, *to_gcj02(*point)) for point in HANGZHOU]
    assert min(shifts) > 400
    assert max(shifts) < 600


def test_both_directions_agree_with_two_other_programs() -> None:
    for point in HANGZHOU:
        ours = to_gcj02(*point)
        assert apart(ours, eviltransform.wgs2gcj(*point)) < EXACT
        assert apart(ours, prcoords.wgs_gcj(point)) < EXACT
        back = to_wgs84(*point)
        assert metres(*back, *eviltransform.gcj2wgs_exact(*point)) < 1
        assert metres(*back, *prcoords.gcj_wgs_bored(point)) < 1


@given(INLAND)
def test_there_and_back_is_the_same_point(point: tuple[float, float]) -> None:
    assert apart(to_wgs84(*to_gcj02(*point)), point) < EXACT
    assert apart(to_gcj02(*to_wgs84(*point)), point) < EXACT


@pytest.mark.parametrize("point", ABROAD)
def test_other_countries_are_left_as_they_are(point: tuple[float, float]) -> None:
    assert to_gcj02(*point) == to_wgs84(*point) == point
