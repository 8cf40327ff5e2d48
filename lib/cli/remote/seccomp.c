/* SPDX-License-Identifier: MIT */
/*
 * seccomp.c: would the held thread's seccomp filters kill it for what loading the agent does?
 *
 * The filters are fetched from the kernel (PTRACE_SECCOMP_GET_FILTER, root only) and run here over
 * the calls that are to come. A filter that answers with an error is harmless: the load fails, and
 * says so. With one that kills, it must not be tried.
 */
#include "seccomp.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "../../arch/numbers.h"
#include "process.h"

#ifndef PTRACE_SECCOMP_GET_FILTER
#define PTRACE_SECCOMP_GET_FILTER 0x420c
#endif

struct planned_call {
    const char *name;
    int nr;
    uint64_t a[6];
};
static const struct planned_call planned_calls[] = {
    {"mmap", SYS_mmap, {0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~0ull, 0}},
    {"mmap of code", SYS_mmap, {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_DENYWRITE, 3, 0}},
    {"mprotect", SYS_mprotect, {4096, 4096, PROT_READ | PROT_WRITE}},
    {"munmap", SYS_munmap, {4096, 4096}},
    {"getpid", SYS_getpid, {0}},
    {"openat", SYS_openat, {(uint64_t)-100, 4096, 02000000}},
    {"read", SYS_read, {3, 4096, 832}},
    {"pread64", SYS_pread64, {3, 4096, 64, 64}},
    {"fstat", SYS_newfstatat, {3, 4096, 4096, 0x1000}},
    {"close", SYS_close, {3}},
    {"futex", SYS_futex, {4096, 0x81, 1}},
    {"rt_sigprocmask", SYS_rt_sigprocmask, {0, 4096, 4096, 8}},
    {"clone", SYS_clone, {0x3d0f00, 4096, 4096, 4096, 4096}},
    {"clone3", 435, {4096, 88}},
    {"rseq", 334, {4096, 32, 0, 0x53053053}},
    {"set_robust_list", SYS_set_robust_list, {4096, 24}},
    {"madvise", SYS_madvise, {4096, 4096, 4}},
    {"prctl", SYS_prctl, {15, 4096}},
    {"gettid", SYS_gettid, {0}},
    {"getuid", SYS_getuid, {0}},
    {"getppid", SYS_getppid, {0}},
    {"uname", SYS_uname, {4096}},
    {"readlinkat", SYS_readlinkat, {(uint64_t)-100, 4096, 4096, 511}},
    {"mkdirat", SYS_mkdirat, {(uint64_t)-100, 4096, 0700}},
    {"ftruncate", SYS_ftruncate, {3, 4096}},
    {"prlimit64", SYS_prlimit64, {0, 7, 0, 4096}},
    {"getdents64", SYS_getdents64, {3, 4096, 4096}},
    {"getsockopt", SYS_getsockopt, {3, 1, 57, 4096, 4096}},
    {"getsockname", SYS_getsockname, {3, 4096, 4096}},
    {"getpeername", SYS_getpeername, {3, 4096, 4096}},
    {"ioctl", SYS_ioctl, {3, 0x541b, 4096}},
    {"ppoll", SYS_ppoll, {4096, 1, 4096, 0, 8}},
    {"nanosleep", SYS_nanosleep, {4096, 0}},
    {"sched_yield", SYS_sched_yield, {0}},
    {"unlinkat", SYS_unlinkat, {3, 4096, 0}},
    {"renameat2", SYS_renameat2, {3, 4096, 3, 4096, 0}},
    {"faccessat", SYS_faccessat, {(uint64_t)-100, 4096, 1}},
    {"fcntl", SYS_fcntl, {3, 1}},
    {"fstat", SYS_fstat, {3, 4096}},
    {"geteuid", SYS_geteuid, {0}},
    {"rt_sigpending", SYS_rt_sigpending, {4096, 8}},
    {"wait4", SYS_wait4, {4096, 4096, 1u << 30, 0}},
    {"write", SYS_write, {2, 4096, 1}},
};

/* Only where the library has to be handed over, or descriptors are used up; both have another way. */
static const struct planned_call in_memory_call = {"memfd_create", SYS_memfd_create, {4096, 1}};
static const struct planned_call twin_calls[] = {
    {"clone", SYS_clone, {CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM}},
    {"close_range", SYS_close_range, {3, ~0u, 0}},
    {"exit", SYS_exit, {0}},
};

struct filter_machine {
    uint32_t a, x, mem[BPF_MEMWORDS];
    const struct seccomp_data *d;
};

static uint32_t load_operand(const struct filter_machine *m, const struct sock_filter *i)
{
    uint32_t word = 0;
    switch (BPF_MODE(i->code)) {
    case BPF_ABS:
        if (i->k <= sizeof(*m->d) - sizeof(word))
            memcpy(&word, (const char *)m->d + i->k, sizeof(word));
        return word;
    case BPF_MEM:
        return m->mem[i->k % BPF_MEMWORDS];
    case BPF_LEN:
        return sizeof(*m->d);
    default:
        return i->k;
    }
}

