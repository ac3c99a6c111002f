"""What happens to a report's payload at its submit: the template's version is pinned to it."""

from typing import Any

import msgspec

from jobqueue.jobs.template_shelf import TemplateShelf


class ReportPinning:
    """Turns `"template": "letter"` into `"letter@3"`, and checks the data against version 3.

    So a version that is put later does not change a job that waits, and all attempts of a job
    use the same. Shipped templates, and those on disk, come with the program and have no versions.
    """

    def __init__(self, shelf: TemplateShelf) -> None:
        self._shelf = shelf

    async def __call__(self, payload: bytes) -> bytes:
        """The payload as the job is to keep it.

        Raises:
            UnknownTemplate: there is no template of that name.
            InvalidRequest: the data does not fit it; names every wrong field.
            StorageUnavailable: the storage does not answer.
        """
        if b'"template"' not in payload:
            return payload
        fields = _fields(payload)
        name = fields.get("template")
        if not isinstance(name, str) or name in self._shelf.shipped.names():
            return payload
        template = await self._shelf.find(name)
        data = fields.get("data", {})
        await self._shelf.filler.validate(template, data, at="/data")
        if template.label == name:
            return payload
        return msgspec.json.encode(fields | {"template": template.label})


def _fields(payload: bytes) -> dict[str, Any]:
    try:
        fields = msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError):
        return {}  # the parser says what is wrong
    return fields if isinstance(fields, dict) else {}
