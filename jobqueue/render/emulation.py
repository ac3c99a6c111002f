"""Setting up a live page for its document.

Everything is a switch of the page and none of its context, so that a page that was opened
ahead fits any job.

Source: DevTools protocol, https://chromedevtools.github.io/devtools-protocol/tot/Emulation/.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

from jobqueue.render.options import RenderOptions
from jobqueue.render.tab import Tab

_TRANSPARENT = {"r": 0, "g": 0, "b": 0, "a": 0}


async def prepare(tab: Tab, options: RenderOptions) -> None:
    """Give a fresh page what `options` say of it."""
    calls = list(_switches(options))
    if options.locale is not None:
        calls += await _language(tab, options.locale, options.user_agent)
    await asyncio.gather(
        tab.show_as(options.shown_media, options.color_scheme),
        *(tab.session.send(f"Emulation.{name}", parameters) for name, parameters in calls),
    )


def _switches(options: RenderOptions) -> Iterator[tuple[str, dict[str, Any]]]:
    width, height = options.viewport
    metrics = {"width": width, "height": height, "deviceScaleFactor": options.device_scale}
    yield "setDeviceMetricsOverride", {**metrics, "mobile": False}
    if not options.javascript:
        yield "setScriptExecutionDisabled", {"value": True}
    if options.timezone is not None:
        yield "setTimezoneOverride", {"timezoneId": options.timezone}
    if options.omit_background:
        yield "setDefaultBackgroundColorOverride", {"color": _TRANSPARENT}


async def _language(
    tab: Tab, locale: str, user_agent: str | None
) -> list[tuple[str, dict[str, Any]]]:
    """The calls that make scripts format and greet by a locale."""
    version = await tab.session.send("Browser.getVersion")
    agent = {"userAgent": user_agent or version["userAgent"], "acceptLanguage": locale}
    return [("setLocaleOverride", {"locale": locale}), ("setUserAgentOverride", agent)]
