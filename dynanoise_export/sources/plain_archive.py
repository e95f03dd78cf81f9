"""The zip archives of PyTorch, in the one form that every reader understands in the same way.

PyTorch's own reader ignores the case of names, takes archives with other bytes before or after them, and gives a file
with another magic number to another loader. So what is checked here could differ from what it loads. A file is taken
only if its bytes are the members and the directory that names them, in the order in which they lie, and nothing else.
"""

import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dynanoise_export.errors import FormatError, UntrustedCodeError
from dynanoise_export.records import reading

# The parts of a zip archive: a member's header, the directory's entry for it, and the three records at the end.
LOCAL, ENTRY, END = struct.Struct("<4s5H3L2H"), struct.Struct("<4s6H3L5H2L"), struct.Struct("<4s4H2LH")
END64, LOCATOR = struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
DESCRIPTORS = (struct.Struct("<4s3L"), struct.Struct("<4sL2Q"))
# Sizes and counts beyond these stand in the fields of 64 bits.
FULL, FULL_COUNT = 0xFFFFFFFF, 0xFFFF
STORED, DEFLATED = 0, 8
# Of the flags, PyTorch sets these two: sizes follow the content, and names are in UTF-8.
AFTERWARDS, KNOWN_FLAGS = 0x0008, 0x0808
NEWEST_VERSION = 45
# A name within the top folder. No part of it is a dot or two.
NAME = re.compile(r"(?!.*(?:^|/)\.{1,2}(?:/|$))[A-Za-z0-9_.+@=, -]+(?:/[A-Za-z0-9_.+@=, -]+)*", re.ASCII)
# Only the code of a module is compressed, and code is small; directories are smaller.
MOST_INFLATED = 64 << 20
MOST_MEMBERS = 200_000


@dataclass(frozen=True)
class Member:
    """One file in an archive.

    Attributes:
        name: within the top folder.
        start: where its content begins in the archive.
        stored: the bytes that it takes there.
        size: of its content.
        checksum: CRC-32 of its content.
    """

    name: str
    start: int
    stored: int
    size: int
    checksum: int


@dataclass(frozen=True)
class PlainArchive:
    """The members of an archive, by their names within its top folder.

    Attributes:
        path: of the file.
        members: by name.
    """

    path: Path
    members: dict[str, Member]

    def read(self, name: str) -> bytes:
        """Read one member.

        Raises:
            FormatError: its content is damaged.
        """
        member = self.members[name]
        with self.path.open("rb") as file:
            file.seek(member.start)
            content = file.read(member.stored)
        if member.stored != member.size or zlib.crc32(content) != member.checksum:
            content = _inflated(self.path, member, content)
        return content


def read_plain_archive(path: Path) -> PlainArchive:
    """Read the directory of an archive, and check that the file is this one archive in every reader's eyes.

    Raises:
        FormatError: the file is no zip archive, or is cut short.
        UntrustedCodeError: readers might differ about it.
    """
    with reading(path, "an archive of PyTorch"), path.open("rb") as file:
        start, entries = _directory(path, file)
        if sum(entry.size for entry in entries if entry.stored != entry.size) > MOST_INFLATED:
            raise _two_readings(path, "compressed members that are too large")
        members, end = [], 0
        for entry in sorted(entries, key=lambda entry: entry.offset):
            member, end = _member(path, file, entry, end)
            members.append(member)
        if end != start:
            raise _two_readings(path, "bytes between its members")
    return PlainArchive(path, dict(zip(_inner_names(path, members), members, strict=True)))


@dataclass(frozen=True)
class _Entry:
    name: bytes
    flags: int
    method: int
    checksum: int
    stored: int
    size: int
    offset: int


def _two_readings(path: Path, finding: str) -> UntrustedCodeError:
    return UntrustedCodeError(
        f"{path} has {finding}, so PyTorch might load something else than what is checked here: save the model again "
        "with PyTorch or, if you trust its origin, add --allow-pickle."
    )


def _directory(path: Path, file: BinaryIO) -> tuple[int, list[_Entry]]:
    """Read the directory: where it begins, and its entries."""
    length = file.seek(0, 2)
    start, size, count, end = _end(path, file, length)
    if start + size != end or count > MOST_MEMBERS:
        raise _two_readings(path, "bytes after its directory, or too many members")
    file.seek(start)
    content = file.read(size)
    entries = []
    position = 0
    for _ in range(count):
        entry, position = _entry(path, content, position)
        entries.append(entry)
    if position != size:
        raise _two_readings(path, "bytes in its directory that are no entry")
    return start, entries


