"""A validation as JUnit XML, which CI servers show as tests."""

from pathlib import Path
from xml.etree import ElementTree

from dynanoise_export.files import written_whole
from dynanoise_export.validation.validating import Validation


def write_junit(validation: Validation, path: Path) -> None:
    """Write one test case for each check; a warning is a skipped test, unless warnings fail."""
    name = validation.subject.deployed.name
    suite = ElementTree.Element("testsuite", name="dynanoise-export validate", tests=str(len(validation.checks)))
    counts = {"failure": 0, "skipped": 0}
    for check in validation.checks:
        case = ElementTree.SubElement(suite, "testcase", classname=name, name=check.name)
        if not check.passed:
            kind = "skipped" if check.warning and not validation.strict else "failure"
            counts[kind] += 1
            ElementTree.SubElement(case, kind, message=check.detail)
        ElementTree.SubElement(case, "system-out").text = check.detail
    suite.set("failures", str(counts["failure"]))
    suite.set("skipped", str(counts["skipped"]))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    with written_whole(path) as staged:
        ElementTree.ElementTree(root).write(staged, encoding="utf-8", xml_declaration=True)
