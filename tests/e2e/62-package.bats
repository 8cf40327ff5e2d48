#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What a user installs and copies: every installed file goes away again, the manual pages are clean, the files for CI servers and deployments do what they say.

bats_require_minimum_version 1.5.0
load helpers

@test "make install below DESTDIR brings library, command, header, manuals, completions and build files; make uninstall leaves nothing" {
    make -s -C "$TOP" B="$BUILD" PREFIX=/usr DESTDIR="$TESTTMP/root" install
    local f
    for f in bin/sockleak lib/libsockleak.so.0 lib/libsockleak.so include/sockleak.h lib/pkgconfig/sockleak.pc lib/cmake/sockleak/sockleakConfig.cmake \
        share/man/man1/sockleak.1 share/man/man3/sockleak.3 share/bash-completion/completions/sockleak \
        share/doc/sockleak/examples/ci/github-actions.yml; do
        [ -e "$TESTTMP/root/usr/$f" ] || { echo "missing: $f"; return 1; }
    done
    LD_PRELOAD=$TESTTMP/root/usr/lib/libsockleak.so run --separate-stderr "$TESTTMP/root/usr/bin/sockleak" --version
    [ "$status" -eq 0 ]
    make -s -C "$TOP" B="$BUILD" PREFIX=/usr DESTDIR="$TESTTMP/root" uninstall
    [ "$(find "$TESTTMP/root" ! -type d)" = '' ]
}

@test "the examples are installed, all of them, and build and run from there with what was installed" {
    local root=$TESTTMP/root out=$TESTTMP/out examples
    make -s -C "$TOP" B="$BUILD" PREFIX=/usr DESTDIR="$root" install
    examples=$root/usr/share/doc/sockleak/examples
    diff <(cd "$TOP" && git ls-files examples | grep -v '/\.gitignore$' | sort) <(cd "$examples/.." && find examples -type f | sort)
    [ -x "$examples/cmocka/run" ]
    [ ! -x "$examples/cmocka/test_login.c" ]
    chmod -R a-w "$examples" # nobody writes there
    mkdir "$out"
    "${CC:-cc}" -g -I"$root/usr/include" -o "$out/plain" "$examples/ctest/with_assertion.c" "$examples/login/leaking.c"
    run "$root/usr/bin/sockleak" run -- "$out/plain" 3>&- 4>&-
    [ "$status" -ne 0 ]
    contains "$output" '#0 login +.*examples/login/leaking\.c:10$'
    contains "$output" '^         10 \|     int fd = socket\(AF_INET, SOCK_STREAM, 0\);$'
    if printf '#include <cmocka.h>\n' | "${CC:-cc}" -include stddef.h -include stdarg.h -include setjmp.h -include stdint.h -fsyntax-only -xc - 2>/dev/null; then
        export OUT=$out/cmocka CFLAGS="-I$root/usr/include" UNDER="$root/usr/bin/sockleak run --"
        run "$examples/cmocka/run" leaking 3>&- 4>&-
        [ "$status" -ne 0 ]
        contains "$output" 'leaking\.c:10'
        run "$examples/cmocka/run" fixed 3>&- 4>&-
        [ "$status" -eq 0 ]
    fi
    chmod -R u+w "$examples"
}

@test "make deb builds a package by dpkg-buildpackage that has all of it, depends on what the command links with, and is clean of lintian's errors" {
    command -v dpkg-buildpackage >/dev/null || skip 'dpkg-buildpackage is missing (dpkg-dev)'
    command -v dh >/dev/null || skip 'dh is missing (debhelper)'
    (cd "$TOP/scripts" && dpkg-checkbuilddeps debian/control) || skip 'what the package is built with is not all there as packages'
    run env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make --no-print-directory -C "$TOP" B="$TESTTMP/b" deb 3>&- 4>&-
    echo "$output"
    [ "$status" -eq 0 ]
    local deb=$output f list needs
    [ "${#lines[@]}" -eq 1 ]
    [[ $deb =~ /b/sockleak_[0-9.]+_[a-z0-9]+\.deb$ ]]
    list=$(dpkg-deb -c "$deb")
    for f in usr/bin/sockleak 'usr/lib/[^/]*-linux-gnu[^/]*/libsockleak.so.0' 'usr/lib/[^/]*/libsockleak.so -> libsockleak.so.0' usr/include/sockleak.h \
        'usr/lib/[^/]*/pkgconfig/sockleak.pc' 'usr/lib/[^/]*/cmake/sockleak/sockleakConfig.cmake' usr/share/man/man1/sockleak.1.gz \
        usr/share/man/man3/sockleak.3.gz usr/share/bash-completion/completions/sockleak usr/share/zsh/vendor-completions/_sockleak \
        usr/share/fish/vendor_completions.d/sockleak.fish usr/share/doc/sockleak/examples/cmocka/run usr/share/doc/sockleak/copyright usr/share/doc/sockleak/changelog.gz; do
        contains "$list" " \./$f\$"
    done
    needs=$(dpkg-deb -f "$deb" Depends)
    for f in 'libc6 \(>= ' 'libdw1 ' libunwind8; do contains "$needs" "$f"; done
    lacks "$(dpkg-deb -c "$deb" | sed 's/ -> .*//')" '\./usr/(local|lib/debug)'
    if command -v lintian >/dev/null; then
        run env TMPDIR="$TESTTMP" lintian --allow-root --tag-display-limit 0 "$deb"
        lacks "$output" '^[EW]: '
    fi
}

