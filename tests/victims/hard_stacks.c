/* SPDX-License-Identifier: MIT */
/*
 * hard_stacks WORD: sockets opened on stacks that no compiler makes, and by many threads. Prints what must be the same without the agent; "threads" prints
 * what memory a thread takes.
 */
#include "victim.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <ucontext.h>

static int opens(void) { return (int)MUST(socket(AF_INET, SOCK_STREAM, 0)); }
static void opens_and_closes(void) { close(opens()); }
static void leaves(void) { opens(); }

static char *pages(int n) { return mmap(NULL, (size_t)n << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }

#ifdef __x86_64__
/* Code made at run time, without tables; it calls F with whatever FRAME for a frame pointer. */
static void garbage(void)
{
    static const unsigned char code[] = {0x55,             /* push %rbp */
                                         0x48, 0x89, 0xf5, /* mov %rsi, %rbp */
                                         0xff, 0xd7,       /* call *%rdi */
                                         0x5d, 0xc3};      /* pop %rbp; ret */
    unsigned char *made = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void (*call)(void (*)(void), void *) = (void (*)(void (*)(void), void *))(uintptr_t)memcpy(made, code, sizeof code);
    uintptr_t chain[512], away = (uintptr_t)pages(1), shut = (uintptr_t)pages(1), back = (uintptr_t)made + 6;
    munmap((void *)away, 4096);
    mprotect((void *)shut, 4096, PROT_NONE);
    uintptr_t frames[] = {
        0, 1, 7, ~0ul, 1ul << 47, away, shut, (uintptr_t)made, (uintptr_t)chain, (uintptr_t)chain + 1, (uintptr_t)&frames};
    enum { N = sizeof frames / sizeof *frames };
    for (int fill = 0; fill < 5; fill++) {
        for (int i = 0; i < 512; i += 2) { /* a chain that ends, turns in a circle, leads down, out, or on and on */
            uintptr_t next[] = {0, (uintptr_t)chain, (uintptr_t)chain - 4096, away, (uintptr_t)(chain + (i + 2) % 512)};
            chain[i] = next[fill];
            chain[i + 1] = back;
        }
        for (int i = 0; i < N; i++)
            call(opens_and_closes, (void *)frames[i]);
    }
    say("lived");
}

/* Calls F on a stack that ends at TOP. */
void on_stack(void *top, void (*f)(void));
__asm__(".text\n.globl on_stack\n.type on_stack, @function\non_stack:\n\t.cfi_startproc\n\tpush %rbp\n\t.cfi_def_cfa_offset "
        "16\n\t.cfi_offset %rbp, "
        "-16\n\tmov %rsp, %rbp\n\t.cfi_def_cfa_register %rbp\n\tmov %rdi, %rsp\n\tcall *%rsi\n\tleave\n\t.cfi_def_cfa %rsp, 8\n\tret\n\t"
        ".cfi_endproc\n\t.size on_stack, .-on_stack\n");
#else
static void garbage(void) { say("lived"); }
static void on_stack(void *top, void (*f)(void)) { (void)top, f(); }
#endif

static ucontext_t back, there;
static void handler(int sig)
{
    (void)sig;
    leaves();
}
static void made_stacks(void)
{
    for (int i = 0; i < 100; i++) { /* each with nothing readable above and below it, and gone afterwards */
        char *p = mmap(NULL, 6 << 12, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        mprotect(p + 4096, 4 << 12, PROT_READ | PROT_WRITE);
        getcontext(&there);
        there.uc_stack = (stack_t){.ss_sp = p + 4096, .ss_size = 4 << 12};
        there.uc_link = &back;
        makecontext(&there, i ? opens_and_closes : leaves, 0);
        MUST(swapcontext(&back, &there));
        on_stack(p + (5 << 12), i ? opens_and_closes : leaves);
        munmap(p, 6 << 12);
    }
    stack_t tiny = {.ss_sp = pages(4), .ss_size = 4 << 12};
    struct sigaction a = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    MUST(sigaltstack(&tiny, NULL));
    MUST(sigaction(SIGUSR1, &a, NULL));
    raise(SIGUSR1);
    say("lived");
}

/* How much memory a thread takes that has opened a socket, in KiB, over the one that has not: of each the stack's pages only. */
static pthread_barrier_t all;
static void *thread(void *arg)
{
    if (arg)
        opens_and_closes();
    pthread_barrier_wait(&all);
    pthread_barrier_wait(&all);
    return NULL;
}
static long resident(void)
{
    long size, set = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%ld %ld", &size, &set) != 2)
        exit(98);
    fclose(f);
    return set * 4;
}
static void threads(void)
{
    enum { N = 200 };
    pthread_t t[N];
    long before[2];
    opens_and_closes();
    for (int open = 0; open < 2; open++) {
        before[open] = resident();
        pthread_barrier_init(&all, NULL, N + 1);
        for (int i = 0; i < N; i++)
            MUST(-pthread_create(&t[i], NULL, thread, open ? &all : NULL));
        pthread_barrier_wait(&all);
        before[open] = resident() - before[open];
        pthread_barrier_wait(&all);
        for (int i = 0; i < N; i++)
            pthread_join(t[i], NULL);
    }
    printf("%ld\n", before[1] > before[0] ? (before[1] - before[0]) / N : 0);
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    alarm(100);
    if (!strcmp(word, "garbage"))
        garbage();
    else if (!strcmp(word, "made_stacks"))
        made_stacks();
    else if (!strcmp(word, "threads"))
        threads();
    return 0;
}
