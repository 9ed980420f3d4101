"""The HTTP API's answers: JSON, heatmaps, states, description; worked out by hand for an inspector that scores by colour."""

from __future__ import annotations

import hashlib
import io
import json
import re

import httpx
import jsonschema
import numpy as np
import pytest
from photos import noise
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families
from served import ABOUT, Server, bundle, plate, png, post, serving, soon, spotted

from tgvig_core.inspection.inspector import heatmap
from tgvig_core.utils.errors import TgvigError
from tgvig_serve.app import build, wants_picture
from tgvig_serve.docs_page import page
from tgvig_serve.settings import Settings

pytestmark = pytest.mark.quick


@pytest.fixture(scope="module")
def server():
    with serving() as running:
        yield running


def counted(server: Server) -> dict[tuple, float]:
    """The metrics' values by name and labels."""
    families = text_string_to_metric_families(server.get("/metrics").text)
    return {(sample.name, *sorted(sample.labels.values())): sample.value for one in families for sample in one.samples}


def test_a_photo_gets_score_verdict_and_regions(server):
    content = spotted()
    answer = server.post(content)
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    found = answer.json()
    # The frame is 64 × 64: each of its columns is the mean of two of the photo's, apart from bicubic ringing at edges.
    assert found["score"] == pytest.approx(140, abs=0.5)
    assert found["display"] == pytest.approx(140**2 / (140**2 + 100**2), abs=0.003)
    assert (found["threshold"], found["is_anomalous"], found["verdict"]) == (100, True, "anomalous")
    assert (found["width"], found["height"], found["object"]) == (128, 64, "grey plate")
    assert found["sha256"] == hashlib.sha256(content).hexdigest()
    assert found["seconds"] > 0
    (region,) = found["regions"]
    box = [region[side] for side in ("x", "y", "width", "height")]
    assert np.abs(np.subtract(box, [32, 16, 64, 32])).max() <= 2
    assert abs(region["area"] - 64 * 32) < 100 and 200 <= region["peak"] < 215
    assert 32 <= region["peak_at"][0] < 96 and 16 <= region["peak_at"][1] < 48


def test_a_good_photo_has_no_regions(server):
    found = server.post(plate(40)).json()
    assert (found["score"], found["verdict"], found["is_anomalous"], found["regions"]) == (40, "good", False, [])


def test_a_form_gives_the_same_answer(server):
    content = spotted()
    raw = server.post(content).json()
    form = post(f"{server.url}/inspect", files={"photo": ("part.png", content, "image/png")}).json()
    assert {**raw, "seconds": 0} == {**form, "seconds": 0}


def test_the_heatmap_has_the_photos_size_and_the_facts_in_its_headers(server):
    content = spotted()
    facts = server.post(content).json()
    answer = server.post(content, accept="image/png")
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png"
    own = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    square = np.asarray(Image.fromarray(own).resize((64, 64), Image.Resampling.BICUBIC))
    expected = heatmap(own, square[..., 0].astype(np.float32), 150)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(answer.content))), expected)
    shown = {name: json.loads(answer.headers[f"x-{name.replace('_', '-')}"])
             for name in ("score", "display", "threshold", "is_anomalous", "regions", "width", "height")}  # fmt: skip
    assert shown == {name: facts[name] for name in shown}
    assert answer.headers["x-region-count"] == "1" and answer.headers["x-verdict"] == "anomalous"
    assert (answer.headers["x-sha256"], answer.headers["x-bundle"]) == (facts["sha256"], facts["bundle"])


@pytest.mark.parametrize(
    ("accept", "picture"),
    [
        ("", False),
        ("*/*", False),
        ("image/*", False),
        ("image/png", True),
        ("IMAGE/PNG, */*;q=0.5", True),
        ("image/png;q=0.4, application/json;q=0.5", False),
        ("application/json;q=0.4, image/png;q=0.5", True),
        ("application/json, image/png", False),
        ("image/png;q=0", False),
        ("image/png;q=nan", False),
    ],
)
def test_what_the_accept_header_asks_for(accept, picture):
    assert wants_picture(accept) is picture


def test_exif_orientation_is_applied(server):
    image = Image.fromarray(noise(0, 48, 96))
    exif, file = Image.Exif(), io.BytesIO()
    exif[274] = 6
    image.save(file, format="PNG", exif=exif)
    found = server.post(file.getvalue()).json()
    assert (found["width"], found["height"]) == (48, 96)


def test_about_says_what_the_scores_mean_and_names_no_folder(server):
    answer = server.get("/about")
    found = answer.json()
    assert (found["object"], found["meaning"]) == ("grey plate", "Brighter is stranger.")
    assert found["limits"]["threshold"] == 100 and found["limits"]["words"] == "Not sure."
    assert found["limits"]["high"] is None  # not known
    assert found["server"] == {"megabytes": 20, "megapixels": 64, "seconds": 30, "places": 32, "batch": 8}
    assert "somebody" not in answer.text
    assert found["bundle"] == bundle().sha256[:16]
    assert found["limits"] == ABOUT["limits"] and found["detector"] == ABOUT["detector"]  # nothing is made up


