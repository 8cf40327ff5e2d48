/* SPDX-License-Identifier: MIT */
/*
 * wait.c: runs a program in the foreground and stays out of its way.
 *
 * Called by run.c. The program shares our process group, so the terminal's signals, its size
 * changes and its job control reach it as if we were not there. Therefore we ignore what the
 * terminal sends, and pass on everything else that comes to us.
 */
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../kernel/procfs.h"

/* Every signal that sigwaitinfo may take, but those that a fault of our own raises. */
static void choose_signals(sigset_t *set)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS, SIGKILL, SIGSTOP};
    sigfillset(set);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        sigdelset(set, own[i]);
}

/* In the child, on its way to exec. */
static _Noreturn void become(const char *path, char **argv, char **envp, const struct run_watch *watch, const sigset_t *mask,
                             const struct sigaction *on_child, int report)
{
    if (watch && watch->child(watch->arg) != 0)
        _exit(127); /* the parent knows why */
    environ = envp;
    sigaction(SIGCHLD, on_child, NULL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(path, argv); /* PATH has a slash; a script without #! goes to the shell */
    int err = errno;
    ssize_t ignored = write(report, &err, sizeof err);
    (void)ignored;
    _exit(127);
}

/*
 * Stops us as the program was stopped, so that the shell that started us gets the terminal; returns
 * when somebody continues us.
 */
static void stop_like(int sig)
{
    struct sigaction old, dfl = {.sa_handler = SIG_DFL};
    sigset_t one;
    sigaction(sig, &dfl, &old);
    sigemptyset(&one);
    sigaddset(&one, sig);
    kill(getpid(), sig);
    sigprocmask(SIG_UNBLOCK, &one, NULL); /* stopped here */
    sigprocmask(SIG_BLOCK, &one, NULL);
    sigaction(sig, &old, NULL);
}

static bool still_stopped(pid_t pid)
{
    siginfo_t si = {0};
    return waitid(P_PID, (id_t)pid, &si, WSTOPPED | WNOHANG | WNOWAIT) == 0 && si.si_pid == pid;
}

/* True when the program has ended and END says how. */
static bool reap(pid_t pid, const struct run_watch *watch, struct run_end *end)
{
    siginfo_t si = {0};
    if (waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG) == 0 && si.si_pid == pid) {
        end->signal = si.si_code == CLD_EXITED ? 0 : si.si_status;
        end->status = si.si_code == CLD_EXITED ? si.si_status : 128 + si.si_status;
        return true;
    }
    si.si_pid = 0;
    if (still_stopped(pid) && waitid(P_PID, (id_t)pid, &si, WSTOPPED | WNOHANG) == 0 && si.si_pid == pid &&
        (si.si_status == SIGTSTP || si.si_status == SIGTTIN || si.si_status == SIGTTOU)) {
        if (watch)
            watch->away(watch->arg, true);
        stop_like(si.si_status);
        if (watch)
            watch->away(watch->arg, false);
    }
    return false;
}

/*
 * Was it sent by one of our descendants? What such a process sends to its whole group has reached
 * the program already.
 */
static bool is_from_below(const siginfo_t *si)
{
    struct procfs_stat st;
    if (si->si_code != SI_USER && si->si_code != SI_QUEUE && si->si_code != SI_TKILL)
        return false;
    for (pid_t pid = si->si_pid; pid > 1 && procfs_stat(pid, &st) == 0; pid = st.ppid)
        if (st.ppid == getpid())
            return true;
    return false;
}

/*
 * Has the program got this signal itself? The kernel sends the signals of keys and of job control
 * to the whole foreground group. The hangup of a terminal goes to the session's leader alone; a
 * timer that was set before our exec, a limit, and everything else from the kernel goes to us
 * alone.
 */
static bool has_its_own(const siginfo_t *si)
{
    switch (si->si_code == SI_KERNEL ? si->si_signo : 0) {
    case SIGINT:
    case SIGQUIT:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
    case SIGWINCH:
        return true;
    case SIGHUP:
        return getsid(0) != getpid();
    default:
        return is_from_below(si);
    }
}

