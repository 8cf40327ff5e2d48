/* SPDX-License-Identifier: MIT */
/*
 * test_inject.c: entries of loaded objects are led to wrappers and put back, byte for byte.
 *
 * The wrappers are this test's own (getppid, getpagesize), the objects are small libraries linked
 * in three ways.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/inject/dlsym.h"
#include "agent/inject/redirect.h"
#include "agent/inject/targets.h"
#include "agent/libc/real.h"
#include "agent/base/sys.h"
#include "objects.h"

static pid_t (*real_getppid)(void);
static int (*real_getpagesize)(void);
static unsigned wrapped_calls;

static pid_t my_getppid(void)
{
    wrapped_calls++;
    return real_getppid() + 1000000;
}

static int my_getpagesize(void)
{
    wrapped_calls++;
    return real_getpagesize() + 1;
}

static const struct wrapped calls[] = {
    {"getppid", (void *)my_getppid, (void **)&real_getppid},
    {"getpagesize", (void *)my_getpagesize, (void **)&real_getpagesize},
    {"sockleak_test_nobody_has_this", (void *)my_getppid, (void **)&real_getppid},
};

struct lib {
    void *handle;
    pid_t (*direct)(void);
    pid_t (*saved)(void);
    int (*never)(void);
    int (*alone)(void);
};

static void path_of(char path[4096], const char *kind)
{
    ssize_t n = readlink("/proc/self/exe", path, 3500);
    assert_true(n > 0);
    path[n] = '\0';
    sprintf(strrchr(path, '/'), "/inject_%s.so", kind);
}

static struct lib open_lib(const char *kind)
{
    char path[4096];
    path_of(path, kind);
    struct lib l = {.handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL)};
    if (!l.handle)
        fail_msg("%s", dlerror());
    l.direct = (pid_t(*)(void))dlsym(l.handle, "direct");
    l.saved = (pid_t(*)(void))dlsym(l.handle, "saved");
    l.never = (int (*)(void))dlsym(l.handle, "never_called_before");
    l.alone = (int (*)(void))dlsym(l.handle, "left_alone");
    return l;
}

static void close_lib(struct lib *l) { assert_int_equal(dlclose(l->handle), 0); }

/* Every word that a relocation of a named symbol has written in our libraries. */
static int fold_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    uint64_t *fold = arg, v[DT_NUM] = {0};
    (void)size;
    if (!strstr(info->dlpi_name, "/inject_"))
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            for (const Elf64_Dyn *d = (const void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr); d->d_tag; d++)
                if (d->d_tag < DT_NUM)
                    v[d->d_tag] = d->d_un.d_val;
    for (int t = 0; t < 2; t++) {
        const Elf64_Rela *r = (const void *)(t ? v[DT_RELA] : v[DT_JMPREL]);
        for (size_t n = (t ? v[DT_RELASZ] : v[DT_PLTRELSZ]) / sizeof *r; n; n--, r++)
            if (ELF64_R_SYM(r->r_info))
                *fold = *fold * 1099511628211u ^ *(const uint64_t *)(info->dlpi_addr + r->r_offset);
    }
    return 0;
}

static uint64_t fold(void)
{
    uint64_t f = 0;
    dl_iterate_phdr(fold_object, &f);
    return f;
}

static unsigned long mappings(void)
{
    unsigned long n = 0;
    FILE *f = fopen("/proc/self/maps", "r");
    for (int c; (c = getc(f)) != EOF;)
        n += c == '\n';
    fclose(f);
    return n;
}

static const char *const kinds[] = {"lazy", "now", "noplt"};

static void calls_lead_to_the_wrapper_and_back(void **state)
{
    (void)state;
    pid_t parent = getppid();
    for (size_t i = 0; i < 3; i++) {
        struct lib l = open_lib(kinds[i]);
        assert_int_equal(l.direct(), parent);
        assert_true(redirect_all() > 0);
        assert_true(redirect_active());
        assert_int_equal(l.direct(), parent + 1000000);
        assert_int_equal(l.saved(), parent + 1000000);
        assert_int_equal(l.never(), getauxval(AT_PAGESZ) + 1);
        assert_int_equal(l.alone(), 0);
        assert_true(redirect_undo() > 0);
        assert_false(redirect_active());
        assert_int_equal(l.direct(), parent);
        assert_int_equal(l.saved(), parent);
        assert_int_equal(l.never(), getauxval(AT_PAGESZ));
        close_lib(&l);
    }
}

