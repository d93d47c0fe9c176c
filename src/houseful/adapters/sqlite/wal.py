"""Inspection of SQLite's write-ahead log before SQLite opens it.

When SQLite opens a database, it reads the log as far as the checksums match and silently discards the rest.
That is right after a crash in the middle of a commit, and loses acknowledged commits where the file was
damaged. Two facts tell the cases apart. Each commit is synced before the next begins, so that at most the
last one may be torn. The index beside the log (`-shm`), which survives a killed process, records how far the
log was synced. Formats: https://www.sqlite.org/fileformat2.html#walformat, /walformat.html.
"""

import struct
from pathlib import Path
from typing import NamedTuple

_HEADER_BYTES = 32
_FRAME_HEADER_BYTES = 24
_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}
"""The byte order of the checksums, by magic number."""
_MASK = 0xFFFFFFFF
_INDEX_HEADER = struct.Struct("=IIIBBHII8s8s8s")
_BACKFILLED_AT = 96


class _Index(NamedTuple):
    """The index's records: of the log with these salts, frames up to `last` were synced, frames up to
    `copied` are in the database.
    """

    salts: bytes
    last: int
    copied: int


class _Log(NamedTuple):
    """`whole` is the last frame of the last complete commit.

    `behind` counts later commits whose frames chain.
    """

    salts: bytes
    frames: int
    whole: int
    behind: int


def faults(database: Path) -> list[str]:
    """Reasons why opening the database would lose acknowledged commits; empty where none would be lost.

    A server may work on the file meanwhile.
    """
    database = database.resolve()  # the log lies beside what a link names
    index = _index(database.with_name(database.name + "-shm"))
    log_file = database.with_name(database.name + "-wal")
    content = log_file.read_bytes() if log_file.exists() else b""
    missing = 0 if index is None else index.last - index.copied
    if not content:
        return [f"its log {log_file.name} is gone, with {missing} pages"] if missing > 0 else []
    log = _read(content)
    if log is None:
        torn = len(content) <= _HEADER_BYTES and missing <= 0  # before anything was committed
        done = index is not None and missing <= 0
        if torn or done:
            return []
        return [f"the beginning of its log {log_file.name} is damaged: nothing in it would be read"]
    if index is not None and index.salts == log.salts:
        if missing > 0 and index.last > log.whole:
            return [f"its log {log_file.name} ends or is damaged at page {log.whole + 1} of {index.last}"]
        return []
    if log.behind > 1:
        return [
            f"its log {log_file.name} is damaged at page {log.whole + 1}: {log.behind} commits behind it "
            "would not be read"
        ]
    return []


def _index(file: Path) -> _Index | None:
    """The index, or None where it is missing or not in use."""
    content = file.read_bytes()[: _BACKFILLED_AT + 4] if file.exists() else b""
    if len(content) < _BACKFILLED_AT + 4:
        return None
    _, _, _, in_use, _, _, last, _, _, salts, _ = _INDEX_HEADER.unpack_from(content)
    [copied] = struct.unpack_from("=I", content, _BACKFILLED_AT)
    both_agree = content[: _INDEX_HEADER.size] == content[_INDEX_HEADER.size : 2 * _INDEX_HEADER.size]
    return _Index(salts, last, copied) if in_use and last and both_agree else None


def _read(content: bytes) -> _Log | None:
    """The log, or None where its header is unreadable."""
    if len(content) < _HEADER_BYTES:
        return None
    magic, _, page_bytes, _, salts, sums = struct.unpack_from(">IIII8s8s", content)
    order = _MAGIC.get(magic)
    if order is None or not 512 <= page_bytes <= 65536 or page_bytes & (page_bytes - 1):
        return None
    if _sum(content[:24], b"\0" * 8, order) != sums:
        return None
    whole = behind = 0
    broken = False
    frame_bytes = _FRAME_HEADER_BYTES + page_bytes
    frames = (len(content) - _HEADER_BYTES) // frame_bytes
    for number in range(1, frames + 1):
        start = _HEADER_BYTES + (number - 1) * frame_bytes
        commits, frame_salts, frame_sums = struct.unpack_from(">4xI8s8s", content, start)
        if frame_salts != salts:
            if not broken:
                break  # of the log's life before
            continue
        data = content[start : start + 8] + content[start + _FRAME_HEADER_BYTES : start + frame_bytes]
        if _sum(data, sums, order) != frame_sums:
            broken = True
        elif commits and not broken:
            whole = number
        elif commits:
            behind += 1
        sums = frame_sums
    return _Log(salts, frames, whole, behind)


def _sum(data: bytes, before: bytes, order: str) -> bytes:
    one, two = struct.unpack(">II", before)
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + two) & _MASK
        two = (two + second + one) & _MASK
    return struct.pack(">II", one, two)
