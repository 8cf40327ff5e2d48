/* SPDX-License-Identifier: MIT */
/*
 * test_walk.c: the walk over stacks that the test wrote itself: what it follows, and what it
 * remembers.
 *
 * A stack is an array between pages that cannot be read, its code a few functions in assembly
 * whose rules are known. Where a guard keeps the walk from going astray, a valid frame lies on the
 * wrong way: a walk that takes it ends as if all were well. x86-64 only, like the walk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/unwind/walk.h"
#include "agent/unwind/generated.h"
#include "agent/unwind/rule.h"
#include "agent/unwind/stack_cache.h"
#include "agent/unwind/stack_memory.h"
#include "objects.h"

#define PAGE 4096u
#define WORDS (PAGE / 8)
#define PAGES 16u
#define BIG (12u << 20)

/*
 * Each function's only call, and the label behind it. The CFA of sp_frame is sp + 32, of fp_frame
 * rbp + 16, of loaded_frame *(rbp - 16).
 */
extern const char sp_frame[], sp_ret[], fp_ret[], loaded_ret[], end_ret[], last_instruction[], starts_here[], sp_frame_end[],
    other_signal_ret[];
__asm__(
    ".text\n"
    "sp_frame: .cfi_startproc\n sub $24, %rsp\n .cfi_def_cfa_offset 32\n call sp_frame\nsp_ret: add $24, %rsp\n ret\n "
    ".cfi_endproc\nsp_frame_end:\n"
    "fp_frame: .cfi_startproc\n push %rbp\n .cfi_def_cfa_offset 16\n .cfi_offset %rbp, -16\n mov %rsp, %rbp\n .cfi_def_cfa_register %rbp\n"
    " call fp_frame\nfp_ret: leave\n ret\n .cfi_endproc\n"
    "loaded_frame: .cfi_startproc\n .cfi_escape 0x0f, 3, 0x76, 0x70, 0x06\n call loaded_frame\nloaded_ret: ret\n .cfi_endproc\n"
    "end_frame: .cfi_startproc\n .cfi_undefined %rip\n call end_frame\nend_ret: hlt\n .cfi_endproc\n"
    "last_frame: .cfi_startproc\n sub $24, %rsp\n .cfi_def_cfa_offset 32\nlast_instruction: hlt\n .cfi_endproc\n"
    "starts_here: .cfi_startproc\n nop\n nop\n nop\n ret\n .cfi_endproc\n"
    "other_signal: .cfi_startproc\n .cfi_signal_frame\n sub $24, %rsp\n .cfi_def_cfa_offset 32\n call other_signal\nother_signal_ret: ret\n"
    " .cfi_endproc\n");
#define AT(label) ((uintptr_t)(label))

static uint64_t *s, *big; /* a stack of PAGES pages, one of BIG bytes */
static uint64_t pcs[64];
static struct walk w;
static enum walk_end end;

