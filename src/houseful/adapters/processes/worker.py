"""One process of `WorkerProcesses`: it reads a piece of work, does it and writes what came of it, until there
is no more.

    python -m houseful.adapters.processes.worker

Both ways go a length (8 bytes) and a pickle. The pipe that brings the work ends with the process at its other
end, however that ends, and so does this one.
"""

import os
import pickle
import signal
import sys
import traceback
from typing import Any, BinaryIO

LENGTH_BYTES = 8
NICENESS = 10


def read(source: BinaryIO) -> bytes | None:
    """None at the end, also in the middle of something."""
    length = source.read(LENGTH_BYTES)
    if len(length) < LENGTH_BYTES:
        return None
    size = int.from_bytes(length, "big")
    body = source.read(size)
    return body if len(body) == size else None


def outcome(work: bytes) -> bytes:
    """Whether the work returned, and what; else an error, in parts that make it again: many can't be pickled
    whole."""
    try:
        function, arguments = pickle.loads(work)  # noqa: S301 - from the process that started this one
        return pickle.dumps((True, function(*arguments)), pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        told = (type(error), error.args, vars(error), traceback.format_exc())
        try:
            return pickle.dumps((False, told), pickle.HIGHEST_PROTOCOL)
        except Exception:
            return pickle.dumps((False, (RuntimeError, (repr(error),), {}, told[3])))


def error_of(told: tuple[type[Exception], tuple[Any, ...], dict[str, Any], str]) -> Exception:
    """The error again; it was raised elsewhere, and its note says where."""
    kind, arguments, state, trace = told
    error = kind.__new__(kind)
    error.args = arguments
    vars(error).update(state)
    error.add_note(f"In a worker process:\n{trace}")
    return error


def _step_back() -> None:
    """Whoever else wants a core has it at once, and not at the end of a slice. Where there is a single core
    that could mean never, so there it is niceness alone.
    """
    os.nice(NICENESS)
    if sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def main() -> None:
    # A terminal or a service manager signals all processes at once; this one goes with the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _step_back()
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    while (work := read(source)) is not None:
        done = outcome(work)
        try:
            sink.write(len(done).to_bytes(LENGTH_BYTES, "big"))
            sink.write(done)
            sink.flush()
        except BrokenPipeError:
            break
        del work, done
    os._exit(0)  # without the farewell of an interpreter, which would flush into a pipe that is gone


if __name__ == "__main__":
    main()
