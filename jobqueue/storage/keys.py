"""The names that stored objects may have; checked here and nowhere else."""

import re

MAX_KEY_LENGTH = 512
"""S3 takes 1024 bytes; half of it leaves room for the prefix of the bucket."""

# No name starts with a dot: that rules out `.` and `..` and leaves the dotted
# names to the local folder's own files. 200 characters fit every file system.
_NAME = r"[A-Za-z0-9_=+@,-][A-Za-z0-9._=+@,-]{0,199}"
_KEY = re.compile(rf"{_NAME}(?:/{_NAME})*")


def is_key(key: str) -> bool:
    """Whether `key` may name an object."""
    return len(key) <= MAX_KEY_LENGTH and _KEY.fullmatch(key) is not None


def check_key(key: str) -> str:
    """`key` itself.

    Raises:
        ValueError: it may not name an object.
    """
    if not is_key(key):
        raise ValueError(
            f"{key[:80]!r} is no storage key: it must be names of letters, digits and ._=+@,- "
            f"(none starting with a dot) separated by /, {MAX_KEY_LENGTH} characters at most"
        )
    return key


def check_prefix(prefix: str) -> str:
    """`prefix` itself: empty, or the beginning of a key.

    Raises:
        ValueError: no key starts like this.
    """
    if prefix:
        check_key(prefix.removesuffix("/"))
    return prefix


def check_range(start: int, end: int | None) -> None:
    """Check that bytes `start` to `end` (exclusive) are a range.

    Raises:
        ValueError: they are not.
    """
    if start < 0 or (end is not None and end < start):
        raise ValueError(f"bytes {start} to {end} are no range")
