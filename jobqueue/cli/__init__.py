"""The `jobqueue` command, one file a verb."""
