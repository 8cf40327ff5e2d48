# SPDX-License-Identifier: MIT
import asyncio, http.client, http.server, multiprocessing, os, socket, subprocess, sys, threading, time


class Hello(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"hello\n")

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello)
threading.Thread(target=server.serve_forever, daemon=True).start()
port = server.server_address[1]
n = [0] * 4


def ask(i):
    for _ in range(50):
        c = http.client.HTTPConnection("127.0.0.1", port)
        c.request("GET", "/")
        n[i] += c.getresponse().read() == b"hello\n"
        c.close()


threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
for t in threads: t.start()
for _ in range(20):
    assert subprocess.run(["/bin/echo", "x"], capture_output=True).stdout == b"x\n"
for t in threads: t.join()
print("threads", sum(n))


async def echo(r, w):
    w.write(await r.readline())
    await w.drain()
    w.close()


async def one(p, i):
    r, w = await asyncio.open_connection("127.0.0.1", p)
    w.write(b"%d\n" % i)
    line = await r.readline()
    w.close()
    return int(line)


async def loop():
    s = await asyncio.start_server(echo, "127.0.0.1", 0)
    p = s.sockets[0].getsockname()[1]
    got = await asyncio.gather(*(one(p, i) for i in range(100)))
    sub = await asyncio.create_subprocess_exec("/bin/cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    out, _ = await sub.communicate(b"piped")
    s.close()
    return sum(got), out


print("asyncio", asyncio.run(loop()))


def square(x):
    a, b = socket.socketpair()
    a.close(), b.close()
    return x * x


with multiprocessing.get_context("fork").Pool(3) as pool:
    print("pool", sum(pool.map(square, range(50))))

# What stays: three in CLOSE_WAIT (one with unread bytes), two half closed, one finished, one never connected.
l = socket.create_server(("127.0.0.1", 0))
keep = []
for i in range(3):
    c = socket.create_connection(l.getsockname())
    s, _ = l.accept()
    if i == 2: s.sendall(b"unread")
    s.close()
    keep.append(c)
other = []
accepted, told = os.pipe()
if os.fork() == 0:
    for _ in range(3): other.append(l.accept()[0])
    other[2].close()
    os.close(told)
    while not os.path.exists(sys.argv[1]): time.sleep(0.05)
    os._exit(0)
for i in range(3):
    c = socket.create_connection(l.getsockname())
    c.shutdown(socket.SHUT_WR)
    keep.append(c)
os.close(told)
os.read(accepted, 1)  # EOF: it has all three, and none of those that follow
os.close(accepted)
c = socket.socket()
try:
    c.connect(("127.0.0.1", 1))
except OSError as e:
    print("refused", e.errno)
keep.append(c)
# Held by others alone, which never touch them: a forked child, a daemon, a program that was executed. Their parent closes its copies.
for how in "fork", "daemon", "exec":
    held = []
    for i in range(2):
        c = socket.create_connection(l.getsockname())
        held.append((c, l.accept()[0]))
    mine, theirs = socket.socketpair()
    if how == "exec":
        script = "while ! [ -e \"$0\" ]; do sleep 0.5; done"
        subprocess.Popen(["/bin/sh", "-c", script, sys.argv[1]], pass_fds=[c.fileno() for c, s in held], close_fds=True)
    elif (child := os.fork()) == 0:
        for c, s in held: s.close()
        mine.close()
        if how == "daemon":
            os.setsid()
            if os.fork(): os._exit(0)
        theirs.close()
        l.close()
        while not os.path.exists(sys.argv[1]): time.sleep(0.05)
        os._exit(0)
    elif how == "daemon":
        os.waitpid(child, 0)
    theirs.close()
    if how != "exec": mine.recv(1)
    mine.close()
    for c, s in held: s.close(), c.close()
    print(how, len(held))
# Closed here while the other end is open, and kept by a child that does not use it: held_by_child.
c = socket.create_connection(l.getsockname())
keep.append(l.accept()[0])
if os.fork() == 0:
    while not os.path.exists(sys.argv[1]): time.sleep(0.05)
    os._exit(0)
c.close()
print("ready", flush=True)
while not os.path.exists(sys.argv[1]): time.sleep(0.05)
try:
    while True: os.wait()
except ChildProcessError:
    pass
