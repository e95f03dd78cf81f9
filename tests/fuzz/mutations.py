"""Mutations of files: what is random comes from one generator, so that the same seed makes the same file.

A file is changed in the terms of its format where there are some (a member of a zip archive, a value of JSON, a header
of an array, an instruction of a pickle), because most random bytes would be refused at the door.
"""

import io
import pickletools
import warnings
import zipfile
from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np

# The content of each file by its path within the folder.
Files = dict[str, bytes]
Mutation = Callable[[Random, bytes], bytes]

NUMBERS = [
    *(0, 1, -1, 2, 3, 7, 8, 16, 64, 127, 128, 255, 256, 1000, 65535, 65536, 10**6, 10**9),
    *(2**31 - 1, 2**31, -(2**31), 2**32 - 1, 2**32, 2**40, 2**62, 2**63 - 1, -(2**63), 2**63, 2**64 - 1, 10**30),
]
FLOATS = [0.0, -0.0, 0.5, -1.5, 1e-320, 1e308, float("inf"), float("-inf"), float("nan")]
TEXTS = [
    *("", " ", ".", "..", "/", "x", "../x", "../../canary", "/etc/hostname", "x/../../x", "x\0y", "\n", "\r\nok", "%s"),
    *("{}", "{0.__class__}", "[bold red]x[/]", "<b>x</b>", "\x1b[1A\x1b[2Kok", "\u202eok", "\u200b", "ｘ", "é"),
    *("x" * 300, "x" * 9000),
    *("__class__", "__getattr__", "self", "eval", "exec", "import os", "Code/x.py", "CON", "None", "true", "NaN"),
    *("float32", "int64", "object", "FP32", "BYTES", "probabilities", "dynanoise.key", "model.onnx", "torch.save"),
]


def some_times(random: Random, mutation: Mutation, content: bytes, most: int = 4) -> bytes:
    """Apply a mutation once or a few times."""
    for _ in range(random.choice([1, 1, 1, 2, most])):
        content = mutation(random, content)
    return content


def mutate_bytes(random: Random, content: bytes) -> bytes:
    """Flip a bit, or insert, delete, cut, repeat, move or overwrite some bytes; numbers go in as a file holds them."""
    if not content:
        return random.randbytes(random.choice([1, 8, 64]))
    at = random.randrange(len(content))
    length = min(random.choice([1, 2, 4, 8, 32, 512]), len(content) - at)
    number = random.choice(NUMBERS) % 2**64
    size = random.choice([1, 2, 4, 8])
    written = (number % 2 ** (8 * size)).to_bytes(size, random.choice(["little", "big"]))
    other = random.randrange(len(content))
    part = content[other : other + length]
    return random.choice([
        lambda: content[:at] + bytes([content[at] ^ 1 << random.randrange(8)]) + content[at + 1 :],
        lambda: content[:at] + random.randbytes(length) + content[at + length :],
        lambda: content[:at] + random.randbytes(length) + content[at:],
        lambda: content[:at] + content[at + length :],
        lambda: content[:at],
        lambda: content[at:],
        lambda: content[:at] + part + content[at:],
        lambda: content[:at] + part + content[at + length :],
        lambda: content[:at] + written + content[at + size :],
        lambda: content[:at] + random.choice(TEXTS).encode("utf-8", "replace") + content[at:],
        lambda: content + content,
    ])()  # fmt: skip


def mutate_text(lines: list[str]) -> Mutation:
    """Make a mutation of source code: lines are repeated, moved, deleted or added, and words take the place of words.

    Args:
        lines: that may be added.
    """

    def mutation(random: Random, content: bytes) -> bytes:
        rows = content.decode("utf-8", "replace").splitlines()
        at = random.randrange(len(rows)) if rows else 0
        row = rows[at] if rows else ""
        indent = row[: len(row) - len(row.lstrip())]
        words = [word for line in rows for word in line.split()] or ["x"]
        kind = random.randrange(6)
        if kind == 0:
            rows.insert(at, indent + random.choice(lines))
        elif kind == 1:
            rows.insert(at, random.choice(rows or [""]))
        elif kind == 2:
            del rows[at : at + 1]
        elif kind == 3 and row.split():
            rows[at] = row.replace(random.choice(row.split()), random.choice([*words, *TEXTS[:20], *map(str, NUMBERS)]))
        elif kind == 4:
            rows = [line.replace(random.choice(words), random.choice(words)) for line in rows]
        else:
            return mutate_bytes(random, content)
        return "\n".join(rows).encode("utf-8", "replace")

    return mutation


def mutate_pickle(random: Random, content: bytes) -> bytes:
    """Delete, repeat or swap instructions of a pickle, or give one another argument."""
    try:
        found = list(pickletools.genops(content))
    except Exception:  # it is no pickle any more
        return mutate_bytes(random, content)
    starts = [at for _, _, at in found] + [len(content)]
    steps = [content[a:b] for a, b in pairwise(starts)]
    at, other = random.randrange(len(steps)), random.randrange(len(steps))
    kind = random.randrange(5)
    if kind == 0:
        del steps[at]
    elif kind == 1:
        steps.insert(at, steps[other])
    elif kind == 2:
        steps[at], steps[other] = steps[other], steps[at]
    elif kind == 3:
        steps[at] = _argument(random)
    else:
        steps[at] = mutate_bytes(random, steps[at])
    return b"".join(steps)


