#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Java's methods, files and lines are the program's own code in a stack, in every way that a report can be had.

load helpers
load runtimes

LEAK=$BATS_TEST_DIRNAME/../victims/JavaLeaks.java

setup_file()
{
    javac -d "$BATS_FILE_TMPDIR/classes" "$LEAK" "$BATS_TEST_DIRNAME/../runtimes/JavaStacks.java"
}

setup()
{
    helpers_setup
    CLASSES=$BATS_FILE_TMPDIR/classes
    PROGRAM=(java -cp "$CLASSES" JavaLeaks)
    line_a=$(grep -n 'void guiltyA' "$LEAK" | cut -d: -f1) line_a=$((line_a + 1))
    line_b=$(grep -n 'void guiltyB' "$LEAK" | cut -d: -f1) line_b=$((line_b + 1))
}

# two_groups FILE: a text report of guiltyA's three and guiltyB's two, their lines first, and of nobody else.
two_groups()
{
    three_and_two "$1"
    contains "$1" "#0 JavaLeaks.connect +JavaLeaks.java:"
    contains "$1" "#1 JavaLeaks.guiltyA +JavaLeaks.java:$line_a\$"
    contains "$1" "#1 JavaLeaks.guiltyB +JavaLeaks.java:$line_b\$"
    lacks "$1" 'libjvm|JavaCalls|LambdaForm|/0x|[+]0x'
}

@test "two guilty methods and an innocent one are two groups with their own counts, the program's lines first" {
    leaks plain
    two_groups "$TESTTMP/log"
    contains "$TESTTMP/log" '#2 JavaLeaks.all +JavaLeaks.java:'
    contains "$TESTTMP/log" '#3 JavaLeaks.main +JavaLeaks.java:'
    contains "$TESTTMP/log" 'SUMMARY: sockleak: 5 sockets leaked at 2 sites'
}

@test "a site has one name in three runs, from another folder, through the interpreter and both compilers" {
    local flags
    mkdir "$TESTTMP/elsewhere"
    cp "$AGENT" "$TESTTMP/elsewhere/"
    cp -r "$CLASSES" "$TESTTMP/elsewhere/"
    local compiled='-Xcomp -XX:CompileCommand=quiet -XX:CompileCommand=compileonly,JavaLeaks::* -XX:CompileCommand=compileonly,*Socket*::*'
    for flags in -Xshare:auto -Xshare:auto -Xint "$compiled -XX:TieredStopAtLevel=1" "$compiled" elsewhere; do
        [ "$flags" != elsewhere ] || AGENT=$TESTTMP/elsewhere/libsockleak.so CLASSES=$TESTTMP/elsewhere/classes flags=
        # shellcheck disable=SC2206 # several flags
        PROGRAM=(java $flags -cp "$CLASSES" JavaLeaks)
        leaks plain
        same_two_sites
    done
}

@test "what is stuck at the end is counted: run --exitcode says so, and nothing of a program that closes" {
    run "$SOCKLEAK" run --exitcode 23 -- java -cp "$CLASSES" JavaLeaks plain
    [ "$status" -eq 23 ]
    two_groups "$output"
    run "$SOCKLEAK" run --exitcode 23 -- java -cp "$CLASSES" JavaLeaks fixed
    printf '%s\n' "$output"
    [ "$status" -eq 0 ]
    [ "$output" = ready ]
}

@test "in threads, through lambdas, and where the virtual machine calls Java itself" {
    leaks threads
    two_groups "$TESTTMP/log"
    contains "$TESTTMP/log" '#2 JavaLeaks.lambda.inThread.[0-9] +JavaLeaks.java:'
    leaks lambdas
    two_groups "$TESTTMP/log"
    contains "$TESTTMP/log" '#2 JavaLeaks.lambda.all.[0-9] +JavaLeaks.java:'
    leaks initializer
    contains "$TESTTMP/log" '#1 JavaLeaks.guiltyA +JavaLeaks.java:'
    contains "$TESTTMP/log" '#2 JavaLeaks.AtStart.<clinit> +JavaLeaks.java:'
    contains "$TESTTMP/log" '#3 JavaLeaks.main +JavaLeaks.java:'
}

@test "calls by reflection are one site, whichever helper the virtual machine uses for them" {
    leaks reflection
    contains "$TESTTMP/log" 'opened 40, closed 0, stuck 40'
    contains "$TESTTMP/log" '#1 JavaLeaks.guiltyA +JavaLeaks.java:'
    contains "$TESTTMP/log" '#2 java.lang.reflect.Method.invoke +Method.java:'
    contains "$TESTTMP/log" '#3 JavaLeaks.main +JavaLeaks.java:'
    lacks "$TESTTMP/log" MethodAccessor
}

