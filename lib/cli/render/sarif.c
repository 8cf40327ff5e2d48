/* SPDX-License-Identifier: MIT */
/*
 * sarif.c: a report as SARIF 2.1.0, so that code review shows each leaking site on its line.
 *
 * Called by formats.c with one report over all processes. The location of a result is the innermost
 * frame with a line. Its whole stack is added, and the stack in which the program saw the end. Its
 * fingerprint is the stable site id, by which a review tool tells old results from new ones. The
 * standard allows a result without a file; GitHub's code scanning refuses the whole upload because
 * of one. So where no line is known the location is the program itself.
 */
#include "sarif.h"
#include "../../core/own_frames.h"

#include <string.h>

#include "../../core/advice.h"
#include "../../core/frame_role.h"
#include "../../core/group_told.h"
#include "../../core/text_life.h"
#include "../../core/textstack.h"

/* Where the tool is described, as a URI: whoever packages it knows a page (make HOMEPAGE=https://...). */
#ifndef SOCKLEAK_HOMEPAGE
#define SOCKLEAK_HOMEPAGE "man:sockleak(1)"
#endif

static const struct {
    const char *name, *text, *help;
} sarif_rules[KIND_COUNT] = {
    {"CloseWait", "The peer has closed, this process never closes its side (CLOSE_WAIT).",
     "Close the socket when a receive call returns 0, on error paths too."},
    {"FinWait2", "This process has shut down its side and holds the socket, the peer has not finished (FIN_WAIT_2).",
     "Close the socket, or bound the wait for the peer."},
    {"DeadConnection", "The connection is over and still holds its descriptor.", "Close the socket when it reports its end or an error."},
    {"NeverConnected", "A stream socket whose connect failed or that was never connected is still open.",
     "Close the socket on the error path of connect."},
    {"PeerHungUp", "The peer of a connected socket has closed, this process has not.", "Close the socket when it reports its end."},
    {"StillOpen", "A socket is still open.", "Close the socket."},
    {"HeldByChild", "This process has closed the socket, but a process that it started keeps the connection open and does not use it.",
     "Open the socket with SOCK_CLOEXEC, or close it in the child after fork."},
    {"UseAfterClose", "A call on a descriptor that was closed before.",
     "Let one owner close the descriptor, and set the variable to -1 there."},
};

static void put_hex_digit(struct out *o, unsigned v) { out_char(o, (char)(v < 10 ? '0' + v : 'A' + v - 10)); }

/* A path as a URI reference: relative below the source root, else file://. */
static void put_uri(struct out *o, const char *path, const char *srcroot)
{
    char text[4096 * 3 + 16];
    struct out u = {.buf = text, .cap = sizeof text - 1};
    size_t n = srcroot ? strlen(srcroot) : 0;
    if (n > 1 && strncmp(path, srcroot, n) == 0 && path[n] == '/') {
        path += n + 1;
    } else if (path[0] == '/') {
        out_str(&u, "file://");
    }
    for (; *path; path++) {
        unsigned char c = (unsigned char)*path;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~/+", c);
        if (plain) {
            out_char(&u, (char)c);
        } else {
            out_char(&u, '%');
            put_hex_digit(&u, c >> 4);
            put_hex_digit(&u, c & 15);
        }
    }
    text[u.len] = 0;
    out_json(o, text);
}

static void put_artifact(struct out *o, const char *path, const char *srcroot, uint32_t line, const char *source)
{
    size_t n = srcroot ? strlen(srcroot) : 0;
    out_str(o, "\"physicalLocation\":{\"artifactLocation\":{\"uri\":");
    put_uri(o, path, srcroot);
    if (path[0] != '/' || (n > 1 && strncmp(path, srcroot, n) == 0 && path[n] == '/'))
        out_str(o, ",\"uriBaseId\":\"SRCROOT\"");
    out_fmt(o, "},\"region\":{\"startLine\":%u", line);
    if (source) {
        out_str(o, ",\"snippet\":{\"text\":");
        out_json(o, source);
        out_char(o, '}');
    }
    out_str(o, "}}");
}