static void *between_holes(size_t size, int protection)
{
    char *p = mmap(NULL, size + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(p, MAP_FAILED);
    assert_int_equal(mprotect(p + PAGE, size, protection), 0);
    return p + PAGE;
}

static int clean(void **state)
{
    (void)state;
    if (!s) {
        s = between_holes(PAGES * PAGE, PROT_READ | PROT_WRITE);
        big = between_holes(BIG, PROT_READ | PROT_WRITE);
    }
    memset(s, 0, PAGES * PAGE);
    memset(pcs, 0, sizeof pcs);
    walk_dlclose_begin(); /* nothing is remembered of the test before */
    walk_dlclose_end();
    return 0;
}

static void walk(uintptr_t pc, const void *sp, const void *fp)
{
    w = (struct walk){.at = {.pc = pc, .sp = (uintptr_t)sp, .fp = (uintptr_t)fp}, .max = 64, .pcs = pcs};
    end = walk_run(&w);
}
static void walk_interrupted(uintptr_t pc, const void *sp, const void *fp)
{
    w = (struct walk){.at = {.pc = pc, .sp = (uintptr_t)sp, .fp = (uintptr_t)fp}, .exact = true, .max = 64, .pcs = pcs};
    end = walk_run(&w);
}
#define ENDS(how, count)              \
    do {                              \
        assert_int_equal(w.n, count); \
        assert_int_equal(end, how);   \
    } while (0)

/* ---- frames ---------------------------------------------------------------------------------------------------- */

static void a_whole_stack_is_walked_to_its_end(void **state)
{
    (void)state;
    s[3] = AT(fp_ret);
    s[6] = 0;
    s[7] = AT(loaded_ret);
    walk(AT(sp_ret), s, &s[6]);
    ENDS(WALK_LOST, 3); /* its frame pointer is 0 */
    s[6] = (uint64_t)&s[20];
    s[18] = (uint64_t)&s[30];
    s[29] = AT(end_ret);
    walk(AT(sp_ret), s, &s[6]);
    ENDS(WALK_OUTERMOST, 4);
    assert_int_equal(pcs[0], AT(sp_ret));
    assert_int_equal(pcs[1], AT(fp_ret));
    assert_int_equal(pcs[2], AT(loaded_ret));
    assert_int_equal(pcs[3], AT(end_ret));
    assert_false(w.in_signal);
}

static void a_frame_pointer_that_leads_down_far_away_or_to_an_odd_address_is_not_followed(void **state)
{
    (void)state;
    s[1] = AT(end_ret);
    walk(AT(fp_ret), &s[4], &s[0]);
    ENDS(WALK_LOST, 1);
    s[3] = AT(end_ret);
    walk(AT(fp_ret), &s[4], &s[2]); /* nor to where the stack is already */
    ENDS(WALK_LOST, 1);
    big[(9 << 17) + 1] = AT(end_ret);
    walk(AT(fp_ret), big, &big[9 << 17]);
    ENDS(WALK_LOST, 1);
    uint64_t to = AT(end_ret);
    memcpy((char *)&s[9] + 1, &to, sizeof to);
    walk(AT(fp_ret), &s[4], (char *)&s[8] + 1);
    ENDS(WALK_LOST, 1);
    s[9] = to;
    walk(AT(fp_ret), &s[4], &s[8]);
    ENDS(WALK_OUTERMOST, 2);
}

static void a_loaded_frame_address_is_held_to_the_same(void **state)
{
    (void)state;
    s[1] = AT(end_ret);
    s[18] = (uint64_t)&s[2];
    walk(AT(loaded_ret), &s[4], &s[20]);
    ENDS(WALK_LOST, 1);
    uint64_t to = AT(end_ret);
    memcpy((char *)&s[29] + 1, &to, sizeof to);
    s[18] = (uint64_t)&s[30] + 1;
    walk(AT(loaded_ret), &s[4], &s[20]);
    ENDS(WALK_LOST, 1);
    s[29] = to;
    s[18] = (uint64_t)&s[30];
    walk(AT(loaded_ret), &s[4], &s[20]);
    ENDS(WALK_OUTERMOST, 2);
}

static void a_frame_that_lies_where_nothing_can_be_read_ends_the_walk_without_a_fault(void **state)
{
    (void)state;
    walk(AT(fp_ret), &s[4], (char *)s + PAGES * PAGE); /* the page behind the stack */
    ENDS(WALK_LOST, 1);
    walk(AT(sp_ret), (char *)s + PAGES * PAGE - 16, NULL);
    ENDS(WALK_LOST, 1);
    s[PAGES * WORDS - 1] = AT(end_ret); /* on another page than where it began */
    walk(AT(sp_ret), &s[PAGES * WORDS - 4], NULL);
    ENDS(WALK_OUTERMOST, 2);
    walk(AT(fp_ret), s, &s[PAGES * WORDS - 2]);
    ENDS(WALK_OUTERMOST, 2);
}

static void an_address_that_is_no_code_is_not_recorded(void **state)
{
    (void)state;
    uint64_t *data = between_holes(PAGE, PROT_READ);
    s[3] = (uint64_t)&data[8];
    walk(AT(sp_ret), s, NULL);
    ENDS(WALK_LOST, 1);
    assert_int_equal(w.at.pc, AT(sp_ret));
    munmap((char *)data - PAGE, 3 * PAGE);
}

static void frames_of_our_own_come_to_an_end(void **state)
{
    (void)state;
    struct span ours = {.lo = AT(sp_frame), .len = AT(sp_frame_end) - AT(sp_frame)};
    for (unsigned i = 0; i < 100; i++)
        s[4 * i + 3] = AT(sp_ret);
    s[403] = AT(end_ret);
    w = (struct walk){.at = {.pc = AT(sp_ret), .sp = (uintptr_t)s}, .max = 64, .pcs = pcs, .hidden = ours};
    assert_int_equal(walk_run(&w), WALK_OUTERMOST);
    assert_int_equal(w.n, 1);
    for (unsigned i = 0; i < 400; i++)
        s[4 * i + 3] = AT(sp_ret);
    s[1603] = AT(end_ret);
    w = (struct walk){.at = {.pc = AT(sp_ret), .sp = (uintptr_t)s}, .max = 64, .pcs = pcs, .hidden = ours};
    assert_int_equal(walk_run(&w), WALK_LOST);
    assert_int_equal(w.n, 0);
}

/* ---- beginnings of functions ----------------------------------------------------------------------------------- */

static void an_interrupted_last_instruction_and_a_coroutine_that_begins_behind_it_keep_their_own_rules(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        memset(s, 0, PAGE);
        s[3] = AT(end_ret);
        walk_interrupted(AT(last_instruction), s, NULL);
        ENDS(WALK_OUTERMOST, 2);
        assert_int_equal(pcs[0], AT(starts_here));
        s[3] = AT(starts_here);
        s[7] = AT(end_ret); /* by the rule of the other function */
        walk(AT(sp_ret), s, NULL);
        ENDS(WALK_OUTERMOST, 2);
        assert_int_equal(pcs[1], AT(starts_here));
    }
}

