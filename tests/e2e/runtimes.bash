# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154 # $pid, $status and $output are set by start and run
# runtimes.bash: what the tests of the language runtimes share: programs that leak in two guilty functions and not in an innocent one. `load helpers`
# comes before it.
#
# A file whose reports are text sets PROGRAM, a command to which words are added, and calls leaks, waits, killed. One whose reports are JSON calls
# logged, and sets RUNTIME, the name of its frames, and OWN_FILES, a Python expression over the frame f that the language's own library does not meet;
# it has a function `guilty`.

# leaks HOW [OPTIONS]: runs to its end under the agent; what is said at the end is in $TESTTMP/log.
leaks()
{
    rm -f "$TESTTMP"/log "$TESTTMP"/log.*
    with_agent "log_path=$TESTTMP/log:interval=0:grace=0s:leak_check_at_exit=all${2:+:$2}" "${PROGRAM[@]}" "$1"
    cat "$TESTTMP"/log.* >"$TESTTMP/log"
}

# begins HOW [OPTIONS]: in the background until finish; its output is in $TESTTMP/program.out. PRELOAD= : without the agent.
begins() { begin_fed env LD_PRELOAD="${PRELOAD-$AGENT}" SOCKLEAK_OPTIONS="log_path=$TESTTMP/log:grace=0s${2:+:$2}" "${PROGRAM[@]}" "$1" wait; }
# begin_fed COMMAND...: it in the background, with an input that finish closes.
begin_fed()
{
    [[ -p $TESTTMP/in ]] || mkfifo "$TESTTMP/in"
    # shellcheck disable=SC2016 # the inner shell's own
    start program bash -c 'exec "$@" <"$0"' "$TESTTMP/in" "$@"
    exec 7>"$TESTTMP/in"
}
# waits HOW [OPTIONS]: the same, and all has been opened.
waits()
{
    begins "$@"
    wait_for 60 grep -q ready "$TESTTMP/program.out"
}
finish()
{
    exec 7>&-
    wait "$pid"
}
dies()
{
    kill -KILL "$pid"
    wait_for 10 ended "$pid"
    exec 7>&-
}

# killed [OPTIONS] [HOW]: a process that leaks, once all five were found; its state file is left.
killed()
{
    rm -f "$TESTTMP"/log.*
    waits "${2-plain}" "interval=250ms:log_format=json${1:+:$1}"
    wait_for 60 all_five
    dies
}
all_five() { [ "$(cat "$TESTTMP"/log.* >"$TESTTMP/log" && json "$TESTTMP/log" 'sum({l["site"]: l["count"] for l in leaks}.values())')" = 5 ]; }

# attached: begun without the agent, which is attached before anything is opened; $TESTTMP/report is what `report` says then.
attached()
{
    PRELOAD='' begins late
    wait_for 60 grep -q begun "$TESTTMP/program.out"
    run "$SOCKLEAK" attach "$pid"
    [ "$status" -eq 0 ]
    echo go >&7
    wait_for 60 grep -q ready "$TESTTMP/program.out"
    "$SOCKLEAK" report --min-age 0 "$pid" >"$TESTTMP/report"
    finish
}

# three_and_two FILE: a text report of three sockets of one site and two of another, and of nothing innocent.
three_and_two()
{
    contains "$1" "3 sockets stuck in CLOSE_WAIT"
    contains "$1" "2 sockets stuck in CLOSE_WAIT"
    contains "$1" "opened 3, closed 0, stuck 3"
    contains "$1" "opened 2, closed 0, stuck 2"
    lacks "$1" innocent
}
sites_of() { sed -n 's/^site \([0-9a-f]*\):.*/\1/p' "$1" | sort -u; }
# same_two_sites: $TESTTMP/log has two sites, those that it had at the last call
same_two_sites()
{
    [ "$(sites_of "$TESTTMP/log" | wc -l)" = 2 ]
    [ ! -e "$TESTTMP/sites" ] || diff <(sites_of "$TESTTMP/log") "$TESTTMP/sites"
    sites_of "$TESTTMP/log" >"$TESTTMP/sites"
}

# logged NAME OPTIONS COMMAND...: with the agent, whose reports are lines of JSON in $TESTTMP/NAME then
logged()
{
    local name=$1 options=$2
    shift 2
    run with_agent "$NOW:log_format=json:log_path=$TESTTMP/$name.%p:$options" "$@"
    cat "$TESTTMP/$name".[0-9]* >"$TESTTMP/$name" 2>/dev/null || :
    rm -f "$TESTTMP/$name".[0-9]*
}
NOW=grace=0:interval=100:leak_check_at_exit=all

# groups FILE: of reports in JSON, a line for each: how many, and the program's functions with their lines
groups()
{
    json "$1" '"\n".join(sorted(str(l["count"]) + " " + " < ".join("%s:%d" % (f["symbol"], f["line"]) for f in l["frames"]
        if f["runtime"] == "'"$RUNTIME"'" and '"${OWN_FILES-True}"') for l in leaks if l["kind"] == "close_wait"))'
}
sites() { json "$1" '" ".join(sorted(l["site"] for l in leaks if l["kind"] == "close_wait"))'; }
# is_guilty FILE LOGIN REFRESH REST: FILE has just the two groups of the guilty functions
is_guilty() { diff <(groups "$1") <(guilty "$3" "$2" "$4"); }

# attached_and_killed REST COMMAND...: the groups of a program that is attached to while it runs, and those that are left when it is killed
attached_and_killed()
{
    local rest=$1
    shift
    mkfifo "$TESTTMP/in"
    # shellcheck disable=SC2016 # the inner shell's own
    start victim bash -c 'exec "$@" <"$0"' "$TESTTMP/in" "$@"
    exec 7>"$TESTTMP/in"
    wait_for 20 grep -q ready "$TESTTMP/victim.out"
    run "$SOCKLEAK" attach --grace 0 "$pid" 3>&- 7>&-
    echo "$output"
    [ "$status" = 0 ]
    echo >&7
    wait_for 20 grep -q 'done' "$TESTTMP/victim.out"
    "$SOCKLEAK" report --format json "$pid" >"$TESTTMP/live" 3>&- 7>&-
    is_guilty "$TESTTMP/live" 3 2 "$rest"
    dies
    "$SOCKLEAK" report --format json "$pid" >"$TESTTMP/dead" 3>&-
    is_guilty "$TESTTMP/dead" 3 2 "$rest"
}

# as_itself_says OWN: the stacks of $TESTTMP/log are those that the program has written to the file OWN
as_itself_says()
{
    run python3 "$TOP/tests/real/compare_stacks.py" "$RUNTIME" "$TESTTMP/log" "$1"
    echo "$output"
    [ "$status" = 0 ]
}

# Of an example in examples/: its service, whose address is in $URL then; its two programs, each with that address as a last word.
service()
{
    start service "$@"
    wait_for 60 grep -q '[0-9]' "$TESTTMP/service.out"
    URL=$(<"$TESTTMP/service.out")
}
leaking() # COMMAND...; $output is what is said of it
{
    run "$SOCKLEAK" run --exitcode 23 -- "$@" "$URL" 3>&-
    printf '%s\n' "$output"
    [ "$status" -eq 23 ]
}
fixed() # COMMAND...: nothing is said of it
{
    run "$SOCKLEAK" run --exitcode 23 -- "$@" "$URL" 3>&-
    printf '%s\n' "$output"
    [ "$status" -eq 0 ]
    [ "$output" = '3 were refused' ]
}