static void every_byte_is_put_back(void **state)
{
    (void)state;
    struct lib lazy = open_lib("lazy"), now = open_lib("now");
    uint64_t before = fold();
    assert_true(redirect_all() > 0);
    assert_int_not_equal(fold(), before);
    assert_true(redirect_undo() > 0);
    assert_int_equal(fold(), before);
    close_lib(&lazy);
    close_lib(&now);
}

static void a_second_pass_changes_nothing(void **state)
{
    (void)state;
    struct lib l = open_lib("now");
    struct redirect_stats a, b;
    assert_true(redirect_all() > 0);
    redirect_get_stats(&a);
    assert_int_equal(redirect_all(), 0);
    assert_int_equal(redirect_new(), 0);
    redirect_get_stats(&b);
    assert_int_equal(a.redirected, b.redirected);
    assert_true(a.redirected >= 3);
    redirect_undo();
    assert_int_equal(redirect_undo(), 0);
    redirect_get_stats(&b);
    assert_int_equal(b.redirected, 0);
    close_lib(&l);
}

static void a_thousand_times_cost_the_memory_of_one(void **state)
{
    (void)state;
    struct lib l = open_lib("now"), lazy = open_lib("lazy");
    redirect_all();
    redirect_undo();
    unsigned long maps = mappings();
    uint64_t before = fold();
    for (int i = 0; i < 1000; i++) {
        assert_true(redirect_all() > 0);
        assert_true(redirect_undo() > 0);
    }
    assert_int_equal(mappings(), maps);
    assert_int_equal(fold(), before);
    close_lib(&l);
    close_lib(&lazy);
}

static void read_only_entries_are_read_only_again(void **state)
{
    (void)state;
    struct lib l = open_lib("noplt");
    char *end = NULL;
    uint64_t *entry = NULL;
    struct link_map *m = l.handle;
    for (const Elf64_Dyn *d = m->l_ld; d->d_tag; d++)
        if (d->d_tag == DT_PLTGOT)
            end = (char *)d->d_un.d_ptr;
    assert_non_null(end);
    redirect_all();
    for (uint64_t *p = (uint64_t *)end; (char *)p < end + 512 && !entry; p++)
        if (*p == (uint64_t)my_getppid)
            entry = p;
    assert_non_null(entry);
    assert_false(sys_touch(entry));
    redirect_undo();
    assert_false(sys_touch(entry));
    close_lib(&l);
}

static pid_t somebody_elses(void) { return 42; }

static void what_somebody_else_has_put_there_stays(void **state)
{
    (void)state;
    struct lib l = open_lib("lazy");
    pid_t (**pointer)(void) = dlsym(l.handle, "saved_getppid");
    struct redirect_stats s;
    *pointer = somebody_elses;
    redirect_all();
    assert_ptr_equal(*pointer, somebody_elses);
    redirect_get_stats(&s);
    assert_true(s.missed >= 1);
    assert_int_not_equal(l.direct(), real_getppid()); /* the other entry of that name is led away all the same */
    redirect_undo();
    assert_ptr_equal(*pointer, somebody_elses);

    redirect_all();
    *pointer = somebody_elses; /* and again, while we are there */
    redirect_undo();
    assert_ptr_equal(*pointer, somebody_elses);
    close_lib(&l);
}

static void a_later_object_is_redirected_when_dlsym_is_asked_for_it(void **state)
{
    (void)state;
    struct lib first = open_lib("lazy");
    redirect_all();
    struct lib later = open_lib("now"); /* this program's own dlsym is not redirected */
    assert_int_equal(later.direct(), real_getppid());
    dlsym_hook();
    assert_int_equal(later.direct(), real_getppid() + 1000000);
    redirect_undo();
    assert_int_equal(later.direct(), real_getppid());
    close_lib(&later);
    close_lib(&first);
}

static void an_object_that_went_away_is_not_written_to(void **state)
{
    (void)state;
    struct lib l = open_lib("now");
    redirect_all();
    close_lib(&l);
    struct lib other = open_lib("lazy"); /* most likely at the same place */
    uint64_t before = fold();
    redirect_undo();
    assert_int_equal(fold(), before);
    assert_int_equal(other.direct(), real_getppid());
    close_lib(&other);
}

static void an_entry_that_led_to_the_wrapper_without_our_doing_stays(void **state)
{
    (void)state;
    struct lib other = open_lib("now");
    assert_true(redirect_all() > 0);
    struct lib l = open_lib("lazy");
    pid_t (**pointer)(void) = dlsym(l.handle, "saved_getppid");
    *pointer = my_getppid;
    redirect_undo();
    assert_ptr_equal(*pointer, my_getppid);
    close_lib(&l);
    close_lib(&other);
}

