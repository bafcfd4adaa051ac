"""Content packs into the store: checked first, then laid beside what residents wrote, never over it."""

import re
import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy import Engine

from bot.content.agenda import enter_meetings
from bot.content.calendar import enter_events
from bot.content.office import enter_office
from bot.content.pack import Pack
from bot.conversation.texts import LANGUAGES, texts
from models.community import save_content
from models.store import transaction

FACT = re.compile(r"\{\w+\}")


class BadPack(ValueError):
    """A content pack that cannot be used; each line names the file, the table and the key."""


def read_pack(path: Path) -> Pack:
    """Parse and check one pack; raises BadPack."""
    try:
        pack = Pack.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as failure:
        raise BadPack(f"{path}: {failure}") from None
    except ValidationError as failure:
        lines = (f"{path}: {_where(e['loc'])}: {e['msg'].removeprefix('Value error, ')}" for e in failure.errors())
        raise BadPack("\n".join(lines)) from None

    if strange := sorted(_strange(pack)):
        raise BadPack("\n".join(f"{path}: [wording], key {where}" for where in strange))
    return pack


def _strange(pack: Pack) -> Iterator[str]:
    """What a community's own wording says that no text of ours does, or with other {facts}."""
    for language, sentences in pack.wording.items():
        if language not in LANGUAGES:
            yield f"{language}: zh or en"
            continue
        ours = texts(language)
        for key, sentence in sentences.items():
            if key not in ours:
                yield f"{language}, key {key}: there is no such sentence"
            elif set(FACT.findall(sentence)) - set(FACT.findall(ours.sentences[key])):
                yield f"{language}, key {key}: names a fact this sentence is not given"


def _where(place: tuple[int | str, ...]) -> str:
    """("places", 3, "hours", 0, "open") → [places] number 4, hours number 1, key open."""
    words: list[str] = []
    for part in place:
        if isinstance(part, int):
            words[-1] += f" number {part + 1}"
        else:
            words.append(f"key {part}" if words else f"[{part}]")
    return ", ".join(words) or "the file"


def load_pack(engine: Engine, pack: Pack, now: datetime) -> None:
    """Add the community or update what it says about itself; events are dated from `now` (UTC)."""
    with transaction(engine, None, now) as db:
        community = save_content(db, pack.community.slug, pack.model_dump(mode="json"), pack.community.office)
    with transaction(engine, community.id, now) as db:
        enter_events(db, pack)
        enter_meetings(db, pack)
        enter_office(db, pack)
