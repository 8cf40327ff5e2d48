# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# memcached: threads with libevent; connections that come and go, clients that leave while it is stopped.
what="four threads, 400 connections, sets and gets, clients that leave while it is stopped"
needs="memcached=memcached python3=python3 ss=iproute2"

work()
{
    local as=()
    ports 1
    ((EUID)) || as=(-u root)
    server memcached memcached "${as[@]}" -l 127.0.0.1 -p "${PORTS[0]}" -U 0 -t 4
    until_true 30 listens "${PORTS[0]}" || return 1
    python3 - "${PORTS[0]}" "$pid" <<'PY'
import os, signal, socket, sys, time
port, pid = map(int, sys.argv[1:])
def connect(): return socket.create_connection(("127.0.0.1", port))
ok = 0
for i in range(400):
    c = connect()
    c.sendall(b"set k%d 0 0 5\r\nvalue\r\nget k%d\r\n" % (i, i))
    f = c.makefile("rb")
    ok += [f.readline() for _ in range(4)] == [b"STORED\r\n", b"VALUE k%d 0 5\r\n" % i, b"value\r\n", b"END\r\n"]
    f.close(); c.close()
print("stored and got", ok)
held = [connect() for _ in range(6)]
for c in held:
    c.sendall(b"version\r\n")
    assert c.recv(100).startswith(b"VERSION")
os.kill(pid, signal.SIGSTOP)
def stopped(tid): return open(f"/proc/{pid}/task/{tid}/stat").read().rpartition(")")[2].split()[0] == "T"
while not all(map(stopped, os.listdir(f"/proc/{pid}/task"))): time.sleep(0.01)
for c in held: c.close()
PY
    until_true 30 close_waits "${PORTS[0]}" 6 && echo "six in CLOSE_WAIT"
    # Its watcher is stopped too: the report from outside has them all the same.
    look
    kill -CONT "$pid"
    until_true 60 none_waits
    descriptors memcached "$pid"
    stop "$pid" INT
}
none_waits() { ! close_waits "${PORTS[0]}" 1; }
