/* SPDX-License-Identifier: MIT */
/*
 * generated [map | none] [private | alike]: connections that are stuck, opened by code that it made at run time, as the compiler of a language does. With
 * "map" it writes /tmp/perf-PID.map, which names that code. With "private" its /tmp is its own from then on (root only), with "alike" one place calls both
 * functions. Prints "made ADDRESS" and "ready", and ends at a word. `login` is at ADDRESS, `prices` is 256 bytes behind it.
 */
#include "victim.h"

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/mount.h>

/* Calls what its argument points to, with a frame pointer and without tables. */
#ifdef __x86_64__
static const unsigned char code[] = {0x55,             /* push %rbp */
                                     0x48, 0x89, 0xe5, /* mov %rsp, %rbp */
                                     0xff, 0xd7,       /* call *%rdi */
                                     0x5d, 0xc3};      /* pop %rbp; ret */
#else
static const unsigned char code[] = {0xfd, 0x7b, 0xbf, 0xa9,  /* stp x29, x30, [sp, #-16]! */
                                     0xfd, 0x03, 0x00, 0x91,  /* mov x29, sp */
                                     0x00, 0x00, 0x3f, 0xd6,  /* blr x0 */
                                     0xfd, 0x7b, 0xc1, 0xa8,  /* ldp x29, x30, [sp], #16 */
                                     0xc0, 0x03, 0x5f, 0xd6}; /* ret */
#endif

static int listener;

static void leaves(void)
{
    connect_loopback();
    close((int)MUST(accept(listener, NULL, NULL)));
}

typedef void calls(void (*f)(void));

static calls *made_at(char *place)
{
    memcpy(place, code, sizeof code);
    __builtin___clear_cache(place, place + sizeof code);
    return (calls *)(uintptr_t)place;
}

static void write_map(uintptr_t at)
{
    char path[40];
    snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
    FILE *f = fopen(path, "wx");
    if (!f)
        exit(99);
    /* what was there before; then a line that means nothing, and an unfinished one */
    fprintf(f, "%lx 400 removed\n%lx 40 login\n%lx 40 prices(int, char)[Tier1]\nnothing at all\n%lx 400 unfini", (long)at, (long)at,
            (long)at + 256, (long)at);
    fclose(f);
}

int main(int argc, char **argv)
{
    bool private = argc > 2 && !strcmp(argv[2], "private");
    alarm(100);
    listener = listen_loopback();
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return 99;
    calls *login = made_at(page), *prices = made_at(page + 256), *volatile both[] = {login, prices};
    bool alike = argc > 2 && !strcmp(argv[2], "alike");
    for (int i = 0; !alike && i < 3; i++)
        login(leaves);
    for (int i = 0; !alike && i < 2; i++)
        prices(leaves);
    for (int i = 0; alike && i < 4; i++)
        both[i % 2](leaves);
    if (private) {
        MUST(unshare(CLONE_NEWNS));
        MUST(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
        MUST(mount("none", "/tmp", "tmpfs", 0, NULL));
    }
    if (argc > 1 && !strcmp(argv[1], "map"))
        write_map((uintptr_t)page);
    printf("made %lx\n", (long)page);
    say("ready");
    wait_for_word();
    return 0;
}
