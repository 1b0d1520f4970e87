"""The OpenAPI description with the bodies that handlers read themselves, and a page that shows it offline."""

import json
from html import escape
from http import HTTPStatus
from typing import Any, cast

import msgspec
from litestar import Litestar, Request
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import (
    OpenAPI,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Parameter,
    RequestBody,
)
from litestar.routes import HTTPRoute

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.5rem; text-transform: capitalize; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; }
summary { cursor: pointer; padding: .5rem .8rem; display: flex; gap: .8rem; align-items: baseline;
  flex-wrap: wrap; }
summary code { overflow-wrap: anywhere; }
.what { margin-left: auto; opacity: .75; }
.body { padding: 0 .8rem .8rem; border-top: 1px solid var(--line); }
.method { font: 700 12px/1 ui-monospace, monospace; padding: .3rem .5rem; border-radius: 4px; color: #fff;
  min-width: 3.4rem; text-align: center; }
.get { background: #1b6ec2; } .post { background: #1f7a3d; } .put { background: #9a5b00; }
.delete { background: #b3261e; } .patch { background: #6b4fbb; }
table { border-collapse: collapse; width: 100%; margin: .3rem 0 .8rem; }
td { padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--soft); vertical-align: top; }
h3 { font-size: 1rem; margin: .9rem 0 .2rem; }
"""

_FORM = {
    "type": "object",
    "properties": {"file": {"type": "string", "format": "binary"}},
    "required": ["file"],
}

_EVENTS = {"type": "object", "properties": {"data": {"type": "string"}}, "required": ["data"]}
_WRONG_FIELDS = {
    "type": "object",
    "description": "What is wrong with each field, by its name.",
    "additionalProperties": {"type": ["array", "object"]},
}


def describe_bodies(application: Litestar) -> None:
    """Adds to the description what handlers state in their `opt`.

    `takes`: the ids or body that they read themselves; `takes_file`: a form with a file; `streams`: events,
    where the body asks for them; `fails`: the body of every error, with the status codes that are documented
    for it; `names_fields`: a 400 may name the wrong fields instead.
    """
    description = application.openapi_schema
    for route in application.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                for method in handler.http_methods:
                    operation = getattr(
                        (description.paths or {}).get(route.path_format), method.lower(), None
                    )
                    if operation is not None:
                        _describe_request(description, operation, handler.opt, method)
                        _describe_answers(description, operation, handler.opt)


def _describe_request(
    description: OpenAPI, operation: Operation, stated: dict[str, Any], method: str
) -> None:
    if kind := stated.get("takes"):
        schema = _schema(description, kind)
        if method == "GET":
            operation.parameters = [*(operation.parameters or []), *_in_query(description, schema)]
        else:
            operation.request_body = RequestBody(content={"application/json": OpenAPIMediaType(schema)})
    if stated.get("takes_file"):
        known = operation.request_body.content if isinstance(operation.request_body, RequestBody) else {}
        form = OpenAPIMediaType(cast(Any, _FORM))
        operation.request_body = RequestBody(content={**known, "multipart/form-data": form})


def _describe_answers(description: OpenAPI, operation: Operation, stated: dict[str, Any]) -> None:
    if stated.get("streams"):
        answer = cast(OpenAPIResponse, (operation.responses or {})["200"])
        answer.content = {**(answer.content or {}), "text/event-stream": OpenAPIMediaType(cast(Any, _EVENTS))}
    if failure := stated.get("fails"):
        schema = _schema(description, failure[0])
        for status in failure[1]:
            names_fields = status == HTTPStatus.BAD_REQUEST and stated.get("names_fields")
            shown = cast(Any, {"anyOf": [schema, _WRONG_FIELDS]}) if names_fields else schema
            content = {"application/json": OpenAPIMediaType(shown)}
            answer = OpenAPIResponse(description=HTTPStatus(status).phrase, content=content)
            operation.responses = (operation.responses or {}) | {str(status): answer}


def _schema(description: OpenAPI, kind: type) -> Any:
    # By its door, because doors use the same names for different bodies.
    door = kind.__module__.split(".")[-2]
    template = f"#/components/schemas/{door}.{{name}}"
    (schema,), components = msgspec.json.schema_components([kind], ref_template=template)
    known = cast(dict[str, Any], description.components.schemas)
    known.update({f"{door}.{name}": component for name, component in components.items()})
    return schema


def _in_query(description: OpenAPI, reference: dict[str, Any]) -> list[Parameter]:
    schema = cast(dict[str, Any], description.components.schemas)[reference["$ref"].rpartition("/")[2]]
    return [
        Parameter(name=name, param_in="query", required=name in schema["required"], schema=field)
        for name, field in schema["properties"].items()
    ]


class OfflinePage(OpenAPIRenderPlugin):
    """The description as one page of HTML: no script, nothing loaded from anywhere."""

    def __init__(self) -> None:
        super().__init__(path="/")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The whole page."""
        return render_page(openapi_schema, self.get_openapi_json_route(request)).encode()


def render_page(schema: dict[str, Any], json_path: str) -> str:
    """The page for an OpenAPI description that is also served at `json_path`."""
    title = escape(schema["info"]["title"])
    intro = escape(schema["info"].get("description") or "")
    groups = "".join(
        f"<h2>{escape(tag)}</h2>{''.join(_operation(schema, *item) for item in items)}"
        for tag, items in _by_tag(schema).items()
    )
    link = f'<a href="{escape(json_path)}">{escape(json_path)}</a>'
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<title>{title}</title><meta name="viewport" content="width=device-width">'
        f'<link rel="icon" href="data:,"><style>{_STYLE}</style></head><body>'
        f"<h1>{title} <small>{escape(schema['info']['version'])}</small></h1>"
        f"<p>{intro}</p>{_keys(schema)}<p>The same for programs: {link}</p>{groups}</body></html>"
    )


