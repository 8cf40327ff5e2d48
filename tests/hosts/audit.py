# SPDX-License-Identifier: MIT
"""audit.py LIBRARY SOCKLEAK DIR: holds every process of a host against ss and /proc, at this moment.

The processes are those that map LIBRARY, those that were started with it, and whatever descends from them, also without it (a program that was
started with an environment of its own, a static one). Prints one line a fact, for tests/hosts/run to add up:
  processes N      that map LIBRARY                owned N TEXT      descriptors of the agent's
  others N         that do not
  stuck N TEXT     sockets that ss has in CLOSE_WAIT or FIN_WAIT_2 in any of these processes, beyond grace
  confirmed N      findings that the kernel says too
  contradicted TEXT    a finding that neither the look before nor the look after it shows
  missed TEXT          one of the stuck that no report names (it is of one process, where several hold it), or a CLOSE_WAIT that the report
                       or the agent's log of its own process leaves out
A held_by_child is confirmed where its holder has that connection open, and the process that it is told of has closed its own copy; then DIR/held
has it too. A use_after_close is an event, and no socket that the kernel knows: told.py judges it, once all have ended.
A finding is one of `sockleak report` (the state file and the kernel, from outside) or of the agent's own log (what it said and has not taken back).
"""
import glob, json, os, re, subprocess, sys, time

lib, sockleak, base = sys.argv[1:4]
GRACE, INTERVAL, PATIENCE = 1.0, 0.25, 20.0


def processes():
    found = []
    for d in glob.glob("/proc/[0-9]*"):
        try:
            with open(d + "/maps") as f:
                if lib in f.read() and open(d + "/stat").read().rsplit(") ", 1)[1][0] not in "ZX":
                    found.append(int(d[6:]))
        except OSError:
            pass
    return found


def started_with_it(pid):
    try:
        words = open(f"/proc/{pid}/environ", "rb").read().split(b"\0")
        return any(w.startswith(b"LD_PRELOAD=") and lib.encode() in w for w in words)
    except OSError:
        return False


def family(mapped):
    """the processes of the host that do not map the library: started with it, or descending from one that was"""
    parents = {}
    for d in glob.glob("/proc/[0-9]*"):
        try:
            words = open(d + "/stat").read().rsplit(") ", 1)[1].split()
        except OSError:
            continue
        if words[0] not in "ZX" and int(d[6:]) != os.getpid():
            parents[int(d[6:])] = int(words[1])
    found = set(mapped) | {pid for pid in parents if started_with_it(pid)}
    while more := {pid for pid, parent in parents.items() if parent in found and pid not in found}:
        found |= more
    return sorted(found - set(mapped))


