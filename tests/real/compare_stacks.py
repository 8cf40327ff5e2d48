# SPDX-License-Identifier: MIT
# compare_stacks.py: compares the stacks of a report with what the program's own runtime said.
#
# usage: compare_stacks.py RUNTIME REPORT EXPECTED    REPORT: lines of JSON. EXPECTED: lines of a descriptor and of function, file, line for each frame, innermost
# first, between tabs. Prints how many stacks were equal; ends with 1 when one was not.
import json, sys

runtime, report, expected = sys.argv[1:]
seen = {}
for line in open(report, encoding="utf-8"):
    group = json.loads(line)
    if group["type"] != "leak":
        continue
    frames = [f for f in group["frames"] if f["runtime"] == runtime]
    for s in group["sockets"]:
        seen[s["fd"]] = [(f.get("symbol") or f.get("function"), f.get("file") or "", f.get("line") or 0) for f in frames]
def without_rescues(stack):
    # Ruby 3.4 has one frame for code and its rescue or ensure: where that is, with the label of the code
    out = []
    for i, f in enumerate(stack):
        if not (i and stack[i - 1][0].startswith(("rescue in ", "ensure in "))):
            out.append((f[0].removeprefix("rescue in ").removeprefix("ensure in "), *f[1:]))
    return out


equal = wrong = missing = deep = 0
for line in open(expected, encoding="utf-8"):
    fd, *words = line.rstrip("\n").split("\t")
    want = [(words[i], words[i + 1], int(words[i + 2])) for i in range(0, len(words), 3)]
    got = seen.get(int(fd))
    if got is None:
        missing += 1
    elif got == want or without_rescues(got) == want or (len(want) > 60 and len(got) >= 8 and got == want[:len(got)]):
        equal += 1
    else:
        wrong += 1
        if wrong <= 5:
            print("descriptor", fd)
            for i in range(max(len(want), len(got))):
                w, g = want[i] if i < len(want) else None, got[i] if i < len(got) else None
                print("  " if w == g else "! ", w, g)
print(equal, "equal,", wrong, "wrong,", missing, "missing")
sys.exit(wrong or missing or not equal)
