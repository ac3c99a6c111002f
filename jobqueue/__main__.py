"""`python -m jobqueue` is the `jobqueue` command."""

from jobqueue.cli.main import main

if __name__ == "__main__":
    main()
