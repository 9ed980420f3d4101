"""A server for strangers: what a visitor may ask for, what each refusal says, and that nobody sees the others' parts."""

from types import SimpleNamespace

import gradio as gr
import pytest
from gradio.context import LocalContext
from made_generations import Held
from made_parts import inspected, photo_files, server_of
from made_visitors import Asking
from PIL import Image
from served import soon

from tgvig_core.utils.errors import TgvigError
from tgvig_ui import api, launch
from tgvig_ui.jobs.begin_generations import Asked, begin
from tgvig_ui.jobs.queue import Executor
from tgvig_ui.jobs.server import Server
from tgvig_ui.jobs.service import Options, Service
from tgvig_ui.page.recent_parts import known_by
from tgvig_ui.parts.store import Store
from tgvig_ui.security import visitors
from tgvig_ui.security.visitors import AT_HOME, Limits
from tgvig_ui.steps.generate import layout as generating_layout
from tgvig_ui.steps.inspect import events as inspecting_events
from tgvig_ui.steps.photos import events as normals_events
from tgvig_ui.steps.train import bundle as taking_home
from tgvig_ui.steps.train import check as checking
from tgvig_ui.steps.train import view as training

pytestmark = pytest.mark.quick

LIMITS = Limits(photos=3, tests=2, megapixels=1, images=4, iterations=6, waiting=3, each=2)


def opened(server: Server) -> Server:
    return Server(server.store, server.service, server.executor, server.samples, False, LIMITS)


@pytest.fixture
def server(tmp_path):
    return opened(server_of(tmp_path))


@pytest.fixture
def held(tmp_path):
    made = Held(tmp_path, Service(Options("embedded", device="cpu")))
    made.server = opened(made.server)
    yield made
    made.close()


def refused(match: str):
    return pytest.raises(TgvigError, match=f"{match}.*make app")


def uploads(files) -> list[dict]:
    return [{"path": str(file)} for file in files]


def test_a_photo_too_many_is_refused_with_the_limit_and_none_is_added(server, tmp_path):
    files = photo_files(tmp_path / "given", 1, 2, 3, 4)
    with refused("4 photos are more than the 3 of good parts"):
        normals_events.add(server, "", files)
    assert server.store.all() == []
    id, _ = normals_events.add(server, "", files[:3])
    with refused("4 photos are more than the 3"):
        normals_events.add(server, id, files[3:])
    assert len(server.part(id).photos()) == 3


def test_photos_to_inspect_have_a_limit_of_their_own(server, tmp_path):
    part = server.store.new()
    inspecting_events.add(server, part.id, photo_files(tmp_path / "given", 1, 2))
    with refused("3 photos are more than the 2 to inspect"):
        inspecting_events.add(server, part.id, photo_files(tmp_path / "given", 3))
    assert len(part.tests()) == 2


def test_a_photo_too_large_is_told_from_its_header(server, tmp_path):
    Image.new("L", (1000, 1001)).save(tmp_path / "large.png")
    with refused(r"large\.png has 1\.0 megapixels, over this server's limit of 1"):
        normals_events.add(server, "", [tmp_path / "large.png"])
    (tmp_path / "none.png").write_text("no photo")  # whoever reads it says what it is
    with pytest.raises(TgvigError, match="not a photo"):
        normals_events.add(server, "", [tmp_path / "none.png"])


def test_a_program_meets_the_same_limits(held, tmp_path, monkeypatch):
    monkeypatch.setattr(api, "upload_folder", lambda: tmp_path / "given")
    files = photo_files(tmp_path / "given", 1, 2, 3, 4)
    with refused("4 photos are more than the 3"):
        api.rank(held.server, uploads(files), "nut")
    id = api.rank(held.server, uploads(files[:3]), "nut")
    held.go.set()
    soon(lambda: not held.server.busy(held.server.part(id)), what="the end of the ranking")
    held.server.part(id).choose(prompt="a nut")
    with refused("5 images in a set are more than the 4"):
        api.start(held.server, id, 5, 1)
    with refused(r"7 iterations \(in one go\) are more than the 6"):
        api.start(held.server, id, 4, 7)
    assert held.server.part(id).generations() == []
    assert api.start(held.server, id, 4, 6) == id