def _keys(schema: dict[str, Any]) -> str:
    """What a caller has to send along, from the security schemes."""
    schemes = schema.get("components", {}).get("securitySchemes", {}).items()
    return "".join(
        f"<p>The {escape(door)} door: calls carry their key in the {escape(scheme['in'])} "
        f"<code>{escape(scheme['name'])}</code>. {escape(scheme.get('description') or '')}</p>"
        for door, scheme in schemes
        if "in" in scheme and "name" in scheme
    )


Item = tuple[str, str, dict[str, Any]]


def _by_tag(schema: dict[str, Any]) -> dict[str, list[Item]]:
    groups: dict[str, list[Item]] = {}
    for path, operations in sorted(schema["paths"].items()):
        for method, operation in operations.items():
            if isinstance(operation, dict) and "responses" in operation:
                tag = (operation.get("tags") or ["other"])[0]
                groups.setdefault(tag, []).append((path, method, operation))
    return groups


def _operation(schema: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> str:
    parts = [f"<p>{escape(operation.get('description') or '')}</p>"]
    if parameters := operation.get("parameters"):
        rows = [_row(item["name"], item.get("schema", {}), f"in {item['in']}") for item in parameters]
        parts.append(f"<h3>Parameters</h3>{_table(rows)}")
    if body := operation.get("requestBody"):
        parts.append(f"<h3>Body</h3>{_content(schema, body)}")
    for status, response in sorted(operation["responses"].items()):
        described = escape(response.get("description") or "")
        parts.append(f"<h3>{escape(status)} {described}</h3>{_content(schema, response)}")
    return (
        f'<details><summary><span class="method {method}">{method.upper()}</span><code>{escape(path)}</code>'
        f'<span class="what">{escape(operation.get("summary") or "")}</span></summary>'
        f'<div class="body">{"".join(parts)}</div></details>'
    )


def _content(schema: dict[str, Any], holder: dict[str, Any]) -> str:
    for media in holder.get("content", {}).values():
        part = media.get("schema") or {}
        for option in part.get("anyOf") or [part]:
            if rows := _fields(schema, option, ""):
                return _table(rows)
    return ""


def _fields(schema: dict[str, Any], part: dict[str, Any], prefix: str) -> list[str]:
    """A row for each field, those of nested objects and lists under dotted names."""
    shown = _resolved(schema, part)
    required = set(shown.get("required", ()))
    rows: list[str] = []
    for name, field in shown.get("properties", {}).items():
        inner = _resolved(schema, field)
        items = _resolved(schema, inner.get("items", {}))
        rows.append(_row(prefix + name, inner, "required" if name in required else ""))
        rows += _fields(schema, inner, f"{prefix}{name}.") or _fields(schema, items, f"{prefix}{name}[].")
    return rows


def _resolved(schema: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    name = str(part.get("$ref", "")).rpartition("/")[2]
    found: dict[str, Any] = schema.get("components", {}).get("schemas", {}).get(name, part)
    return found


def _row(name: str, field: dict[str, Any], note: str) -> str:
    return (
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(_type(field))}</td><td>{escape(note)}</td></tr>"
    )


def _table(rows: list[str]) -> str:
    return f"<table>{''.join(rows)}</table>"


def _type(field: dict[str, Any]) -> str:
    if options := field.get("anyOf") or field.get("oneOf"):
        return " or ".join(_type(option) for option in options)
    if "const" in field or "enum" in field:
        values = field.get("enum") or [field["const"]]
        return ", ".join(value if isinstance(value, str) else json.dumps(value) for value in values)
    if reference := field.get("$ref"):
        return str(reference).rpartition("/")[2]
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}))}"
    kind = field.get("type", "any")
    plain = " or ".join(kind) if isinstance(kind, list) else str(kind)
    return plain + _limits(field)


def _limits(field: dict[str, Any]) -> str:
    words = {"format": "{}", "minimum": "≥ {}", "maximum": "≤ {}", "maxLength": "at most {} characters"}
    said = [form.format(field[name]) for name, form in words.items() if name in field]
    return f" ({', '.join(said)})" if said else ""
