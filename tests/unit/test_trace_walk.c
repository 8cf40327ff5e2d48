/* SPDX-License-Identifier: MIT */
/*
 * test_trace_walk.c: stacks of other programs, walked from outside at the call that opens a socket,
 * against what these programs say themselves: Go's own traceback, and C functions that write down
 * their names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/trace/image.h"
#include "traced.h"

#define LINES 256
#define FRAMES 128

struct said {
    char text[1 << 18];
    size_t n;
};

struct truth_frame {
    char function[256], place[512]; /* place: FILE:LINE */
};
struct truth {
    unsigned n;
    struct truth_frame frames[FRAMES], creator;
    bool has_creator;
};

static struct traced program;
static struct sample sample;
static struct said said;

static void start(const char *name)
{
    char path[512], self[256];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(n > 0);
    self[n] = '\0';
    *strrchr(self, '/') = '\0';
    snprintf(path, sizeof path, "%s/../victims/%s", self, name);
    said.n = 0;
    if (access(path, X_OK) != 0) {
        print_message("%s: not built here\n", path);
        skip();
    }
    if (!traced_start(&program, (char *[]){path, NULL})) {
        traced_end(&program);
        print_message("no seccomp notification here: %s\n", strerror(errno));
        skip();
    }
}

static void listen_to(void)
{
    ssize_t n;
    while ((n = read(program.output, said.text + said.n, sizeof said.text - 1 - said.n)) > 0)
        said.n += (size_t)n;
    said.text[said.n] = '\0';
}

/*
 * ---- Go ---------------------------------------------------------------------------------------
 */

/* The last stack that was printed behind HEAD, from the caller of main.say on. */
static void truth_behind(const char *head, struct truth *t)
{
    char *at = NULL, *function = NULL;
    memset(t, 0, sizeof *t);
    for (char *p = said.text; (p = strstr(p, head)); p++)
        at = p;
    assert_non_null(at);
    static char copy[1 << 16];
    snprintf(copy, sizeof copy, "%s", at);
    bool is_own = false;
    for (char *line = strtok(copy, "\n"); line && strcmp(line, "end") != 0; line = strtok(NULL, "\n")) {
        if (line[0] != '\t') {
            function = line;
            continue;
        }
        assert_non_null(function);
        struct truth_frame *f = strncmp(function, "created by ", 11) == 0 ? &t->creator : &t->frames[t->n];
        bool is_creator = f == &t->creator;
        snprintf(f->place, sizeof f->place, "%.*s", (int)strcspn(line + 1, " "), line + 1);
        char *name = is_creator ? function + 11 : function, *end = is_creator ? strstr(name, " in goroutine") : strrchr(name, '(');
        snprintf(f->function, sizeof f->function, "%.*s", end ? (int)(end - name) : (int)strlen(name), name);
        t->has_creator |= is_creator;
        if (is_own && !is_creator && strcmp(f->function, "panic") != 0) /* runtime.gopanic, as Go shows it */
            t->n++;
        is_own |= strncmp(function, "main.say(", 9) == 0;
    }
}

static void assert_frame(const struct walk_frame *ours, const struct truth_frame *theirs)
{
    char place[1024];
    snprintf(place, sizeof place, "%s:%u", ours->file ? ours->file : "?", ours->line);
    assert_string_equal(ours->function ? ours->function : "?", theirs->function);
    assert_string_equal(place, theirs->place);
}

/* The frames of ROLE from function FIRST on. */
static unsigned frames_of(const struct walk *w, enum walk_role role, const char *first, const struct walk_frame **out)
{
    unsigned n = 0;
    for (unsigned i = 0; i < w->n; i++)
        if (w->frames[i].role == role &&
            (n || !first || (w->frames[i].function && strncmp(w->frames[i].function, first, strlen(first)) == 0)))
            out[n++] = &w->frames[i];
    return n;
}

static void compare(const struct walk *w, enum walk_end end, const char *head)
{
    struct truth t;
    const struct walk_frame *ours[FRAMES];
    truth_behind(head, &t);
    unsigned n = frames_of(w, ROLE_STACK, "main.open", ours);
    if (end == WALK_WHOLE)
        assert_int_equal(n, t.n);
    else
        assert_true(n && n < t.n);
    for (unsigned i = 0; i < n; i++)
        assert_frame(ours[i], &t.frames[i]);
    n = frames_of(w, ROLE_CREATED_BY, NULL, ours);
    assert_int_equal(n > 0, t.has_creator && end == WALK_WHOLE);
    if (n)
        assert_frame(ours[n - 1], &t.creator);
}

