"""What seldom changes, read once and shared: every community with its pack, swapped whole when content changes."""

import re
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import Engine

from bot.content.pack import Pack, Place
from bot.conversation.texts import LANGUAGES, Texts, texts
from bot.understanding.answers import Index
from bot.understanding.words import plain
from models.community import content_version, contents
from models.store import reading


@dataclass(frozen=True)
class Community:
    """One community as its residents meet it."""

    id: int
    pack: Pack
    address: str = ""  # where our pages are, without a slash at the end

    @property
    def slug(self) -> str:
        return self.pack.community.slug

    def texts(self, language: str) -> Texts:
        return self._texts[language]

    @cached_property
    def _texts(self) -> dict[str, Texts]:
        return {name: Texts(name, texts(name).sentences, self.pack.wording.get(name, {})) for name in LANGUAGES}

    @cached_property
    def place_names(self) -> dict[str, tuple[str, ...]]:
        """What residents call each place, by its key."""
        return {p.key: tuple(plain(name) for name in (p.name.zh, p.name.en, *p.also)) for p in self.pack.places}

    @cached_property
    def names(self) -> frozenset[str]:
        """What places and brands are called."""
        brands = (plain(name) for b in self.pack.brands for name in (b.name.zh, b.name.en))
        return frozenset([*brands, *(name for several in self.place_names.values() for name in several)])

    @cached_property
    def answers(self) -> Index:
        return Index({a.key: (*a.ask.zh, *a.ask.en) for a in self.pack.answers})

    @cached_property
    def offers(self) -> Index:
        """The places, by what they are called and what there is; each answers when, where and how much alike."""
        return Index({p.key: (*self.place_names[p.key], *self._offered(p)) for p in self.pack.places}, asking=0)

    def _offered(self, place: Place) -> list[str]:
        dishes = [d.name for d in self.pack.canteen.dishes] if place.key == self.pack.canteen.place else []
        told = [place.what.zh, place.what.en, *(name for d in dishes for name in (d.zh, d.en))]
        return [part for text in told for part in re.split(r"[、，。；：,.;:]", text) if part.strip()]


class Communities:
    """The newest snapshot; `refresh` swaps it when the store's version has moved on."""

    def __init__(self, engine: Engine, address: str = "") -> None:
        self._engine, self._address, self._version = engine, address, -1
        self._by_slug: dict[str, Community] = {}
        self.refresh()

    def refresh(self) -> None:
        with reading(self._engine, None) as db:
            version = content_version(db)
            if version == self._version:
                return
            known = {c.id: c for c in self._by_slug.values()}
            fresh = [(row.id or 0, Pack.model_validate(row.content)) for row in contents(db)]
        made = [c if (c := known.get(i)) and c.pack == pack else Community(i, pack, self._address) for i, pack in fresh]
        self._by_slug, self._version = {c.slug: c for c in made}, version

    def __getitem__(self, slug: str) -> Community:
        return self._by_slug[slug]

    def get(self, slug: str) -> Community | None:
        return self._by_slug.get(slug)

    def by_id(self, community_id: int) -> Community:
        return next(c for c in self._by_slug.values() if c.id == community_id)

    def all(self) -> list[Community]:
        return list(self._by_slug.values())
