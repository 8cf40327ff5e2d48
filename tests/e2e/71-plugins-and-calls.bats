#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Plug-ins that find libc before us, range closes that the kernel refuses, sanitizers, other allocators, Go: each is recorded, or refused
# with the true reason.

load helpers

# plugin NAME [FLAG...]: builds the plug-in as $TESTTMP/NAME.so
plugin()
{
    local name=$1
    shift
    "${CC:-gcc}" -std=gnu11 -D_GNU_SOURCE -g -O1 -fno-inline -fno-optimize-sibling-calls -shared -fPIC -o "$TESTTMP/$name.so" \
        "$TOP/tests/victims/preload/plugin.c" "$@"
}

# hosted WORD...: plugin_host with these words, bare and with the agent: the same output; then the openers of what is left, in $output
hosted()
{
    local bare
    run "${HOST:-$VICTIMS/plugin_host}" "$@"
    bare="$status $output"
    contains "$bare" '^0 left 1, fine$'
    rm -f "$TESTTMP"/log*
    run with_agent "kinds=close_wait,never_connected,open:log_format=json:log_path=$TESTTMP/log.%p" "${HOST:-$VICTIMS/plugin_host}" "$@"
    [ "$status $output" = "$bare" ]
    cat "$TESTTMP"/log.* >"$TESTTMP/log"
    output=$(json "$TESTTMP/log" '"\n".join(sorted(f"{l['"'kind'"']} {l['"'count'"']} {s['"'origin'"']} {l['"'frames'"'][1]['"'symbol'"']} eof {l['"'eof_frames'"'][1]['"'symbol'"'] if l['"'eof_frames'"'] else None}" for l in leaks for s in l["sockets"]))')
    echo "$output"
}

