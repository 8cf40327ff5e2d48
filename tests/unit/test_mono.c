/* SPDX-License-Identifier: MIT */
/*
 * test_mono.c: the reader of C# frames, over a Mono that is made here: a shared object with the
 * functions that the reader calls, whose answers the tests set.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>

#include "agent/elf/object.h"
#include "agent/runtimes/runtime.h"
#include "agent/table/header.h"
#include "core/state.h"
#include "objects.h"

/* ---- a made Mono ----------------------------------------------------------------------------- */

struct klass {
    const char *space, *name;
    struct klass *around;
};

struct method {
    const char *name;
    struct klass *of;
    uint32_t token;
};

struct place {
    struct method *method;
    int offset;
};

/* What the made Mono answers, and what it saw; in the object too. */
struct world {
    struct place places[200];
    unsigned n;
    void *domain;
    int ending, lines;
    int inside;      /* between enter and leave */
    int out_of_turn; /* calls outside of that pair that must stand inside */
    int walks, freed;
    uint64_t pc; /* of the context */
};

static const char source[] =
    "#include <stddef.h>\n#include <stdint.h>\n#include <stdlib.h>\n#include <ucontext.h>\n"
    "struct klass { const char *space, *name; struct klass *around; };\n"
    "struct method { const char *name; struct klass *of; uint32_t token; };\n"
    "struct world { struct { struct method *method; int offset; } places[200]; unsigned n; void *domain; int ending, lines, inside,\n"
    "    out_of_turn, walks, freed; uint64_t pc; } world;\n"
    "struct location { const char *file; uint32_t row, column, il; };\n"
    "int WALK(int (*each)(void *, void *, void *, int, void *), ucontext_t *u, void *arg)\n"
    "{ world.walks++; world.out_of_turn += !world.inside; world.pc = u->uc_mcontext.gregs[REG_RIP];\n"
    "  for (unsigned i = 0; i < world.n; i++) if (each(world.places[i].method, world.domain, (void *)64, world.places[i].offset, arg)) "
    "break;\n"
    "  return 0; }\n"
    "void *mono_threads_enter_gc_unsafe_region(void **s) { *s = &world; world.inside++; return s; }\n"
    "void mono_threads_exit_gc_unsafe_region(void *c, void **s) { world.out_of_turn += c != s || *s != &world; world.inside--; }\n"
    "void *mono_domain_get(void) { return world.domain; }\n"
    "int mono_runtime_is_shutting_down(void) { return world.ending; }\n"
    "const char *mono_method_get_name(struct method *m) { return m->name; }\n"
    "void *mono_method_get_class(struct method *m) { return m->of; }\n"
    "uint32_t mono_method_get_token(struct method *m) { return m->token; }\n"
    "const char *mono_class_get_name(struct klass *k) { return k->name; }\n"
    "const char *mono_class_get_namespace(struct klass *k) { return k->space; }\n"
    "void *mono_class_get_nesting_type(struct klass *k) { return k->around; }\n"
    "void *mono_class_get_image(struct klass *k) { return k; }\n"
    "const char *mono_image_get_filename(void *image) { (void)image; return \"/srv/app.exe\"; }\n"
    "int mono_debug_enabled(void) { return world.lines; }\n"
    "struct location *mono_debug_lookup_source_location(struct method *m, uint32_t offset, void *domain)\n"
    "{ struct location *l = calloc(1, sizeof *l); (void)domain; world.out_of_turn += !world.inside;\n"
    "  l->file = m->token == 9 ? NULL : \"/src/App.cs\"; l->row = offset / 10; return l; }\n"
    "void mono_debug_free_source_location(void *l) { world.freed++; free(l); }\n";

static struct world *world;
static struct state_header header = {.pid = 100};

static bool find(const char *flags)
{
    static unsigned n;
    struct object o;
    struct exports e;
    char name[32];
    snprintf(name, sizeof name, "mono%u.so", ++n);
    objects_write("mono.c", source);
    assert_int_equal(objects_run("${CC:-gcc} -D_GNU_SOURCE -shared -fPIC %s -o %s mono.c", flags, name), 0);
    void *so = dlopen(objects_path(name), RTLD_NOW | RTLD_LOCAL);
    assert_non_null(so);
    world = dlsym(so, "world");
    assert_true(object_at((uintptr_t)dlsym(so, "mono_domain_get"), &o));
    assert_true(exports_of(&e, &o));
    return runtime_mono.find(&e);
}

