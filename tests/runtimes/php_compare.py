# SPDX-License-Identifier: MIT
"""php_compare.py COUNT SEED PHP...: random stacks of PHP, a command with its options, against debug_backtrace.

Runs php_stacks.php under the library $AGENT, asks `$SOCKLEAK report` for all sockets, and compares the frames of each,
found by its local port. Prints how many stacks and frames there are, and those that differ; exits 1 if one does.

With $ROOT, PHP is run in that folder's system: php_stacks.php and the library are in its /sockleak.

A function whose local object's destructor runs while an exception leaves it has lost its line in some versions: PHP
names any line that one was thrown in, perhaps of another file's function; we name the line where the function begins.
"""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

MOST = 64  # frames that a stack keeps
count, seed, command = sys.argv[1], sys.argv[2], sys.argv[3:]
root = os.environ.get("ROOT", "")
here = "/sockleak" if root else os.path.dirname(os.path.abspath(__file__))
work = tempfile.mkdtemp(dir=root + "/tmp" if root else None)


def gather():
    """The lines that PHP wrote, and the report of the process while it waits."""
    inside = work[len(root):]
    os.mkdir(work + "/made")
    options = f"kinds=all:interval=0:leak_check_at_exit=0:log_path={inside}/log:state_dir={inside}/state"
    agent = ["env", "LD_PRELOAD=" + ("/sockleak/libsockleak.so" if root else os.environ["AGENT"]), "SOCKLEAK_OPTIONS=" + options]
    at = next(i for i, word in enumerate(command) if re.fullmatch(r"php[0-9.]*", os.path.basename(word)))
    words = command[:at] + agent + command[at:] + ["-d", "display_errors=stderr", here + "/php_stacks.php", seed, count, inside + "/made"]
    php = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(work + "/err", "w"), text=True)
    said = []
    for line in php.stdout:
        if line == "ready\n":
            break
        said.append(line)
    else:
        sys.exit(f"php ended too early: {open(work + '/err').read()[-2000:]}")
    state = glob.glob(work + "/state/*.sockleak")
    report = subprocess.run(
        [os.environ["SOCKLEAK"], "report", "--format", "json", "--kinds", "open", "--min-age", "0", *state], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    php.stdin.close()
    status = php.wait()
    if status:
        sys.exit(f"php ended with {status}: {open(work + '/err').read()[-2000:]}")
    return said, [json.loads(line) for line in report.stdout.splitlines()]


def begins_function(file, line, cache={}):
    name = os.path.dirname(os.path.abspath(__file__)) + "/" + os.path.basename(file)
    if name not in cache:
        cache[name] = open(name).readlines()
    return "function " in cache[name][int(line) - 1]


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


try:
    lines, report = gather()
finally:
    shutil.rmtree(work)
said = {}
for line in lines:
    port, frames = line.rstrip("\n").split("\t")
    said[port] = frames.split("|")
ours = {}
unlisted = 0  # a report lists some sockets of each group
for leak in report:
    if leak["type"] != "leak":
        continue
    frames = [f"{f['symbol']} {f['file']}:{f['line']}" for f in leak["frames"] if f["runtime"] == "php"]
    unlisted += leak["count"] - len(leak["sockets"])
    for s in leak["sockets"]:
        ours[s["local"].rsplit(":", 1)[1]] = frames
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
    if wrong == 1:
        print("PHP:", *theirs, "ours:", *(mine or ["none"]), sep="\n    ")
print(f"{len(said)} stacks, {frames} frames, {cut} cut at {MOST}, {lost} lines lost: {wrong} wrong")
sys.exit(1 if wrong or len(said) < int(count) * 9 // 10 or lost * 50 > frames else 0)
