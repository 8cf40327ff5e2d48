/* SPDX-License-Identifier: MIT */
/*
 * log.c: writes the agent's lines and reports to the place that log_path names.
 *
 * Called by the watcher, at exit, and in the constructor. Standard error is written to only while
 * it is still the file that it was at the start: a program that closed it may have a connection
 * there. Never blocks for long, never raises SIGPIPE or SIGXFSZ in the program.
 */
#include "log.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <termios.h>
#include <unistd.h>

#include "../../core/optvalue.h"
#include "../../core/out.h"
#include "clock.h"
#include "descriptors.h"
#include "environ.h"
#include "errno_text.h"
#include "program_path.h"
#include "spare.h"
#include "sys.h"

#define WAIT_MS 2000
/* a log file's descriptor is at least this: programs rely on getting low numbers */
#define LOWEST_FD 200
/* PIPE_BUF: a pipe that poll reports writable takes so much without blocking (pipe(7)) */
#define PIECE 4096

struct file_identity {
    bool usable;
    dev_t dev;
    ino_t ino;
};
static struct file_identity at_start[3];
static _Atomic bool path_warned;
static bool no_color;
static _Atomic uint64_t start_real_ns; /* log_path's %t; 0: now */

/*
 * What log_use was given, in turn, so that a writer who reads one is not disturbed by the next; 0:
 * the option holds.
 */
static char given[2][sizeof agent_options.log_path];
static _Atomic uint32_t given_turn;

static const char *log_place(void)
{
    uint32_t turn = atomic_load(&given_turn);
    return turn ? given[turn & 1] : agent_options.log_path;
}

static bool is_place(const char *name) { return strcmp(log_place(), name) == 0; }

void log_use(const char *place)
{
    uint32_t next = atomic_load(&given_turn) + 1;
    next += !next; /* 0 means none */
    struct out o = {.buf = given[next & 1], .cap = sizeof given[0] - 1};
    out_str(&o, place);
    given[next & 1][o.len] = '\0';
    atomic_store(&path_warned, false);
    atomic_store(&given_turn, next);
}
/* pieces that could not be written, not yet taken by log_take_lost */
static _Atomic uint64_t lost_pieces;

static long stat_fd(int fd, struct stat *st) { return sys_stat_at(fd, "", st, AT_EMPTY_PATH); }

static void remember_file(int fd)
{
    struct stat st;
    at_start[fd].usable = false;
    if (stat_fd(fd, &st) < 0)
        return;
    if (S_ISSOCK(st.st_mode)) {
        /*
         * journald's stream is a Unix socket and may be written to. An inetd service has its client
         * here, which must not get the log.
         */
        int family = 0;
        unsigned len = sizeof family;
        if (sys_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) < 0 || family != AF_UNIX)
            return;
    }
    at_start[fd] = (struct file_identity){true, st.st_dev, st.st_ino};
}

/*
 * Read once, at the start: later on the program may be changing its environment while the watcher
 * reads it.
 */
static bool asks_for_no_color(void)
{
    const char *value = environ_get("NO_COLOR");
    return value && *value;
}

void log_init(void)
{
    no_color = asks_for_no_color();
    remember_file(STDERR_FILENO);
    if (is_place("stdout"))
        remember_file(STDOUT_FILENO);
}

void log_set_start(uint64_t real_ns) { atomic_store(&start_real_ns, real_ns); }

uint64_t log_take_lost(void) { return atomic_exchange(&lost_pieces, 0); }

/* Where a piece is written to. */
struct place {
    int fd; /* -1: nowhere */
    enum { PROGRAMS, COPY, OPENED } is;
};

static void leave(const struct place *p)
{
    if (p->fd >= 0 && p->is == COPY)
        descriptors_drop(p->fd);
}

