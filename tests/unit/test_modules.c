/* SPDX-License-Identifier: MIT */
/* test_modules.c: the objects that addresses lie in, as they are recorded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/sys.h"
#include "agent/elf/elf.h"
#include "agent/stacks/modules.h"
#include "agent/table/table.h"
#include "objects.h"

/* Functions that no sanitizer puts one of its own in front of. */
#define in_libc gnu_get_libc_version
#define also_in_libc gnu_get_libc_release

static _Atomic bool ticking;
static _Atomic uint64_t now_ns = 12345;
uint64_t clock_now(void)
{
    if (ticking)
        now_ns += 10000000;
    return now_ns;
}

static unsigned gone_count, revived_count, last_gone, last_revived;

static void note_gone(unsigned number)
{
    gone_count++;
    last_gone = number;
}

static void note_revived(unsigned number)
{
    revived_count++;
    last_revived = number;
}

static int childs_table(void **state)
{
    (void)state;
    int error;
    struct state_view old;
    if (table_head)
        table_forget(&old);
    if (table_open(-1, NULL, &error) != 0)
        return -1;
    ssize_t n = readlink("/proc/self/exe", table_head->exe, sizeof table_head->exe - 1);
    modules_reset();
    modules_on_revived(note_revived);
    gone_count = revived_count = 0;
    return n > 0 ? 0 : -1;
}

/* As in another process: the libraries of the tests before lay at the same places. */
static int fresh_table(void **state)
{
    modules_dlclose_begin();
    modules_dlclose_end();
    return childs_table(state);
}

static unsigned of(const void *p) { return modules_of((uint64_t)(uintptr_t)p); }

static void the_program_itself_is_recorded_with_its_path_and_build_id(void **state)
{
    (void)state;
    char exe[512] = "";
    struct elf e;
    uint8_t id[ELF_BUILD_ID];
    assert_true(readlink("/proc/self/exe", exe, sizeof exe - 1) > 0);
    unsigned n = of((void *)(uintptr_t)&the_program_itself_is_recorded_with_its_path_and_build_id);
    const struct state_module *m = modules_at(n);
    assert_int_equal(n, 0);
    assert_non_null(m);
    assert_string_equal(m->path, exe);
    assert_true(elf_open_file(&e, exe));
    assert_int_equal(elf_build_id(&e, id), m->build_id_len);
    assert_int_equal(m->build_id_len, 20);
    assert_memory_equal(id, m->build_id, 20);
    assert_true(elf_close(&e));
    assert_int_equal(m->bias, ((struct link_map *)dlopen(NULL, RTLD_NOW))->l_addr);
    assert_true(m->start <= (uintptr_t)&fresh_table && (uintptr_t)&fresh_table < m->end);
}

static void one_object_has_one_number_and_the_reader_finds_it_by_that(void **state)
{
    (void)state;
    unsigned program = of((void *)(uintptr_t)&fresh_table), libc = of((void *)(uintptr_t)&in_libc),
             vdso = of((void *)getauxval(AT_SYSINFO_EHDR));
    assert_int_equal(of((void *)(uintptr_t)&note_gone), program);
    assert_int_equal(of((void *)(uintptr_t)&also_in_libc), libc);
    assert_int_not_equal(program, libc);
    assert_non_null(strstr(modules_at(libc)->path, "/libc.so"));
    assert_string_equal(modules_at(vdso)->path, "[vdso]");
    struct state_view view = table_view();
    for (unsigned i = 0; i < 3; i++)
        assert_ptr_equal(state_module_at(&view, i), modules_at(i));
    assert_null(modules_at(3));
    assert_null(modules_at(STATE_NO_MODULE));
}

static void an_address_outside_of_all_objects_has_none(void **state)
{
    (void)state;
    void *jit = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    errno = 77;
    assert_int_equal(of(jit), STATE_NO_MODULE);
    assert_int_equal(of(NULL), STATE_NO_MODULE);
    assert_int_equal(of((void *)-1), STATE_NO_MODULE);
    assert_int_equal(errno, 77);
    munmap(jit, 4096);
}

