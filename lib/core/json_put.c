/* SPDX-License-Identifier: MIT */
/*
 * json_put.c: the members of a report's JSON objects.
 *
 * Called by json.c and json_life.c.
 */
#include "json_put.h"

#include "kinds.h"

void json_put_key(struct out *o, const char *key) { out_fmt(o, ",\"%s\":", key); }

void json_put_string(struct out *o, const char *key, const char *value)
{
    json_put_key(o, key);
    out_json_opt(o, value);
}

void json_put_u64(struct out *o, const char *key, uint64_t value)
{
    json_put_key(o, key);
    out_u64(o, value);
}

void json_put_u64_opt(struct out *o, const char *key, uint64_t value)
{
    json_put_key(o, key);
    if (value)
        out_u64(o, value);
    else
        out_str(o, "null");
}

void json_put_seconds(struct out *o, const char *key, uint64_t ns)
{
    json_put_key(o, key);
    out_seconds(o, ns);
}

/* Whole seconds as the other times are written, or null for the 0 that means "never". */
static void put_whole_seconds(struct out *o, const char *key, uint64_t seconds)
{
    json_put_u64_opt(o, key, seconds);
    if (seconds)
        out_str(o, ".0");
}

void json_put_seconds_left(struct out *o, const char *key, uint64_t seconds, bool reached)
{
    if (reached)
        json_put_seconds(o, key, 0);
    else
        put_whole_seconds(o, key, seconds);
}

void json_put_bool(struct out *o, const char *key, bool value)
{
    json_put_key(o, key);
    out_str(o, value ? "true" : "false");
}

void json_put_site(struct out *o, uint64_t siteid)
{
    json_put_key(o, "site");
    if (!siteid) {
        out_str(o, "null");
        return;
    }
    out_char(o, '"');
    out_hex(o, siteid, 16);
    out_char(o, '"');
}

void json_put_address(struct out *o, const char *key, uint64_t value)
{
    json_put_key(o, key);
    out_str(o, "\"0x");
    out_hex(o, value, 1);
    out_char(o, '"');
}

void json_put_error(struct out *o, const char *key, unsigned number)
{
    const char *name = errno_name(number);
    json_put_key(o, key);
    if (name || !number)
        out_json_opt(o, name);
    else
        out_fmt(o, "\"errno %u\"", number);
}
