"""A picture made clean: decoded to be sure that it is one, upright, small enough, nothing but pixels."""

import io

from PIL import Image, ImageOps

from bot.channels.photos import NotAPhoto

PIXELS = 40_000_000  # more than any phone takes; a few kilobytes can claim to be many more
LONG_EDGE = 2048
FORMATS = ("JPEG", "PNG", "WEBP")


def strip(data: bytes) -> bytes:
    """The same picture upright, at most LONG_EDGE wide or high, as a JPEG that holds nothing but pixels."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as raw:
            if raw.width * raw.height > PIXELS:
                raise NotAPhoto(f"{raw.width} x {raw.height} pixels")
            raw.draft("RGB", (LONG_EDGE, LONG_EDGE))
            upright = ImageOps.exif_transpose(raw)
            upright.thumbnail((LONG_EDGE, LONG_EDGE))
            flat = _on_white(upright)
    except NotAPhoto:
        raise
    except Exception as failure:  # Pillow's decoders raise whatever the bytes lead them to
        raise NotAPhoto(type(failure).__name__) from None
    bare = Image.frombytes("RGB", flat.size, flat.tobytes())
    out = io.BytesIO()
    bare.save(out, "JPEG", quality=85, optimize=True)
    return out.getvalue()


def _on_white(picture: Image.Image) -> Image.Image:
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture.convert("RGB")
    seen = picture.convert("RGBA")
    white = Image.new("RGBA", seen.size, "white")
    return Image.alpha_composite(white, seen).convert("RGB")
