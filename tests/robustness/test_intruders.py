"""A part of `make torture`'s section intruders: strangers at the running app in its four modes, and at the HTTP API."""

from __future__ import annotations

import pytest
from browser import App, running
from gradio.context import LocalContext
from made_generations import photo
from made_visitors import Asking

from tests.robustness import doorbell, senders, strangers
from tests.robustness.asking import Asker
from tgvig_core.utils.errors import TgvigError
from tgvig_ui import launch
from tgvig_ui.jobs.server import Server
from tgvig_ui.page.recent_parts import known_by
from tgvig_ui.parts.store import Store
from tgvig_ui.security.visitors import user

SHARE = 20
"""Of the many trials that are alike, every twentieth."""


@pytest.mark.parametrize("mode", strangers.MODES)
def test_strangers_get_nothing_of_the_app(mode, tmp_path):
    with running(tmp_path, *strangers.MODES[mode]) as app:
        found = strangers.scene(mode, app.url, app.runs)
        seen = [*strangers.rows(found, SHARE), *senders.rows(found, SHARE)]
        assert len(seen) == {"--public": 9, "--auth": 11}.get(mode, 10)
        assert [(row.what, row.figure) for row in seen if not row.held] == []
        assert "first-word" not in app.log.read_text()


def test_strangers_get_nothing_of_the_http_api():
    assert [(row.what, row.figure) for row in doorbell.rows() if not row.held] == []


@pytest.fixture
def as_user():
    tokens = []

    def ask(name: str | None) -> None:
        asking = Asking("192.0.2.1")
        asking.username = name
        tokens.append(LocalContext.request.set(asking))

    yield ask
    for token in reversed(tokens):
        LocalContext.request.reset(token)


def test_who_has_logged_in_sees_their_own_parts_and_those_from_before(as_user, tmp_path):
    before = Store(tmp_path / "parts").new()
    store = Store(tmp_path / "parts", user=user)
    as_user("anna")
    annas = store.new()
    as_user("ben")
    bens = store.new()
    for part in (before, annas, bens):
        part.add_photos([photo(tmp_path)])
        part.choose(object_name="nut")  # writes the choices anew, the owner stays
    assert {part.id for part in store.recent()} == {before.id, bens.id}
    assert store.part(annas.id) is None and store.gone(annas.id) == store.gone("0" * 32) != ""
    server = Server(store, None, None, tmp_path, local=False)
    with pytest.raises(TgvigError, match="not here"):
        server.part(annas.id)
    id, known, menu, said = known_by(server, [annas.id], annas.id)
    assert id == "" and annas.id not in [value for _, value in menu.choices] and "not here" in said
    as_user("anna")
    assert store.part(annas.id) == annas and {part.id for part in store.recent()} == {before.id, annas.id}
    as_user(None)
    assert store.part(annas.id) is None and store.part(before.id) == before
    assert len(store.all()) == 3  # what removes old parts sees all


def test_a_server_of_one_person_shows_whatever_was_begun_with_a_login(as_user, tmp_path):
    as_user("anna")
    part = Store(tmp_path / "parts", user=user).new()
    as_user(None)
    assert Store(tmp_path / "parts").part(part.id) == part


@pytest.mark.parametrize(
    ("given", "words"),
    [(["me"], "USER:PASSWORD"), (["me:"], "USER:PASSWORD"), ([":word"], "USER:PASSWORD"), (["me:a", "me:b"], "twice")],
)
def test_users_without_a_password_or_twice_are_refused(given, words):
    with pytest.raises(TgvigError, match=words):
        launch._users(given)
    assert launch._users(["anna:a:b", " ben :c"]) == [("anna", "a:b"), ("ben", "c")]


def test_ids_come_from_the_systems_randomness_and_have_128_bits(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("secrets.token_hex", lambda count: asked.append(count) or "ab" * count)
    part = Store(tmp_path).new()
    assert part.id == "ab" * 16 and asked[0] == 16


def test_a_name_that_leads_to_this_machine_is_refused_where_one_person_uses_it(tmp_path):
    with running(tmp_path) as app:
        assert Asker(app.url).get("/config", Host="localhost:7860").status == 200
        refused = Asker(app.url).get("/config", Host="evil.example")
        assert refused.status == 403 and "--host" in refused.text
        assert called_from_elsewhere(app) == 403


def called_from_elsewhere(app: App) -> int:
    """A form without a type, which browsers send to any site without asking first."""
    return (
        Asker(app.url)
        .post("/gradio_api/call/rank", b'{"data": [["/etc/passwd"], "nut"]}', Sec_Fetch_Site="cross-site")
        .status
    )