def _end(path: Path, file: BinaryIO, length: int) -> tuple[int, int, int, int]:
    """Read the records at the end: where the directory begins, its size, its entries, and where these records begin."""
    end = length - END.size
    file.seek(max(end, 0))
    fields = file.read(END.size)
    if len(fields) < END.size or fields[:4] != b"PK\x05\x06":
        raise FormatError(f"{path} is damaged or cut short, or has bytes after its end: save or copy it again.")
    _, disk, first, here, count, size, start, comment = END.unpack(fields)
    if disk or first or here != count or comment:
        raise _two_readings(path, "several parts or a comment")
    file.seek(max(end - LOCATOR.size, 0))
    locator = file.read(LOCATOR.size)
    if locator[:4] != b"PK\x06\x07" or end < LOCATOR.size + END64.size:
        return start, size, count, end
    begin = end - LOCATOR.size - END64.size
    file.seek(begin)
    _, rest, _, _, disk, first, here, count64, size64, start64 = large = END64.unpack(file.read(END64.size))
    plain = large[0] == b"PK\x06\x06" and (rest, disk, first) == (END64.size - 12, 0, 0) and here == count64
    if not plain or LOCATOR.unpack(locator) != (b"PK\x06\x07", 0, begin, 1):
        raise _two_readings(path, "an end in a form of its own")
    agreed = ((count, count64, FULL_COUNT), (size, size64, FULL), (start, start64, FULL))
    if not all(short in (long, full) for short, long, full in agreed):
        raise _two_readings(path, "two ends that differ")
    return start64, size64, count64, begin


def _entry(path: Path, content: bytes, position: int) -> tuple[_Entry, int]:
    """Read one entry of the directory, and say where the next begins."""
    fields = ENTRY.unpack_from(content, position)
    signature, _, version, flags, method, _, _, checksum, stored, size, name, extra, comment, disk, _, _, offset = (
        fields
    )
    begin = position + ENTRY.size
    end = begin + name + extra
    known = signature == b"PK\x01\x02" and version <= NEWEST_VERSION and not flags & ~KNOWN_FLAGS
    if not known or method not in (STORED, DEFLATED) or comment or disk or end > len(content):
        raise _two_readings(path, "an entry in a form of its own")
    size, stored, offset = _wide(path, content[begin + name : end], (size, stored, offset))
    return _Entry(content[begin : begin + name], flags, method, checksum, stored, size, offset), end


def _wide(path: Path, extra: bytes, fields: Sequence[int]) -> list[int]:
    """Take the fields of 64 bits, for those that do not fit 32."""
    wide = b""
    while extra:
        kind, length = struct.unpack_from("<2H", extra)
        if kind == 1 and wide:
            raise _two_readings(path, "two sizes for a member")
        wide = extra[4 : 4 + length] if kind == 1 else wide
        extra = extra[4 + length :]
    values: Iterator[tuple[int]] = struct.iter_unpack("<Q", wide[: len(wide) // 8 * 8])
    return [next(values)[0] if field == FULL else field for field in fields]


def _member(path: Path, file: BinaryIO, entry: _Entry, start: int) -> tuple[Member, int]:
    """Compare a member's header with the directory's entry, and say where the member ends."""
    file.seek(start)
    fields = LOCAL.unpack(file.read(LOCAL.size))
    signature, version, flags, method, _, _, checksum, stored, size, name, extra = fields
    begin = start + LOCAL.size + name + extra
    own_name, own_extra = file.read(name), file.read(extra)
    if signature != b"PK\x03\x04" or entry.offset != start or version > NEWEST_VERSION:
        raise _two_readings(path, "bytes before or between its members")
    if (own_name, flags, method) != (entry.name, entry.flags, entry.method):
        raise _two_readings(path, "a member that its directory describes differently")
    afterwards = bool(flags & AFTERWARDS)
    size, stored = _wide(path, own_extra, (size, stored))
    expected = (entry.checksum, entry.stored, entry.size)
    if (checksum, stored, size) != expected and not (afterwards and (checksum, stored, size) == (0, 0, 0)):
        raise _two_readings(path, "a member with two sizes")
    if entry.method == STORED and entry.stored != entry.size:
        raise _two_readings(path, "a member with two sizes")
    end = begin + entry.stored
    if afterwards:
        end = _after_descriptor(path, file, end, expected)
    return Member(_decoded(path, entry.name), begin, entry.stored, entry.size, entry.checksum), end


def _after_descriptor(path: Path, file: BinaryIO, end: int, expected: tuple[int, int, int]) -> int:
    """Read the sizes that follow a member's content, and say where they end."""
    for descriptor in DESCRIPTORS:
        file.seek(end)
        found = file.read(descriptor.size)
        if len(found) == descriptor.size and descriptor.unpack(found) == (b"PK\x07\x08", *expected):
            return end + descriptor.size
    raise _two_readings(path, "a member with two sizes")


def _decoded(path: Path, name: bytes) -> str:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _two_readings(path, "a name that is no text") from error


def _inner_names(path: Path, members: Sequence[Member]) -> list[str]:
    """Take the top folder off the names; it may have any name, and all members are in it."""
    root = members[0].name.partition("/")[0] if members else ""
    names = [member.name.removeprefix(f"{root}/") for member in members]
    for member, name in zip(members, names, strict=True):
        if member.name != f"{root}/{name}" or not NAME.fullmatch(name):
            raise _two_readings(path, f"the name {member.name[:60]!r} for a member")
    if len({name.lower() for name in names}) < len(names):
        raise _two_readings(path, "two members of the same name")
    return names


def _inflated(path: Path, member: Member, content: bytes) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(content, member.size + 1)
    except zlib.error as error:
        raise FormatError(f"{path} is damaged: its member {member.name!r} can't be read.") from error
    if len(inflated) != member.size or not inflater.eof or zlib.crc32(inflated) != member.checksum:
        raise FormatError(f"{path} is damaged: its member {member.name!r} does not have the size that it states.")
    return inflated
