/* SPDX-License-Identifier: MIT */
/*
 * serve.c: `sockleak export --listen`: where it listens, and what is at which path.
 *
 * Called by export.c. Nothing can be changed through it, and a client decides only how often a look
 * is taken: an answer is given again until four times the processor time has passed that it took to
 * make, so that no number of clients takes more than a fifth of a processor for each path.
 */
#include "serve.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../base/cli.h"
#include "../base/now.h"
#include "../render/pprof.h"
#include "http.h"
#include "page.h"
#include "push.h"
#include "scrape.h"

#define FIRST_HANDED 3 /* SD_LISTEN_FDS_START */

/* ---- where ----------------------------------------------------------------------------------- */

static unsigned handed_sockets(void)
{
    const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
    uint64_t number, count;
    if (!pid || !n || !cli_digits(pid, strlen(pid), INT32_MAX, &number) || (pid_t)number != getpid() ||
        !cli_digits(n, strlen(n), 1000, &count))
        return 0;
    return (unsigned)count;
}

bool serve_is_handed_socket(void) { return handed_sockets() > 0; }

/* "127.0.0.1:9842", "[::1]:9842", "localhost:0" */
static bool split(const char *address, char host[64], const char **port)
{
    uint64_t number;
    const char *colon = strrchr(address, ':');
    if (!colon || !cli_digits(colon + 1, strlen(colon + 1), 65535, &number))
        return false;
    const char *begin = address, *end = colon;
    if (*begin == '[') {
        if (end - begin < 3 || end[-1] != ']')
            return false;
        begin++;
        end--;
    } else if (memchr(begin, ':', (size_t)(end - begin))) {
        return false; /* an IPv6 address without brackets: which of it is the port? */
    }
    if (begin == end || end - begin >= 64)
        return false;
    snprintf(host, 64, "%.*s", (int)(end - begin), begin);
    if (strcmp(host, "localhost") == 0)
        snprintf(host, 64, "127.0.0.1");
    *port = colon + 1;
    return true;
}

/* To standard output: whoever started it with port 0 reads it there. */
static bool say_where(int fd)
{
    struct sockaddr_storage a = {0};
    socklen_t len = sizeof a;
    char host[64], port[8];
    if (getsockname(fd, (struct sockaddr *)&a, &len) != 0)
        return false;
    if (getnameinfo((struct sockaddr *)&a, len, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        puts("listening on the socket that was handed over");
    else
        printf(a.ss_family == AF_INET6 ? "listening on [%s]:%s\n" : "listening on %s:%s\n", host, port);
    return cli_flush() == CLI_OK;
}

static int take_handed(void)
{
    int listens = 0, type = 0;
    socklen_t len = sizeof listens, type_len = sizeof type;
    if (handed_sockets() > 1)
        return -cli_fail("systemd has handed over %u sockets; it serves one", handed_sockets());
    if (getsockopt(FIRST_HANDED, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) != 0 || !listens ||
        getsockopt(FIRST_HANDED, SOL_SOCKET, SO_TYPE, &type, &type_len) != 0 || type != SOCK_STREAM)
        return -cli_fail("descriptor 3, which systemd has handed over, is no listening stream socket (ListenStream=, Accept=no)");
    unsetenv("LISTEN_FDS"); /* for nobody behind us */
    return FIRST_HANDED;
}

static int listen_on(const char *address)
{
    char host[64];
    const char *port;
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM}, *found;
    if (!split(address, host, &port) || getaddrinfo(host, port, &hints, &found) != 0)
        return -cli_misuse("--listen %s: not an address and port; write 127.0.0.1:9842 or [::1]:9842", address);
    int yes = 1, fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool open = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
                bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, 64) == 0;
    int error = errno;
    freeaddrinfo(found);
    if (open)
        return fd;
    if (fd >= 0)
        close(fd);
    return -cli_fail("cannot listen on %s: %s%s", address, strerror(error),
                     error == EADDRINUSE ? "; choose another port, 0 takes a free one" : "");
}

