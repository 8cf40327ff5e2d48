/* SPDX-License-Identifier: MIT */
/* by_uring.h: a call through io_uring, which no wrapper sees. */
#ifndef BY_URING_H
#define BY_URING_H

#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "victim.h"

/* One operation, and its result. */
static inline int by_uring(int ring, struct io_uring_params *p, struct io_uring_sqe op)
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
    int result = ((struct io_uring_cqe *)(cq + p->cq_off.cqes))[head & *(unsigned *)(cq + p->cq_off.ring_mask)].res;
    atomic_store((_Atomic unsigned *)(cq + p->cq_off.head), head + 1);
    munmap(sq, sq_size);
    munmap(cq, cq_size);
    munmap(sqe, p->sq_entries * sizeof *sqe);
    return result;
}

#endif
