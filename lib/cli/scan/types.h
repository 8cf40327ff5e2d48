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

struct scan_view {
    const struct scan *scan;
    const struct scan_rows *rows;
    const struct scan *before; /* --watch: the scan before, else NULL */
    const struct scan_rows *rows_before;
    pid_t pid;                /* restricted to, else 0 */
    unsigned width, max_rows; /* of the table; max_rows 0: all */
};

#endif
