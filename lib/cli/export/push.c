/* SPDX-License-Identifier: MIT */
/*
 * push.c: `sockleak export --otlp`, and the wait between two looks.
 *
 * Called by export.c. What a collector does not take is tried again, at most so often that the next
 * look is not late; then the next look says the same and more, so nothing is queued.
 */
#include "push.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../base/cli.h"
#include "../base/now.h"
#include "otlp.h"
#include "post.h"

#define TRIES 4u
#define FIRST_PAUSE_NS 500000000u
#define TIMEOUT_NS 10000000000u

/* ---- the wait -------------------------------------------------------------------------------- */

static void ending(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
}

void push_hold_signals(void)
{
    sigset_t signals;
    ending(&signals);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool push_wait(uint64_t ns)
{
    uint64_t until = now_mono_ns() + ns;
    sigset_t signals;
    ending(&signals);
    for (;;) {
        uint64_t now = now_mono_ns(), left = now < until ? until - now : 0;
        struct timespec t = {(time_t)(left / 1000000000u), (long)(left % 1000000000u)};
        if (sigtimedwait(&signals, NULL, &t) > 0)
            return true;
        if (now >= until)
            return false;
    }
}

/* ---- the target ------------------------------------------------------------------------------ */

static int bad_url(const char *url) { return cli_misuse("--otlp %s: not a URL; write http://127.0.0.1:4318", url); }

/* Host and port of [BEGIN, END). */
static bool split_authority(struct push_target *t, const char *begin, const char *end)
{
    const char *host_end = *begin == '[' ? memchr(begin, ']', (size_t)(end - begin)) : memchr(begin, ':', (size_t)(end - begin));
    const char *colon = *begin == '[' ? (host_end ? host_end + 1 : NULL) : host_end ? host_end : end;
    uint64_t port;
    if (*begin == '[')
        begin++;
    if (!host_end)
        host_end = end;
    if (!colon || host_end == begin || (size_t)(host_end - begin) >= sizeof t->host || (colon != end && *colon != ':'))
        return false;
    snprintf(t->host, sizeof t->host, "%.*s", (int)(host_end - begin), begin);
    snprintf(t->port, sizeof t->port, "4318");
    if (colon == end)
        return true;
    if (!cli_digits(colon + 1, (size_t)(end - colon - 1), 65535, &port) || !port)
        return false;
    snprintf(t->port, sizeof t->port, "%u", (unsigned)port);
    return true;
}

int push_parse(struct push_target *t, const char *url)
{
    *t = (struct push_target){.url = url};
    if (otlp_missing())
        return cli_fail("%s", otlp_missing());
    for (const char *p = url; *p; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
            return cli_misuse("--otlp: the URL has a blank, a control character or a byte that is not ASCII");
    if (strncmp(url, "https://", 8) == 0)
        return cli_misuse("--otlp %s: TLS is not spoken here; post to a collector or proxy on this host (http://127.0.0.1:4318), which "
                          "sends it on",
                          url);
    if (strncmp(url, "http://", 7) != 0)
        return bad_url(url);
    const char *begin = url + 7, *end = begin + strcspn(begin, "/?#");
    if (memchr(begin, '@', (size_t)(end - begin)))
        return cli_misuse("--otlp: no name and password in the URL; a proxy adds what the collector asks for");
    if (begin == end || !split_authority(t, begin, end) || *end == '?' || *end == '#' || strchr(end, '#') || strlen(end) >= sizeof t->path)
        return bad_url(url);
    snprintf(t->path, sizeof t->path, "%s", end[0] && end[1] ? end : "/v1/metrics");
    return CLI_OK;
}

/* ---- the form -------------------------------------------------------------------------------- */

/* As the protocol's specification lists them. */
static bool is_worth_a_retry(int status) { return !status || status == 429 || status == 502 || status == 503 || status == 504; }

enum sent { SENT = 0, SENT_NOT, SENT_END };

/* FAILED: the last look was not taken, which was said. */
static enum sent send_look(const struct push_target *t, const char *body, size_t len, uint64_t until, bool failed)
{
    struct post p = {.host = t->host, .port = t->port, .path = t->path, .type = "application/x-protobuf", .body = body, .len = len};
    uint64_t pause = FIRST_PAUSE_NS;
    const char *why = "";
    int status = 0;
    for (unsigned i = 0; i < TRIES; i++, pause *= 2) {
        uint64_t now = now_mono_ns();
        if (i) {
            if (now + pause >= until)
                break;
            if (push_wait(pause))
                return SENT_END;
        }
        p.timeout_ns = TIMEOUT_NS;
        status = post_send(&p, &why);
        if (status >= 200 && status < 300)
            return SENT;
        if (!is_worth_a_retry(status))
            break;
    }
    if (!failed && status)
        cli_warn("%s answered %d; trying again at each interval", t->url, status);
    else if (!failed)
        cli_warn("%s: %s; trying again at each interval", t->url, why);
    return SENT_NOT;
}

int push_run(struct collector *c, const struct push_target *t, uint64_t interval_ns)
{
    char host[256] = "";
    bool failed = false;
    gethostname(host, sizeof host - 1);
    for (;;) {
        struct samples s;
        size_t len;
        uint64_t next = now_mono_ns() + interval_ns;
        look_take(&s, c);
        char *body = otlp_encode(&s, host, &len);
        samples_free(&s);
        enum sent sent = send_look(t, body, len, next, failed);
        free(body);
        if (sent == SENT && failed)
            cli_warn("%s takes the metrics again", t->url);
        failed = sent == SENT_NOT;
        uint64_t now = now_mono_ns();
        if (sent == SENT_END || push_wait(next > now ? next - now : 0))
            return CLI_OK;
    }
}
