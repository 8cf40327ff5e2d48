/* SPDX-License-Identifier: MIT */
/*
 * loop.c: the event loops of a process that uses libuv, and the handles of their sockets.
 *
 * Called by process.c. The list of handles goes through the loop and through each handle, both ways.
 */
#include "loop.h"

#include <string.h>

#include "../../core/bytes.h"

/* uv_loop_t */
#define LOOP_HANDLES 16 /* the head of the list */
#define LOOP_EPFD 64
#define LOOP_BYTES 72
/* uv_handle_t */
#define HANDLE_DATA 0
#define HANDLE_LOOP 8
#define HANDLE_TYPE 16
#define HANDLE_LINK 32
#define HANDLE_FLAGS 88
#define HANDLE_CLOSING 3 /* or closed */
/* what follows it */
#define STREAM_FD (136 + 48) /* of io_watcher, a uv__io_t */
#define UDP_FD (128 + 48)
#define HANDLE_BYTES 192
/* uv_handle_type */
#define TYPE_PIPE 7
#define TYPE_TCP 12
#define TYPE_UDP 15

#define MAX_HANDLES 200000u
#define MAX_STACK (64u * 1024u) /* searched: libuv has 12 KB of events there */
#define MAX_CODE 64u

static bool is_address(uint64_t a) { return a % 8 == 0 && a >= OWNER_PAGE && a >> 47 == 0; }

bool loop_is(struct owner_cache *c, uint64_t loop, int epfd)
{
    uint64_t next, before, back;
    const uint8_t *p = is_address(loop) ? owner_cache_at(c, loop, LOOP_BYTES) : NULL;
    if (!p || bytes_i32(p, LOOP_EPFD) < 0 || (epfd >= 0 && bytes_i32(p, LOOP_EPFD) != epfd))
        return false;
    uint64_t head = loop + LOOP_HANDLES;
    next = bytes_u64(p, LOOP_HANDLES);
    before = bytes_u64(p, LOOP_HANDLES + 8);
    if (!is_address(next) || !is_address(before) || next == head)
        return false;
    return owner_cache_word(c, next + 8, &back) && back == head && owner_cache_word(c, before, &back) && back == head &&
           owner_cache_word(c, next - HANDLE_LINK + HANDLE_LOOP, &back) && back == loop;
}

uint64_t loop_of_stack(struct owner_cache *c, uint64_t sp, uint64_t end, int epfd)
{
    uint64_t w, last = 0;
    if (end - sp > MAX_STACK)
        end = sp + MAX_STACK;
    for (uint64_t at = (sp + 7) & ~7ull; at < end && owner_cache_word(c, at, &w); at += 8) {
        if (w == last || !is_address(w))
            continue;
        if (loop_is(c, w, epfd))
            return w;
        last = w;
    }
    return 0;
}

/* Its first load of a word from an address relative to the code is that of the loop's address. */
uint64_t loop_of_function(struct owner_cache *c, uint64_t code)
{
    uint8_t text[MAX_CODE];
    uint64_t loop;
    const void *p = owner_cache_at(c, code, sizeof text);
    if (!p)
        return 0;
    memcpy(text, p, sizeof text);
    for (size_t i = 0; i + 7 <= sizeof text; i++) {
        if ((text[i] & 0xfb) != 0x48 || text[i + 1] != 0x8b || (text[i + 2] & 0xc7) != 5) /* mov disp32(%rip), a register */
            continue;
        uint64_t at = code + i + 7 + (uint64_t)(int64_t)bytes_i32(text, i + 3);
        return owner_cache_word(c, at, &loop) && loop_is(c, loop, -1) ? loop : 0;
    }
    return 0;
}

/* The descriptor of a handle; -1: it is of another sort, or closed. */
static int descriptor_of(const uint8_t *handle)
{
    if (bytes_u32(handle, HANDLE_FLAGS) & HANDLE_CLOSING)
        return -1;
    switch (bytes_u32(handle, HANDLE_TYPE)) {
    case TYPE_PIPE:
    case TYPE_TCP:
        return bytes_i32(handle, STREAM_FD);
    case TYPE_UDP:
        return bytes_i32(handle, UDP_FD);
    default:
        return -1;
    }
}

bool loop_each_socket(struct owner_cache *c, uint64_t loop, void (*each)(void *arg, uint64_t handle, int fd, uint64_t data), void *arg)
{
    uint64_t head = loop + LOOP_HANDLES, before = head, link;
    if (!owner_cache_word(c, head, &link))
        return false;
    for (unsigned n = 0; n < MAX_HANDLES; n++) {
        if (link == head)
            return true;
        const uint8_t *p = is_address(link) ? owner_cache_at(c, link - HANDLE_LINK, HANDLE_BYTES) : NULL;
        if (!p || bytes_u64(p, HANDLE_LOOP) != loop || bytes_u64(p, HANDLE_LINK + 8) != before)
            return false;
        int fd = descriptor_of(p);
        before = link;
        link = bytes_u64(p, HANDLE_LINK);
        uint64_t data = bytes_u64(p, HANDLE_DATA);
        if (fd >= 0)
            each(arg, before - HANDLE_LINK, fd, data);
    }
    return false;
}
