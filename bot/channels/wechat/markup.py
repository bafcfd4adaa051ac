"""XML of WeChat's kind: nothing in it reaches further when read, and no text breaks out of its field when written.

The parser is expat itself: the harm in XML needs a document type, which one handler refuses, and no library more.
"""

import re
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

LARGEST = 64 * 1024  # bytes of a body
UNREADABLE = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")  # residents paste them; no XML holds them
UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class BadLetter(ValueError):
    """It is no letter we can read; the message is for the log."""


def read(body: bytes) -> Element:
    """The root of a body in UTF-8, whatever it says its encoding is; raises BadLetter."""
    if len(body) > LARGEST:
        raise BadLetter(f"longer than {LARGEST} bytes")
    builder, parser = TreeBuilder(), expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = lambda tag, _: builder.start(tag, {})
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(UNREADABLE.sub(b"", body), True)
    except expat.ExpatError as error:
        raise BadLetter(str(error)) from None
    return builder.close()


def clean(text: str) -> str:
    """As a reader of XML will see it: no control characters, and every end of a line a single one."""
    return UNWRITABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def field(tag: str, text: str) -> str:
    """One element around a text, which may hold anything."""
    return f"<{tag}><![CDATA[{clean(text).replace(']]>', ']]]]><![CDATA[>')}]]></{tag}>"


def _refuse(*_: object) -> NoReturn:
    raise BadLetter("it brings a document type")