static void put_location(struct out *o, const struct frame *f, const char *srcroot, bool with_message)
{
    char text[1024];
    struct out message = {.buf = text, .cap = sizeof text - 1};
    out_str(o, "{");
    if (f->file && f->line) {
        put_artifact(o, f->file, srcroot, f->line, f->source);
        out_char(o, ',');
    } else if (!with_message && f->module && f->module[0]) {
        put_artifact(o, f->module, srcroot, 1, NULL);
        out_char(o, ',');
    }
    out_str(&message, f->symbol ? f->symbol : "??");
    if (f->module) {
        out_fmt(&message, " (%s+0x", text_base_name(f->module));
        out_hex(&message, f->offset, 1);
        out_char(&message, ')');
    }
    text[message.len] = 0;
    out_str(o, "\"logicalLocations\":[{\"kind\":\"function\",\"fullyQualifiedName\":");
    out_json(o, f->symbol ? f->symbol : text);
    out_str(o, "}]");
    if (with_message) {
        out_str(o, ",\"message\":{\"text\":");
        out_json(o, text);
        out_str(o, "}");
    }
    out_str(o, "}");
}

static void put_stack(struct out *o, const char *title, const struct frame *frames, size_t n, const char *srcroot)
{
    out_str(o, "{\"message\":{\"text\":");
    out_json(o, title);
    out_str(o, "},\"frames\":[");
    for (size_t i = 0; i < n; i++) {
        out_str(o, i ? "," : "");
        out_str(o, "{\"location\":");
        put_location(o, &frames[i], srcroot, true);
        if (frames[i].module) {
            out_str(o, ",\"module\":");
            out_json(o, frames[i].module);
        }
        out_str(o, "}");
    }
    out_str(o, "]}");
}

static void put_message(struct out *o, const struct group *g, const char *program)
{
    char text[2048];
    struct out t = {.buf = text, .cap = sizeof text - 1};
    out_fmt(&t, "%llu socket%s stuck: %s Opened %llu, closed %llu here; the oldest for ", (unsigned long long)g->count,
            g->count == 1 ? "" : "s", sarif_rules[g->kind].text, (unsigned long long)g->opened, (unsigned long long)g->closed);
    out_duration(&t, g->oldest_ns / 1000000000u);
    if (program && program[0])
        out_fmt(&t, " (in %s)", text_base_name(program));
    out_char(&t, '.');
    if (advice_of(&t, " Fix: ", g))
        out_char(&t, '.');
    text[t.len] = 0;
    out_json(o, text);
}

/*
 * The frame that stands for the stack: the innermost with a line, of a runtime's the program's own;
 * else the innermost of a file. NULL: no frame is of any file.
 */
static const struct frame *frame_of_location(const struct group *g)
{
    const struct frame *best = NULL;
    for (size_t i = own_frames_name(g->frames, g->n_frames); i < g->n_frames; i++) {
        const struct frame *f = &g->frames[i];
        if (f->file && f->line)
            return f;
        if (!best && f->module && f->module[0])
            best = f;
    }
    return best;
}

/* One for the stack itself, and one for each part that was walked from outside: who created its goroutine, who waits for it. */
static void put_parts(struct out *o, const char *title, const struct frame *frames, size_t n, const char *srcroot)
{
    for (size_t begin = 0, end; begin < n; begin = end) {
        end = begin + 1;
        while (end < n && !frame_role_heading(&frames[end]))
            end++;
        const char *heading = frame_role_heading(&frames[begin]);
        out_str(o, begin ? "," : "");
        put_stack(o, heading ? heading : title, frames + begin, end - begin, srcroot);
    }
}

