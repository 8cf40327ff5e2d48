#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A C library that lacks what newer ones have: the same stacks, by the library's own means. What it would lack is taken from this one's tables
# before the library looks (tests/victims/preload/older_libc.c); tests/containers/run runs in older releases.

load helpers

FINDER=,_dl_find_object,
ALL=,_dl_find_object,__rseq_offset,dlsym,dlerror,dlinfo,pthread_create,pthread_timedjoin_np,pthread_attr_setstacksize,pthread_getspecific,

older_setup() { "${CC:-gcc}" -std=gnu11 -D_GNU_SOURCE -O1 -shared -fPIC -o "$TESTTMP/older.so" "$TOP/tests/victims/preload/older_libc.c"; }

# leaks LOG: kind, count and frames of each leak, but for the addresses
leaks()
{
    cat "$TESTTMP/log.$1".* >"$TESTTMP/all"
    json "$TESTTMP/all" '"\n".join(sorted(repr((l["kind"], l["count"], [[(k, f[k]) for k in sorted(f) if k not in ("address", "pc", "address_hex")] for f in l["frames"]])) for l in leaks))'
}

# the_same HIDDEN VICTIM WORD...: with these names and without them: the same output, status and leaks, more than none; the leaks are in $output
the_same()
{
    local hidden=$1 with
    shift
    rm -f "$TESTTMP"/log*
    run env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS="kinds=all:log_format=json:log_path=$TESTTMP/log.with.%p" "$@" 3>&-
    with="$status $output"
    run env LD_PRELOAD="$AGENT $TESTTMP/older.so" HIDE="$hidden" SOCKLEAK_OPTIONS="kinds=all:log_format=json:log_path=$TESTTMP/log.without.%p" "$@" 3>&-
    printf 'with: %s\nwithout: %s %s\n' "$with" "$status" "$output"
    [ "$status $output" = "$with" ]
    with=$(leaks with)
    output=$(leaks without)
    diff <(echo "$with") <(echo "$output")
    [ -n "$output" ]
}

@test "without the look-up of glibc 2.35 the stacks are the same, and need no libunwind" {
    older_setup
    the_same $FINDER "$VICTIMS/leak_three_sites"
    contains "$output" third_site
    the_same $FINDER "$VICTIMS/hard_stacks" made_stacks
}

@test "and in an object that is loaded, unloaded and loaded again" {
    older_setup
    "${CC:-gcc}" -std=gnu11 -D_GNU_SOURCE -g -O1 -fno-inline -fno-optimize-sibling-calls -shared -fPIC -o "$TESTTMP/p.so" \
        "$TOP/tests/victims/preload/plugin.c"
    the_same $FINDER "$VICTIMS/plugin_host" now "$TESTTMP/p.so" plugin_leaks
    contains "$output" plugin_leaks
    build_victim again - <<'C'
#include <arpa/inet.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
/* The first of two libraries is unloaded, and the second comes to its place. */
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        void *lib = dlopen(argv[i], RTLD_NOW);
        void (*leak)(void) = (void (*)(void))dlsym(lib, "leak");
        leak();
        dlclose(lib);
    }
    return 0;
}
C
    local i
    for i in first second; do
        "${CC:-gcc}" -std=gnu11 -g -O1 -fno-inline -fno-optimize-sibling-calls -shared -fPIC -o "$TESTTMP/$i.so" -x c - <<C
#include <sys/socket.h>
#include <unistd.h>
#include <netinet/in.h>
static volatile int after;
static int ${i}_opens(void) { int fd = socket(AF_INET, SOCK_STREAM, 0); after = 1; return fd; }
#ifdef __OPTIMIZE__
void leak(void) { char room[sizeof "$i" * 64]; room[0] = 1; __asm__ volatile("" : : "r"(room)); ${i}_opens(); after = 2; }
#endif
C
    done
    the_same $FINDER "$TESTTMP/again" "$TESTTMP/first.so" "$TESTTMP/second.so"
    contains "$output" first_opens
    contains "$output" second_opens
}

@test "with nothing of what libdl and libpthread had before glibc 2.34 the report is the same" {
    older_setup
    the_same $ALL "$VICTIMS/leak_three_sites"
    contains "$output" third_site
}

@test "the library needs no version above GLIBC_2.17 and no other library" {
    run "$TOP/scripts/check-imports" "$AGENT"
    [ "$status" -eq 0 ]
    build_victim needs - -shared -fPIC <<<'#include <pthread.h>
int f(pthread_t *t) { return pthread_create(t, 0, 0, 0); }'
    run "$TOP/scripts/check-imports" "$TESTTMP/needs"
    [ "$status" -eq 1 ]
    contains "$output" 'newer than GLIBC_2.17: pthread_create@GLIBC_2.34'
    build_victim needs - -shared -fPIC -Wl,--no-as-needed -lm <<<'int f(void);'
    run "$TOP/scripts/check-imports" "$TESTTMP/needs"
    [ "$status" -eq 1 ]
    contains "$output" 'needs another library: libm.so.6'
}
