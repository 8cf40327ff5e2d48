/* SPDX-License-Identifier: MIT */
/*
 * http.c: the server of `sockleak export --listen`.
 *
 * Called by serve.c. The library has one thread, which answers one request after the other; this
 * one waits for a signal and, once a second, ends the connections that have not finished a request
 * in time, however often they send a byte. libmicrohttpd is loaded here and not linked, since all
 * other subcommands would load it too, with a TLS library behind it.
 */
#include "http.h"

#ifdef SOCKLEAK_WITHOUT_MICROHTTPD

const char *http_missing(void)
{
    return "this sockleak was built without libmicrohttpd; --textfile, --otlp and --once work (Debian: libmicrohttpd-dev, then make)";
}

const char *http_run(int listener, http_route *route, void *arg)
{
    (void)listener;
    (void)route;
    (void)arg;
    return http_missing();
}

#else

#include <dlfcn.h>
#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "../base/now.h"

#define LIBRARY "libmicrohttpd.so.12"
#define CONNECTIONS 64u
#define IDLE_S 10u
#define REQUEST_NS 30000000000u /* until a request has been answered */
#define MEMORY 32768u           /* of a connection: bounds its URL and headers too */

static struct {
    __typeof__(&MHD_start_daemon) start_daemon;
    __typeof__(&MHD_stop_daemon) stop_daemon;
    __typeof__(&MHD_create_response_from_buffer) create_response_from_buffer;
    __typeof__(&MHD_add_response_header) add_response_header;
    __typeof__(&MHD_queue_response) queue_response;
    __typeof__(&MHD_destroy_response) destroy_response;
    __typeof__(&MHD_lookup_connection_value) lookup_connection_value;
    __typeof__(&MHD_get_connection_info) get_connection_info;
} mhd;

struct connection {
    int fd; /* -1: free */
    uint64_t since_ns;
};

static struct {
    pthread_mutex_t lock;
    struct connection all[CONNECTIONS];
    http_route *route;
    void *arg;
} server = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const struct {
    const char *name;
    void **at;
} functions[] = {
    {"MHD_start_daemon", (void **)&mhd.start_daemon},
    {"MHD_stop_daemon", (void **)&mhd.stop_daemon},
    {"MHD_create_response_from_buffer", (void **)&mhd.create_response_from_buffer},
    {"MHD_add_response_header", (void **)&mhd.add_response_header},
    {"MHD_queue_response", (void **)&mhd.queue_response},
    {"MHD_destroy_response", (void **)&mhd.destroy_response},
    {"MHD_lookup_connection_value", (void **)&mhd.lookup_connection_value},
    {"MHD_get_connection_info", (void **)&mhd.get_connection_info},
};

const char *http_missing(void)
{
    static void *library;
    if (!library && !(library = dlopen(LIBRARY, RTLD_NOW)))
        return LIBRARY " is not there; --textfile, --otlp and --once work without it (Debian: libmicrohttpd12)";
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (!(*functions[i].at = dlsym(library, functions[i].name)))
            return LIBRARY " is not the one that is known here";
    return NULL;
}

/* ---- connections ----------------------------------------------------------------------------- */

static void on_connection(void *cls, struct MHD_Connection *c, void **context, enum MHD_ConnectionNotificationCode code)
{
    (void)cls;
    pthread_mutex_lock(&server.lock);
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info = mhd.get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
        for (unsigned i = 0; i < CONNECTIONS && info; i++) {
            if (server.all[i].fd >= 0)
                continue;
            server.all[i] = (struct connection){info->connect_fd, now_mono_ns()};
            *context = &server.all[i];
            break;
        }
    } else if (*context) {
        ((struct connection *)*context)->fd = -1; /* before it is closed */
    }
    pthread_mutex_unlock(&server.lock);
}

static void on_completed(void *cls, struct MHD_Connection *c, void **request, enum MHD_RequestTerminationCode code)
{
    const union MHD_ConnectionInfo *info = mhd.get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    (void)cls;
    (void)request;
    (void)code;
    if (!info || !info->socket_context)
        return;
    pthread_mutex_lock(&server.lock);
    ((struct connection *)info->socket_context)->since_ns = now_mono_ns();
    pthread_mutex_unlock(&server.lock);
}

/* The library sees the end of these, and closes them. */
static void end_overdue(void)
{
    uint64_t now = now_mono_ns();
    pthread_mutex_lock(&server.lock);
    for (unsigned i = 0; i < CONNECTIONS; i++)
        if (server.all[i].fd >= 0 && now > server.all[i].since_ns + REQUEST_NS)
            shutdown(server.all[i].fd, SHUT_RDWR);
    pthread_mutex_unlock(&server.lock);
}

/* ---- requests -------------------------------------------------------------------------------- */

static enum MHD_Result queue(struct MHD_Connection *c, const struct http_answer *a)
{
    struct MHD_Response *r = mhd.create_response_from_buffer(a->len, (void *)a->body, MHD_RESPMEM_MUST_COPY);
    if (!r)
        return MHD_NO;
    mhd.add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, a->type);
    mhd.add_response_header(r, "X-Content-Type-Options", "nosniff");
    mhd.add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (a->encoding)
        mhd.add_response_header(r, MHD_HTTP_HEADER_CONTENT_ENCODING, a->encoding);
    if (a->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        mhd.add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result done = mhd.queue_response(c, a->status, r);
    mhd.destroy_response(r);
    return done;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url, const char *method, const char *version,
                                  const char *data, size_t *size, void **request)
{
    static const char refusal[] = "only GET and HEAD\n";
    static int begun;
    struct http_answer a = {.status = MHD_HTTP_METHOD_NOT_ALLOWED, .type = "text/plain; charset=utf-8"};
    (void)cls;
    (void)version;
    (void)data;
    bool reads = strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    if (!*request) { /* the headers are there; a body is not waited for where it is not wanted */
        *request = &begun;
        if (reads)
            return MHD_YES;
    }
    *size = 0;
    if (reads) {
        a.status = MHD_HTTP_OK;
        server.route(server.arg, url, mhd.lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT), &a);
    } else {
        a.body = refusal;
        a.len = sizeof refusal - 1;
    }
    return queue(c, &a);
}

const char *http_run(int listener, http_route *route, void *arg)
{
    const char *why = http_missing();
    if (why)
        return why;
    server.route = route;
    server.arg = arg;
    for (unsigned i = 0; i < CONNECTIONS; i++)
        server.all[i].fd = -1;
    struct MHD_Daemon *daemon = mhd.start_daemon(
        MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request, NULL, MHD_OPTION_LISTEN_SOCKET, listener,
        MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
    if (!daemon)
        return "libmicrohttpd cannot start (no descriptor, thread or memory left?)";
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    const struct timespec second = {.tv_sec = 1};
    while (sigtimedwait(&signals, NULL, &second) < 0)
        end_overdue();
    mhd.stop_daemon(daemon);
    return NULL;
}

#endif
