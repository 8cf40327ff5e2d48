/* SPDX-License-Identifier: MIT */
/*
 * strange.c: stacks that no compiler makes: assembly without rules and with false ones, code made
 * at run time, stacks that the program made itself, a frame pointer that is a number, overwritten
 * frames, a call through a wild pointer, a handler on a tiny signal stack.
 *
 * Each case says what must be found; in all of them nothing may fault or run forever.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "check.h"

enum { IN_SIGNAL = 1, CUT = 2, NESTED = 4, BROKEN = 8 };

static uint64_t pcs[64];
static unsigned n, flags;
static int loose; /* libunwind alone: what it guesses of frames without rules is not right in all versions */
volatile int after;

static void fail(const char *what)
{
    char line[256];
    snprintf(line, sizeof line, "%s: %u frames, flags %x", what, n, flags);
    check_fail(line);
}
__attribute__((noinline)) void take(void)
{
    n = check_take(pcs, 64, &flags);
    after++;
}
static int within(uint64_t pc, void *function, unsigned size) { return pc - 1 - (uint64_t)function < size; }

/* --- assembly --- */

void bare_with_frame(void (*f)(void));
void bare_leaf(void (*f)(void));
void false_rule(void (*f)(void));
void false_far(void (*f)(void));
__asm__(".text\n"
        ".globl bare_with_frame\nbare_with_frame:\n\tpush %rbp\n\tmov %rsp, %rbp\n\tsub $48, %rsp\n\tcall *%rdi\n\tleave\n\tret\n\t.skip "
        "16, 0xcc\n"
        ".globl bare_leaf\nbare_leaf:\n\tpush %rbp\n\tmov $0x12345678, %rbp\n\tcall *%rdi\n\tpop %rbp\n\tret\n\t.skip 16, 0xcc\n"
        ".globl false_rule\nfalse_rule:\n\t.cfi_startproc\n\tsub $40, %rsp\n\tcall *%rdi\n\tadd $40, %rsp\n\tret\n\t.cfi_endproc\n\t.skip "
        "16, 0xcc\n"
        ".globl false_far\nfalse_far:\n\t.cfi_startproc\n\t.cfi_def_cfa_offset 0x40000000\n\tsub $8, %rsp\n\tcall *%rdi\n\tadd $8, "
        "%rsp\n\tret\n\t.cfi_endproc\n\t.skip 16, 0xcc\n");

__attribute__((noinline)) static void assembly(void)
{
    bare_with_frame(take);
    if (n < 3 || !within(pcs[1], (void *)bare_with_frame, 32) || !within(pcs[2], (void *)assembly, 1024) || (flags && !loose))
        fail("assembly with a frame pointer and no rules is not passed");
    bare_leaf(take); /* its frame pointer is a number: the stack ends there */
    if (n < 2 || !within(pcs[1], (void *)bare_leaf, 32) || (!loose && (n == 2) != !!(flags & BROKEN)))
        fail("assembly without a frame pointer and rules");
    false_rule(take); /* the rules say that the return address is where it is not */
    if (n < 2 || !within(pcs[1], (void *)false_rule, 32))
        fail("assembly with a false rule");
    false_far(take);
    if (!loose && (n != 2 || !(flags & BROKEN)))
        fail("a rule that leads out of the stack");
    after++;
}

/* --- code made at run time --- */

static void made_code(void)
{
    static const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5,
                                         0xff, 0xd7, 0x5d, 0xc3}; /* push rbp; mov rsp, rbp; call *rdi; pop rbp; ret */
    unsigned char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void (*f)(void (*)(void));

    if (p == MAP_FAILED)
        return;
    memcpy(p + 64, code, sizeof code);
    f = (void (*)(void (*)(void)))(uintptr_t)(p + 64);
    f(take);
    if (n < 3 || !within(pcs[1], p + 64, 16) || !within(pcs[2], (void *)made_code, 1024) || (flags && !loose))
        fail("code made at run time with a frame pointer is not passed");
    munmap(p, 4096);
    after++;
}

