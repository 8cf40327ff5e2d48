/* SPDX-License-Identifier: MIT */
/*
 * test_libunwind.c: the second tier's locks around fork, and the calls that are kept from it.
 *
 * libunwind's set_caching_policy is replaced by one that stops in the middle, where libunwind holds
 * locks of its own.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../lib/arch/cpu.h"
#include "../../lib/agent/unwind/libunwind_walk.h"
#include "../../lib/agent/unwind/libunwind_load.h"

static _Atomic bool prepared, prepared_inside;
static _Atomic long forker_tid;
static pthread_t forker;

static void *forks(void *arg)
{
    atomic_store(&forker_tid, syscall(SYS_gettid));
    unwind_fork_prepare();
    atomic_store(&prepared, true);
    unwind_fork_done(false);
    return arg;
}

/* Whether the thread that forks sleeps on a futex. */
static bool forker_waits(void)
{
    char path[64], text[16] = "";
    snprintf(path, sizeof path, "/proc/self/task/%ld/syscall", atomic_load(&forker_tid));
    int fd = open(path, O_RDONLY);
    if (fd >= 0) {
        if (read(fd, text, sizeof text - 1) < 0)
            text[0] = '\0';
        close(fd);
    }
    return strtol(text, NULL, 10) == SYS_futex;
}

static int stops_inside(unw_addr_space_t as, unw_caching_policy_t policy)
{
    (void)as, (void)policy;
    pthread_create(&forker, NULL, forks, NULL);
    while (!atomic_load(&prepared) && !(atomic_load(&forker_tid) && forker_waits()))
        sched_yield();
    atomic_store(&prepared_inside, atomic_load(&prepared));
    return 0;
}

static void a_fork_waits_until_no_thread_is_in_libunwind_for_the_first_time(void **state)
{
    (void)state;
    assert_true(unwind_lib_load());
    unwind_lib.set_caching_policy = stops_inside;
    assert_true(unwind_load((uintptr_t)__builtin_frame_address(0)));
    pthread_join(forker, NULL);
    assert_false(atomic_load(&prepared_inside));
    assert_true(atomic_load(&prepared));
}

/* Where the library MAP's calls of NAME lead to; NULL: it makes none. */
static long (*leads_to(const struct link_map *map, const char *name))(void)
{
    uintptr_t v[DT_NUM] = {0};
    for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++)
        if (d->d_tag < DT_NUM)
            v[d->d_tag] = d->d_un.d_ptr;
    const ElfW(Sym) *symbols = (const ElfW(Sym) *)v[DT_SYMTAB];
    for (int t = 0; t < 2; t++) {
        const ElfW(Rela) *r = (const ElfW(Rela) *)(t ? v[DT_RELA] : v[DT_JMPREL]);
        for (size_t n = (t ? v[DT_RELASZ] : v[DT_PLTRELSZ]) / sizeof *r; n; n--, r++)
            if (!strcmp((const char *)v[DT_STRTAB] + symbols[ELF64_R_SYM(r->r_info)].st_name, name))
                return *(long (**)(void))(map->l_addr + r->r_offset);
    }
    return NULL;
}

static void libunwind_gets_no_descriptor_and_each_address_is_readable_to_it(void **state)
{
    (void)state;
    static const char *const none[] = {"pipe", "pipe2", "open", "read", "write", "close", "syscall"}, *const readable[] = {"mincore",
                                                                                                                           "msync"};
    unsigned found = 0;
    assert_true(unwind_lib_load());
    struct link_map *map = dlopen("libunwind-" ARCH_UNWIND_NAME ".so.8", RTLD_LAZY | RTLD_NOLOAD);
    assert_non_null(map);
    for (size_t i = 0; i < sizeof none / sizeof *none + 2; i++) {
        bool asks = i >= sizeof none / sizeof *none;
        long (*to)(void) = leads_to(map, asks ? readable[i - sizeof none / sizeof *none] : none[i]);
        found += to != NULL;
        if (to)
            assert_int_equal(to(), asks ? 0 : -1);
    }
    assert_true(found >= 2);
    dlclose(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libunwind_gets_no_descriptor_and_each_address_is_readable_to_it),
        cmocka_unit_test(a_fork_waits_until_no_thread_is_in_libunwind_for_the_first_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
