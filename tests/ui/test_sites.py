"""Under which names the web app answers, what other sites' pages may ask, and what every answer tells a browser."""

from __future__ import annotations

from types import SimpleNamespace

import gradio as gr
import pytest
from gradio.routes import App
from made_generations import photo
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from tgvig_core.utils.errors import TgvigError
from tgvig_ui import launch
from tgvig_ui.parts.store import Store
from tgvig_ui.security.headers import outermost
from tgvig_ui.security.hosts import Sites, own_hosts
from tgvig_ui.security.requests import Guard, Rules
from tgvig_ui.security.visitors import Limits

pytestmark = pytest.mark.quick

IP = "http://192.0.2.1:7860"
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
FRAME = LINK | {"Sec-Fetch-Dest": "iframe"}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guarded")
    store = Store(folder / "parts")
    store.new().add_photos([photo(folder)])
    return store


@pytest.fixture(scope="module")
def client(store):
    """gradio's app behind all that stands before it, as a server that other machines reach."""
    gr.set_static_paths(store.root)
    with gr.Blocks() as page:
        gr.Image()
    page.max_file_size = None  # which launch sets
    rules = Rules(store, Sites(False, ("nuts.example.org",)), login=False, mcp=False, most_upload=200_000_000)
    kwargs = {"middleware": [Middleware(Guard, rules=rules)], "lifespan": outermost}
    with TestClient(App.create_app(page, app_kwargs=kwargs), base_url=IP, raise_server_exceptions=False) as client:
        yield client


def picture(store: Store) -> str:
    return f"/gradio_api/file={store.all()[0].photos()[0]}"


