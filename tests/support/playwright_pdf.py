"""What Playwright's own `page.pdf` must be told to print what the render pool prints."""

from typing import Any

from jobqueue.render.options import RenderOptions
from jobqueue.render.printing import print_parameters


def pdf_arguments(options: RenderOptions) -> dict[str, Any]:
    """The arguments of `page.pdf` for `options`."""
    parameters = print_parameters(options)
    sides = ("top", "right", "bottom", "left")
    return {
        "width": f"{parameters['paperWidth']}in",
        "height": f"{parameters['paperHeight']}in",
        "margin": {side: f"{parameters[f'margin{side.title()}']}in" for side in sides},
        "landscape": options.landscape,
        "scale": options.scale,
        "prefer_css_page_size": options.prefer_css_page_size,
        "print_background": options.print_background,
    }
