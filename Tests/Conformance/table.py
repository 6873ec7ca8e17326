"""table.py RESULTS.xml [--fails]: passed, failed and skipped by area, as a Markdown table; the failures with their reasons."""

import collections
import sys
import xml.etree.ElementTree as ET

KINDS = ["passed", "failed", "skipped"]


def outcome(case):
    """A test that failed and whose teardown failed too has two entries; the failure wins."""
    found = ("passed", "")
    for child in case:
        kind = {"failure": "failed", "error": "failed", "skipped": "skipped"}.get(child.tag)
        if kind and (found[0] == "passed" or kind == "failed"):
            found = (kind, child.get("message") or "")
    return found


def main():
    rows = {}
    for case in ET.parse(sys.argv[1]).getroot().iter("testcase"):
        area = next((p.get("value") for p in case.iter("property") if p.get("name") == "area"), "?")
        rows[case.get("name")] = (area, *outcome(case))
    print("| area | tests | passed | failed | skipped |\n|---|---|---|---|---|")
    for area in sorted({row[0] for row in rows.values()}) + [None]:
        count = collections.Counter(kind for place, kind, _ in rows.values() if area in (None, place))
        total = sum(count.values())
        print(f"| {area or '**all**'} | {total} | " + " | ".join(str(count[kind]) for kind in KINDS) + " |")
    if "--fails" in sys.argv:
        for name, (area, kind, message) in sorted(rows.items(), key=lambda item: (item[1][0], item[0])):
            if kind == "failed":
                print(f"{area}: {name}: {' '.join(message.split())[:220]}")


main()
