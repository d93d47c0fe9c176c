"""One process of `WorkerProcesses`: it reads a piece of work, does it and writes what came of it, until there
is no more.

    python -m houseful.adapters.processes.worker

Both ways go numbers of 8 bytes (the length of a pickle, how many buffers it has, the length of each), the
pickle and its buffers, which are large bytes that nobody copied into it. The pipe that brings the work ends
with the process at its other end, however that ends, and so does this one.
"""

import os
import pickle
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Any, BinaryIO, NamedTuple

NUMBER_BYTES = 8
NICENESS = 10


class Pickled(NamedTuple):
    """An object on its way."""

    pickled: bytes
    buffers: Sequence[bytes | memoryview]

    @classmethod
    def of(cls, thing: Any) -> "Pickled":
        buffers: list[pickle.PickleBuffer] = []
        pickled = pickle.dumps(thing, 5, buffer_callback=buffers.append)
        return cls(pickled, [buffer.raw() for buffer in buffers])

    def head(self) -> bytes:
        numbers = [len(self.pickled), len(self.buffers), *map(len, self.buffers)]
        return b"".join(number.to_bytes(NUMBER_BYTES, "big") for number in numbers)

    def thing(self) -> Any:
        return pickle.loads(self.pickled, buffers=self.buffers)  # noqa: S301 - between processes of our own


class _Ended(Exception):
    pass


def read(source: BinaryIO) -> Pickled | None:
    """None at the end, also in the middle of something."""

    def exactly(size: int) -> bytes:
        found = source.read(size)
        if len(found) < size:
            raise _Ended
        return found

    def number() -> int:
        return int.from_bytes(exactly(NUMBER_BYTES), "big")

    try:
        size, count = number(), number()
        sizes = [number() for _ in range(count)]
        return Pickled(exactly(size), [exactly(one) for one in sizes])
    except _Ended:
        return None


def outcome(work: Pickled) -> Pickled:
    """Whether the work returned, and what; else an error, in parts that make it again: many can't be pickled
    whole."""
    try:
        function, arguments = work.thing()
        return Pickled.of((True, function(*arguments)))
    except Exception as error:
        told = (type(error), error.args, vars(error), traceback.format_exc())
        try:
            return Pickled.of((False, told))
        except Exception:
            return Pickled.of((False, (RuntimeError, (repr(error),), {}, told[3])))


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
            for part in (done.head(), done.pickled, *done.buffers):
                sink.write(part)
            sink.flush()
        except BrokenPipeError:
            break
        del work, done
    os._exit(0)  # without the farewell of an interpreter, which would flush into a pipe that is gone


if __name__ == "__main__":
    main()