/* --- stacks that the program made --- */

void on_stack(void *top, void (*f)(void));
__asm__(".text\n.globl on_stack\non_stack:\n\t.cfi_startproc\n\tpush %rbp\n\t.cfi_def_cfa_offset 16\n\t.cfi_offset %rbp, -16\n\tmov %rsp, "
        "%rbp\n\t.cfi_def_cfa_register %rbp\n\t"
        "mov %rdi, %rsp\n\tcall *%rsi\n\tleave\n\t.cfi_def_cfa %rsp, 8\n\tret\n\t.cfi_endproc\n");

__attribute__((noinline)) static void deep(int k)
{
    volatile char room[700];
    room[0] = 1;
    if (k)
        deep(k - 1);
    else
        take();
    after += room[0];
}
static void ten_deep(void) { deep(10), after++; }

static void own_stacks(void)
{
    for (int i = 0; i < 50; i++) { /* mapped anew each time: nothing may be remembered of a stack that is gone */
        size_t size = (size_t)(16 + i % 5) << 12;
        char *p = mmap(NULL, size + 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            return;
        mprotect(p + 4096, size, PROT_READ | PROT_WRITE);
        on_stack(p + 4096 + size, ten_deep);
        /*
         * Above or below the stack that it was switched from; the frame pointer leads there, but
         * only upwards is followed.
         */
        if (n < 13 || !within(pcs[1], (void *)deep, 512) || !within(pcs[12], (void *)ten_deep, 64) ||
            !within(pcs[13], (void *)on_stack, 64))
            fail("a stack that the program made");
        munmap(p, size + 8192);
    }
}

static ucontext_t back, there;
static void coroutines(void)
{
    size_t size = 64 << 10;
    for (int i = 0; i < 50; i++) {
        char *p = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            return;
        mprotect(p + size, 4096, PROT_NONE);
        getcontext(&there);
        there.uc_stack.ss_sp = p;
        there.uc_stack.ss_size = size;
        there.uc_link = &back;
        makecontext(&there, ten_deep, 0);
        swapcontext(&back, &there);
        if ((n != 14 && !loose) || !within(pcs[12], (void *)ten_deep, 64) || (flags && !loose))
            fail("a coroutine's stack does not end at its beginning");
        munmap(p, size + 4096);
    }
}

/* --- damaged frames --- */

__attribute__((noinline)) static void overwritten(unsigned long seed)
{
    unsigned long *frame = __builtin_frame_address(0), kept[24], *at = frame;
    volatile unsigned long junk = seed;

    memcpy(kept, at, sizeof kept);
    for (unsigned i = 0; i < 24; i++) {
        seed = seed * 6364136223846793005ul + 1442695040888963407ul;
        switch (seed >> 33 & 7) {
        case 0:
            at[i] = seed;
            break;
        case 1:
            at[i] = 0;
            break;
        case 2:
            at[i] = (unsigned long)frame + (seed >> 40 & 0xffff);
            break;
        case 3:
            at[i] = (unsigned long)take + (seed >> 40 & 0xff);
            break;
        case 4:
            at[i] = (unsigned long)&printf + (seed >> 40 & 0xfff);
            break;
        case 5:
            at[i] = (unsigned long)frame - 64;
            break;
        }
    }
    take();
    memcpy(at, kept, sizeof kept);
    after += (int)junk;
}
static void overwritten_frames(void)
{
    volatile char room[512]; /* what is overwritten belongs to this frame and its callers', and is put back */
    room[0] = 0;
    for (unsigned long i = 0; i < 20000; i++)
        overwritten(i);
    after += room[0];
}

/* --- signals --- */

static sigjmp_buf out;
static void on_fault(int sig)
{
    (void)sig;
    take();
    siglongjmp(out, 1);
}
static void wild_call(void)
{
    void (*volatile f)(void) = (void (*)(void))16;
    struct sigaction a = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};

    sigaction(SIGSEGV, &a, NULL);
    if (sigsetjmp(out, 1) == 0)
        f();
    signal(SIGSEGV, SIG_DFL);
    int found = 0;
    for (unsigned i = 0; i < n; i++)
        found |= within(pcs[i], (void *)wild_call, 512);
    if (!found || !(flags & IN_SIGNAL))
        fail("a call through a wild pointer hides its caller");
}

