# SPDX-License-Identifier: MIT
"""callgrind.py: runs a program under Valgrind's callgrind and counts its instructions, thread by thread and object by object.

Each thread has a file of its own (--separate-threads=yes), so that the watcher's thread can be told from the program's. The program's first thread is
number 1. Valgrind runs one thread at a time: with --fair-sched a waiting thread has the next turn.

In these files a line of costs belongs to the object of the last line "ob="; the line behind "calls=" is the callee's cost and is none of it.
"""
import glob
import os
import re
import subprocess


def objects(lines):
    """Instructions of each object's own text, by the object's path."""
    names, counts, now, callee = {}, {}, "", False
    for line in lines:
        m = re.match(r"(c?ob)=\((\d+)\)(?: (.*))?$", line.rstrip("\n"))
        if m:
            if m[3] is not None:
                names[m[2]] = m[3]
            if m[1] == "ob":
                now = names[m[2]]
        elif line.startswith("calls="):
            callee = True
        elif re.match(r"[\d+*-]", line):
            if not callee:
                counts[now] = counts.get(now, 0) + int(line.split()[1])
            callee = False
    return counts


def count(command, environment, directory):
    """A list with the objects' counts of each thread, the first thread's first."""
    base = os.path.join(directory, "callgrind")
    for old in glob.glob(base + "*"):
        os.unlink(old)
    subprocess.run(["valgrind", "--tool=callgrind", "--separate-threads=yes", "--fair-sched=try", "--callgrind-out-file=" + base] + command, env=environment,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    threads = []
    for path in sorted(glob.glob(base + "-*")):
        with open(path) as f:
            threads.append(objects(f))
    return threads
