/* SPDX-License-Identifier: MIT */
/*
 * hostile.c: a leak whose names are chosen to do harm to a page: of a function (LONG_NAME, ten thousand characters), of a source file, of a thread, of a
 * tag, and of an abstract Unix socket. A test compiles it.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../../include/sockleak.h"

static struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "\0</script><img src=x onerror=alert(1)>\"'&lt;\xe2\x80\xae"};

#line 7 "</script><script>alert(2)</script>'\"&amp;.c"
__attribute__((noinline)) static void LONG_NAME(int listener)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) != 0)
        perror("connect");
    close(accept(listener, NULL, NULL));
    __asm__ volatile("");
}

int main(void)
{
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    prctl(PR_SET_NAME, "<b>\"'</script>");
    if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 5) != 0)
        return 1;
    sockleak_tag("<!--<script>{{data}}<svg onload=alert(3)>");
    for (int i = 0; i < 3; i++)
        LONG_NAME(listener);
    puts("ready");
    fflush(stdout);
    return getchar() == EOF ? 0 : 1;
}