/* Standard output or error, while it is the file that it was at the start. */
static struct place standard(int number)
{
    const struct file_identity *was = &at_start[number];
    const struct place nowhere = {-1, PROGRAMS};
    struct place p = {number, descriptors_are_own() ? COPY : PROGRAMS};
    struct stat st;
    if (!was->usable)
        return nowhere;
    if (p.is == COPY)
        p.fd = (int)descriptors_copy(number);
    if (p.fd >= 0 && stat_fd(p.fd, &st) >= 0 && st.st_dev == was->dev && st.st_ino == was->ino)
        return p;
    leave(&p);
    return nowhere;
}

/*
 * A log in state_dir (`sockleak run` asks for that) is closed to others, as the state file is. Any
 * other log is the user's, and the umask decides.
 */
static unsigned log_mode(const char *path)
{
    size_t n = strlen(agent_options.state_dir);
    return n && strncmp(path, agent_options.state_dir, n) == 0 && path[n] == '/' ? 0600 : 0644;
}

/*
 * What the file at PATH may not be: in a folder that others write to, the name may lead anywhere.
 * NULL: it is a file of our own, or there is none yet.
 */
static const char *refusal(const struct stat *st)
{
    if (S_ISLNK(st->st_mode))
        return "it is a symbolic link";
    if (!S_ISREG(st->st_mode) && !S_ISFIFO(st->st_mode))
        return "it is no regular file";
    return st->st_uid == (uint32_t)SYS0(SYS_geteuid) ? NULL : "it belongs to another user";
}

/*
 * Opens PATH, or makes it. What is there already is checked before it is opened, and again after:
 * the name may have been given to something else meanwhile. A FIFO without a reader is an error and
 * not waited for. -1 and *WHY: it cannot be.
 */
static int open_safely(const char *path, const char **why)
{
    const int flags = O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
    struct stat before, now;
    long fd = sys_stat_at(AT_FDCWD, path, &before, AT_SYMLINK_NOFOLLOW);
    if (fd == -ENOENT) {
        fd = sys_openat(AT_FDCWD, path, flags | O_CREAT | O_EXCL, log_mode(path));
        if (fd != -EEXIST) {
            *why = fd < 0 ? errno_text((int)-fd) : NULL;
            return fd < 0 ? -1 : (int)fd;
        }
        fd = sys_stat_at(AT_FDCWD, path, &before, AT_SYMLINK_NOFOLLOW);
    }
    *why = fd < 0 ? errno_text((int)-fd) : refusal(&before);
    if (*why)
        return -1;
    fd = sys_openat(AT_FDCWD, path, flags, 0);
    if (fd == -ENXIO)
        *why = "a FIFO that nobody reads";
    else if (fd < 0)
        *why = errno_text((int)-fd);
    else if (stat_fd((int)fd, &now) < 0 || now.st_dev != before.st_dev || now.st_ino != before.st_ino)
        *why = "it was replaced while it was opened";
    if (*why && fd >= 0)
        sys_close((int)fd);
    return *why ? -1 : (int)fd;
}

static int open_path(const char **why)
{
    char path[600], host[65] = "host", exe[512];
    struct utsname u;
    if (SYS1(SYS_uname, &u) >= 0)
        memcpy(host, u.nodename, sizeof host);
    program_path(exe, sizeof exe);
    const char *name = strrchr(exe, '/');
    uint64_t start = atomic_load(&start_real_ns);
    if (!start)
        start = clock_now_real();
    if (!expand_path(path, sizeof path, log_place(), spare_pid(), name ? name + 1 : exe, host, start / 1000000000u)) {
        *why = errno_text(ENAMETOOLONG);
        return -1;
    }
    int fd = open_safely(path, why);
    long high = fd >= 0 ? SYS3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, LOWEST_FD) : -1;
    if (high < 0)
        return fd;
    sys_close(fd);
    return (int)high;
}

