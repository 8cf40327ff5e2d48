#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""hotspot_compare: compares the stacks of a report in JSON Lines with those that JavaStacks has written.

usage: hotspot_compare REPORT STACKS [WORD...]

Left out on both sides, as the report does: the virtual machine's helpers for lambdas and reflection. Each stack that Java has written must be in the
report as often as it was opened, and no other with JavaStacks.open in it. A report with LIMIT frames may end earlier;
virtual: any may.
"""
import collections
import json
import re
import sys

LIMIT = 70  # of 128, for those that are left out count too
HELPERS = ("java.lang.invoke.", "jdk.internal.reflect.", "sun.reflect.")


def stable(function):
    return re.sub(r"[/+]0x[0-9a-f]+", "", function)


def is_helper(function):
    return function.startswith(HELPERS) or "$$Lambda" in function or re.search(r"(^|\.)\$Proxy\d+\.", function)


def from_java(line):
    for frame in line.rstrip("\t\n").split("\t"):
        function, file, number = re.fullmatch(r"(.*)\((.*):(-?\d+)\)", frame).groups()
        if not is_helper(function):
            yield f"{stable(function)}({file if file != 'null' else ''}:{max(int(number), 0)})"


def from_report(leak):
    frames = [f for f in leak["frames"] if f.get("runtime") == "java"]
    names = [f"{f['symbol']}({f['file'] or ''}:{f['line'] or 0})" for f in frames]
    first = next((i for i, name in enumerate(names) if name.startswith("JavaStacks.open(")), None)
    return None if first is None else names[first:]


want = collections.Counter("\t".join(from_java(line)) for line in open(sys.argv[2]))
have = collections.Counter()
others = collections.Counter()
for line in open(sys.argv[1]):
    leak = json.loads(line)
    if leak["type"] != "leak":
        continue
    names = from_report(leak)
    if names:
        have["\t".join(names)] += leak["count"]
    else:
        others[" < ".join(f["symbol"] or "?" for f in leak["frames"][:8])] += leak["count"]

missing, wrong = want - have, have - want
for short in sorted(wrong, key=len, reverse=True):
    if "virtual" not in sys.argv[3:] and short.count("\t") < LIMIT:
        continue
    for full in list(missing):
        n = min(missing[full], wrong[short]) if full.startswith(short + "\t") else 0
        missing[full] -= n
        wrong[short] -= n
missing, wrong = +missing, +wrong
print(f"{sum(want.values())} stacks, {len(want)} different; {sum(wrong.values())} wrong, {sum(missing.values())} missing, {sum(others.values())} without")
for title, some in (("wrong", wrong), ("missing", missing)):
    for stack, n in some.most_common(1):
        print(f"{title} {n} times:\n  " + stack[:3000].replace("\t", "\n  "))
for stack, n in others.most_common(3):
    print(f"without the leaf {n} times: {stack}")
sys.exit(bool(wrong or missing or not want))
