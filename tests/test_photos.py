"""T19: whatever is sent as a photo, what is kept is a small upright JPEG of nothing but pixels, or it is refused."""

import asyncio
import io
import random
import struct
import tomllib
import zipfile
import zlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, FormData
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from bot.app import application
from bot.channels import photos
from bot.channels.photos import LARGEST, NotAPhoto, path_of
from bot.channels.pixels import LONG_EDGE, PIXELS, strip
from bot.conversation.desk import Desk
from bot.settings import Settings
from models.photo import keep_photo
from scheduler.pruning import prune_photos
from tests.conftest import ROOT, Chat

MARK = b"SECRET-MARK"
TRACES = (MARK, b"Exif", b"GPS", b"ICC_PROFILE", b"adobe", b"PK\x03\x04", b"<html", b"ANIM", b"acTL")
KEPT_SEGMENTS = {0xE0, 0xDB, 0xC0, 0xC4, 0xDA}  # JFIF header, quantisation, frame, Huffman, scan
WORDS = tomllib.loads((ROOT / "bot/channels/pages/words.toml").read_text("utf-8"))
Send = Callable[..., Awaitable[ClientResponse]]


@pytest.fixture
def media(tmp_path: Path) -> Path:
    return tmp_path / "media"


@pytest.fixture
async def client(store_url: str, media: Path, aiohttp_client: Any) -> Any:
    return await aiohttp_client(application(Settings(database_url=store_url, media_dir=media)))


@pytest.fixture
def send(client: Any) -> Send:
    async def upload(data: bytes, name: str = "photo.jpg", kind: str = "image/jpeg", field: str = "photo") -> Any:
        form = FormData()
        form.add_field(field, io.BytesIO(data), filename=name, content_type=kind)
        return await client.post("/api/chat/hongmei/photos", data=form)

    return upload


@pytest.fixture
def kept(send: Send, media: Path) -> Callable[..., Awaitable[bytes]]:
    """Upload it and return what lies in the media folder."""

    async def upload(data: bytes, **more: str) -> bytes:
        response = await send(data, **more)
        assert response.status == 200, await response.text()
        told = await response.json()
        assert set(told) == {"ref", "url"}
        files = [path for path in media.rglob("*") if path.is_file()]
        assert files == [path_of(media, told["ref"])]
        return files[0].read_bytes()

    return upload


Kept = Callable[..., Awaitable[bytes]]


def drawn(mode: str = "RGB", size: tuple[int, int] = (40, 20)) -> Image.Image:
    """Red on the left, blue on the right."""
    picture = Image.new("RGB", size, "blue")
    picture.paste("red", (0, 0, size[0] // 2, size[1]))
    return picture.convert(mode)


def saved(picture: Image.Image, kind: str = "JPEG", **more: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **more)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def near(pixel: Any, wanted: tuple[int, int, int]) -> bool:
    return all(abs(a - b) < 40 for a, b in zip(pixel, wanted, strict=True))


RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def segments(jpeg: bytes) -> set[int]:
    """The kinds of segment before the pixels."""
    found, at = set(), 2
    while jpeg[at + 1] != 0xDA:
        found.add(jpeg[at + 1])
        at += 2 + struct.unpack(">H", jpeg[at + 2 : at + 4])[0]
    return found | {0xDA}


def located() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F] = MARK.decode()  # the maker of the camera
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + MARK  # a comment of its owner's
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2], gps[3], gps[4] = "N", (30.0, 17.0, 31.0), "E", (120.0, 11.0, 46.0)
    gps[29] = MARK.decode()
    return exif


def png_words() -> PngInfo:
    info = PngInfo()
    info.add_text("Author", MARK.decode())
    info.add_itxt("Comment", MARK.decode())
    info.add_text("Zipped", MARK.decode(), zip=True)
    return info


def profile() -> bytes:
    return (
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes().replace(b"sRGB built-in", b"SECRET-MARK  ")
    )


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("payload.html", MARK + b"<script>alert(1)</script>")
    return out.getvalue()


