import pytest

from dynanoise_export.graph.beyond_float16 import KeptNode
from dynanoise_export.reports.float16_wording import float16_document, float16_text
from dynanoise_export.runtimes.checked_float16 import Float16Check

NODES = tuple(KeptNode(f"n{count}", "Mul", f"a weight of {count}e+07") for count in range(5))


@pytest.mark.parametrize("made_up", [True, False])
def test_made_up_rows_are_said_to_be_made_up(made_up):
    text = float16_text(Float16Check((), 0.001, 8, made_up))
    assert ("--example" in text) is made_up
    assert "8" in text


@pytest.mark.parametrize(("count", "named", "more"), [(0, 0, False), (1, 1, False), (3, 3, False), (5, 3, True)])
def test_what_is_kept_is_named_or_counted(count, named, more):
    text = float16_text(Float16Check(NODES[:count], 0.001, 8, False))
    assert sum(str(node) in text for node in NODES) == named
    assert ("2 more" in text) is more


def test_the_document_names_all_of_it():
    document = float16_document(Float16Check(NODES, 0.001, 8, True))
    assert document["kept_in_fp32"][4] == {"node": "n4", "operator": "Mul", "why": "a weight of 4e+07"}
    assert len(document["kept_in_fp32"]) == 5
    assert (document["difference"], document["rows"], document["made_up"]) == (0.001, 8, True)
