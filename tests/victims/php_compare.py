# SPDX-License-Identifier: MIT
"""
php_compare.py SAID REPORT: each socket's frames in the JSON report against those that PHP said, by the local port.

Prints how many stacks and frames there are, and those that differ; exits 1 if one does.

A function whose local object's destructor runs while an exception leaves it has lost its line: PHP names any line
that one was thrown in, perhaps of another file's function; we name the line where the function begins.
"""
import json
import sys

MOST = 64  # frames that a stack keeps

said = {}
for line in open(sys.argv[1]):
    if "\t" in line:
        port, frames = line.rstrip("\n").split("\t")
        said[port] = frames.split("|")
ours = {}
unlisted = 0  # a report lists some sockets of each group
for line in open(sys.argv[2]):
    leak = json.loads(line)
    if leak["type"] != "leak":
        continue
    frames = [f"{f['symbol']} {f['file']}:{f['line']}" for f in leak["frames"] if f.get("runtime") == "php"]
    unlisted += leak["count"] - len(leak["sockets"])
    for s in leak["sockets"]:
        ours[s["local"].rsplit(":", 1)[1]] = frames


def begins_function(file, line, cache={}):
    if file not in cache:
        cache[file] = open(file).readlines()
    return "function " in cache[file][int(line) - 1]


def same(theirs, mine, inner):
    global lost
    if theirs == mine:
        return True
    name, at = mine.rsplit(" ", 1)
    if name != theirs.rsplit(" ", 1)[0] or not inner.startswith("Dying::__destruct ") or not begins_function(*at.rsplit(":", 1)):
        return False
    lost += 1
    return True


def equal(theirs, mine):
    if len(mine) != min(len(theirs), MOST):
        return False
    return all(same(t, m, mine[i - 1] if i else "") for i, (t, m) in enumerate(zip(theirs, mine)))


wrong = frames = cut = lost = 0
for port, theirs in said.items():
    mine = ours.get(port)
    frames += len(theirs)
    cut += len(theirs) > MOST
    if mine is None and unlisted > 0:
        unlisted -= 1
        continue
    if mine is not None and equal(theirs, mine):
        continue
    wrong += 1
    if wrong <= int(sys.argv[3] if len(sys.argv) > 3 else 3):
        print("PHP:", *theirs, "ours:", *(mine or ["none"]), sep="\n    ")
print(f"{len(said)} stacks, {frames} frames, {cut} cut at {MOST}, {lost} lines lost: {wrong} differ")
sys.exit(1 if wrong or not said or lost * 50 > frames else 0)
