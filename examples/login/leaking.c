/* SPDX-License-Identifier: MIT */
/* leaking.c: login() with the most common leak there is: the path of the error forgets to close. */
#include "login.h"

#include <sys/socket.h>
#include <unistd.h>

int login(const char *user)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (!*user)
        return -1;
    close(fd);
    return 0;
}
