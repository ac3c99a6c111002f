"""The HTTP API: routes, handlers, schemas."""
