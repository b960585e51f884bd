"""GET /docs: the OpenAPI document in Swagger UI, whose files are served from here (nothing is fetched from outside)."""

from __future__ import annotations

from flask import Response, current_app, redirect, request, send_from_directory
from flask_smorest import Blueprint
from swagger_ui_bundle import swagger_ui_path
from werkzeug import Response as BaseResponse

from facade.api.openapi import document as openapi_document
from facade.api.schemas import refusals

blueprint = Blueprint("docs", __name__, description="This documentation")
_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>dmp-facade</title><link rel="stylesheet" href="docs/assets/swagger-ui.css"></head>
<body><div id="ui"></div>
<script src="docs/assets/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body></html>
"""
_ONLY_FROM_HERE = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
_FILE = {
    "200": {"description": "A file of Swagger UI", "content": {"*/*": {}}},
    **refusals({"404": "There is no such file"}),
}
_START = 'window.ui = SwaggerUIBundle({ url: "openapi.json", dom_id: "#ui" });\n'


@blueprint.route("/docs")
@blueprint.doc(responses={"200": {"description": "Swagger UI", "content": {"text/html": {}}}}, security=[])
def page() -> BaseResponse:
    """The page. Its links are relative, for a facade behind a prefix, so it has one address: without a slash."""
    if request.path.endswith("/"):
        return redirect("../docs", 308)
    response = Response(_PAGE, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = _ONLY_FROM_HERE
    return response


@blueprint.route("/docs/<path:name>")
@blueprint.doc(responses=_FILE, security=[])
def asset(name: str) -> Response:
    """A file of the page."""
    if name == "start.js":
        return Response(_START, content_type="text/javascript; charset=utf-8")
    return send_from_directory(swagger_ui_path, name.removeprefix("assets/"))


@blueprint.route("/openapi.json")
@blueprint.doc(responses={"200": {"description": "This document", "content": {"application/json": {}}}}, security=[])
def document() -> Response:
    """The OpenAPI document."""
    return Response(openapi_document(current_app), content_type="application/json")
