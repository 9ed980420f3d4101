"""When memory is short: free what can be freed, halve what is done at once and say so; else one sentence with the remedy.

How much is held is psutil's to say.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import psutil

from tgvig_core.utils.errors import TgvigError

if TYPE_CHECKING:
    from torch import Tensor

SAID = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")
"""What torch's allocators say; on a CPU they raise a plain RuntimeError."""
NOTES = logging.getLogger("tgvig_core")
"""A command prints what is said here on standard error, the web app keeps it with the job: a bar's text is overwritten."""


def is_short(error: BaseException) -> bool:
    """Whether an error says that memory was short (CUDA, a CPU's allocator, Python)."""
    said = type(error).__name__ == "OutOfMemoryError" or any(words in str(error).lower() for words in SAID)
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and said)


def in_parts(work: Callable, batch: Sequence | Tensor, doing: str) -> list:
    """`work` on the whole batch, in halves where it does not fit, at last one by one.

    Args:
        batch: a tensor or a list.
        doing: what the work is, such as "making images".

    Returns:
        the results of the parts in order; just one where everything fits.

    Raises:
        TgvigError: even one is too many.
    """
    try:
        return [work(batch)]
    except (MemoryError, RuntimeError) as error:
        if not is_short(error):
            raise
        if len(batch) == 1:
            raise TgvigError(too_short(error, f"{doing}, even one at a time")) from error
    free()  # not inside the except clause: there the error still holds what the work had made
    half = (len(batch) + 1) // 2
    NOTES.warning("Memory was short: %s %d at a time.", doing, half)
    parts = (batch[:half], batch[half:])
    return [result for part in parts for result in in_parts(work, part, doing)]


@contextlib.contextmanager
def enough_for(doing: str, remedy: str = "") -> Iterator[None]:
    """Around work that cannot be halved.

    Args:
        doing: what the work is, such as "a learning step".
        remedy: what would help beside the usual.

    Raises:
        TgvigError: memory was short.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_short(error):
            raise
        raise TgvigError(too_short(error, doing, remedy)) from error


def too_short(error: BaseException, doing: str, remedy: str = "") -> str:
    """The sentence for an error that `is_short`."""
    said = str(error).lower()
    gpu = type(error).__name__ == "OutOfMemoryError" or any(name in said for name in ("cuda", "cublas", "cudnn"))
    where = "The GPU" if gpu else "This machine"
    remedies = ["close other programs", remedy] if remedy else ["close other programs"]
    last = "choose the CPU as device" if gpu else "choose the smallest models (embedded)"
    return f"{where} has not enough memory for {doing}: {', '.join(remedies)}, or {last}."


def free() -> None:
    """Give back what nobody uses any more, also to the system and on the GPU."""
    gc.collect()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # musl has no malloc_trim
            ctypes.CDLL(None).malloc_trim(0)  # glibc keeps what was freed otherwise
    torch = sys.modules.get("torch")  # not loaded by a job that never needed it
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def held() -> str:
    """The memory that this process and its GPU hold now, in words."""
    gpu = _gpu_gb()
    said = [f"{psutil.Process().memory_info().rss / 1e9:.1f} GB of memory"]
    return " · ".join(said + ([f"{gpu:.1f} GB of the GPU's"] if gpu is not None else []))


def peak_gb() -> float:
    """The most that this process has held since it began, as far as the system tells it (else what it holds now)."""
    info = psutil.Process().memory_info()
    if peak := getattr(info, "peak_wset", None):  # Windows
        return peak / 1e9
    try:
        import resource
    except ImportError:
        return info.rss / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1e9 if sys.platform == "darwin" else 1e6
    )  # bytes; kilobytes


def _gpu_gb() -> float | None:
    """None while CUDA is not in use. Looking must neither load torch nor start CUDA."""
    cuda: Any = getattr(sys.modules.get("torch"), "cuda", None)
    if not hasattr(cuda, "memory_allocated") or not cuda.is_initialized():  # torch may be loading in another thread
        return None
    return cuda.memory_allocated() / 1e9
