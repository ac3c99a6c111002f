"""The verbs of the `jobqueue` command; each module's `command` is loaded when it is called."""