def admitted(sites: Sites, path: str = "/config", method: str = "GET", **headers: str) -> bool:
    given = {"host": "192.0.2.1:7860"} | {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        sites.admit(method, path, Headers(given))
    except HTTPException as refusal:
        assert refusal.status_code == 403 and refusal.detail.endswith(".")
        return False
    return True


@pytest.mark.parametrize(
    ("host", "right"),
    [
        ("192.168.1.5:7860", True), ("[fe80::1]:7860", True), ("localhost:7860", True), ("nuts.example.org", True),
        ("NUTS.example.org:80", True), ("x7.gradio.live", True), ("evil.example", False), ("", False),
        ("nuts.example.org.evil.example", False), ("gradio.live", False), ("evilgradio.live", False),
    ],
)  # fmt: skip
def test_a_server_for_others_answers_to_ip_addresses_and_its_own_names(host, right):
    assert admitted(Sites(False, ("nuts.example.org", ".gradio.live")), host=host) is right


def test_the_refusal_names_the_host_and_the_variable(client):
    refused = client.get("/config", headers={"Host": "evil.example"})
    assert refused.status_code == 403 and "“evil.example”" in refused.text and "TGVIG_HOSTS" in refused.text
    assert client.get("/config", headers={"Host": "nuts.example.org"}).status_code == 200


def test_names_come_from_the_environment_the_space_and_the_relay(monkeypatch):
    monkeypatch.setenv("TGVIG_HOSTS", " Nuts.example.org, tgvig,")
    monkeypatch.setenv("SPACE_HOST", "me-tgvig.hf.space,own.example")
    assert own_hosts(share=False, on_a_space=False) == ("nuts.example.org", "tgvig")
    assert own_hosts(share=False, on_a_space=True)[2:] == ("me-tgvig.hf.space", "own.example")
    assert own_hosts(share=True, on_a_space=False)[2:] == (".gradio.live",)
    monkeypatch.setenv("TGVIG_HOSTS", "http://nuts.example.org")
    with pytest.raises(TgvigError, match="TGVIG_HOSTS holds “http://nuts.example.org”"):
        own_hosts(share=False, on_a_space=False)


def test_each_way_to_start_has_its_rules(monkeypatch):
    monkeypatch.delenv("SPACE_ID", raising=False)

    def sites(local=False, login=False, limits=None):
        store = SimpleNamespace(user=(lambda: "anna") if login else None)
        return launch._sites(SimpleNamespace(store=store, local=local, limits=limits), ("tgvig",))

    assert sites(local=True) == Sites(True, ("tgvig",))
    assert sites() == Sites(False, ("tgvig",))
    assert sites(login=True) == Sites(False, None) == sites(login=True, limits=Limits())
    assert sites(limits=Limits()) == Sites(False, None, strangers=True)
    monkeypatch.setenv("SPACE_ID", "me/tgvig")
    assert sites() == Sites(False, ("tgvig",), framed=True)  # a private Space without limits


def test_another_sites_page_may_only_lead_a_person_to_the_page():
    sites, cross = Sites(False), {"sec_fetch_site": "cross-site"}
    link = {name.lower().replace("-", "_"): value for name, value in LINK.items()}
    assert admitted(sites, "/", **link)
    assert not admitted(sites, "/", **link | {"sec_fetch_dest": "iframe"})
    assert not admitted(sites, "/logout", **link) and not admitted(sites, "/", "POST", **link)
    assert not admitted(sites, **cross) and not admitted(sites, sec_fetch_site="same-site")
    assert admitted(sites) and admitted(sites, sec_fetch_site="same-origin") and admitted(sites, sec_fetch_site="none")
    space, strangers = Sites(False, framed=True), Sites(False, strangers=True, framed=True)
    assert admitted(space, "/", **link | {"sec_fetch_dest": "iframe"}) and not admitted(space, **cross)
    assert admitted(strangers, **cross) and admitted(strangers, "/", **link | {"sec_fetch_dest": "iframe"})


def test_where_a_browser_does_not_tell_the_site_the_origin_does():
    sites, join = Sites(False), ("/gradio_api/queue/join", "POST")
    assert not admitted(sites, *join, origin="http://evil.example") and not admitted(sites, *join, origin="null")
    assert not admitted(sites, *join, origin="http://192.0.2.1:8000")
    assert admitted(sites, *join, origin="http://192.0.2.1:7860")
    assert admitted(sites, *join, origin="https://nuts.example.org", x_forwarded_host="nuts.example.org")


@pytest.mark.parametrize("path", ["/gradio_api/token", "/gradio_api/user/", "/gradio_api/login_check"])
def test_nobody_is_told_a_token(client, path):
    assert client.get(path).status_code == 404


def test_every_answer_is_marked_and_shared_with_no_other_site(client, store):
    shared = {"Origin": IP}
    asked = [client.get("/config", headers=shared), client.get(picture(store), headers=shared)]
    asked += [client.get("/nowhere", headers=shared), client.get("/config", headers=shared | {"Host": "evil.example"})]
    asked += [client.post("/gradio_api/queue/join", content=b"x" * 4_000_001, headers=shared)]
    asked += [
        client.options("/config", headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "GET"})
    ]
    asked += [client.get("/config", headers={"Origin": "http://evil.example"})]
    assert [answer.status_code for answer in asked] == [200, 200, 404, 403, 413, 200, 403]
    for answer in asked:
        assert (
            answer.headers["x-content-type-options"] == "nosniff" and answer.headers["referrer-policy"] == "same-origin"
        )
        assert not {"access-control-allow-origin", "access-control-allow-credentials"} & set(answer.headers)


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,5-6", "bytes=1-2-3", "bytes=²-3", "bytes=-", f"bytes=0-{'9' * 5000}", "lines=1-2"]
)
def test_a_range_that_gradio_fails_at_brings_the_whole_picture(client, store, asked):
    whole = client.get(picture(store))
    answer = client.get(picture(store), headers={"Range": asked.encode()})
    assert answer.status_code == 200 and answer.content == whole.content


def test_a_part_of_a_picture_is_still_given(client, store):
    whole = client.get(picture(store)).content
    for asked, content in (
        ("0-4", whole[:5]),
        ("5-", whole[5:]),
        ("-5", whole[-5:]),
        ("9-3", None),
        ("99999999-", b""),
    ):
        answer = client.get(picture(store), headers={"Range": f"bytes={asked}"})
        assert answer.status_code < 500 and (content is None or answer.status_code == 416 or answer.content == content)


def test_a_form_with_a_field_that_is_no_file_is_refused(client):
    plain = {"note": (None, "x"), "files": ("a.png", b"x")}
    for path, form in (("/gradio_api/upload?upload_id=x", plain), ("/gradio_api/upload", {"files": (None, "x")})):
        answer = client.post(path, files=form)
        assert answer.status_code == 400 and "no file" in answer.text
    assert client.post("/gradio_api/upload?upload_id=y", files={"files": ("a.png", b"x")}).status_code == 200


def test_what_is_too_large_is_told_by_its_kind(client):
    call = client.post("/gradio_api/queue/join", headers={"Content-Length": "4000001"})
    upload = client.post("/gradio_api/upload", headers={"Content-Length": "201000001"})
    assert call.status_code == upload.status_code == 413
    assert "call is over the limit of 4 MB" in call.text and "photos at once" not in call.text
    assert "over the limit of 200 MB: send fewer photos at once" in upload.text
