/* SPDX-License-Identifier: MIT */
/*
 * junit.c: a report as JUnit XML, so that a CI server shows each leaking site as a failed test
 * case.
 *
 * Called by formats.c. The common subset of the published schemas (windyroad's for Ant's format,
 * Jenkins' xunit plugin): every attribute that any of them demands, no element that one of them
 * lacks.
 */
#include "junit.h"
#include "../../core/frame_role.h"
#include "../../core/own_frames.h"

#include <string.h>
#include <time.h>

#include "../../core/text.h"
#include "../../core/textstack.h"
#include "../base/now.h"

/*
 * XML 1.0 has no way to write most control characters. Bytes are UTF-8 where the report's strings
 * are; others become '?'.
 */
static void put_xml(struct out *o, const char *s)
{
    for (const unsigned char *p = (const unsigned char *)(s ? s : ""); *p; p++) {
        unsigned n = *p < 0x80 ? 1 : *p >= 0xc2 && *p < 0xe0 ? 2 : *p >= 0xe0 && *p < 0xf0 ? 3 : *p >= 0xf0 && *p < 0xf5 ? 4 : 0;
        for (unsigned i = 1; i < n; i++)
            if ((p[i] & 0xc0) != 0x80)
                n = 0;
        bool surrogate = n == 3 && *p == 0xed && p[1] >= 0xa0, nonchar = n == 3 && *p == 0xef && p[1] == 0xbf && p[2] >= 0xbe;
        bool overlong = (n == 3 && *p == 0xe0 && p[1] < 0xa0) || (n == 4 && ((*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f)));
        if (n == 0 || surrogate || nonchar || overlong || (*p < ' ' && *p != '\n' && *p != '\t')) {
            out_char(o, '?');
        } else if (n > 1) {
            out_bytes(o, (const char *)p, n);
            p += n - 1;
        } else {
            switch (*p) {
            case '&':
                out_str(o, "&amp;");
                break;
            case '<':
                out_str(o, "&lt;");
                break;
            case '>':
                out_str(o, "&gt;");
                break;
            case '"':
                out_str(o, "&quot;");
                break;
            default:
                out_char(o, (char)*p);
            }
        }
    }
}

/* The schemas want seconds without a zone; it is UTC. */
static void put_timestamp(struct out *o, uint64_t real_ns)
{
    time_t t = (time_t)(real_ns / 1000000000u);
    struct tm tm;
    char text[32];
    if (!gmtime_r(&t, &tm) || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        strcpy(text, "1970-01-01T00:00:00");
    out_str(o, text);
}

/*
 * The frame that a reader looks for: the innermost with a line, else with a name, else the first.
 */
static const struct frame *frame_to_name(const struct group *g)
{
    const struct frame *named = NULL;
    for (size_t i = own_frames_name(g->frames, g->n_frames); i < g->n_frames; i++) {
        if (g->frames[i].file && g->frames[i].line)
            return &g->frames[i];
        if (!named && g->frames[i].symbol)
            named = &g->frames[i];
    }
    return named ? named : g->n_frames ? &g->frames[0] : NULL;
}

static void put_case_name(struct out *o, const struct group *g)
{
    const struct frame *f = frame_to_name(g);
    out_str(o, kind_name(g->kind));
    if (f && f->symbol) {
        out_str(o, " allocated by ");
        put_xml(o, f->symbol);
    }
    if (f && f->file && f->line) {
        out_str(o, " at ");
        put_xml(o, f->file);
        out_fmt(o, ":%u", f->line);
    }
    if (frame_role_is_either(g->frames, g->n_frames))
        out_str(o, " or elsewhere");
    if (!g->siteid) {
        out_str(o, " (no stack)");
        return;
    }
    out_fmt(o, " (site %016llx", (unsigned long long)g->siteid);
    text_variant(o, g);
    out_char(o, ')');
}

static void put_case(struct out *o, const struct report *r, const struct group *g)
{
    /* The text of the group, as the text report has it, is the failure's body. */
    char text[65536];
    struct out body = {.buf = text, .cap = sizeof text - 1};
    struct report plain = *r;
    plain.color = false;
    text_group(&body, &plain, g);
    text[body.len] = 0;
    char *end = strchr(text, '\n');
    const char *headline = strstr(text, "sockleak: ");
    out_str(o, "    <testcase name=\"");
    put_case_name(o, g);
    out_str(o, "\" classname=\"sockleak.");
    put_xml(o, text_base_name(r->exe));
    out_str(o, "\" time=\"0\">\n      <failure type=\"");
    out_str(o, kind_name(g->kind));
    out_str(o, "\" message=\"");
    if (end && headline && headline < end) {
        *end = 0;
        put_xml(o, headline + strlen("sockleak: "));
        *end = '\n';
    }
    out_str(o, "\">");
    put_xml(o, text);
    out_str(o, "</failure>\n    </testcase>\n");
}

static void put_suite(struct out *o, const struct report *r, size_t id)
{
    out_str(o, "  <testsuite name=\"sockleak ");
    put_xml(o, text_base_name(r->exe));
    out_fmt(o, " (pid %u)\" package=\"sockleak\" id=\"%zu\" timestamp=\"", r->pid, id);
    put_timestamp(o, r->now_real_ns);
    out_str(o, "\" hostname=\"");
    put_xml(o, r->host && r->host[0] ? r->host : "localhost");
    out_fmt(o, "\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" time=\"0\">\n    <properties/>\n", r->n_groups ? r->n_groups : 1,
            r->n_groups);
    for (size_t i = 0; i < r->n_groups; i++)
        put_case(o, r, &r->groups[i]);
    if (r->n_groups == 0) {
        out_str(o, "    <testcase name=\"no leaked sockets\" classname=\"sockleak.");
        put_xml(o, text_base_name(r->exe));
        out_str(o, "\" time=\"0\"/>\n");
    }
    out_str(o, "    <system-out/>\n    <system-err/>\n  </testsuite>\n");
}

/* The one case that stands for no process: a passed one, or an error where not all could be read. */
static void put_whole(struct out *o, size_t id, bool unread)
{
    out_fmt(o, "  <testsuite name=\"sockleak\" package=\"sockleak\" id=\"%zu\" timestamp=\"", id);
    put_timestamp(o, now_real_ns());
    out_fmt(o, "\" hostname=\"localhost\" tests=\"1\" failures=\"0\" errors=\"%d\" time=\"0\">\n    <properties/>\n", unread);
    if (unread)
        out_str(
            o,
            "    <testcase name=\"all that was asked for can be read\" classname=\"sockleak\" time=\"0\">\n"
            "      <error type=\"unread\" message=\"a state file, directory or process could not be read: standard error says which\"/>\n"
            "    </testcase>\n");
    else
        out_str(o, "    <testcase name=\"no leaked sockets\" classname=\"sockleak\" time=\"0\"/>\n");
    out_str(o, "    <system-out/>\n    <system-err/>\n  </testsuite>\n");
}

void junit_reports(struct out *o, const struct model *models, size_t n, bool unread)
{
    out_str(o, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for (size_t i = 0; i < n; i++)
        put_suite(o, &models[i].report, i);
    if (n == 0 || unread)
        put_whole(o, n, unread);
    out_str(o, "</testsuites>\n");
}