@test "F2: RTLD_DEEPBIND: the first call of a plug-in, and its constructor's, are recorded with their stacks" {
    local mode
    plugin p -Wl,-z,lazy
    for mode in now lazy; do
        hosted $mode "$TESTTMP/p.so" plugin_leaks
        [ "$output" = "close_wait 1 socket plugin_leaks eof plugin_leaks
close_wait 1 socket plugin_starts eof plugin_starts" ]
    done
}

@test "F2: RTLD_DEEPBIND: a library that the plug-in brings along" {
    plugin part
    "${CC:-gcc}" -std=gnu11 -D_GNU_SOURCE -g -O1 -fno-inline -fno-optimize-sibling-calls -shared -fPIC -DPART -o "$TESTTMP/whole.so" \
        "$TOP/tests/victims/preload/plugin.c" "$TESTTMP/part.so" -Wl,-rpath,"$TESTTMP"
    hosted now "$TESTTMP/whole.so" plugin_leaks
    [ "$output" = "close_wait 1 socket part_leaks eof part_leaks
close_wait 1 socket part_leaks eof part_leaks
close_wait 1 socket plugin_starts eof plugin_starts" ]
}

@test "F2: RTLD_DEEPBIND: a function that the plug-in asks libc's own handle for" {
    plugin p
    hosted now "$TESTTMP/p.so" plugin_asks
    contains "$output" 'open 1 socket main eof None'
}

@test "F2: RTLD_DEEPBIND: dlopen still looks where its caller says (RUNPATH)" {
    plugin p
    mkdir "$TESTTMP/below"
    mv "$TESTTMP/p.so" "$TESTTMP/below/named.so"
    build_victim host "$TOP/tests/victims/plugin_host.c" -Wl,--enable-new-dtags -Wl,-rpath,"$TESTTMP/below"
    HOST=$TESTTMP/host hosted now named.so plugin_leaks
    contains "$output" 'close_wait 1 socket plugin_leaks'
}

@test "F2: RTLD_DEEPBIND: with another preload library between us and libc nothing goes in a circle" {
    plugin p
    echo '#define _GNU_SOURCE
    #include <dlfcn.h>
    #include <sys/socket.h>
    int socket(int a, int b, int c) { int (*next)(int, int, int) = (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket"); return next(a, b, c); }' >"$TESTTMP/o.c"
    "${CC:-gcc}" -shared -fPIC -o "$TESTTMP/o.so" "$TESTTMP/o.c"
    for order in "$AGENT:$TESTTMP/o.so" "$TESTTMP/o.so:$AGENT"; do
        run env LD_PRELOAD="$order" SOCKLEAK_OPTIONS="log_path=$TESTTMP/log.%p" "$VICTIMS/plugin_host" now "$TESTTMP/p.so" plugin_leaks
        echo "$output"
        [ "$status" = 0 ]
        [ "$output" = "left 1, fine" ]
    done
    contains "$(cat "$TESTTMP"/log.*)" 'plugin_starts'
}

@test "F2: RTLD_DEEPBIND: a library that loads a plug-in in its constructor, before ours has run" {
    plugin p
    echo '#include <dlfcn.h>
    #include <unistd.h>
    void *early_plugin;
    __attribute__((constructor)) static void starts(void) { early_plugin = dlopen(PLUGIN, RTLD_NOW | RTLD_DEEPBIND); close(-1); }' >"$TESTTMP/early.c"
    "${CC:-gcc}" -D_GNU_SOURCE -shared -fPIC -DPLUGIN="\"$TESTTMP/p.so\"" -o "$TESTTMP/libearly.so" "$TESTTMP/early.c"
    build_victim host "$TOP/tests/victims/plugin_host.c" -Wl,--no-as-needed "$TESTTMP/libearly.so"
    HOST=$TESTTMP/host hosted now "$TESTTMP/p.so" plugin_leaks
    [ "$output" = "close_wait 1 socket plugin_leaks eof plugin_leaks
close_wait 1 socket plugin_starts eof plugin_starts" ]
}

@test "F2: RTLD_DEEPBIND: after an attach libc's own table is left alone, so that a detach leaves nothing behind" {
    plugin p
    build_victim asks - <<'END'
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    Dl_info where;
    puts("ready");
    fflush(stdout);
    if (argc < 2 || getchar() == EOF || !dlopen(argv[1], RTLD_NOW | RTLD_DEEPBIND))
        return 1;
    void *p = dlsym(dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD), "socket");
    return p && dladdr(p, &where) ? !printf("socket of %s\n", where.dli_fname) : 2;
}
END
    mkfifo "$TESTTMP/asks.in"
    start asks bash -c 'exec "$1" "$2" <"$0"' "$TESTTMP/asks.in" "$TESTTMP/asks" "$TESTTMP/p.so"
    exec 7>"$TESTTMP/asks.in"
    wait_for 20 grep -q ready "$TESTTMP/asks.out"
    "$SOCKLEAK" attach "$pid"
    echo >&7
    exec 7>&-
    wait "$pid"
    contains "$TESTTMP/asks.out" 'socket of .*/libc\.so'
}

@test "F2: PHP's curl extension: a connection that it keeps is told, with curl's stack" {
    command -v php >/dev/null && php -m | grep -qx curl || skip "no PHP with curl"
    cat >"$TESTTMP/c.php" <<'END'
<?php
$l = stream_socket_server('tcp://127.0.0.1:0');
$c = curl_init('http://' . stream_socket_get_name($l, false) . '/');
curl_setopt($c, CURLOPT_RETURNTRANSFER, true);
$m = curl_multi_init();
curl_multi_add_handle($m, $c);
for ($i = 0; $i < 20; $i++) { curl_multi_exec($m, $n); usleep(1000); }
$s = stream_socket_accept($l, 10);
for ($i = 0; $i < 20; $i++) { curl_multi_exec($m, $n); usleep(1000); }
fread($s, 1000);
fwrite($s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
do { curl_multi_exec($m, $n); usleep(1000); } while ($n);
fclose($s);
fclose($l);
echo "ready\n";
fgets(STDIN);
END
    mkfifo "$TESTTMP/php.in"
    start_agent php "" bash -c 'exec php "$1" <"$0"' "$TESTTMP/php.in" "$TESTTMP/c.php"
    exec 7>"$TESTTMP/php.in"
    wait_for 20 grep -q ready "$TESTTMP/php.out"
    "$SOCKLEAK" report --format json --min-age 0 "$pid" >"$TESTTMP/log"
    exec 7>&-
    wait "$pid"
    contains "$(json "$TESTTMP/log" '[(l["kind"], s["origin"], f["module"]) for l in leaks for s in l["sockets"] for f in l["frames"]]')" "'close_wait', 'socket', '[^']*libcurl"
}

# ranges ERRNO WAY: what wrap_closes has left under a filter that refuses close_range, as `kind opened closed frames?`
ranges()
{
    rm -f "$TESTTMP"/log*
    # env inside: the filter's own program runs without the agent
    run "$VICTIMS/close_range_refused" "$1" env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS="log_format=json:log_path=$TESTTMP/log.%p" "$VICTIMS/wrap_closes" "$2"
    [ "$status" = 0 ] || echo "status $status: $output"
    cat "$TESTTMP"/log.* >"$TESTTMP/log"
    json "$TESTTMP/log" '"\n".join(f"{l['"'kind'"']} {l['"'count'"']} opened {l['"'opened'"']} closed {l['"'closed'"']} {l['"'frames'"'][0]['"'symbol'"']}" for l in leaks)'
}

@test "F23: a close_range that the kernel refuses (ENOSYS, EPERM) has closed nothing: the sockets keep their stacks and counts" {
    local errno way
    for errno in 38 1; do
        for way in kept_refused_range kept_refused_syscall; do
            run ranges $errno $way
            echo "$output"
            [ "$output" = "close_wait 2 opened 2 closed 0 main" ]
        done
    done
}

@test "F23: closefrom closes also where close_range is refused" {
    local errno
    for errno in 38 1; do
        run ranges $errno closefrom
        echo "$output"
        [ "$output" = "close_wait 1 opened 2 closed 1 main" ]
    done
}

# sanitized NAME FLAG...: builds the victim under a sanitizer. It leaks one connection, and runs the command that it is given.
sanitized()
{
    local name=$1
    shift
    { sed 's/^int plugin_leaks.*//; /^__attribute__/d; /^int plugin_asks/,$d' "$TOP/tests/victims/preload/plugin.c" && cat <<'END'; } >"$TESTTMP/$name.c"
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
    printf("%s\n", leak_here() >= 0 ? "fine" : "failed");
    fflush(stdout);
    return argc > 1 ? system(argv[1]) != 0 : 0;
}
END
    build_victim "$name" "$TESTTMP/$name.c" -w "$@" || skip "this compiler has no $*"
    "$TESTTMP/$name" >"$TESTTMP/bare" 2>&1 || skip "$* does not run here: $(head -n 3 "$TESTTMP/bare")"
}

@test "F16: run starts a program with AddressSanitizer, whose runtime comes first, and tells its leak" {
    sanitized asan -fsanitize=address
    run "$SOCKLEAK" run -- "$TESTTMP/asan"
    echo "$output"
    [ "$status" = 0 ]
    contains "$output" '^fine$'
    contains "$output" 'SUMMARY: sockleak: 1 socket leaked at 1 site'
    lacks "$output" 'ASan runtime'
}

@test "F16: the children of such a program run without its sanitizer, and with the agent" {
    sanitized asan -fsanitize=address
    # shellcheck disable=SC2016 # the child's own
    run "$SOCKLEAK" run -- "$TESTTMP/asan" 'echo "LD_PRELOAD=$LD_PRELOAD"; grep -c libasan /proc/self/maps; true'
    echo "$output"
    [ "$status" = 0 ]
    contains "$output" "^LD_PRELOAD=[^:]*/libsockleak.so$"
    contains "$output" '^0$'
}

@test "F16: a script under run may start a program with AddressSanitizer" {
    sanitized asan -fsanitize=address
    printf '#!/bin/sh\n"%s" && "%s"\n' "$TESTTMP/asan" "$TESTTMP/asan" >"$TESTTMP/script"
    chmod 755 "$TESTTMP/script"
    ASAN_OPTIONS=detect_leaks=1 run "$SOCKLEAK" run -- "$TESTTMP/script"
    echo "$output"
    [ "$status" = 0 ]
    contains "$output" 'SUMMARY: sockleak: 2 sockets leaked at 1 site'
}

@test "F16: ThreadSanitizer and UndefinedBehaviorSanitizer" {
    local flag
    for flag in thread undefined address,undefined; do
        sanitized san -fsanitize=$flag
        run "$SOCKLEAK" run -- "$TESTTMP/san"
        echo "$output"
        [ "$status" = 0 ]
        contains "$output" 'SUMMARY: sockleak: 1 socket leaked at 1 site'
        lacks "$output" 'ThreadSanitizer|AddressSanitizer|runtime error'
    done
}

@test "F16: clang's runtimes, in the program and as a library in a folder of their own" {
    command -v clang >/dev/null || skip "no clang"
    local library
    for flag in address thread; do
        CC=clang sanitized san -fsanitize=$flag
        run "$SOCKLEAK" run -- "$TESTTMP/san"
        echo "$output"
        [ "$status" = 0 ]
        contains "$output" 'SUMMARY: sockleak: 1 socket leaked at 1 site'
    done
    library=$(clang -print-file-name="libclang_rt.asan-$(uname -m).so")
    [[ -e $library ]] || skip "no shared runtime"
    CC=clang sanitized san -fsanitize=address -shared-libasan -Wl,-rpath,"$(dirname "$library")"
    run "$SOCKLEAK" run -- "$TESTTMP/san"
    echo "$output"
    [ "$status" = 0 ]
    contains "$output" 'SUMMARY: sockleak: 1 socket leaked at 1 site'
}

# inside NAME COMMAND...: attach gives up, since the only thread is inside the allocator, and the process runs on to its end
inside()
{
    local name=$1
    shift
    mkfifo "$TESTTMP/$name.in"
    start "$name" bash -c 'exec "$@" <"$0"' "$TESTTMP/$name.in" "$@"
    exec 7>"$TESTTMP/$name.in"
    wait_for 20 grep -q ready "$TESTTMP/$name.out"
    run "$SOCKLEAK" attach "$pid"
    echo "$output"
    [ "$status" = 1 ]
    contains "$output" "no thread of process $pid .* could be interrupted safely .* in (free|the allocator)\)"
    lacks "/proc/$pid/maps" libsockleak
    exec 7>&-
    wait "$pid"
    contains "$TESTTMP/$name.out" '^fine$'
}

@test "F19: a program whose free jumps to a function of its own: a thread in there is inside the allocator" {
    inside own "$VICTIMS/own_allocator"
}

@test "F19: a library that replaces the allocator, of a name that nobody knows, is the allocator as a whole" {
    "${CC:-gcc}" -std=gnu11 -D_GNU_SOURCE -O1 -fno-inline -fno-optimize-sibling-calls -shared -fPIC -DLIBRARY -o "$TESTTMP/libown.so" "$TOP/tests/victims/own_allocator.c"
    build_victim host - "$TESTTMP/libown.so" <<'END'
#include <stdio.h>
#include <stdlib.h>
void *own_allocator_stay(void);
int main(void)
{
    free(own_allocator_stay());
    puts("fine");
    return 0;
}
END
    inside library "$TESTTMP/host"
}

@test "F19: jemalloc, tcmalloc, mimalloc: attach while threads allocate all the time" {
    local library n=0 i
    build_victim busy - <<'END'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static volatile int stop;
static void *churn(void *arg)
{
    void *p[64] = {0};
    for (unsigned i = 0; !stop; i++) {
        free(p[i % 64]);
        p[i % 64] = malloc(1u << (i % 20));
    }
    return arg;
}
int main(void)
{
    pthread_t t[2];
    char c;
    for (int i = 0; i < 2; i++)
        pthread_create(&t[i], NULL, churn, NULL);
    puts("ready");
    fflush(stdout);
    while (read(0, &c, 1) > 0)
        ;
    stop = 1;
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    puts("fine");
    return 0;
}
END
    for library in /usr/lib/*/libjemalloc.so.2 /usr/lib/*/libtcmalloc_minimal.so.4 /usr/lib/*/libmimalloc.so.2* ""; do
        [[ ! $library || -e $library ]] || continue
        n=$((n + 1))
        rm -f "$TESTTMP/busy.in"
        mkfifo "$TESTTMP/busy.in"
        start busy bash -c 'export LD_PRELOAD=$2; exec "$1" <"$0"' "$TESTTMP/busy.in" "$TESTTMP/busy" "$library"
        exec 7>"$TESTTMP/busy.in"
        wait_for 20 grep -q ready "$TESTTMP/busy.out"
        for i in 1 2 3; do
            "$SOCKLEAK" attach "$pid" 2>"$TESTTMP/said" || contains "$TESTTMP/said" 'could be interrupted safely'
            "$SOCKLEAK" detach "$pid" 2>>"$TESTTMP/said" || contains "$TESTTMP/said" 'sockleak'
        done
        exec 7>&-
        wait "$pid"
        contains "$TESTTMP/busy.out" '^fine$'
    done
    ((n > 1)) || skip "none of them is installed"
}

# refused PROGRAM: run --no-trace says that it is a Go program, and does not start it
refused()
{
    run "$SOCKLEAK" run --no-trace -- "$1"
    echo "$output"
    [ "$status" = 1 ]
    [ "${#lines[@]}" = 1 ]
    contains "$output" "^sockleak run: .* is a Go program: .*'sockleak scan'"
    lacks "$output" 'statically linked'
}

@test "F3: run watches a program that Go has made from outside, and refuses it with --no-trace: by its note or its table of functions, dynamic or static" {
    cat >"$TESTTMP/note.s" <<'END'
.section .note.go.buildid, "a", @note
.p2align 2
.long 4, 4, 4
.asciz "Go\0"
.ascii "abcd"
.section .note.GNU-stack, "", @progbits
END
    echo 'int main(void) { return 7; }' >"$TESTTMP/m.c"
    "${CC:-gcc}" -o "$TESTTMP/bare" "$TESTTMP/m.c"
    run "$SOCKLEAK" run -- "$TESTTMP/bare"
    [ "$status" = 7 ]
    "${CC:-gcc}" -o "$TESTTMP/cgo" "$TESTTMP/m.c" "$TESTTMP/note.s"
    refused "$TESTTMP/cgo"
    objcopy --rename-section .note.go.buildid=.note.other "$TESTTMP/cgo" "$TESTTMP/renamed"
    refused "$TESTTMP/renamed"
    echo table >"$TESTTMP/table"
    objcopy --add-section .gopclntab="$TESTTMP/table" "$TESTTMP/bare" "$TESTTMP/table.only"
    refused "$TESTTMP/table.only"
    if "${CC:-gcc}" -static -o "$TESTTMP/static" "$TESTTMP/m.c" "$TESTTMP/note.s" 2>/dev/null; then
        refused "$TESTTMP/static"
    fi
    printf '#!%s\n' "$TESTTMP/cgo" >"$TESTTMP/script"
    chmod 755 "$TESTTMP/script"
    refused "$TESTTMP/script"
}

@test "F3: so with what the Go compiler makes, with cgo and without, stripped" {
    command -v go >/dev/null || skip "no go"
    local cgo
    mkdir "$TESTTMP/g"
    printf 'package main\nimport "net"\nfunc main() { net.Dial("tcp", "127.0.0.1:1"); println("ran") }\n' >"$TESTTMP/g/m.go"
    for cgo in 0 1; do
        (cd "$TESTTMP/g" && GOCACHE="$TESTTMP/cache" CGO_ENABLED=$cgo go build -ldflags '-s -w' -o ../gobin m.go) || skip "go cannot build here"
        refused "$TESTTMP/gobin"
    done
}
