"""Wiring: roles become parts, parts become a running service."""

from jobqueue.service.service import Service, running_service, serve

__all__ = ["Service", "running_service", "serve"]
