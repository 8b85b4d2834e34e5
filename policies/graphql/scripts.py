"""The Lua files that policies about GraphQL share."""

from pathlib import Path

from policies.scripting.script import BODY, JSON

FILES = [BODY, JSON, *(Path(__file__).with_name(name) for name in ("document.lua", "request.lua"))]
"""For `script`: graphql_requests, graphql_document, refused_request, and those of BODY and JSON."""
SCHEMA = Path(__file__).with_name("schema.lua")
"""A file behind them: graphql_schema, which reads settings.file, type_name and META."""