def test_iterations_count_for_all_prompts_that_are_compared(held):
    part = held.part()
    with refused(r"8 iterations \(4 for each of 2 prompts\) are more than the 6"):
        begin(held.server, part, ["a nut", "a bolt"], Asked(2, 4), "generate")
    assert part.generations() == []
    begin(held.server, part, ["a nut", "a bolt"], Asked(2, 3), "generate")
    assert part.generations() == [1, 2]


def test_no_other_models_are_fetched_for_a_visitor(held):
    part = held.part()
    with refused("“strong” are not fetched"):
        begin(held.server, part, ["a nut"], Asked(2, 1, pack="strong"), "generate")
    with refused("“paper” are not fetched"):
        training.train(held.server, part.id, next(iter(training.ARMS)), next(iter(training.DETECTORS)), 5, "paper")
    assert part.generations() == []


def test_a_part_that_takes_too_much_of_the_disk_begins_nothing_more(held, tmp_path):
    part = held.part()
    with (part.folder / "sets.bin").open("wb") as file:
        file.truncate(401_000_000)
    with refused("401 MB, more than the 400"):
        begin(held.server, part, ["a nut"], Asked(2, 1), "generate")
    with refused("401 MB"):
        normals_events.add(held.server, part.id, photo_files(tmp_path / "given", 1))


@pytest.fixture
def executor(tmp_path):
    stops = SimpleNamespace(wait=lambda folder, arguments, watch: watch.stop.wait(600))
    made = Executor({"wait": stops.wait}, LIMITS)
    yield made
    made.close()


def test_a_visitor_has_two_jobs_at_most_and_the_server_three(executor, tmp_path):
    store = Store(tmp_path / "parts")
    parts = [store.new() for _ in range(5)]
    for part in parts[:2]:
        executor.submit(part.folder, "wait", visitor="me")
    with refused("2 of your jobs wait or run"):
        executor.submit(parts[2].folder, "wait", visitor="me")
    executor.submit(parts[2].folder, "wait", visitor="you")
    with refused("3 jobs wait or run here"):
        executor.submit(parts[3].folder, "wait", visitor="you")
    assert executor.status(parts[3].folder) is None and not (parts[3].folder / "job.json").exists()
    executor.stop(parts[1].folder)  # it waits, and leaves the queue
    executor.submit(parts[3].folder, "wait", visitor="me")


def test_jobs_of_a_former_server_are_taken_up_however_many(tmp_path):
    store = Store(tmp_path / "parts")
    done: list = []
    for _ in range(4):
        (store.new().folder / "job.json").write_text(
            '{"kind": "note", "arguments": {}, "state": "queued", "message": ""}'
        )
    made = Executor({"note": lambda folder, arguments, watch: done.append(folder)}, LIMITS)
    assert made.recover(store) == 4
    soon(lambda: len(done) == 4, what="the end of the four jobs")
    made.close()


@pytest.fixture
def asking():
    tokens = []
    yield lambda request: tokens.append(LocalContext.request.set(request))
    for token in reversed(tokens):
        LocalContext.request.reset(token)


def test_a_visitor_is_the_address_that_a_spaces_proxy_names_and_elsewhere_the_connection(asking, monkeypatch):
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert visitors.visitor() == ""
    asking(Asking("10.0.0.7", x_forwarded_for="203.0.113.9, 10.1.1.1"))
    assert visitors.visitor() == "10.0.0.7"  # a header that anybody may send
    monkeypatch.setenv("SPACE_ID", "me/tgvig")
    assert visitors.visitor() == "203.0.113.9"
    asking(Asking("10.0.0.7"))
    assert visitors.visitor() == "10.0.0.7"


def test_a_job_is_its_visitors(held, asking):
    asking(Asking("192.0.2.1"))
    part = held.part()
    held.server.submit(part, "rank")
    assert held.server.executor._jobs[part.folder].visitor == "192.0.2.1"
    assert "192.0.2.1" not in (part.folder / "job.json").read_text()


def test_the_menu_offers_this_browsers_parts_only(server, tmp_path):
    files = photo_files(tmp_path / "given", 1)
    mine, other, third = (server.store.new() for _ in range(3))
    for part, name in ((mine, "nut"), (other, "secret"), (third, "bolt")):
        part.add_photos(files)
        part.choose(object_name=name)
    id, known, menu, gone = known_by(server, [mine.id], third.id)
    assert (id, known, gone) == (third.id, [mine.id, third.id], "")
    assert [value for _, value in menu.choices] == [third.id, mine.id] and "secret" not in str(menu.choices)
    local = Server(server.store, server.service, server.executor, server.samples, True)
    assert len(known_by(local, [], third.id)[2].choices) == 3