static void a_coroutine_that_has_not_begun_goes_on_with_its_first_caller_if_that_is_code(void **state)
{
    (void)state;
    s[3] = AT(starts_here);
    s[4] = AT(sp_ret);
    s[8] = AT(end_ret);
    walk(AT(sp_ret), s, NULL);
    ENDS(WALK_OUTERMOST, 4);
    s[4] = 4711;
    walk(AT(sp_ret), s, NULL);
    ENDS(WALK_OUTERMOST, 2);
    s[4] = AT(sp_frame) + 1; /* in a function's middle, where no call leads back to */
    walk(AT(sp_ret), s, NULL);
    ENDS(WALK_OUTERMOST, 2);
}

static void no_rule_outlives_a_dlclose(void **state)
{
    (void)state;
    s[3] = AT(end_ret);
    walk(AT(sp_ret), s, NULL);
    uint64_t before = walk_rules_parsed();
    walk(AT(sp_ret), s, NULL);
    assert_int_equal(walk_rules_parsed(), before);
    walk_dlclose_begin();
    walk(AT(sp_ret), s, NULL);
    assert_int_equal(walk_rules_parsed(), before + 2);
    walk_dlclose_end();
    walk(AT(sp_ret), s, NULL);
    assert_int_equal(walk_rules_parsed(), before + 4);
    ENDS(WALK_OUTERMOST, 2);
}

/* ---- code without tables --------------------------------------------------------------------------------------- */

