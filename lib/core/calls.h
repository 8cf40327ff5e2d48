/* SPDX-License-Identifier: MIT */
/*
 * calls.h: the calls of a program that are kept with their stacks, and their names as
 * reports write them.
 *
 * Pure; async-signal-safe. The numbers stand in state files: a new one goes behind the old ones.
 */
#ifndef SOCKLEAK_CORE_CALLS_H
#define SOCKLEAK_CORE_CALLS_H

/* Aliases and fortified forms have the name that the program's source has: recv for __recv_chk. */
#define CALLS(CALL)                    \
    CALL(SOCKET, "socket")             \
    CALL(SOCKETPAIR, "socketpair")     \
    CALL(ACCEPT, "accept")             \
    CALL(ACCEPT4, "accept4")           \
    CALL(CONNECT, "connect")           \
    CALL(READ, "read")                 \
    CALL(READV, "readv")               \
    CALL(PREAD, "pread")               \
    CALL(PREADV, "preadv")             \
    CALL(PREADV2, "preadv2")           \
    CALL(RECV, "recv")                 \
    CALL(RECVFROM, "recvfrom")         \
    CALL(RECVMSG, "recvmsg")           \
    CALL(RECVMMSG, "recvmmsg")         \
    CALL(SPLICE, "splice")             \
    CALL(WRITE, "write")               \
    CALL(WRITEV, "writev")             \
    CALL(SEND, "send")                 \
    CALL(SENDTO, "sendto")             \
    CALL(SENDMSG, "sendmsg")           \
    CALL(SENDMMSG, "sendmmsg")         \
    CALL(SENDFILE, "sendfile")         \
    CALL(GETSOCKOPT, "getsockopt")     \
    CALL(POLL, "poll")                 \
    CALL(PPOLL, "ppoll")               \
    CALL(EPOLL_WAIT, "epoll_wait")     \
    CALL(EPOLL_PWAIT, "epoll_pwait")   \
    CALL(EPOLL_PWAIT2, "epoll_pwait2") \
    CALL(EPOLL_CTL, "epoll_ctl")       \
    CALL(SHUTDOWN, "shutdown")         \
    CALL(DUP, "dup")                   \
    CALL(DUP2, "dup2")                 \
    CALL(DUP3, "dup3")                 \
    CALL(FCNTL, "fcntl")               \
    CALL(CLOSE, "close")               \
    CALL(FCLOSE, "fclose")             \
    CALL(PCLOSE, "pclose")             \
    CALL(FREOPEN, "freopen")           \
    CALL(CLOSE_RANGE, "close_range")   \
    CALL(CLOSEFROM, "closefrom")       \
    CALL(DAEMON, "daemon")             \
    CALL(FORK, "fork")                 \
    CALL(VFORK, "vfork")               \
    CALL(CLONE, "clone")               \
    CALL(POSIX_SPAWN, "posix_spawn")   \
    CALL(POSIX_SPAWNP, "posix_spawnp") \
    CALL(POPEN, "popen")               \
    CALL(SYSTEM, "system")             \
    CALL(BIND, "bind")

#define CALL_ENUM(id, name) CALL_##id,
enum call { CALL_UNKNOWN = 0, CALLS(CALL_ENUM) CALL_COUNT };
#undef CALL_ENUM

/*
 * The byte that a state file keeps beside a stack: the call that was made there, and whether it
 * failed: a stack that saw EOF and one that saw an error are two, though the code be the same.
 */
#define CALL_FAILED 0x80u
#define CALL_OF(byte) ((unsigned)(byte)&0x7fu)
_Static_assert(CALL_COUNT <= CALL_FAILED, "a call's number fits beside the flag");

/* "recv"; NULL for CALL_UNKNOWN and for a value out of range. The flag is ignored. */
const char *call_name(unsigned call);
/* The call receives: read, recv and their kin. */
static inline int call_receives(unsigned call) { return CALL_OF(call) >= CALL_READ && CALL_OF(call) <= CALL_RECVMMSG; }
/* The call closes a descriptor: close, fclose, dup2 and their kin. */
static inline int call_closes(unsigned call) { return CALL_OF(call) >= CALL_CLOSE && CALL_OF(call) <= CALL_DAEMON; }
/* The call tells of the end by events, not by a count of bytes: poll, epoll_wait and their kin. */
static inline int call_polls(unsigned call) { return CALL_OF(call) >= CALL_POLL && CALL_OF(call) <= CALL_EPOLL_PWAIT2; }

#endif