/* As a child of fork does: with a table of its own, and the objects of its parent. */
static void an_object_that_the_parent_recorded_is_not_read_again(void **state)
{
    objects_write("known.c", "int known(void){return 1;}");
    assert_int_equal(objects_run("cc -shared -fPIC -Wl,--build-id=sha1 -o known.so known.c"), 0);
    void *h = dlopen(objects_path("known.so"), RTLD_NOW), *f = dlsym(h, "known");
    uint8_t id[ELF_BUILD_ID];
    const struct state_module *m = modules_at(of(f));
    assert_non_null(m);
    assert_int_equal(m->build_id_len, 20);
    memcpy(id, m->build_id, 20);
    void *headers = (void *)(uintptr_t)m->start;
    assert_int_equal(mprotect(headers, 4096, PROT_NONE), 0);
    assert_int_equal(childs_table(state), 0);
    m = modules_at(of(f));
    assert_non_null(m);
    assert_int_equal(m->build_id_len, 20);
    assert_memory_equal(m->build_id, id, 20);
    /* After a dlclose, which another object may have used, nothing is known any more. */
    modules_dlclose_begin();
    modules_dlclose_end();
    assert_int_equal(childs_table(state), 0);
    m = modules_at(of(f));
    assert_int_equal(m->build_id_len, 0);
    assert_int_equal(mprotect(headers, 4096, PROT_READ), 0);
    dlclose(h);
}

static void no_number_is_given_without_a_table(void **state)
{
    (void)state;
    struct state_header *head = table_head;
    table_head = NULL;
    assert_int_equal(of((void *)(uintptr_t)&in_libc), STATE_NO_MODULE);
    table_head = head;
}

static void a_library_without_build_id_or_loaded_by_a_relative_name_is_recorded_with_its_absolute_path(void **state)
{
    (void)state;
    char cwd[512];
    objects_write("a.c", "int f(void){return 1;}");
    assert_int_equal(objects_run("cc -shared -fPIC -Wl,--build-id=none -o 'rel ative.so' a.c"), 0);
    assert_non_null(getcwd(cwd, sizeof cwd));
    assert_int_equal(chdir(objects_dir), 0);
    void *h = dlopen("./rel ative.so", RTLD_NOW);
    assert_int_equal(chdir(cwd), 0);
    assert_non_null(h);
    const struct state_module *m = modules_at(of(dlsym(h, "f")));
    assert_non_null(m);
    assert_string_equal(m->path, objects_path("rel ative.so"));
    assert_int_equal(m->build_id_len, 0);
    dlclose(h);
}

/* As the loader's argument: /proc/self/exe is the loader then. */
static int as_the_loaders_argument(const char *path)
{
    if (fresh_table(NULL) != 0)
        return 2;
    const struct state_module *m = modules_at(of((void *)(uintptr_t)as_the_loaders_argument));
    return m && strcmp(m->path, path) == 0 ? 0 : 1;
}
static void a_program_that_the_loader_was_asked_to_run_is_not_called_by_the_loaders_name(void **state)
{
    (void)state;
    char exe[512] = "", loader[512] = "", command[2048];
    Dl_info info;
    assert_true(readlink("/proc/self/exe", exe, sizeof exe - 1) > 0);
    if (!dladdr((void *)getauxval(AT_BASE), &info) || !realpath(info.dli_fname, loader))
        skip();
    snprintf(command, sizeof command, "'%s' '%s' --by-loader '%s'", loader, exe, exe);
    assert_int_equal(system(command), 0);
}

/* ---- dlclose --------------------------------------------------------------------------------------------------- */

static void an_unloaded_library_is_marked_and_revived_when_the_same_comes_back(void **state)
{
    (void)state;
    objects_write("a.c", "int f(void){return 1;}");
    assert_int_equal(objects_run("cc -shared -fPIC -Wl,--build-id -o same.so a.c"), 0);
    void *h = dlopen(objects_path("same.so"), RTLD_NOW), *f = dlsym(h, "f");
    unsigned n = of(f);
    modules_check_unloaded(note_gone);
    assert_int_equal(gone_count, 0);
    dlclose(h);
    modules_check_unloaded(note_gone);
    assert_int_equal(gone_count, 1);
    assert_int_equal(last_gone, n);
    assert_int_equal(modules_at(n)->unloaded_ns, 12345);
    assert_int_equal(of(f), STATE_NO_MODULE);
    modules_check_unloaded(note_gone);
    assert_int_equal(gone_count, 1);
    h = dlopen(objects_path("same.so"), RTLD_NOW);
    if (dlsym(h, "f") != f)
        skip(); /* the loader chose another place */
    assert_int_equal(of(f), n);
    assert_int_equal(revived_count, 1);
    assert_int_equal(last_revived, n);
    assert_int_equal(modules_at(n)->unloaded_ns, 0);
    dlclose(h);
}

