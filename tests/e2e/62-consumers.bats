#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The formats for CI servers and code review, against the rules that their readers publish, and read by a reader of somebody else.

bats_require_minimum_version 1.5.0
load helpers

# A folder of state files with every kind of leak, of several programs, one of them stripped and oddly named, one without stacks.
setup()
{
    helpers_setup
    STATES=$TESTTMP/states
    for how in close_wait_read close_wait_unread fin_wait_2 finished reset refused never hangup open; do
        with_agent "kinds=all:log_path=$TESTTMP/log:state_dir=$STATES" "$VICTIMS/each_kind" "$how" >/dev/null || true
    done
    with_agent "log_path=$TESTTMP/log:state_dir=$STATES" "$VICTIMS/run_leak" 3
    with_agent "log_path=$TESTTMP/log:state_dir=$STATES:max_frames=0" "$VICTIMS/run_leak" 2
    cp "$VICTIMS/run_leak" "$TESTTMP/a b&c"
    strip "$TESTTMP/a b&c"
    with_agent "log_path=$TESTTMP/log:state_dir=$STATES" "$TESTTMP/a b&c" 1
    with_agent "log_path=$TESTTMP/log:state_dir=$TESTTMP/other" "$VICTIMS/run_leak" 1 # of another kind than fin_wait_2 alone
    report() { "$SOCKLEAK" report --kinds all --min-age 0 "$@"; }
}

@test "JUnit output is valid by both published schemas: Ant's and Jenkins'" {
    command -v xmllint >/dev/null || skip 'xmllint is missing (libxml2-utils)'
    report --format junit "$STATES" >"$TESTTMP/all.xml"
    report --format junit --kinds dead "$STATES" >"$TESTTMP/dead.xml"
    report --format junit --kinds fin_wait_2 "$TESTTMP/other" >"$TESTTMP/none.xml"
    contains "$TESTTMP/none.xml" 'no leaked sockets'
    mkdir "$TESTTMP/empty"
    report --format junit "$TESTTMP/empty" >"$TESTTMP/nothing.xml" # no process at all
    contains "$TESTTMP/nothing.xml" 'no leaked sockets'
    run --separate-stderr report --format junit "$TESTTMP/absent" # what cannot be read has not passed
    [ "$status" -eq 1 ]
    echo "$output" >"$TESTTMP/unread.xml"
    contains "$TESTTMP/unread.xml" '<error type="unread"'
    lacks "$(cat "$TESTTMP/unread.xml")" 'no leaked sockets'
    for f in all dead none nothing unread; do xmllint --noout --relaxng "$TOP/tests/e2e/62-junit.rng" "$TESTTMP/$f.xml"; done
    # The rules would notice: an attribute less, an element out of place, a zone in the time.
    for broken in 's/ hostname="[^"]*"//' 's|<properties/>||' 's/\(timestamp="[^"]*\)"/\1Z"/' 's/<failure type="[a-z_0-9]*"/<failure/'; do
        sed "$broken" "$TESTTMP/all.xml" >"$TESTTMP/broken.xml"
        run xmllint --noout --relaxng "$TOP/tests/e2e/62-junit.rng" "$TESTTMP/broken.xml"
        [ "$status" -ne 0 ]
    done
}

@test "a reader of JUnit files that somebody else wrote finds each leaking site as a failed case" {
    /usr/bin/python3 -c 'import junitparser' 2>/dev/null || skip 'junitparser is missing (python3-junitparser)'
    report --format junit "$STATES" >"$TESTTMP/all.xml"
    run /usr/bin/python3 - "$TESTTMP/all.xml" <<'PY'
import sys, junitparser
suites = junitparser.JUnitXml.fromfile(sys.argv[1])
told = failed = 0
for suite in suites:
    told += suite.failures
    cases = list(suite)
    assert suite.tests == len(cases) and suite.errors == 0
    for case in cases:
        for result in case.result:
            assert isinstance(result, junitparser.Failure) and result.message and result.type
            assert case.name.startswith(result.type)
            failed += 1
assert told == failed >= 10, (told, failed)
print("run_leak.c:" in "".join(c.name for s in suites for c in s), "no stack" in "".join(c.name for s in suites for c in s))
PY
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$output" = 'True True' ]
}

@test "SARIF output is valid, each result has a file and a line, and its references lead somewhere" {
    /usr/bin/python3 -c 'import jsonschema' 2>/dev/null || skip 'jsonschema is missing (python3-jsonschema)'
    report --format sarif "$STATES" >"$TESTTMP/all.sarif"
    report --format sarif --kinds fin_wait_2 "$TESTTMP/other" >"$TESTTMP/none.sarif"
    mkdir "$TESTTMP/empty"
    report --format sarif "$TESTTMP/empty" >"$TESTTMP/nothing.sarif"
    report --format sarif "$TESTTMP/absent" >"$TESTTMP/unread.sarif" || [ $? -eq 1 ]
    contains "$TESTTMP/unread.sarif" '"executionSuccessful":false'
    run /usr/bin/python3 - "$TOP/tests/e2e/62-sarif.json" "$TESTTMP"/{none,nothing,unread,all}.sarif <<'PY'
import copy, json, re, sys, jsonschema
rules = jsonschema.Draft7Validator(json.load(open(sys.argv[1])), format_checker=jsonschema.FormatChecker())
def complaints(log):
    for e in rules.iter_errors(log):
        yield f"{list(e.path)}: {e.message}"
    for run in log["runs"]:
        ids = [r["id"] for r in run["tool"]["driver"]["rules"]]
        if len(set(ids)) != len(ids):
            yield "two rules of one name"
        for r in run["results"]:
            if r.get("ruleIndex", -1) not in range(len(ids)) or ids[r["ruleIndex"]] != r["ruleId"]:
                yield "a result of no rule"
            frames = [f["location"] for s in r.get("stacks", []) for f in s["frames"]]
            for place in r.get("locations", []) + frames:
                artifact = place.get("physicalLocation", {}).get("artifactLocation", {})
                if "uriBaseId" in artifact and artifact["uriBaseId"] not in run.get("originalUriBaseIds", {}):
                    yield "a base that is not named"
                if "uriBaseId" in artifact and artifact["uri"].startswith(("/", "file:")):
                    yield "an absolute path below a base"
for name in sys.argv[2:]:
    log = json.load(open(name))
    found = list(complaints(log))
    assert not found, "\n".join(found)
    driver = log["runs"][0]["tool"]["driver"]
    assert re.match("[a-z]+:.", driver["informationUri"])
    for r in log["runs"][0]["results"]:
        marks = r.get("partialFingerprints", {})
        assert "stacks" not in r or re.fullmatch("[0-9a-f]{16}", marks["sockleakSite/v1"]), r
results = log["runs"][0]["results"]
assert len(results) >= 10, len(results)
assert any("snippet" in r["locations"][0]["physicalLocation"]["region"] for r in results)
# The rules would notice.
for spoil in (lambda r: r.pop("message"), lambda r: r.pop("locations"), lambda r: r.update(locations=[]), lambda r: r.update(ruleIndex=99),
              lambda r: r.update(level="bad"), lambda r: r.update(sockets=3), lambda r: r["locations"][0].pop("physicalLocation")):
    bad = copy.deepcopy(log)
    spoil(bad["runs"][0]["results"][0])
    assert list(complaints(bad))
uris = [r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in results]
print(any(u.endswith("run_leak.c") for u in uris), any("stacks" not in r for r in results))
PY
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$output" = 'True True' ]
}
