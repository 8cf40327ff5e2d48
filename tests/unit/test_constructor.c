/* SPDX-License-Identifier: MIT */
/*
 * test_constructor.c: what the library's constructor sets up: the report on a signal.
 *
 * The code is compiled in, over a request for a report that notes whether it may allocate.
 */
#define LIVE_OPTIONS "interval=0:max_frames=0:grace=30s:signal=10"
#define LIVE_LOADS_BY_ITSELF
#include "live_agent.h"

#include <signal.h>

#include "agent/base/thread.h"
#include "agent/libc/real.h"
#include "agent/watch/watcher.h"

/* The test's own calls are wrapped by nobody. */
const struct wrapped wrapped_table[] = {{NULL, NULL, NULL}};
const unsigned wrapped_count = 0;

static bool no_malloc_then;
static void note_and_request(void)
{
    no_malloc_then = this_thread.no_malloc;
    watcher_request_signal();
}

#define watcher_request_signal note_and_request
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/load.c"
#undef watcher_request_signal

static void a_signal_reports_at_once_and_leaves_the_thread_as_it_was(void **state)
{
    (void)state;
    struct sigaction sa;
    live_capture();
    live_hung_up();
    assert_false(watcher_running());
    raise(SIGUSR1);
    assert_non_null(strstr(live_said(), "1 socket hung up"));
    assert_true(no_malloc_then); /* the program may be inside its allocator */
    assert_false(this_thread.no_malloc);
    this_thread.no_malloc = true; /* it comes into a report at the end */
    raise(SIGUSR1);
    bool still = this_thread.no_malloc;
    this_thread.no_malloc = false;
    assert_true(still);
    /* The program's calls go on, and no handler of its own comes into ours. */
    assert_int_equal(sigaction(SIGUSR1, NULL, &sa), 0);
    assert_true(sa.sa_flags & SA_RESTART);
    assert_true(sigismember(&sa.sa_mask, SIGTERM));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIVE(a_signal_reports_at_once_and_leaves_the_thread_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
