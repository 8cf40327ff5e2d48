# SPDX-License-Identifier: MIT
"""page_checks.py: what the page of `report --format html` does in a browser. Called by 65-page.bats.

usage: page_checks.py DIR

DIR has the pages leak.html, many.html and hostile.html, and what leak.json, many.json and leak.supp say of the same. Prints a line for each check:
"ok NAME", or "not ok NAME: what was seen". One browser for all of them: it takes longer to start than a check does.
"""
import json
import os
import sys

from browser import Browser

HERE = sys.argv[1]
ROWS = "[...document.querySelectorAll('#sites > tbody > tr')]"


def path(name):
    return os.path.join(HERE, name)


def leaks(name):
    with open(path(name), encoding="utf-8") as lines:
        return [leak for leak in map(json.loads, lines) if leak["type"] == "leak"]


def same(seen, wanted, what=""):
    assert seen == wanted, f"{what}: {seen!r}, wanted {wanted!r}"


def wait_for_rows(browser, number):
    """The rows after the first hundred come when the browser has nothing else to do."""
    browser.value(f"new Promise((done) => {{ const look = () => {ROWS}.length >= {number} ? done() : setTimeout(look, 20); look(); }})")


def clean(browser):
    same(browser.errors, [], "errors")
    same([url for url in browser.requests if not url.startswith("file:")], [], "requests")
    same(len(browser.requests), 1, "requests")


# ---- the checks: each opens its page ----


def the_numbers_are_those_of_the_json_report(b):
    for name in ("leak", "many"):
        b.open(path(name + ".html"))
        wanted = leaks(name + ".json")
        wait_for_rows(b, len(wanted))
        rows = b.value(ROWS + ".map((row) => [0, 1, 4, 5].map((i) => row.cells[i].textContent))")
        same(sorted(rows), sorted([str(x["count"]), x["kind"], str(x["opened"]), str(x["closed"])] for x in wanted), name)
        data = json.loads(b.value("document.getElementById('data').textContent"))
        by_site = {(x["site"], x["kind"], x["variant"]): x for x in wanted}
        same(len(data["groups"]), len(wanted), "groups")
        for group in data["groups"]:
            leak = by_site[group["site"], group["kind"], group.get("variant")]
            for key in ("count", "opened", "closed", "oldest_s", "youngest_s", "eof", "advice", "rate_per_minute", "fd_limit_in_s"):
                # the two were made one after the other
                seen, told = group.get(key), leak.get(key)
                close = isinstance(told, float) and abs((seen or 0) - told) < 60
                assert close or (seen or None) == (told or None), f"{name} {key}: {seen!r}, {told!r}"
            own = data["stacks"][group["stack"]]
            same([data["frames"][i][0] for i in own[2:]], [f["symbol"] or "" for f in leak["frames"]], "stack")
            same(group["sockets"]["n"], len(leak["sockets"]), "sockets")
            same(len(group.get("growth", [])), len(leak.get("growth", [])), "growth")
        total = sum(x["count"] for x in wanted)
        headline = b.value("document.querySelector('h1').textContent")
        assert headline.startswith(f"{total} socket"), headline
        clean(b)


def it_sorts_filters_and_searches(b):
    b.open(path("many.html"))
    wait_for_rows(b, 1000)
    shown = "document.getElementById('shown').textContent"
    b.value("groups[7].count = 99, groups[8].count = 1, groups[9].closed = 77")
    for column, order, site in ((0, "ascending", 8), (0, "descending", 7), (5, "descending", 9), (5, "ascending", 0)):
        b.value(f"document.querySelectorAll('#sites th button')[{column}].click()")
        same(b.value(f"document.querySelectorAll('#sites th')[{column}].ariaSort"), order)
        same(b.value(f"groups.findIndex((group) => group.row === {ROWS}[0])"), site, f"by column {column}, {order}")
        same(b.value("document.querySelectorAll('#sites [aria-sort]').length"), 1)
    b.value("document.querySelectorAll('#sites th button')[2].click()")
    same(b.value("document.querySelectorAll('#sites th')[2].ariaSort"), "ascending")
    b.value("(() => { const s = document.getElementById('search'); s.value = 'outer3 INNER7'; s.dispatchEvent(new Event('input')); })()")
    same(b.value(shown)[:18], "10 of 1,000 rows, ")
    same(b.value(ROWS + ".length"), 10)
    b.value("(() => { const s = document.getElementById('growing'); s.click(); })()")
    same(b.value(shown), "0 of 1,000 rows, 0 sockets")
    clean(b)


def the_graph_zooms_and_the_table_follows(b):
    b.open(path("many.html"))
    frame = "[...document.querySelectorAll('.frame')].find((f) => f.textContent === '%s')"
    width = "Math.round(%s.getBoundingClientRect().width / document.getElementById('flame-graph').clientWidth * 100)"
    same(b.value(width % (frame % "outer3")), 10)
    b.value((frame % "outer3") + ".click()")
    same(b.value(width % (frame % "outer3")), 100)
    same(b.value(width % (frame % "main")), 100)
    assert not b.value(frame % "outer4"), "outer4 is still there"
    same(b.value("document.getElementById('shown').textContent"), "100 of 1,000 rows, 1,000 sockets")
    b.value("document.getElementById('flame-reset').click()")
    same(b.value("document.getElementById('shown').textContent"), "1,000 rows, 10,000 sockets")
    b.value("(() => { const s = document.getElementById('flame-of'); s.value = 'eof'; s.dispatchEvent(new Event('change')); })()")
    assert b.value(frame % "(saw no EOF)"), "no frame for those without a stack"
    clean(b)


