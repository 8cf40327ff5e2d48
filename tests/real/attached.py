# SPDX-License-Identifier: MIT
# attached.py STOPFILE: a threaded http server and its client in one process, until STOPFILE exists; one connection in fifty is kept after the server has closed it.
import http.server, os, socket, sys, threading, urllib.request


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'hi')

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
port = server.server_address[1]
kept = []
n = 0
print('ready', flush=True)
while not os.path.exists(sys.argv[1]):
    assert urllib.request.urlopen('http://127.0.0.1:%d/' % port, timeout=20).read() == b'hi'
    n += 1
    if n % 50 == 0:
        c = socket.create_connection(('127.0.0.1', port))
        c.sendall(b'GET / HTTP/1.0\r\n\r\n')
        while c.recv(1000):
            pass
        kept.append(c)
print(n, 'fine')
