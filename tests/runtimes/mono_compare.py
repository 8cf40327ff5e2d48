#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""mono_compare.py: a runtime's own stacks against those of `sockleak report --format json`.

usage: mono_compare.py OWN REPORT

OWN has a line for each socket: its descriptor, then function and file:line by turns, innermost first, all with TABs between. Prints the first
differences, and a line "N stacks alike, M differ, K without frames of the runtime"; status 1 unless all are alike and there is one at least.
"""
import json
import sys

LIMIT = 64  # frames that a stack keeps


def own_stacks(path):
    for line in open(path, encoding="utf-8"):
        words = line.rstrip("\n").split("\t")
        if words[0].isdigit():
            yield int(words[0]), list(zip(words[1::2], words[2::2]))


def our_stacks(path):
    for line in open(path, encoding="utf-8"):
        record = json.loads(line)
        if record.get("type") != "leak":
            continue
        for s in record["sockets"]:
            yield s["fd"], [f for f in record["frames"] if f.get("runtime") == "dotnet"]


def is_alike(own, ours):
    function, place = own
    if function != ours["symbol"]:
        return False
    file, line = place.rsplit(":", 1)
    return file == "-" or (file == ours.get("file") and int(line) == ours.get("line", 0))


def main():
    ours = dict(our_stacks(sys.argv[2]))
    alike = differ = missing = 0
    for fd, frames in own_stacks(sys.argv[1]):
        found = ours.get(fd)
        if not found:
            missing += 1
            continue
        begin = next((i for i, f in enumerate(found) if f["symbol"] == frames[0][0]), 0)
        found = found[begin:]
        n = len(frames) if begin + len(found) < LIMIT else len(found)
        if len(found[:n]) == len(frames[:n]) and all(map(is_alike, frames, found[:n])) and (n < len(frames) or len(found) == len(frames)):
            alike += 1
            continue
        differ += 1
        if differ <= 3:
            print(f"fd {fd}:")
            for i in range(max(len(frames), len(found))):
                a = frames[i] if i < len(frames) else ("", "")
                b = found[i] if i < len(found) else {}
                print(f"  {i:2} {a[0]} {a[1]} | {b.get('symbol')} {b.get('file')}:{b.get('line')}")
    print(f"{alike} stacks alike, {differ} differ, {missing} without frames of the runtime")
    sys.exit(differ != 0 or missing != 0 or alike == 0)


main()
