# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# chromium, headless: loads a page with a script that fetches; many processes, zygotes, seccomp sandboxes, file descriptors passed about.
what="headless: a page whose script fetches 30 times over loopback"
needs="chromium-headless-shell=chromium-headless-shell python3=python3"

work()
{
    local sandbox=()
    ports 1
    ((EUID)) || sandbox=(--no-sandbox)
    cat >"$DIR/page.py" <<'PY'
import http.server, sys
PAGE = b"""<html><body><p id=r>waiting</p><script>
(async () => { let n = 0; for (let i = 0; i < 30; i++) n += (await (await fetch('/n?' + i)).text()).length; document.getElementById('r').textContent = 'fetched ' + n; })();
</script></body></html>"""
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = PAGE if self.path == "/" else b"hello"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), H).serve_forever()
PY
    helper page python3 "$DIR/page.py" "${PORTS[0]}"
    until_true 30 listens "${PORTS[0]}" || return 1
    server chromium chromium-headless-shell "${sandbox[@]}" --headless --disable-gpu --disable-dev-shm-usage --user-data-dir="$DIR/profile" \
        --virtual-time-budget=20000 --timeout=100000 --dump-dom "http://127.0.0.1:${PORTS[0]}/"
    local main=$pid
    until_true 60 children_of "$main"
    look
    until_true 180 gone "$main"
    wait "$main"
    echo "status $?"
    grep -o 'fetched [0-9]*' "$DIR/chromium.out"
}
children_of() { pgrep -P "$1"; }
