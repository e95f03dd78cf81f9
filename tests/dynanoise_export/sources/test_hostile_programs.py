"""Programs of torch.export that hold code, in each of the places where PyTorch would run it."""

import copy
import io
import json
import os
import pickle
import re
import zipfile
from contextlib import suppress

import pytest
import torch
from torch.export import Dim

from dynanoise_export.errors import FormatError, UntrustedCodeError, UserError
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.source_model import SourceOptions
from support.exports import refusal
from support.hostile import Payload, code, in_json, rewritten, with_text
from support.modules import Small, seeded

MODEL = "models/model.json"
WEIGHTS = "data/weights/model_weights_config.json"
CONSTANTS = "data/constants/model_constants_config.json"
SIZE = re.compile(rb'"expr_str": "[^"]*"')


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("program") / "model.pt2"
    example = torch.randn(2, 3, 8, 8)
    torch.export.save(torch.export.export(seeded(Small), (example,), dynamic_shapes=({0: Dim("rows")},)), path)
    return path


@pytest.fixture
def payload(tmp_path):
    return tmp_path / "payload"


def size(payload):
    def change(text):
        return text.replace(b'"expr_str": "', b'"expr_str": ' + json.dumps(f"{code(payload)} or ").encode()[:-1])

    return {"changes": {MODEL: change}}


def size_with_line_end(payload):
    def change(text):
        spelled = json.dumps(f"Symbol('s1'\n.__class__) or {code(payload)} or ").encode()[:-1]
        return text.replace(b'"expr_str": "', b'"expr_str": ' + spelled)

    return {"changes": {MODEL: change}}


def called(target):
    def case(payload):
        def change(document):
            nodes = document["graph_module"]["graph"]["nodes"]
            evil = copy.deepcopy(nodes[-1])
            evil |= {"target": target, "name": "evil", "outputs": [{"as_none": True}]}
            evil["inputs"] = [{"name": "command", "arg": {"as_string": f"touch {payload}"}, "kind": 1}]
            nodes.append(evil)

        return {"changes": {MODEL: in_json(change)}}

    return case


def saving(payload):
    def change(document):
        nodes = document["graph_module"]["graph"]["nodes"]
        evil = copy.deepcopy(nodes[-1])
        evil |= {"target": "torch.ops.aten.save", "name": "evil", "outputs": [{"as_none": True}]}
        evil["inputs"] = [evil["inputs"][0], {"name": "file", "arg": {"as_string": str(payload)}, "kind": 1}]
        nodes.append(evil)

    return {"changes": {MODEL: in_json(change)}}


def odd_value_name(name):
    def case(payload):
        return {"changes": {MODEL: with_text("p_linear_weight", name)}}

    return case


def size_that_takes_long(text):
    def case(payload):
        return {"changes": {MODEL: lambda record: SIZE.sub(f'"expr_str": "{text}"'.encode(), record)}}

    return case


def in_capitals(payload):
    return size(payload) | {"renamed": {MODEL: "Models/model.json"}}


def guard(payload):
    return {"changes": {MODEL: in_json(lambda document: document.update(guards_code=[f"{code(payload)} is None"]))}}


def value_name(payload):
    return {"changes": {MODEL: with_text("p_linear_weight", f"p={code(payload)}")}}


def argument_name(payload):
    def change(document):
        signature = document["graph_module"]["module_call_graph"][0]["signature"]
        signature["forward_arg_names"] = [f"image={code(payload)}"]

    return {"changes": {MODEL: in_json(change)}}


def weight_name(payload):
    change = with_text("linear.weight", f'linear") or {code(payload)} or getattr(self, "linear')
    return {"changes": {MODEL: change, WEIGHTS: change}}


def structure(payload):
    def change(document):
        signature = document["graph_module"]["module_call_graph"][0]["signature"]
        context = {"default_factory_module": "os", "default_factory_name": "abort", "dict_context": "[]"}
        leaf = {"type": None, "context": None, "children_spec": []}
        node = {"type": "collections.defaultdict", "context": context, "children_spec": [leaf]}
        signature["out_spec"] = json.dumps([1, node])

    return {"changes": {MODEL: in_json(change)}}


def constant(kind):
    def case(payload):
        def change(document):
            meta = {"path_name": f"{kind}_0", "is_param": False, "use_pickle": True, "tensor_meta": None}
            document["config"]["evil"] = meta

        buffer = io.BytesIO()
        torch.save(Payload(payload), buffer)
        content = pickle.dumps(Payload(payload)) if kind == "opaque_obj" else buffer.getvalue()
        return {"changes": {CONSTANTS: in_json(change)}, "added": {f"data/constants/{kind}_0": content}}

    return case


def example(payload):
    buffer = io.BytesIO()
    torch.save(((Payload(payload),), {}), buffer)
    return {"changes": {"data/sample_inputs/model.pt": lambda _: buffer.getvalue()}}


def old_weights(payload):
    buffer = io.BytesIO()
    torch.save({"linear.weight": Payload(payload)}, buffer)
    return {"added": {"data/weights/model.pt": buffer.getvalue()}}


