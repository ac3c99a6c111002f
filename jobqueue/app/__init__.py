"""The use cases: what http, worker and users' code call."""
