// SPDX-License-Identifier: MIT
// hard_module.cc: a library that hard_loader loads. -DROOM=N: the size of its frame, so that two of them have the same code at the same addresses with
// other rules. -DON_LOAD: opens a socket while it is being loaded.
#include <sys/socket.h>
#include <unistd.h>

#ifndef ROOM
#define ROOM 1024
#endif
extern "C" int module_opens(int keep)
{
    volatile char room[ROOM];
    room[0] = 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (!keep)
        close(fd);
    return fd + room[0];
}
#ifdef THROWS
extern "C" int module_throws(int depth)
{
    volatile char room[64];
    room[0] = 0;
    if (depth == 0)
        throw 42;
    int r = module_throws(depth - 1) + room[0];
    return r + 1;
}
extern "C" int module_catches(void)
{
    try {
        return module_throws(5);
    } catch (int n) {
        return n;
    }
}
#endif
#ifdef ON_LOAD
__attribute__((constructor)) static void load(void) { module_opens(0); }
#endif
