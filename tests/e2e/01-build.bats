#!/usr/bin/env bats
# What a build leaves behind, what the set-up does, and what the house's own checks would catch.
load helpers

# The make of these tests is nobody's sub-make.
plain_make() { env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make --no-print-directory -C "$TOP" B="$BUILD" "$@" 3>&- 4>&-; }

@test "a second make does nothing" {
    run plain_make all
    [ "$status" -eq 0 ]
    run plain_make all
    echo "$output"
    [ "$status" -eq 0 ]
    contains "$output" 'Nothing to be done'
}

@test "the library needs libc alone and carries its version's name" {
    run readelf -d "$AGENT"
    contains "$output" 'SONAME.*\[libsockleak\.so\.0\]'
    [ "$(grep -c NEEDED <<<"$output")" -eq "$(grep -cE 'NEEDED.*\[(libc\.so\.6|ld-linux[^]]*|libdl\.so\.2|libpthread\.so\.0)\]' <<<"$output")" ]
    contains "$output" 'BIND_NOW'
    contains "$output" 'NODELETE'
}

@test "the library's code asks for no executable stack and no text relocation" {
    contains "$(readelf -lW "$AGENT")" 'GNU_STACK .* RW '
    lacks "$(readelf -d "$AGENT")" TEXTREL
}

