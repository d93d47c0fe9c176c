"""One process of `WorkerProcesses`: it reads jobs and writes their outcomes until its input ends.

    python -m houseful.adapters.processes.worker

Both directions carry numbers of 8 bytes (the length of a pickle, the number of its buffers, the length of
each), the pickle, and its buffers, which hold large bytes without a copy. The input pipe ends with the parent
process, and the worker ends with the pipe.
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
    """A pickled object and its buffers."""

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
    """Read one object. Returns None at the end of the input, also within an object."""

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
    """The result of a job, or its error in parts that reconstruct it: many errors cannot be pickled whole."""
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
    """Reconstruct an error. Its note holds the trace of the worker."""
    kind, arguments, state, trace = told
    error = kind.__new__(kind)
    error.args = arguments
    vars(error).update(state)
    error.add_note(f"In a worker process:\n{trace}")
    return error


def _step_back() -> None:
    """Lower the priority: other processes preempt this one at once.

    On a single core SCHED_IDLE could starve the worker, so that it gets niceness alone.
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
