"""The JSON document of `triton`."""

from dynanoise_export.deployment.triton.noise_advice import advice
from dynanoise_export.deployment.triton.repository import TritonRepository
from dynanoise_export.reports.documents import Header, header


class TritonDocument(Header):
    """What `triton` wrote.

    Attributes:
        folder: of the model in the repository.
        name: of the model on the server.
        backend: what runs it.
        max_batch: the most rows that it takes at once; 0 for a fixed batch.
        instances: how many copies of it run.
        labels: the names of the classes.
        noise: the noise source, or None.
        advice: what instances, a response cache and batching do to the noise, for people.
    """

    folder: str
    name: str
    backend: str
    max_batch: int
    instances: int
    labels: list[str]
    noise: str | None
    advice: list[str]


def triton_document(written: TritonRepository) -> TritonDocument:
    """Describe what `triton` wrote."""
    model, serving = written.model, written.serving
    return {
        **header("triton", model.name, model.sha256, model.defence, content=model.content_sha256),
        "folder": str(written.folder),
        "name": serving.name,
        "backend": serving.backend,
        "max_batch": serving.max_batch,
        "instances": serving.instances,
        "labels": list(serving.labels),
        "noise": model.noise,
        "advice": list(advice(model.noise, serving.backend)),
    }
