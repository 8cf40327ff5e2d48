/* SPDX-License-Identifier: MIT */
/*
 * live_agent.h: the agent at work inside a unit test, without a watcher: its table, and sockets
 * that are entered into it by the events' own calls.
 *
 * A test opens with live_*(), and its teardown closes and forgets all of them.
 */
#ifndef SOCKLEAK_TESTS_UNIT_LIVE_AGENT_H
#define SOCKLEAK_TESTS_UNIT_LIVE_AGENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/log.h"
#include "agent/base/options.h"
#include "agent/process/configure.h"
#include "agent/process/exit.h"
#include "agent/process/fork.h"
#include "agent/track/gate.h"
#include "agent/track/open_close.h"
#include "agent/track/outcome.h"
#include "agent/track/retract.h"
#include "agent/table/table.h"
#include "agent/report/counts.h"

#ifndef LIVE_OPTIONS
#define LIVE_OPTIONS "interval=0:max_frames=0:grace=30s"
#endif

const char *sockleak_default_options(void);
const char *sockleak_default_options(void) { return LIVE_OPTIONS; }

/* A folder for the state files of the test and of its children, which may end without removing
 * theirs. */
static char live_folder[256];
static pid_t live_owner;

__attribute__((constructor(101))) static void live_make_folder(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(live_folder, sizeof live_folder, "%s/sllive.XXXXXX", tmp && tmp[0] == '/' ? tmp : "/tmp");
    live_owner = getpid();
    if (mkdtemp(live_folder))
        setenv("XDG_RUNTIME_DIR", live_folder, 1);
    unsetenv("SOCKLEAK_OPTIONS");
}

/* What the library's constructor does, which is not part of the test. */
#ifndef LIVE_LOADS_BY_ITSELF
__attribute__((constructor(102))) static void live_load(void)
{
    configure();
    fork_register();
    exit_register();
}
#endif

/* After the agent's own end. */
__attribute__((destructor(101))) static void live_remove_folder(void)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", live_folder);
    if (live_owner == getpid() && system(command) != 0)
        fprintf(stderr, "%s stays\n", live_folder);
}

static struct options live_options; /* as the agent started with */

static inline bool live_start(void)
{
    bool ok = gate_ready();
    if (!live_options.kinds)
        live_options = agent_options;
    return ok;
}

/* What the last look wrote of FD; NULL: it is in no condition, or has not been looked at. */
__attribute__((noinline, unused)) static struct state_detail *live_detail(int fd)
{
    const struct state_slot *s = slot_of(fd);
    return atomic_load(&s->watch_gen) == SLOT_GEN(atomic_load(&s->word)) ? table_at(atomic_load(&s->detail)) : NULL;
}

static inline bool live_is_known(int fd)
{
    const struct state_slot *s = slot_of(fd);
    return s && SLOT_PHASE(atomic_load(&s->word)) == SLOT_LIVE;
}

static inline void live_close(int fd)
{
    track_closing(fd);
    close(fd);
}

static inline void live_forget_all(void)
{
    struct release ignored;
    for (int fd = slot_next(0); fd >= 0; fd = slot_next(fd + 1))
        if (live_is_known(fd))
            live_close(fd);
    while (retract_next(&ignored))
        ;
    counts_reset();
}

static inline int live_socket(int family, int type)
{
    int fd = socket(family, type, 0);
    assert_true(fd >= 0);
    track_opened(fd, family, type, 0, ORIGIN_SOCKET);
    return fd;
}

static inline void live_pair(int v[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, v), 0);
    track_pair(v, AF_UNIX, SOCK_STREAM, 0);
}

/* One whose peer has gone. */
static inline int live_hung_up(void)
{
    int v[2];
    live_pair(v);
    live_close(v[1]);
    return v[0];
}

static struct sockaddr_in live_address;

static inline int live_listener(void)
{
    socklen_t len = sizeof live_address;
    int fd = live_socket(AF_INET, SOCK_STREAM);
    live_address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)&live_address, len), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&live_address, &len), 0);
    return fd;
}

/* A connection: V[0] the client, V[1] what LISTENER accepted. */
static inline void live_connection(int listener, int v[2])
{
    v[0] = live_socket(AF_INET, SOCK_STREAM);
    int r = connect(v[0], (struct sockaddr *)&live_address, sizeof live_address);
    assert_int_equal(r, 0);
    track_connected(v[0], r, 0, (struct sockaddr *)&live_address, sizeof live_address);
    v[1] = accept(listener, NULL, NULL);
    assert_true(v[1] >= 0);
    track_accepted(listener, v[1], 0);
}

/* ---- what the agent writes ---- */

static int live_saved_err = -1, live_err = -1;

/* From here on standard error is a file that live_said() shows. */
static inline void live_capture(void)
{
    live_saved_err = fcntl(2, F_DUPFD_CLOEXEC, 500);
    live_err = memfd_create("err", MFD_CLOEXEC);
    dup2(live_err, 2);
    log_init();
}

static inline const char *live_said(void)
{
    static char text[65536];
    ssize_t n = pread(live_err, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = 0;
    return text;
}

/* Forgets what was written. */
static inline void live_hush(void)
{
    if (ftruncate(live_err, 0) == 0)
        lseek(live_err, 0, SEEK_SET);
}

static inline void live_release_err(void)
{
    if (live_saved_err < 0)
        return;
    dup2(live_saved_err, 2);
    close(live_saved_err);
    close(live_err);
    live_saved_err = live_err = -1;
    log_init();
}

static inline int live_setup(void **state)
{
    (void)state;
    if (!live_start())
        return -1;
    agent_options = live_options;
    atomic_store(&table_head->grace_ns, live_options.grace_ns);
    atomic_store(&table_head->kinds, live_options.kinds);
    atomic_store(&table_head->enabled, 1);
    for (unsigned i = 0; i < DROP_COUNT; i++)
        atomic_store(&table_head->dropped[i], 0);
    return 0;
}

static inline int live_teardown(void **state)
{
    (void)state;
    live_release_err();
    live_forget_all();
    return 0;
}

/* The status of a child of fork that runs RUN and says nothing; 1000 and more: the signal that
 * ended it. */
__attribute__((unused)) static int live_in_child(int (*run)(void))
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(60);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(null, 2);
        log_init();
        _exit(run());
    }
    int status = 0;
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

#define LIVE(name) cmocka_unit_test_setup_teardown(name, live_setup, live_teardown)

#endif
