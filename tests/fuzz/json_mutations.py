"""Mutations of JSON: of values, of keys, of depth, and of the header of safetensors, which is JSON."""

import json
from itertools import accumulate
from random import Random
from typing import Any

from fuzz.mutations import FLOATS, NUMBERS, TEXTS, mutate_bytes

# A marker in JSON that becomes lists within lists: too many for `json.dumps`.
DEEP = "@deep@"
# What an earlier mutation may have nested deeper than `json` reads is changed as bytes.
TOO_DEEP = 400
DEPTHS = [50, 150, 900, 5000, 100_000]


def mutate_json(random: Random, content: bytes) -> bytes:
    """Change one value or one key somewhere in a JSON document; now and then the text itself."""
    if random.random() < 0.1 or _depth(content) > TOO_DEEP:
        return mutate_bytes(random, content)
    try:
        document = json.loads(content)
    except ValueError:
        return mutate_bytes(random, content)
    depth = random.choice(DEPTHS)
    start, end = random.choice([("[", "]"), ('{"a":', "}")])
    text = json.dumps(_with_other_value(random, document))
    return text.replace(json.dumps(DEEP), start * depth + "0" + end * depth).encode()


def _depth(content: bytes) -> int:
    """Bound the depth of a text, which need not be JSON."""
    return max(accumulate(1 if byte in b"[{" else -1 if byte in b"]}" else 0 for byte in content), default=0)


def _with_other_value(random: Random, document: Any) -> Any:
    holders = [(holder, key) for holder in _holders(document) for key in _keys(holder)]
    if not holders or random.random() < 0.05:
        return _other(random, document, document)
    holder, key = random.choice(holders)
    kind = random.random()
    if kind < 0.15:
        del holder[key]
    elif kind < 0.3 and isinstance(holder, dict):
        holder[random.choice([*TEXTS, *(str(other) for _, other in holders)])] = holder.pop(key)
    elif kind < 0.35 and isinstance(holder, list):
        holder.extend([holder[key]] * random.choice([1, 10, 1000]))
    else:
        holder[key] = _other(random, holder[key], document)
    return document


def _holders(document: Any) -> list[Any]:
    found, waiting = [], [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, (dict, list)):
            found.append(value)
            waiting.extend(value.values() if isinstance(value, dict) else value)
    return found


def _keys(holder: Any) -> list[Any]:
    return list(holder) if isinstance(holder, dict) else list(range(len(holder)))


def _other(random: Random, value: Any, document: Any) -> Any:
    same_type = {str: TEXTS, int: NUMBERS, float: FLOATS, bool: [True, False]}.get(type(value))
    if same_type and random.random() < 0.5:
        return random.choice(same_type)
    if random.random() < 0.2:
        holder = random.choice(_holders(document) or [[0]])
        return json.loads(json.dumps(random.choice([holder, *(holder[key] for key in _keys(holder))])))
    return random.choice([
        None, True, [], {}, [value], [value] * 3, {"x": value}, str(value), DEEP,
        random.choice(NUMBERS), random.choice(FLOATS), random.choice(TEXTS),
    ])  # fmt: skip


def mutate_safetensors(random: Random, content: bytes) -> bytes:
    """Change the JSON before the tensors, and state its new length; now and then the length or the tensors alone."""
    length = int.from_bytes(content[:8], "little")
    if random.random() < 0.2 or length > len(content):
        return mutate_bytes(random, content)
    header = mutate_json(random, content[8 : 8 + length])
    return len(header).to_bytes(8, "little") + header + content[8 + length :]