@test "native code of the program's own stands where it runs, between Java that calls it and Java that it calls" {
    local home flags
    home=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")
    javac -d "$TESTTMP/native" "$BATS_TEST_DIRNAME/../victims/JavaNative.java"
    gcc -g -O1 -fno-ipa-icf -shared -fPIC -I"$home/include" -I"$home/include/linux" -x c "$BATS_TEST_DIRNAME/../victims/java_native.h" -o "$TESTTMP/libown.so"
    for flags in -Xint '-Xcomp -XX:CompileCommand=quiet -XX:CompileCommand=compileonly,JavaNative::*'; do
        rm -f "$TESTTMP"/log*
        # shellcheck disable=SC2086 # several flags
        with_agent "kinds=all:log_path=$TESTTMP/log:interval=0:leak_check_at_exit=all" java $flags -cp "$TESTTMP/native" JavaNative "$TESTTMP/libown.so"
        tr '\n' ' ' <"$(echo "$TESTTMP"/log.*)" | sed 's/ \+/ /g' >"$TESTTMP/log"
        contains "$TESTTMP/log" 'opened 1, [^#]*#0 Java_JavaNative_opens [^ ]*java_native.h:[0-9]+ #1 JavaNative.opens JavaNative.java [^#]*#2 JavaNative.main JavaNative.java:[0-9]+ fd'
        contains "$TESTTMP/log" 'opened 2, [^#]*#0 JavaNative.inner JavaNative.java:[0-9]+ #1 call_inner [^#]*#2 first_way [^#]*#3 Java_JavaNative_around [^#]*#4 JavaNative.around JavaNative.java [^#]*#5 JavaNative.main JavaNative.java:[0-9]+ fd'
        contains "$TESTTMP/log" 'opened 1, [^#]*#0 JavaNative.inner JavaNative.java:[0-9]+ #1 call_inner [^#]*#2 second_way [^#]*#3 Java_JavaNative_around [^#]*#4 JavaNative.around JavaNative.java [^#]*#5 JavaNative.main JavaNative.java:[0-9]+ fd'
    done
}

@test "compiled code that is undone while it waits in a native method keeps its frames" {
    leaks deoptimized
    contains "$TESTTMP/log" '#0 +JavaLeaks.acceptOne +JavaLeaks.java:'
    for n in 1 3 5 7 9 11; do
        contains "$TESTTMP/log" "#$n +JavaLeaks.around +JavaLeaks.java:"
    done
    for n in 2 4 6 8 10; do
        contains "$TESTTMP/log" "#$n +JavaLeaks.Only.nth +JavaLeaks.java:"
    done
    contains "$TESTTMP/log" '#12 +JavaLeaks.lambda.deoptimized.'
}

@test "attached to while it runs" {
    attached
    two_groups "$TESTTMP/report"
}

@test "from the state file after kill -9, with all frames in JSON" {
    killed
    "$SOCKLEAK" report "$XDG_RUNTIME_DIR/sockleak" >"$TESTTMP/report"
    two_groups "$TESTTMP/report"
    "$SOCKLEAK" report --format json "$XDG_RUNTIME_DIR/sockleak" >"$TESTTMP/json"
    [ "$(json "$TESTTMP/json" 'sorted((l["count"], [f["line"] for f in l["frames"] if f["symbol"].startswith("JavaLeaks.guilty")]) for l in leaks)')" = \
        "[(2, [$line_b]), (3, [$line_a])]" ]
    [ "$(json "$TESTTMP/json" 'all(f["runtime"] in ("java", "native") for l in leaks for f in l["frames"])')" = True ]
    [ "$(json "$TESTTMP/json" 'all(any(f["symbol"] == "sun.nio.ch.Net.socket0" and f["file"] == "Net.java" for f in l["frames"]) for l in leaks)')" = True ]
}

@test "runtimes= without Java shows native frames alone" {
    local what
    for what in none python; do
        leaks plain runtimes=$what
        lacks "$TESTTMP/log" 'JavaLeaks|Net.java'
        contains "$TESTTMP/log" 'sockets stuck in CLOSE_WAIT'
        contains "$TESTTMP/log" 'libn(io|et).so|Java_sun_nio'
    done
    leaks plain runtimes=python,java
    two_groups "$TESTTMP/log"
}

@test "suppressed by a Java method, and by a Java file" {
    echo 'leak:^JavaLeaks.guiltyA$' >"$TESTTMP/rules"
    leaks plain "suppressions=$TESTTMP/rules"
    contains "$TESTTMP/log" '#1 JavaLeaks.guiltyB'
    lacks "$TESTTMP/log" '#1 JavaLeaks.guiltyA'
    echo 'close_wait:^JavaLeaks.java$' >"$TESTTMP/rules"
    leaks plain "suppressions=$TESTTMP/rules"
    lacks "$TESTTMP/log" '#0'
}

