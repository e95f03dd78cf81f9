"""A validation as JUnit XML, which CI servers show as tests."""

from pathlib import Path
from xml.etree import ElementTree

from dynanoise_export.files import written_whole
from dynanoise_export.printable import printable
from dynanoise_export.validation.check import Check, Outcome
from dynanoise_export.validation.validating import Validation


def write_junit(validation: Validation, path: Path) -> None:
    """Write one test case for each check, named by its code.

    A warning is a skipped test unless warnings fail, and so is a check that does not apply.

    Raises:
        FileAccessError: the file can't be written.
    """
    name = printable(validation.model.name)
    suite = ElementTree.Element("testsuite", name="dynanoise-export validate", tests=str(len(validation.checks)))
    counts = {"failure": 0, "skipped": 0}
    for check in validation.checks:
        case = ElementTree.SubElement(suite, "testcase", classname=name, name=printable(check.code))
        kind = _kind(check, strict=validation.strict)
        if kind is not None:
            counts[kind] += 1
            ElementTree.SubElement(case, kind, message=printable(check.detail))
        ElementTree.SubElement(case, "system-out").text = printable(check.detail)
    suite.set("failures", str(counts["failure"]))
    suite.set("skipped", str(counts["skipped"]))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    with written_whole(path) as staged:
        ElementTree.ElementTree(root).write(staged, encoding="utf-8", xml_declaration=True)


def _kind(check: Check, *, strict: bool) -> str | None:
    """Name the element that says that a test did not pass, or None for one that did."""
    if check.outcome is Outcome.PASSED:
        return None
    lenient = check.outcome is Outcome.NOT_APPLICABLE or (check.outcome is Outcome.WARNING and not strict)
    return "skipped" if lenient else "failure"
