"""Named endpoints for programs (gradio_client, MCP): rank, start, status, result, check, inspect, export; others are private."""

# No `from __future__ import annotations` here: gradio reads the return types, and as strings they would be "Any".
from dataclasses import asdict
from pathlib import Path

import gradio as gr

from tgvig_core.bundles.wishes import missing
from tgvig_core.utils.errors import TgvigError
from tgvig_ui.gradio_compat import address_of, upload_folder
from tgvig_ui.jobs.add_photos import check_given
from tgvig_ui.jobs.arguments import Inspect
from tgvig_ui.jobs.begin_generations import Asked, begin
from tgvig_ui.jobs.job import BUSY
from tgvig_ui.jobs.server import Server, bound
from tgvig_ui.parts.bundles import made_of
from tgvig_ui.parts.generations import similarity
from tgvig_ui.parts.ranking import ranking
from tgvig_ui.parts.results import results
from tgvig_ui.parts.trained import model_card
from tgvig_ui.steps.train import bundle as taking_home
from tgvig_ui.steps.train import check as checking


def add(server: Server) -> None:
    """Add the endpoints to the Blocks that is being built."""
    for endpoint in (rank, start, status, result, check, inspect, export):
        gr.api(bound(server, endpoint), api_name=endpoint.__name__)


# The docstrings below are the endpoints' documentation for programs, which give no `server`.


def rank(server: Server, photos: list[gr.FileData], object_name: str) -> str:
    """Begin a part: rank prompts for photos of good parts. Poll `status` until its state is done.

    Args:
        photos: 1 to 200 photos of good parts, as uploaded files.
        object_name: what the part is called, such as "metal nut".

    Returns:
        The part's id, which the other endpoints take.
    """
    from tgvig_core.photos.images import read_normals
    from tgvig_core.prompting.names import clean_name

    paths, name = _files(server, photos), clean_name(object_name)
    check_given(server, None, paths)
    read_normals(paths)
    part = server.store.new()  # only when all that was given can be used
    part.add_photos(paths)
    part.choose(object_name=name)
    server.submit(part, "rank")
    return part.id


def start(server: Server, part_id: str, images: int = 20, iterations: int = 5, seed: int = 0, prompt: str = "") -> str:
    """Generate good images for a ranked part, then train its detector.

    Args:
        part_id: from `rank`.
        images: images in a set, 1 to 1000.
        iterations: iterations, 1 to 1000.
        seed: the same seed gives the same images.
        prompt: your own prompt; empty takes the best ranked one.

    Returns:
        The part's id.
    """
    part = server.part(part_id)
    chosen = prompt.strip() or part.choices.prompt
    if not chosen:
        raise TgvigError("There is no prompt yet: rank prompts first, or give one.")
    begin(server, part, [chosen], Asked(images, iterations, seed), "complete", arm="tgvig", false_alarm=0.05)
    return part.id


def status(server: Server, part_id: str) -> dict:
    """Where a part's latest job stands.

    Args:
        part_id: from `rank`.

    Returns:
        kind, state (queued, running, stopping, done, stopped, failed), step, done, total, place in the queue, seconds,
        left, message, and iterating: whether it can end after the running iteration.
    """
    part = server.part(part_id)
    found = server.status(part)
    return vars(found) if found else {"state": "none"}


def result(server: Server, part_id: str) -> dict:
    """What is known of a part so far.

    Args:
        part_id: from `rank`.

    Returns:
        object, prompt, prompts (the first 20), similarity, best_iteration, threshold, false_alarm_estimate, lift,
        gate (which generated images were learned from; null where there were none), check (advice, detectability) once the
        detector was checked, images (photo, score, display, is_anomalous) once photos were inspected, and bundle (address
        on this server, bytes, sha256, formats, outdated: why it should be made again) once one was made.
    """
    part = server.part(part_id)
    choices, found, card, seen = part.choices, ranking(part), model_card(part), results(part)
    value: dict = {"object": choices.object_name, "prompt": choices.prompt}
    if found:
        value |= {"sense": found.sense, "prompts": [asdict(prompt) for prompt in found.prompts[:20]]}
    if choices.generation:
        value |= {"similarity": similarity(part, choices.generation), "best_iteration": choices.chosen_set}
    if card:
        facts = card.in_result()
        value |= {name: facts[name] for name in ("threshold", "false_alarm_estimate", "lift", "gate")}
    if checked := checking.check_of(part):
        value["check"] = checked
    if made := made_of(part):
        facts = {name: getattr(made, name) for name in ("bytes", "sha256", "formats", "outdated")}
        value["bundle"] = {"address": address_of(made.file), **facts}
    if seen:
        # not "path": gradio_client takes a dict that has one for a file and tries to download it
        rows = [
            {"photo": row.name, "score": row.score, "display": row.display, "is_anomalous": row.anomalous}
            for row in seen.rows
        ]
        value |= {"images": rows, **seen.figures}
    return value


def check(server: Server, part_id: str, thorough: bool = False) -> str:
    """Check a trained part's detector: which synthetic defects it misses, and what it should learn from. Poll `status`,
    then read `result`.

    Args:
        part_id: from `rank`.
        thorough: also try other generated sets and fewer images, which takes longer.

    Returns:
        The part's id.
    """
    checking.check(server, part_id, thorough)
    return part_id


def export(server: Server, part_id: str, formats: list[str] | None = None, with_normals: bool = False) -> str:
    """Put a trained part's detector into a bundle to take home. Poll `status`, then read `result` for its address.

    Args:
        part_id: from `rank`.
        formats: some of torch, onnx and openvino; left out, all that can be made here.
        with_normals: also put the good photos in.

    Returns:
        The part's id.
    """
    here = [name for name in taking_home.FORMATS.values() if not missing(name)]
    taking_home.make(server, part_id, formats or here, with_normals)
    return part_id


def inspect(server: Server, part_id: str, photos: list[gr.FileData]) -> str:
    """Score photos with a trained part's detector. Poll `status`, then read `result`.

    Args:
        part_id: from `rank`.
        photos: photos to inspect, as uploaded files.

    Returns:
        The part's id.
    """
    from tgvig_core.photos.images import read_photo

    part = server.part(part_id)
    number = part.choices.generation
    if number is None or not model_card(part):
        raise TgvigError("There is no detector yet: call `start` and wait until it is done.")
    if server.busy(part):  # its job may be reading the photos
        raise TgvigError(BUSY)
    if (part.folder / "tests" / "test" / "good").is_dir():
        raise TgvigError(
            "This part's photos to inspect are a folder with labels, which others cannot join: remove them in step 5 of "
            "the page, or begin another part with `rank`."
        )
    paths = _files(server, photos)
    check_given(server, part, paths, tests=True)
    for path in paths:
        read_photo(path)
    part.add_photos(paths, "tests/test")
    server.submit(part, "inspect", Inspect(number))
    return part.id


def _files(server: Server, photos: list) -> list[Path]:
    """Where the uploaded photos lie.

    Raises:
        TgvigError: a path of the server's own disk, which only a server for this machine's people may read; or no path.
    """
    try:
        paths = [Path(photo["path"] if isinstance(photo, dict) else photo).resolve() for photo in photos]
    except (KeyError, TypeError, ValueError) as error:
        raise TgvigError("This is no list of uploaded photos: upload them first.") from error
    uploads = upload_folder().resolve()
    if not server.local and not all(path.is_relative_to(uploads) for path in paths):
        raise TgvigError("Photos must be uploaded: paths on the server's disk are not read.")
    return paths
