"""Text with HTML as Telegram reads it: entities in UTF-16 units, the real sentences for what cannot be read."""

import html
import re
from dataclasses import dataclass
from typing import Any

from tests.fakes.telegram_refusal import Refusal, bad

Entity = dict[str, Any]
KINDS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "tg-spoiler": "spoiler",
    "blockquote": "blockquote",
    "span": "spoiler",
}
TAGS = {
    "bold": "b",
    "italic": "i",
    "underline": "u",
    "strikethrough": "s",
    "code": "code",
    "pre": "pre",
    "spoiler": "tg-spoiler",
    "blockquote": "blockquote",
    "expandable_blockquote": "blockquote expandable",
}
REFERENCE = re.compile(r"&(?:lt|gt|amp|quot|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});")  # no other names are known to it
ATTRIBUTE = re.compile(r"\s+([a-zA-Z-]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+)))?")
DETECTED = re.compile(
    r"(?P<url>https?://[^\s，。！？]+)|(?<!\S)(?P<bot_command>/[A-Za-z0-9_]{1,32}(?:@[A-Za-z0-9_]{3,32})?)(?![\w/])"
    r"|(?<![\w])(?P<mention>@[A-Za-z0-9_]{3,32})"
)


def units(text: str) -> int:
    """Its length as Telegram counts offsets."""
    return len(text.encode("utf-16-le")) // 2


def cut(text: str, offset: int, length: int) -> str:
    """The part of the text an entity covers."""
    return text.encode("utf-16-le")[2 * offset : 2 * (offset + length)].decode("utf-16-le")


@dataclass
class _Open:
    tag: str
    attributes: dict[str, str]
    start: int


class _Reader:
    """One pass over the source; positions in errors are bytes, as the real server gives them."""

    def __init__(self, source: str) -> None:
        self.source, self.at, self.length = source, 0, 0
        self.parts: list[str] = []
        self.entities: list[Entity] = []
        self.open: list[_Open] = []

    def read(self) -> tuple[str, list[Entity]]:
        while self.at < len(self.source):
            if self.source[self.at] == "<":
                self._tag()
            elif found := REFERENCE.match(self.source, self.at):
                self._emit(html.unescape(found[0]), found.end())
            else:
                self._emit(self.source[self.at], self.at + 1)
        if self.open:
            raise _cannot(f'Can\'t find end tag corresponding to start tag "{self.open[-1].tag}"')
        return "".join(self.parts), self.entities

    def _emit(self, text: str, then: int) -> None:
        self.parts.append(text)
        self.length += units(text)
        self.at = then

    def _tag(self) -> None:
        end = self.source.find(">", self.at)
        offset = len(self.source[: self.at].encode())
        inside = self.source[self.at + 1 : end] if end > 0 else self.source[self.at + 1 :]
        if inside.startswith("/"):
            self._close(inside[1:].strip().lower(), offset)
        else:
            self._start(inside, offset, end)
        if end < 0:
            raise _cannot(f"Unclosed start tag at byte offset {offset}")
        self.at = end + 1

    def _start(self, inside: str, offset: int, end: int) -> None:
        name = (re.match(r"[^\s>]*", inside) or [""])[0]
        tag = name.lower()
        if tag not in KINDS:
            raise _cannot(f'Unsupported start tag "{tag}" at byte offset {offset}')
        rest, attributes = inside[len(name) :].rstrip(), {}
        while rest:
            if not (found := ATTRIBUTE.match(rest)):
                raise _cannot(f'Unclosed start tag "{tag}" at byte offset {offset}')
            attributes[found[1].lower()] = html.unescape(found[2] or found[3] or found[4] or "")
            rest = rest[found.end() :]
        if tag == "span" and attributes.get("class") != "tg-spoiler":
            raise _cannot(f'Tag "span" must have class "tg-spoiler" at byte offset {offset}')
        self.open.append(_Open(tag, attributes, self.length))

    def _close(self, tag: str, offset: int) -> None:
        if not self.open:
            raise _cannot(f"Unexpected end tag at byte offset {offset}")
        last = self.open.pop()
        if tag and tag != last.tag:
            raise _cannot(f'Unmatched end tag at byte offset {offset}, expected "</{last.tag}>", found "</{tag}>"')
        if self.length > last.start and (entity := self._entity(last)):
            self.entities.append(entity)

    def _entity(self, last: _Open) -> Entity | None:
        entity = {"type": KINDS[last.tag], "offset": last.start, "length": self.length - last.start}
        if last.tag == "a":
            url = last.attributes.get("href", "")
            return entity | {"url": url} if re.match(r"(https?|tg|mailto|tel):", url) else None
        if last.tag == "blockquote" and "expandable" in last.attributes:
            entity["type"] = "expandable_blockquote"
        if last.tag == "code" and self.open and self.open[-1].tag == "pre" and "class" in last.attributes:
            return None  # <pre><code class="language-…"> is one block
        return entity


def _cannot(sentence: str) -> Refusal:
    return bad(f"can't parse entities: {sentence}")


def detected(text: str) -> list[Entity]:
    """What Telegram marks by itself in anybody's text."""
    found = []
    for match in DETECTED.finditer(text):
        kind = str(match.lastgroup)
        found.append({"type": kind, "offset": units(text[: match.start(kind)]), "length": units(match[kind])})
    return found


def formatted(source: str, mode: str, given: list[Entity] | None) -> tuple[str, list[Entity]]:
    """The text as it will be seen, trimmed, and its entities in order."""
    if mode and mode.lower() != "html":
        raise _cannot(f"Unsupported parse_mode {mode}: this fake reads HTML only")
    text, entities = _Reader(source).read() if mode else (source, list(given or []))
    before = units(text) - units(text.lstrip())
    text = text.strip()
    kept = [_shifted(e, before, units(text)) for e in entities]
    entities = [e for e in kept if e["length"] > 0]
    taken = [e for e in entities if e["type"] in ("text_link", "code", "pre")]
    for found in detected(text):
        if not any(t["offset"] < found["offset"] + found["length"] and found["offset"] < t["offset"] + t["length"] for t in taken):  # fmt: skip
            entities.append(found)
    return text, sorted(entities, key=lambda e: (e["offset"], -e["length"]))


def _shifted(entity: Entity, before: int, length: int) -> Entity:
    start = max(0, entity["offset"] - before)
    end = min(length, entity["offset"] + entity["length"] - before)
    return entity | {"offset": start, "length": end - start}


def as_html(text: str, entities: list[Entity]) -> str:
    """The text with its entities written as tags again."""
    encoded, marks = text.encode("utf-16-le"), []
    for order, entity in enumerate(entities):
        tag = f'a href="{html.escape(entity["url"])}"' if entity["type"] == "text_link" else TAGS.get(entity["type"])
        if tag:
            start, end = entity["offset"], entity["offset"] + entity["length"]
            marks += [(start, 1, order, f"<{tag}>"), (end, 0, -order, f"</{tag.split()[0]}>")]
    out, at = [], 0
    for position, _, _, mark in sorted(marks):
        out += [html.escape(encoded[2 * at : 2 * position].decode("utf-16-le"), quote=False), mark]
        at = position
    return "".join(out) + html.escape(encoded[2 * at :].decode("utf-16-le"), quote=False)