static void compare_waiter(const struct walk *w)
{
    struct truth t;
    const struct walk_frame *ours[FRAMES];
    truth_behind("waiter\n", &t);
    unsigned n = frames_of(w, ROLE_WAITED_FOR_BY, NULL, ours);
    assert_int_equal(n, t.n);
    for (unsigned i = 0; i < n; i++)
        assert_frame(ours[i], &t.frames[i]);
}

/* The walk, and the same again, which the memo has. */
static enum walk_end walk(struct walk *w)
{
    static struct walk again;
    enum walk_end end = walker_walk(program.walker, &sample, w);
    assert_int_equal(walker_walk(program.walker, &sample, &again), end);
    assert_int_equal(again.n, w->n);
    assert_memory_equal(again.frames, w->frames, w->n * sizeof *w->frames);
    return end;
}

/* The name of the case that is under way. */
static const char *last_case(void)
{
    static char name[64];
    char *at = NULL;
    for (char *p = said.text; (p = strstr(p, "case ")); p++)
        at = p;
    assert_non_null(at);
    snprintf(name, sizeof name, "%.*s", (int)strcspn(at, "\n"), at);
    return name;
}

static void all_of(const char *victim, unsigned expected)
{
    static struct walk w;
    char before[64] = "";
    unsigned n = 0, waiters = 0;
    start(victim);
    while (traced_next(&program, &sample)) {
        listen_to();
        const char *name = last_case();
        if (strcmp(name, before) == 0) { /* a signal came, and the same call again */
            traced_answer(&program);
            continue;
        }
        strcpy(before, name);
        enum walk_end end = walk(&w);
        print_message("%s: %s: %u frames\n", victim, name, w.n);
        assert_true(walker_is_go(program.walker));
        assert_int_not_equal(sample.goroutine, 0);
        assert_int_equal(end, strcmp(name, "case far beyond") == 0 ? WALK_PREFIX : WALK_WHOLE);
        compare(&w, end, name);
        if (strcmp(name, "case waited") == 0) {
            compare_waiter(&w);
            waiters++;
        }
        traced_answer(&program);
        n++;
    }
    traced_end(&program);
    assert_int_equal(n, expected);
    assert_int_equal(waiters, expected > 4);
}

static void the_stacks_of_a_static_go_program_are_those_that_go_prints(void **state)
{
    (void)state;
    all_of("outside.go", 13);
}

static void a_stripped_go_program_has_the_same_stacks(void **state)
{
    (void)state;
    all_of("outside.go-stripped", 13);
}

static void a_position_independent_go_program_has_the_same_stacks(void **state)
{
    (void)state;
    all_of("outside.go-pie", 13);
}

/* C's frames, and behind them the goroutine's. */
static void c_that_go_has_called_is_joined_with_the_goroutine(void **state)
{
    static struct walk w;
    static struct image image;
    (void)state;
    all_of("outside.go-cgo", 4);
    start("outside.go-cgo");
    assert_true(traced_next(&program, &sample));
    listen_to();
    assert_int_equal(walk(&w), WALK_WHOLE);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/exe", program.pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(image_open(&image, fd, 0x400000));
    close(fd);
    assert_null(w.frames[0].function);
    assert_string_equal(image_symbol_name(&image, w.frames[1].pc - 1), "c_inner");
    assert_string_equal(image_symbol_name(&image, w.frames[2].pc - 1), "c_outer");
    image_close(&image);
    traced_end(&program);
}

/*
 * ---- C ----------------------------------------------------------------------------------------
 */

static uint64_t mapped_at(pid_t pid)
{
    char path[64];
    unsigned long at = 0;
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lx", &at), 1);
    fclose(f);
    return at;
}

/*
 * The names of the functions of a C program, as far as they are its own: they are in its symbol
 * table before the C library's.
 */
static void own_names(struct image *image, const struct walk *w, char *out, size_t n)
{
    static const char *const own[] = {"s_", "compare", "thread", "main"};
    out[0] = '\0';
    for (unsigned i = 0; i < w->n; i++) {
        const char *name = image_is_code(image, w->frames[i].pc) ? image_symbol_name(image, w->frames[i].pc - 1) : NULL;
        assert_null(w->frames[i].function);
        for (unsigned k = 0; name && k < 4; k++)
            if (k ? strcmp(name, own[k]) == 0 : strncmp(name, own[k], 2) == 0)
                snprintf(out + strlen(out), n - strlen(out), "%.*s ", (int)strcspn(name, "."), name);
    }
}

