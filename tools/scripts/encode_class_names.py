"""Encode ImageNet's class names for the embedded encoder into assets/texts, which saves every new machine ten seconds.

    python -m tools.scripts.encode_class_names

The files are named by the checksum of the encoder and the names: of other weights they are not used.
"""

from __future__ import annotations

import shutil

from tgvig_core.models.encoders.conse import ConseEncoder, class_names
from tgvig_core.models.encoders.text_cache import SHIPPED, encode_texts_cached


def main() -> None:
    """Write the files anew."""
    shutil.rmtree(SHIPPED, ignore_errors=True)
    rows = encode_texts_cached(ConseEncoder(), class_names(), SHIPPED)
    print(
        f"{len(rows)} names in {len(list(SHIPPED.iterdir()))} files, {sum(f.stat().st_size for f in SHIPPED.iterdir())} bytes"
    )


if __name__ == "__main__":
    main()
