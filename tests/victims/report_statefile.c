/* SPDX-License-Identifier: MIT */
/*
 * report_statefile.c: writes a state file about itself, as the agent would: real stacks of this program, sockets that are made up.
 *
 * usage: report_statefile FILE SITES SOCKETS [running|exit|exec|abort] [wait]
 *
 * SITES (at most 1000) call sites with SOCKETS sockets each, stuck in CLOSE_WAIT for 100 s. "wait" keeps the process until its input ends.
 */
#include <elf.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/core/state.h"

static unsigned char *base;
static struct state_header *head;
static struct state_module *modules;
static unsigned n_modules, n_sites, want_sites, per_site;
static uint32_t extent[8], used[8]; /* of the newest extent of each type */
static uint64_t now;

static void *take(unsigned type, uint32_t parameter, uint32_t bytes, state_ref *ref)
{
    if (extent[type] == 0 || used[type] + bytes > STATE_EXTENT_SIZE) {
        extent[type] = ++head->n_extents;
        ((uint32_t *)(void *)(base + STATE_TABLE_OFFSET))[extent[type] - 1] = type << 28 | parameter;
        used[type] = 0;
    }
    uint64_t at = STATE_BODY_OFFSET + (uint64_t)(extent[type] - 1) * STATE_EXTENT_SIZE + used[type];
    used[type] += bytes;
    *ref = (state_ref)(at / STATE_REF_UNIT);
    return base + at;
}

static int add_module(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    (void)arg;
    struct state_module *m = &modules[n_modules];
    if (n_modules == STATE_MODULES_PER_EXTENT)
        return 1;
    strncpy(m->path, n_modules == 0 ? head->exe : info->dlpi_name, sizeof m->path - 1);
    m->bias = info->dlpi_addr;
    m->start = UINT64_MAX;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        const char *at = (const char *)(info->dlpi_addr + p->p_vaddr);
        if (p->p_type == PT_LOAD) {
            m->start = (uint64_t)at < m->start ? (uint64_t)at : m->start;
            m->end = (uint64_t)at + p->p_memsz;
        }
        for (const char *n = at; p->p_type == PT_NOTE && n + sizeof(ElfW(Nhdr)) < at + p->p_memsz;) {
            const ElfW(Nhdr) *note = (const void *)n;
            const char *name = n + sizeof *note, *desc = name + ((note->n_namesz + 3u) & ~3u);
            if (note->n_type == NT_GNU_BUILD_ID && memcmp(name, "GNU", 4) == 0)
                memcpy(m->build_id, desc, m->build_id_len = note->n_descsz);
            n = desc + ((note->n_descsz + 3u) & ~3u);
        }
    }
    m->ready = 1;
    n_modules++;
    return 0;
}

static void add_socket(int fd, state_ref site)
{
    state_ref ref;
    struct state_detail *d = take(EXTENT_DETAILS, 0, sizeof *d, &ref);
    *d = (struct state_detail){
        .gen = 1, .fd = (uint32_t)fd, .kind = KIND_CLOSE_WAIT, .eof = EOF_UNREAD, .tcp_state = 8, .past_grace = 1, .looked_ns = now};
    d->since_ns = now - 100 * 1000000000ull;
    snprintf(d->local, sizeof d->local, "10.0.0.7:%d", 1024 + fd % 60000);
    snprintf(d->peer, sizeof d->peer, "10.0.0.5:1433");
    state_ref ignored;
    struct state_slot *s = take(EXTENT_SLOTS, (uint32_t)fd / STATE_SLOTS_PER_EXTENT, sizeof *s, &ignored);
    *s = (struct state_slot){.opened_ns = now - 200 * 1000000000ull,
                             .site = site,
                             .tid = head->pid,
                             .family = AF_INET,
                             .type_origin = SOCK_STREAM,
                             .watch_gen = 1,
                             .detail = ref,
                             .cookie = (uint64_t)fd + 1,
                             .flags = SLOT_CONNECTED};
    s->word = SLOT_WORD(1, SLOT_LIVE);
}

__attribute__((noinline)) static void leak(void)
{
    void *pcs[STATE_MAX_FRAMES];
    if (n_sites == want_sites)
        return;
    int n = backtrace(pcs, 32) - 1; /* without this function itself */
    state_ref ref;
    struct state_site *s = take(EXTENT_SITES, 0, STATE_SITE_SIZE(n), &ref);
    s->size = STATE_SITE_SIZE(n);
    s->nframes = (uint16_t)n;
    s->siteid = 0x1000 + n_sites;
    s->stuck[KIND_CLOSE_WAIT] = per_site;
    s->opened = 2 * per_site;
    s->closed = per_site;
    uint64_t *at = (uint64_t *)(void *)(s + 1);
    for (int i = 0; i < n; i++) {
        uint16_t *number = (uint16_t *)(void *)(at + n) + i;
        at[i] = (uint64_t)pcs[i + 1];
        *number = STATE_NO_MODULE;
        for (unsigned k = 0; k < n_modules; k++)
            if (at[i] >= modules[k].start && at[i] < modules[k].end)
                *number = (uint16_t)k;
    }
    s->ready = 1;
    for (unsigned i = 0; i < per_site; i++)
        add_socket((int)(n_sites * per_site + i), ref);
    n_sites++;
}

