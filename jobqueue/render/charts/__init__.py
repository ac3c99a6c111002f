"""Charts: Vega-Lite to SVG, in a process that can be killed."""