static unsigned char *made; /* two pages, nothing before */
static void make_code(void)
{
    static const unsigned char call[] = {0xff, 0xd7}, stub[] = {0xff, 0x25, 0, 0, 0, 0}, sigreturn[] = "\x48\xc7\xc0\x0f\0\0\0\x0f\x05";
    if (!made)
        made = between_holes(2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    memset(made, 0x90, 2 * PAGE);
    memcpy(made, call, sizeof call);
    memcpy(made + 256, call, sizeof call);
    memcpy(made + 512, stub, sizeof stub);
    memcpy(made + 768, sigreturn, sizeof sigreturn - 1);
}
#define CALLED_FIRST ((uintptr_t)made + 2)
#define CALLED ((uintptr_t)made + 258)
#define STUB ((uintptr_t)made + 512)
#define SIGRETURN ((uintptr_t)made + 768)

static void code_without_tables_is_left_by_its_frame_pointer_if_that_leads_to_a_call(void **state)
{
    (void)state;
    make_code();
    s[7] = AT(end_ret);
    walk(CALLED, s, &s[6]);
    ENDS(WALK_OUTERMOST, 2);
    walk(CALLED_FIRST, s, &s[6]); /* what lies before it cannot be read */
    ENDS(WALK_OUTERMOST, 2);
    s[7] = AT(end_ret) - 1;
    walk(CALLED, s, &s[6]);
    ENDS(WALK_LOST, 1);
    s[7] = 8;
    walk(CALLED, s, &s[6]);
    ENDS(WALK_LOST, 1);
}

static void a_number_in_the_frame_pointers_register_is_not_followed(void **state)
{
    (void)state;
    make_code();
    s[1] = AT(end_ret);
    walk(CALLED, &s[4], &s[0]);
    ENDS(WALK_LOST, 1);
    s[32 * 128 + 1] = AT(end_ret);
    walk(CALLED, s, &s[32 * 128]);
    ENDS(WALK_LOST, 1);
    uint64_t to = AT(end_ret);
    memcpy((char *)&s[9] + 1, &to, sizeof to);
    walk(CALLED, s, (char *)&s[8] + 1);
    ENDS(WALK_LOST, 1);
}

static void code_without_tables_that_no_call_leads_back_to_is_not_left(void **state)
{
    (void)state;
    make_code();
    s[7] = AT(end_ret);
    walk((uintptr_t)made + 400, s, &s[6]);
    ENDS(WALK_LOST, 0);
}

static void an_interrupted_linkage_stub_and_a_call_through_a_wild_pointer_are_left_by_the_stack(void **state)
{
    (void)state;
    make_code();
    s[0] = AT(end_ret);
    walk_interrupted(STUB, s, NULL);
    ENDS(WALK_OUTERMOST, 2);
    walk_interrupted(16, s, NULL);
    ENDS(WALK_OUTERMOST, 2);
}

static void a_rule_of_code_without_tables_is_not_remembered(void **state)
{
    (void)state;
    bool keep = true;
    make_code();
    assert_int_equal(rule_of(CALLED, false, &keep), RULE_NONE);
    assert_false(keep);
    assert_int_equal(rule_of((uintptr_t)made + 400, false, &keep), RULE_BOGUS);
    assert_false(keep);
    rule_of(AT(sp_ret), false, &keep);
    assert_true(keep);
}

static void the_rule_of_an_address_at_the_beginning_of_a_mapping_is_found_without_a_fault(void **state)
{
    (void)state;
    bool keep;
    make_code();
    assert_int_equal(rule_of((uintptr_t)made, false, &keep), RULE_BOGUS);
    assert_int_equal(rule_of(CALLED_FIRST, false, &keep), RULE_BOGUS);
    assert_int_equal(rule_of((uintptr_t)made + 2 * PAGE + 4, false, &keep), RULE_BOGUS);
}

static void a_library_with_holes_between_its_segments_is_understood(void **state)
{
    (void)state;
    objects_write("h.c", "int data = 3; int f(int (*g)(int)) { return g(data) + 1; }");
    assert_int_equal(objects_run("cc -O1 -shared -fPIC -Wl,-z,max-page-size=0x200000 -Wl,-z,separate-code -o h.so h.c"), 0);
    void *library = dlopen(objects_path("h.so"), RTLD_NOW);
    assert_non_null(library);
    struct cfi_row row;
    int called;
    uintptr_t f = (uintptr_t)dlsym(library, "f");
    assert_int_equal(rule_row(f + 2, true, &called, &row), CFI_OK);
    assert_int_equal(row.start, f);
    dlclose(library);
}

/* ---- signal frames --------------------------------------------------------------------------------------------- */

static void a_signal_frame_leads_to_what_was_interrupted(void **state)
{
    (void)state;
    make_code();
    uint64_t *other = &s[8 * WORDS];
    s[ARCH_UC_PC / 8] = AT(sp_ret);
    s[ARCH_UC_SP / 8] = (uint64_t)other;
    other[3] = AT(end_ret);
    walk(SIGRETURN, s, NULL);
    ENDS(WALK_OUTERMOST, 3);
    assert_int_equal(pcs[1], AT(sp_ret) + 1);
    assert_true(w.in_signal);
    /* One of another shape is not taken for it. */
    walk(AT(other_signal_ret), s, NULL);
    ENDS(WALK_LOST, 1);
}

static void a_signal_frame_that_the_handler_has_written_to_is_not_believed(void **state)
{
    (void)state;
    make_code();
    s[ARCH_UC_PC / 8] = AT(sp_ret);
    s[ARCH_UC_SP / 8] = (uint64_t)&s[64] + 4;
    walk(SIGRETURN, s, NULL);
    ENDS(WALK_LOST, 0); /* by its code alone it is no signal frame then */
    assert_false(w.in_signal);
    s[ARCH_UC_SP / 8] = (uint64_t)s + PAGES * PAGE + 64; /* cannot be read */
    walk(SIGRETURN, s, NULL);
    ENDS(WALK_LOST, 2);
}

/* ---- what can be read ------------------------------------------------------------------------------------------ */

static void only_what_is_known_to_be_a_stack_is_taken_for_readable_beyond_a_page(void **state)
{
    (void)state;
    extern void *__libc_stack_end;
    uintptr_t top = (uintptr_t)__libc_stack_end & ~(uintptr_t)7, here = (uintptr_t)__builtin_frame_address(0);
    struct span span = stack_span(here);
    assert_int_equal(span.lo + span.len, top);
    assert_true(stack_span(top - (100u << 20)).len <= PAGE);
    assert_true(stack_span(arch_thread_pointer() - (4 * PAGE)).len <= PAGE); /* what lies there of the first thread is no stack */
    assert_true(stack_span((uintptr_t)&s[4]).len <= PAGE);
}

static void *in_thread(void *arg)
{
    uintptr_t *bad = arg, thread = arch_thread_pointer() & ~(uintptr_t)7, here = (uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)7;
    struct span span = stack_span(here), below = stack_span(thread - (512u << 10)); /* its stack is smaller */
    *bad = span.lo + span.len != thread || below.len > PAGE;
    below = stack_span(thread - (512u << 10)); /* the same when it has been looked over */
    span = stack_span(here - 2 * PAGE);
    *bad |= below.len > PAGE || span.lo + span.len != thread;
    span = stack_span(thread - (60u << 10)); /* far below, and its own */
    *bad |= span.lo + span.len != thread;
    return NULL;
}
static void a_threads_stack_reaches_as_far_down_as_it_can_be_read(void **state)
{
    (void)state;
    pthread_attr_t a;
    pthread_t t;
    uintptr_t bad = 1;
    pthread_attr_init(&a);
    pthread_attr_setstacksize(&a, 128 << 10);
    pthread_attr_setguardsize(&a, 64 << 10);
    assert_int_equal(pthread_create(&t, &a, in_thread, &bad), 0);
    pthread_join(t, NULL);
    pthread_attr_destroy(&a);
    assert_int_equal(bad, 0);
}

static void a_word_is_reached_only_at_a_whole_address_that_can_be_read(void **state)
{
    (void)state;
    struct span span = stack_span((uintptr_t)s);
    assert_false(stack_reach(&span, (uintptr_t)&s[WORDS] + 4));
    assert_false(stack_reach(&span, 8));
    assert_false(stack_reach(&span, (uintptr_t)s + PAGES * PAGE));
    assert_true(stack_reach(&span, (uintptr_t)&s[WORDS]));
    assert_int_equal(span.lo, (uintptr_t)s);
    assert_int_equal(span.len, 2 * PAGE);
    assert_true(stack_reach(&span, (uintptr_t)&s[4 * WORDS + 3]));
    assert_int_equal(span.lo, (uintptr_t)&s[4 * WORDS]);
    assert_int_equal(span.len, PAGE);
}

/* ---- stacks that are remembered -------------------------------------------------------------------------------- */

static struct stack_cache_found r;
static struct arch_frame from;

static bool remembered(unsigned max)
{
    unsigned epoch;
    assert_true(walk_may_recall(&epoch));
    struct stack_memo *memo = stack_cache_begin(&from, max, epoch);
    assert_non_null(memo);
    w = (struct walk){.memo = memo, .at = from, .max = max, .pcs = pcs};
    end = walk_run(&w);
    bool usable = w.memo != NULL && end != WALK_LOST;
    stack_cache_end(memo, &w, end, usable, &r);
    return usable;
}
static bool recalled(unsigned max)
{
    unsigned epoch;
    memset(pcs, 0, sizeof pcs);
    return walk_may_recall(&epoch) && stack_cache_recall(&from, max, epoch, true, pcs, &r);
}

static void a_remembered_stack_is_recognized_by_every_word_that_its_walk_went_by(void **state)
{
    (void)state;
    s[3] = AT(fp_ret);
    s[6] = (uint64_t)&s[20];
    s[7] = AT(fp_ret);
    s[21] = AT(end_ret);
    s[31] = AT(end_ret);
    from = (struct arch_frame){.pc = AT(sp_ret), .sp = (uintptr_t)s, .fp = (uintptr_t)&s[6]};
    assert_true(remembered(64));
    assert_true(recalled(64));
    assert_int_equal(r.n, 4);
    assert_int_equal(r.end, WALK_OUTERMOST);
    assert_int_equal(pcs[3], AT(end_ret));
    static const unsigned matter[] = {3, 6, 7, 21};
    for (unsigned i = 0; i < 4; i++) {
        s[matter[i]] += 16;
        assert_false(recalled(64));
        s[matter[i]] -= 16;
        assert_true(recalled(64));
    }
    s[5]++; /* nothing depends on this one */
    assert_true(recalled(64));
    from.fp += 16;
    assert_false(recalled(64));
    from.fp -= 16;
    from.pc = AT(fp_ret);
    assert_false(recalled(64));
    from.pc = AT(sp_ret);
    assert_false(recalled(3));
    assert_true(recalled(64));
}

/* From an entry that held a stack without hidden frames, and of one whose first frame alone is hidden. */
static void the_addresses_of_a_remembered_stack_leave_out_the_hidden_frames(void **state)
{
    (void)state;
    unsigned epoch;
    s[3] = AT(fp_ret);
    s[6] = (uint64_t)&s[20];
    s[7] = AT(fp_ret);
    s[21] = AT(end_ret);
    from = (struct arch_frame){.pc = AT(sp_ret), .sp = (uintptr_t)s, .fp = (uintptr_t)&s[6]};
    for (unsigned i = 0; i < 4; i++)
        assert_true(remembered(64));
    assert_true(recalled(64));
    assert_int_equal(r.n, 4);
    assert_int_equal(pcs[0], AT(sp_ret));
    for (unsigned i = 0; i < 4; i++) {
        walk_may_recall(&epoch);
        struct stack_memo *memo = stack_cache_begin(&from, 64, epoch);
        w = (struct walk){.memo = memo, .at = from, .max = 64, .pcs = pcs, .hidden = {AT(sp_ret), 1}};
        end = walk_run(&w);
        assert_int_equal(w.n, 3);
        stack_cache_end(memo, &w, end, true, &r);
    }
    assert_true(recalled(64));
    assert_int_equal(r.n, 3);
    assert_int_equal(pcs[0], AT(fp_ret));
    assert_int_equal(pcs[2], AT(end_ret));
    assert_int_equal(pcs[3], 0);
}

static void a_stack_with_an_address_that_its_walk_did_not_read_is_not_remembered(void **state)
{
    (void)state;
    unsigned epoch;
    s[3] = AT(end_ret);
    from = (struct arch_frame){.pc = AT(sp_ret), .sp = (uintptr_t)s};
    walk_may_recall(&epoch);
    struct stack_memo *memo = stack_cache_begin(&from, 64, epoch);
    w = (struct walk){.memo = memo, .at = from, .max = 64, .pcs = pcs};
    end = walk_run(&w);
    assert_int_equal(w.n, 2);
    pcs[w.n++] = 4711;
    stack_cache_end(memo, &w, end, true, &r);
    assert_null(r.memo);
    assert_false(recalled(64));
}

static void a_stack_that_did_not_need_its_frame_pointer_is_recognized_without(void **state)
{
    (void)state;
    s[3] = AT(fp_ret);
    s[7] = AT(end_ret);
    from = (struct arch_frame){.pc = AT(sp_ret), .sp = (uintptr_t)s, .fp = (uintptr_t)&s[6]};
    for (unsigned i = 0; i < 4; i++) /* one that needs it, in all ways of this place */
        assert_true(remembered(64));
    s[3] = AT(end_ret);
    for (unsigned i = 0; i < 4; i++)
        assert_true(remembered(64));
    from.fp = 4711;
    assert_true(recalled(64));
}

static void no_stack_is_recalled_while_a_library_is_unloaded_nor_from_before(void **state)
{
    (void)state;
    unsigned epoch;
    s[3] = AT(end_ret);
    from = (struct arch_frame){.pc = AT(sp_ret), .sp = (uintptr_t)s};
    assert_true(remembered(64));
    assert_true(recalled(64));
    walk_dlclose_begin();
    assert_false(walk_may_recall(&epoch));
    walk_dlclose_end();
    assert_true(walk_may_recall(&epoch));
    assert_false(recalled(64));
}

static void what_a_stack_cannot_be_recognized_by_is_not_remembered(void **state)
{
    (void)state;
    make_code();
    s[3] = AT(starts_here);
    from = (struct arch_frame){.pc = AT(sp_ret), .sp = (uintptr_t)s};
    assert_false(remembered(64));
    assert_int_equal(end, WALK_OUTERMOST);
    assert_false(recalled(64));
    s[3] = CALLED;
    s[7] = AT(end_ret);
    from.fp = (uintptr_t)&s[6];
    assert_false(remembered(64));
    assert_int_equal(end, WALK_OUTERMOST);
    assert_false(recalled(64));
    for (unsigned i = 0; i < 120; i++)
        s[4 * i + 3] = AT(sp_ret);
    s[4 * 120 + 3] = AT(end_ret);
    uint64_t many[128];
    unsigned epoch;
    walk_may_recall(&epoch);
    struct stack_memo *memo = stack_cache_begin(&from, 64, epoch);
    w = (struct walk){.memo = memo, .at = from, .max = 128, .pcs = many}; /* more words than there is room for */
    assert_int_equal(walk_run(&w), WALK_OUTERMOST);
    assert_null(w.memo);
    w.n = 0;
    stack_cache_end(memo, &w, WALK_OUTERMOST, false, &r);
    assert_null(r.memo);
}

static void a_word_is_taken_down_only_above_the_beginning_and_while_there_is_room(void **state)
{
    (void)state;
    unsigned epoch;
    walk_may_recall(&epoch);
    from = (struct arch_frame){.pc = AT(sp_ret), .sp = (uintptr_t)&big[8]};
    struct stack_memo *memo = stack_cache_begin(&from, 64, epoch);
    assert_false(stack_cache_word(memo, (uintptr_t)&big[7], 0));
    assert_false(stack_cache_word(memo, (uintptr_t)&big[9] + 4, 0));
    assert_false(stack_cache_word(memo, (uintptr_t)&big[8 + 65536], 0));
    for (unsigned i = 0; i < MEMO_WORDS; i++)
        assert_true(stack_cache_word(memo, (uintptr_t)&big[8 + 65535], i));
    assert_false(stack_cache_word(memo, (uintptr_t)&big[9], 0));
    w = (struct walk){.n = 0};
    stack_cache_end(memo, &w, WALK_LOST, false, &r);
}

static void a_remembered_stack_is_compared_only_where_the_present_one_can_be_read(void **state)
{
    (void)state;
    uint64_t *two = between_holes(2 * PAGE, PROT_READ | PROT_WRITE), *begin = &two[WORDS - 2];
    begin[3] = AT(end_ret); /* on the second page */
    from = (struct arch_frame){.pc = AT(sp_ret), .sp = (uintptr_t)begin};
    remembered(64);
    mprotect(&two[WORDS], PAGE, PROT_NONE);
    assert_false(recalled(64));
    munmap((char *)two - PAGE, 4 * PAGE);
}

static void *begins(void *epoch) { return stack_cache_begin(&from, 64, *(unsigned *)epoch); }
static struct stack_memo *begun_by_another_thread(unsigned epoch)
{
    pthread_t thread;
    void *memo;
    assert_int_equal(pthread_create(&thread, NULL, begins, &epoch), 0);
    assert_int_equal(pthread_join(thread, &memo), 0);
    return memo;
}

static void an_entry_in_the_making_is_neither_recalled_nor_taken(void **state)
{
    (void)state;
    unsigned epoch;
    walk_may_recall(&epoch);
    s[3] = AT(end_ret);
    from = (struct arch_frame){.pc = AT(sp_ret), .sp = (uintptr_t)s};
    struct stack_memo *memo[5] = {0};
    for (unsigned i = 0; i < 4; i++) {
        memo[i] = begun_by_another_thread(epoch);
        assert_non_null(memo[i]);
        assert_false(recalled(64));
    }
    assert_null(stack_cache_begin(&from, 64, epoch)); /* all ways of its place are in the making */
    w = (struct walk){.n = 0};
    for (unsigned i = 0; i < 4; i++)
        stack_cache_end(memo[i], &w, WALK_LOST, false, &r);
    assert_false(recalled(64));
    assert_true(remembered(64));
    assert_true(recalled(64));
}

static void a_note_goes_with_its_stack(void **state)
{
    (void)state;
    unsigned epoch;
    s[3] = AT(end_ret);
    from = (struct arch_frame){.pc = AT(sp_ret), .sp = (uintptr_t)s};
    struct stack_cache_found first = {0};
    for (unsigned i = 0; i < 4; i++) { /* the way that is looked at first */
        assert_true(remembered(64));
        first = !first.memo || r.memo < first.memo ? r : first;
    }
    stack_cache_note(&first, 11);
    assert_true(recalled(64));
    assert_int_equal(r.note, 11);
    assert_int_equal(pcs[0], AT(sp_ret)); /* wanted always */
    walk_may_recall(&epoch);
    memset(pcs, 0, sizeof pcs);
    assert_true(stack_cache_recall(&from, 64, epoch, false, pcs, &r));
    assert_int_equal(r.n, 2);
    assert_int_equal(pcs[0], 0); /* the note is enough */
    struct stack_cache_found late = r;
    s[3] = AT(fp_ret);
    from.fp = (uintptr_t)&s[6];
    s[7] = AT(end_ret);
    for (unsigned i = 0; i < 4; i++) { /* all ways of this place are another stack's */
        assert_true(remembered(64));
        assert_int_equal(r.note, 0);
    }
    assert_true(recalled(64));
    assert_int_equal(r.note, 0);
    stack_cache_note(&late, 22); /* of an entry that has been given away */
    assert_true(recalled(64));
    assert_int_equal(r.note, 0);
}

static uint64_t note_of(unsigned kind)
{
    unsigned epoch;
    return walk_may_recall(&epoch) ? stack_cache_note_of(&from, 64 | kind << STACK_CACHE_KIND, epoch) : 0;
}

static void the_note_of_each_stack_that_begins_alike_is_found(void **state)
{
    (void)state;
    uintptr_t way[2] = {AT(end_ret), AT(fp_ret)};
    from = (struct arch_frame){.pc = AT(sp_ret), .sp = (uintptr_t)s, .fp = (uintptr_t)&s[6]};
    s[7] = AT(end_ret);
    for (unsigned i = 0; i < 2; i++) {
        s[3] = way[i];
        assert_true(remembered(64));
        stack_cache_note(&r, 11 * (i + 1));
    }
    for (unsigned i = 0; i < 8; i++) {
        s[3] = way[i / 2 % 2];
        assert_int_equal(note_of(0), 11 * (i / 2 % 2 + 1));
        assert_int_equal(note_of(1), 0); /* of another kind */
    }
    s[3] = AT(sp_ret);
    assert_int_equal(note_of(0), 0);
    s[3] = way[0];
    walk_dlclose_begin();
    assert_int_equal(note_of(0), 0);
    walk_dlclose_end();
    assert_int_equal(note_of(0), 0); /* its code may be another's */
}

/* ---- code that a runtime has generated -------------------------------------------------------------------------- */

#define GENERATED CALLED /* its frames are of four words, and have no frame pointer */
static unsigned stepped;

static bool holds(uintptr_t entry) { return entry == GENERATED; }

static enum generated_step step(struct walk *walk_here)
{
    uintptr_t pc;
    stepped++;
    assert_ptr_equal(walk_here->collect, &stepped);
    if (!stack_load(&walk_here->span, walk_here->at.sp + 24, &pc) || pc == 4711)
        return GENERATED_END;
    walk_here->at = (struct arch_frame){.pc = pc, .sp = walk_here->at.sp + 32};
    return GENERATED_PASSED;
}
static const struct generated_code code = {.holds = holds, .step = step};

static void generate(void)
{
    make_code();
    stepped = 0;
    generated_code = &code;
}
static int no_code(void **state)
{
    (void)state;
    generated_code = NULL;
    return 0;
}
static void walk_and_collect(uintptr_t pc, const void *sp, const void *fp)
{
    w = (struct walk){.at = {.pc = pc, .sp = (uintptr_t)sp, .fp = (uintptr_t)fp}, .max = 64, .pcs = pcs, .collect = &stepped};
    end = walk_run(&w);
}

static void a_walk_that_collects_goes_on_behind_generated_code(void **state)
{
    (void)state;
    generate();
    s[3] = s[11] = GENERATED;
    s[7] = AT(sp_ret);
    s[15] = AT(end_ret);
    walk_and_collect(AT(sp_ret), s, NULL);
    ENDS(WALK_OUTERMOST, 3);
    assert_int_equal(stepped, 2);
    unsigned epoch;
    walk_may_recall(&epoch);
    from = (struct arch_frame){.pc = AT(sp_ret), .sp = (uintptr_t)s};
    struct stack_memo *memo = stack_cache_begin(&from, 64, epoch);
    w = (struct walk){.memo = memo, .at = from, .max = 64, .pcs = pcs, .collect = &stepped};
    walk_run(&w);
    assert_null(w.memo); /* other code may take its place */
    stack_cache_end(memo, &w, WALK_OUTERMOST, false, &r);
    assert_int_equal(pcs[1], AT(sp_ret));
    assert_int_equal(pcs[2], AT(end_ret));
    s[15] = 4711; /* whose frames cannot be left */
    walk_and_collect(AT(sp_ret), s, NULL);
    ENDS(WALK_GENERATED, 2);
}

static void a_walk_without_ends_where_generated_code_begins_and_is_remembered(void **state)
{
    (void)state;
    generate();
    s[3] = GENERATED;
    s[7] = AT(end_ret);
    walk(AT(sp_ret), s, NULL);
    ENDS(WALK_GENERATED, 1);
    assert_int_equal(stepped, 0);
    from = (struct arch_frame){.pc = AT(sp_ret), .sp = (uintptr_t)s};
    assert_true(remembered(64));
    assert_true(recalled(64));
    assert_int_equal(r.n, 1);
    assert_int_equal(r.end, WALK_GENERATED);
    s[3] = AT(end_ret); /* other code called now */
    assert_false(recalled(64));
}

static void generated_code_is_left_by_its_frame_pointer_where_the_stack_pointer_may_be_wrong(void **state)
{
    (void)state;
    generate();
    s[3] = AT(sp_ret); /* where its own frame would lead to */
    s[7] = AT(end_ret);
    walk_interrupted(GENERATED - 1, s, &s[6]);
    ENDS(WALK_OUTERMOST, 2);
    s[7] = GENERATED; /* behind a frame that was left by a guess */
    s[6] = (uint64_t)&s[20];
    s[11] = AT(sp_ret);
    s[21] = AT(end_ret);
    walk_and_collect(CALLED_FIRST, s, &s[6]);
    ENDS(WALK_OUTERMOST, 3);
    assert_int_equal(stepped, 0);
    s[3] = GENERATED;
    w = (struct walk){.at = {.pc = AT(sp_ret), .sp = (uintptr_t)s}, .in_signal = true, .max = 64, .pcs = pcs, .collect = &stepped};
    walk_run(&w);
    assert_int_equal(stepped, 0);
}

#define CASE(f) cmocka_unit_test_setup(f, clean)
#define CASE_GENERATED(f) cmocka_unit_test_setup_teardown(f, clean, no_code)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_whole_stack_is_walked_to_its_end),
        CASE(a_frame_pointer_that_leads_down_far_away_or_to_an_odd_address_is_not_followed),
        CASE(a_loaded_frame_address_is_held_to_the_same),
        CASE(a_frame_that_lies_where_nothing_can_be_read_ends_the_walk_without_a_fault),
        CASE(an_address_that_is_no_code_is_not_recorded),
        CASE(frames_of_our_own_come_to_an_end),
        CASE(an_interrupted_last_instruction_and_a_coroutine_that_begins_behind_it_keep_their_own_rules),
        CASE(a_coroutine_that_has_not_begun_goes_on_with_its_first_caller_if_that_is_code),
        CASE(no_rule_outlives_a_dlclose),
        CASE(code_without_tables_is_left_by_its_frame_pointer_if_that_leads_to_a_call),
        CASE(a_number_in_the_frame_pointers_register_is_not_followed),
        CASE(code_without_tables_that_no_call_leads_back_to_is_not_left),
        CASE(an_interrupted_linkage_stub_and_a_call_through_a_wild_pointer_are_left_by_the_stack),
        CASE(a_rule_of_code_without_tables_is_not_remembered),
        CASE(the_rule_of_an_address_at_the_beginning_of_a_mapping_is_found_without_a_fault),
        CASE(a_library_with_holes_between_its_segments_is_understood),
        CASE(a_signal_frame_leads_to_what_was_interrupted),
        CASE(a_signal_frame_that_the_handler_has_written_to_is_not_believed),
        CASE(only_what_is_known_to_be_a_stack_is_taken_for_readable_beyond_a_page),
        CASE(a_threads_stack_reaches_as_far_down_as_it_can_be_read),
        CASE(a_word_is_reached_only_at_a_whole_address_that_can_be_read),
        CASE(a_remembered_stack_is_recognized_by_every_word_that_its_walk_went_by),
        CASE(the_addresses_of_a_remembered_stack_leave_out_the_hidden_frames),
        CASE(a_stack_with_an_address_that_its_walk_did_not_read_is_not_remembered),
        CASE(a_stack_that_did_not_need_its_frame_pointer_is_recognized_without),
        CASE(no_stack_is_recalled_while_a_library_is_unloaded_nor_from_before),
        CASE(what_a_stack_cannot_be_recognized_by_is_not_remembered),
        CASE(a_word_is_taken_down_only_above_the_beginning_and_while_there_is_room),
        CASE(a_remembered_stack_is_compared_only_where_the_present_one_can_be_read),
        CASE(an_entry_in_the_making_is_neither_recalled_nor_taken),
        CASE(a_note_goes_with_its_stack),
        CASE(the_note_of_each_stack_that_begins_alike_is_found),
        CASE_GENERATED(a_walk_that_collects_goes_on_behind_generated_code),
        CASE_GENERATED(a_walk_without_ends_where_generated_code_begins_and_is_remembered),
        CASE_GENERATED(generated_code_is_left_by_its_frame_pointer_where_the_stack_pointer_may_be_wrong),
    };
    if (!walk_available()) /* a build with the second tier alone */
        return 0;
    walk_init();
    return cmocka_run_group_tests(tests, objects_setup, objects_teardown);
}
