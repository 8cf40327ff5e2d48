#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output and $status come from bats
# 65-page: the page of `report --format html`, in a headless Chromium and as a file.
#
# The pages are made once, and one browser makes all the checks of page_checks.py; each test reads its own result.

bats_require_minimum_version 1.5.0
load helpers

# waiting NAME PROGRAM WORD...: with the agent, until the test ends; $pid.
waiting()
{
    start_agent "$1" grace=100ms:interval=50ms:log_path=/dev/null sh -c 'exec "$@" <>"$0"' "$PAGES/in" "${@:2}"
}

# Three programs, of which one is a state file of 10,000 sockets at 1,000 sites.
make_pages()
{
    local long
    long=$(printf 'y%.0s' {1..10000})
    "${CC:-gcc}" -g -O1 -fno-optimize-sibling-calls -DLONG_NAME="$long" -I"$TOP/include" -o "$TESTTMP/<img src=x onerror=alert(4)>" "$TOP/tests/victims/preload/hostile.c" || return
    waiting hostile "$TESTTMP/<img src=x onerror=alert(4)>"
    local hostile=$pid
    waiting leak "$VICTIMS/run_leak" 5 wait
    "$VICTIMS/report_statefile" "$TESTTMP/many" 1000 10
    "$SOCKLEAK" report --format html "$TESTTMP/many" >"$1/many.html" && "$SOCKLEAK" report --format json "$TESTTMP/many" >"$1/many.json" || return
    wait_for 30 eval "'$SOCKLEAK' report --format json $pid | grep -q '\"count\":5.*\"growth\"'" || return
    "$SOCKLEAK" report --format html "$pid" >"$1/leak.html" && "$SOCKLEAK" report --format json "$pid" >"$1/leak.json"
    "$SOCKLEAK" report --gen-suppressions "$pid" >"$1/leak.supp"
    wait_for 30 eval "'$SOCKLEAK' report --format json $hostile | grep -q '\"count\":3'" || return
    "$SOCKLEAK" report --format html "$hostile" >"$1/hostile.html"
}

setup_file()
{
    PAGES=${TMPDIR:-/tmp}/slpage.$$
    export PAGES
    mkdir -m 700 "$PAGES"
    mkfifo "$PAGES/in"
    helpers_setup
    make_pages "$PAGES" 2>"$PAGES/trouble"
    python3 -c 'import sys; sys.path.insert(0, sys.argv[1]); import browser; sys.exit(not browser.find())' "$TOP/tests/e2e" 2>/dev/null &&
        PYTHONDONTWRITEBYTECODE=1 timeout 300 python3 "$TOP/tests/e2e/page_checks.py" "$PAGES" >"$PAGES/results" 2>>"$PAGES/trouble"
    helpers_teardown || :
}
teardown_file() { rm -rf "$PAGES"; }

# in_browser: this test's own result.
in_browser()
{
    [[ -e $PAGES/results ]] || skip 'no Chromium here (chromium-headless-shell)'
    cat "$PAGES/trouble"
    grep -F "$BATS_TEST_DESCRIPTION" "$PAGES/results"
    grep -qxF "ok $BATS_TEST_DESCRIPTION" "$PAGES/results"
}

@test "the numbers are those of the json report" { in_browser; }
@test "it sorts filters and searches" { in_browser; }
@test "the graph zooms and the table follows" { in_browser; }
@test "a site shows its life source growth sockets and suppression" { in_browser; }
@test "the keyboard alone is enough" { in_browser; }
@test "it fits any width dark and light" { in_browser; }
@test "paper has the stacks and no controls" { in_browser; }
@test "without scripts all of it is readable" { in_browser; }
@test "hostile names do nothing" { in_browser; }

@test "ten thousand sockets at a thousand sites are less than two megabytes" {
    size=$(wc -c <"$PAGES/many.html")
    echo "$size bytes"
    [ "$size" -lt 2000000 ]
}

@test "the page names no other file, and no element is left open" {
    for page in leak many hostile; do
        python3 - "$PAGES/$page.html" <<'PY'
import html.parser, sys

VOID = {"meta", "input", "col", "br"}
ENDS_ITSELF = {"li", "tr", "td", "th", "thead", "tbody", "option"}

class Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.ids = [], set()
    def handle_starttag(self, tag, attributes):
        names = dict(attributes)
        assert "src" not in names and tag != "link", (tag, names)
        assert not any(name.startswith("on") or name == "style" for name in names), (tag, names)
        assert len(names) == len(attributes), attributes
        assert names.get("href", "#").startswith("#"), names
        assert names.get("id") not in self.ids, names
        self.ids |= {names["id"]} if "id" in names else set()
        if tag not in VOID | ENDS_ITSELF:
            self.open.append(tag)
    def handle_endtag(self, tag):
        if tag not in ENDS_ITSELF:
            assert self.open and self.open.pop() == tag, (tag, self.open, self.getpos())

reader = Reader()
reader.feed(open(sys.argv[1], encoding="utf-8").read())
reader.close()
assert not reader.open, reader.open
PY
    done
}

@test "a page with addresses left out has neither these nor suppressions" {
    cp "$PAGES/leak.json" "$TESTTMP/before"
    "$VICTIMS/report_statefile" "$TESTTMP/few" 2 2
    "$SOCKLEAK" report --redact --format html "$TESTTMP/few" >"$TESTTMP/page"
    grep -q 'address-1' "$TESTTMP/page"
    run ! grep -qE '10\.0\.0\.|"suppression":' "$TESTTMP/page"
}

@test "the exporter serves the same page over all processes" {
    command -v curl >/dev/null || skip 'no curl'
    "$SOCKLEAK" export --listen '[::1' 2>&1 | grep -q 'not an address' || skip 'built without libmicrohttpd'
    mkdir -m 700 "$XDG_RUNTIME_DIR/sockleak"
    "$VICTIMS/report_statefile" "$XDG_RUNTIME_DIR/sockleak/4194000.77.sockleak" 3 2
    start listener "$SOCKLEAK" export --listen 127.0.0.1:0
    wait_for 20 grep -q listening "$TESTTMP/listener.out"
    at=$(sed -n 's/^listening on //p' "$TESTTMP/listener.out")
    curl -s -m 60 -D "$TESTTMP/head" -o "$TESTTMP/page" "http://$at/"
    grep -qi '^content-type: text/html; charset=utf-8' "$TESTTMP/head"
    grep -q '<a href="/metrics">' "$TESTTMP/page"
    grep -q 'report_statefile' "$TESTTMP/page"
    grep -q '"groups":\[' "$TESTTMP/page"
}

@test "with nothing to report the page says so, and what is known" {
    waiting idle python3 -c 'import socket, sys
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); sys.stdin.read()'
    wait_for 20 eval "'$SOCKLEAK' report $pid | grep -q nothing"
    "$SOCKLEAK" report --format html "$pid" >"$TESTTMP/page"
    grep -q '<h1>No socket is reported in ' "$TESTTMP/page"
    grep -q 'nothing is stuck' "$TESTTMP/page"
}
