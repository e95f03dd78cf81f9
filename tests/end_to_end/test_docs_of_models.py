"""The commands that train models, run as the docs show them; in a file of its own, because it takes long."""

import pytest

from support.pages_of_docs import ROOT, blocks, shell


@pytest.mark.slow
def test_the_models_of_the_docs_train_as_shown(tmp_path):
    commands = blocks("docs/models.md", "")[0]
    shown = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("dynanoise-models ")]
    assert shown == [line for line in commands.splitlines() if line.startswith("dynanoise-models ")]
    shell(commands, tmp_path)
    (tmp_path / "store.py").write_text(blocks("docs/models.md", "python")[0])
    assert shell("python store.py", tmp_path).startswith("(32, 1797, 10) [0.5 ")
