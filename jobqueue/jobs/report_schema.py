"""What a report's payload may be, as JSON Schema."""

from typing import Any

from jobqueue.jobs.page_sources import PAGE_SCHEMAS
from jobqueue.jobs.report_parts import parts_schema
from jobqueue.jobs.template_keys import LABEL_PATTERN
from jobqueue.render.options import RenderOptions
from jobqueue.render.templates import Templates


def payload_schema(templates: Templates, *, own: bool = False) -> dict[str, Any]:
    """The JSON Schema of a report's payload; a template's data has a schema of its own.

    Args:
        templates: the shipped templates.
        own: whether there may be others.
    """
    options = RenderOptions.model_json_schema()
    names = {"pattern": LABEL_PATTERN} if own else {"enum": list(templates.names())}
    kinds = {
        "template": {"type": "string", **names},
        "data": {"type": "object", "description": "what the template is filled with"},
        "html": {"type": "string", "minLength": 1, "description": "a complete document"},
        "markdown": {"type": "string", "minLength": 1, "description": "a text in Markdown"},
        **PAGE_SCHEMAS,
    }
    return {
        "$defs": options.pop("$defs", {}),
        "type": "object",
        "properties": {**kinds, "parts": parts_schema(kinds), "options": options},
        "oneOf": [
            {"required": ["template"]} if own else {"required": ["template", "data"]},
            {"required": ["html"]},
            {"required": ["markdown"]},
            {"required": ["bundle"]},
            {"required": ["url"]},
            {"required": ["parts"]},
        ],
        "additionalProperties": False,
    }