static void on_signal(int sig)
{
    (void)sig;
    take();
}
static void tiny_signal_stack(void)
{
    size_t size = (size_t)sysconf(_SC_MINSIGSTKSZ) + 4096;
    stack_t s = {.ss_sp = malloc(size), .ss_size = size}, off = {.ss_flags = SS_DISABLE};
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
    int found = 0;

    sigaltstack(&s, NULL);
    sigaction(SIGUSR1, &a, NULL);
    raise(SIGUSR1);
    for (unsigned i = 0; i < n; i++)
        found |= within(pcs[i], (void *)tiny_signal_stack, 512);
    if (!found || flags != IN_SIGNAL)
        fail("a handler on a small signal stack");
    sigaltstack(&off, NULL);
    free(s.ss_sp);
}

/* --- a function's last instruction, and the address behind it, where a coroutine begins --- */

void last_return(int), begins_behind(void), on_its_way(void);
__asm__(".text\n"
        ".type last_return,@function\nlast_return:\n.cfi_startproc\n"
        "pushfq\n.cfi_adjust_cfa_offset 8\norq $0x100,(%rsp)\npopfq\n.cfi_adjust_cfa_offset -8\n" /* the trap flag */
        "nop\n"
        "ret\n.cfi_endproc\n.size last_return,.-last_return\n"
        ".type begins_behind,@function\nbegins_behind:\n.cfi_startproc\nret\n.cfi_endproc\n.size begins_behind,.-begins_behind\n"
        ".type on_its_way,@function\non_its_way:\n.cfi_startproc\ncall take\nret\n.cfi_endproc\n.size on_its_way,.-on_its_way\n");

static void on_trap(int sig, siginfo_t *info, void *context)
{
    (void)sig, (void)info;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~0x100;
    take();
}
static void interrupted_at_the_end(void)
{
    static char stack[65536];
    ucontext_t here, there;
    struct sigaction trap = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO}, last = {.sa_handler = last_return};
    int found = 0;

    /* The address is remembered as where a coroutine begins... */
    getcontext(&there);
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = sizeof stack;
    there.uc_link = &here;
    makecontext(&there, begins_behind, 0);
    greg_t *r = there.uc_mcontext.gregs;
    r[REG_RSP] -= 8;
    *(uint64_t *)r[REG_RSP] = (uint64_t)begins_behind;
    r[REG_RIP] = (greg_t)on_its_way;
    swapcontext(&here, &there);
    if (!loose && (n < 3 || pcs[2] != (uint64_t)begins_behind || flags))
        fail("a coroutine that has not begun");
    /* ... and a signal handler is interrupted at the instruction before it. */
    sigaction(SIGTRAP, &trap, NULL);
    sigaction(SIGUSR1, &last, NULL);
    raise(SIGUSR1);
    signal(SIGTRAP, SIG_DFL);
    for (unsigned i = 0; i < n; i++)
        found |= within(pcs[i], (void *)interrupted_at_the_end, 1024);
    if (!found || flags != IN_SIGNAL)
        fail("a handler that was interrupted at its last instruction");
}

static void room_for_few(void)
{
    for (unsigned max = 0; max < 4; max++) {
        n = check_take(pcs, max, &flags);
        if (n != max || flags != CUT)
            fail("fewer places than frames");
    }
}

int main(int argc, char **argv)
{
    loose = argc > 2;
    assembly();
    made_code();
    own_stacks();
    coroutines();
    overwritten_frames();
    wild_call();
    tiny_signal_stack();
    interrupted_at_the_end();
    room_for_few();
    return check_done(argc > 1 ? argv[1] : "strange");
}
