"""The table of docs/zoo.md: complete, and what is said above it explains each row that does not pass."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "zoo.md").read_text("utf-8")
FEWEST = 40


def rows():
    table = re.search(r"<!-- table: .*? -->\n\n(.*?)\n\n<!-- end of the table -->", PAGE, re.DOTALL).group(1)
    header, _, *lines = [re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()]
    names = [cell.strip() for cell in header]
    return [dict(zip(names, (cell.strip() for cell in line), strict=True)) for line in lines]


def test_at_least_forty_models_were_tried():
    names = [row["model"] for row in rows()]
    assert len(names) >= FEWEST
    assert len(set(names)) == len(names)


def test_each_model_was_exported_and_validated_or_refused_with_a_reason():
    for row in rows():
        if row["verdict"] == "refused":
            assert row["reason"], row
            assert not row["the defence takes"] + row["largest difference"] + row["validate"], row
        else:
            assert row["verdict"] == "exported", row
            assert float(row["largest difference"]) < 5e-3, row
            if not row["validate"].startswith("passed"):
                check = row["validate"].removeprefix("failed: ").split()[0]
                assert check in PAGE.split("<!-- table")[0], row