def _argument(random: Random) -> bytes:
    text = random.choice(TEXTS).encode("utf-8", "replace")
    number = random.choice(NUMBERS)
    return random.choice([
        b"X" + len(text).to_bytes(4, "little") + text,
        b"I%d\n" % number,
        b"J" + (number % 2**32).to_bytes(4, "little"),
        b"N", b"\x88", b"]", b"}", b")", b"t", b"R", b"Q",
        b"c" + random.choice([b"os\nsystem", b"builtins\neval", b"torch\nload", b"collections\nOrderedDict"]) + b"\n",
    ])  # fmt: skip


def mutate_npy(random: Random, content: bytes) -> bytes:
    """Change the type, the shape or the order in the header of an array, or its bytes."""
    try:
        stream = io.BytesIO(content)
        np.lib.format.read_magic(stream)
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    except Exception:  # it is no array any more
        return mutate_bytes(random, content)
    kind = random.randrange(5)
    described: Any = np.lib.format.dtype_to_descr(dtype)
    if kind == 0:
        described = random.choice([
            "|O", "|V8", "<U5", "|S3", "<M8[s]", "<m8", "<f2", "<f8", "<c16", "|b1", "|u1", "<i8", ">i4", "<f4", "|V0",
            "<U0", "|S99999999", [("a", "<f4")], [("a", "<f4", (2, 3)), ("b", "|O")], "", "x", 5, None, ("<f4", (2,)),
        ])  # fmt: skip
    elif kind == 1:
        axes = list(shape)
        axes.insert(random.randrange(len(axes) + 1), random.choice(NUMBERS))
        shape = random.choice([tuple(axes), tuple(axes[1:]), shape[::-1], (), (0,), (-1,), (2**62, 8), (1,) * 70])
    elif kind == 2:
        shape = tuple(random.choice([axis, axis + 1, random.choice(NUMBERS)]) for axis in shape)
    elif kind == 3:
        fortran = random.choice([True, 1, "x", None])
    else:
        return mutate_bytes(random, content)
    header = repr({"descr": described, "fortran_order": fortran, "shape": shape}).encode("latin1")
    padded = header + b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded + stream.read()


def mutate_zip(by_suffix: dict[str, Mutation]) -> Mutation:
    """Make a mutation of archives: a member is changed, renamed (also in case alone), repeated, deleted or added.

    Args:
        by_suffix: how to change members whose names end so; others are changed as bytes.
    """

    def mutation(random: Random, content: bytes) -> bytes:
        if random.random() < 0.1:
            return mutate_bytes(random, content)
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                members = [(info.filename, archive.read(info), info.compress_type) for info in archive.infolist()]
        except Exception:  # it is no archive any more
            return mutate_bytes(random, content)
        if members:
            _change_member(random, members, by_suffix)
        written = io.BytesIO()
        with warnings.catch_warnings(), zipfile.ZipFile(written, "w") as archive:
            warnings.simplefilter("ignore")  # names that occur twice are meant
            for name, member, compression in members:
                archive.writestr(zipfile.ZipInfo(name), member, compression)
        return written.getvalue()

    return mutation


def _change_member(random: Random, members: list[tuple[str, bytes, int]], by_suffix: dict[str, Mutation]) -> None:
    at = random.randrange(len(members))
    name, content, compression = members[at]
    folder, _, last = name.rpartition("/")
    others = [other for other, _, _ in members]
    kind = random.random()
    if kind < 0.6:
        change = next((one for suffix, one in by_suffix.items() if name.endswith(suffix)), mutate_bytes)
        members[at] = (name, some_times(random, change, content), compression)
    elif kind < 0.8:
        texts = [name.upper(), name.title(), f"{folder}/{last.title()}", f"{folder}//{last}", f"./{name}", f"{name}/"]
        renamed = random.choice([*texts, *others, f"{folder}/{random.choice(TEXTS)}", random.choice(TEXTS)])
        kept = [] if random.random() < 0.5 else [members[at]]
        members[at : at + 1] = [*kept, (renamed[:2000], content, compression)]
    elif kind < 0.9:
        del members[at]
    else:
        members[at] = (name, members[random.randrange(len(members))][1], compression)


def mutate_folder(by_suffix: dict[str, Mutation]) -> Callable[[Random, Files], Files]:
    """Make a mutation of a folder: a file is changed, and now and then renamed, deleted, repeated or made a folder.

    Args:
        by_suffix: how to change files whose paths end so; others are changed as bytes.
    """

    def mutation(random: Random, files: Files) -> Files:
        files = dict(files)
        for _ in range(random.choice([1, 1, 1, 2, 3])):
            name = random.choice(sorted(files))
            change = next((one for suffix, one in by_suffix.items() if name.endswith(suffix)), mutate_bytes)
            if len(files) == 1 or random.random() < 0.9:
                files[name] = some_times(random, change, files[name])
            else:
                content = files.pop(name)
                new = random.choice([f"{name}/x", f"x{name}", *files, name.upper()])
                files = {path: one for path, one in files.items() if not _are_nested(path, new)} | {new: content}
        return files

    return mutation


def _are_nested(one: str, other: str) -> bool:
    """Whether one path would have to be a folder for the other."""
    return one.startswith(f"{other}/") or other.startswith(f"{one}/")
