/* SPDX-License-Identifier: MIT */
/*
 * perl.c: finds Perl, built with threads, and where it keeps its frames.
 *
 * Called when the object with the interpreter is met for the first time. It names its version and
 * the size of its interpreter's structure; what is not in the list is refused.
 */
#include "perl.h"

#include <pthread.h>
#include <stddef.h>

#include "../base/readable.h"

struct perl perl;

/* From the headers of Debian's packages, for x86-64 and other 64-bit Linux: offsetof in struct interpreter. */
static const struct perl_layout layouts[] = {
    {.version = 32,
     .size = 3792,
     .cop = 224,
     .stack_info = 240,
     .phase = 2532,
     .main_root = 1824,
     .in_eval = 189,
     .aux_in_body = false,
     .op_eval = 345,
     .op_require = 342,
     .op_dofile = 343,
     .op_nextstate = 195,
     .op_scope = 200,
     .op_exit = 211,
     .op_die = 192},
    {.version = 36,
     .size = 3768,
     .cop = 208,
     .stack_info = 224,
     .phase = 2512,
     .main_root = 1808,
     .in_eval = 183,
     .aux_in_body = true,
     .op_eval = 345,
     .op_require = 342,
     .op_dofile = 343,
     .op_nextstate = 195,
     .op_scope = 200,
     .op_exit = 211,
     .op_die = 192},
    {.version = 40,
     .size = 3768,
     .cop = 208,
     .stack_info = 224,
     .phase = 2216,
     .main_root = 1592,
     .in_eval = 183,
     .aux_in_body = true,
     .op_eval = 348,
     .op_require = 345,
     .op_dofile = 346,
     .op_nextstate = 198,
     .op_scope = 203,
     .op_exit = 214,
     .op_die = 195},
    {.version = 42,
     .size = 3768,
     .cop = 208,
     .stack_info = 224,
     .phase = 2216,
     .main_root = 1592,
     .in_eval = 183,
     .aux_in_body = true,
     .op_eval = 352,
     .op_require = 349,
     .op_dofile = 350,
     .op_nextstate = 202,
     .op_scope = 207,
     .op_exit = 218,
     .op_die = 199},
};

#define CURRENT_OP 8u /* in struct interpreter, in every version */

uintptr_t perl_interpreter(void) { return perl.key ? (uintptr_t)perl.specific((pthread_key_t)*perl.key) : 0; }

static bool perl_find(struct exports *e)
{
    uint64_t size_at, version_at, length = 0;
    struct perl found = {.evaluator = exports_find(e, "Perl_runops_standard", &length)};
    uint16_t size = 0;
    uint8_t version = 0;
    if (!found.evaluator)
        return false;
    found.evaluator_end = found.evaluator + length;
    found.key = (const uint32_t *)exports_find(e, "PL_thr_key", NULL);
    found.main = (const uintptr_t *)exports_find(e, "PL_curinterp", NULL);
    size_at = exports_find(e, "PL_interp_size", NULL);
    version_at = exports_find(e, "PL_version", NULL);
    found.specific = (void *(*)(pthread_key_t))(uintptr_t)exports_find_anywhere("pthread_getspecific");
    if (!found.key || !found.specific)
        return runtime_refuse(&runtime_perl, "it is a build without threads");
    if (!found.main || !size_at || !version_at || !peek(size_at, &size, sizeof size) || !peek(version_at, &version, sizeof version))
        return runtime_refuse(&runtime_perl, "it does not export what is needed");
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        if (layouts[i].version == version && layouts[i].size == size) {
            found.layout = layouts[i];
            perl = found;
            perl_walk_reset();
            return true;
        }
    return runtime_refuse(&runtime_perl, "its version or build is not known");
}

static bool is_version(const char *s) { return s[0] == '5' && s[1] == '.'; }

/* What follows WORD in PATH; NULL: PATH does not have it. */
static const char *behind(const char *path, const char *word)
{
    const char *at = strstr(path, word);
    return at ? at + strlen(word) : NULL;
}

/* The shared objects of the modules that come with it, as Socket.so; and the program. */
static bool perl_owns(const char *path, bool is_program)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    if (is_program)
        return strncmp(base, "perl", 4) == 0 && (!base[4] || is_version(base + 4));
    if (!strstr(path, "/auto/"))
        return false;
    const char *debian = behind(path, "/perl/"), *other = behind(path, "/lib/perl5/");
    return strstr(path, "/perl-base/") || (debian && is_version(debian) && strncmp(path, "/usr/local/", 11) != 0) ||
           (other && is_version(other));
}

/* The interpreter may be freed already: a thread keeps its address. */
static bool may_read(uintptr_t a) { return a < (uintptr_t)1 << 47 && readable(a & ~(uintptr_t)7); }

/*
 * True while the program's last scopes are left, too: at its end Perl first leaves the outermost
 * block of the main program, whose variables it destroys then, and begins to destruct later. Code
 * that runs meanwhile (a DESTROY, an END block) is at another operation. The other interpreters are
 * those of threads, whose end is not the program's.
 */
static bool perl_is_ending(void)
{
    const struct perl_layout *l = &perl.layout;
    uintptr_t p = perl_interpreter(), op, root;
    uint16_t type;
    if (!p || p != *perl.main || !may_read(p + CURRENT_OP) || !may_read(p + l->phase))
        return false;
    uint32_t phase = *(const uint32_t *)(p + l->phase);
    if (phase >= PERL_DESTRUCTS)
        return phase == PERL_DESTRUCTS;
    op = *(const uintptr_t *)(p + CURRENT_OP);
    root = *(const uintptr_t *)(p + l->main_root);
    if (op == root || op % 8 || !may_read(op + offsetof(struct perl_op, type)))
        return op && op == root;
    type = ((const struct perl_op *)op)->type & PERL_OP_TYPE;
    return type == l->op_exit || (type == l->op_die && !*(const uint8_t *)(p + l->in_eval));
}

static void perl_forget(void) { perl_walk_reset(); }

const struct runtime runtime_perl = {
    .number = RUNTIME_PERL,
    .find = perl_find,
    .owns = perl_owns,
    .walk = perl_walk,
    .name = perl_name,
    .is_ending = perl_is_ending,
    .forget = perl_forget,
};
