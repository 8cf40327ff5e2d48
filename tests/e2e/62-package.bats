#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What a user installs and copies: every installed file goes away again, the manual pages are clean, the files for CI servers and deployments do what they say.

bats_require_minimum_version 1.5.0
load helpers

@test "make install below DESTDIR brings library, command, header, manuals, completions and build files; make uninstall leaves nothing" {
    make -s -C "$TOP" B="$BUILD" PREFIX=/usr DESTDIR="$TESTTMP/root" install
    local f
    for f in bin/sockleak lib/libsockleak.so.0 lib/libsockleak.so include/sockleak.h lib/pkgconfig/sockleak.pc lib/cmake/sockleak/sockleakConfig.cmake \
        share/man/man1/sockleak.1 share/man/man3/sockleak.3 share/bash-completion/completions/sockleak; do
        [ -e "$TESTTMP/root/usr/$f" ] || { echo "missing: $f"; return 1; }
    done
    LD_PRELOAD=$TESTTMP/root/usr/lib/libsockleak.so run --separate-stderr "$TESTTMP/root/usr/bin/sockleak" --version
    [ "$status" -eq 0 ]
    make -s -C "$TOP" B="$BUILD" PREFIX=/usr DESTDIR="$TESTTMP/root" uninstall
    [ "$(find "$TESTTMP/root" ! -type d)" = '' ]
}

@test "the manual pages have no mandoc warning" {
    command -v mandoc >/dev/null || skip 'mandoc is missing (mandoc)'
    mandoc -Tlint -Wwarning "$TOP/include/sockleak.3"
    mandoc -Tlint -Wwarning "$TOP/lib/cli/sockleak.1"
}

@test "the jobs for GitHub and GitLab and the pod are YAML, and their sockleak commands work" {
    python3 -c 'import yaml' 2>/dev/null || skip 'PyYAML is missing (python3-yaml)'
    local f command
    for f in ci/github-actions.yml ci/gitlab-ci.yml deploy/pod.yaml; do
        python3 -c 'import sys, yaml; assert isinstance(yaml.safe_load(open(sys.argv[1])), dict)' "$TOP/examples/$f"
    done
    cd "$TESTTMP"
    cp "$VICTIMS/run_leak" test-suite
    sockleak() { "$SOCKLEAK" "$@" 3>&- 4>&-; }
    run sockleak run --exitcode 23 --kinds all --output sockets -- ./test-suite 3
    [ "$status" -eq 23 ]
    while read -r command; do eval "$command"; done < <(sed -n 's/^.*\(sockleak report .* sockets > .*\)$/\1/p' "$TOP"/examples/ci/*.yml)
    [ "$(grep -c '<failure' sockets.xml)" -eq 1 ]
    json_lines=$(python3 -c 'import json; r = json.load(open("sockets.sarif"))["runs"][0]["results"]; print(len(r), r[0]["locations"][0]["physicalLocation"]["region"]["startLine"])')
    contains "$json_lines" '^1 [0-9]+$'
}
