"""The way out: a proxy that vets where documents and webhooks may go."""