static void our_own_calls_are_left_alone(void **state)
{
    (void)state;
    struct lib l = open_lib("now");
    redirect_all();
    assert_int_equal(l.direct(), real_getppid() + 1000000);
    assert_int_equal(getppid(), (pid_t)syscall(SYS_getppid));
    redirect_undo();
    close_lib(&l);
}

/*
 * Until its first call, an entry of a call to the object's own function leads to a stub like any
 * other.
 */
static void a_call_of_an_objects_own_function_of_that_name_stays_its_own(void **state)
{
    (void)state;
    objects_write("own.c", "int getppid(void) { return 7; } int direct(void) { return getppid() + 0; }");
    assert_int_equal(objects_run("cc -O1 -w -fno-builtin -fno-inline -fsemantic-interposition -shared -fPIC -Wl,-z,lazy -o own.so own.c"),
                     0);
    for (int called = 0; called < 2; called++) {
        void *own = dlopen(objects_path("own.so"), RTLD_LAZY | RTLD_DEEPBIND);
        assert_non_null(own);
        int (*direct)(void) = (int (*)(void))dlsym(own, "direct");
        if (called)
            assert_int_equal(direct(), 7);
        redirect_all();
        assert_int_equal(direct(), 7);
        redirect_undo();
        assert_int_equal(direct(), 7);
        dlclose(own);
    }
}

static void a_relocation_that_points_out_of_the_object_is_not_followed(void **state)
{
    (void)state;
    static uint64_t outside[1];
    uint32_t missed = 0;
    struct lib l = open_lib("lazy");
    struct link_map *m = l.handle;
    Elf64_Rela *r = NULL;
    struct redirect_stats s;
    for (const Elf64_Dyn *d = m->l_ld; d->d_tag; d++)
        if (d->d_tag == DT_JMPREL)
            r = (Elf64_Rela *)d->d_un.d_ptr;
    assert_non_null(r);
    char *page = (char *)((uintptr_t)r & ~(uintptr_t)4095);
    assert_int_equal(mprotect(page, (size_t)((char *)(r + 3) - page + 4095) / 4096 * 4096, PROT_READ | PROT_WRITE), 0);
    redirect_undo();
    for (int i = 0; i < 3; i++) { /* getppid, getpagesize, sched_yield in any order */
        uint64_t kept = r[i].r_offset, before = outside[0] = (uint64_t)real_getppid;
        r[i].r_offset = (uint64_t)outside - m->l_addr;
        redirect_all();
        assert_int_equal(outside[0], before);
        outside[0] = (uint64_t)real_getpagesize;
        redirect_all();
        assert_int_equal(outside[0], (uint64_t)real_getpagesize);
        redirect_get_stats(&s);
        missed += s.missed;
        redirect_undo();
        r[i].r_offset = kept;
    }
    assert_true(missed >= 2); /* and that is said */
    close_lib(&l);
}

static void a_wish_to_redirect_is_not_lost_to_one_for_what_is_new(void **state)
{
    (void)state;
    redirect_undo();
    struct lib l = open_lib("now");
    redirect_fork_prepare(); /* as if a pass were under way */
    redirect_all();
    redirect_new();
    assert_false(redirect_active());
    redirect_fork_parent();
    assert_true(redirect_active());
    assert_int_equal(l.direct(), real_getppid() + 1000000);
    redirect_fork_prepare();
    redirect_all();
    redirect_undo(); /* the latest counts */
    redirect_fork_parent();
    assert_false(redirect_active());
    assert_int_equal(l.direct(), real_getppid());
    close_lib(&l);
}

static void originals_are_found_as_the_linker_finds_them(void **state)
{
    (void)state;
    const struct target *t = target_named("getppid", 0x0);
    assert_null(t); /* with the wrong hash */
    assert_ptr_equal(real_getppid, dlsym(RTLD_DEFAULT, "getppid"));
    assert_ptr_equal(dlsym_real, dlsym(RTLD_DEFAULT, "dlsym"));
}

static volatile bool done;

static void *work(void *arg)
{
    struct lib *l = arg;
    pid_t parent = getppid();
    uint64_t wrong = 0;
    while (!done) {
        pid_t p = l->direct();
        wrong += p != parent && p != parent + 1000000;
    }
    return (void *)wrong;
}

static void *flip(void *arg)
{
    for (int i = 0; i < 300; i++) {
        (void)(arg ? redirect_all() : redirect_undo());
    }
    return NULL;
}

