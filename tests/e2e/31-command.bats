#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output and $status come from bats
# 31-command: help, version, usage errors, clean, and that man page and completions know every option.

load helpers

commands() { "$SOCKLEAK" help | sed -n 's/^  \([a-z]*\)  *[a-z].*/\1/p' | grep -vx sockleak; }
# The long options that a command's help names.
options_of() { "$SOCKLEAK" help "$1" | sed '/^EXAMPLES/,$d' | grep -oE '(^ +|, )--[a-z-]+' | grep -oE -- '--[a-z-]+' | sort -u; }

@test "help names every command, and each one's help begins with its usage and ends with examples" {
    local c n=0
    for c in $(commands); do
        n=$((n + 1))
        run "$SOCKLEAK" help "$c"
        [ "$status" -eq 0 ]
        contains "${lines[0]}" "^usage: sockleak $c"
        contains "$(sed -n '/^EXAMPLES/,$p' <<<"$output")" "^  .*sockleak $c"
        lacks "$(sed -n '/^EXAMPLES/,$p' <<<"$output")" '^[^ E]'
        lacks "$output" ' $'
        [ "$c" = help ] && continue
        run "$SOCKLEAK" "$c" --help
        [ "$status" -eq 0 ]
        contains "${lines[0]}" "^usage: sockleak $c"
    done
    [ "$n" -eq 11 ]
    run "$SOCKLEAK" --help
    [ "$status" -eq 0 ]
    contains "$output" "^EXAMPLES"
}

@test "--version prints one line with the version" {
    run "$SOCKLEAK" --version
    [ "$status" -eq 0 ]
    contains "$output" '^sockleak [0-9]+\.[0-9]+\.[0-9]+$'
    [ "${#lines[@]}" -eq 1 ]
}

@test "wrong usage ends with 2, and a slip of the finger gets the word that was meant" {
    run "$SOCKLEAK"
    [ "$status" -eq 2 ]
    run "$SOCKLEAK" sacn
    [ "$status" -eq 2 ]
    [ "$output" = "sockleak: unknown command 'sacn'; did you mean 'scan'? (see 'sockleak help')" ]
    run "$SOCKLEAK" frobnicate
    [ "$status" -eq 2 ]
    lacks "$output" "did you mean"
    local c
    for c in $(commands); do
        [ "$c" = help ] && continue
        run "$SOCKLEAK" "$c" --no-such-option
        [ "$status" -eq 2 ]
        contains "$output" "^sockleak $c: unknown option '--no-such-option'"
        [ "${#lines[@]}" -eq 1 ]
    done
}

@test "output that cannot be written is said, a reader that had enough is not" {
    [ -w /dev/full ] || skip "no /dev/full"
    run bash -c '"$1" help >/dev/full' _ "$SOCKLEAK"
    [ "$status" -eq 1 ]
    contains "$output" "cannot write to standard output: No space left"
    run bash -c 'set -o pipefail; "$1" help scan | head -n 1' _ "$SOCKLEAK"
    lacks "$output" "cannot write"
}

@test "the man page and the three completions know every command and option" {
    local c o f
    for c in $(commands); do
        contains "$TOP/lib/cli/sockleak.1" "^\\.SS sockleak $c"
        for f in sockleak.bash _sockleak sockleak.fish; do
            contains "$TOP/lib/cli/completions/$f" "(^| |\\(|')${c}[ :)]" >/dev/null || { echo "$f: $c"; return 1; }
        done
        for o in $(options_of "$c"); do
            [ "$o" = --help ] && continue
            sed -n "/^\\.SS sockleak $c/,/^\\.S[SH] /p" "$TOP/lib/cli/sockleak.1" | sed 's/\\-/-/g' | grep -qF -- "$o" || { echo "man page: $c $o"; return 1; }
            for f in sockleak.bash _sockleak; do
                grep -qF -- "$o" "$TOP/lib/cli/completions/$f" || { echo "$f: $c $o"; return 1; }
            done
            grep -qE -- "$c.* -l ${o#--} " "$TOP/lib/cli/completions/sockleak.fish" || { echo "sockleak.fish: $c $o"; return 1; }
        done
    done
}

@test "the man page names every key of the JSON lines, every option of the library, and the variables of the environment" {
    local key
    sed 's/\\-/-/g' "$TOP/lib/cli/sockleak.1" >"$TESTTMP/page"
    sed -n '/^.SH JSON OUTPUT OF REPORTS/,/^.SH JSON OUTPUT OF SCAN/p' "$TESTTMP/page" >"$TESTTMP/keys"
    for key in $(grep -oE '(put_[a-z0-9_]*\([^"]*|\{\\|,\\)"[a-z_]+\\?"' "$TOP/lib/core/json.c" | grep -oE '"[a-z_]+' | tr -d '"' | sort -u); do
        [ "$key" = type ] || grep -qE "(^|[ .])$key( |$)" "$TESTTMP/keys" || { echo "no $key"; return 1; }
    done
    for key in $(SOCKLEAK_OPTIONS=help=1 "$SOCKLEAK" run true 2>&1 | sed -n 's/^  \([a-z_]*\) .*(default.*/\1/p'); do
        grep -qE "(^\.BR?|,|\") ?${key}[ =]" "$TESTTMP/page" || { echo "no $key"; return 1; }
    done
    for key in SOCKLEAK_OPTIONS SOCKLEAK_LIBRARY XDG_RUNTIME_DIR DEBUGINFOD_URLS NO_COLOR; do
        sed -n '/^.SH ENVIRONMENT/,/^.SH FILES/p' "$TESTTMP/page" | grep -q "^.B $key" || { echo "no $key"; return 1; }
    done
}