static void two_twins(const char *id)
{
    objects_write("a.c", "int f(void){return 1;}");
    objects_write("b.c", "int f(void){return 2;}");
    assert_int_equal(
        objects_run(
            "mkdir -p 1 2 && cc -shared -fPIC -Wl,--build-id=%s -o 1/twin.so a.c && cc -shared -fPIC -Wl,--build-id=%s -o 2/twin.so b.c",
            id, id),
        0);
}

/*
 * The loader reuses address, link map and all; only the file is another one. Seen by the check in
 * between or not.
 */
static void another_library_at_the_same_place_gets_a_number_of_its_own(void **state)
{
    (void)state;
    two_twins("sha1");
    for (int checked = 0; checked < 2; checked++) {
        void *h = dlopen(objects_path("1/twin.so"), RTLD_NOW), *f = dlsym(h, "f");
        unsigned first = of(f);
        assert_string_equal(modules_at(first)->path, objects_path("1/twin.so"));
        modules_dlclose_begin();
        dlclose(h);
        if (checked) {
            modules_check_unloaded(note_gone);
            modules_dlclose_end();
        }
        h = dlopen(objects_path("2/twin.so"), RTLD_NOW);
        if (dlsym(h, "f") != f)
            skip();
        unsigned second = of(f);
        assert_int_not_equal(first, second);
        assert_int_not_equal(second, STATE_NO_MODULE);
        assert_string_equal(modules_at(second)->path, objects_path("2/twin.so"));
        if (!checked) {
            modules_check_unloaded(note_gone);
            modules_dlclose_end();
            assert_int_equal(of(f), second);
        }
        assert_int_not_equal(modules_at(first)->unloaded_ns, 0);
        dlclose(h);
        modules_check_unloaded(note_gone);
    }
}

/*
 * As above, but nobody looked while the second one was being loaded: the check alone sees the same
 * key.
 */
static void a_look_up_after_a_check_notices_that_a_place_has_changed_hands(void **state)
{
    (void)state;
    two_twins("sha1");
    void *h = dlopen(objects_path("1/twin.so"), RTLD_NOW), *f = dlsym(h, "f");
    unsigned first = of(f);
    dlclose(h);
    h = dlopen(objects_path("2/twin.so"), RTLD_NOW);
    if (dlsym(h, "f") != f)
        skip();
    modules_check_unloaded(note_gone);
    unsigned second = of(f);
    assert_int_not_equal(first, second);
    assert_string_equal(modules_at(second)->path, objects_path("2/twin.so"));
    dlclose(h);
}

/*
 * Loads the library NAME, made with FLAGS from SOURCE, and gives the number of its function f;
 * false: not at WANTED.
 */
static bool load_made(const char *name, const char *flags, const char *source, void **wanted, unsigned *number)
{
    objects_write("a.c", source);
    assert_int_equal(objects_run("rm -f %s && cc -shared -fPIC %s -o %s a.c", name, flags, name), 0);
    void *h = dlopen(objects_path(name), RTLD_NOW), *f = dlsym(h, "f");
    bool there = !*wanted || *wanted == f;
    *wanted = f;
    *number = of(f);
    modules_dlclose_begin();
    dlclose(h);
    modules_check_unloaded(note_gone);
    modules_dlclose_end();
    return there;
}