static uint32_t alu(uint16_t op, uint32_t a, uint32_t b)
{
    switch (op) {
    case BPF_ADD:
        return a + b;
    case BPF_SUB:
        return a - b;
    case BPF_MUL:
        return a * b;
    case BPF_DIV:
        return b ? a / b : 0;
    case BPF_MOD:
        return b ? a % b : 0;
    case BPF_AND:
        return a & b;
    case BPF_OR:
        return a | b;
    case BPF_XOR:
        return a ^ b;
    case BPF_LSH:
        return b < 32 ? a << b : 0;
    case BPF_RSH:
        return b < 32 ? a >> b : 0;
    case BPF_NEG:
        return -a;
    }
    return 0;
}

static bool compare(uint16_t op, uint32_t a, uint32_t b)
{
    return op == BPF_JEQ ? a == b : op == BPF_JGT ? a > b : op == BPF_JGE ? a >= b : (a & b) != 0;
}

/*
 * The filter's answer. Jumps only go forward, so it ends; a filter that runs off its end counts as
 * killing.
 */
static uint32_t run_filter(const struct sock_filter *f, size_t n, const struct seccomp_data *d)
{
    struct filter_machine m = {.d = d};
    for (size_t pc = 0; pc < n; pc++) {
        const struct sock_filter *i = &f[pc];
        uint32_t operand = i->code & BPF_X ? m.x : i->k;
        switch (BPF_CLASS(i->code)) {
        case BPF_LD:
            m.a = load_operand(&m, i);
            break;
        case BPF_LDX:
            m.x = load_operand(&m, i);
            break;
        case BPF_ST:
            m.mem[i->k % BPF_MEMWORDS] = m.a;
            break;
        case BPF_STX:
            m.mem[i->k % BPF_MEMWORDS] = m.x;
            break;
        case BPF_ALU:
            m.a = alu(BPF_OP(i->code), m.a, operand);
            break;
        case BPF_JMP:
            pc += BPF_OP(i->code) == BPF_JA ? i->k : compare(BPF_OP(i->code), m.a, operand) ? i->jt : i->jf;
            break;
        case BPF_RET:
            return BPF_RVAL(i->code) == BPF_A ? m.a : i->k;
        case BPF_MISC:
            if (BPF_MISCOP(i->code) == BPF_TAX)
                m.x = m.a;
            else
                m.a = m.x;
            break;
        }
    }
    return SECCOMP_RET_KILL_PROCESS;
}

static bool is_deadly(uint32_t action)
{
    action &= SECCOMP_RET_ACTION_FULL;
    return action != SECCOMP_RET_ALLOW && action != SECCOMP_RET_LOG && action != SECCOMP_RET_ERRNO && action != SECCOMP_RET_TRACE;
}

static bool kills(const struct tracee *t, const struct sock_filter *f, size_t n, const struct planned_call *c)
{
    struct seccomp_data d = {.nr = c->nr, .arch = ARCH_AUDIT, .instruction_pointer = t->gadget};
    memcpy(d.args, c->a, sizeof(d.args));
    return is_deadly(run_filter(f, n, &d));
}

static void examine(const struct tracee *t, const struct sock_filter *f, size_t n, struct seccomp_answer *answer)
{
    for (size_t i = 0; !answer->forbidden && i < sizeof(planned_calls) / sizeof(planned_calls[0]); i++)
        if (kills(t, f, n, &planned_calls[i]))
            answer->forbidden = planned_calls[i].name;
    if (kills(t, f, n, &in_memory_call))
        answer->in_memory = false;
    for (size_t i = 0; i < sizeof(twin_calls) / sizeof(twin_calls[0]); i++)
        if (kills(t, f, n, &twin_calls[i]))
            answer->twin = false;
}

int seccomp_check(struct tracee *t, struct seccomp_answer *answer)
{
    struct process_facts facts;
    *answer = (struct seccomp_answer){NULL, true, true};
    if (!process_read(t->tid, &facts) || facts.seccomp <= SECCOMP_MODE_DISABLED)
        return 0;
    if (facts.seccomp == SECCOMP_MODE_STRICT) {
        answer->forbidden = "everything but read and write";
        return 0;
    }
    for (unsigned which = 0; which < 64; which++) {
        long n = ptrace(PTRACE_SECCOMP_GET_FILTER, t->tid, (void *)(uintptr_t)which, NULL);
        if (n < 0)
            return errno == ENOENT ? 0 : -errno;
        struct sock_filter *f = calloc((size_t)n + 1, sizeof(*f));
        if (!f || ptrace(PTRACE_SECCOMP_GET_FILTER, t->tid, (void *)(uintptr_t)which, f) != n) {
            free(f);
            return -EIO;
        }
        examine(t, f, (size_t)n, answer);
        free(f);
        if (answer->forbidden)
            return 0;
    }
    return 0;
}
