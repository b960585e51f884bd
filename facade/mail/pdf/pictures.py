"""Images -> what a page takes. The size of an image is read before its pixels: none is unpacked beyond a limit."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

from PIL import Image, ImageOps, ImageSequence
from reportlab.lib.utils import ImageReader

from facade.domain.layout import Picture

MAX_IMAGE_BYTES = 100_000_000
MAX_FRAMES = 100
_FORMATS = ("PNG", "JPEG", "GIF", "TIFF")
_POINTS_A_PIXEL = 0.75  # 96 pixels an inch
_STILL = 1
_GREYS, _COLOURS = 1, 4  # bytes a pixel


class Unreadable(ValueError):
    """An image that cannot be shown on a page: damaged, or moving."""


class TooLarge(ValueError):
    """The images of a document take more memory than one copy may."""


@dataclass(slots=True)
class Room:
    """How many bytes the images of a document took so far, unpacked."""

    taken: int = 0

    def take(self, frame: Image.Image) -> None:
        """One more image, before its pixels are read. Raises TooLarge."""
        self.taken += frame.width * frame.height * (_GREYS if frame.mode in ("1", "L") else _COLOURS)
        if self.taken > MAX_IMAGE_BYTES:
            raise TooLarge


@dataclass(frozen=True, slots=True)
class Frame:
    """An image and its natural size in points."""

    width: float
    height: float
    image: ImageReader = field(repr=False)


def frames(picture: Picture, room: Room) -> list[Frame]:
    """The images to show: one, or the pages of a TIFF. Raises Unreadable, TooLarge."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Pillow finds odd in the tags of an image does not change its pixels
            with Image.open(io.BytesIO(picture.data), formats=_FORMATS) as opened:
                return list(_frames(opened, picture, room))
    except (TooLarge, Image.DecompressionBombError):
        raise TooLarge from None
    except Exception as error:  # a decoder fed with hostile bytes raises anything
        raise Unreadable from error


def _frames(opened: Image.Image, picture: Picture, room: Room) -> Iterator[Frame]:
    if _has_more(opened, MAX_FRAMES if opened.format == "TIFF" else _STILL):
        raise Unreadable
    for frame in ImageSequence.Iterator(opened):
        room.take(frame)
        if not frame.width or not frame.height:
            raise Unreadable
        upright = ImageOps.exif_transpose(frame)
        plain = opened.format == "JPEG" and frame.mode in ("L", "RGB") and upright.size == frame.size
        image = ImageReader(io.BytesIO(picture.data)) if plain else ImageReader(_opaque(upright))
        yield Frame(upright.width * _POINTS_A_PIXEL, upright.height * _POINTS_A_PIXEL, image)


def _has_more(opened: Image.Image, most: int) -> bool:
    """Whether an image has more frames than that. They are not counted: a small file may name very many."""
    try:
        opened.seek(most)
    except EOFError:
        opened.seek(0)
        return False
    return True


def _opaque(image: Image.Image) -> Image.Image:
    """The image on white paper."""
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA"):
        colours = image.convert("RGBA")
        paper = Image.new("RGBA", colours.size, "white")
        return Image.alpha_composite(paper, colours).convert("RGB")
    return image.convert("L" if image.mode in ("1", "L", "I;16") else "RGB")
