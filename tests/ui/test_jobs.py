"""What the jobs of the page use and leave, with the models' part played by hand: sets in use, left-out images, notes."""

from types import SimpleNamespace

import pytest
import torch
from made_generations import Held, add_set, generation
from made_parts import photo_files
from small import tiny_vqgan

from tgvig_core.packs import registry
from tgvig_core.runs import estimates
from tgvig_core.runs.settings import RunSettings
from tgvig_core.runs.steps import fit
from tgvig_core.runs.steps import generate as generating
from tgvig_core.runs.steps import photos as photo_steps
from tgvig_core.runs.work import Work
from tgvig_core.storage.run_folder import Run
from tgvig_core.utils.errors import Stopped, TgvigError
from tgvig_ui.jobs.job import Watch
from tgvig_ui.jobs.rank_prompts import measure_speed
from tgvig_ui.jobs.tasks import Jobs
from tgvig_ui.steps.generate.events import use
from tgvig_ui.steps.train import view as training

pytestmark = pytest.mark.quick

GENERATED, COPIES, PHOTOS = training.ARMS


CARD = SimpleNamespace(rejected=())


class Models:
    """A Service whose runs have no models; `trained` collects what a detector was asked for."""

    def __init__(self) -> None:
        self.trained: list[tuple] = []
        self.options = SimpleNamespace(models_dir=None)

    def encoder(self) -> None:
        """Loaded already."""

    def pack(self) -> tuple:
        return registry.PACKS["embedded"], "asked for"

    def device(self) -> str:
        return "cpu"

    def open_run(self, part, number, watch, backbone="", **changes) -> Work:
        run = generation_of(part, number)
        normals = SimpleNamespace(photos=part.photos(), tensor=lambda size: torch.zeros(1, 3, 8, 8))
        settings = RunSettings(tuple(map(str, part.photos())), "nut", "", prompt="a nut")
        return Work(settings, run, None, "cpu", normals, watch.ctx, watch.finish)


def generation_of(part, number):
    return Run.open(part.generation(number))[0]


@pytest.fixture
def held(tmp_path):
    made = Held(tmp_path, Models())
    yield made
    made.close()


@pytest.fixture
def part(held):
    """Set 2 of one generation is in use, and its first image is left out."""
    made = held.part(generation=1, chosen_set=2, left_out=(0,))
    generation(made, 1, [0.2, 0.4, 0.3])
    return made


@pytest.fixture
def jobs(held, monkeypatch):
    made = Jobs(held.server.service)

    def train(work, normals, best, learned) -> tuple:
        made.service.trained.append((work.run.folder.name, best, str(learned), learned.excluded))
        return None, CARD

    monkeypatch.setattr(fit, "train", train)
    monkeypatch.setattr(made, "_compare", lambda *given: None)
    monkeypatch.setattr(fit, "pool_of", lambda *given: SimpleNamespace(images=[]))
    return made


def going_on(monkeypatch, *curve: float, meanwhile=lambda: None, error: Exception | None = None) -> None:
    """Generating adds sets of these similarities; then a person does something, or it ends with an error."""

    def generate_sets(work, prompt) -> None:
        for similarity in curve:
            add_set(work.run, similarity)
        meanwhile()
        if error:
            raise error

    monkeypatch.setattr(generating, "generate_sets", generate_sets)


def generate(jobs, part, watch: Watch | None = None) -> None:
    jobs.generate(part.folder, {"generations": [1]}, watch or Watch())


def test_images_left_out_of_a_set_are_none_of_a_better_one(jobs, part, monkeypatch):
    going_on(monkeypatch, 0.35, 0.5)
    generate(jobs, part)
    assert (part.choices.chosen_set, part.choices.left_out) == (5, ())


def test_images_stay_left_out_of_a_set_that_stays_the_best(jobs, part, monkeypatch):
    going_on(monkeypatch, 0.35, error=Stopped())
    with pytest.raises(Stopped):
        generate(jobs, part)
    assert (part.choices.chosen_set, part.choices.left_out) == (2, (0,))


def test_a_set_chosen_by_hand_during_the_run_stays_chosen(held, jobs, part, monkeypatch):
    going_on(monkeypatch, 0.5, meanwhile=lambda: use(held.server, part.id, 3))
    generate(jobs, part)
    assert part.choices.chosen_set == 3
    going_on(monkeypatch, 0.9)  # and through another Continue
    generate(jobs, part)
    assert part.choices.chosen_set == 3


