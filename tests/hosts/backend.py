# SPDX-License-Identifier: MIT
"""backend.py PORT STOP: an HTTP server for proxies: /slow is answered only when the file STOP exists, everything else at once."""
import http.server, os, socketserver, sys, time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        while self.path == "/slow" and not os.path.exists(sys.argv[2]):
            time.sleep(0.05)
        body = b"hello\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *args):
        pass


Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