/* Writes one line of the log: an object of its own when the log is JSON Lines. */
static void put_line(struct out *o, const char *text)
{
    if (agent_options.log_json) {
        out_str(o, "{\"type\":\"note\",\"time\":\"");
        out_rfc3339(o, clock_now_real());
        out_fmt(o, "\",\"pid\":%u,\"text\":", spare_pid());
        out_json(o, text);
        out_char(o, '}');
    } else {
        out_fmt(o, "==%u==sockleak: %s", spare_pid(), text);
    }
}

static void warn_of_path(int fd, const char *why)
{
    char text[700], line[6 * sizeof text + 200];
    struct out t = {.buf = text, .cap = sizeof text - 1}, o = {.buf = line, .cap = sizeof line - 1};
    out_fmt(&t, "warning: log_path=%s cannot be opened (%s); reports go to standard error", log_place(), why);
    text[t.len] = 0;
    put_line(&o, text);
    line[o.len++] = '\n';
    sys_write(fd, line, o.len);
}

/* Which has to be opened. */
static bool is_a_file(void) { return !is_place("stdout") && !is_place("stderr"); }

static struct place open_log(void)
{
    const char *why = NULL;
    if (is_place("stdout"))
        return standard(STDOUT_FILENO);
    if (!is_place("stderr")) {
        int fd = open_path(&why);
        if (fd >= 0)
            return (struct place){fd, OPENED};
        if (atomic_load(&given_turn)) /* an attach chose the place: nothing goes to the program's own output */
            return (struct place){-1, PROGRAMS};
    }
    struct place p = standard(STDERR_FILENO);
    if (why && p.fd >= 0 && !atomic_exchange(&path_warned, true))
        warn_of_path(p.fd, why);
    return p;
}

static bool wait_writable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    struct timespec limit = {WAIT_MS / 1000, 0};
    long r;
    do
        r = SYS5(SYS_ppoll, &p, 1, &limit, NULL, 0);
    while (r == -EINTR);
    if (r == -EINVAL) /* RLIMIT_NOFILE is 0, so poll fails (poll(2)): write without it */
        return true;
    return r > 0 && (p.revents & POLLOUT);
}

static bool write_all(int fd, const char *p, size_t n)
{
    struct stat st;
    bool regular = stat_fd(fd, &st) >= 0 && S_ISREG(st.st_mode);
    while (n) {
        if (!regular && !wait_writable(fd))
            return false;
        /* One write for a file or a terminal, pieces for what may block. */
        size_t piece = !regular && n > PIECE && !S_ISCHR(st.st_mode) ? PIECE : n;
        long w = sys_write(fd, p, piece);
        if (w == -EINTR || w == -EAGAIN)
            continue;
        if (w <= 0)
            return false;
        p += w;
        n -= (size_t)w;
    }
    return true;
}

/*
 * A write may raise SIGPIPE or SIGXFSZ in this thread. Both are blocked meanwhile, and if this
 * write made one pending it is removed.
 */
static bool write_quietly(int fd, const char *p, size_t n)
{
    uint64_t block = 1ull << (SIGPIPE - 1) | 1ull << (SIGXFSZ - 1), old = 0, before = 0, after = 0;
    SYS4(SYS_rt_sigprocmask, SIG_BLOCK, &block, &old, 8);
    SYS2(SYS_rt_sigpending, &before, 8);
    bool ok = write_all(fd, p, n);
    SYS2(SYS_rt_sigpending, &after, 8);
    uint64_t ours = after & ~before & block;
    struct timespec zero = {0, 0};
    while (ours && SYS4(SYS_rt_sigtimedwait, &ours, NULL, &zero, 8) > 0)
        ;
    SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, 8);
    return ok;
}

bool log_write_to(int fd, const char *p, size_t n) { return !n || write_quietly(fd, p, n); }

/* ---- the log's size -------------------------------------------------------------------------- */

#define FULL_LINE 256u /* kept free for the line that says so */

static _Atomic uint64_t full_at; /* the size at which a log was full; 0: it was not */

/*
 * True when P, of N bytes, must not be added to the log file FD. The first time a line says so.
 * Once full it stays so until somebody shortens the file.
 */
