"""No code comes with a file: no source unpickles, all kinds of file load where unpickling raises, a changed one is refused."""

from __future__ import annotations

import ast

import pytest
from paths import ROOT

from tests.robustness import artefacts
from tgvig_core.models import efficientnet
from tgvig_core.utils import checksums

OURS = ("tgvig_core", "tgvig_ui", "tgvig_serve", "tools", "app.py")
MODULES = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "pandas"}
"""Modules that run code of the files they read (pandas: read_pickle)."""
CALLS = {"eval", "exec", "compile", "__import__"}


def risks(source: str, name: str = "") -> list[str]:
    """What in a source could run code that came with a file, and from which line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            found += [f"{name}:{node.lineno} import {m}" for m in modules if m.partition(".")[0] in MODULES]
        elif isinstance(node, ast.Call) and (said := _risk(node)):
            found.append(f"{name}:{node.lineno} {said}")
    return found


def _risk(call: ast.Call) -> str:
    written, given = ast.unparse(call.func), {word.arg: ast.unparse(word.value) for word in call.keywords}
    last = written.rpartition(".")[2]
    if written in CALLS:
        return written
    if written == "torch.load" and given.get("weights_only") != "True":
        return "torch.load without weights_only=True"
    if given.get("allow_pickle", "False") != "False":
        return f"{written} with allow_pickle"
    if written in ("yaml.load", "yaml.unsafe_load", "yaml.full_load") and "Safe" not in given.get("Loader", ""):
        return written
    if given.get("trust_remote_code", "False") != "False" or last in ("load_state_dict_from_url", "read_pickle"):
        return f"{written} of code from elsewhere"
    return ""


def test_no_source_of_ours_runs_code_that_comes_with_a_file():
    files = [
        path for place in OURS for path in ([ROOT / place] if place.endswith(".py") else (ROOT / place).rglob("*.py"))
    ]
    assert len(files) > 150
    assert [risk for path in files for risk in risks(path.read_text(encoding="utf-8"), path.name)] == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from pickle import loads", "import joblib.numpy_pickle", "import marshal", "import shelve",
        "torch.load(file)", "torch.load(f, weights_only=False)", "np.load(f, allow_pickle=True)", "yaml.load(f)",
        "yaml.load(f, Loader=yaml.Loader)", "eval(text)", "exec(text)", "pickle = __import__('pickle')",
        "AutoModel.from_pretrained(x, trust_remote_code=True)",
    ],
)  # fmt: skip
def test_the_search_finds_each_of_them(source):
    assert len(risks(source)) == 1


def test_the_search_lets_the_safe_ways_pass():
    assert risks("torch.load(f, weights_only=True); np.load(f); yaml.safe_load(f); model.eval(); re.compile('x')") == []


@pytest.mark.slow
def test_every_kind_of_file_is_loaded_without_unpickling(bundle, run, tmp_path):
    row = artefacts.without_pickle(bundle, run, tmp_path)
    assert row.held and row.tried == artefacts.LOADED + 3, row.figure


def test_a_bit_flipped_in_any_file_of_a_bundle_is_refused_by_name(bundle, tmp_path):
    row = artefacts.changed_bundle(bundle, tmp_path)
    assert row.held and row.tried == 3 * sum(path.is_file() for path in bundle.rglob("*")), row.figure


def test_bundles_that_climb_out_or_never_end_are_refused(bundle, tmp_path):
    row = artefacts.hostile_bundles(bundle, tmp_path)
    assert row.held, row.figure


def test_the_list_of_what_ships_is_whole_and_a_flipped_bit_is_refused_by_name():
    there = {path for place in ("texts", "walk") for path in (checksums.ASSETS / place).rglob("*") if path.is_file()}
    there |= set(checksums.ASSETS.glob("vqgan*"))
    assert set(checksums.listed()) == {path.relative_to(checksums.ASSETS).as_posix() for path in there}, (
        checksums.__doc__
    )
    row = artefacts.changed_assets()
    assert row.held and row.tried == len(there), f"{row.figure}; {checksums.__doc__}"


@pytest.mark.parametrize("lines", [None, "weights.pth,,\n", "other/weights.pth,sha256=x,1\n"])
def test_a_package_without_checksums_is_used_with_a_warning(tmp_path, monkeypatch, caplog, lines):
    info, folder = tmp_path / "nuts-1.dist-info", tmp_path / "nuts"
    info.mkdir()
    folder.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: nuts\nVersion: 1\n")
    if lines is not None:
        (info / "RECORD").write_text(lines)
    monkeypatch.syspath_prepend(tmp_path)
    checksums.check_packaged("nuts", folder)
    assert caplog.messages == [
        f"The files of the package nuts in {folder} were not compared, as it was installed without checksums: "
        "install it with pip."
    ]


def test_a_package_with_checksums_is_used_without_a_warning(caplog):
    checksums.check_packaged(efficientnet.PACKAGE, efficientnet.weights_file().parent)
    assert caplog.messages == []


def test_a_package_that_is_reached_through_a_link_is_compared_too(tmp_path, caplog):
    folder = efficientnet.weights_file().parent
    (tmp_path / "link").symlink_to(folder.resolve())
    checksums.check_packaged(efficientnet.PACKAGE, tmp_path / "link")
    assert caplog.messages == []


def test_a_bit_flipped_in_a_packages_weights_is_refused_by_name(tmp_path):
    row = artefacts.changed_packages(tmp_path)
    assert row.held and row.tried >= 2 + 4, row.figure  # the backbone; model, tokenizer and words of the text model
