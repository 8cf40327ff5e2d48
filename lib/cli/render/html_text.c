/* SPDX-License-Identifier: MIT */
/*
 * html_text.c: text that a browser takes as text, whatever is in it.
 *
 * Called by html.c and html_data.c. Names of functions, files, programs and sockets are anybody's
 * choice.
 */
#include "html_text.h"

#include <stdlib.h>
#include <string.h>

#include "../../core/utf8.h"
#include "../base/arena.h"

#define REPLACED "\xef\xbf\xbd" /* U+FFFD */

/* The bytes of a character at P that turns the direction of what follows (UAX #9); 0: another one. */
static unsigned turns(const char *p, size_t left)
{
    const unsigned char *c = (const unsigned char *)p;
    if (left >= 2 && c[0] == 0xd8 && c[1] == 0x9c)
        return 2;
    if (left < 3 || c[0] != 0xe2)
        return 0;
    bool mark = c[1] == 0x80 && (c[2] == 0x8e || c[2] == 0x8f || (c[2] >= 0xaa && c[2] <= 0xae));
    bool isolate = c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9;
    return mark || isolate ? 3 : 0;
}

static void put(struct out *o, const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        unsigned len = s[i] == '\n' ? 1 : utf8_printable(s + i, n - i), turn = turns(s + i, n - i);
        if (!len || turn)
            out_str(o, REPLACED);
        else if (s[i] == '&')
            out_str(o, "&amp;");
        else if (s[i] == '<')
            out_str(o, "&lt;");
        else if (s[i] == '>')
            out_str(o, "&gt;");
        else if (s[i] == '"')
            out_str(o, "&quot;");
        else
            out_bytes(o, s + i, len);
        i += len ? len : 1;
    }
}

void html_text(struct out *o, const char *s)
{
    if (s)
        put(o, s, strlen(s));
}

static bool grow(struct out *o, size_t need)
{
    size_t room = o->cap * 2 + need + 4096;
    o->buf = arena_grow(o->buf, room, 1);
    o->cap = room;
    return true;
}

void html_gather(struct out *o) { *o = (struct out){.flush = grow}; }

void html_text_of(struct out *o, struct out *from)
{
    put(o, from->buf, from->len);
    free(from->buf);
}

void html_json_of(struct out *o, struct out *from)
{
    size_t begin = 0, i = 0;
    while (i < from->len) {
        unsigned turn = turns(from->buf + i, from->len - i);
        if (from->buf[i] != '<' && !turn) {
            i++;
            continue;
        }
        out_bytes(o, from->buf + begin, i - begin);
        out_str(o, turn ? REPLACED : "\\u003c");
        i += turn ? turn : 1;
        begin = i;
    }
    out_bytes(o, from->buf + begin, i - begin);
    free(from->buf);
}