static bool is_full(int fd, const struct stat *st, size_t n)
{
    uint64_t max = agent_options.log_max, size = (uint64_t)st->st_size, full = atomic_load(&full_at);
    if (!max || !S_ISREG(st->st_mode))
        return false;
    if (full && size >= full)
        return true;
    if (size + n + FULL_LINE <= max) {
        atomic_store(&full_at, 0);
        return false;
    }
    char line[FULL_LINE];
    struct out o = {.buf = line, .cap = sizeof line - 1};
    put_line(&o, "this log is full (log_max); nothing more is written to it");
    line[o.len++] = '\n';
    if (size + o.len <= max || size == 0)
        write_quietly(fd, line, o.len);
    atomic_store(&full_at, size + 1);
    return true;
}

static bool is_still(int fd, const struct stat *was)
{
    struct stat now;
    return stat_fd(fd, &now) >= 0 && now.st_dev == was->st_dev && now.st_ino == was->st_ino;
}

static bool write_now(const char *text, size_t n)
{
    struct stat st;
    const struct place p = open_log();
    bool known = p.is == OPENED && stat_fd(p.fd, &st) >= 0;
    /*
     * Meanwhile the program may have closed all descriptors and got this number for a connection:
     * then it is neither written to nor closed.
     */
    bool ok = p.fd >= 0 && (!known || (is_still(p.fd, &st) && !is_full(p.fd, &st, n))) && write_quietly(p.fd, text, n);
    if (p.is == OPENED && (!known || is_still(p.fd, &st)))
        sys_close(p.fd);
    leave(&p);
    return ok;
}

struct piece {
    const char *text;
    size_t n;
    bool ok;
};

static void write_piece(void *arg)
{
    struct piece *p = arg;
    p->ok = write_now(p->text, p->n);
}

bool log_write(const char *text, size_t n)
{
    struct piece p = {text, n, true};
    if (is_place("none"))
        return true;
    if (n && is_a_file())
        spare_run(write_piece, &p);
    else if (n)
        write_piece(&p);
    if (!p.ok)
        atomic_fetch_add(&lost_pieces, 1);
    return p.ok;
}

bool log_has_color(void)
{
    if (agent_options.color != COLOR_AUTO)
        return agent_options.color == COLOR_ALWAYS;
    if (no_color)
        return false;
    struct termios t;
    bool err = is_place("stderr"), out = is_place("stdout");
    if (!err && !out)
        return false;
    const struct place p = standard(err ? STDERR_FILENO : STDOUT_FILENO);
    bool terminal = p.fd >= 0 && sys_ioctl(p.fd, TCGETS, &t) >= 0;
    leave(&p);
    return terminal;
}

static void log_line(const char *before, const char *fmt, va_list ap)
{
    char text[1024], buf[6 * sizeof text + 200]; /* as \u00XX each byte takes six */
    struct out o = {.buf = buf, .cap = sizeof buf - 1}, t = {.buf = text, .cap = sizeof text - 1};
    out_str(&t, before);
    out_vfmt(&t, fmt, ap);
    text[t.len] = 0;
    put_line(&o, text);
    buf[o.len++] = '\n';
    log_write(buf, o.len);
}

void log_help(void)
{
    static char text[8192] LARGE_TABLE, lines[16384] LARGE_TABLE;
    struct out t = {.buf = text, .cap = sizeof text - 1}, o = {.buf = lines, .cap = sizeof lines};
    options_help(&t);
    text[t.len] = 0;
    for (char *at = text, *end; agent_options.log_json && (end = strchr(at, '\n')); at = end + 1) {
        *end = 0;
        put_line(&o, at);
        out_char(&o, '\n');
    }
    log_write(agent_options.log_json ? lines : text, agent_options.log_json ? o.len : t.len);
}

void log_info(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    log_line("", fmt, ap);
    va_end(ap);
}

void log_warn(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    log_line("warning: ", fmt, ap);
    va_end(ap);
}