/*
 * NAMED: the same program with symbols. At least WHOLE stacks are complete; none has a frame that
 * is wrong.
 */
static void all_of_c(const char *victim, const char *named, unsigned whole)
{
    static struct walk w;
    static struct image image;
    char path[512], names[2048];
    unsigned n = 0, complete = 0;
    uint64_t at = 0;
    start(victim);
    while (traced_next(&program, &sample)) {
        listen_to();
        if (!at) {
            at = mapped_at(sample.pid);
            ssize_t k = readlink("/proc/self/exe", path, sizeof path - 64);
            path[k] = '\0';
            strcpy(strrchr(path, '/'), "/../victims/");
            strcat(path, named);
            int fd = open(path, O_RDONLY | O_CLOEXEC);
            assert_true(fd >= 0 && image_open(&image, fd, at));
            close(fd);
        }
        enum walk_end end = walk(&w);
        assert_int_not_equal(end, WALK_NOTHING);
        own_names(&image, &w, names, sizeof names);
        char *line = said.text + said.n - 1;
        while (line > said.text && line[-1] != '\n')
            line--;
        char *equals = strstr(line, "= ");
        assert_non_null(equals);
        if (end == WALK_WHOLE) {
            *equals = '\0';
            assert_string_equal(names, line);
            *equals = '=';
            complete++;
        } else {
            print_message("%s: a prefix: %s of %s", victim, names, line);
            assert_memory_equal(names, line, strlen(names));
        }
        traced_answer(&program);
        n++;
    }
    traced_end(&program);
    image_close(&image);
    assert_int_equal(n, 12);
    assert_true(complete >= whole);
}

static void unoptimised_static_c_is_walked_without_its_frame_pointer(void **state)
{
    (void)state;
    all_of_c("outside.static", "outside.static", 12);
}

static void optimised_static_c_is_walked_over_arrays_of_variable_size(void **state)
{
    (void)state;
    all_of_c("outside.static-O2", "outside.static-O2", 11);
}

static void stripped_static_c_has_the_same_stacks(void **state)
{
    (void)state;
    all_of_c("outside.stripped", "outside.static", 12);
}

static void musl_has_no_unwind_tables_and_is_walked_all_the_same(void **state)
{
    (void)state;
    all_of_c("outside.musl", "outside.musl", 11);
}

static void a_dynamic_program_is_walked_too(void **state)
{
    (void)state;
    all_of_c("outside_stacks", "outside_stacks", 11);
}

/*
 * ---- the sample -------------------------------------------------------------------------------
 */

static void a_damaged_sample_never_gives_more_than_a_prefix(void **state)
{
    static struct walk w;
    static struct sample whole;
    (void)state;
    start("outside_stacks");
    assert_true(traced_next(&program, &sample));
    whole = sample;
    walker_walk(program.walker, &sample, &w);
    unsigned frames = w.n;
    for (uint32_t n = 0; n < 256; n += 8) {
        sample = whole;
        sample.stack_bytes = n;
        walker_walk(program.walker, &sample, &w);
        assert_true(w.n <= frames);
    }
    sample = whole;
    sample.pc = 1;
    assert_int_equal(walker_walk(program.walker, &sample, &w), WALK_NOTHING);
    sample = whole;
    sample.beside_bytes = UINT32_MAX;
    assert_int_equal(walker_walk(program.walker, &sample, &w), WALK_WHOLE);
    assert_int_equal(w.n, frames);
    traced_end(&program);
}

static void a_walker_needs_a_process_that_is_there(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (!pid)
        _exit(0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_null(walker_open(pid));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_stacks_of_a_static_go_program_are_those_that_go_prints),
        cmocka_unit_test(a_stripped_go_program_has_the_same_stacks),
        cmocka_unit_test(a_position_independent_go_program_has_the_same_stacks),
        cmocka_unit_test(c_that_go_has_called_is_joined_with_the_goroutine),
        cmocka_unit_test(unoptimised_static_c_is_walked_without_its_frame_pointer),
        cmocka_unit_test(optimised_static_c_is_walked_over_arrays_of_variable_size),
        cmocka_unit_test(stripped_static_c_has_the_same_stacks),
        cmocka_unit_test(musl_has_no_unwind_tables_and_is_walked_all_the_same),
        cmocka_unit_test(a_dynamic_program_is_walked_too),
        cmocka_unit_test(a_damaged_sample_never_gives_more_than_a_prefix),
        cmocka_unit_test(a_walker_needs_a_process_that_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
