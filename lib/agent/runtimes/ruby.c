/* SPDX-License-Identifier: MIT */
/*
 * ruby.c: finds Ruby (MRI), and where it keeps its frames.
 *
 * Called when the object with the interpreter is met for the first time. It names its version; what
 * is not in the list is refused.
 */
#include "ruby.h"

#include <stddef.h>

#include "../base/readable.h"

struct ruby ruby;

/* offsetof in the structures of the sources, compiled with the configuration of Debian's packages. */
static const struct ruby_layout layouts[] = {
    {.version = "2.7.",
     .main_thread = 192,
     .self = 16,
     .vm = 24,
     .execution = 32,
     .blocking = 152,
     .status = 80,
     .frame = 16,
     .thread = 56,
     .frame_size = 56,
     .path = 64,
     .label = 80,
     .first_line = 88,
     .lines = 120,
     .n_lines = 136,
     .positions = 144,
     .line_size = 8,
     .finish = 0x20,
     .has_key = true},
    {.version = "3.1.",
     .main_thread = 40,
     .self = 16,
     .vm = 32,
     .execution = 40,
     .blocking = 168,
     .status = 92,
     .frame = 16,
     .thread = 48,
     .frame_size = 64,
     .path = 64,
     .label = 80,
     .first_line = 88,
     .lines = 120,
     .n_lines = 136,
     .positions = 144,
     .line_size = 12,
     .finish = 0x20},
    {.version = "3.3.",
     .main_thread = 40,
     .self = 16,
     .vm = 32,
     .execution = 48,
     .blocking = 248,
     .status = 240,
     .frame = 16,
     .thread = 48,
     .frame_size = 56,
     .path = 64,
     .label = 80,
     .first_line = 88,
     .lines = 112,
     .n_lines = 128,
     .positions = 136,
     .line_size = 12,
     .finish = 0x20,
     .string_length = true},
    {.version = "3.4.",
     .main_thread = 40,
     .self = 16,
     .vm = 32,
     .execution = 48,
     .blocking = 248,
     .status = 240,
     .frame = 16,
     .thread = 48,
     .frame_size = 56,
     .path = 64,
     .label = 80,
     .first_line = 88,
     .lines = 112,
     .n_lines = 128,
     .positions = 136,
     .parent = 160,
     .line_size = 12,
     .finish = 0x20,
     .string_length = true},
};

static bool ruby_find(struct exports *e)
{
    uint64_t length = 0;
    char version[16] = "";
    struct ruby found = {.evaluator = exports_find(e, "rb_vm_exec", &length)};
    uint64_t version_at = exports_find(e, "ruby_version", NULL);
    if (!version_at || !exports_find(e, "rb_profile_frames", NULL))
        return false;
    found.evaluator_end = found.evaluator + length;
    found.vm = (const uintptr_t *)exports_find(e, "ruby_current_vm_ptr", NULL);
    found.thread = (uintptr_t(*)(void))exports_find(e, "rb_thread_current", NULL);
    found.is_ruby_thread = (int (*)(void))exports_find(e, "ruby_native_thread_p", NULL);
    found.has_lock = (int (*)(void))exports_find(e, "ruby_thread_has_gvl_p", NULL);
    peek_some(version_at, version, sizeof version - 1);
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        if (strncmp(version, layouts[i].version, strlen(layouts[i].version)) == 0) {
            if (!found.thread || !found.is_ruby_thread || !found.has_lock)
                return runtime_refuse(&runtime_ruby, "it does not export what is needed");
            found.layout = layouts[i];
            ruby = found;
            ruby_walk_reset();
            return true;
        }
    return runtime_refuse(&runtime_ruby, "its version is not known");
}

static bool is_version(const char *s) { return s[0] >= '0' && s[0] <= '9' && s[1] == '.'; }

/* The shared objects that come with it, as socket.so; and the program that only calls its library. */
static bool ruby_owns(const char *path, bool is_program)
{
    static const char library[] = "/ruby/";
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    if (is_program)
        return strncmp(base, "ruby", 4) == 0 && (!base[4] || is_version(base + 4));
    for (const char *at = path; (at = strstr(at, library)) != NULL;) {
        at += sizeof library - 1;
        if (is_version(at) && !strstr(at, "/gems/"))
            return true;
    }
    return false;
}

static bool may_read(uintptr_t a) { return ruby_is_address(a) && readable(a); }

/* The main thread counts as killed when all blocks that at_exit was given have run. */
static bool ruby_is_ending(void)
{
    uintptr_t vm = ruby_machine(), thread;
    if (!vm || !may_read(vm + ruby.layout.main_thread))
        return false;
    thread = *(const uintptr_t *)(vm + ruby.layout.main_thread);
    if (!may_read(thread) || !may_read((thread + ruby.layout.status) & ~(uintptr_t)7))
        return false;
    return (*(const uint8_t *)(thread + ruby.layout.status) & RUBY_THREAD_KILLED) == RUBY_THREAD_KILLED;
}

static void ruby_forget(void) { ruby_walk_reset(); }

const struct runtime runtime_ruby = {
    .number = RUNTIME_RUBY,
    .find = ruby_find,
    .owns = ruby_owns,
    .walk = ruby_walk,
    .name = ruby_name,
    .is_ending = ruby_is_ending,
    .forget = ruby_forget,
};
