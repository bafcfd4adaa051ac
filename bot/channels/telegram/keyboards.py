"""Buttons below a message, and the keyboard that stands in for the letters."""

from collections.abc import Sequence

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, KeyboardButton, ReplyKeyboardMarkup

from bot.channels.cutting import whole
from bot.channels.origin import carried
from bot.channels.telegram.wording import columns, shortened
from bot.conversation.message import Choice, Want
from bot.conversation.texts import Texts

DATA = 64  # bytes of what a button may carry: core.telegram.org/bots/api#inlinekeyboardbutton
MOST = 100  # buttons
SHORT = 12  # columns of a label that has room beside another when the letters are set large
LABEL = 40  # columns of a label in a row of its own
PLACEHOLDER = 64  # characters of the hint in the empty input field


def stands_in(want: Want | None) -> bool:
    """Whether a want brings the keyboard that stands in for the letters."""
    return want in ("place", "phone")


def inline(choices: Sequence[Choice], texts: Texts, community_id: int) -> InlineKeyboardMarkup | None:
    """The choices below a message, at most two in a row; what turns the page stands by itself at the end.

    A choice that carries more than DATA is left out; its words can still be said. No service builds one.
    """
    fit = [c for c in choices if len(carried(community_id, c.value).encode()) <= DATA][:MOST]
    labels = _labels([c.label for c in fit])
    rows: list[list[InlineKeyboardButton]] = []
    open_row = False
    for label, choice in zip(labels, fit, strict=True):
        button = InlineKeyboardButton(label, callback_data=carried(community_id, choice.value))
        short = columns(label) <= SHORT and choice.label != texts("talk.more")
        if short and open_row:
            rows[-1].append(button)
        else:
            rows.append([button])
        open_row = short and len(rows[-1]) == 1
    return InlineKeyboardMarkup(rows) if rows else None


def _labels(labels: Sequence[str]) -> list[str]:
    """What the buttons say; long ones that come out the same when cut are told apart by their numbers."""
    cut = [shortened(label, LABEL) or "…" for label in labels]
    alike = {label for label in cut if cut.count(label) > 1}
    return [
        shortened(f"{n}. {label}", LABEL) if short in alike else short
        for n, (label, short) in enumerate(zip(labels, cut, strict=True), 1)
    ]


def to_private(link: str, texts: Texts) -> InlineKeyboardMarkup:
    """In a group: what is somebody's own goes on in their chat with us."""
    return InlineKeyboardMarkup([[InlineKeyboardButton(texts("telegram.in_private"), url=link)]])


def asking(want: Want, choices: Sequence[Choice], texts: Texts) -> ReplyKeyboardMarkup:
    """One large button that has the phone tell its place or number, the choices below it as words to be said.

    A message carries one keyboard only, and the engine takes a choice by its words: so they share this one.
    """
    place = want == "place"
    ask = KeyboardButton(
        texts("telegram.send_place" if place else "telegram.send_phone"),
        request_location=place or None,
        request_contact=None if place else True,
    )
    labels = [" ".join(whole(c.label).split()) for c in choices]
    said = [[KeyboardButton(label)] for label in labels if label][: MOST - 1]
    return ReplyKeyboardMarkup(
        [[ask], *said],
        resize_keyboard=True,
        one_time_keyboard=True,
        input_field_placeholder=texts("telegram.place_hint" if place else "telegram.phone_hint")[:PLACEHOLDER],
    )
