"""The finishing process: reads a plan, writes a PDF, answers what became of it.

It has limits of its own, because the PDFs of users may be made to break their readers.
"""

import errno
import resource
import sys
from typing import Final

import msgspec
import pikepdf
from pikepdf import settings

from jobqueue.render.finishing import archiving
from jobqueue.render.finishing.attaching import attach
from jobqueue.render.finishing.describing import describe
from jobqueue.render.finishing.identifiers import renumber_all
from jobqueue.render.finishing.layering import add_layer
from jobqueue.render.finishing.merging import merged
from jobqueue.render.finishing.opening import damaged
from jobqueue.render.finishing.plan import Finished, Outcome, Plan, Refused
from jobqueue.render.finishing.refusals import DOCUMENT_TOO_LARGE, PDF_TOO_LARGE, CannotFinish
from jobqueue.render.finishing.writing import write

SMALLEST: Final = 9
"""The level of zlib that packs best."""


def finish(plan: Plan) -> Outcome:
    """Do all that a plan says."""
    try:
        return _finish(plan)
    except CannotFinish as error:
        return Refused(error.code, str(error))
    except MemoryError:
        return Refused(PDF_TOO_LARGE, _too_large(plan))
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
        return Refused(
            DOCUMENT_TOO_LARGE,
            f"the document has more than the {plan.largest} bytes that are allowed",
        )
    except (pikepdf.PdfError, RuntimeError, RecursionError) as error:
        if "memory" in str(error).lower() or "bad_alloc" in str(error):
            return Refused(PDF_TOO_LARGE, _too_large(plan))
        refusal = damaged("a file of the request", error)
        return Refused(refusal.code, str(refusal))


def _finish(plan: Plan) -> Finished:
    with merged(plan.pieces) as pdf:
        for layer in plan.layers:
            add_layer(pdf, layer)
        for file in plan.files:
            attach(pdf, file, plan.created)
        warnings = archiving.prepare(pdf, plan.standard) if plan.standard else []
        describe(pdf, plan)
        if plan.reproducible:
            renumber_all(pdf)
        write(pdf, plan)
        pages = len(pdf.pages)
    if plan.standard:
        warnings += archiving.check(plan.output, plan.standard)
    return Finished(pages, warnings)


def _too_large(plan: Plan) -> str:
    return f"finishing the document takes more than {plan.memory >> 20} MiB of memory: divide it"


def _limit(plan: Plan) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (plan.memory, plan.memory))
    resource.setrlimit(resource.RLIMIT_CPU, (plan.seconds, plan.seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (plan.largest, plan.largest))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Finish the document that standard input tells of."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    _limit(plan)
    if plan.compress:
        settings.set_flate_compression_level(SMALLEST)
    sys.stdout.buffer.write(msgspec.json.encode(finish(plan)))


if __name__ == "__main__":
    main()
