"""Renders the bundled sample parts (a hex nut, a capsule) with Mitsuba 3, defects and exact masks included.

    pip install mitsuba
    python -m tools.scripts.render_samples --out assets/samples

The default variant compiles with LLVM (16 or newer; DRJIT_LIBLLVM_PATH names the library if it is not found);
--variant scalar_rgb needs no LLVM and takes about half as long again. Files already there are kept.
"""

import argparse
from pathlib import Path

import drjit
import mitsuba


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("assets/samples"), help="folder to fill")
    parser.add_argument("--part", choices=["hex_nut", "capsule"], help="only this part (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other photos")
    parser.add_argument("--spp", type=int, help="light paths a pixel (default: 64 for the nut, 40 for the capsule)")
    parser.add_argument("--variant", default="llvm_ad_rgb", help="Mitsuba variant")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    return parser.parse_args()


def main():
    """Set Mitsuba up (before its types are imported) and render what is missing."""
    options = arguments()
    mitsuba.set_variant(options.variant)
    drjit.set_thread_count(options.threads)
    from tools.scripts.samples import writer

    writer.write_index(options.out)
    for name in [options.part] if options.part else writer.PARTS:
        writer.make_part(options.out, name, options.seed, options.spp)


if __name__ == "__main__":
    main()
