"""Logging: structlog, JSON lines on stderr in production, readable lines on a terminal."""