def test_ready_only_after_one_picture_was_scored():
    with serving(ready=False) as server:
        server.scoring()  # the model is loaded and at its first picture
        assert server.get("/health").json() == {"status": "ok"}
        waits = server.get("/ready")
        assert waits.status_code == 503 and waits.headers["retry-after"] and "loaded" in waits.json()["error"]
        assert server.post(plate(1)).status_code == 503
        server.inspector.gate.set()
        soon(lambda: server.get("/ready").status_code == 200, what="readiness")
        assert server.post(plate(1)).status_code == 200


def test_metrics_count_what_happened():
    with serving() as server:  # of its own: requests are counted after their answers, perhaps late
        before = counted(server)
        server.post(plate(10))
        server.post(plate(200))
        server.post(b"no photo")
        server.get("/nowhere/1")
        server.get("/nowhere/2")
        totals = [("tgvig_requests_total", "/inspect", "200"), ("tgvig_requests_total", "/inspect", "415"),
                  ("tgvig_requests_total", "404", "other")]  # fmt: skip
        soon(lambda: sum(counted(server).get(key, 0) for key in totals) >= 5, what="the count of five requests")
        after = counted(server)

    def grown(*key: str) -> float:
        return after[key] - before.get(key, 0)

    assert grown("tgvig_requests_total", "/inspect", "200") == 2
    assert grown("tgvig_requests_total", "/inspect", "415") == 1
    assert grown("tgvig_requests_total", "404", "other") == 2
    assert grown("tgvig_verdicts_total", "good") == 1 and grown("tgvig_verdicts_total", "anomalous") == 1
    assert grown("tgvig_batch_photos_sum") == 2 and grown("tgvig_display_score_count") == 2
    assert grown("tgvig_display_score_bucket", "0.1") == 1  # 10 of 100 is shown as 0.0099
    assert grown("tgvig_request_seconds_count", "/inspect") == 3
    assert after[("tgvig_waiting_photos",)] == 0 and after[("tgvig_places_taken",)] == 0
    assert after[("tgvig_places",)] == 32 and after[("tgvig_ready",)] == 1
    assert not any("nowhere" in part for key in after for part in key)


def resolved(api: dict, node: object) -> None:
    """Every reference in the document leads somewhere."""
    if isinstance(node, dict):
        if "$ref" in node:
            kind, name = node["$ref"].removeprefix("#/components/").split("/")
            assert name in api["components"][kind]
        for inner in node.values():
            resolved(api, inner)
    elif isinstance(node, list):
        for inner in node:
            resolved(api, inner)


def test_the_description_is_what_the_server_answers(server):
    api = server.get("/openapi.json").json()
    assert api["openapi"].startswith("3.1") and set(api["paths"]) == {
        "/inspect", "/about", "/health", "/ready", "/metrics"
    }  # fmt: skip
    resolved(api, api)

    def fits(answer: httpx.Response, path: str, method: str) -> None:
        described = api["paths"][path][method]["responses"][str(answer.status_code)]["content"]["application/json"]
        jsonschema.Draft202012Validator(described["schema"] | {"components": api["components"]}).validate(answer.json())

    fits(server.post(spotted()), "/inspect", "post")
    fits(server.post(b"no photo"), "/inspect", "post")
    fits(server.get("/about"), "/about", "get")
    fits(server.get("/ready"), "/ready", "get")
    for name, schema in api["components"]["schemas"].items():
        for example in schema.get("examples", []):
            jsonschema.Draft202012Validator(schema | {"components": api["components"]}).validate(example)
        assert "examples" in schema or name == "RegionFound"
    assert api["paths"]["/inspect"]["post"]["requestBody"]["content"].keys() == {"multipart/form-data", "image/*"}


def test_the_page_describes_everything_and_loads_nothing(server):
    answer = server.get("/docs")
    text = answer.text
    assert answer.status_code == 200 and "default-src 'none'" in answer.headers["content-security-policy"]
    for needed in ("/inspect", "/about", "/health", "/ready", "/metrics", "heatmap", "504"):
        assert needed in text
    assert "grey plate" in text and "peak_at" in text and "curl -F photo=@part.png" in text
    assert not re.search(r"<(script|link|img|iframe|object|form)\b|url\(|@import|\bon\w+=", text)
    addresses = re.findall(r'(?:href|src|action)="([^"]*)"', text)
    assert addresses and all(one == "openapi.json" or one.startswith("#") for one in addresses)
    anchors = {one[1:] for one in addresses if one.startswith("#")}
    assert anchors <= set(re.findall(r'id="(\w+)"', text))


def test_the_page_needs_no_trust_in_the_objects_name():
    app = build(bundle(object="<script>alert(1)</script>"), lambda: None, Settings(), lambda: None)
    assert "<script>" not in page(app.openapi()) and "&lt;script&gt;" in page(app.openapi())


def test_settings_out_of_range_are_one_sentence():
    for wrong in ({"megabytes": 0}, {"seconds": float("nan")}, {"megapixels": 65}, {"places": 0}, {"batch": 65}):
        with pytest.raises(TgvigError, match="out of range"):
            Settings(**wrong)
    assert "word" not in repr(Settings(token="word"))


def test_a_large_photo_comes_back_at_its_size(server):
    content = png(noise(3, 1500, 2000))
    answer = server.post(content, accept="image/png")
    assert Image.open(io.BytesIO(answer.content)).size == (2000, 1500)
