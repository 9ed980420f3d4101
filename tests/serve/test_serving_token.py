"""With a token set, everything but the two states is closed to those who do not show it."""

from __future__ import annotations

import pytest
from served import get, plate, post, refused, serving

from tgvig_core.utils.errors import TgvigError
from tgvig_serve.settings import Settings, read_token


@pytest.fixture(scope="module")
def guarded():
    with serving(Settings(token="let-me-in")) as running:
        yield running


@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer let-me-i", "Bearer let-me-in2", "Basic let-me-in",
                                   "let-me-in", b"Bearer \xff\xfe"])  # fmt: skip
def test_without_the_token_nothing_is_shown(guarded, given):
    headers = {} if given is None else {"Authorization": given}
    for path in ("/about", "/metrics", "/docs", "/openapi.json", "/nowhere", "/inspect"):
        answer = get(f"{guarded.url}{path}", headers=headers)
        assert refused(answer, 401, "Authorization: Bearer")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    before = list(guarded.inspector.batches)
    refused(post(f"{guarded.url}/inspect", files={"photo": ("a.png", plate(1))}, headers=headers), 401)
    assert guarded.inspector.batches == before
    for path in ("/health", "/ready"):
        assert get(f"{guarded.url}{path}", headers=headers).status_code == 200


def test_with_the_token_everything_is_open(guarded):
    for scheme in ("Bearer", "bearer"):
        headers = {"Authorization": f"{scheme} let-me-in"}
        for path in ("/about", "/metrics", "/docs", "/openapi.json"):
            assert get(f"{guarded.url}{path}", headers=headers).status_code == 200
        answer = post(f"{guarded.url}/inspect", files={"photo": ("a.png", plate(8))}, headers=headers)
        assert answer.json()["score"] == 8
    api = guarded.get("/openapi.json", Authorization="Bearer let-me-in").json()
    assert api["paths"]["/inspect"]["post"]["security"] and "security" not in api["paths"]["/ready"]["get"]
    assert "Authorization: Bearer" in guarded.get("/docs", Authorization="Bearer let-me-in").text


def test_where_the_token_comes_from(monkeypatch, tmp_path):
    monkeypatch.delenv("TGVIG_TOKEN", raising=False)
    assert read_token(None) is None
    monkeypatch.setenv("TGVIG_TOKEN", "from-the-environment")
    file = tmp_path / "token"
    file.write_text("from-the-file\n")
    assert (read_token(None), read_token(file)) == ("from-the-environment", "from-the-file")
    for wrong in ("", "  ", "two words", "grüße", "a\x07"):
        file.write_text(wrong)
        with pytest.raises(TgvigError, match="holds no token"):
            read_token(file)
        monkeypatch.setenv("TGVIG_TOKEN", wrong)
        with pytest.raises(TgvigError, match="TGVIG_TOKEN holds no token"):
            read_token(None)
    with pytest.raises(TgvigError, match="cannot be read"):
        read_token(tmp_path / "gone")
