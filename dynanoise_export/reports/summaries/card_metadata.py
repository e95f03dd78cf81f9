"""The figures of a summary in the metadata of a model card: an entry of its model index.

The form is that of https://github.com/huggingface/hub-docs/blob/main/modelcard.md.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynanoise_export.errors import FormatError
from dynanoise_export.printable import printable
from dynanoise_export.records import reading
from dynanoise_export.reports.summaries.summary import Figure, Summary

if TYPE_CHECKING:
    from yaml import Node

INDEX = "model-index"
# The type of the data set by which an entry of this tool is known.
OWN = "dynanoise-export-bundle"
_ADVICE = "write it as a list with an entry on each line, or leave it out"


def new_metadata(summary: Summary) -> str:
    """Write the metadata of a new card; "" if the summary has no figures for them."""
    return "" if summary.rows is None else f"{INDEX}:\n{_entry(summary, None, '')}"


def merged_metadata(metadata: str, summary: Summary | None, path: Path, newline: str) -> str:
    """Put the figures into the metadata of a card, in place of those of an earlier run.

    Args:
        metadata: YAML, without the lines around it.
        summary: whose figures they are; None to check only that the metadata can be edited.
        path: of the card.
        newline: how its lines end.

    Raises:
        FormatError: the metadata are no YAML, or of a form that can't be edited line by line.
    """
    import yaml

    kind = "a model card with YAML metadata"
    with reading(path, kind):
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(metadata, yaml.SafeLoader)):
            raise FormatError(f"{path} has an alias in its metadata: write out what it stands for.")
        root, before = yaml.compose(metadata, yaml.SafeLoader), yaml.safe_load(metadata)
    index = None if root is None else _index(root, path)
    if index is None:
        added = "" if summary is None else new_metadata(summary)
        return metadata + f"\n{added}".removesuffix("\n").replace("\n", newline)
    if summary is not None and summary.rows is None:
        return metadata
    merged = _with_entry(metadata, index, summary, newline)
    with reading(path, kind):
        after = yaml.safe_load(merged)
    if _others(before) != _others(after):
        raise FormatError(f"{path} has a {INDEX} in its metadata that can't be edited: {_ADVICE}.")
    return metadata if summary is None else merged


def _index(root: Any, path: Path) -> Any:
    """Find the model index; None if there is none.

    Raises:
        FormatError: the metadata, or the index, can't be edited line by line.
    """
    import yaml

    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise FormatError(f"{path} must have one name of its metadata on each line, as in license: mit.")
    index = next((value for key, value in root.value if key.value == INDEX), None)
    if index is not None and (not isinstance(index, yaml.SequenceNode) or index.flow_style):
        raise FormatError(f"{path} has a {INDEX} in its metadata that can't be edited: {_ADVICE}.")
    return index


def _with_entry(metadata: str, index: Any, summary: Summary | None, newline: str) -> str:
    """Put the entry of a summary in front of the others, in place of the results of an earlier run."""
    lines, first = metadata.splitlines(keepends=True), index.start_mark.line
    entry = "" if summary is None else _entry(summary, _name(_plain(index)), " " * index.start_mark.column)
    for node in reversed([one for item in index.value for one in _own_nodes(item)]):
        del lines[node.start_mark.line : _last_line(node) + 1]
    lines[first:first] = [line + newline for line in entry.splitlines()]
    merged = "".join(lines)
    return merged if metadata.endswith("\n") else merged.removesuffix(newline)


def _own_nodes(entry: Any) -> list[Any]:
    """List the results of this tool in an entry, or the entry itself if it has no others."""
    import yaml

    pairs = entry.value if isinstance(entry, yaml.MappingNode) else []
    found = next((value for key, value in pairs if key.value == "results"), None)
    results = found.value if isinstance(found, yaml.SequenceNode) else []
    own = [node for node in results if _is_own(_plain(node))]
    return [entry] if own and len(own) == len(results) else own


def _name(index: Any) -> str | None:
    """Find the name that the card gives the model in entries that have results of others."""
    names = [entry["name"] for entry in _foreign(index) if isinstance(entry, dict) and "name" in entry]
    return names[-1] if names and isinstance(names[-1], str) else None


def _plain(node: "Node") -> Any:
    """Give the values of a node."""
    import yaml

    return yaml.SafeLoader("").construct_document(node)


def _others(metadata: Any) -> Any:
    """Give what is not this tool's."""
    if not isinstance(metadata, dict):
        return metadata
    index = _foreign(metadata.get(INDEX))
    return {name: value for name, value in metadata.items() if name != INDEX} | ({INDEX: index} if index else {})


def _foreign(index: Any) -> list[Any]:
    """Give the entries of a model index without this tool's results, and without those that had no others."""
    kept = []
    for entry in index or ():
        results = entry.get("results") if isinstance(entry, dict) else None
        results = results if isinstance(results, list) else []
        others = [one for one in results if not _is_own(one)]
        if others or not results:
            kept.append({**entry, "results": others} if results else entry)
    return kept


def _is_own(result: Any) -> bool:
    """Whether a result of a model index is this tool's: it was measured on a bundle."""
    data = result.get("dataset") if isinstance(result, dict) else None
    return isinstance(data, dict) and data.get("type") == OWN


def _last_line(node: Any) -> int:
    """Find the last line of a node, without comments and empty lines below it."""
    if isinstance(node.value, str) or node.flow_style:
        end = node.end_mark
        return int(end.line if end.column else end.line - 1)
    parts = [part for pair in node.value for part in (pair if isinstance(pair, tuple) else (pair,))]
    return max([int(node.start_mark.line), *map(_last_line, parts)])


def _entry(summary: Summary, name: str | None, indent: str) -> str:
    """Write the entry of a summary as YAML, with each line indented."""
    import yaml

    rows = summary.rows
    if rows is None:
        raise AssertionError("the summary has no rows")
    result = {
        "task": {"type": rows.task, "name": "Membership-inference audit"},
        "dataset": {"type": OWN, "name": printable(rows.name), "revision": rows.sha256},
        "metrics": [_metric(figure) for figure in summary.figures],
    }
    entry = {"name": name or printable(summary.name), "results": [result]}
    text = yaml.safe_dump([entry], sort_keys=False, allow_unicode=True, width=10_000)
    return "".join(f"{indent}{line}\n" for line in text.splitlines())


def _metric(figure: Figure) -> dict[str, Any]:
    one = figure.measured
    return {
        "type": figure.code,
        "name": printable(figure.name),
        "value": round(one.value, 6),
        "args": {"low": round(one.low, 6), "high": round(one.high, 6), "confidence": 0.95, "by": printable(figure.by)},
    }