def test_the_sliders_end_where_the_limits_do_and_no_models_are_offered():
    with gr.Blocks():
        step, plain = generating_layout.build(LIMITS), generating_layout.build()
        assert (step.images.maximum, step.iterations.maximum, step.pack.visible) == (4, 6, False)
        assert step.images.value == 4
        assert (plain.images.maximum, plain.iterations.maximum, plain.pack.visible) == (100, 50, True)


def test_the_lines_of_the_page_name_the_limits_that_hold():
    limits = Limits()
    for number in (limits.photos, limits.megapixels, limits.megabytes, limits.hours):
        assert f" {number:g} " in limits.photos_line
    assert f" {limits.images} images" in limits.sets_line and f" {limits.iterations} iterations" in limits.sets_line
    assert f" {limits.tests} photos" in limits.tests_line
    assert AT_HOME.count("make app") == 1


@pytest.mark.parametrize(
    ("public_", "hours", "expected"), [(False, None, None), (True, None, 24), (True, 2.0, 2.0), (False, 2.0, None)]
)
def test_limits_are_those_of_a_public_server(public_, hours, expected):
    limits = launch._limits(public_, hours)
    assert (limits.hours if limits else None) == expected


def test_no_hours_are_no_time():
    with pytest.raises(TgvigError, match="--expire-hours above 0"):
        launch._limits(True, 0)


def test_a_space_keeps_its_parts_on_its_lasting_disk_where_it_has_one(tmp_path, monkeypatch):
    monkeypatch.setenv("TGVIG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(launch, "SPACE_DISK", tmp_path / "data")
    monkeypatch.setenv("SPACE_ID", "me/tgvig")
    assert launch.default_runs() == tmp_path / "cache" / "parts"
    (tmp_path / "data").mkdir()
    assert launch.default_runs() == tmp_path / "data" / "tgvig" / "parts"
    monkeypatch.delenv("SPACE_ID")
    assert launch.default_runs() == tmp_path / "cache" / "parts"


@pytest.mark.parametrize("hours", [0.05, -1, float("nan")])
def test_hours_too_few_for_a_look_to_be_noted_are_refused(hours):
    with pytest.raises(TgvigError, match="hours are too few.*noted once a minute"):
        launch._limits(False, hours)
    assert launch._limits(True, 0.1).hours == 0.1


@pytest.mark.parametrize("kind", ["rank", "train", "check", "inspect", "export"])
def test_no_job_begins_for_a_part_that_takes_too_much_of_the_disk(held, kind):
    part = held.part()
    with (part.folder / "sets.bin").open("wb") as file:
        file.truncate(401_000_000)
    with refused("401 MB, more than the 400"):
        held.server.submit(part, kind)
    assert held.server.status(part) is None
    Server(held.server.store, None, held.server.executor, held.server.samples, True).submit(part, kind)
    assert held.server.status(part).kind == kind  # nobody's own server limits it


def test_the_long_check_is_not_for_visitors(held):
    part = held.part(generation=1)
    inspected(part, [0.5])
    with refused("fewer images are not tried for visitors"):
        checking.check(held.server, part.id, True)
    with refused("fewer images are not tried for visitors"):
        api.check(held.server, part.id, thorough=True)
    assert held.server.status(part) is None
    checking.check(held.server, part.id, False)
    assert held.server.status(part).kind == "check"
    with gr.Blocks():
        assert (checking.build(LIMITS).thorough.visible, checking.build().thorough.visible) == (False, True)


def test_a_visitor_is_not_told_to_install_a_format(monkeypatch):
    monkeypatch.setattr(taking_home, "missing", lambda name: ["openvino"] if name == "openvino" else [])
    (sentence,) = taking_home.lacking(public=True)
    assert sentence == "OpenVINO is not available here. `make app` on your own computer has it."
    with gr.Blocks() as page:
        taking_home.build(LIMITS)
    (shown,) = [block.value for block in page.blocks.values() if block.elem_id == "bundle-lacking"]
    assert "own computer" in shown and "pip" not in shown
