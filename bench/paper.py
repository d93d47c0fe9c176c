"""What the tickets of one order cost as PDF, and a QR code by itself.

python -m bench paper
"""

import time
from collections.abc import Callable

from houseful.tickets.documents import ticket_pdf
from tests.unit.tickets.test_documents import CODE, order, show, ticket

_TIMES = 40


def main(_arguments: list[str]) -> None:
    tickets = [ticket(1), ticket(2)]
    pdf = millis(lambda: ticket_pdf.tickets_pdf(show(), order(*tickets), tickets))
    print(f"a PDF with two tickets: {pdf:.1f} ms", flush=True)
    code = millis(lambda: ticket_pdf.qr_svg(CODE))
    print(f"a QR code: {code:.1f} ms", flush=True)


def millis(work: Callable[[], object]) -> float:
    """Of CPU, on average; the first time, which loads fonts and libraries, does not count."""
    work()
    began = time.process_time()
    for _ in range(_TIMES):
        work()
    return (time.process_time() - began) / _TIMES * 1000
