"""What a file is, by its first bytes: a picture of some format, or something else with a name."""

from __future__ import annotations

from pathlib import Path

#: How many bytes `kind_of` looks at.
HEAD = 512

#: Of files that are taken for pictures unread, in lower case; of others the content decides.
ENDINGS = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".png", ".apng", ".bmp", ".dib", ".webp"),
        *(".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"),
        *(".avif", ".avifs", ".heic", ".heif", ".heics", ".hif"),
    }
)

#: Pictures by what they begin with.
PICTURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL \r\n": "JPEG XL",
    b"\0\0\0\x0cjP  \r\n": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"8BPS": "Photoshop",
    b"\x76\x2f\x31\x01": "OpenEXR",
}

#: Brands of the container that HEIC and AVIF share with films.
_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    **dict.fromkeys(
        (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"), "HEIC"
    ),
}

#: What else is often met under a picture's name.
OTHERS = {
    b"%PDF": "a PDF",
    b"%!PS": "PostScript",
    b"<!doctype html": "an HTML page",
    b"<html": "an HTML page",
    b"<svg": "an SVG drawing",
    b"<?xml": "XML",
    b"pk\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"data:image/": "a data: URL; base64.b64decode gives what follows its comma",
    b"ivborw0kgg": "a PNG as base64 text; base64.b64decode gives its bytes",
    b"/9j/": "a JPEG as base64 text; base64.b64decode gives its bytes",
    b"version https://git-lfs": "a pointer of Git LFS, whose file is not there",
}


def kind_of(head: bytes) -> str:
    """A picture's format by the first `HEAD` bytes of its file; empty where it is none.

    Example:
        >>> kind_of(b"GIF89a..."), kind_of(b"%PDF-1.4")
        ('GIF', '')
    """
    for magic, kind in PICTURES.items():
        if head.startswith(magic):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return _of_brands(head)
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0" and head[15:18] == b"\0\0\0":
        return "BMP"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return "PPM" if head[3:4].isdigit() or head[3:4] == b"#" else ""
    return ""


def _of_brands(head: bytes) -> str:
    size = max(16, min(int.from_bytes(head[:4], "big"), len(head)))
    brands = [head[8:12], *(head[place : place + 4] for place in range(16, size, 4))]
    for brand in brands:
        if kind := _BRANDS.get(brand):
            return kind
    return "HEIF" if head[8:12] in (b"mif1", b"msf1") else ""


def described(head: bytes) -> str:
    """What a file is that is no picture, `" (an HTML page)"`; empty where it is not known."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for magic, kind in OTHERS.items():
        if start.startswith(magic.lower()):
            return f" ({kind})"
    return " (only zeros)" if head and not head.strip(b"\0") else ""


def is_picture(path: Path) -> bool:
    """Whether a regular file is one to decode: by its ending, or else by its content.

    A file that cannot be read is one only by its ending.
    """
    if path.suffix.lower() in ENDINGS:
        return True
    try:
        with path.open("rb") as stream:
            return bool(kind_of(stream.read(HEAD)))
    except OSError:
        return False
