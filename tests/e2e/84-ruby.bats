#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The frames of Ruby are the program's own code. Needs ruby, which scripts/setup installs.
load helpers
load runtimes

RUNTIME=ruby

setup()
{
    helpers_setup
    REAL=$TOP/tests/real
}

line_of() { grep -n -- "$1" "$REAL/leaks.rb" | head -n 1 | cut -d: -f1; }
guilty()
{
    local dial login refresh work
    dial=$(line_of 's = TCPSocket')
    login=$(line_of '^  KEPT << dial')
    refresh=$(line_of 'times.times')
    work=$(line_of '3.times')
    printf '%s dial:%s < block in guilty_refresh:%s < guilty_refresh:%s < work:%s%s\n' "$1" "$dial" "$refresh" "$refresh" "$((work + 1))" "$3"
    printf '%s dial:%s < guilty_login:%s < block in work:%s < work:%s%s\n' "$2" "$dial" "$login" "$work" "$work" "$3"
}
at_end() { printf ' < <main>:%s' "$(($(wc -l <"$REAL/leaks.rb") - 1))"; }

@test "ruby: two guilty methods are two groups with their counts, the innocent is none, and their lines stand first" {
    run with_agent "$NOW" ruby "$REAL/leaks.rb"
    [ "$status" = 0 ]
    contains "$output" "#0 dial +.*leaks.rb:$(line_of 's = TCPSocket')"
    logged log "" ruby "$REAL/leaks.rb"
    is_guilty "$TESTTMP/log" 3 2 "$(at_end)"
}

@test "ruby: a call site has the same name in three runs, in another folder, and in code that YJIT made" {
    local n first
    mkdir "$TESTTMP/elsewhere"
    cp "$REAL/leaks.rb" "$TESTTMP/elsewhere"
    for n in 1 2 3; do
        logged "log$n" "" ruby "$REAL/leaks.rb"
    done
    logged log4 "" ruby "$TESTTMP/elsewhere/leaks.rb"
    logged log5 "" ruby $(with_yjit) "$REAL/leaks.rb"
    first=$(sites "$TESTTMP/log1")
    [ "$(wc -w <<<"$first")" = 2 ]
    for n in 2 3 4 5; do
        [ "$(sites "$TESTTMP/log$n")" = "$first" ]
    done
}
with_yjit() { ruby --yjit -e 1 2>/dev/null && echo --yjit --yjit-call-threshold=1; }

@test "ruby: what was stuck until Ruby closed all at the end is counted, however the program ends" {
    local mode
    for mode in '' exit at_exit; do
        run env SOCKLEAK_OPTIONS="$NOW" "$SOCKLEAK" run --exitcode 23 -- ruby "$REAL/leaks.rb" $mode 3>&-
        [ "$status" = 23 ]
    done
    logged log "" ruby "$REAL/leaks.rb" raise
    [ "$status" = 1 ]
    [ "$(json "$TESTTMP/log" 'sum(l["count"] for l in leaks)')" = 5 ]
    # the program's own code closes it: in at_exit, in ensure, and the collector before the end
    local mine='require "socket"; l = TCPServer.new("127.0.0.1", 0); $s = TCPSocket.new("127.0.0.1", l.addr[1]); l.accept.close; $s.read; l.close; sleep 0.2;'
    for end in 'at_exit { $s.close }' 'begin; exit; ensure; $s.close; end' '$s = nil; 100.times { Object.new.to_s }; def f(n) = n == 0 ? 0 : f(n - 1); f(100); GC.start'; do
        logged end "" ruby -e "$mine $end"
        [ "$(json "$TESTTMP/end" 'len(leaks)')" = 0 ]
    done
}

@test "ruby: a program that is attached to shows its methods, and after SIGKILL its report does" {
    attached_and_killed " < <main>:$(($(line_of "^when 'wait'") + 3))" ruby "$REAL/leaks.rb" wait
}

@test "ruby: threads, fibers and forked children have their own frames" {
    logged threads "" ruby "$REAL/leaks.rb" threads
    is_guilty "$TESTTMP/threads" 6 4 " < block (2 levels) in <main>:$(line_of '2.times.map')"
    logged fiber "" ruby "$REAL/leaks.rb" fiber
    is_guilty "$TESTTMP/fiber" 3 2 " < block in <main>:$(line_of 'Fiber.new')"
    logged fork "" ruby "$REAL/leaks.rb" fork
    is_guilty "$TESTTMP/fork" 3 2 " < block in <main>:$(line_of 'fork { work }') < <main>:$(line_of 'fork { work }')"
}

@test "ruby: without it in runtimes= there are native frames only" {
    for o in none python; do
        logged log "runtimes=$o" ruby "$REAL/leaks.rb" quick
        [ "$(json "$TESTTMP/log" '{f["runtime"] for l in leaks for f in l["frames"]}')" = "{'native'}" ]
    done
}

@test "ruby: hundreds of random stacks are as caller_locations says, with YJIT too, and while code is made, freed and moved" {
    local way
    for way in "1 300" "2 300 yjit" "3 200 churn"; do
        set -- $way
        rm -rf "$TESTTMP/files"
        mkdir "$TESTTMP/files"
        # shellcheck disable=SC2046
        logged log kinds=all:max_frames=128 ruby $([[ $3 == yjit ]] && with_yjit) "$REAL/stacks.rb" "$1" "$2" "$TESTTMP/files" "$TESTTMP/caller" \
            $([[ $3 == churn ]] && echo churn)
        as_itself_says "$TESTTMP/caller"
    done
}

@test "ruby: code that took the place of freed code has its own name" {
    logged log kinds=all ruby -rsocket -e '
        KEPT = []
        600.times do |n|
          name = "made#{n % 300}"
          eval("def #{name}\n  KEPT << Socket.new(:INET, :STREAM)\n  KEPT[-1].fileno\nend")
          fd = send(name)
          puts [fd, name, "(eval)", 2, "block in <main>", "-e", 6, "<main>", "-e", 3].join("\t")
          self.class.send(:undef_method, name)
          GC.start if n % 20 == 0
        end'
    echo "$output" >"$TESTTMP/own"
    as_itself_says "$TESTTMP/own"
}

@test "ruby: a version that is not known is refused, with a line that says so" {
    build_victim stranger - -rdynamic -DVERSION='"3.2.0"' <<'C'
#include <sys/socket.h>
const char ruby_version[] = VERSION;
void rb_profile_frames(void) {}
int rb_vm_exec(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}
int main(void)
{
    return rb_vm_exec() < 0 || rb_vm_exec() < 0;
}
C
    run with_agent "$NOW:verbosity=1" "$TESTTMP/stranger"
    [ "$status" = 0 ]
    contains "$output" "ruby.*: its version is not known"
}

@test "ruby: the example with Net::HTTP names the line that leaks, and the fixed one is clean" {
    cd "$TOP/examples/ruby-leak"
    service ruby service.rb
    leaking ruby leaking.rb
    contains "$output" 'opened 4, closed 1, stuck 3'
    contains "$output" "log_in +leaking.rb:$(grep -n 'HTTP.start' leaking.rb | cut -d: -f1)"
    fixed ruby fixed.rb
}
