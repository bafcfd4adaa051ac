"""The rooms of the console. A module here enters its pages in the table; its templates lie in a folder of its name."""

from bot.console.rooms import login, me, today

__all__ = ["login", "me", "today"]
