/* SPDX-License-Identifier: MIT */
/*
 * check.c: what prevents a library from being loaded into a process, in words.
 *
 * Called before anything is stopped. A process may change between these checks and the attach
 * itself, which then fails safely; the checks are for a good message.
 */
#include "check.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "../../arch/ptrace.h"
#include "../kernel/procfs.h"
#include "../kernel/program.h"
#include "elf_symbol.h"
#include "maps.h"

const char *check_exists(const struct process_facts *p, struct refusal *why)
{
    pid_t pid = p->pid;
    if (pid == getpid())
        return refuse(why, "process %d is this command itself", pid);
    if (!p->state) {
        if (kill(pid, 0) == 0 || errno == EPERM)
            return refuse(why, "process %d is hidden from this user (/proc is mounted with hidepid): run as root", pid);
        return refuse(why, "no process %d; `sockleak scan` lists those with stuck sockets", pid);
    }
    if (p->tgid > 0 && p->tgid != pid)
        return refuse(why, "%d is a thread of process %ld: give that number", pid, p->tgid);
    if (p->state == 'X' || p->state == 'Z')
        return refuse(why, "process %d (%s) has ended already: a zombie that its parent has not collected", pid, p->name);
    if (p->kernel_thread)
        return refuse(why, "%d (%s) is a thread of the kernel", pid, p->name);
    return NULL;
}

const char *check_permission(const struct process_facts *p, int err, struct refusal *why)
{
    const char *name = p->name;
    pid_t pid = p->pid;
    long uid = p->uid, yama = -1;
    FILE *f = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
    if (f && fscanf(f, "%ld", &yama) != 1)
        yama = -1;
    if (f)
        fclose(f);
    if (err != EPERM && err != EACCES)
        return refuse(why, "process %d (%s) cannot be read: %s", pid, name, strerror(err));
    if (yama == 3)
        return refuse(
            why,
            "no permission to trace process %d (%s): kernel.yama.ptrace_scope is 3, nobody may until the next boot; start it with "
            "libsockleak.so preloaded and enabled=0 instead",
            pid, name);
    if (geteuid() != 0 && uid >= 0 && (uid_t)uid != geteuid())
        return refuse(why, "no permission to trace process %d (%s): it belongs to user %ld; run as that user or as root", pid, name, uid);
    if (yama > 0 && geteuid() != 0)
        return refuse(why,
                      "no permission to trace process %d (%s): kernel.yama.ptrace_scope is %ld; run as root, or set it to 0 (sysctl "
                      "kernel.yama.ptrace_scope=0)",
                      pid, name, yama);
    if (geteuid() != 0)
        return refuse(
            why,
            "no permission to trace process %d (%s): it has more rights than this user, or has forbidden it (not dumpable); run as root",
            pid, name);
    return refuse(
        why,
        "no permission to trace process %d (%s) even as root: CAP_SYS_PTRACE is missing (a container?) or a security module forbids "
        "it; run on the host, or add the capability",
        pid, name);
}

static const char *machine_name(unsigned machine)
{
    switch (machine) {
    case EM_386:
        return "x86";
    case EM_X86_64:
        return "x86-64";
    case EM_ARM:
        return "ARM";
    case EM_AARCH64:
        return "aarch64";
    case EM_RISCV:
        return "RISC-V";
    default:
        return "another";
    }
}

/* The program's own file: is it for our processor, and does it name a loader? */
static const char *check_program(const struct process_facts *p, struct refusal *why)
{
    pid_t pid = p->pid;
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/exe", procfs_alive(pid));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? refuse(why, "%d (%s) is a thread of the kernel or has just ended", pid, p->name)
                               : check_permission(p, errno, why);
    Elf64_Ehdr eh;
    Elf64_Phdr ph;
    const char *refused = NULL;
    bool has_loader = false;
    if (pread(fd, &eh, sizeof(eh), 0) != sizeof(eh) || memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0)
        refused = refuse(why, "process %d (%s) runs no ELF program", pid, p->name);
    else if (eh.e_ident[EI_CLASS] != ELFCLASS64)
        refused = refuse(why, "process %d (%s) is a 32-bit program (%s), this agent is for %s: use `sockleak scan %d`", pid, p->name,
                         machine_name(eh.e_machine), ARCH_NAME, pid);
    else if (eh.e_machine != ARCH_ELF_MACHINE)
        refused = refuse(why, "process %d (%s) is a program for %s, this agent is for %s: use `sockleak scan %d`", pid, p->name,
                         machine_name(eh.e_machine), ARCH_NAME, pid);
    for (unsigned i = 0; !refused && !has_loader && i < eh.e_phnum; i++) {
        if (pread(fd, &ph, sizeof(ph), (off_t)(eh.e_phoff + i * sizeof(ph))) != sizeof(ph))
            break;
        has_loader = ph.p_type == PT_INTERP;
    }
    close(fd);
    if (!refused && !has_loader)
        refused = refuse(why,
                         "process %d (%s) is statically linked, nothing can be loaded into it: start it with `sockleak run --trace`, or "
                         "use `sockleak scan %d`",
                         pid, p->name, pid);
    else if (!refused && program_of(pid) == PROGRAM_GO)
        refused = refuse(why,
                         "process %d (%s) is a Go program, which makes its system calls itself: start it with `sockleak run --trace`, or "
                         "use `sockleak scan %d`",
                         pid, p->name, pid);
    return refused;
}

