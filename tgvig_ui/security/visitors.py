"""What a server for strangers allows: as little as a free Space of two cores can give to everybody who comes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tgvig_core.photos.reading import pixel_count
from tgvig_core.utils.errors import TgvigError
from tgvig_ui.gradio_compat import current_request

AT_HOME = "on your own computer `make app` has no such limit."


@dataclass(frozen=True)
class Limits:
    """How much one visitor may ask for; every refusal is one sentence that says what to do instead.

    Attributes:
        photos, tests: photos of good parts, and photos to inspect, in a part.
        megapixels, megabytes: of one photo, and of its file.
        images: in a set.
        iterations: of all prompts of one job together.
        room: megabytes that a part may take on the server's disk.
        waiting: jobs that may wait or run, of everybody.
        each: the same of one visitor.
        hours: after which a part that nobody looks at is removed.
    """

    photos: int = 5
    tests: int = 20
    megapixels: float = 12
    megabytes: int = 10
    images: int = 20
    iterations: int = 8
    room: int = 400
    waiting: int = 8
    each: int = 2
    hours: float = 24

    def check_photos(self, present: int, given: Sequence[Path], tests: bool) -> None:
        """Refuse photos that are too many or too large.

        Args:
            present: how many there are already.

        Raises:
            TgvigError: names the limit.
        """
        most, what = (self.tests, "to inspect") if tests else (self.photos, "of good parts")
        if (count := present + len(given)) > most:
            raise TgvigError(f"{count} photos are more than the {most} {what} that a visitor may give here: {AT_HOME}")
        for path in given:
            if (size := pixel_count(path) / 1e6) > self.megapixels:
                raise TgvigError(
                    f"{path.name} has {size:.1f} megapixels, over this server's limit of {self.megapixels:g}: scale it "
                    f"down; {AT_HOME}"
                )

    def check_sets(self, images: int, iterations: int, prompts: int) -> None:
        """Refuse sets that would keep the others waiting for too long.

        Args:
            iterations: of each prompt. prompts: how many are compared in this job.

        Raises:
            TgvigError: names the limit.
        """
        if images > self.images:
            raise TgvigError(f"{images} images in a set are more than the {self.images} allowed here: {AT_HOME}")
        if (count := iterations * prompts) > self.iterations:
            made = f"{iterations} for each of {prompts} prompts" if prompts > 1 else "in one go"
            raise TgvigError(
                f"{count} iterations ({made}) are more than the {self.iterations} allowed here: ask for fewer; {AT_HOME}"
            )

    def check_models(self, asked: str) -> None:
        """Refuse other models than the server's own, which it would have to fetch.

        Args:
            asked: a pack's name; empty for the server's own.

        Raises:
            TgvigError: another one is asked for.
        """
        if asked:
            raise TgvigError(f"The models “{asked}” are not fetched for visitors: leave the choice as it is; {AT_HOME}")

    def check_thorough(self, asked: bool) -> None:
        """Refuse the check of a detector that also tries other sets and fewer images, which takes many trainings.

        Raises:
            TgvigError: it is asked for.
        """
        if asked:
            raise TgvigError(
                f"Other sets and fewer images are not tried for visitors: ask for the short check; {AT_HOME}"
            )

    def check_room(self, taken: int) -> None:
        """Refuse more of the disk to a part that takes `taken` bytes.

        Raises:
            TgvigError: names the limit.
        """
        if taken > self.room * 1e6:
            raise TgvigError(
                f"This part takes {taken / 1e6:.0f} MB, more than the {self.room} allowed here: begin a new part; {AT_HOME}"
            )

    def check_queue(self, everybody: int, own: int) -> None:
        """Refuse one more job.

        Args:
            everybody: jobs that wait or run. own: those of this visitor.

        Raises:
            TgvigError: names the limit.
        """
        if own >= self.each:
            raise TgvigError(f"{own} of your jobs wait or run, and more are not taken here: wait for one; {AT_HOME}")
        if everybody >= self.waiting:
            raise TgvigError(f"{everybody} jobs wait or run here, which is all it takes: try again later; {AT_HOME}")

    @property
    def photos_line(self) -> str:
        """What step 1 says of it."""
        return (
            f"A public server: up to {self.photos} photos of {self.megapixels:g} megapixels and {self.megabytes} MB each. "
            f"Whoever has this page's address can open the part. It is removed with all its photos {self.hours:g} hours "
            "after it was last looked at."
        )

    @property
    def sets_line(self) -> str:
        """What step 3 says of it."""
        return f"A public server: up to {self.images} images in a set, and {self.iterations} iterations of all prompts together."

    @property
    def tests_line(self) -> str:
        """What step 5 says of it."""
        return f"A public server: up to {self.tests} photos to inspect."


def on_a_space() -> bool:
    """Whether this is a Hugging Face Space."""
    return bool(os.environ.get("SPACE_ID"))


def visitor() -> str:
    """Who asks, as far as it can be told: the address that a Space's proxy names, else the connection's.

    Empty outside an event of the page. It is held in memory only, as long as the visitor's jobs wait or run. A forged
    header gains a place in the queue, whose length is limited for everybody.
    """
    request = current_request()
    if request is None:
        return ""
    proxied = request.headers.get("x-forwarded-for", "") if on_a_space() else ""
    return proxied.split(",")[0].strip() or (request.client.host if request.client else "")


def user() -> str:
    """The name that who asks has logged in with; empty outside an event, and where nobody logs in."""
    request = current_request()
    return (getattr(request, "username", None) or "") if request else ""
