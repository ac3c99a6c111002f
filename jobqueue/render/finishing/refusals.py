"""Why the finishing process refuses: raised inside of it, and told by `Refused`."""

PDF_ENCRYPTED = "pdf_encrypted"
PDF_DAMAGED = "pdf_damaged"
PDF_TOO_LARGE = "pdf_too_large"
PDF_A_IMPOSSIBLE = "pdf_a_impossible"
INVALID_PAGE_RANGE = "invalid_page_range"
DOCUMENT_TOO_LARGE = "document_too_large"
TOO_MANY_PAGES = "too_many_pages"


class CannotFinish(Exception):
    """What was asked for can never be done with these files."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