@test "every command's help speaks of --help, and top sorts by rate, which it calls growth" {
    local c
    for c in $(commands); do
        contains "$("$SOCKLEAK" help "$c")" '^  -h, --help'
        run "$SOCKLEAK" "$c" -h
        [ "$status" -eq 0 ]
        [ "$output" = "$("$SOCKLEAK" help "$c")" ]
    done
    for c in rate growth; do
        run "$SOCKLEAK" top --sort "$c" 4194303
        [ "$status" -eq 1 ]
        contains "$("$SOCKLEAK" help top)" "$c"
    done
}

@test "the completions load in their shells and complete" {
    run bash --norc -c 'source "$1/sockleak.bash"; COMP_WORDS=(sockleak report --kinds close_wait,d) COMP_CWORD=3; _sockleak; echo "${COMPREPLY[@]}"' _ "$TOP/lib/cli/completions"
    [ "$output" = "close_wait,dead" ]
    if command -v zsh; then
        run zsh -n "$TOP/lib/cli/completions/_sockleak"
        [ "$status" -eq 0 ]
    fi
    if command -v fish; then
        # shellcheck disable=SC2016 # fish's own $argv
        run env HOME="$TESTTMP" fish --no-config -c 'source $argv[1]; complete -C "sockleak sca"' "$TOP/lib/cli/completions/sockleak.fish"
        contains "$output" "^scan"
    fi
}

@test "the man page has no fault that mandoc or groff knows" {
    command -v mandoc || command -v groff || skip "neither mandoc nor groff"
    if command -v mandoc; then
        run mandoc -Tlint "$TOP/lib/cli/sockleak.1"
        [ -z "$output" ]
    fi
    if command -v groff; then
        groff -ww -man -Tascii "$TOP/lib/cli/sockleak.1" >/dev/null 2>"$TESTTMP/groff"
        is_empty "$TESTTMP/groff"
    fi
}

me() { echo "$$.$(awk '{print $22}' "/proc/$$/stat")"; }

@test "clean removes the files of processes that are gone and leaves those of running ones" {
    local dir=$TESTTMP/states # named, so that the state files of other programs of this user stay
    mkdir -m 700 "$dir"
    touch "$dir/4194303.1.sockleak" "$dir/$(me).sockleak" "$dir/$$.1.sockleak" "$dir/notes" "$dir/x.1.sockleak" "$dir/1.2.3.sockleak"
    run "$SOCKLEAK" clean --dry-run "$dir"
    [ "$status" -eq 0 ]
    contains "$output" "^$dir/4194303.1.sockleak\$"
    [ "${lines[-1]}" = "would remove 2 state files; 1 belongs to running processes" ]
    [ -e "$dir/4194303.1.sockleak" ]
    run "$SOCKLEAK" clean "$dir"
    [ "$status" -eq 0 ]
    [ "$output" = "removed 2 state files; 1 belongs to running processes" ]
    [ "$(find "$dir" -type f -printf '%f\n' | sort)" = "$(printf '%s\n' "$(me).sockleak" 1.2.3.sockleak notes x.1.sockleak | sort)" ]
    run "$SOCKLEAK" clean "$dir"
    [ "$output" = "removed 0 state files; 1 belongs to running processes" ]
}

@test "clean is not led elsewhere by links and touches no directory that others may write to" {
    local dir=$TESTTMP/states
    mkdir -m 700 "$dir" "$TESTTMP/other"
    touch "$TESTTMP/other/4194303.1.sockleak"
    ln -s "$TESTTMP/other/4194303.1.sockleak" "$dir/4194302.1.sockleak"
    mkdir "$dir/4194301.1.sockleak"
    run "$SOCKLEAK" clean "$dir"
    [ "$status" -eq 0 ]
    [ "$output" = "removed 0 state files" ]
    [ -e "$TESTTMP/other/4194303.1.sockleak" ]
    [ -L "$dir/4194302.1.sockleak" ]
    ln -s "$TESTTMP/other" "$TESTTMP/link"
    run "$SOCKLEAK" clean "$TESTTMP/link"
    [ "$status" -eq 1 ]
    contains "$output" "is a symbolic link"
    chmod 777 "$TESTTMP/other"
    run "$SOCKLEAK" clean "$TESTTMP/other"
    [ "$status" -eq 1 ]
    contains "$output" "left alone"
    [ -e "$TESTTMP/other/4194303.1.sockleak" ]
    run "$SOCKLEAK" clean "$TESTTMP/none"
    [ "$status" -eq 1 ]
    contains "$output" "cannot open $TESTTMP/none: No such file or directory"
}

@test "clean takes state_dir from SOCKLEAK_OPTIONS" {
    mkdir -m 700 "$TESTTMP/states"
    touch "$TESTTMP/states/4194303.1.sockleak"
    run env SOCKLEAK_OPTIONS="grace=5s:state_dir=$TESTTMP/states" "$SOCKLEAK" clean
    [ "$output" = "removed 1 state file" ]
    [ -z "$(ls "$TESTTMP/states")" ]
}
