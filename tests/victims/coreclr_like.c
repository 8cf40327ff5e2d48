/* SPDX-License-Identifier: MIT */
/*
 * coreclr_like LIBRARY [map | lost | old | link | none]: connections that are stuck, opened by code that is laid out as CoreCLR's: methods compiled at
 * run time, with a frame pointer and without, in anonymous memory and in a memfd that is mapped twice, one of them in both (it was compiled twice); and
 * one of an assembly that was compiled ahead of time. LIBRARY has coreclr_execute_assembly, which calls what it is given. But with "none" it writes
 * /tmp/perf-PID.map; with "lost" without the line of one method, with "old" with a date before its start, with "link" through a link. Prints "ready",
 * and ends at a word.
 */
#include "victim.h"

#include <dlfcn.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

/* Each calls the first of the functions that its argument points to, with the rest of them. */
#define CALL "\x48\x8b\x07\x48\x83\xc7\x08\xff\xd0" /* mov (%rdi), %rax; add $8, %rdi; call *%rax */
static const char with_fp[] = "\x55\x53\x48\x83\xec\x18\x48\x8d\x6c\x24\x20" CALL "\x48\x83\xc4\x18\x5b\x5d\xc3";
static const char with_room[] = "\x48\x83\xec\x08" CALL "\x48\x83\xc4\x08\xc3";
/* its frame pointer is a number */
static const char with_registers[] = "\x55\x53\x50\x31\xed" CALL "\x58\x5b\x5d\xc3";

typedef void method(void *const *next);
static int listener;
static FILE *map;

static void leaves(void *const *next)
{
    (void)next;
    connect_loopback();
    close((int)MUST(accept(listener, NULL, NULL)));
}

/* Writes CODE to AT, which is mapped at RUN for execution; the map names it there. */
static void *compile(char *at, char *run, const char *code, size_t size, const char *name)
{
    memcpy(at, code, size);
    if (map && name)
        fprintf(map, "%016lX %zx %s\n", (long)run, size, name);
    return run;
}
#define COMPILE(at, run, code, name) compile(at, run, code, sizeof code, name)

static char *map_pages(size_t size, int fd, int protection)
{
    char *p = mmap(NULL, size, protection, fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        exit(99);
    return p;
}

/* An assembly's file, as it is in memory: a head, one function at 0x2000, its unwind information. */
static void *compiled_ahead(void)
{
    char *image = map_pages(0x4000, -1, PROT_READ | PROT_WRITE | PROT_EXEC), *optional = image + 0x80 + 24;
    uint32_t function[] = {0x2000, 0x2000 + sizeof with_room, 0x1800}, folder[] = {0x1000, sizeof function}, size = 0x4000, head = 0x80;
    static const unsigned char info[] = {0x19, 4, 1, 0, 4, 0x02}; /* room for 8 bytes */
    memcpy(image, "MZ", 2);
    memcpy(image + 0x3c, &head, 4);
    memcpy(image + 0x80, "PE\0", 4);
    memcpy(optional, "\x0b\x02", 2);
    memcpy(optional + 56, &size, 4);
    memcpy(optional + 112 + 24, folder, sizeof folder);
    memcpy(image + 0x1000, function, sizeof function);
    memcpy(image + 0x1800, info, sizeof info);
    memcpy(image + 0x2000, with_room, sizeof with_room);
    return image + 0x2000;
}

int main(int argc, char **argv)
{
    const char *how = argc > 2 ? argv[2] : "none";
    alarm(100);
    listener = listen_loopback();
    void *library = dlopen(argv[1], RTLD_NOW);
    if (!library)
        return 99;
    void (*execute)(void *const *) = (void (*)(void *const *))(uintptr_t)dlsym(library, "coreclr_execute_assembly");
    if (strcmp(how, "none") != 0) {
        char path[40];
        snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
        if (strcmp(how, "link") == 0)
            MUST(symlink("/dev/null", path));
        map = fopen(path, strcmp(how, "link") ? "wx" : "w");
        if (!map)
            return 99;
    }
    int fd = memfd_create("doublemapper", 0);
    MUST(ftruncate(fd, 4096));
    char *own = map_pages(4096, -1, PROT_READ | PROT_WRITE | PROT_EXEC), *written = map_pages(4096, fd, PROT_READ | PROT_WRITE),
         *run = map_pages(4096, fd, PROT_READ | PROT_EXEC);
    void *start = COMPILE(own, own, with_fp, "void [Leak] Shop.Leak::Main(string[])[QuickJitted]");
    void *round =
        COMPILE(own + 64, own + 64, with_registers, strcmp(how, "lost") ? "void [Leak] Shop.Leak::Round(int32)[Optimized]" : NULL);
    void *login = COMPILE(own + 128, own + 128, with_fp,
                          "instance void [Leak] Shop.Leak+Orders`1[System.__Canon]::Login(class [System.Net]System.Net.Cookie[])[Tier0]");
    void *again =
        COMPILE(written, run, with_room,
                "instance void [Leak] Shop.Leak+Orders`1[System.__Canon]::Login(class [System.Net]System.Net.Cookie[])[OptimizedTier1]");
    void *prices = COMPILE(written + 64, run + 64, with_registers,
                           "class [System]System.Net.Sockets.TcpClient [Leak] Shop.Leak::Prices()[OptimizedTier1]");
    void *stub =
        COMPILE(written + 128, run + 128, with_fp, "int32 [Leak] dynamicClass::IL_STUB_PInvoke(class [System]System.Uri)[Optimized]");
    void *connects = compiled_ahead();
    if (map)
        fflush(map);
    if (map && strcmp(how, "old") == 0)
        MUST(futimens(fileno(map), (struct timespec[2]){{1000000000, 0}, {1000000000, 0}}));
    if (map)
        fclose(map);
    void *chains[][7] = {
        {start, round, login, connects, stub, leaves},
        {start, round, again, connects, stub, leaves},
        {start, round, prices, connects, leaves},
    };
    static const int times[] = {1, 2, 2};
    for (int i = 0; i < 3; i++)
        for (int n = 0; n < times[i]; n++)
            execute(chains[i]);
    say("ready");
    wait_for_word();
    return 0;
}