MARKED: dict[str, Callable[[], bytes]] = {
    "exif with a GPS position": lambda: saved(drawn(), exif=located()),
    "a comment": lambda: saved(drawn(), comment=MARK),
    "xmp": lambda: saved(drawn(), xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + MARK + b"</x:xmpmeta>"),
    "png text": lambda: saved(drawn(), "PNG", pnginfo=png_words()),
    "png exif": lambda: saved(drawn(), "PNG", exif=located()),
    "webp exif and xmp": lambda: saved(drawn(), "WEBP", exif=located(), xmp=MARK),
    "a colour profile": lambda: saved(drawn(), icc_profile=profile()),
    "a jpeg that is also a zip": lambda: saved(drawn()) + zipped(),
    "a jpeg that is also a page": lambda: saved(drawn()) + b"<html>" + MARK,
    "an animated webp": lambda: saved(
        drawn(), "WEBP", save_all=True, append_images=[drawn().rotate(180)], exif=located(), lossless=True
    ),
    "an animated png": lambda: saved(
        drawn(), "PNG", save_all=True, append_images=[drawn().rotate(180)], pnginfo=png_words()
    ),
}


@pytest.mark.parametrize("what", MARKED)
async def test_nothing_but_pixels_is_kept(kept: Kept, what: str) -> None:
    sent = MARKED[what]()
    assert any(trace in sent for trace in TRACES), "the test itself hides nothing"
    stored = await kept(sent)
    assert not [trace for trace in TRACES if trace in stored]
    assert segments(stored) <= KEPT_SEGMENTS
    assert stored.endswith(b"\xff\xd9")
    picture = opened(stored)
    assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (40, 20))
    assert getattr(picture, "n_frames", 1) == 1
    assert not picture.getexif()
    assert near(picture.getpixel((5, 10)), RED)
    assert near(picture.getpixel((34, 10)), BLUE)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
async def test_what_is_transparent_becomes_white(kept: Kept, kind: str) -> None:
    picture = drawn("RGBA")
    picture.putpixel((0, 0), (0, 0, 0, 0))
    for x in range(10):
        for y in range(20):
            picture.putpixel((x, y), (0, 0, 0, 0))
    shown = opened(await kept(saved(picture, kind, **({"lossless": True} if kind == "WEBP" else {}))))
    assert near(shown.getpixel((2, 10)), WHITE)
    assert near(shown.getpixel((15, 10)), RED)


async def test_a_transparent_palette_becomes_white(kept: Kept) -> None:
    picture = drawn().quantize(2)
    shown = opened(await kept(saved(picture, "PNG", transparency=picture.getpixel((39, 10)))))
    assert near(shown.getpixel((34, 10)), WHITE)
    assert near(shown.getpixel((5, 10)), RED)


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "CMYK", "I;16"])
async def test_every_way_of_colouring_is_understood(kept: Kept, mode: str) -> None:
    if mode == "I;16":
        picture = Image.new("I;16", (40, 20), 65_535)
        picture.paste(0, (0, 0, 20, 20))
    else:
        picture = drawn("L").point(lambda grey: 255 if grey < 50 else 0).convert("RGB").convert(mode)
    shown = opened(await kept(saved(picture, "JPEG" if mode == "CMYK" else "PNG")))
    assert near(shown.getpixel((5, 10)), (0, 0, 0))
    assert near(shown.getpixel((34, 10)), WHITE)


async def test_a_cmyk_jpeg_keeps_its_colours(kept: Kept) -> None:
    shown = opened(await kept(saved(drawn("CMYK"))))
    assert near(shown.getpixel((5, 10)), RED)
    assert near(shown.getpixel((34, 10)), BLUE)