@test "a stack is what Throwable says of it, in thousands of random stacks" {
    with_agent "kinds=all:log_format=json:max_frames=128:interval=0:leak_check_at_exit=all:log_path=$TESTTMP/log" \
        java -cp "$CLASSES" JavaStacks "$TESTTMP/stacks" 3000 40000 "$RANDOM" 3 churn
    run python3 "$BATS_TEST_DIRNAME/../runtimes/hotspot_compare.py" "$TESTTMP"/log.* "$TESTTMP/stacks"
    printf '%s\n' "$output"
    [ "$status" -eq 0 ]
}

# Its library is on no stack: it is searched where code is met that lies in no object.
@test "a virtual machine that is not known is found behind its generated code, refused with one line, and shown as native code" {
    printf '%s\n' 'const void *gHotSpotVMStructs;' | gcc -shared -fPIC -x c - -o "$TESTTMP/libjvm.so"
    build_victim unknown - <<'C'
#include <dlfcn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
void opens(void) { socket(AF_INET, SOCK_STREAM, 0); }
int main(int argc, char **argv)
{
    /* push %rbp; mov %rsp,%rbp; call *%rdi; pop %rbp; ret */
    static const char code[] = "\x55\x48\x89\xe5\xff\xd7\x5d\xc3";
    void *p = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    (void)argc;
    if (!dlopen(argv[1], RTLD_NOW) || p == MAP_FAILED)
        return 1;
    memcpy(p, code, sizeof code);
    ((void (*)(void (*)(void)))p)(opens);
    return 0;
}
C
    run with_agent "interval=0:grace=0s:verbosity=1:kinds=all:log_path=$TESTTMP/log" "$TESTTMP/unknown" "$TESTTMP/libjvm.so"
    [ "$status" -eq 0 ]
    cat "$TESTTMP"/log.* >"$TESTTMP/log"
    contains "$TESTTMP/log" "the frames of this program's java are not read: its tables do not have _heaps"
    contains "$TESTTMP/log" '#[01] opens'
    contains "$TESTTMP/log" '#[0-9] main'
}

@test "the example with HttpURLConnection: the leaking one is named by its own line, the fixed one is silent" {
    local line
    javac -d "$TESTTMP/example" "$TOP"/examples/java-leak/*.java
    line=$(grep -n 'getResponseCode' "$TOP/examples/java-leak/Leaking.java" | cut -d: -f1)
    service java -cp "$TESTTMP/example" Service
    leaking java -cp "$TESTTMP/example" Leaking
    contains "$output" 'opened 4, closed 1, stuck 3'
    contains "$output" "#0 Leaking.logIn +Leaking.java:$line\$"
    contains "$output" "SUMMARY: .* most: 3 at Leaking.logIn \(Leaking.java:$line\)"
    fixed java -cp "$TESTTMP/example" Fixed
}

@test "the example with java.net.http.HttpClient: the leaking one is named by its own line, the fixed one is silent" {
    local line
    javac -d "$TESTTMP/example" "$TOP"/examples/java-leak/*.java
    line=$(grep -n 'client\.send' "$TOP/examples/java-leak/LeakingClient.java" | cut -d: -f1)
    service java -cp "$TESTTMP/example" Service 30000
    leaking java -cp "$TESTTMP/example" LeakingClient
    contains "$output" '3 sockets stuck in CLOSE_WAIT'
    contains "$output" "LeakingClient.logIn +LeakingClient.java:$line\$"
    contains "$output" "SUMMARY: .* most: 3 at LeakingClient.logIn \(LeakingClient.java:$line\)"
    fixed java -cp "$TESTTMP/example" FixedClient
}

@test "Scala's functions are named with their lines: two guilty ones are two groups, the innocent one is none" {
    local source=$BATS_TEST_DIRNAME/../victims/ScalaLeaks.scala library=${SCALA_LIBRARY:-/usr/share/java/scala-library.jar} a b
    command -v scalac >/dev/null || skip "scalac is missing (scala)"
    mkdir "$TESTTMP/scala"
    scalac -d "$TESTTMP/scala" "$source"
    a=$(grep -n 'def guiltyA' "$source" | cut -d: -f1) b=$(grep -n 'def guiltyB' "$source" | cut -d: -f1)
    PROGRAM=(java -cp "$TESTTMP/scala:$library" ScalaLeaks)
    leaks plain
    three_and_two "$TESTTMP/log"
    # of the class of an object Scala writes a $ behind its name
    contains "$TESTTMP/log" "#0 ScalaLeaks..*connect +ScalaLeaks.scala:"
    contains "$TESTTMP/log" "#1 ScalaLeaks..guiltyA +ScalaLeaks.scala:$((a + 1))\$"
    contains "$TESTTMP/log" "#1 ScalaLeaks..guiltyB +ScalaLeaks.scala:$((b + 1))\$"
}
