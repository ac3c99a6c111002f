"""What the command line makes of `--option`."""

from typing import Any, get_args, get_origin, get_type_hints

import pytest

from jobqueue.cli.payload import TEXTS, payload
from jobqueue.render.options import RenderOptions


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("page_ranges=1", "1"),
        ("filename=2024", "2024"),
        ("scale=1.5", 1.5),
        ("landscape=true", True),
        ("margin_top=2cm", "2cm"),
    ],
)
def test_a_text_stays_a_text(option: str, value: object) -> None:
    """A number is a number only where an option takes one."""
    made = payload("report-generation", data=None, template=None, html="x", options=[option])
    assert made["options"] == {option.partition("=")[0]: value}


def test_every_option_that_is_a_text_is_known() -> None:
    """The command knows the options of reports that take any text."""

    def is_text(hint: Any) -> bool:
        if get_origin(hint) in {list, dict}:
            return False
        return hint is str or any(map(is_text, get_args(hint))) or isinstance(hint, str)

    hints = get_type_hints(RenderOptions)
    fields = {name: hints[name] for name in RenderOptions.model_fields}
    assert {name for name, hint in fields.items() if is_text(hint)} == set(TEXTS)