/* Each differs from the one before in one thing alone. */
static void a_build_id_or_headers_or_a_path_alone_make_another_library(void **state)
{
    (void)state;
    static const struct {
        const char *name[2], *flags[2], *source[2];
    } pairs[] = {
        {{"p.so", "p.so"}, {"-Wl,--build-id=0x1111", "-Wl,--build-id=0x2222"}, {"int f(void){return 1;}", "int f(void){return 1;}"}},
        {{"p.so", "p.so"},
         {"-Wl,--build-id=none", "-Wl,--build-id=none"},
         {"int f(void){return 1;} char x[3] = {1}; char y[4];", "int f(void){return 1;} char x[4] = {1}; char y[3];"}},
        {{"p.so", "q.so"}, {"-Wl,--build-id=0x3333", "-Wl,--build-id=0x3333"}, {"int f(void){return 1;}", "int f(void){return 1;}"}},
    };
    for (unsigned i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        void *f = NULL;
        unsigned first, second = STATE_NO_MODULE, third = STATE_NO_MODULE;
        if (!load_made(pairs[i].name[0], pairs[i].flags[0], pairs[i].source[0], &f, &first) ||
            !load_made(pairs[i].name[1], pairs[i].flags[1], pairs[i].source[1], &f, &second) ||
            !load_made(pairs[i].name[0], pairs[i].flags[0], pairs[i].source[0], &f, &third))
            skip(); /* the loader chose another place */
        assert_int_not_equal(second, STATE_NO_MODULE);
        assert_int_not_equal(first, second);
        assert_int_equal(third, first);
        assert_int_not_equal(modules_at(second)->unloaded_ns, 0);
    }
}

static void a_child_that_meets_objects_in_another_order_reads_them_anew(void **state)
{
    (void)state;
    const void *program = (void *)(uintptr_t)as_the_loaders_argument;
    unsigned libc = of((void *)(uintptr_t)in_libc), own = of(program);
    assert_int_not_equal(libc, own);
    struct state_module before[2];
    memcpy(&before[0], modules_at(libc), sizeof before[0]);
    memcpy(&before[1], modules_at(own), sizeof before[1]);
    assert_int_equal(childs_table(NULL), 0);
    assert_int_equal(of(program), libc);
    assert_memory_equal(modules_at(libc)->build_id, before[1].build_id, before[1].build_id_len);
    assert_int_equal(of((void *)(uintptr_t)in_libc), own);
    assert_memory_equal(modules_at(own)->build_id, before[0].build_id, before[0].build_id_len);
}

static void a_fork_between_the_two_ends_of_a_dlclose_leaves_none_under_way(void **state)
{
    (void)state;
    modules_dlclose_begin();
    modules_reset(); /* in the child */
    modules_dlclose_end();
    modules_dlclose_begin();
    modules_dlclose_begin();
    modules_dlclose_end();
    modules_reset();
    unsigned n = of((void *)(uintptr_t)in_libc);
    assert_int_not_equal(n, STATE_NO_MODULE);
    assert_int_equal(of((void *)(uintptr_t)in_libc), n);
}

static void loading_and_unloading_one_library_for_ever_takes_one_record(void **state)
{
    (void)state;
    objects_write("a.c", "int f(void){return 1;}");
    assert_int_equal(objects_run("cc -shared -fPIC -Wl,--build-id=none -o loop.so a.c"), 0);
    unsigned first = STATE_NO_MODULE, highest = 0;
    for (int i = 0; i < 200; i++) {
        void *h = dlopen(objects_path("loop.so"), RTLD_NOW);
        unsigned n = of(dlsym(h, "f"));
        first = first == STATE_NO_MODULE ? n : first;
        highest = n > highest ? n : highest;
        modules_dlclose_begin();
        dlclose(h);
        modules_check_unloaded(note_gone);
        modules_dlclose_end();
    }
    assert_int_not_equal(first, STATE_NO_MODULE);
    assert_in_range(highest, first, first + 3); /* the loader may move it a time or two */
}

/* ---- many, and at once ----------------------------------------------------------------------------------------- */

#define LIBRARIES 70
#define THREADS 8

static void *functions[LIBRARIES];
static unsigned numbers[THREADS][LIBRARIES];
static pthread_barrier_t all_here;

static void *look_at_all(void *arg)
{
    unsigned *mine = arg, at = (unsigned)((unsigned(*)[LIBRARIES])arg - numbers);
    pthread_barrier_wait(&all_here);
    for (unsigned i = 0; i < LIBRARIES; i++) {
        unsigned lib = (i + at * 3) % LIBRARIES;
        mine[lib] = of(functions[lib]);
    }
    return NULL;
}

