"""Bundles: every format scores like the trained detector, says what it is, and is refused when it was changed."""

import hashlib
import html
import json
import os
import shlex
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
import torch
from paths import ROOT
from photos import category, normals
from torch.nn.functional import interpolate
from torchvision.transforms.v2.functional import normalize

from tgvig_core.bundles import export as exporting
from tgvig_core.bundles.bundle import open_bundle
from tgvig_core.bundles.description import command
from tgvig_core.bundles.export import export
from tgvig_core.bundles.manifest import FORMATS
from tgvig_core.bundles.runtimes import load_inspector
from tgvig_core.bundles.wishes import Wishes
from tgvig_core.bundles.writers import write_onnx
from tgvig_core.cli.main import main
from tgvig_core.detectors.base import load_detector
from tgvig_core.detectors.patchcore import PatchCore
from tgvig_core.detectors.patchcore_settings import PatchCoreSettings
from tgvig_core.fitting.training_sets import TrainingSet
from tgvig_core.generation.integrator import IntegratorSettings
from tgvig_core.generation.settings import GeneratorSettings, UpdateSettings
from tgvig_core.models.backbones import Backbone
from tgvig_core.photos.images import read_normals, read_photo, to_square
from tgvig_core.photos.views import ViewPolicy
from tgvig_core.runs.card import load_model
from tgvig_core.runs.settings import RunSettings
from tgvig_core.utils import strict_json
from tgvig_core.utils.errors import Stopped, TgvigError
from tgvig_core.utils.progress import RunContext


@pytest.fixture(scope="module")
def squares() -> np.ndarray:
    """Ten photos that the detector has not seen, three kinds of defect among them."""
    tests = category("bottle") / "test"
    files = [file for kind in sorted(tests.iterdir()) for file in sorted(kind.iterdir())[:3]][:10]
    return np.stack([to_square(read_photo(file).pixels, 256) for file in files])


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_scores_like_the_trained_detector(format, run, bundle, squares):
    scores, maps = load_detector(run / "model").look(squares)
    scorer = load_inspector(open_bundle(bundle), format, "cpu").scorer
    for batch in (slice(0, 1), slice(1, 4), slice(0, 10)):
        found, found_maps = scorer.look(squares[batch])
        assert found == pytest.approx(scores[batch], rel=1e-3)
        assert found_maps.shape == (len(scores[batch]), 256, 256)
        assert np.abs(found_maps - maps[batch]).max() <= 0.01 * maps[batch].max()
    assert scores.max() > 1.3 * scores.min()  # good and broken bottles differ: equality is no accident


@pytest.mark.parametrize(
    ("name", "layers", "neighbours", "kept"),
    [
        ("efficientnet_lite0", ("blocks.2", "blocks.4"), 1, 60),
        ("efficientnet_lite0", ("blocks.2", "blocks.4"), 9, 5),  # fewer rows than neighbours
        ("resnet18.tv_in1k", ("layer2", "layer3"), 9, 60),
        ("vit_small_patch14_reg4_dinov2.lvd142m", ("blocks.11",), 9, 60),  # sees 126 px of 128
    ],
)
def test_the_graph_scores_like_anomalibs_module(name, layers, neighbours, kept, tmp_path):
    """Backbones other than the embedded one with random weights: what is compared is the arithmetic."""
    torch.manual_seed(0)
    detector = PatchCore(
        Backbone(name, layers), 128, PatchCoreSettings(neighbours, coreset_least=kept, coreset_ratio=0.001),
        with_weights=name == "efficientnet_lite0",
    )  # fmt: skip
    detector.fit(read_normals(normals("bottle", 2)).tensor(128), [0, 1])
    assert len(detector.model.memory_bank) == kept
    images = read_normals(sorted((category("bottle") / "test" / "broken_large").iterdir())[:3]).tensor(128)
    pixels = images * 0.5 + 0.5
    side = detector.features.seen
    shrunk = interpolate(pixels, (side, side), mode="bilinear", antialias=True)
    seen = normalize(shrunk, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    found = detector.score(images)
    with torch.inference_mode():
        wanted = detector.model(seen)  # anomalib's own forward
        maps = interpolate(wanted.anomaly_map, (128, 128), mode="bilinear", antialias=True)[:, 0]
        exported = detector.graph()(pixels)
    for scores, heat in ((found.scores, found.maps), exported):
        assert scores.numpy() == pytest.approx(wanted.pred_score.flatten().numpy(), rel=1e-4)
        assert (heat - maps).abs().max() <= 1e-3 * maps.max()


def test_the_graph_of_a_detector_that_looks_closer_scores_as_it_does(tmp_path):
    settings = PatchCoreSettings(coreset_least=50, seen=224, grid=14, unit=True)
    detector = PatchCore(Backbone("efficientnet_lite0", ("blocks.2", "blocks.4", "blocks.6")), 128, settings)
    detector.fit(read_normals(normals("bottle", 2)).tensor(128), [0, 1])
    images = read_normals(sorted((category("bottle") / "test" / "broken_large").iterdir())[:3]).tensor(128)
    wanted = detector.score(images)
    detector.save(tmp_path, {})
    write_onnx(load_detector(tmp_path), tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    scores, maps = session.run(None, {"images": (images * 0.5 + 0.5).numpy()})
    assert scores == pytest.approx(wanted.scores.numpy(), rel=1e-4)
    assert abs(maps - wanted.maps.numpy()).max() <= 1e-3 * maps.max()


def test_the_manifest_says_what_the_detector_is(run, bundle):
    about, card = open_bundle(bundle).about, json.loads((run / "model" / "model.json").read_text())
    assert about.limits.as_json() == card["calibration"]
    assert about.detector.backbone == "efficientnet_lite0" and about.detector.bank == 1000
    assert set(about.agreement) == set(FORMATS)
    assert all(found.score <= 1e-3 and found.map <= 1e-2 for found in about.agreement.values())
    assert [photo.sha256 for photo in about.normals] == [
        photo.sha256 for photo in read_normals(normals("bottle", 2)).photos
    ]
    assert {"python", "torch", "anomalib", "onnxruntime", "openvino"} <= set(about.versions)
    assert any("EfficientNet-Lite0" in row.what and row.licence == "Apache-2.0" for row in about.licences)
    assert strict_json.dumps(about.as_json(), indent=2) + "\n" == (bundle / "bundle.json").read_text()
    words = (bundle / "README.txt").read_text()
    assert about.command in words and card["calibration"]["words"] in words and about.meaning in words


def test_the_report_goes_along_as_html_and_pdf(bundle):
    about, page = open_bundle(bundle).about, (bundle / "report.html").read_text()
    assert about.files["onnx/model.onnx"].sha256 in page and about.command in html.unescape(page)
    assert (bundle / "report.pdf").read_bytes().startswith(b"%PDF-")


def test_the_checksums_hold_and_cover_every_file(bundle):
    done = subprocess.run(["sha256sum", "-c", "checksums.sha256"], cwd=bundle, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    listed = {line.split("  ")[1] for line in (bundle / "checksums.sha256").read_text().splitlines()}
    assert listed == {p.relative_to(bundle).as_posix() for p in bundle.rglob("*") if p.is_file()} - {"checksums.sha256"}
    assert set(open_bundle(bundle).about.files) == listed - {"bundle.json"}


def test_no_folder_of_this_machine_goes_along(run, bundle):
    for file in bundle.rglob("*"):
        if file.is_file():
            assert str(run.parent).encode() not in file.read_bytes(), file
            assert str(category("bottle")).encode() not in file.read_bytes(), file


def summed(bundle: Path, manifest: bytes) -> bytes:
    """checksums.sha256 of a bundle with another bundle.json."""
    former = hashlib.sha256((bundle / "bundle.json").read_bytes()).hexdigest()
    return (
        (bundle / "checksums.sha256")
        .read_bytes()
        .replace(former.encode(), hashlib.sha256(manifest).hexdigest().encode())
    )


def zipped(bundle: Path, target: Path, changes: dict[str, bytes | None]) -> Path:
    """The bundle as a ZIP, some files replaced or (None) left out."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for file in sorted(bundle.rglob("*")):
            name = file.relative_to(bundle).as_posix()
            if file.is_file() and changes.get(name, b"") is not None:
                made.writestr(name, changes.get(name) or file.read_bytes())
    return target


def test_a_zip_is_as_good_as_a_folder(bundle, squares, tmp_path):
    packed = zipped(bundle, tmp_path / "bundle.zip", {})
    one, other = (load_inspector(open_bundle(path), "onnx").judge(squares[:2]) for path in (bundle, packed))
    assert [found.score for found in one] == [found.score for found in other]


@pytest.mark.parametrize(
    ("name", "format", "said"),
    [
        ("onnx/model.onnx", "onnx", "was changed or damaged"),
        ("openvino/model.bin", "openvino", "was changed or damaged"),
        ("torch/model.safetensors", "torch", "was changed or damaged"),
        ("torch/model.json", "torch", "was changed or damaged"),
    ],
)
def test_a_changed_file_is_refused_by_name(name, format, said, bundle, tmp_path):
    data = bytearray((bundle / name).read_bytes())
    data[len(data) // 2] ^= 1
    packed = zipped(bundle, tmp_path / "changed.zip", {name: bytes(data)})
    with pytest.raises(TgvigError, match=f"{name} .* {said}"):
        load_inspector(open_bundle(packed), format, "cpu")
    with pytest.raises(TgvigError, match=f"{name} cannot be read"):
        load_inspector(open_bundle(zipped(bundle, tmp_path / "gone.zip", {name: None})), format, "cpu")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda about: about | {"format": 99, "version": "9.0"}, "format 99, made by tgvig 9.0; this version reads 1"),
        (lambda about: about | {"kind": "other"}, "format 1"),
        (lambda about: about | {"limits": {}}, "lacks limits.threshold: Field required"),
        (lambda about: about | {"models": {}}, "no whole model"),
        (lambda about: about | {"files": {}}, "no whole model"),
        (lambda about: [], "is not a bundle"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(change, said, bundle, tmp_path):
    about = json.dumps(change(json.loads((bundle / "bundle.json").read_text()))).encode()
    with pytest.raises(TgvigError, match=said):
        open_bundle(
            zipped(bundle, tmp_path / "other.zip", {"bundle.json": about, "checksums.sha256": summed(bundle, about)})
        )


def test_a_manifest_that_was_changed_is_refused(bundle, tmp_path):
    about = (bundle / "bundle.json").read_bytes()
    changed = about.replace(b'"threshold": ', b'"threshold": 9')
    assert changed != about
    with pytest.raises(TgvigError, match="bundle.json in .* was changed"):
        open_bundle(zipped(bundle, tmp_path / "other.zip", {"bundle.json": changed}))


def test_a_damaged_zip_is_refused_or_gives_what_was_packed(bundle, tmp_path):
    """Single bits flipped all over it: never another error, never another model."""
    data = zipped(
        bundle, tmp_path / "whole.zip", {"torch/model.safetensors": None, "openvino/model.bin": None}
    ).read_bytes()
    whole, places = (bundle / "onnx" / "model.onnx").read_bytes(), np.random.default_rng(0).integers(0, len(data), 60)
    refused = 0
    for place in [*places, *range(len(data) - 40, len(data))]:
        broken = bytearray(data)
        broken[place] ^= 4
        (tmp_path / "broken.zip").write_bytes(broken)
        try:
            assert open_bundle(tmp_path / "broken.zip").read("onnx/model.onnx") == whole
        except TgvigError:
            refused += 1
    assert refused > 20


def test_no_file_outside_the_bundle_is_read(bundle, tmp_path):
    copy = shutil.copytree(bundle, tmp_path / "copy")
    (tmp_path / "secret").write_bytes(b"secret")
    about = json.loads((copy / "bundle.json").read_text())
    about["files"]["../secret"] = {"sha256": "0", "bytes": 6}
    manifest = json.dumps(about).encode()
    (copy / "checksums.sha256").write_bytes(summed(copy, manifest))
    (copy / "bundle.json").write_bytes(manifest)
    with pytest.raises(TgvigError, match="outside the bundle"):
        open_bundle(copy).read("../secret")
    with pytest.raises(TgvigError, match="lists no file"):
        open_bundle(copy).read("/etc/passwd")


def test_what_is_no_bundle_is_refused(tmp_path):
    (tmp_path / "torn.zip").write_bytes(b"PK\3\4")
    for path in (tmp_path / "torn.zip", tmp_path, tmp_path / "none"):
        with pytest.raises(TgvigError, match="is not a bundle"):
            open_bundle(path)


def test_a_moved_threshold_goes_along_and_is_told(run, tmp_path):
    calibrated = json.loads((run / "model" / "model.json").read_text())["calibration"]
    wanted = 2 * calibrated["threshold"]
    made = open_bundle(
        export(run, tmp_path / "moved.zip", Wishes(("torch",), threshold=wanted, by_hand=("Looked at.",)))
    )
    assert made.limits.threshold == wanted
    assert made.limits.pixel_threshold == pytest.approx(2 * calibrated["pixel_threshold"])
    assert made.about.by_hand[0] == "Looked at." and "was moved from" in made.about.by_hand[1]
    limits = made.about.limits
    assert "moved by hand" in limits.words and limits.low is limits.high is limits.false_alarm is None
    same = open_bundle(export(run, tmp_path / "same.zip", Wishes(("torch",), threshold=calibrated["threshold"])))
    assert same.about.limits.as_json() == calibrated and same.about.by_hand == ()


def test_a_photo_that_is_gone_is_missed_only_where_it_was_to_go_along(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    config = json.loads((copy / "config.json").read_text())
    config["settings"]["photos"][1] = str(tmp_path / "gone.jpg")
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(TgvigError, match="The good photo gone.jpg was removed") as said:
        export(copy, tmp_path / "with.zip", Wishes(("torch",), with_normals=True))
    assert str(tmp_path) not in str(said.value)
    about = open_bundle(export(copy, tmp_path / "without.zip", Wishes(("torch",)))).about
    assert [photo.name for photo in about.normals] == [normals("bottle", 1)[0].name, "gone.jpg"]
    config["settings"]["photos"] = [str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg")]
    (copy / "config.json").write_text(json.dumps(config))
    assert open_bundle(export(copy, tmp_path / "none.zip", Wishes(("torch",)))).about.agreement["torch"].photos == 3


def test_a_detector_that_remembers_every_patch_can_be_exported(run, bundle):
    """Its own photos score nothing but rounding errors, which differ from one runtime to the next."""
    detector, card = load_model(run / "model")
    photos = normals("bottle", 1)
    detector.model.memory_bank = detector.features(read_normals(photos).tensor(256)).flatten(0, 2)

    class Rounding:
        def look(self, squares):
            scores, maps = detector.look(squares)
            return scores + 1e-3, maps

    opened = open_bundle(bundle)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "load_inspector", lambda *_: SimpleNamespace(scorer=Rounding()))
        found = exporting._agreement(opened, detector, photos, Wishes(("onnx",)))
    assert detector.look(np.stack([to_square(read_photo(photos[0]).pixels, 256)]))[0][0] < 0.1
    assert 0 < found["onnx"].score <= 1e-3 and card.calibration.threshold > 10


def test_what_cannot_be_exported_is_refused_and_nothing_is_left(run, tmp_path):
    (tmp_path / "taken").mkdir()
    for arguments, said in (
        ((run, tmp_path / "taken"), "is there already"),
        ((tmp_path / "taken", tmp_path / "a"), "no trained detector"),
    ):
        with pytest.raises(TgvigError, match=said):
            export(*arguments)
    for wrong, said in (({"formats": ("tflite",)}, "no format tflite"), ({"formats": ()}, "No format"),
                        ({"threshold": 0.0}, "not a threshold")):  # fmt: skip
        with pytest.raises(TgvigError, match=said):
            Wishes(**wrong)
    assert os.listdir(tmp_path) == ["taken"]


def test_an_export_that_scores_differently_is_refused_and_nothing_is_left(run, bundle, tmp_path, monkeypatch):
    """The bundle's own ONNX file beside a detector whose memory differs a little."""
    detector, card = load_model(run / "model")
    detector.model.memory_bank += 0.1
    monkeypatch.setattr(exporting, "load_model", lambda folder: (detector, card))
    monkeypatch.setattr(exporting, "write_onnx", lambda _, target: shutil.copy(bundle / "onnx" / "model.onnx", target))
    with pytest.raises(TgvigError, match="The onnx model scores differently"):
        export(run, tmp_path / "wrong", Wishes(("onnx",)))
    assert os.listdir(tmp_path) == []


def test_a_stopped_export_leaves_nothing(run, tmp_path):
    import threading

    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        export(run, tmp_path / "stopped.zip", ctx=RunContext(stop=stop))
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_writing_the_formats_leaves_nothing_for_their_makers(run, tmp_path):
    """Both libraries queue facts about the machine in the home folder, unless they are kept from it."""
    home = tmp_path / "home"
    home.mkdir()
    code = f"""
from pathlib import Path
from tgvig_core.bundles.export import export
from tgvig_core.bundles.wishes import Wishes
export(Path({str(run)!r}), Path({str(tmp_path / "made.zip")!r}), Wishes(("openvino",)))
import onnxruntime, openvino
"""
    environment = os.environ | {
        "HOME": str(home),
        "MPLCONFIGDIR": str(tmp_path / "mpl"),
        "XDG_CACHE_HOME": str(tmp_path),
    }
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, env=environment, check=True, timeout=1200)
    assert (tmp_path / "made.zip").is_file()
    told = [path for path in home.rglob("*") if "intel" in path.parts or "Microsoft" in path.parts]
    assert told == [] and not (tmp_path / "Microsoft").exists()


def test_a_library_that_is_missing_is_named_with_its_command(run, monkeypatch):
    monkeypatch.setattr("tgvig_core.bundles.wishes.find_spec", lambda name: None if name == "onnxscript" else object())
    with pytest.raises(TgvigError, match="pip install onnxscript"):
        Wishes(("onnx",))


BLOCKED = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "torchvision", "timm", "anomalib", "transformers", "open_clip", "gradio"}:
            raise ImportError("blocked: " + name)
sys.meta_path.insert(0, Blocker())
from tgvig_core.cli.main import main
main()
"""


@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_inspecting_with_an_exported_model_needs_no_torch(format, bundle, tmp_path):
    broken = category("bottle") / "test" / "broken_large" / "000.jpg"
    arguments = [
        "inspect",
        bundle,
        broken,
        normals("bottle", 1)[0],
        "--format",
        format,
        "--out",
        tmp_path / "out",
        "--json",
    ]
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, *map(str, arguments)], capture_output=True, text=True, cwd=ROOT, timeout=1200,
        env=os.environ | {"HOME": str(home), "MPLCONFIGDIR": str(tmp_path / "mpl")},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert list(home.iterdir()) == []  # where the runtimes keep what they would tell their makers
    rows = json.loads(done.stdout)["images"]
    assert [row["is_anomalous"] for row in rows] == [True, False]
    assert rows[0]["regions"] and rows[1]["regions"] == [] and Path(rows[0]["heatmap"]).is_file()


def test_the_command_asks_for_the_same_settings_again(tmp_path, monkeypatch):
    """All options differ from their defaults; the command line reads them back."""
    photos = tuple(map(str, normals("bottle", 2)))
    settings = RunSettings(
        photos, "metal nut", str(tmp_path / "run"), sense="nut.n.03", vocabulary="words", words=("steel nut", "a 'nut'"),
        rule="paper", prompt="a nut; $HOME", pack="embedded", seed=7, device="cpu", false_alarm=0.01, arm="tgvig:2",
        detector="patchcore-fine",
        generating=GeneratorSettings(3, 6, "view", False, ViewPolicy(1.0, 0.02, 0.2, flips=True, turns=True)),
        integrating=IntegratorSettings(4, False, UpdateSettings(3, 4, 2, 128, 1e-4, 0.5, 0.2, 0.4, 3)),
    )  # fmt: skip
    asked = []
    monkeypatch.setattr("tgvig_core.runs.pipeline.start", lambda settings, *watched: asked.append(settings) or {})
    monkeypatch.setattr("tgvig_core.cli.commands.run.show_result", lambda result, out: None)
    monkeypatch.setattr(sys, "argv", shlex.split(command(settings, TrainingSet("tgvig", 2), 0.01, list(photos))))
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert asked == [replace(settings, out="run")]