/* A thousand stacks that read differently: ten functions, called through ten, called through ten. */
static inline __attribute__((always_inline)) void db_connect(void) { leak(); }
#define LOGIN(n)                                         \
    __attribute__((noinline)) static void login##n(void) \
    {                                                    \
        db_connect();                                    \
        __asm__ volatile("");                            \
    }
#define TEN(what) what(0) what(1) what(2) what(3) what(4) what(5) what(6) what(7) what(8) what(9)
TEN(LOGIN)

#define ITEM(n) login##n,
__attribute__((noinline)) static void serve(int depth)
{
    static void (*const all[])(void) = {TEN(ITEM)};
    if (depth > 0) {
        serve(depth - 1);
        __asm__ volatile("");
        return;
    }
    for (int i = 0; i < 10; i++)
        all[i]();
}

#define INNER(n)                                              \
    __attribute__((noinline)) static void inner##n(int depth) \
    {                                                         \
        serve(depth);                                         \
        __asm__ volatile("");                                 \
    }
TEN(INNER)
#define INNER_CALL(n) \
    inner##n(depth);  \
    __asm__ volatile("");
#define TEN_AGAIN(what) what(0) what(1) what(2) what(3) what(4) what(5) what(6) what(7) what(8) what(9)
#define OUTER(n) \
    __attribute__((noinline)) static void outer##n(int depth) { TEN_AGAIN(INNER_CALL) }
TEN(OUTER)
#define OUTER_CALL(n) outer##n(depth);
__attribute__((noinline)) static void all(int depth) { TEN(OUTER_CALL) }

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    const char *end = argc > 4 ? argv[4] : "exit";
    int fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || ftruncate(fd, STATE_BODY_OFFSET + 2000 * STATE_EXTENT_SIZE) != 0)
        return 1;
    base = mmap(NULL, STATE_BODY_OFFSET + 2000 * STATE_EXTENT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    head = (void *)base;
    memcpy(head->magic, STATE_MAGIC, sizeof head->magic);
    *head = (struct state_header){.magic = STATE_MAGIC,
                                  .version = STATE_VERSION,
                                  .byte_order = STATE_BYTE_ORDER,
                                  .header_size = sizeof *head,
                                  .slot_size = 64,
                                  .word_bits = 64,
                                  .pid = (uint32_t)getpid(),
                                  .kinds = KINDS_DEFAULT,
                                  .grace_ns = 30000000000ull,
                                  .enabled = 1};
    head->end = strcmp(end, "exit") == 0    ? END_EXIT
                : strcmp(end, "exec") == 0  ? END_EXEC
                : strcmp(end, "abort") == 0 ? END_ABORT
                                            : END_RUNNING;
    char stat_text[1024] = "";
    FILE *f = fopen("/proc/self/stat", "r");
    char *p = f && fgets(stat_text, sizeof stat_text, f) ? strrchr(stat_text, ')') : NULL;
    for (int field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    head->start_ticks = p ? strtoull(p + 1, NULL, 10) : 0;
    if (f)
        fclose(f);
    struct timespec mono, real;
    clock_gettime(CLOCK_MONOTONIC, &mono);
    clock_gettime(CLOCK_REALTIME, &real);
    now = (uint64_t)mono.tv_sec * 1000000000u + (uint64_t)mono.tv_nsec;
    head->opened_mono_ns = now;
    head->last_look_ns = now;
    if (strcmp(end, "unseen") == 0 || strcmp(end, "recent") == 0) { /* a watcher that has not looked; two minutes ago, or just now */
        if (end[0] == 'u')
            head->opened_mono_ns = now > 120000000000ull ? now - 120000000000ull : 1;
        head->last_look_ns = 0;
        head->interval_ns = 7500000000ull;
    }
    head->opened_real_ns = (uint64_t)real.tv_sec * 1000000000u + (uint64_t)real.tv_nsec;
    if (readlink("/proc/self/exe", head->exe, sizeof head->exe - 1) < 0)
        return 1;
    struct stat st;
    if (stat(head->exe, &st) == 0) {
        head->exe_dev = st.st_dev;
        head->exe_ino = st.st_ino;
    }
    gethostname(head->host, sizeof head->host);
    want_sites = (unsigned)atoi(argv[2]);
    per_site = (unsigned)atoi(argv[3]);
    state_ref ref;
    modules = take(EXTENT_MODULES, 0, STATE_EXTENT_SIZE, &ref);
    dl_iterate_phdr(add_module, NULL);
    all(8);
    head->sockets_opened = 2 * (uint64_t)n_sites * per_site;
    if (argc > 5) {
        puts("ready");
        fflush(stdout);
        while (getchar() != EOF)
            ;
    }
    return 0;
}