/* The agent tells sockets apart by SO_COOKIE, of Linux 4.12. */
static const char *check_kernel(const struct process_facts *p, struct refusal *why)
{
    uint64_t cookie;
    socklen_t len = sizeof cookie;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool lacks = fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) < 0 && errno == ENOPROTOOPT;
    if (fd >= 0)
        close(fd);
    if (!lacks)
        return NULL;
    return refuse(why,
                  "this kernel cannot tell one socket from another (no SO_COOKIE), which Linux can from 4.12 on: use `sockleak scan %d`",
                  p->pid);
}

const char *check_kind(const struct process_facts *p, struct refusal *why)
{
    pid_t pid = p->pid;
    const char *refused = check_program(p, why);
    if (!refused)
        refused = check_kernel(p, why);
    if (refused)
        return refused;
    if (p->tracer > 0) {
        struct process_facts tracer;
        process_read((pid_t)p->tracer, &tracer);
        return refuse(why, "process %d (%s) is already traced by process %ld (%s): end that first", pid, p->name, p->tracer, tracer.name);
    }
    if (p->state == 'T' || p->state == 't')
        return refuse(why, "process %d (%s) is stopped: let it go on first (kill -CONT %d)", pid, p->name, pid);
    if (p->shadow_stack)
        return refuse(why,
                      "process %d (%s) runs with a shadow stack, where a call from outside cannot return; start it with libsockleak.so "
                      "preloaded and enabled=0 instead",
                      pid, p->name);
    return NULL;
}

/* musl's loader and C library are one file, which may have either name. */
enum library_libc check_which_libc(const struct remote *r)
{
    struct remote_module *libc = maps_libc(r);
    uint64_t at;
    return elf_symbol(r, libc, "_dl_debug_addr", &at, NULL) && !elf_symbol(r, libc, "gnu_get_libc_version", &at, NULL) ? LIBRARY_MUSL
                                                                                                                       : LIBRARY_GLIBC;
}

const char *check_libc(const struct remote *r, const struct process_facts *p, struct refusal *why)
{
    uint64_t at;
    if (check_which_libc(r) != LIBRARY_MUSL && !elf_symbol(r, maps_libc(r), "gnu_get_libc_version", &at, NULL))
        return refuse(why, "process %d (%s) has neither glibc nor musl: use `sockleak scan %d`", r->pid, p->name, r->pid);
    return NULL;
}

static bool same_contents(const char *a, const char *b)
{
    char x[65536], y[65536];
    int fa = open(a, O_RDONLY | O_CLOEXEC), fb = open(b, O_RDONLY | O_CLOEXEC);
    bool same = fa >= 0 && fb >= 0;
    while (same) {
        ssize_t n = read(fa, x, sizeof(x)), m = read(fb, y, sizeof(y));
        same = n >= 0 && n == m && memcmp(x, y, (size_t)n) == 0;
        if (n <= 0)
            break;
    }
    if (fa >= 0)
        close(fa);
    if (fb >= 0)
        close(fb);
    return same;
}

const char *check_visible(const struct process_facts *p, const char *library, char *unseen, size_t size, struct refusal *why)
{
    char there[PATH_MAX + 64];
    struct stat here, seen;
    struct statvfs fs;
    *unseen = '\0';
    snprintf(there, sizeof(there), "/proc/%d/root%s", procfs_alive(p->pid), library);
    if (stat(library, &here) < 0)
        return refuse(why, "%s: %s", library, strerror(errno));
    if (stat(there, &seen) < 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            return check_permission(p, errno, why);
        snprintf(unseen, size, "has no %.200s in its file system", library);
    } else if (!S_ISREG(seen.st_mode) || ((seen.st_dev != here.st_dev || seen.st_ino != here.st_ino) && !same_contents(library, there))) {
        snprintf(unseen, size, "has another %.200s in its file system", library);
    } else if (statvfs(there, &fs) == 0 && (fs.f_flag & ST_NOEXEC)) {
        snprintf(unseen, size, "has %.200s on a file system that it may not execute from (noexec)", library);
    }
    return NULL;
}
