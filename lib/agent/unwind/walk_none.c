/* SPDX-License-Identifier: MIT */
/*
 * walk_none.c: replaces the first tier in a build in which libunwind alone captures the stacks
 * (make CAPTURE=unwind, other processors).
 *
 * Linked in place of walk.c, step.c, rule.c, stack_cache.c and stack_memory.c.
 */
#include "walk.h"

#include <stddef.h>

#include "generated.h"
#include "stack_cache.h"

_Atomic(const struct generated_code *) generated_code;

bool walk_available(void) { return false; }
void walk_init(void) {}
enum walk_end walk_run(struct walk *w) { return (void)w, WALK_LOST; }
/* for the readers of generated code, which no walk asks */
bool stack_reach(struct span *s, uintptr_t a) { return (void)s, (void)a, false; }
_Atomic unsigned walk_dlcloses = 1, walk_epoch; /* nothing is recalled */
bool stack_cache_recall(const struct arch_frame *from, unsigned max, unsigned epoch, bool always, uint64_t *pcs,
                        struct stack_cache_found *r)
{
    return (void)from, (void)max, (void)epoch, (void)always, (void)pcs, (void)r, false;
}
uint64_t stack_cache_note_of(const struct arch_frame *from, unsigned max, unsigned epoch) { return (void)from, (void)max, (void)epoch, 0; }
struct stack_memo *stack_cache_begin(const struct arch_frame *from, unsigned max, unsigned epoch)
{
    return (void)from, (void)max, (void)epoch, NULL;
}
void stack_cache_end(struct stack_memo *m, const struct walk *w, enum walk_end end, bool usable, struct stack_cache_found *r)
{
    (void)m, (void)w, (void)end, (void)usable, (void)r;
}
void stack_cache_note(const struct stack_cache_found *r, uint64_t note) { (void)r, (void)note; }
void walk_dlclose_begin(void) {}
void walk_dlclose_end(void) {}
uint64_t walk_rules_parsed(void) { return 0; }