@pytest.mark.parametrize(
    ("orientation", "size", "red"),
    [
        (1, (40, 20), (5, 10)),
        (3, (40, 20), (34, 10)),
        (6, (20, 40), (10, 5)),
        (8, (20, 40), (10, 34)),
        (2, (40, 20), (34, 10)),
    ],
)
async def test_it_is_turned_upright(kept: Kept, orientation: int, size: tuple[int, int], red: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    shown = opened(await kept(saved(drawn(), exif=exif)))
    assert shown.size == size
    assert near(shown.getpixel(red), RED)


@pytest.mark.parametrize(
    ("size", "becomes"),
    [
        ((3000, 1500), (2048, 1024)),
        ((1500, 3000), (1024, 2048)),
        ((2048, 2048), (2048, 2048)),
        ((2049, 10), (2048, 10)),
        ((8000, 4000), (2048, 1024)),
        ((1, 1), (1, 1)),
        ((9000, 1), (2048, 1)),
    ],
)
def test_it_is_brought_to_size(size: tuple[int, int], becomes: tuple[int, int]) -> None:
    for kind in ("JPEG", "PNG"):
        shown = opened(strip(saved(Image.new("RGB", size, "red"), kind)))
        assert max(shown.size) <= LONG_EDGE
        assert shown.size == pytest.approx(becomes, abs=1)


def flat_png(width: int, height: int) -> bytes:
    """A black picture of two colours, so that every row is next to nothing when packed."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    packing = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    pixels = b"".join([*(packing.compress(row) for _ in range(height)), packing.flush()])
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


async def refused(response: ClientResponse, status: int, word: str, language: str = "zh") -> None:
    assert response.status == status
    assert (await response.json())["error"] == WORDS[language][word]


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
async def test_a_bomb_is_refused_before_it_is_unpacked(send: Send, media: Path) -> None:
    bomb = flat_png(20_000, 20_000)
    assert len(bomb) < 60_000
    await refused(await send(bomb), 415, "photo_kind")
    await refused(await send(flat_png(10_000, 10_000)), 415, "photo_kind")
    assert not list(media.rglob("*"))


def test_as_many_pixels_as_a_phone_takes_are_enough() -> None:
    assert opened(strip(flat_png(8_000, PIXELS // 8_000))).size == (2048, 1280)
    with pytest.raises(NotAPhoto, match="pixels"):
        strip(flat_png(8_000, PIXELS // 8_000 + 1))


def noise(size: int) -> bytes:
    return random.Random(7).randbytes(size)


REFUSED: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "a program": lambda: b"MZ\x90\x00" + noise(5_000),
    "noise": lambda: noise(50_000),
    "a truncated jpeg": lambda: saved(Image.effect_noise((400, 400), 90))[:9_000],
    "a jpeg's head": lambda: saved(drawn())[:30],
    "a truncated png": lambda: saved(Image.effect_noise((400, 400), 90), "PNG")[:9_000],
    "a gif": lambda: saved(drawn("P"), "GIF"),
    "a bitmap": lambda: saved(drawn(), "BMP"),
    "a tiff": lambda: saved(drawn(), "TIFF"),
    "an icon": lambda: saved(drawn(), "ICO"),
    "a drawing": lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "a page": lambda: b"<html><script>alert(1)</script>",
    "a zip": zipped,
    "a pdf": lambda: saved(drawn(), "PDF"),
    "postscript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
}


@pytest.mark.parametrize("what", REFUSED)
async def test_what_is_no_photo_is_refused_in_the_pages_words(send: Send, media: Path, what: str) -> None:
    await refused(await send(REFUSED[what](), name="photo.jpg", kind="image/jpeg"), 415, "photo_kind")
    assert not list(media.rglob("*"))


async def test_a_photo_that_takes_too_long_is_refused(send: Send, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "PATIENCE", 0)
    await refused(await send(saved(drawn())), 415, "photo_kind")
    assert not list(media.rglob("*"))


async def test_the_bytes_count_and_not_the_name(kept: Kept) -> None:
    stored = await kept(saved(drawn(), "PNG"), name="report.exe", kind="application/octet-stream")
    assert opened(stored).format == "JPEG"


async def test_a_byte_too_much_is_refused_and_ten_megabytes_are_taken(send: Send, media: Path) -> None:
    photo = saved(drawn())
    await refused(await send(photo + bytes(LARGEST + 1 - len(photo))), 413, "photo_large")
    await refused(await send(noise(LARGEST + 1)), 413, "photo_large")
    assert not list(media.rglob("*"))
    assert (await send(photo + bytes(LARGEST - len(photo)))).status == 200


async def test_a_form_without_a_photo_is_refused(send: Send) -> None:
    await refused(await send(saved(drawn()), field="picture"), 422, "photo_failed")


async def test_refusals_come_in_the_residents_language(client: Any, send: Send) -> None:
    client.session.cookie_jar.update_cookies({"language": "en"}, client.make_url("/"))
    await refused(await send(b"MZ"), 415, "photo_kind", "en")
    client.session.cookie_jar.update_cookies({"language": "klingon"}, client.make_url("/"))
    await refused(await send(b"MZ"), 415, "photo_kind", "zh")


FORMS = {
    "no boundary": ("multipart/form-data", b"x"),
    "an empty boundary": ("multipart/form-data; boundary=", b"--\r\n\r\nx\r\n----"),
    "nothing at all": ("multipart/form-data; boundary=b", b""),
    "no end": ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="photo"\r\n\r\nabc'),
    "no blank line": ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="photo"'),
    "a broken head": ("multipart/form-data; boundary=b", b"--b\r\n\xff\xfe\x00: \x00\r\n\r\nabc\r\n--b--\r\n"),
    "a wrong boundary": ("multipart/form-data; boundary=b", b"--c\r\n\r\nabc\r\n--c--\r\n"),
    "a lying length": (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="photo"\r\nContent-Length: 99999\r\n\r\nabc\r\n--b--\r\n',
    ),
    "a senseless length": (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="photo"\r\nContent-Length: many\r\n\r\nabc\r\n--b--\r\n',
    ),
    "a form in a form": (
        "multipart/form-data; boundary=b",
        b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nabc\r\n--c--\r\n--b--\r\n",
    ),
    "a form in a form in a form": (
        "multipart/form-data; boundary=b0",
        b"".join(b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (n, n + 1) for n in range(3000)),
    ),
    "many empty parts": ("multipart/form-data; boundary=b", b"--b\r\n\r\n\r\n" * 40_000),
    "a long way to the first part": ("multipart/form-data; boundary=b", b"\n" * 1_000_000),
    "a senseless charset": (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="_charset_"\r\n\r\n' + b"x" * 99 + b"\r\n--b--\r\n",
    ),
    "a form of another kind": ("application/x-www-form-urlencoded", b"photo=abc"),
    "no form": ("application/json", b'{"photo": "abc"}'),
}


@pytest.mark.parametrize("what", FORMS)
async def test_a_broken_form_is_refused(client: Any, what: str) -> None:
    kind, body = FORMS[what]
    response = await client.post("/api/chat/hongmei/photos", data=body, headers={"Content-Type": kind})
    assert response.status in (400, 415, 422)
    assert (await response.json())["error"]


@pytest.mark.parametrize("what", ["many empty parts", "a long way to the first part"])
async def test_a_form_without_end_holds_nobody_up(client: Any, what: str) -> None:
    kind, body = FORMS[what]
    began = asyncio.get_running_loop().time()
    await client.post("/api/chat/hongmei/photos", data=body, headers={"Content-Type": kind})
    assert asyncio.get_running_loop().time() - began < 1


async def test_the_same_photo_sent_many_times_at_once_is_kept_once(send: Send, media: Path) -> None:
    photo = saved(drawn(size=(1200, 900)))
    answers = await asyncio.gather(*(send(photo) for _ in range(8)))
    assert [answer.status for answer in answers] == [200] * 8
    assert len({(await answer.json())["ref"] for answer in answers}) == 1
    assert [path.suffix for path in media.rglob("*") if path.is_file()] == [".jpg"]


@pytest.mark.parametrize("ref", ["", "..", "a" * 63, "a" * 65, "A" * 64, "g" * 64, "../" + "a" * 61, "a" * 64 + "\n"])
def test_only_a_hash_names_a_file(ref: str) -> None:
    with pytest.raises(ValueError, match="reference"):
        path_of(Path("media"), ref)


async def test_a_photo_nobody_names_any_more_is_deleted_after_a_day(desk: Desk, chat: Chat, tmp_path: Path) -> None:
    desk.media = tmp_path / "media"
    kept, orphan = [await photos.keep(desk.media, shot(color)) for color in ("red", "blue")]
    chat.say("你好")
    with chat.store() as db:
        keep_photo(db, chat.me(db), kept)
    born = photos.path_of(desk.media, orphan).stat().st_mtime
    desk.now = lambda: datetime.fromtimestamp(born, UTC) + timedelta(hours=23)
    assert prune_photos(desk) == 0
    desk.now = lambda: datetime.fromtimestamp(born, UTC) + timedelta(hours=25)
    assert prune_photos(desk) == 1
    assert photos.path_of(desk.media, kept).exists()
    assert not photos.path_of(desk.media, orphan).exists()


def shot(color: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), color).save(out, "PNG")
    return out.getvalue()