def a_site_shows_its_life_source_growth_sockets_and_suppression(b):
    site = leaks("leak.json")[0]["site"]
    b.open(path("leak.html") + "#" + site)
    text = b.value("document.querySelector('td.detail').textContent")
    for part in ("Fix: leak (", "opened by socket", "saw EOF in (recv returned 0; 5 of 5)", "int fd = socket(AF_INET, SOCK_STREAM, 0);", site, "CLOSE_WAIT"):
        assert part in text, f"{part!r} is not in {text!r}"
    assert b.value("document.querySelector('td.detail .chart path.count').getAttribute('d').includes('V')"), "no growth"
    with open(path("leak.supp"), encoding="utf-8") as lines:
        same(b.value("document.querySelector('.suppress code').textContent"), lines.read().strip())
    same(b.value("document.querySelectorAll('.sockets tbody tr').length"), 5)
    b.value("document.querySelector('.suppress button').click()")
    button = "document.querySelector('.suppress button').textContent"
    b.value(f"new Promise((done) => {{ const look = () => {button} !== 'Copy' ? done() : setTimeout(look, 20); look(); }})")
    assert b.value(button) in ("Copied", "Selected"), b.value(button)
    clean(b)


def the_keyboard_alone_is_enough(b):
    b.open(path("many.html"))
    focus = "document.activeElement"
    b.key("/", *"outer5 inner5")
    same(b.value(focus + ".value"), "outer5 inner5")
    b.key("ArrowDown", "ArrowDown", "Enter")
    same(b.value(focus + ".ariaExpanded"), "true")
    same(b.value(f"{ROWS}.indexOf({focus}.closest('tr'))"), 1)
    assert b.value("location.hash.length") > 16, "the address does not name the site"
    b.key("Escape")
    same(b.value(focus + ".ariaExpanded"), "false")
    same(b.value("location.hash"), "")
    b.key("ArrowUp")
    same(b.value(f"{ROWS}.indexOf({focus}.closest('tr'))"), 0)
    b.value("document.body.focus(), document.activeElement.blur()")
    for _ in range(12):  # with Tab from the top into the graph
        b.key("Tab")
        if b.value(focus + ".className").startswith("frame"):
            break
    same(b.value(focus + ".textContent"), "all")
    b.key(*["ArrowDown"] * 6, "ArrowRight", "Enter")
    name = b.value(focus + ".textContent")
    same(name, "outer1")
    same(b.value("document.getElementById('shown').textContent"), "0 of 1,000 rows, 0 sockets")  # the search is there too
    b.key("Escape")
    same(b.value(focus + ".textContent"), "all")
    clean(b)


def it_fits_any_width_dark_and_light(b):
    for name in ("leak", "many", "hostile"):
        for width in (1280, 400):
            for dark in (False, True) if name == "leak" else (width == 400,):
                b.open(path(name + ".html"), width=width, dark=dark)
                b.key("/", "ArrowDown", "Enter")
                assert b.value("document.querySelectorAll('td.detail').length"), f"{name}: not opened at {width}"
                same(b.value("document.documentElement.scrollWidth"), width, f"{name} at {width}")
                assert b.value(f"{ROWS}[0].cells[2].offsetWidth") > width / 5, f"{name}: a narrow name at {width}"
                back = b.value("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).slice(0, 3).map(Number)")
                assert max(back) < 64 if dark else min(back) > 192, back
                clean(b)


def paper_has_the_stacks_and_no_controls(b):
    b.open(path("leak.html"), media="print", dark=True)
    same(b.value("getComputedStyle(document.getElementById('filters')).display"), "none")
    same(b.value("getComputedStyle(document.querySelector('.plain')).display"), "block")
    same(b.value("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)")
    b.open(path("leak.html"))
    paper = b.paper()
    assert paper.startswith(b"%PDF-") and len(paper) > 10000, len(paper)
    clean(b)


def without_scripts_all_of_it_is_readable(b):
    b.open(path("leak.html"), scripts=False)
    b.call("Emulation.setScriptExecutionDisabled", value=False)
    same(b.value("getComputedStyle(document.querySelector('.plain')).display"), "block")
    text = b.value("document.querySelector('main').textContent")
    for part in ("db_connect", "stuck in CLOSE_WAIT", "saw EOF in (recv returned 0; 5 of 5)", "int fd = socket(AF_INET", "fix: leak ("):
        assert part in text, f"{part!r} is not in {text!r}"
    same(b.value("document.getElementById('filters').offsetHeight"), 0)
    same(b.value("document.getElementById(document.querySelector('#sites a').hash.slice(1)).tagName"), "PRE")
    clean(b)


def hostile_names_do_nothing(b):
    for scripts in (True, False):
        b.open(path("hostile.html"), scripts=scripts)
        b.call("Emulation.setScriptExecutionDisabled", value=False)
        if scripts:
            b.key("/", "ArrowDown", "Enter")
        same(b.value("document.querySelectorAll('script').length"), 3, "scripts")
        same(b.value("document.querySelectorAll('img, svg:not(.spark, .chart), b:not(.kinds b)').length"), 0, "elements")
        text = b.value("document.body.innerText")
        for part in ("</script><script>alert(2)</script>'\"&amp;.c", "</script><img src=x onerror=alert(1)>\"'&lt;\ufffd", "{{data}}<svg onload=alert(3)>", "y" * 10000):
            assert part in text or (part[0] == "{" and not scripts), f"{part[:60]!r} is not there"
        clean(b)


CHECKS = [check for name, check in list(globals().items()) if name[0] != "_" and callable(check) and getattr(check, "__code__", None) and check.__code__.co_varnames[:1] == ("b",)]

with Browser() as browser:
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        try:
            check(browser)
            print("ok", name, flush=True)
        except (AssertionError, RuntimeError, KeyError) as wrong:
            print(f"not ok {name}: {type(wrong).__name__} {str(wrong)[:2000]}", flush=True)