@test "a package whose changelog speaks of another version than the Makefile is not built" {
    command -v dh >/dev/null || skip 'dh is missing (debhelper)'
    run "$TOP/scripts/build-deb" "$TESTTMP/b" 99.0
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    contains "$output" 'the Makefile about 99\.0'
}

@test "the manual pages have no mandoc warning" {
    command -v mandoc >/dev/null || skip 'mandoc is missing (mandoc)'
    mandoc -Tlint -Wwarning "$TOP/include/sockleak.3"
    mandoc -Tlint -Wwarning "$TOP/lib/cli/sockleak.1"
}

@test "systemd takes a unit with the drop-in without a word" {
    command -v systemd-analyze >/dev/null || skip 'systemd-analyze is missing (systemd)'
    mkdir -p "$TESTTMP/units/login.service.d"
    printf '[Unit]\nDescription=login\n[Service]\nExecStart=/bin/true\n' >"$TESTTMP/units/login.service"
    cp "$TOP/examples/deploy/sockleak.conf" "$TESTTMP/units/login.service.d/"
    verify() { SYSTEMD_UNIT_PATH=$TESTTMP/units: systemd-analyze verify --man=no "$TESTTMP/units/login.service" 2>&1; }
    run verify
    echo "$output"
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    # What is a comment in it too, and it would say something.
    sed -i 's/^#Environment/Environment/' "$TESTTMP/units/login.service.d/sockleak.conf"
    run verify
    [ -z "$output" ]
    sed -i 's/^RuntimeDirectoryMode/RuntimeDirectoryMood/' "$TESTTMP/units/login.service.d/sockleak.conf"
    run verify
    contains "$output" 'sockleak.conf:[0-9]+: Unknown key'
}

# No validator of Kubernetes' own is in Debian: what its schema asks for of the objects used here.
@test "the pod has what its schema demands, and its parts fit together" {
    python3 -c 'import yaml' 2>/dev/null || skip 'PyYAML is missing (python3-yaml)'
    python3 - "$TOP/examples/deploy/pod.yaml" <<'PY'
import posixpath, re, sys, yaml
pod = yaml.safe_load(open(sys.argv[1]))
def only(what, thing, required, optional=()):
    assert set(required) <= set(thing) <= set(required) | set(optional), (what, sorted(thing))
label = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
only("pod", pod, ("apiVersion", "kind", "metadata", "spec"))
assert (pod["apiVersion"], pod["kind"]) == ("v1", "Pod") and label.match(pod["metadata"]["name"])
spec = pod["spec"]
only("spec", spec, ("containers",), ("volumes", "initContainers"))
volumes = {v["name"] for v in spec["volumes"]}
for v in spec["volumes"]:
    only("volume", v, ("name", "emptyDir"))
names = set()
for c in spec["initContainers"] + spec["containers"]:
    only("container", c, ("name", "image"), ("command", "env", "volumeMounts"))
    assert label.match(c["name"]) and re.fullmatch(r"[a-z0-9./-]+:[A-Za-z0-9._-]+", c["image"]), c
    assert c["name"] not in names
    names.add(c["name"])
    assert all(isinstance(w, str) for w in c.get("command", []))
    for e in c.get("env", []):
        only("env", e, ("name", "value"))
        assert re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", e["name"]) and isinstance(e["value"], str), e
    for m in c["volumeMounts"]:
        only("mount", m, ("name", "mountPath"))
        assert m["name"] in volumes and m["mountPath"].startswith("/"), m
init, main = spec["initContainers"][0], spec["containers"][0]
copied = {posixpath.join(init["command"][-1], posixpath.basename(f)) for f in init["command"][1:-1]}
env = {e["name"]: e["value"] for e in main["env"]}
assert init["command"][-1].rstrip("/") == init["volumeMounts"][0]["mountPath"] == main["volumeMounts"][0]["mountPath"]
assert env["LD_PRELOAD"] in copied, (env, copied)
PY
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
    # and of a run without a finding, which is uploaded too
    rm -r sockets
    sockleak run --exitcode 23 --kinds all --output sockets -- true
    while read -r command; do eval "$command"; done < <(sed -n 's/^.*\(sockleak report .* sockets > .*\)$/\1/p' "$TOP"/examples/ci/*.yml)
    contains sockets.xml 'testcase name="no leaked sockets"'
    [ "$(python3 -c 'import json; print(len(json.load(open("sockets.sarif"))["runs"][0]["results"]))')" -eq 0 ]
    [ "$(grep -c 'if: always()' "$TOP/examples/ci/github-actions.yml")" -eq 2 ]
}
