"""Mutations of ONNX models: a field somewhere in the protobuf gets another value, as its type allows."""

from random import Random
from typing import Any

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from fuzz.mutations import FLOATS, NUMBERS, TEXTS, mutate_bytes

WHOLE = {
    FieldDescriptor.CPPTYPE_INT32: 32, FieldDescriptor.CPPTYPE_UINT32: 32,
    FieldDescriptor.CPPTYPE_INT64: 64, FieldDescriptor.CPPTYPE_UINT64: 64,
}  # fmt: skip
UNSIGNED = {FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_UINT64}


def mutate_onnx(random: Random, content: bytes) -> bytes:
    """Change a field of a model: names, edges, dimensions, types, attributes, weights, external data, metadata."""
    if random.random() < 0.1:
        return mutate_bytes(random, content)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError:
        return mutate_bytes(random, content)
    messages = _messages(model)
    texts = [*TEXTS, *_texts(messages)]
    for _ in range(random.choice([1, 1, 1, 2, 4])):
        _change_field(random, random.choice(messages), messages, texts)
    return model.SerializeToString()


def _messages(message: Message) -> list[Message]:
    """List a message and all in it, so that deep ones are not rarer than high ones."""
    found = [message]
    for field, value in message.ListFields():
        if field.message_type is not None:
            for one in value if _is_repeated(field) else [value]:
                found += _messages(one)
    return found


def _texts(messages: list[Message]) -> list[str]:
    """List the names in a model: one in the place of another makes cycles, edges to nowhere and values made twice."""
    texts = []
    for message in messages:
        for field, value in message.ListFields():
            if field.cpp_type == FieldDescriptor.CPPTYPE_STRING and field.type == FieldDescriptor.TYPE_STRING:
                values = value if _is_repeated(field) else [value]
                texts += [text for text in values if isinstance(text, str)]  # what is no UTF-8 comes as bytes
    return sorted(texts)


def _is_repeated(field: FieldDescriptor) -> bool:
    return bool(field.is_repeated)


def _change_field(random: Random, message: Message, messages: list[Message], texts: list[str]) -> None:
    present = [field for field, _ in message.ListFields()]
    field = random.choice(present if present and random.random() < 0.8 else list(message.DESCRIPTOR.fields))
    if _is_repeated(field):
        _change_list(random, getattr(message, field.name), field, messages, texts)
    elif random.random() < 0.15:
        message.ClearField(field.name)
    elif field.message_type is not None:
        if (other := _other_message(random, field, messages)) is not None:
            getattr(message, field.name).CopyFrom(other)
    else:
        setattr(message, field.name, _scalar(random, field, texts, getattr(message, field.name)))


def _change_list(
    random: Random, values: Any, field: FieldDescriptor, messages: list[Message], texts: list[str]
) -> None:
    kind = random.random()
    at = random.randrange(len(values)) if values else 0
    if values and kind < 0.25:
        del values[at]
    elif len(values) > 1 and kind < 0.45:
        shuffled = [_copy(value) for value in values]
        random.shuffle(shuffled)
        del values[:]
        values.extend(shuffled)
    elif field.message_type is not None:
        if (other := _other_message(random, field, messages)) is not None:
            values.add().CopyFrom(other)
    elif values and kind < 0.9:
        values[at] = _scalar(random, field, texts, values[at])
    else:
        values.extend([_scalar(random, field, texts, None)] * random.choice([1, 1, 1, 500]))


def _copy(value: Any) -> Any:
    if not isinstance(value, Message):
        return value
    copied = type(value)()
    copied.CopyFrom(value)
    return copied


def _other_message(random: Random, field: FieldDescriptor, messages: list[Message]) -> Message | None:
    same = [one for one in messages if one.DESCRIPTOR.full_name == field.message_type.full_name]
    return _copy(random.choice(same)) if same else None


def _scalar(random: Random, field: FieldDescriptor, texts: list[str], value: Any) -> Any:
    if field.enum_type is not None:
        return random.choice(field.enum_type.values).number
    if field.cpp_type in WHOLE:
        bits = WHOLE[field.cpp_type]
        number = random.choice([random.choice(NUMBERS), random.randrange(40)]) % 2**bits
        return number if field.cpp_type in UNSIGNED or number < 2 ** (bits - 1) else number - 2**bits
    if field.cpp_type in (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE):
        return random.choice(FLOATS)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return mutate_bytes(random, value or b"")
    return random.choice(texts)