static void many_threads_that_meet_many_libraries_agree_on_their_numbers(void **state)
{
    void *handles[LIBRARIES];
    objects_write("a.c", "int f(void){return 1;}");
    assert_int_equal(objects_run("cc -shared -fPIC -Wl,--build-id -o 0.so a.c; for i in $(seq %d); do cp 0.so $i.so; done", LIBRARIES - 1),
                     0);
    for (int i = 0; i < LIBRARIES; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d.so", i);
        handles[i] = dlopen(objects_path(name), RTLD_NOW | RTLD_LOCAL);
        assert_non_null(handles[i]);
        functions[i] = dlsym(handles[i], "f");
    }
    for (int round = 0; round < 30; round++) {
        pthread_t t[THREADS];
        assert_int_equal(fresh_table(state), 0);
        pthread_barrier_init(&all_here, NULL, THREADS);
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&t[i], NULL, look_at_all, numbers[i]), 0);
        for (int i = 0; i < THREADS; i++)
            pthread_join(t[i], NULL);
        pthread_barrier_destroy(&all_here);
        struct state_view view = table_view();
        for (int lib = 0; lib < LIBRARIES; lib++) {
            char name[16];
            snprintf(name, sizeof name, "%d.so", lib);
            for (int i = 0; i < THREADS; i++) {
                const struct state_module *m = state_module_at(&view, numbers[i][lib]);
                if (!m) /* another thread was recording it and had to wait for a processor: allowed, but only then */
                    continue;
                assert_string_equal(m->path, objects_path(name));
                assert_true(m->start <= (uintptr_t)functions[lib] && (uintptr_t)functions[lib] < m->end);
            }
            assert_int_not_equal(of(functions[lib]), STATE_NO_MODULE);
        }
    }
    for (int i = 0; i < LIBRARIES; i++)
        dlclose(handles[i]);
}

static void a_reset_starts_the_numbers_anew(void **state)
{
    unsigned libc = of((void *)(uintptr_t)&in_libc);
    assert_int_equal(libc, 0);
    assert_int_equal(of((void *)(uintptr_t)&fresh_table), 1);
    assert_int_equal(fresh_table(state), 0);
    assert_null(modules_at(0));
    assert_int_equal(of((void *)(uintptr_t)&fresh_table), 0);
    assert_int_equal(of((void *)(uintptr_t)&in_libc), 1);
}

/*
 * A handler that interrupts a recording anywhere, on the same stack, comes to an end and gets the
 * right object.
 */
static void *interrupted;
static _Atomic int handled, wrong;

static void look_in_handler(int sig)
{
    (void)sig;
    int saved = errno;
    errno = 4242;
    unsigned n = of(interrupted);
    const struct state_module *m = n == STATE_NO_MODULE ? NULL : modules_at(n);
    if (m && !(m->start <= (uintptr_t)interrupted && (uintptr_t)interrupted < m->end))
        wrong = 1;
    if (errno != 4242)
        wrong = 1;
    errno = saved;
    handled++;
}

static void *pester(void *arg)
{
    pthread_t victim = *(pthread_t *)arg;
    for (int i = 0; i < 1500; i++) {
        int before = handled;
        if (pthread_kill(victim, SIGUSR1) != 0)
            break;
        while (handled == before)
            sched_yield();
    }
    return NULL;
}

static void a_signal_handler_may_ask_while_a_module_is_being_recorded(void **state)
{
    struct sigaction sa = {.sa_handler = look_in_handler, .sa_flags = SA_RESTART}, old;
    pthread_t self = pthread_self(), other;
    interrupted = (void *)(uintptr_t)&in_libc;
    handled = wrong = 0;
    assert_int_equal(sigaction(SIGUSR1, &sa, &old), 0);
    sys_sandboxed = true; /* elsewhere no handler comes in between */
    assert_int_equal(pthread_create(&other, NULL, pester, &self), 0);
    while (handled < 1500) {
        modules_reset();
        for (int i = 0; i < 20; i++) {
            unsigned n = of((void *)(uintptr_t)&in_libc);
            if (n != STATE_NO_MODULE)
                assert_true(modules_at(n)->start <= (uintptr_t)&in_libc);
        }
        if (table_head->n_extents > 1000) {
            sigset_t all, mask;
            sigfillset(&all);
            pthread_sigmask(SIG_SETMASK, &all, &mask);
            assert_int_equal(fresh_table(state), 0);
            pthread_sigmask(SIG_SETMASK, &mask, NULL);
        }
    }
    pthread_join(other, NULL);
    sys_sandboxed = false;
    sigaction(SIGUSR1, &old, NULL);
    assert_int_equal(wrong, 0);
}

