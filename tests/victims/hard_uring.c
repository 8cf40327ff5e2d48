/* SPDX-License-Identifier: MIT */
/*
 * hard_uring WORD: one connection through io_uring, which no wrapper sees. "accept": it is accepted so, its peer closes, and it stays. "close": it is
 * opened by the program, stuck, and closed so. Says "ready", ends at the test's word. Status 77 where there is no io_uring.
 */
#include "by_uring.h"
#include "victim.h"

int main(int argc, char **argv)
{
    struct io_uring_params p = {0};
    int listener = listen_loopback(), client = connect_loopback(), ring = (int)syscall(SYS_io_uring_setup, 4, &p);
    if (ring < 0 || argc < 2)
        return 77;
    if (!strcmp(argv[1], "accept")) {
        usleep(300000); /* what the agent's first look finds could have been there before */
        MUST(by_uring(ring, &p, (struct io_uring_sqe){.opcode = IORING_OP_ACCEPT, .fd = listener}));
        MUST(close(client));
    } else {
        MUST(close((int)MUST(accept(listener, NULL, NULL))));
        MUST(by_uring(ring, &p, (struct io_uring_sqe){.opcode = IORING_OP_CLOSE, .fd = client}));
    }
    say("ready");
    wait_for_word();
    return 0;
}
