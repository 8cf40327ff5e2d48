/* SPDX-License-Identifier: MIT */
/*
 * types.h: what the parts of `sockleak scan` hand on: collect (kernel tables and /proc) makes a
 * struct scan, rows (by process and peer) makes struct scan_rows of it, print and json show a
 * struct scan_view.
 *
 * Plain data; each stage owns the arrays that it makes until its _free.
 */
#ifndef SOCKLEAK_CLI_SCAN_TYPES_H
#define SOCKLEAK_CLI_SCAN_TYPES_H

#include <netinet/tcp.h> /* TCP_CLOSE_WAIT ... */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../kernel/fate.h"
#include "../kernel/sockdiag.h"

struct scan_listener {
    uint16_t port;
    uint8_t family;
    unsigned char address[16]; /* network order, IPv4 in the first 4 bytes; all zero: any */
    uint32_t inode;            /* 0: no descriptor holds it */
    uint32_t waiting, backlog; /* connections that nobody has accepted yet, and how many may wait (0: unknown) */
};

struct scan_namespace {
    uint64_t inode; /* 0: unknown, taken for our own */
    pid_t pid;      /* a process in it */
    /* PROC: sock_diag could not be used, so there are no Unix sockets and no ages */
    enum scan_source { SCAN_NONE = 0, SCAN_DIAG, SCAN_PROC } source;
    int error;                       /* why sock_diag could not be used (-errno) */
    uint16_t port_low, port_high;    /* ephemeral ports; 0: unknown */
    struct scan_listener *listeners; /* sorted by scan_index_make */
    size_t n_listeners, cap_listeners;
};

struct scan_process {
    pid_t pid; /* 0: stands for the sockets of one user whose process could not be seen */
    uid_t uid;
    uint64_t start_ticks;
    uint64_t netns;
    uint64_t fds, fd_limit; /* 0: unknown */
    char comm[64];
};

/* A TCP socket, or a Unix one whose peer is gone. */
struct scan_socket {
    uint32_t inode, uid, idle_ms;
    uint32_t unread; /* bytes, without the FIN */
    uint32_t ns;     /* index */
    bool drained;    /* CLOSE_WAIT: nothing is left to read (sockdiag.h) */
    uint8_t family, state;
    bool hangup;   /* Unix */
    bool nameless; /* Unix: not bound to a name */
    uint16_t local_port, peer_port;
    unsigned char local[16], peer[16];
    char path[SOCKDIAG_PATH / 2]; /* Unix */
};

struct scan_hold {
    uint32_t process; /* index */
    int fd;
    uint32_t inode;
    enum fate fate; /* TCP sockets in no kernel table */
    uint8_t family; /* of those */
};

/* A process that one which is scanned alone has started, and that holds sockets which that one does not. */
struct scan_helper {
    pid_t pid;
    char comm[64];
    uint64_t stuck; /* of those, in CLOSE_WAIT or FIN_WAIT_2, or hung up */
};

struct scan {
    struct scan_namespace *namespaces;
    struct scan_process *processes;
    struct scan_socket *sockets;
    struct scan_hold *holds;
    size_t n_namespaces, cap_namespaces, n_processes, cap_processes, n_sockets, cap_sockets, n_holds, cap_holds;
    uint32_t *by_inode; /* indices of sockets with an inode, sorted by it, one for each */
    size_t n_by_inode;
    uint32_t *others; /* sorted inodes of healthy Unix sockets */
    size_t n_others, cap_others;
    struct scan_helper *helpers; /* with a PID alone; the one that holds the most first */
    size_t n_helpers, cap_helpers;
    uint32_t took_ms;          /* from the first descriptor to the last table */
    uint64_t unseen_processes; /* whose descriptors may not be read */
    uint64_t scanned_processes;
};

enum scan_direction { SCAN_OUT = 0, SCAN_IN, SCAN_UNIX, SCAN_UNCONNECTED };

struct scan_count {
    uint64_t close_wait, fin_wait_2, dead, never, hangup;
    uint64_t drained; /* of close_wait: nothing is left to read there */
    uint64_t unread;
};

struct scan_row {     /* one process and one peer */
    uint32_t process; /* index */
    uint32_t ns;
    uint8_t direction, family;
    uint16_t port; /* OUT: the peer's; IN: the local one */
    unsigned char peer[16];
    char path[SOCKDIAG_PATH / 2];
    bool fate_unclear; /* `dead` may hold sockets that were never connected */
    struct scan_count count;
    uint32_t idle_ms; /* the longest */
    uint64_t ports;   /* OUT: local ephemeral ports in use towards this peer, TIME_WAIT included */
};

struct scan_rows {
    struct scan_row *rows; /* the culprit first: by the process's weight, then the row's */
    size_t n, cap;
    struct scan_row **index;     /* scan_rows_index makes it */
    struct scan_count total;     /* each socket once */
    uint64_t processes;          /* that have a row, those not seen left out */
    uint64_t orphans_fin_wait_2; /* closed, no descriptor, the peer has not finished */
    /* CLOSE_WAIT in a listener's queue: closed by the client before the program accepted it */
    uint64_t unaccepted;
    uint16_t unaccepted_port; /* where most of them wait */
};

/* Descriptors that are the same to a reader. */
struct scan_use {
    char kind[24];     /* "tcp", "unix", "file", "pipe", "epoll" ... */
    const char *state; /* of TCP: "CLOSE_WAIT"; else NULL */
    char target[160];  /* peer, path; "": there is none */
    bool socket;
    uint64_t count, of_kind; /* OF_KIND: all of this kind */
};

/* Local ports in use towards one peer. */
struct scan_ports {
    char peer[SOCKDIAG_ADDRESS];
    uint64_t used, total;
};

/* The queue of one listening socket. */
struct scan_queue {
    uint16_t port;
    uint32_t waiting, backlog;
    /* of those that wait, closed by their client; SHARED: several sockets listen there, and this is of all */
    uint32_t closed;
    bool shared;
};

struct scan_usage {
    struct scan_use *uses;     /* by how many there are of their kind, then by their own number */
    struct scan_ports *ports;  /* the most first */
    struct scan_queue *queues; /* in which something waits */
    size_t n_uses, cap_uses, n_ports, cap_ports, n_queues, cap_queues;
    uint64_t sockets, others; /* descriptors */
};

struct scan_view {
    const struct scan *scan;
    const struct scan_rows *rows;
    const struct scan *before; /* --watch: the scan before, else NULL */
    const struct scan_rows *rows_before;
    pid_t pid;                      /* restricted to, else 0 */
    const struct scan_usage *usage; /* with a PID, else NULL */
    unsigned width, max_rows;       /* of the table; max_rows 0: all */
};

#endif