def test_an_early_end_is_told_once_it_has_come_and_only_if_it_was_early(jobs, part, monkeypatch):
    generation(part, 2, wanted=9)
    for wanted, said in ((1, []), (2, ["Ended after an iteration, as you asked."])):
        watch = Watch()
        going_on(monkeypatch, 0.5, meanwhile=watch.finish.set)
        jobs.generate(part.folder, {"generations": [wanted]}, watch)
        assert watch.notes == said and not watch.plan and not watch.iterating


@pytest.mark.parametrize("kind", ["generate", "complete"])
def test_it_can_be_finished_while_it_makes_iterations_and_not_while_it_trains(jobs, part, monkeypatch, kind):
    watch, seen = Watch(), []
    going_on(monkeypatch, 0.5, meanwhile=lambda: seen.append(watch.iterating))
    monkeypatch.setattr(fit, "train", lambda *given: (None, seen.append(watch.iterating) or CARD))
    asked = {"generations": [1], "generation": 1, "arm": "tgvig", "false_alarm": 0.05}
    jobs.work[kind](part.folder, asked, watch)
    assert seen == ([True] if kind == "generate" else [True, False])


def test_training_takes_the_images_as_they_were_when_it_was_asked_for(held, jobs, part):
    training.train(held.server, part.id, GENERATED, "PatchCore", 5, "")
    asked = held.queued(part)
    assert (asked["generation"], asked["set"], asked["left_out"]) == (1, 2, [0])
    part.choose(generation=7, chosen_set=None, left_out=(5,))  # while it waits in the queue
    jobs.train(part.folder, asked, Watch())
    assert jobs.service.trained == [("1", 2, "tgvig", (0,))]


@pytest.mark.parametrize("kind", ["generate", "train", "complete"])
def test_the_photos_are_compared_before_anything_is_learned_from_them(jobs, part, tmp_path, monkeypatch, kind):
    order, learn = [], lambda *given: order.append("learned") or (None, CARD)
    monkeypatch.setattr(fit, "train", learn)
    monkeypatch.setattr(generating, "generate_sets", learn)
    monkeypatch.setattr(
        photo_steps, "outliers", lambda folder, backbone, normals, *rest: order.append(len(normals.photos))
    )
    asked = {"generations": [1], "generation": 1, "set": 2, "arm": "tgvig", "false_alarm": 0.05, "left_out": []}
    jobs.work[kind](part.folder, asked, Watch())
    assert order and set(order) == {"learned"}  # of fewer than three photos none can be odd
    order.clear()
    part.add_photos(photo_files(tmp_path / "more", 11, 12, 13))
    jobs.work[kind](part.folder, asked, Watch())
    assert order[:2] == [len(part.photos()), "learned"]


def test_a_program_trains_with_its_own_generation_whatever_the_page_shows_meanwhile(jobs, part, monkeypatch):
    generation(part, 2)
    going_on(monkeypatch, 0.5, 0.6, meanwhile=lambda: part.choose(generation=9, chosen_set=None, left_out=(1,)))
    asked = {"generations": [2], "generation": 2, "arm": "tgvig", "false_alarm": 0.05}
    jobs.complete(part.folder, asked, Watch())
    assert jobs.service.trained == [("2", 2, "tgvig", ())] and part.choices.generation == 9


def test_a_ranking_stands_where_the_generator_cannot_be_measured(jobs, monkeypatch):
    def absent(*given):
        raise TgvigError("The file is not here: bring it.")

    monkeypatch.setattr(estimates, "known_speed", lambda *given: None)
    monkeypatch.setattr(registry, "load_generator", absent)
    watch = Watch()
    measure_speed(jobs.service, watch)
    assert watch.notes == ["No images can be generated yet. The file is not here: bring it."]


def test_the_device_is_measured_once(jobs, monkeypatch, tmp_path):
    monkeypatch.setenv("TGVIG_CACHE", str(tmp_path))
    monkeypatch.setattr(estimates, "SIZE", 64)
    monkeypatch.setattr(registry, "load_generator", lambda *given: tiny_vqgan())
    measure_speed(jobs.service, Watch())
    speed = estimates.known_speed("embedded", "cpu")
    assert min(speed.step, speed.view, speed.image, speed.gigabytes) > 0
    monkeypatch.setattr(registry, "load_generator", None)
    measure_speed(jobs.service, Watch())