enum end { END_NO, END_MAYBE, END_SURE };

/*
 * Will SIG end the program? Not one that it ignores, nor one that does no such thing; perhaps one
 * that it catches and that asks it to end: node catches these to restore the terminal.
 */
static enum end end_by(pid_t pid, int sig)
{
    static const int harmless[] = {SIGCONT, SIGCHLD, SIGURG, SIGWINCH, SIGTSTP, SIGTTIN, SIGTTOU};
    char path[32], line[256];
    unsigned long long caught = 0, ignored = 0;
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++)
        if (sig == harmless[i])
            return END_NO;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "SigCgt: %llx", &caught) != 1 && sscanf(line, "SigIgn: %llx", &ignored) != 1)
            continue;
    if (f)
        fclose(f);
    if (ignored >> (sig - 1) & 1)
        return END_NO;
    if (!(caught >> (sig - 1) & 1))
        return END_SURE;
    return sig == SIGTERM || sig == SIGINT || sig == SIGHUP || sig == SIGQUIT ? END_MAYBE : END_NO;
}

static void pass_on(pid_t pid, const siginfo_t *si, run_before *before, void *arg)
{
    if (si->si_signo != SIGCONT && has_its_own(si)) /* `fg` may have continued us alone */
        return;
    enum end end = end_by(pid, si->si_signo);
    if (end != END_NO)
        before(arg, end == END_SURE);
    kill(pid, si->si_signo);
}

/* The next signal of SET, or false: there is none, but the caller may look what became of the program. */
static bool next_signal(const sigset_t *set, const struct run_watch *watch, int signals, siginfo_t *si)
{
    static const struct timespec zero = {0};
    if (!watch)
        return sigwaitinfo(set, si) >= 0;
    watch->serve(watch->arg, signals);
    return sigtimedwait(set, si, &zero) >= 0;
}

/* The program is under way: passes on what comes for it until it has ended. */
static void wait_for(pid_t pid, const sigset_t *set, const struct run_watch *watch, run_before *before, void *arg, struct run_end *end)
{
    int signals = watch ? signalfd(-1, set, SFD_CLOEXEC) : -1;
    while (!reap(pid, watch, end)) {
        siginfo_t si;
        if (next_signal(set, watch, signals, &si) && si.si_signo != SIGCHLD)
            pass_on(pid, &si, before, arg);
    }
    if (signals >= 0)
        close(signals);
}

/* How the start of PID went: NULL, or why it failed; then it is gone. REPORT: what the child tells of exec. */
static const char *started(pid_t pid, const struct run_watch *watch, int report)
{
    int err = 0;
    const char *why = watch ? watch->take(watch->arg, pid) : NULL;
    if (!why && watch)
        watch->serve(watch->arg, report); /* its exec is a call that stops, too */
    if (!why && read(report, &err, sizeof err) == sizeof err)
        why = strerror(err);
    if (why)
        waitpid(pid, NULL, 0);
    return why;
}

const char *run_program(const char *path, char **argv, char **envp, const struct run_watch *watch, run_before *before, void *arg,
                        struct run_end *end)
{
    sigset_t set, mask;
    struct sigaction on_child, dfl = {.sa_handler = SIG_DFL};
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0)
        return strerror(errno);
    choose_signals(&set);
    sigprocmask(SIG_BLOCK, &set, &mask);
    /* if it were ignored, the program's exit status would be lost */
    sigaction(SIGCHLD, &dfl, &on_child);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        become(path, argv, envp, watch, &mask, &on_child, report[1]);
    const char *why = pid < 0 ? strerror(errno) : NULL;
    close(report[1]);
    if (!why)
        why = started(pid, watch, report[0]);
    close(report[0]);
    *end = (struct run_end){.pid = pid};
    if (!why)
        wait_for(pid, &set, watch, before, arg, end);
    /* The ctrl-C that ended the program is not meant for the report. */
    struct timespec zero = {0};
    while (sigtimedwait(&set, NULL, &zero) > 0)
        ;
    sigaction(SIGCHLD, &on_child, NULL);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    return why;
}
