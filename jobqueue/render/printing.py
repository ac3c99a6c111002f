"""Turning options into the arguments of Chromium's print call."""

from typing import Any

from jobqueue.render.options import PdfOptions
from jobqueue.render.paper import DEFAULT_FORMAT, FORMATS

_BAND = (
    '<div style="box-sizing:border-box;width:100%;padding:0 {right:.4f}in 0 {left:.4f}in;'
    "font:8pt/1.3 'Liberation Sans','Noto Sans',Arial,'DejaVu Sans',sans-serif;color:#444;"
    '-webkit-print-color-adjust:exact">{html}</div>'
)
"""Chromium's own style would print header and footer at 0 px, from edge to edge."""

_NOTHING = "<span></span>"
"""Instead of the date and address that Chromium prints where a band is not given."""


def print_arguments(options: PdfOptions) -> dict[str, Any]:
    """The keyword arguments of Playwright's `page.pdf` for `options`."""
    width, height = FORMATS[options.format or DEFAULT_FORMAT]
    if options.paper_width is not None and options.paper_height is not None:
        width, height = options.paper_width, options.paper_height
    arguments: dict[str, Any] = {
        "width": f"{width:.4f}in",
        "height": f"{height:.4f}in",
        "landscape": options.landscape,
        "margin": {
            "top": f"{options.margin_top:.4f}in",
            "right": f"{options.margin_right:.4f}in",
            "bottom": f"{options.margin_bottom:.4f}in",
            "left": f"{options.margin_left:.4f}in",
        },
        "scale": options.scale,
        "prefer_css_page_size": options.prefer_css_page_size,
        "print_background": options.print_background,
    }
    if options.page_ranges is not None:
        arguments["page_ranges"] = options.page_ranges
    if options.header_html is not None or options.footer_html is not None:
        arguments["display_header_footer"] = True
        arguments["header_template"] = _band(options.header_html, options)
        arguments["footer_template"] = _band(options.footer_html, options)
    return arguments


def _band(html: str | None, options: PdfOptions) -> str:
    if html is None:
        return _NOTHING
    return _BAND.format(right=options.margin_right, left=options.margin_left, html=html)
