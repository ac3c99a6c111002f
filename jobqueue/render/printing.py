"""Turning options into the parameters of Chromium's print call."""

from typing import Any

from jobqueue.render.options import RenderOptions
from jobqueue.render.paper import DEFAULT_FORMAT, FORMATS

_BAND = (
    '<div style="box-sizing:border-box;width:100%;padding:0 {right:.4f}in 0 {left:.4f}in;'
    "font:8pt/1.3 'Liberation Sans','Noto Sans',Arial,'DejaVu Sans',sans-serif;color:#444;"
    '-webkit-print-color-adjust:exact">{html}</div>'
)
"""Chromium's own style would print header and footer at 0 px, from edge to edge."""

_NOTHING = "<span></span>"
"""Instead of the date and address that Chromium prints where a band is not given."""


def print_parameters(options: RenderOptions) -> dict[str, Any]:
    """The parameters of Chromium's `Page.printToPDF` for `options`; lengths are inches."""
    width, height = FORMATS[options.format or DEFAULT_FORMAT]
    if options.paper_width is not None and options.paper_height is not None:
        width, height = options.paper_width, options.paper_height
    parameters: dict[str, Any] = {
        "paperWidth": width,
        "paperHeight": height,
        "landscape": options.landscape,
        "marginTop": options.margin_top,
        "marginRight": options.margin_right,
        "marginBottom": options.margin_bottom,
        "marginLeft": options.margin_left,
        "scale": options.scale,
        "preferCSSPageSize": options.prefer_css_page_size,
        "printBackground": options.print_background,
        "generateTaggedPDF": options.is_tagged,
    }
    if options.outline:
        parameters["generateDocumentOutline"] = True
    if options.page_ranges is not None:
        parameters["pageRanges"] = options.page_ranges
    if options.header_html is not None or options.footer_html is not None:
        parameters["displayHeaderFooter"] = True
        parameters["headerTemplate"] = _band(options.header_html, options)
        parameters["footerTemplate"] = _band(options.footer_html, options)
    return parameters


def _band(html: str | None, options: RenderOptions) -> str:
    if html is None:
        return _NOTHING
    return _BAND.format(right=options.margin_right, left=options.margin_left, html=html)
