/* SPDX-License-Identifier: MIT */
/* fixed.c: login() that closes on every path. */
#include "login.h"

#include <sys/socket.h>
#include <unistd.h>

int login(const char *user)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int result = *user ? 0 : -1;

    close(fd);
    return result;
}
