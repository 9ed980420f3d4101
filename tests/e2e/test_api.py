"""The named endpoints as a program meets them: gradio_client and MCP against the running app, with real photos."""

import asyncio
import threading
import time

import gradio as gr
import pytest
from browser import running
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from photos import category, normals

from tests.robustness.asking import Asker
from tgvig_ui import api
from tgvig_ui.jobs.service import Options
from tgvig_ui.launch import make

ENDPOINTS = ["check", "export", "inspect", "rank", "result", "start", "status"]
PATIENCE = 1200


def files(paths) -> list:
    return [handle_file(str(path)) for path in paths]


def until_done(client: Client, id: str, kind: str) -> dict:
    """Poll as a program would."""
    deadline = time.monotonic() + PATIENCE
    while True:
        status = client.predict(id, api_name="/status")
        assert status["kind"] == kind and status["state"] in ("queued", "running", "done"), status
        if status["state"] == "done":
            return status
        assert time.monotonic() < deadline, status
        time.sleep(0.2)


@pytest.fixture(scope="module")
def client(app) -> Client:
    return Client(app.url, verbose=False)


@pytest.fixture(scope="module")
def part(client) -> str:
    id = client.predict(files(normals("bottle", 2)), "bottle", api_name="/rank")
    until_done(client, id, "rank")
    return id


@pytest.fixture(scope="module")
def trained(client, part) -> dict:
    assert client.predict(part, 2, 1, 7, api_name="/start") == part
    until_done(client, part, "complete")
    return client.predict(part, api_name="/result")


def test_exactly_the_seven_endpoints_are_offered_with_types_and_words(client):
    offered = client.view_api(return_format="dict", print_info=False)
    assert sorted(offered["named_endpoints"]) == [f"/{name}" for name in ENDPOINTS]
    assert offered["unnamed_endpoints"] == {}
    types = {
        name: {entry["parameter_name"]: entry["python_type"]["type"] for entry in about["parameters"]}
        for name, about in offered["named_endpoints"].items()
    }
    assert types["/rank"] == {"photos": "list[filepath]", "object_name": "str"}
    assert types["/inspect"] == {"part_id": "str", "photos": "list[filepath]"}
    assert types["/start"] == {"part_id": "str", "images": "int", "iterations": "int", "seed": "int", "prompt": "str"}
    assert types["/check"] == {"part_id": "str", "thorough": "bool"}
    assert types["/status"] == types["/result"] == {"part_id": "str"}
    for about in offered["named_endpoints"].values():
        assert about["description"].endswith(".")
        assert about["returns"][0]["python_type"]["type"] != "Any"


def test_ranking_names_the_part_and_its_prompts(client, part):
    found = client.predict(part, api_name="/result")
    assert found["object"] == "bottle" and found["sense"].startswith("bottle.n.")
    scores = [prompt["score"] for prompt in found["prompts"]]
    assert 5 < len(scores) <= 20 and scores == sorted(scores, reverse=True)
    assert found["prompt"].startswith("a bottle with ") and "threshold" not in found


def test_one_call_generates_and_trains(trained):
    assert len(trained["similarity"]) == 1 == trained["best_iteration"]
    assert trained["threshold"] > 0 and trained["false_alarm_estimate"]["threshold"] == trained["threshold"]
    assert [row["image"] for row in trained["gate"]["images"]] == [0, 1]  # a set of two
    assert "words" in trained["lift"] and "images" not in trained


def test_photos_are_inspected_and_the_broken_bottle_scores_highest(client, part, trained):
    good, broken = (sorted((category("bottle") / "test" / kind).iterdir())[0] for kind in ("good", "broken_large"))
    assert client.predict(part, files([good, broken]), api_name="/inspect") == part
    until_done(client, part, "inspect")
    worst, best = client.predict(part, api_name="/result")["images"]
    assert worst["score"] > best["score"] and worst["is_anomalous"] is True
    assert worst["photo"] == f"0001_{broken.name}" and best["photo"] == f"0000_{good.name}"


@pytest.mark.parametrize(
    ("endpoint", "given", "words"),
    [
        ("/status", ("0" * 12,), "not here"),
        ("/result", ("../../etc",), "no photos yet"),
        ("/start", ("0" * 12,), "not here"),
        ("/inspect", ("0" * 12, []), "not here"),
        ("/check", ("0" * 12,), "not here"),
        ("/export", ("0" * 12,), "not here"),
        ("/rank", ([], "bottle"), "photo"),
    ],
)
def test_a_wrong_call_is_answered_with_one_sentence(client, endpoint, given, words):
    with pytest.raises(AppError, match=words) as refused:
        client.predict(*given, api_name=endpoint)
    assert "Traceback" not in str(refused.value)


def test_a_text_file_is_refused_by_name(client, tmp_path):
    file = tmp_path / "photo.png"
    file.write_text("no picture")
    with pytest.raises(AppError, match="photo.png"):
        client.predict(files([file]), "bottle", api_name="/rank")


@pytest.mark.parametrize("given", ["string", "file"])
def test_a_server_for_others_reads_no_paths_of_its_own_disk(tmp_path, given):
    """Whoever may call the endpoints of a server on a network must not see pictures that lie on it."""
    photo = str(normals("bottle", 1)[0])
    server = make(tmp_path / "parts", Options("embedded"), local=False)
    with gr.Blocks() as page:
        api.add(server)
    rank = next(fn.fn for fn in page.fns.values() if fn.api_name == "rank")
    with pytest.raises(gr.Error, match="must be uploaded"):
        rank([photo if given == "string" else {"path": photo}], "bottle")
    assert list(server.store.root.iterdir()) == []
    server.executor.close()


async def tools(url: str) -> tuple[dict, str]:
    """The MCP tools that a server lists, by name, and what one of them says of a part that there is not."""
    async with streamable_http_client(url) as (read, write, _), ClientSession(read, write) as session:
        await session.initialize()
        found = {tool.name: tool for tool in (await session.list_tools()).tools}
        said = await session.call_tool("status", {"part_id": "0" * 32})
        return found, said.content[0].text


def in_a_thread(coroutine) -> tuple[dict, str]:
    """The browser's own event loop runs in this thread already when test_app.py came first."""
    answer: list = []
    thread = threading.Thread(target=lambda: answer.append(asyncio.run(coroutine)))
    thread.start()
    thread.join(PATIENCE)
    assert answer, "the MCP server did not answer"
    return answer[0]


@pytest.mark.parametrize("options", [(), ("--host", "0.0.0.0")])
def test_the_same_six_are_offered_as_mcp_tools(tmp_path, options):
    with running(tmp_path, "--mcp", *options) as app:
        found, said = in_a_thread(tools(f"{app.url}/gradio_api/mcp/"))
        evil = Asker(app.url).post("/gradio_api/mcp/", {"method": "tools/list"}, Host="evil.example")
    assert evil.status == 403 and "not here" in said
    assert sorted(found) == ENDPOINTS
    for tool in found.values():
        assert tool.description
        assert all(entry["description"] for entry in tool.inputSchema["properties"].values())
    assert found["rank"].inputSchema["required"] == ["photos", "object_name"]
