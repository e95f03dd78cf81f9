"""The whole suite of attacks, on the file that a setting makes: chosen queries show what logits alone do not."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.attacking_model import attack
from dynanoise_export.attacks.domain import Domain
from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.exporting import export
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.noise.keyed.key import key_beside
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.provider import Execution
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.tuning.settings import Setting, Variant
from dynanoise_export.types import Int64s, Progress

# A softmax: the undefended model's own answers, deployed in the same way.
UNDEFENDED = Temperature(1.0)


@dataclass(frozen=True)
class Suite:
    """Exports settings of a defence, and attacks the files.

    Attributes:
        model: the path of the plain classifier.
        data: the path of the bundle.
        shadows: the path of the shadow store, or None.
        identity: tells this model, these rows and this fit of the defence from others in the same folder.
        tensors: of a defence that is fitted to the model; empty for others.
        budget: the most queries for each row.
        domain: the inputs that attackers may send.
        sample: how many rows are judged; None for all.
        folder: for the files, and for the answers, which a second run does not ask for again.
        source_options: what the classifier's own file does not say.
        execution: how ONNX Runtime runs the files.
    """

    model: Path
    data: Path
    shadows: Path | None
    identity: str
    tensors: Mapping[str, FixedTensor]
    budget: int
    domain: Domain
    sample: int | None
    folder: Path
    source_options: SourceOptions | None
    execution: Execution

    def attack(self, setting: Setting | None, variant: Variant, rows: Int64s, progress: Progress) -> AttackReport:
        """Attack the file that a setting makes.

        Args:
            setting: None for the undefended model.
            variant: what the setting is exported with.
            rows: the numbers of the bundle's rows to judge on.
            progress: of the attack.

        Raises:
            UserError: the model can't be exported with this setting, or not attacked.
        """
        file = self._exported(setting, variant)
        return attack(
            file, self.data, shadows=self.shadows, budget=self.budget, domain=self.domain, rows=rows,
            sample=self.sample, force=True, source_options=self.source_options, cache=file.with_suffix(".responses"),
            provider=self.execution.provider, tf32=self.execution.tf32, progress=progress,
        )  # fmt: skip

    def _exported(self, setting: Setting | None, variant: Variant) -> Path:
        described = repr((self.identity, setting, variant)).encode()
        file = self.folder / f"{'undefended' if setting is None else setting.defence}-{_short(described)}.onnx"
        if not file.exists():
            defence = UNDEFENDED if setting is None else setting.make(self.tensors)
            keyed = variant.noise is NoiseSource.KEYED and defence.takes_noise
            export(
                self.model, file, defence=defence, noise=variant.noise if defence.takes_noise else None,
                key_file=key_beside(file) if keyed else None, grids=variant.grids if keyed else (), guard=variant.guard,
                source_options=self.source_options,
            )  # fmt: skip
        return file


def _short(described: bytes) -> str:
    return hashlib.sha256(described).hexdigest()[:12]
