"""What another session answers: fresh noise may repeat there in ONNX Runtime, which is known, and keyed noise must."""

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.exporting import ExportOptions, export
from dynanoise_export.parameters import NoiseSource, Parameters
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimeEndpoint, OnnxRuntimePredictor
from dynanoise_export.validation.validating import validate

# `validate` opens a file once itself, once to ask it again and again, and then as another session.
ANOTHER_SESSION = 3


def test_keyed_noise_that_is_another_in_another_session_fails(checkpoint, tmp_path, monkeypatch):
    keyed, other = tmp_path / "keyed.onnx", tmp_path / "other.onnx"
    for path in (keyed, other):  # each with a key of its own
        export(checkpoint, path, DynaNoise(Parameters(2, 2, 2)), ExportOptions(noise=NoiseSource.KEYED))
    opened = []

    def open_another(place):
        opened.append(place)
        return OnnxRuntimePredictor(other if len(opened) == ANOTHER_SESSION else place.path)

    monkeypatch.setattr(OnnxRuntimeEndpoint, "open", open_another)
    checks = {check.name: check for check in validate(keyed, checkpoint).checks}
    assert checks["noise repeats between calls"].passed
    between_sessions = checks["noise repeats between sessions"]
    assert not between_sessions.passed
    assert not between_sessions.warning
