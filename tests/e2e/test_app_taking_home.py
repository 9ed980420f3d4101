"""Take it home, in the page: a detector of two photos becomes a bundle that is downloaded, opened, and out of date after all."""

import hashlib
import re
import zipfile
from types import SimpleNamespace

import pytest
from browser import open_page
from photos import normals
from playwright.sync_api import expect
from walking import status, step

from tgvig_core.bundles.bundle import open_bundle
from tgvig_core.bundles.runtimes import load_inspector
from tgvig_core.fitting.words import calibration_json
from tgvig_core.inspection.inspector import read_photo
from tgvig_core.reports.audit_facts import read_facts
from tgvig_ui.parts.store import Store
from tgvig_ui.parts.trained import model_card


@pytest.fixture(scope="module")
def trained(browser, app):
    """The page of two bottles whose detector learned from them alone."""
    part, page = Store(app.runs).new(), open_page(browser)
    part.add_photos(normals("bottle", 2))
    part.choose(object_name="glass bottle")
    page.goto(f"{app.url}/?part={part.id}")
    expect(page.locator("#normals img")).to_have_count(2)
    step(page, 4)
    expect(page.locator("#bundle-make")).to_be_disabled()
    expect(page.locator("#bundle-said")).to_contain_text("Train a detector first.")
    page.locator("#arm").get_by_label("Photos only").check()
    page.locator("#train").click()
    status(page, "Training the detector: done.")
    expect(page.locator("#bundle-make")).to_be_enabled()
    yield SimpleNamespace(page=page, part=part, app=app)
    page.context.close()


@pytest.fixture(scope="module")
def bundled(trained, tmp_path_factory):
    """The bundle that the button makes, as the browser got it."""
    page = trained.page
    page.locator("#bundle-formats").get_by_label("torch").uncheck()
    page.locator("#bundle-normals").get_by_label("Include the reference photos").check()
    page.locator("#bundle-make").click()
    status(page, "Making the bundle: done.")
    expect(page.locator("#bundle-download")).to_be_visible()
    with page.expect_download() as loading:
        page.locator("#bundle-download").click()
    trained.name = loading.value.suggested_filename
    trained.file = tmp_path_factory.mktemp("home") / trained.name
    loading.value.save_as(trained.file)
    return trained


def test_the_downloaded_bundle_is_whole_and_scores_like_the_detector(bundled):
    bundle, card = open_bundle(bundled.file), model_card(bundled.part)
    assert re.fullmatch(r"glass-bottle-[0-9a-f]{6}\.zip", bundled.name)
    assert bundle.formats == ("onnx", "openvino") and bundle.about.limits.as_json() == calibration_json(
        card.calibration
    )
    assert [len(bundle.read(name)) for name in bundle.about.files] == [
        facts.bytes for facts in bundle.about.files.values()
    ]
    assert [bundle.read(photo.file) for photo in bundle.about.normals] == [
        path.read_bytes() for path in bundled.part.photos()
    ]
    (found,) = load_inspector(bundle, "onnx", "cpu").findings([read_photo(normals("bottle", 3)[2]).pixels])
    assert 0 < found.score < 2 * card.calibration.threshold


def test_size_checksum_and_commands_are_those_of_the_file(bundled):
    use = bundled.page.locator("#bundle-use")
    expect(use).to_contain_text(hashlib.sha256(bundled.file.read_bytes()).hexdigest())
    expect(use).to_contain_text(f"{bundled.file.stat().st_size / 1e6:.1f} MB, with onnx, openvino, the good photos.")
    expect(use).to_contain_text(f"tgvig inspect {bundled.name} PHOTOS --out DIR")
    expect(use).to_contain_text(f"tgvig serve {bundled.name}")


def test_the_link_opens_the_report_that_lies_in_the_bundle(bundled):
    page = bundled.page
    with page.context.expect_page() as opening:
        page.get_by_role("link", name="Open the audit report").click()
    report = opening.value
    expect(report.locator("h1")).to_have_text("Audit report: glass bottle")
    threshold = model_card(bundled.part).calibration.threshold
    expect(report.locator("body")).to_contain_text(f"{threshold:.6g} raw: above it a photo is called anomalous")
    run = bundled.part.generation(bundled.part.choices.generation)
    for photo in read_facts(run, open_bundle(bundled.file).about).photos:
        expect(report.locator("body")).to_contain_text(photo.sha256)
    expect(report.locator("img")).to_have_count(2)
    loaded = report.evaluate("() => performance.getEntriesByType('resource').map((one) => one.name)")
    # the browser itself asks for the server's icon; the report asks nothing of any network
    assert {address for address in loaded if not address.startswith("data:")} <= {f"{bundled.app.url}/favicon.ico"}
    with zipfile.ZipFile(bundled.file) as zipped:
        # from the app's page: the report itself may neither run scripts nor ask for anything
        assert (
            page.evaluate("(at) => fetch(at).then((answer) => answer.text())", report.url)
            == zipped.read("report.html").decode()
        )
    report.close()


def test_step_5_leads_to_it(bundled):
    page = bundled.page
    step(page, 5)
    expect(page.locator("#take-home")).to_be_hidden()
    page.locator("#to-take-home").click()
    expect(page.locator("#take-home")).to_be_in_viewport()


def test_after_another_training_the_bundle_is_out_of_date(bundled):
    page = bundled.page
    step(page, 4)
    expect(page.locator("#bundle-said")).to_be_hidden()
    page.locator("#false-alarm input[type=number]").fill("20")
    page.locator("#false-alarm input[type=number]").press("Tab")
    page.locator("#train").click()
    expect(page.locator("#bundle-said")).to_contain_text("This bundle holds another detector", timeout=600_000)
    expect(page.locator("#bundle-make")).to_have_text("Make the bundle again")