def descriptors(pid):
    links = {}
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                links[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
            except OSError:
                pass
    except OSError:
        pass
    return links


def kernel():
    """inode -> state, of TCP and of Unix sockets ("GONE" for one whose peer is gone)"""
    states = {}
    for line in subprocess.run(["ss", "-Htane", "-O"], capture_output=True, text=True).stdout.splitlines():
        ino = re.search(r"\bino:(\d+)", line)
        if ino:
            states[int(ino.group(1))] = line.split()[0]
    for line in subprocess.run(["ss", "-Hxa"], capture_output=True, text=True).stdout.splitlines():
        w = line.split()
        if len(w) >= 8:
            states[int(w[5])] = "GONE" if w[1] == "ESTAB" and w[7] == "0" else "unix " + w[1]
    return states


def sockets(pids, states):
    """(pid, fd) -> (inode, state)"""
    out = {}
    for pid in pids:
        for fd, link in descriptors(pid).items():
            if link.startswith("socket:["):
                ino = int(link[8:-1])
                out[pid, fd] = (ino, states.get(ino, "none"))
    return out


SAYS = {
    "close_wait": lambda s: s == "CLOSE-WAIT",
    "fin_wait_2": lambda s: s == "FIN-WAIT-2",
    "dead": lambda s: s in ("none", "LAST-ACK", "CLOSING", "TIME-WAIT", "UNCONN", "GONE"),
    "never_connected": lambda s: s in ("none", "UNCONN", "SYN-SENT", "unix UNCONN"),
    "hangup": lambda s: s in ("none", "GONE") or s.startswith("unix"),
    "open": lambda s: True,
}


def ports(inode):
    """(local port, peer's port) of a TCP socket, or None: what a finding about a closed descriptor and the kernel's line have in common"""
    for line in subprocess.run(["ss", "-Htane", "-O"], capture_output=True, text=True).stdout.splitlines():
        if re.search(rf"\bino:{inode}\b", line):
            return tuple(address.rsplit(":", 1)[1] for address in line.split()[3:5])
    return None


def held_elsewhere(pid, s):
    """a socket of a held_by_child: some holder has it at the number that was told, and PID has it no more"""
    mine = descriptors(pid).values()
    for h in s["holders"]:
        link = descriptors(h["pid"]).get(h["fd"], "")
        if link.startswith("socket:[") and link not in mine:
            if ports(link[8:-1]) == (s["local"].rsplit(":", 1)[1], s["peer"].rsplit(":", 1)[1]):
                return True
    return False


def report(pid, min_age):
    """fd -> kind, kind -> count, the sockets of held_by_child (their numbers may be other sockets' by now), what stderr said"""
    r = subprocess.run([sockleak, "report", "--format", "json", "--kinds", "all", "--min-age", min_age, str(pid)], capture_output=True, text=True)
    found, total, held = {}, {}, []
    for line in r.stdout.splitlines():
        o = json.loads(line)
        if o["type"] == "leak" and o["kind"] == "use_after_close":
            continue
        elif o["type"] == "leak" and o["kind"] == "held_by_child":
            held += o["sockets"]
        elif o["type"] == "leak":
            total[o["kind"]] = total.get(o["kind"], 0) + o["count"]
            for s in o["sockets"]:
                found[s["fd"]] = o["kind"]
    return found, total, held, r.stderr.strip()


def logged(pid):
    """what the agent has said of this process and not taken back; the sockets of held_by_child; the kinds that it spoke of at all"""
    now, held, kinds = {}, {}, set()
    for name in glob.glob(f"{base}/log/*.{pid}"):
        with open(name) as f:
            for line in f:
                try:
                    o = json.loads(line)
                except ValueError:
                    continue
                if o["type"] == "leak" and o["kind"] != "use_after_close":
                    kinds.add(o["kind"])
                    for s in o["sockets"]:
                        if o["kind"] == "held_by_child":
                            held[s["local"], s["peer"]] = s
                        else:
                            now[s["fd"]] = o["kind"]
                elif o["type"] == "release":
                    for fd in o["fds"]:
                        if o["kind"] not in ("held_by_child", "use_after_close"):
                            now.pop(fd, None)
                        for ends in [ends for ends, s in held.items() if o["kind"] == "held_by_child" and s["fd"] == fd]:
                            del held[ends]
    return now, list(held.values()), kinds


def alive(pid):
    try:
        return lib in open(f"/proc/{pid}/maps").read()
    except OSError:
        return False


def command(pid):
    try:
        return open(f"/proc/{pid}/comm").read().strip()
    except OSError:
        return "gone"


def stopped(pid):
    """its watcher is stopped as well: only the report from outside can know"""
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(") ", 1)[1][0] in "Tt"
    except OSError:
        return False


pids = processes()
owned = 0
for pid in pids:
    for fd, link in descriptors(pid).items():
        if "sockleak" in link and "/log/" not in link and base + "/work" not in link:
            owned += 1
            print(f"owned 1 {pid} fd {fd} -> {link}")
print(f"processes {len(pids)}")
others = family(pids)
print(f"others {len(others)}")

STUCK = {"CLOSE-WAIT": "close_wait", "FIN-WAIT-2": "fin_wait_2"}
first = sockets(pids + others, kernel())
stuck = {k: v for k, v in first.items() if v[1] in STUCK}
waiting = [k for k, v in stuck.items() if v[1] == "CLOSE-WAIT" and k[0] in pids]
if stuck:
    time.sleep(GRACE + 4 * INTERVAL)

end = time.monotonic() + PATIENCE
while True:
    confirmed, contradicted, missed, proven = 0, [], [], set()
    # A process that got a socket through fork or exec and does not use it leaves it to the one that opened it; one of them must report it.
    reported, named, cut = set(), set(), set()
    for pid in pids:
        now = sockets([pid], {})
        found, total, _, _ = report(pid, "0")
        named |= {(now[pid, fd][0], kind) for fd, kind in found.items() if (pid, fd) in now}
        cut |= {kind for kind in total if total[kind] > sum(k == kind for k in found.values())}  # JSON lists 64 sockets of a group
    reported = {inode for inode, kind in named if kind == "close_wait"}
    # What ss has, in whichever process of the host: it is stuck still, and nobody names it.
    now = sockets(pids + others, kernel())
    left = {}
    for k, v in stuck.items():
        if now.get(k) == v:
            left.setdefault(v, []).append(k)
    for (inode, state), holders in left.items():
        if (inode, STUCK[state]) not in named and STUCK[state] not in cut and not any(stopped(pid) for pid, _ in holders):
            missed.append(f"ss: {state} inode {inode} in {[(pid, command(pid), fd) for pid, fd in holders]}, and no report names it")
    for pid in pids:
        for source in ("report", "log"):
            before = sockets([pid], kernel())
            if source == "report":
                found, total, held, complaint = report(pid, "0")
                # "judged by the kernel's tables" says where its findings come from: they are compared all the same. What it keeps for another
                # process is that one's finding, confirmed or contradicted there.
                told = ("no state file", "judged by the kernel's tables", "and does not use")
                if complaint and alive(pid) and not any(t in complaint for t in told) and not stopped(pid):
                    missed.append(f"report of {pid}: {complaint}")
            else:
                found, held, kinds = logged(pid)
            after = sockets([pid], kernel())
            if not alive(pid):
                continue
            if source == "report":
                found_by_report = {(pid, fd): kind for fd, kind in found.items()}
            for fd, kind in found.items():
                seen = [s[pid, fd] for s in (before, after) if (pid, fd) in s]
                if any(SAYS[kind](state) for _, state in seen):
                    confirmed += kind != "open"
                else:
                    contradicted.append(f"{source}: {pid} ({open(f'/proc/{pid}/comm').read().strip()}) fd {fd} {kind}, the kernel says {[s for _, s in seen] or 'closed'}")
            for s in held:
                if held_elsewhere(pid, s):
                    confirmed += 1
                    proven.add((str(pid), s["local"], s["peer"]))
                else:
                    contradicted.append(f"{source}: {pid} ({command(pid)}) held_by_child {s['local']} -> {s['peer']} by {s['holders']}: no such connection there")
            mine = [k for k in waiting if k[0] == pid and before.get(k) == first[k] and after.get(k) == first[k]]
            if source == "report":
                if sum(total.values()) == len(found):
                    missed += [f"report: {pid} fd {fd} CLOSE_WAIT (ss), {found.get(fd)}" for k in mine if (fd := k[1]) in found or first[k][0] not in reported if found.get(fd) != "close_wait"]
                elif total.get("close_wait", 0) < len(mine):
                    missed.append(f"report: {pid} has {len(mine)} in CLOSE_WAIT, reported {total.get('close_wait', 0)}")
            elif not stopped(pid) and any(found_by_report.get(k) == "close_wait" for k in mine) and "close_wait" not in kinds:
                missed.append(f"log: {pid} holds {len(mine)} in CLOSE_WAIT, nothing was said")
    if not contradicted and not missed or time.monotonic() > end:
        break
    time.sleep(INTERVAL)

print(f"stuck {len(left)} in {len({pid for holders in left.values() for pid, _ in holders})} processes by ss")
print(f"confirmed {confirmed}")
with open(f"{base}/held", "a") as f:
    f.writelines("\t".join(p) + "\n" for p in sorted(proven))
for text in contradicted:
    print("contradicted", text)
for text in missed:
    print("missed", text)
