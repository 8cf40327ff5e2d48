#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# make dist-bin: an archive whose command and library work from wherever it is unpacked, with nothing else installed.

# Each test is a subshell.
# shellcheck disable=SC2030,SC2031
load helpers

# The rules of dist-bin alone: nothing is installed here.
make_archive()
{
    local top=$BATS_TEST_DIRNAME/../.. b
    b=$(realpath --relative-to="$top" "${SOCKLEAK_BUILD:-$top/build}")
    make -s -C "$top" B="$b" "$b/dist/sockleak" "$b/dist/libsockleak.so" >&2 &&
        (cd "$top" && scripts/build-bin "$b" "$(sed -n 's/^VERSION := //p' Makefile)" | xargs realpath)
}
missing()
{
    local archive
    for archive in libdw.a libunwind-ptrace.a libncursesw.a liblzma.a libbz2.a; do
        [[ $("${CC:-gcc}" -print-file-name=$archive) == /* ]] || echo "$archive"
    done
    command -v dpkg-query >/dev/null || echo dpkg-query
}
setup_file()
{
    MISSING=$(missing)
    [[ $MISSING ]] || ARCHIVE=$(make_archive)
    export MISSING ARCHIVE
}

# unpacked: $HERE is the unpacked archive.
unpacked()
{
    [[ ! $MISSING ]] || skip "$MISSING is missing (scripts/setup --dist)"
    tar -xzf "$ARCHIVE" -C "$TESTTMP"
    HERE=$(echo "$TESTTMP"/sockleak-*)
}

@test "the archive has command, library, header, pages, completions and licences, and the same source gives the same bytes" {
    unpacked
    local f first
    for f in bin/sockleak lib/libsockleak.so lib/libsockleak.so.0 include/sockleak.h lib/pkgconfig/sockleak.pc lib/cmake/sockleak/sockleakConfig.cmake \
        share/man/man1/sockleak.1 share/man/man3/sockleak.3 share/bash-completion/completions/sockleak share/zsh/site-functions/_sockleak \
        share/fish/vendor_completions.d/sockleak.fish LICENSE NOTICE licenses/LGPL-3 licenses/libdw-dev licenses/libc6-dev; do
        [ -s "$HERE/$f" ] || { echo "missing: $f"; return 1; }
    done
    [ "$(basename "$HERE")" = "sockleak-$("$HERE/bin/sockleak" --version | cut -d' ' -f2)-linux-$(uname -m)" ]
    contains "$HERE/NOTICE" 'libdw of elfutils'
    contains "$HERE/NOTICE" 'licence: LGPL-3\.0-or-later'
    first=$(sha256sum <"$ARCHIVE")
    rm -rf "$BUILD/dist"
    make_archive
    [ "$(sha256sum <"$ARCHIVE")" = "$first" ]
    # nothing of the folder that it was built in
    lacks "$(strings -n 8 "$HERE/bin/sockleak" "$HERE/lib/libsockleak.so")" "$TOP"
}

@test "the command needs no loader and no library, and the library nothing above GLIBC_2.17" {
    unpacked
    "$TOP/scripts/check-imports" --alone "$HERE/bin/sockleak"
    "$TOP/scripts/check-imports" "$HERE/lib/libsockleak.so"
    run "$TOP/scripts/check-imports" --alone "$SOCKLEAK"
    [ "$status" -eq 1 ]
    contains "$output" 'needs a loader'
    run "$TOP/scripts/check-imports" --alone "$AGENT"
    [ "$status" -eq 1 ]
    contains "$output" 'needs libraries'
}

@test "from the unpacked folder: run, and preload with the report of the library itself, name files and lines" {
    unpacked
    unset SOCKLEAK_LIBRARY
    run "$HERE/bin/sockleak" run -- "$VICTIMS/run_leak" 3 3>&- 4>&-
    contains "$output" '#0 db_connect +.*run_leak\.c:[0-9]+'
    contains "$output" 'SUMMARY: sockleak: 3 sockets leaked at 1 site'
    run env LD_PRELOAD="$HERE/lib/libsockleak.so" "$VICTIMS/run_leak" 3 3>&- 4>&-
    contains "$output" '#0 db_connect +.*run_leak\.c:[0-9]+'
}

@test "from the unpacked folder: attach, report, also redacted, scan and detach" {
    unpacked
    local s=$HERE/bin/sockleak
    mkfifo "$TESTTMP/in"
    exec 7<>"$TESTTMP/in"
    "$VICTIMS/attach_leaks" <"$TESTTMP/in" >"$TESTTMP/leaks.out" 3>&- 4>&- 7>&- &
    pid=$!
    STARTED+=("$pid")
    wait_for 20 grep -q listening "$TESTTMP/leaks.out"
    run "$s" attach "$pid" 3>&- 4>&- 7>&-
    echo "$output"
    [ "$status" -eq 0 ]
    contains "$output" 'the agent was loaded, and records'
    echo open >&7
    wait_for 20 grep -q 'done' "$TESTTMP/leaks.out"
    run "$s" report --min-age 0 "$pid" 3>&- 4>&- 7>&-
    contains "$output" '#0 leak_plainly +.*attach_leaks\.c:[0-9]+'
    run "$s" report --redact --min-age 0 "$pid" 3>&- 4>&- 7>&-
    contains "$output" '#0 leak_plainly'
    lacks "$output" '127\.0\.0\.1'
    run "$s" scan "$pid" 3>&- 4>&- 7>&-
    contains "$output" '^ +2 .* attach_leaks '
    run "$s" detach "$pid" 3>&- 4>&- 7>&-
    [ "$status" -eq 0 ]
    exec 7>&-
}

@test "where there is no other file at all, the command still looks at the machine's sockets" {
    unpacked
    [ "$(id -u)" = 0 ] || skip 'needs root'
    needs_alone
    mkdir -p "$TESTTMP/empty/proc"
    cp "$HERE/bin/sockleak" "$TESTTMP/empty/"
    # shellcheck disable=SC2016 # the inner shell's own
    run unshare --mount sh -c 'mount --rbind /proc "$0/proc" && exec chroot "$0" /sockleak scan' "$TESTTMP/empty" 3>&- 4>&-
    echo "$output"
    [ "$status" -le 1 ]
    contains "$output" 'in [0-9]+ process|^ *CLOSE_WAIT'
}

@test "top draws on common terminals where the system has no description of any" {
    unpacked
    needs_alone
    command -v script >/dev/null || skip 'script is missing (bsdutils)'
    mkfifo "$TESTTMP/in"
    exec 7<>"$TESTTMP/in"
    LD_PRELOAD=$AGENT "$VICTIMS/run_leak" 2 wait <"$TESTTMP/in" >"$TESTTMP/leaks.out" 3>&- 4>&- 7>&- &
    pid=$!
    STARTED+=("$pid")
    wait_for 20 grep -q ready "$TESTTMP/leaks.out"
    cat >"$TESTTMP/bare" <<END
for d in /etc/terminfo /lib/terminfo /usr/share/terminfo /usr/lib/terminfo; do [ ! -d \$d ] || mount -t tmpfs none \$d || exit; done
(sleep 1; printf q) | env -u TERMINFO -u TERMINFO_DIRS HOME=/ TERM=\$1 script -qfec "'$HERE/bin/sockleak' top $pid" /dev/null
END
    run unshare --mount sh "$TESTTMP/bare" xterm-kitty 3>&- 4>&-
    contains "$output" $'\e\\[\\?1049h'
    run unshare --mount sh "$TESTTMP/bare" nobodys 3>&- 4>&-
    lacks "$output" $'\e\\[\\?1049h'
    exec 7>&-
}
