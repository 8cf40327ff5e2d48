/* SPDX-License-Identifier: MIT */
/*
 * rights.h: the watcher follows the calls by which the program gives up rights.
 *
 * libc makes setuid(2) and its kin in every thread that it knows. The kernel changes the calling
 * thread alone, and so do capset(2), setfsuid(2), some of prctl(2), landlock, and all of them
 * through syscall(2). So the thread that has made such a call hands number and arguments to the
 * watcher, and waits until that has made it too. Calls that take rights back are followed in
 * the same way. Where threads of the program have different rights, the watcher has those of the
 * thread that called last.
 */
#ifndef SOCKLEAK_AGENT_RIGHTS_H
#define SOCKLEAK_AGENT_RIGHTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* younger than some headers */
#define NUMBER_LANDLOCK_RESTRICT_SELF 446

/* The process whose watcher follows; 0: there is none. */
extern _Atomic uint32_t rights_owner __attribute__((visibility("hidden")));
/*
 * The calling thread has made the system call NUMBER with success; pointers among the arguments
 * must be valid until this returns. Any thread, also in a signal handler or a vfork child, whose
 * rights are its own. Waits for half a second at most. False: the watcher has not made it, nor will
 * it, and must be replaced.
 */
bool rights_hand_over(long number, long a, long b, long c, long d, long e);
/* The same after a call by which libc has changed all threads that it knows. */
bool rights_hand_over_libcs(long number, long a, long b, long c);
/* The same after initgroups(3): the groups that the calling thread has now. */
bool rights_hand_over_groups(void);
static inline bool rights_followed(void) { return atomic_load_explicit(&rights_owner, memory_order_relaxed) != 0; }

/*
 * rights_watcher_begins: before the thread is made, by who makes it; LIBCS: libc will know it.
 * rights_watcher_ends: by the thread as the last: who waits for an answer waits no longer.
 * rights_forked_child: there is none.
 */
void rights_watcher_begins(bool libcs);
void rights_watcher_ends(void);
void rights_forked_child(void);

/* By the watcher, which is about to sleep on WORD. False: there is a call, it must not. */
bool rights_may_sleep(_Atomic uint32_t *word);
enum rights_served {
    RIGHTS_NONE,  /* there was no call */
    RIGHTS_SAME,  /* made */
    RIGHTS_OTHER, /* it failed here: this thread must end */
};
/* By the watcher when it is awake, and at every step that may take long. */
enum rights_served rights_serve(void);

#endif