static void threads_that_call_meanwhile_get_the_one_or_the_other(void **state)
{
    (void)state;
    struct lib l = open_lib("now");
    uint64_t before = fold();
    pthread_t caller, a, b;
    void *wrong;
    pthread_create(&caller, NULL, work, &l);
    pthread_create(&a, NULL, flip, NULL);
    pthread_create(&b, NULL, flip, &l);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    done = true;
    pthread_join(caller, &wrong);
    assert_null(wrong);
    redirect_undo();
    assert_int_equal(fold(), before);
    close_lib(&l);
}

static void fork_finds_no_pass_under_way(void **state)
{
    (void)state;
    pthread_t a, b;
    struct lib l = open_lib("now");
    pthread_create(&a, NULL, flip, NULL);
    pthread_create(&b, NULL, flip, &l);
    for (int i = 0; i < 50; i++) {
        redirect_fork_prepare();
        pid_t child = fork();
        if (child == 0) {
            alarm(20);
            redirect_forked_child();
            redirect_all();
            bool led = l.direct() != real_getppid();
            redirect_undo();
            _exit(!(led && l.direct() == real_getppid()));
        }
        redirect_fork_parent();
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    redirect_undo();
    close_lib(&l);
}

static _Atomic int about_to;

static void *redirect_in_passing(void *arg)
{
    struct redirect_stats *seen = arg;
    about_to = 1;
    redirect_all(); /* somebody is at work: this leaves a wish */
    redirect_settle();
    redirect_get_stats(seen);
    return NULL;
}

static void who_leaves_a_wish_can_wait_for_it(void **state)
{
    (void)state;
    pthread_t t;
    struct redirect_stats before, seen = {0};
    struct lib l = open_lib("now");
    redirect_get_stats(&before);
    about_to = 0;
    redirect_fork_prepare(); /* as if a pass were under way */
    pthread_create(&t, NULL, redirect_in_passing, &seen);
    while (!about_to)
        usleep(1000);
    usleep(50000); /* time to do it wrong in */
    redirect_fork_parent();
    pthread_join(t, NULL);
    assert_true(seen.redirected > before.redirected);
    redirect_undo();
    close_lib(&l);
}

/* In a child that is killed at its first nap. */
static void without_a_pass_nobody_waits(void **state)
{
    (void)state;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_nanosleep, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof code / sizeof *code, code};
    int status;
    pid_t child = fork();
    if (child == 0) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
            _exit(1);
        redirect_settle();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void ask_for_a_pass(void) { redirect_all(); }

static void what_is_asked_for_during_work_alone_is_done_after_it(void **state)
{
    (void)state;
    struct lib l = open_lib("now");
    redirect_alone(ask_for_a_pass);
    assert_true(redirect_active());
    assert_int_equal(l.direct(), real_getppid() + 1000000);
    redirect_undo();
    assert_int_equal(l.direct(), real_getppid());
    close_lib(&l);
}

static int find_originals(void **state)
{
    targets_use(calls, sizeof calls / sizeof *calls, dlsym_wrapped);
    targets_find();
    targets_set_real();
    return objects_setup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_that_led_to_the_wrapper_without_our_doing_stays), /* first: what was changed is never forgotten */
        cmocka_unit_test(calls_lead_to_the_wrapper_and_back),
        cmocka_unit_test(originals_are_found_as_the_linker_finds_them),
        cmocka_unit_test(every_byte_is_put_back),
        cmocka_unit_test(a_second_pass_changes_nothing),
        cmocka_unit_test(a_thousand_times_cost_the_memory_of_one),
        cmocka_unit_test(read_only_entries_are_read_only_again),
        cmocka_unit_test(what_somebody_else_has_put_there_stays),
        cmocka_unit_test(a_later_object_is_redirected_when_dlsym_is_asked_for_it),
        cmocka_unit_test(an_object_that_went_away_is_not_written_to),
        cmocka_unit_test(our_own_calls_are_left_alone),
        cmocka_unit_test(a_call_of_an_objects_own_function_of_that_name_stays_its_own),
        cmocka_unit_test(a_relocation_that_points_out_of_the_object_is_not_followed),
        cmocka_unit_test(a_wish_to_redirect_is_not_lost_to_one_for_what_is_new),
        cmocka_unit_test(threads_that_call_meanwhile_get_the_one_or_the_other),
        cmocka_unit_test(fork_finds_no_pass_under_way),
        cmocka_unit_test(who_leaves_a_wish_can_wait_for_it),
        cmocka_unit_test(without_a_pass_nobody_waits),
        cmocka_unit_test(what_is_asked_for_during_work_alone_is_done_after_it),
    };
    return cmocka_run_group_tests_name("inject", tests, find_originals, objects_teardown);
}
