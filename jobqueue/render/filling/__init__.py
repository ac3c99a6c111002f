"""Where users' templates and Markdown become HTML: in processes that can be killed."""
