"""The API's description as one page of plain HTML, made from its OpenAPI document: no script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from tgvig_core.utils import strict_json

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""What the page may load: nothing but its own style."""

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1c2127; background: #fff }
body { max-width: 52rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.5rem; border-top: 1px solid #d5dae0; padding-top: 1rem }
h3 { font-size: 1rem } code, pre { font: 0.875rem/1.45 ui-monospace, monospace }
pre { background: #f3f5f7; padding: 0.75rem; overflow-x: auto } a { color: #0b57a4 }
table { border-collapse: collapse; width: 100%; display: block; overflow-x: auto }
td, th { text-align: left; vertical-align: top; padding: 0.3rem 1rem 0.3rem 0; border-bottom: 1px solid #e4e8ec }
th { font-weight: 600 }
@media (prefers-color-scheme: dark) {
  body { color: #dfe3e8; background: #15181c } pre { background: #20252b } a { color: #7db8f0 }
  h2, td, th { border-color: #353c44 }
}
"""


def page(api: dict[str, Any]) -> str:
    """HTML of an OpenAPI 3.1 document."""
    schemas = api["components"]["schemas"]
    calls = [(method.upper(), path, call) for path, methods in api["paths"].items() for method, call in methods.items()]
    title = escape(api["info"]["title"])
    body = "".join(_call(*call, schemas) for call in calls)
    shapes = "".join(_shape(name, schema) for name, schema in schemas.items())
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body><main>'
        f"<h1>{title} <small>{escape(api['info']['version'])}</small></h1>{_paragraphs(api['info']['description'])}"
        f'<p>For programs: <a href="openapi.json">openapi.json</a></p>{body}<h2>Shapes</h2>{shapes}</main></body></html>'
    )


def _call(method: str, path: str, call: dict[str, Any], schemas: dict[str, Any]) -> str:
    guarded = "<p>Needs the header <code>Authorization: Bearer TOKEN</code>.</p>" if call.get("security") else ""
    body = call.get("requestBody")
    sends = f"<h3>Send</h3><p>{escape(body['description'])}</p>{_example(path)}" if body else ""
    rows = [
        [status, escape(answer["description"]), _kinds(answer)] for status, answer in sorted(call["responses"].items())
    ]
    shown = call["responses"]["200"].get("content", {}).get("application/json", {}).get("schema", {}).get("$ref")
    return (
        f"<h2><code>{method} {escape(path)}</code> {escape(call['summary'])}</h2>{_paragraphs(call['description'])}"
        f"{guarded}{sends}<h3>Answers</h3>{_table(['Status', 'When', 'What'], rows)}"
        + (_sample(schemas[_name(shown)]) if shown else "")
    )


def _example(path: str) -> str:
    lines = [
        f"curl -F photo=@part.png http://HOST:PORT{path}",
        "curl --data-binary @part.png -H 'Content-Type: image/png' -H 'Accept: image/png' -o heatmap.png \\",
        f"     http://HOST:PORT{path}",
    ]
    return f"<pre>{escape(chr(10).join(lines))}</pre>"


def _kinds(answer: dict[str, Any]) -> str:
    return "<br>".join(_kind(kind, content["schema"]) for kind, content in answer.get("content", {}).items())


def _kind(kind: str, schema: dict[str, Any]) -> str:
    return f"<code>{escape(kind)}</code>" + (f" {_type(schema)}" if "$ref" in schema else "")


def _shape(name: str, schema: dict[str, Any]) -> str:
    rows = [
        [f"<code>{escape(field)}</code>", _type(about), escape(about.get("description", ""))]
        for field, about in schema["properties"].items()
    ]
    head = f'<h3 id="{escape(name)}">{escape(name)}</h3>{_paragraphs(schema.get("description", ""))}'
    return head + _table(["Field", "Type", "Meaning"], rows)


def _sample(schema: dict[str, Any]) -> str:
    shown = strict_json.dumps(schema["examples"][0], indent=2, ensure_ascii=False)
    return f"<pre>{escape(shown)}</pre>"


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(_name(schema["$ref"]))
        return f'<a href="#{name}">{name}</a>'
    if "enum" in schema:
        return " or ".join(escape(repr(value)) for value in schema["enum"])
    if schema.get("type") == "array":
        inner = schema.get("items") or schema["prefixItems"][0]
        return f"list of {_type(inner)}"
    return escape(schema.get("type") or repr(schema.get("const", "anything")))


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


def _table(head: list[str], rows: list[list[str]]) -> str:
    """Cells are HTML already."""
    return f"<table>{''.join(_rows([head], 'th'))}{''.join(_rows(rows, 'td'))}</table>"


def _rows(rows: list[list[str]], cell: str) -> Iterator[str]:
    for row in rows:
        yield f"<tr>{''.join(f'<{cell}>{text}</{cell}>' for text in row)}</tr>"


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in text.split("\n\n") if part)