# Otherwise the kernel brings in all of it, 64 KiB at a time.
@test "what an ordinary process runs lies together, and is what the library has" {
    run "$TOP/scripts/resident" --check "$BUILD"
    echo "$output"
    [ "$status" -eq 0 ]
    size=$((16#$(readelf -SW "$AGENT" | sed -nE 's/.* \.text\.resident +PROGBITS +[0-9a-f]+ +[0-9a-f]+ +([0-9a-f]+) .*/\1/p')))
    [ "$size" -gt 65536 ]
    [ "$size" -lt 131072 ]
}

@test "make help names every target of the README" {
    run plain_make help
    for target in all agent cli examples victims unit unit-pure demo check check-hosts bench bench-quick fuzz lint tidy setup install uninstall dist dist-bin deb \
        help clean; do contains "$output" "^ +make $target +[^ ]"; done
    grep -qF 'V=1 DEBUG=1 SAN=address,undefined|thread CC=' <<<"$output"
}

# What make would run, with nothing of this runner's B: the README promises the two files' places to who types make alone. In a folder without build/,
# where everything is to be made.
@test "make, with whatever compiler, sanitizer or capture, makes build/libsockleak.so and build/sockleak" {
    mkdir -p "$TESTTMP/tree"
    cp -r "$TOP/Makefile" "$TOP/lib" "$TOP/include" "$TESTTMP/tree"
    for variant in CC=gcc CC=clang DEBUG=1 SAN=address,undefined SAN=thread CAPTURE=unwind 'CC=clang SAN=thread DEBUG=1'; do
        # shellcheck disable=SC2086
        run env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u B make --no-print-directory -n V=1 -C "$TESTTMP/tree" $variant
        [ "$status" -eq 0 ]
        contains "$output" '-o build/libsockleak\.so '
        contains "$output" '-o build/sockleak '
    done
}

@test "other flags compile again what was compiled before, the same flags nothing" {
    object=$TESTTMP/b/obj/pic/core/growth.o
    compiled() { env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make --no-print-directory -C "$TOP" V=1 B="$TESTTMP/b" "$@" "$object" 3>&- 4>&-; }
    compiled DEBUG=1 >/dev/null
    contains "$(compiled DEBUG=1)" 'is up to date'
    contains "$(compiled)" '-O2 .*growth\.c'
    contains "$(compiled)" 'is up to date'
}

@test "the sanitizers build too, with both compilers" {
    for cc in gcc clang; do
        command -v "$cc" >/dev/null || continue
        # The smallest library and unit test with which the link shows.
        plain_make CC="$cc" SAN=thread B="$TESTTMP/$cc" agent "$TESTTMP/$cc/unit/test_demangle" >/dev/null
        "$TESTTMP/$cc/unit/test_demangle"
    done
}

@test "a packager's _FORTIFY_SOURCE does not reach the library, which wraps the names that it would call" {
    run plain_make -n V=1 CPPFLAGS=-D_FORTIFY_SOURCE=2 B="$TESTTMP/b" "$TESTTMP/b/obj/pic/agent/base/log.o"
    contains "$output" '-D_FORTIFY_SOURCE=2 .*-U_FORTIFY_SOURCE .*log\.c'
}

@test "a capture back end that does not exist is refused in one line" {
    run plain_make CAPTURE=magic
    [ "$status" -ne 0 ]
    [ "${#lines[@]}" -eq 1 ]
    contains "$output" 'write CAPTURE=walk or CAPTURE=unwind'
}

@test "make install puts everything below DESTDIR and make uninstall takes all of it away" {
    run plain_make install DESTDIR="$TESTTMP/root" PREFIX=/opt/x
    echo "$output"
    [ "$status" -eq 0 ]
    cd "$TESTTMP/root/opt/x"
    [ -x bin/sockleak ]
    [ -e lib/libsockleak.so ]
    [ "$(readlink lib/libsockleak.so)" = libsockleak.so.0 ]
    [ -e include/sockleak.h ]
    [ -e share/man/man1/sockleak.1 ]
    [ -e share/man/man3/sockleak.3 ]
    contains lib/pkgconfig/sockleak.pc '^prefix=/opt/x$'
    run plain_make uninstall DESTDIR="$TESTTMP/root" PREFIX=/opt/x
    [ "$status" -eq 0 ]
    run find "$TESTTMP/root" ! -type d
    [ -z "$output" ]
}

@test "the installed library works from where it was installed" {
    plain_make install DESTDIR="$TESTTMP/root" PREFIX=/usr >/dev/null
    run env LD_PRELOAD="$TESTTMP/root/usr/lib/libsockleak.so" /bin/echo works
    [ "$output" = works ]
}

@test "the set-up says and does nothing when nothing is missing" {
    "$TOP/scripts/setup" --demo --check --print >"$TESTTMP/list"
    [ ! -s "$TESTTMP/list" ] || skip "something is missing here"
    run "$TOP/scripts/setup" --demo --check
    [ "$status" -eq 0 ]
    [ -z "$output" ]
}

# A PATH on which neither bats nor sudo exist.
path_without()
{
    mkdir "$TESTTMP/bin"
    local tool
    for tool in bash env cat uname tail rm mktemp gcc ar make pkg-config protoc-c ss python3 g++ pgrep apt-get apt-cache; do
        [[ $tool == "$1" ]] || ln -s "$(command -v "$tool" || echo /nonexistent)" "$TESTTMP/bin/$tool"
    done
}

@test "the set-up names what is missing" {
    path_without bats
    run env PATH="$TESTTMP/bin" "$TOP/scripts/setup" --check --print
    [ "$status" -eq 0 ]
    contains "$output" '^bats$'
}

@test "without root and without sudo the set-up says in one line what to run as root" {
    path_without bats
    local as=()
    if [ "$EUID" -eq 0 ]; then
        chmod 755 "$TESTTMP"
        as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
        setpriv --reuid 65534 --regid 65534 --clear-groups test -r "$TOP/scripts/setup" || skip "another user cannot read this folder"
    fi
    run "${as[@]}" env PATH="$TESTTMP/bin" bash "$TOP/scripts/setup" --check
    echo "$output"
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    contains "$output" 'not root and no sudo: run as root: .*bats'
}

# Another system's /etc/os-release and package manager, which has one name less than the set-up thinks and refuses the rest for its sake.
@test "a name that this release does not have does not cost the other packages" {
    unshare -m true 2>/dev/null || skip "no right to make a mount namespace"
    path_without bats
    local real=$PATH
    ln -s "$(command -v mount)" "$(command -v chmod)" "$TESTTMP/bin/"
    rm "$TESTTMP/bin/ss"
    echo 'ID=arch' >"$TESTTMP/os-release"
    cat >"$TESTTMP/bin/pacman" <<END
#!/bin/bash
[[ \$1 == -S ]] || exit 0
shift 3
for package; do [[ \$package != bats ]] || { echo 'error: target not found: bats' >&2; exit 1; }; done
for package; do echo "\$package" >>"$TESTTMP/installed"; [[ \$package != iproute2 ]] || { printf '#!/bin/sh\n' >"$TESTTMP/bin/ss"; chmod +x "$TESTTMP/bin/ss"; }; done
END
    chmod +x "$TESTTMP/bin/pacman"
    # shellcheck disable=SC2016
    run unshare -m env PATH="$TESTTMP/bin" bash -c 'mount --bind "$1" /etc/os-release && exec "$2" --demo --check' - "$TESTTMP/os-release" "$TOP/scripts/setup"
    PATH=$real
    echo "$output"
    [ "$status" -eq 0 ]
    contains "$output" 'tests that need it are skipped: .*bats'
    grep -qx iproute2 "$TESTTMP/installed"
    lacks "$TESTTMP/installed" '^bats$'
}

@test "every package that the set-up names for this system exists" {
    command -v apt-cache >/dev/null && [ "$(apt-cache pkgnames | head -n 100 | wc -l)" -eq 100 ] || skip "apt knows no packages here"
    grep -q '^VERSION_CODENAME=bookworm$' /etc/os-release || skip "the names are those of Debian 12"
    sed -n '/^needs=/,/^END/p' "$TOP/scripts/setup" | awk -F'|' 'NF == 7 { gsub(/ /, "", $3); if ($3 != "-") print $3 }' | sort -u >"$TESTTMP/names"
    [ "$(wc -l <"$TESTTMP/names")" -gt 50 ]
    apt-cache pkgnames | sort >"$TESTTMP/known"
    run comm -23 "$TESTTMP/names" "$TESTTMP/known"
    [ -z "$output" ] || { echo "$output"; return 1; }
}

# A copy of the tree's sources, small enough to break.
copy_of_lib()
{
    mkdir "$TESTTMP/tree"
    cp -r "$TOP/scripts" "$TOP/lib" "$TOP/include" "$TESTTMP/tree/"
    mkdir "$TESTTMP/tree/examples" "$TESTTMP/tree/tests"
}

# watcher_that CODE: a library whose watcher runs CODE before its first check, at $TESTTMP/lib.so.
watcher_that()
{
    local object=$BUILD/obj/pic/agent/watch/watcher.o
    sed "s|^    watch(minding);|    static void *volatile stored; void *arg = stored;\n$1\n&|" "$TOP/lib/agent/watch/watcher.c" >"$TESTTMP/watcher.c"
    ! cmp -s "$TOP/lib/agent/watch/watcher.c" "$TESTTMP/watcher.c"
    "${CC:-gcc}" -std=gnu11 -D_GNU_SOURCE -O2 -fPIC -fvisibility=hidden -ftls-model=initial-exec -include stdlib.h -iquote "$TOP/lib/agent/watch" \
        -c -o "$TESTTMP/watcher.o" "$TESTTMP/watcher.c"
    # shellcheck disable=SC2046
    "${CC:-gcc}" -shared -Wl,-z,now -Wl,--version-script="$TOP/lib/agent/libsockleak.map" -o "$TESTTMP/lib.so" "$TESTTMP/watcher.o" \
        $(find "$BUILD/obj/pic" -name '*.o' ! -path "$object") -ldl -lpthread
}

@test "check-watcher passes this library, and finds what the watcher must not call, by whatever way" {
    [ "$(uname -m)" = x86_64 ] || skip "reads x86-64 code alone"
    nm "$AGENT" | grep -q " U __[at]san" && skip "a sanitizer's library"
    "$TOP/scripts/check-watcher" "$AGENT"
    watcher_that '    (void)arg;'
    "$TOP/scripts/check-watcher" "$TESTTMP/lib.so"
    watcher_that '    *(volatile unsigned long *)arg = strtoul(arg, NULL, 10);'
    run "$TOP/scripts/check-watcher" "$TESTTMP/lib.so"
    [ "$status" -eq 1 ]
    contains "$output" '^(__isoc23_)?strtoul <- watch_thread$'
    watcher_that '    *(void *volatile *)arg = malloc(10);'
    run "$TOP/scripts/check-watcher" "$TESTTMP/lib.so"
    contains "$output" '^malloc <- watch_thread$'
    # its address in a table
    watcher_that '    static void *(*const table[])(size_t) = {malloc, NULL}; *(void *volatile *)arg = table[*(volatile int *)arg](10);'
    run "$TOP/scripts/check-watcher" "$TESTTMP/lib.so"
    contains "$output" '^malloc <- watch_thread$'
    contains "$output" '^a call through watch_thread\(\), which is not in STORED'
    # a pointer that somebody else has stored
    watcher_that '    static void (*volatile hook)(void); hook();'
    run "$TOP/scripts/check-watcher" "$TESTTMP/lib.so"
    contains "$output" '^a call through hook[.0-9]*, which is not in STORED|^a call through watch_thread\(\)'
}

@test "check-layers passes this tree, and finds an include that goes up" {
    copy_of_lib
    run "$TESTTMP/tree/scripts/check-layers"
    [ "$status" -eq 0 ]
    echo '#include "../agent/table/table.h"' >>"$TESTTMP/tree/lib/core/judge.c"
    run "$TESTTMP/tree/scripts/check-layers"
    [ "$status" -eq 1 ]
    contains "$output" 'lib/core/judge.c:.*core includes nothing of the others'
}

@test "check-layers finds an include that is turned round, a circle, strangers that meet, and a file in no room" {
    copy_of_lib
    local tree=$TESTTMP/tree/lib/agent
    echo '#include "../watch/watcher.h"' >>"$tree/track/slot.c"
    echo '#include "slot.h"' >>"$tree/track/probe.h"
    echo '#include "../table/table.h"' >>"$tree/elf/object.c"
    echo '#include "../elf/object.h"' >>"$tree/table/table.c"
    echo '/* nothing */' >"$tree/other.c"
    mkdir "$tree/odd" && echo '/* nothing */' >"$tree/odd/odd.h"
    run "$TESTTMP/tree/scripts/check-layers"
    [ "$status" -eq 1 ]
    contains "$output" 'lib/agent/track/slot.c:[0-9]*: track/ stands above watch/ and must not include'
    contains "$output" 'a circle of includes:.* lib/agent/track/probe lib/agent/track/slot'
    contains "$output" 'lib/agent/elf/object.c:[0-9]*: elf/ stands above table/'
    contains "$output" 'lib/agent/table/table.c:[0-9]*: table/ and elf/ know nothing of each other'
    contains "$output" 'lib/agent/other.c: in no room'
    contains "$output" 'lib/agent/odd/odd.h: in no room'
}

@test "check-layers finds the command and the agent including each other" {
    copy_of_lib
    echo '#include "../../cli/base/cli.h"' >>"$TESTTMP/tree/lib/agent/table/table.c"
    echo '#include "../agent/table/table.h"' >>"$TESTTMP/tree/lib/cli/main.c"
    echo '#include <libunwind.h>' >>"$TESTTMP/tree/lib/agent/watch/watcher.c"
    run "$TESTTMP/tree/scripts/check-layers"
    [ "$status" -eq 1 ]
    contains "$output" 'lib/agent/table/table.c:.*never include each other'
    contains "$output" 'lib/cli/main.c:.*never include each other'
    contains "$output" 'lib/agent/watch/watcher.c:.*<libunwind.h> belongs in'
}

@test "check-layers finds a file and a folder that do not belong at the top of the git tree" {
    copy_of_lib
    cd "$TESTTMP/tree"
    cp "$TOP/Makefile" "$TOP/README.md" "$TOP/CHANGELOG.md" "$TOP/CONTRIBUTING.md" "$TOP/LICENSE" "$TOP/.gitignore" .
    mkdir docs build
    touch NOTES.md docs/page.md build/made.o examples/a.c tests/b.c
    git init -q .
    git add .
    run scripts/check-layers
    [ "$status" -eq 1 ]
    [ "$(grep -c 'does not belong at the top of the tree' <<<"$output")" -eq 2 ]
    contains "$output" '^NOTES.md: does not belong'
    contains "$output" '^docs: does not belong'
    git rm -q --cached NOTES.md docs/page.md
    run scripts/check-layers
    [ "$status" -eq 0 ]
}

# A tree in which the runner finds only what this test puts there.
runner_tree()
{
    mkdir -p "$TESTTMP/tree/scripts" "$TESTTMP/tree/tests/e2e"
    cp "$TOP/scripts/check" "$TESTTMP/tree/scripts/"
    printf '#!/bin/sh\n' >"$TESTTMP/tree/scripts/check-layers"
    chmod +x "$TESTTMP/tree/scripts/check-layers"
    printf 'all examples victims unit unit-pure print-unit-pure:\n\t@true\n' >"$TESTTMP/tree/Makefile"
}

@test "the runner's last line counts what passed, failed and was skipped, and a failure gives a status" {
    runner_tree
    run "$TESTTMP/tree/scripts/check"
    [ "$status" -eq 0 ]
    [ "${lines[-1]}" = '4 passed, 0 failed' ]
    printf '@test "a" { true; }\n@test "b" { false; }\n@test "c" { skip; }\n' >"$TESTTMP/tree/tests/e2e/x.bats"
    run "$TESTTMP/tree/scripts/check"
    [ "$status" -eq 1 ]
    [ "${lines[-1]}" = '5 passed, 1 failed, 1 skipped' ]
}

@test "the runner fails a suite that leaves a process or a file behind, and ends the process" {
    runner_tree
    # bats would take a line that begins with its keyword for a test of this file.
    printf '%s "a" { sleep 1000 >/dev/null 2>&1 3>&- 4>&- & echo $! >%s; touch "$TMPDIR/left"; }\n' @test "$TESTTMP/left" >"$TESTTMP/tree/tests/e2e/x.bats"
    run "$TESTTMP/tree/scripts/check"
    echo "$output"
    [ "$status" -eq 1 ]
    contains "$output" 'left processes behind'
    contains "$output" 'left files behind'
    wait_for 10 ended "$(cat "$TESTTMP/left")"
}

@test "the runner waits for a line that comes in pieces" {
    runner_tree
    mkdir -p "$TESTTMP/tree/tests/capture"
    printf '#!/bin/sh\nprintf "1..1\\no"; sleep 2.5; printf "k 1 slow\\n"\n' >"$TESTTMP/tree/tests/capture/run.sh"
    chmod +x "$TESTTMP/tree/tests/capture/run.sh"
    run "$TESTTMP/tree/scripts/check"
    echo "$output"
    contains "$output" 'ok   slow'
    [ "${lines[-1]}" = '5 passed, 0 failed' ]
}