static void put_stacks(struct out *o, const struct group *g, const char *srcroot)
{
    char heading[256];
    const char *before = ",\"stacks\":[";
    for (int i = -1; i < (int)g->n_told; i++) {
        const struct told *t = i < 0 ? NULL : &g->told[i];
        size_t n = t ? t->n_frames : g->n_frames;
        struct out h = {.buf = heading, .cap = sizeof heading - 1};
        if (!n || (t && group_told_is_within(g, (unsigned)i)))
            continue;
        if (t)
            text_told(&h, g, (unsigned)i);
        else
            text_opened(&h, g);
        heading[h.len] = 0;
        out_str(o, before);
        put_parts(o, heading, t ? t->frames : g->frames, n, srcroot);
        before = ",";
    }
    if (*before == ',' && !before[1])
        out_str(o, "]");
}

static void put_result(struct out *o, const struct report *r, const struct group *g, const char *srcroot)
{
    const struct frame *best = frame_of_location(g);
    /*
     * R covers many processes and has the name of only one of them: the file of the code says
     * better which program it is.
     */
    bool own = g->n_findings && (g->findings[0].pid == 0 || g->findings[0].pid == r->pid);
    out_str(o, "{\"ruleId\":");
    out_json(o, kind_name(g->kind));
    out_fmt(o, ",\"ruleIndex\":%u,\"level\":\"%s\",\"message\":{\"text\":", g->kind, g->kind == KIND_OPEN ? "note" : "error");
    put_message(o, g, best ? best->module : own ? r->exe : NULL);
    out_str(o, "},\"locations\":[");
    if (best) {
        put_location(o, best, srcroot, false);
    } else {
        out_char(o, '{');
        put_artifact(o, r->exe && r->exe[0] ? r->exe : "unknown", srcroot, 1, NULL);
        out_char(o, '}');
    }
    out_str(o, "]");
    put_stacks(o, g, srcroot);
    if (g->siteid) {
        out_str(o, ",\"partialFingerprints\":{\"sockleakSite/v1\":\"");
        out_hex(o, g->siteid, 16);
        if (g->variants > 1) {
            out_str(o, "\",\"sockleakVariant/v1\":\"");
            out_hex(o, g->variant, 8);
        }
        out_str(o, "\"}");
    }
    out_fmt(o, ",\"occurrenceCount\":%llu}", (unsigned long long)g->count);
}

void sarif_report(struct out *o, const struct report *r, const char *srcroot, bool unread)
{
    out_str(o, "{\"$schema\":\"https://json.schemastore.org/"
               "sarif-2.1.0.json\",\"version\":\"2.1.0\",\"runs\":[{\"tool\":{\"driver\":{\"name\":\"sockleak\",\"version\":");
    out_json(o, SOCKLEAK_VERSION);
    out_str(o, ",\"informationUri\":");
    out_json(o, SOCKLEAK_HOMEPAGE);
    out_str(o, ",\"rules\":[");
    for (unsigned k = 0; k < KIND_COUNT; k++) {
        out_fmt(o, "%s{\"id\":\"%s\",\"name\":\"%s\",\"shortDescription\":{\"text\":\"%s\"},\"help\":{\"text\":\"%s\"}}", k ? "," : "",
                kind_name(k), sarif_rules[k].name, sarif_rules[k].text, sarif_rules[k].help);
    }
    out_fmt(o, "]}},\"invocations\":[{\"executionSuccessful\":%s}]", unread ? "false" : "true");
    out_str(o, ",\"columnKind\":\"utf16CodeUnits\",\"originalUriBaseIds\":{\"SRCROOT\":{\"description\":{\"text\":\"The directory in "
               "which the sources were compiled.\"}}},\"results\":[");
    for (size_t i = 0; i < r->n_groups; i++) {
        out_str(o, i ? ",\n" : "\n");
        put_result(o, r, &r->groups[i], srcroot);
    }
    out_str(o, "\n]}]}\n");
}
