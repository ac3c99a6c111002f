"""A reliable job queue on Redis and an HTML-to-PDF report service, in one asyncio program."""
