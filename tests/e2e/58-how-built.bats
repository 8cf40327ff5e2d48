#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Programs as distributions build them: with holes between their segments, and with _FORTIFY_SOURCE. The same demo, the same names and lines.

load helpers

HOLES=('-Wl,-z,max-page-size=0x200000' '-Wl,-z,separate-code')
CFLAGS=(-std=gnu11 -D_GNU_SOURCE -g -O2 -fno-inline -fno-optimize-sibling-calls -U_FORTIFY_SOURCE -I"$BATS_TEST_DIRNAME/../../include" -pthread)

# demo FLAG...: with its programs built so
demo()
{
    local p
    mkdir -p "$TESTTMP/b/examples"
    ln -sf "$AGENT" "$SOCKLEAK" "$TESTTMP/b/"
    for p in server client client_deaf client_fixed; do
        (cd "$TOP" && "${CC:-gcc}" "${CFLAGS[@]}" -o "$TESTTMP/b/examples/$p" "examples/$p.c" "$@")
    done
    run "$TOP/scripts/demo" "$TESTTMP/b" 3>&- 4>&-
    [ "$status" -eq 0 ] || { echo "$*"; echo "$output"; return 1; }
}

# frames FLAG...: names, files and lines of what a victim built so leaks, in $frames
frames()
{
    "${CC:-gcc}" "${CFLAGS[@]}" -o "$TESTTMP/v" "$TOP/tests/victims/$victim.c" "$@" -ldl
    run with_agent kinds=all "$TESTTMP/v" "${words[@]}"
    frames=$(grep -oE '#[0-9]+ .*:[0-9]+( \(inlined\))?$' <<<"$output" | grep -vE '__libc_start|_start ')
}

# the_same_frames FLAG...: as without
the_same_frames()
{
    local plain frames
    frames
    plain=$frames
    [ "$(wc -l <<<"$plain")" -ge 6 ]
    frames "$@"
    diff <(echo "$plain") <(echo "$frames") || { echo "$victim $*"; return 1; }
}

@test "the demo tells its story where its programs have holes between their segments" { demo "${HOLES[@]}"; }

@test "and where they are built with _FORTIFY_SOURCE=2 and 3" {
    demo -D_FORTIFY_SOURCE=2
    demo -D_FORTIFY_SOURCE=3
}

@test "victims with holes or with _FORTIFY_SOURCE leak in the same functions, files and lines" {
    local victim words flags
    for flags in "${HOLES[*]}" "${HOLES[*]} -no-pie -fno-pie" -D_FORTIFY_SOURCE=2 -D_FORTIFY_SOURCE=3; do
        victim=run_leak words=(3)
        # shellcheck disable=SC2086 # words on purpose
        the_same_frames $flags
        victim=leak_three_sites words=()
        # shellcheck disable=SC2086
        the_same_frames $flags
    done
}
