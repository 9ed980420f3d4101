"""Pictures that a browser can show, small and made once: photos may be TIFF, 16-bit or 60 megapixels."""

from __future__ import annotations

import hashlib
from pathlib import Path

from PIL import Image

from tgvig_core.photos.images import read_photo
from tgvig_core.utils.atomic_write import whole

SIDE = 320
VIEW = 1024


def thumb(path: Path, folder: Path, side: int = SIDE) -> Path:
    """A JPEG of a photo, its longer side at most `side` px, kept in the folder under the photo's path and time.

    Raises:
        TgvigError: the photo cannot be read.
    """
    about = f"{path}:{path.stat().st_mtime_ns}:{side}"
    target = folder / f"{path.stem[:40]}-{hashlib.sha256(about.encode()).hexdigest()[:16]}.jpg"
    if not target.exists():
        image = Image.fromarray(read_photo(path).pixels)
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
        folder.mkdir(parents=True, exist_ok=True)
        with whole(target) as draft:
            image.save(draft, "JPEG", quality=88)
    return target
