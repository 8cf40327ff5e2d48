/* SPDX-License-Identifier: MIT */
/*
 * watched.h: which epoll descriptors of a process hold the sockets of a report, from the text of
 * /proc/PID/fdinfo (proc_pid_fdinfo(5)), and whether anybody else may wait for them.
 *
 * Pure, over text that whoever may open the files has read; async-signal-safe. A registration
 * belongs to an open socket, not to a number: the socket is known by its inode, for its number may
 * be closed, or another socket's, while a copy of it keeps the registration alive.
 */
#ifndef SOCKLEAK_CORE_WATCHED_H
#define SOCKLEAK_CORE_WATCHED_H

#include "out.h"
#include "pieces.h"
#include "report.h"

/* One line of an epoll's fdinfo. */
struct watched_line {
    uint32_t fd, events;
    uint64_t data, inode;
    bool has_inode; /* Linux 4.13 and later */
};
/*
 * False: the LEN bytes at TEXT, a line without its newline, are no registration, or not whole.
 */
bool watched_parse(const char *text, size_t len, struct watched_line *out);

struct watched_socket {
    uint64_t inode;
    struct finding *finding;
};
#define WATCHED_BUSY 32u
struct watched {
    struct watched_socket *sockets;
    size_t n;
    unsigned epolls; /* that were asked for */
    bool unknown;    /* not all of them could be read */
    bool others;     /* somebody may wait by other means than epoll */
    unsigned n_busy; /* descriptors that threads are in a call on */
    uint64_t busy[WATCHED_BUSY];
};

/*
 * Begins to ask for the N SOCKETS, an array that is sorted and kept until watched_end. An inode of 0
 * is not known: nothing is said of that socket.
 */
void watched_begin(struct watched *w, struct watched_socket *sockets, size_t n);
/*
 * Takes the lines of the LEN bytes at TEXT, a piece of the fdinfo of epoll EPFD. Returns how many of
 * them are used up: what is left is the beginning of a line, and belongs before the next piece.
 */
size_t watched_take(struct watched *w, int epfd, const char *text, size_t len);
/*
 * Takes the whole fdinfo of epoll EPFD, which P reads. -ENOENT of it: the epoll was closed meanwhile,
 * and watches nothing.
 */
void watched_epoll(struct watched *w, int epfd, struct pieces *p);
/*
 * The LEN bytes at TEXT are the /proc/PID/task/TID/syscall of a thread: it may wait for sockets by
 * other means than epoll, unless it is in a call that is known not to. LEN 0: it cannot be read.
 */
void watched_thread(struct watched *w, const char *text, size_t len);
/*
 * Fills in what is known of the findings: `watch`, and the registrations themselves. ALL_THREADS:
 * each thread of the process was given to watched_thread.
 */
void watched_end(struct watched *w, bool all_threads);

/* "IN|RDHUP|ET"; without ERR and HUP, which every registration has. "" for none. */
void watched_events(struct out *o, uint32_t events);

#endif