static struct klass shop = {"Shop", "Orders", NULL}, inner = {"", "Line", &shop}, plain = {"", "Box`1", NULL};
static struct method login = {"Login", &shop, 0x06000001}, nested = {"Add", &inner, 0x06000002}, generic = {".ctor", &plain, 0x06000003};
static struct method wrapper = {"Login", &shop, 0}, elsewhere = {"Late", &shop, 9};

static void fill(unsigned n, const struct place *places)
{
    memset(world, 0, sizeof *world);
    memcpy(world->places, places, n * sizeof *places);
    world->n = n;
    world->domain = &shop;
}

static int setup(void **state)
{
    table_head = &header;
    return objects_setup(state) == 0 && find("-DWALK=mono_stack_walk_async_safe") ? 0 : -1;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static enum runtime_answer walk(struct runtime_stack *s, unsigned max)
{
    s->max = max;
    return runtime_mono.walk(s);
}

static const char *named(const struct runtime_frame *f, struct runtime_name *name)
{
    bool hidden = true;
    static char text[1024];
    assert_true(runtime_mono.name(f, name, &hidden));
    assert_false(hidden);
    snprintf(text, sizeof text, "%s %s:%u", name->function, name->file, name->line);
    return text;
}

static void methods_have_namespace_and_outer_classes(void **state)
{
    (void)state;
    struct runtime_stack s;
    struct runtime_name name;
    fill(3, (struct place[]){{&login, 120}, {&nested, 30}, {&generic, 0}});
    assert_int_equal(walk(&s, 64), RUNTIME_FRAMES);
    assert_int_equal(s.n, 3);
    assert_true(s.generated);
    assert_false(s.cut);
    assert_string_equal(named(&s.frames[0], &name), "Shop.Orders.Login /srv/app.exe:0");
    assert_string_equal(named(&s.frames[1], &name), "Shop.Orders+Line.Add /srv/app.exe:0");
    assert_string_equal(named(&s.frames[2], &name), "Box`1..ctor /srv/app.exe:0");
    assert_int_equal(world->freed, 0);
}

static void lines_are_those_of_the_debug_information_where_there_is_some(void **state)
{
    (void)state;
    struct runtime_stack s;
    struct runtime_name name;
    fill(2, (struct place[]){{&login, 120}, {&elsewhere, 50}});
    world->lines = 1;
    assert_int_equal(walk(&s, 64), RUNTIME_FRAMES);
    assert_string_equal(named(&s.frames[0], &name), "Shop.Orders.Login /src/App.cs:12");
    assert_string_equal(named(&s.frames[1], &name), "Shop.Orders.Late /srv/app.exe:0");
    assert_int_equal(world->freed, 2);
}

static void mono_is_asked_as_a_thread_that_the_collector_must_stop(void **state)
{
    (void)state;
    struct runtime_stack s;
    struct runtime_name name;
    fill(1, (struct place[]){{&login, 120}});
    world->lines = 1;
    assert_int_equal(walk(&s, 64), RUNTIME_FRAMES);
    named(&s.frames[0], &name);
    assert_int_equal(world->out_of_turn, 0);
    assert_int_equal(world->inside, 0);
    assert_int_not_equal(world->pc, 0);
}

static void what_mono_has_made_around_a_call_is_no_frame(void **state)
{
    (void)state;
    struct runtime_stack s;
    fill(3, (struct place[]){{&wrapper, 1}, {&login, 2}, {&wrapper, 3}});
    assert_int_equal(walk(&s, 1), RUNTIME_FRAMES);
    assert_int_equal(s.n, 1);
    assert_false(s.cut);
    fill(1, (struct place[]){{&wrapper, 1}});
    assert_int_equal(walk(&s, 64), RUNTIME_NO_FRAMES);
}

static void a_method_that_took_anothers_place_has_another_word(void **state)
{
    (void)state;
    struct runtime_stack s;
    struct method m = login;
    uint64_t words[6];
    fill(1, (struct place[]){{&m, 120}});
    for (unsigned i = 0; i < 6; i++) {
        m = login;
        shop.name = "Orders";
        world->places[0].offset = i == 1 ? 121 : 120;
        m.name = i == 2 ? "Logon" : m.name;
        m.token += i == 3;
        shop.name = i == 4 ? "Order" : shop.name;
        assert_int_equal(walk(&s, 64), RUNTIME_FRAMES);
        words[i] = s.frames[0].hash;
    }
    shop.name = "Orders";
    for (unsigned i = 1; i < 5; i++)
        for (unsigned k = 0; k < i; k++)
            assert_int_not_equal(words[i], words[k]);
    assert_int_equal(words[5], words[0]);
}

static void as_many_frames_as_are_wanted_and_the_rest_is_said(void **state)
{
    (void)state;
    struct runtime_stack s;
    struct place places[200];
    for (unsigned i = 0; i < 200; i++)
        places[i] = (struct place){&login, (int)i};
    fill(200, places);
    assert_int_equal(walk(&s, RUNTIME_MAX_FRAMES), RUNTIME_FRAMES);
    assert_int_equal(s.n, RUNTIME_MAX_FRAMES);
    assert_true(s.cut);
    assert_int_equal(walk(&s, 200 < RUNTIME_MAX_FRAMES ? 200 : 3), RUNTIME_FRAMES);
    assert_int_equal(s.n, 3);
}

static void nothing_is_asked_of_a_mono_that_ends_of_a_strange_thread_or_in_a_child(void **state)
{
    (void)state;
    struct runtime_stack s;
    struct runtime_name name;
    bool hidden;
    fill(1, (struct place[]){{&login, 120}});
    assert_int_equal(walk(&s, 64), RUNTIME_FRAMES);
    assert_false(runtime_mono.is_ending());
    world->walks = 0;
    world->ending = 1;
    assert_true(runtime_mono.is_ending());
    assert_false(runtime_mono.name(&s.frames[0], &name, &hidden));
    assert_int_equal(walk(&s, 64), RUNTIME_NO_FRAMES);
    world->ending = 0;
    world->domain = NULL;
    assert_int_equal(walk(&s, 64), RUNTIME_NO_FRAMES);
    world->domain = &shop;
    header.pid++;
    assert_int_equal(walk(&s, 64), RUNTIME_NO_FRAMES);
    header.pid--;
    assert_int_equal(world->walks, 0);
}

static void a_frame_that_mono_did_not_look_up_leaves_no_frames(void **state)
{
    (void)state;
    struct runtime_stack s;
    fill(2, (struct place[]){{&login, 120}, {NULL, 10}});
    assert_int_equal(walk(&s, 64), RUNTIME_NO_FRAMES);
    fill(2, (struct place[]){{&login, 120}, {&nested, -1}});
    assert_int_equal(walk(&s, 64), RUNTIME_NO_FRAMES);
}

static void a_name_without_end_is_none(void **state)
{
    (void)state;
    struct runtime_stack s;
    struct runtime_name name;
    static char endless[STATE_FUNCTION_MAX + 1];
    struct method m = {endless, &shop, 1};
    bool hidden;
    memset(endless, 'x', STATE_FUNCTION_MAX);
    fill(1, (struct place[]){{&m, 1}});
    assert_int_equal(walk(&s, 64), RUNTIME_FRAMES);
    assert_false(runtime_mono.name(&s.frames[0], &name, &hidden));
    endless[STATE_FUNCTION_MAX - sizeof "Shop.Orders."] = 0;
    assert_true(runtime_mono.name(&s.frames[0], &name, &hidden));
}

static void a_mono_without_what_is_needed_is_refused(void **state)
{
    (void)state;
    assert_false(find("-DWALK=mono_other"));
    assert_null(runtime_refusal(&runtime_mono));
    assert_false(find("-DWALK=mono_stack_walk_async_safe -Dmono_threads_enter_gc_unsafe_region=other"));
    assert_string_equal(runtime_refusal(&runtime_mono), "it does not export what is needed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_have_namespace_and_outer_classes),
        cmocka_unit_test(lines_are_those_of_the_debug_information_where_there_is_some),
        cmocka_unit_test(mono_is_asked_as_a_thread_that_the_collector_must_stop),
        cmocka_unit_test(what_mono_has_made_around_a_call_is_no_frame),
        cmocka_unit_test(a_method_that_took_anothers_place_has_another_word),
        cmocka_unit_test(as_many_frames_as_are_wanted_and_the_rest_is_said),
        cmocka_unit_test(nothing_is_asked_of_a_mono_that_ends_of_a_strange_thread_or_in_a_child),
        cmocka_unit_test(a_frame_that_mono_did_not_look_up_leaves_no_frames),
        cmocka_unit_test(a_name_without_end_is_none),
        cmocka_unit_test(a_mono_without_what_is_needed_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, objects_teardown);
}