static void *record_for_ever(void *arg)
{
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    for (int i = 0; i < 500; i++) { /* each takes room in the table */
        uint64_t signals = sys_block_signals();
        modules_reset();
        sys_unblock_signals(signals);
        of((void *)(uintptr_t)&in_libc);
    }
    pause();
    return arg;
}

/* Ends a thread while it records, nearly always; the number that the object has then. */
static unsigned number_after_cancelling(int i)
{
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, record_for_ever, NULL), 0);
    usleep((useconds_t)(i * 37 % 700));
    pthread_cancel(t);
    pthread_join(t, NULL);
    return of((void *)(uintptr_t)&in_libc);
}

static void a_thread_that_is_cancelled_while_it_records_leaves_nothing_half_recorded(void **state)
{
    ticking = true;
    for (int i = 0; i < 200; i++) {
        assert_int_equal(number_after_cancelling(i), 0); /* the first place is the object's */
        assert_int_equal(fresh_table(state), 0);
    }
    ticking = false;
}

static void a_record_that_nobody_ends_is_waited_for_once(void **state)
{
    unsigned number = 0;
    ticking = true;
    for (int i = 0; i < 1000 && number != 1; i++) {
        assert_int_equal(fresh_table(state), 0);
        sys_sandboxed = true;
        number = number_after_cancelling(i);
        sys_sandboxed = false;
    }
    assert_int_equal(number, 1);
    assert_int_not_equal(of((void *)(uintptr_t)clock_now), STATE_NO_MODULE); /* not found as the last one was */
    uint64_t before = now_ns;
    assert_int_equal(of((void *)(uintptr_t)&in_libc), 1);
    assert_true(now_ns - before < 100000000);
    ticking = false;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--by-loader") == 0)
        return as_the_loaders_argument(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_program_itself_is_recorded_with_its_path_and_build_id, fresh_table),
        cmocka_unit_test_setup(one_object_has_one_number_and_the_reader_finds_it_by_that, fresh_table),
        cmocka_unit_test_setup(an_address_outside_of_all_objects_has_none, fresh_table),
        cmocka_unit_test_setup(an_object_that_the_parent_recorded_is_not_read_again, fresh_table),
        cmocka_unit_test_setup(no_number_is_given_without_a_table, fresh_table),
        cmocka_unit_test_setup(a_library_without_build_id_or_loaded_by_a_relative_name_is_recorded_with_its_absolute_path, fresh_table),
        cmocka_unit_test_setup(a_program_that_the_loader_was_asked_to_run_is_not_called_by_the_loaders_name, fresh_table),
        cmocka_unit_test_setup(an_unloaded_library_is_marked_and_revived_when_the_same_comes_back, fresh_table),
        cmocka_unit_test_setup(another_library_at_the_same_place_gets_a_number_of_its_own, fresh_table),
        cmocka_unit_test_setup(a_look_up_after_a_check_notices_that_a_place_has_changed_hands, fresh_table),
        cmocka_unit_test_setup(a_build_id_or_headers_or_a_path_alone_make_another_library, fresh_table),
        cmocka_unit_test_setup(a_child_that_meets_objects_in_another_order_reads_them_anew, fresh_table),
        cmocka_unit_test_setup(a_thread_that_is_cancelled_while_it_records_leaves_nothing_half_recorded, fresh_table),
        cmocka_unit_test_setup(a_record_that_nobody_ends_is_waited_for_once, fresh_table),
        cmocka_unit_test_setup(a_fork_between_the_two_ends_of_a_dlclose_leaves_none_under_way, fresh_table),
        cmocka_unit_test_setup(loading_and_unloading_one_library_for_ever_takes_one_record, fresh_table),
        cmocka_unit_test_setup(many_threads_that_meet_many_libraries_agree_on_their_numbers, fresh_table),
        cmocka_unit_test_setup(a_reset_starts_the_numbers_anew, fresh_table),
        cmocka_unit_test_setup(a_signal_handler_may_ask_while_a_module_is_being_recorded, fresh_table),
    };
    return cmocka_run_group_tests(tests, objects_setup, objects_teardown);
}
