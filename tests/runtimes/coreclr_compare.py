#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""coreclr_compare.py: .NET's own stacks against those of `sockleak report --format json`.

usage: coreclr_compare.py OWN REPORT

OWN is what mono_stacks.cs prints: a line for each socket, its descriptor, then function and file:line by turns, innermost first, with TABs between.
Functions of the library that comes with .NET are not in the report. Prints the first differences and a line "N stacks alike, M wrong, K missing": wrong
is a stack with a function that .NET does not have there, missing one without frames of the runtime. Status 1 unless all are alike and there is one at least.
"""
import json
import sys

LIMIT = 64  # frames that a stack keeps
LISTED = 64  # sockets of a site that a report lists


def own_stacks(path):
    for line in open(path, encoding="utf-8"):
        words = line.rstrip("\n").split("\t")
        if words[0].isdigit():
            yield int(words[0]), [f for f in words[1::2] if not f.startswith(("System.", "Microsoft."))]


def our_stacks(path):
    for line in open(path, encoding="utf-8"):
        record = json.loads(line)
        if record.get("type") == "leak":
            frames = [f["symbol"] for f in record["frames"] if f.get("runtime") == "dotnet"]
            for s in record["sockets"]:
                yield s["fd"], frames


def main():
    ours = dict(our_stacks(sys.argv[2]))
    unlisted = sum(max(0, r["count"] - LISTED) for r in map(json.loads, open(sys.argv[2], encoding="utf-8")) if r.get("type") == "leak")
    alike = wrong = missing = 0
    for fd, frames in own_stacks(sys.argv[1]):
        found = ours.get(fd)
        if found is None and unlisted:
            unlisted -= 1
            continue
        if not found:
            missing += 1
            continue
        if found == frames[:LIMIT]:
            alike += 1
            continue
        wrong += 1
        if wrong <= 3:
            print(f"fd {fd}:")
            for i in range(max(len(frames), len(found))):
                print(f"  {i:2} {frames[i] if i < len(frames) else ''} | {found[i] if i < len(found) else ''}")
    print(f"{alike} stacks alike, {wrong} wrong, {missing} missing")
    sys.exit(wrong != 0 or missing != 0 or alike == 0)


main()
