/* SPDX-License-Identifier: MIT */
/*
 * fleet_login.c: logs in so often as it is told to, and forgets each refused connection; with
 * -DFIXED it closes them.
 *
 * usage: fleet_login PORT
 *
 * Reads how many logins to make from standard input, a number a line, and says "done TOTAL" after
 * each line.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int login_connect(unsigned port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof to) != 0)
        exit(99);
    return fd;
}

static void login(unsigned port)
{
    char reply[128];
    int fd = login_connect(port);
    send(fd, "LOGIN guest\r\n", 13, MSG_NOSIGNAL);
    while (recv(fd, reply, sizeof reply, 0) > 0)
        ;
#ifdef FIXED
    close(fd);
#endif
}

int main(int argc, char **argv)
{
    int more, total = 0;
    if (argc != 2)
        return 2;
    while (scanf("%d", &more) == 1) {
        for (int i = 0; i < more; i++)
            login((unsigned)atoi(argv[1]));
        total += more;
        printf("done %d\n", total);
        fflush(stdout);
    }
    return 0;
}