int serve_open(const char *address)
{
    const char *why = http_missing();
    if (why)
        return -cli_fail("%s", why);
    int fd = serve_is_handed_socket() ? take_handed() : listen_on(address);
    if (fd >= 0 && !say_where(fd)) {
        close(fd);
        return -CLI_FAILED;
    }
    return fd;
}

/* ---- what ------------------------------------------------------------------------------------ */

enum { BODY_OPEN_METRICS = 0, BODY_PROMETHEUS, BODY_PPROF, BODY_PAGE, BODY_COUNT };

struct body {
    char *text;
    size_t len;
    uint64_t made_ns, took_ns; /* TOOK: of processor time */
};

struct routes {
    struct collector *c;
    struct body bodies[BODY_COUNT];
};

/* Of a fleet without its counters: the models one after the other. */
static void make_from_models(struct routes *r, struct body *b, unsigned which)
{
    struct fleet f;
    fleet_take(&f, r->c->memory, which == BODY_PAGE);
    struct model *models = arena_array(&f.arena, f.n + 1, sizeof *models);
    for (size_t i = 0; i < f.n; i++)
        models[i] = f.members[i].model;
    if (which == BODY_PPROF)
        b->text = pprof_gzip(models, f.n, &b->len);
    else
        b->text = page_html(models, f.n, &b->len);
    fleet_free(&f);
}

static uint64_t processor_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static const struct body *body_of(struct routes *r, unsigned which)
{
    struct body *b = &r->bodies[which];
    uint64_t now = now_mono_ns();
    if (b->text && now - b->made_ns < 4 * b->took_ns)
        return b;
    free(b->text);
    *b = (struct body){0};
    uint64_t began = processor_ns();
    if (which == BODY_PPROF || which == BODY_PAGE)
        make_from_models(r, b, which);
    else
        b->text = scrape_text(r->c, which == BODY_PROMETHEUS ? METRICS_PROMETHEUS : METRICS_OPEN, &b->len);
    b->made_ns = now_mono_ns();
    b->took_ns = processor_ns() - began;
    return b;
}

static void say(struct http_answer *a, unsigned status, const char *text)
{
    a->status = status;
    a->body = text;
    a->len = strlen(text);
}

static void route(void *arg, const char *path, const char *accept, struct http_answer *a)
{
    struct routes *r = arg;
    const struct body *b;
    if (strcmp(path, "/metrics") == 0) {
        bool older = metrics_accepted(accept) == METRICS_PROMETHEUS;
        b = body_of(r, older ? BODY_PROMETHEUS : BODY_OPEN_METRICS);
        a->type = older ? METRICS_PROMETHEUS_TYPE : METRICS_OPEN_TYPE;
    } else if (strcmp(path, "/debug/pprof/sockets") == 0) {
        if (pprof_missing()) {
            say(a, 501, pprof_missing());
            return;
        }
        b = body_of(r, BODY_PPROF);
        a->type = "application/octet-stream"; /* gzip is a part of the format, no encoding */
    } else if (strcmp(path, "/") == 0) {
        b = body_of(r, BODY_PAGE);
        a->type = "text/html; charset=utf-8";
    } else {
        bool healthy = strcmp(path, "/healthz") == 0;
        say(a, healthy ? 200 : 404, healthy ? "ok\n" : "there is /metrics, /debug/pprof/sockets, /healthz and /\n");
        return;
    }
    a->body = b->text;
    a->len = b->len;
}

int serve_run(struct collector *c, int listener)
{
    struct routes r = {.c = c};
    struct samples first;
    look_take(&first, c); /* names are looked up once: not while the first client waits */
    samples_free(&first);
    const char *why = http_run(listener, route, &r);
    for (unsigned i = 0; i < BODY_COUNT; i++)
        free(r.bodies[i].text);
    return why ? cli_fail("%s", why) : CLI_OK;
}
