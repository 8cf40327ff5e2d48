/* SPDX-License-Identifier: MIT */
/*
 * hard_uring WORD: one connection through io_uring, which no wrapper sees. "accept": it is accepted so, its peer closes, and it stays. "close": it is
 * opened by the program, stuck, and closed so. Says "ready", ends at the test's word. Status 77 where there is no io_uring.
 */
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "victim.h"

/* One operation, and its result. */
static int does(int ring, struct io_uring_params *p, struct io_uring_sqe op)
{
    size_t sq_size = p->sq_off.array + p->sq_entries * sizeof(unsigned),
           cq_size = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
    char *sq = mmap(NULL, sq_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
    char *cq = mmap(NULL, cq_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_CQ_RING);
    struct io_uring_sqe *sqe =
        mmap(NULL, p->sq_entries * sizeof *sqe, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
    if (sq == MAP_FAILED || cq == MAP_FAILED || (void *)sqe == MAP_FAILED)
        exit(77);
    unsigned tail = *(unsigned *)(sq + p->sq_off.tail), slot = tail & *(unsigned *)(sq + p->sq_off.ring_mask);
    sqe[slot] = op;
    ((unsigned *)(sq + p->sq_off.array))[slot] = slot;
    atomic_store((_Atomic unsigned *)(sq + p->sq_off.tail), tail + 1);
    MUST(syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0));
    unsigned head = *(unsigned *)(cq + p->cq_off.head);
    return ((struct io_uring_cqe *)(cq + p->cq_off.cqes))[head & *(unsigned *)(cq + p->cq_off.ring_mask)].res;
}

int main(int argc, char **argv)
{
    struct io_uring_params p = {0};
    int listener = listen_loopback(), client = connect_loopback(), ring = (int)syscall(SYS_io_uring_setup, 4, &p);
    if (ring < 0 || argc < 2)
        return 77;
    if (!strcmp(argv[1], "accept")) {
        usleep(300000); /* what the agent's first look finds could have been there before */
        MUST(does(ring, &p, (struct io_uring_sqe){.opcode = IORING_OP_ACCEPT, .fd = listener}));
        MUST(close(client));
    } else {
        MUST(close((int)MUST(accept(listener, NULL, NULL))));
        MUST(does(ring, &p, (struct io_uring_sqe){.opcode = IORING_OP_CLOSE, .fd = client}));
    }
    say("ready");
    wait_for_word();
    return 0;
}