def library(payload):
    return {"added": {"data/aotinductor/model/model.so": b"\x7fELF"}}


def other_suffix(payload):
    return size(payload) | {"renamed": {MODEL: "models/model.jsom"}}


CASES = {
    "a size": size,
    "a size across lines": size_with_line_end,
    "a function of Python's": called("torch.os.system"),
    "a function of PyTorch's": called("torch.load"),
    "an operator that writes a file": saving,
    "a way around operators": called("torch.ops.aten.__getattr__.__call__"),
    "what is behind an operator": called("torch.ops.aten.add.__class__"),
    "an operator of memory": called("torch.ops.aten.set_.source_Storage_storage_offset"),
    "an operator of one compiler": called("torch.ops.inductor._reinterpret_tensor.default"),
    "a long computation": called("math.factorial"),
    "a guard": guard,
    "the name of a value": value_name,
    "a name with a dot": odd_value_name("p.weight"),
    "a name that Python folds": odd_value_name("\uff50_linear_weight"),
    "a name with two underlines": odd_value_name("__class__"),
    "a keyword": odd_value_name("None"),
    "a tower of powers": size_that_takes_long("Pow(Integer(9), Pow(Integer(9), Integer(9)))"),
    "powers of powers": size_that_takes_long("Pow(Pow(Pow(9, 16), 16), 16)"),
    "powers in Python": size_that_takes_long("9**9**9"),
    "a shift": size_that_takes_long("LShift(1, 1000000000000)"),
    "a number of many digits": size_that_takes_long("9" * 3000),
    "a deep size": size_that_takes_long("(" * 500 + "1" + ")" * 500),
    "the name of an argument": argument_name,
    "the name of a weight": weight_name,
    "the structure of the outputs": structure,
    "an opaque constant": constant("opaque_obj"),
    "a constant of a custom class": constant("custom_obj"),
    "a pickled constant": constant("tensor"),
    "the example": example,
    "weights in the older form": old_weights,
    "a compiled library": library,
    "a program that is not called .json": other_suffix,
    "a program in capitals": in_capitals,
}


@pytest.mark.parametrize("case", [pytest.param(CASES[name], id=name) for name in ("a size", "an opaque constant")])
def test_code_in_a_program_is_run_if_the_user_trusts_it(tmp_path, program, payload, case):
    hostile = rewritten(program, tmp_path / "hostile.pt2", **case(payload))
    with suppress(UserError):
        open_source(hostile, SourceOptions(allow_pickle=True))
    assert payload.exists()  # so the other tests would notice it


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items() if case is not guard])
def test_code_in_a_program_is_refused_and_not_run(tmp_path, program, payload, case):
    (folder := tmp_path / "out").mkdir()
    hostile = rewritten(program, tmp_path / "hostile.pt2", **case(payload))
    refusal(hostile, folder, UntrustedCodeError)
    assert not payload.exists()


def test_code_in_a_guard_is_not_run(tmp_path, program, payload):
    hostile = rewritten(program, tmp_path / "hostile.pt2", **guard(payload))
    open_source(hostile).to_onnx(None)
    assert not payload.exists()
    open_source(hostile, SourceOptions(allow_pickle=True))
    assert payload.exists()  # so the test would notice it


def test_the_record_that_pytorch_reads_is_checked_if_two_have_the_same_name(tmp_path, program, payload):
    hostile = rewritten(program, tmp_path / "hostile.pt2", **constant("opaque_obj")(payload))
    with zipfile.ZipFile(hostile) as archive, zipfile.ZipFile(program) as honest:
        evil, good = archive.read(f"model/{CONSTANTS}"), honest.read(f"model/{CONSTANTS}")
    for number, records in enumerate([(evil, good), (good, evil)]):
        twice = tmp_path / f"twice{number}.pt2"
        with zipfile.ZipFile(hostile) as archive, zipfile.ZipFile(twice, "w") as copied:
            for member in archive.namelist():
                if not member.endswith(CONSTANTS):
                    copied.writestr(member, archive.read(member))
            copied.writestr(f"model/{CONSTANTS}", records[0])
            copied.writestr(f"model/{CONSTANTS}".replace("model_", "MODEL_"), records[1])
        with suppress(UserError):
            open_source(twice)
        assert not payload.exists()


def test_the_format_of_pytorch_2_7_is_refused(tmp_path, payload):
    (folder := tmp_path / "out").mkdir()
    buffer = io.BytesIO()
    torch.save((Payload(payload),), buffer)
    with zipfile.ZipFile(tmp_path / "old.pt2", "w") as archive:
        archive.writestr("version", "8.9")
        archive.writestr("serialized_exported_program.json", "{}")
        archive.writestr("serialized_example_inputs.pt", buffer.getvalue())
    refusal(tmp_path / "old.pt2", folder, FormatError)
    assert not payload.exists()


def test_the_environment_is_left_as_it_was(program, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    monkeypatch.delenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", raising=False)
    open_source(program)
    assert os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] == "1"
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ
