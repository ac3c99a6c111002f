"""All Playwright: browser pool, templates, PDF."""
