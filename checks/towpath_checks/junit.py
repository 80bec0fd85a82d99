"""A report as JUnit XML, as build servers read it: a failure for what blocks, skipped for what advises or is open.

The form is that of the Apache Ant JUnit XML schema (testsuites, testsuite, testcase, failure, skipped). It has no time.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from towpath_checks.findings import Finding
from towpath_checks.report import FAIL, PASS, Report


def as_junit(report: Report) -> str:
    """The first case is the verdict as a whole: data of which nothing was assessed fail it, though no check failed."""
    failures = report.counts[FAIL] + (not report.passed)
    skipped = len(report.findings) - report.counts[FAIL] - report.counts[PASS]
    counted = {"tests": str(len(report.findings) + 1), "failures": str(failures), "errors": "0"}
    root = ET.Element("testsuites", {"name": "towpath check", **counted})
    suite = ET.SubElement(root, "testsuite", {"name": _text(report.data), **counted, "skipped": str(skipped)})
    verdict = ET.SubElement(suite, "testcase", {"classname": "towpath.check", "name": "the data are fit"})
    if not report.passed:
        ET.SubElement(verdict, "failure", {"type": "unfit", "message": _text(report.sentence)})
    for finding in report.ordered():
        _case(suite, report, finding)
    ET.SubElement(suite, "system-out").text = _text("\n".join([report.sentence, *report.remarks]))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _case(suite: ET.Element, report: Report, finding: Finding) -> None:
    named = {"classname": f"towpath.check.{finding.gate}", "name": f"{finding.gate}: {finding.subject}"}
    case = ET.SubElement(suite, "testcase", {key: _text(value) for key, value in named.items()})
    if finding.passed:
        return
    word = report.word(finding)
    told = f"got {finding.got}; expected {finding.expected}"
    if word != FAIL:
        ET.SubElement(case, "skipped", {"message": _text(f"{word}: {told}")})
        return
    failure = ET.SubElement(case, "failure", {"type": _text(finding.gate), "message": _text(told)})
    failure.text = _text(f"for example {', '.join(finding.examples)}") if finding.examples else None


def _text(text: str) -> str:
    """Without the characters that XML 1.0 cannot hold."""
    return "".join(c if c in "\t\n" or (c.isprintable() and ord(c) not in (0xFFFE, 0xFFFF)) else "�" for c in text)
