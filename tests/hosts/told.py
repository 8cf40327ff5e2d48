# SPDX-License-Identifier: MIT
"""told.py SOCKLEAK DIR: what a host's processes were told of closed descriptors (use_after_close, held_by_child) by the time that all have ended.

From the agent's logs and from the state files that are left: a process that a signal has ended wrote no last report. Each finding is one line:
  expected TEXT        the host says that its program does that, and why: a line KIND<tab>REGEX<tab>WHY of DIR/expected, the regex over TEXT
  confirmed TEXT       a held_by_child that a look has found to be so (audit.py: DIR/held)
  contradicted TEXT    any other: the host must prove that its program does that, or the agent is wrong
"""
import glob, json, os, re, subprocess, sys

sockleak, base = sys.argv[1:3]
KINDS = ("use_after_close", "held_by_child")


def leaks():
    for name in sorted(glob.glob(f"{base}/log/*")):
        for line in open(name, errors="replace"):
            yield line
    left = [f for d in glob.glob(f"{base}/run*") for f in glob.glob(f"{d}/sockleak/*.sockleak")]
    for i in range(0, len(left), 50):
        yield from subprocess.run([sockleak, "report", "--format", "json", "--kinds", ",".join(KINDS), "--min-age", "0", *left[i:i + 50]], capture_output=True, text=True).stdout.splitlines()


def stack(frames):
    """the innermost functions, where there are such those of a runtime's program"""
    frames = [f for f in frames if f["runtime"] != "native"] or frames
    named = [f["symbol"] or "%s+%s" % (os.path.basename(f["module"] or "?"), f["offset"]) for f in frames]
    return "<".join(named[:6])


def text(o, s):
    words = [o["kind"], f"{os.path.basename(o['exe'])} {s.get('pid', o['pid'])} fd {s['fd']} {s['local']} -> {s['peer']}, opened by", stack(o["frames"])]
    for e in o["history"]:
        words.append(f"; {e['event']} {e['call']}{' ' + e['errno'] if e['errno'] else ''} {stack(e['frames'])}")
    if o["kind"] == "use_after_close":
        words.append(f"; threads {s['tid']} {s['closed_tid']} {s['used_tid']} {s['victim_tid']}")
    else:
        words.append(f"; held by {[(h['pid'], h['exe'], h['fd']) for h in s['holders']]}")
    return " ".join(words)


def lines_of(name):
    try:
        return [line.split("\t") for line in open(f"{base}/{name}").read().splitlines()]
    except OSError:
        return []


found = {}
for line in leaks():
    try:
        o = json.loads(line)
    except ValueError:
        continue
    if o["type"] != "leak" or o["kind"] not in KINDS:
        continue
    for s in o["sockets"]:
        # The watcher's report, the one at exit and the state file say the same again.
        at = [(f["module"], f["offset"]) for e in o["history"][-1:] for f in e["frames"][:1]]
        key = (o["kind"], s.get("pid", o["pid"]), o["site"], s["fd"], s["local"], s["peer"], s.get("used_tid"), s.get("closed_tid"), *at)
        found.setdefault(key, (o, s))

expected, held = lines_of("expected"), lines_of("held")
for o, s in found.values():
    says = text(o, s)
    why = [w for kind, regex, w in expected if kind == o["kind"] and re.search(regex, says)]
    if o["kind"] == "held_by_child" and [str(s.get("pid", o["pid"])), s["local"], s["peer"]] in held:
        print("confirmed", says)
    elif why:
        print("expected", says, "--", why[0])
    else:
        print("contradicted", says)
