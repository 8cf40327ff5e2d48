/* SPDX-License-Identifier: MIT */
/*
 * pprof.c: reports as a profile in pprof's format.
 *
 * Called by formats.c and export's server. The messages are those of profile.proto, packed by
 * protobuf-c; everything lives in one arena until they are packed. A location is an address with
 * the calls that are inlined there; modules get ranges of addresses of their own, since the same
 * module lies elsewhere in each process. Numbers of the format begin at 1, 0 is none.
 */
#include "pprof.h"

#ifdef SOCKLEAK_WITHOUT_PROTOBUF

const char *pprof_missing(void)
{
    return "this sockleak was built without profiles: protobuf-c, protoc-c or zlib was not there (Debian: libprotobuf-c-dev, "
           "protobuf-c-compiler, zlib1g-dev, then make)";
}

char *pprof_gzip(const struct model *models, size_t n, size_t *len)
{
    (void)models;
    (void)n;
    *len = 0;
    return NULL;
}

#else

#include <profile.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "../../core/kinds.h"
#include "../../core/runtime_name.h"
#include "../../core/textstack.h"
#include "../../core/utf8.h"
#include "../base/cli.h"
#include "../base/now.h"
#include "../model/peer.h"
#include "intern.h"

typedef Perftools__Profiles__Profile profile_message;
typedef Perftools__Profiles__Sample sample_message;
typedef Perftools__Profiles__Location location_message;

#define MODULE_RANGE (1ull << 40)

struct builder {
    struct arena arena;
    profile_message profile;
    struct intern strings, modules, functions, locations;
    size_t cap_samples, cap_mappings, cap_functions, cap_locations;
};

const char *pprof_missing(void) { return NULL; }

/* The number of S, which becomes well-formed UTF-8: readers refuse the whole file otherwise. */
static int64_t string_number(struct builder *b, const char *s)
{
    bool is_new;
    size_t len = s ? strlen(s) : 0;
    char *clean = arena_bytes(&b->arena, s ? s : "", len);
    for (size_t i = 0; i < len;) {
        unsigned n = utf8_length(clean + i, len - i);
        if (!n)
            clean[i] = '?';
        i += n ? n : 1;
    }
    return (int64_t)intern(&b->strings, clean, len, &is_new);
}

static uint64_t mapping_number(struct builder *b, const struct frame *f)
{
    bool is_new;
    if (!f->module || f->runtime != RUNTIME_NATIVE)
        return 0;
    const char *key = arena_printf(&b->arena, "%s\n%s", f->module, f->build_id ? f->build_id : "");
    size_t i = intern(&b->modules, key, strlen(key), &is_new);
    if (!is_new)
        return i + 1;
    Perftools__Profiles__Mapping *m = arena_take(&b->arena, sizeof *m);
    perftools__profiles__mapping__init(m);
    m->id = i + 1;
    m->memory_start = m->id * MODULE_RANGE;
    m->memory_limit = m->memory_start + MODULE_RANGE;
    m->filename = string_number(b, f->module);
    m->build_id = string_number(b, f->build_id);
    /* all that is known: a reader need not look for the file */
    m->has_functions = m->has_filenames = m->has_line_numbers = m->has_inline_frames = true;
    b->profile.mapping = cli_grow(b->profile.mapping, i, &b->cap_mappings, sizeof *b->profile.mapping);
    b->profile.mapping[i] = m;
    b->profile.n_mapping = i + 1;
    return i + 1;
}

static const char *frame_name(struct builder *b, const struct frame *f)
{
    if (f->symbol && f->symbol[0])
        return f->symbol;
    if (f->module)
        return arena_printf(&b->arena, "%s+0x%llx", text_base_name(f->module), (unsigned long long)f->offset);
    return arena_printf(&b->arena, "0x%llx", (unsigned long long)f->pc);
}

static uint64_t function_number(struct builder *b, const char *name, const char *file)
{
    bool is_new;
    int64_t key[2] = {string_number(b, name), string_number(b, file)};
    size_t i = intern(&b->functions, (const char *)key, sizeof key, &is_new);
    if (!is_new)
        return i + 1;
    Perftools__Profiles__Function *f = arena_take(&b->arena, sizeof *f);
    perftools__profiles__function__init(f);
    f->id = i + 1;
    f->name = f->system_name = key[0];
    f->filename = key[1];
    b->profile.function = cli_grow(b->profile.function, i, &b->cap_functions, sizeof *b->profile.function);
    b->profile.function[i] = f;
    b->profile.n_function = i + 1;
    return i + 1;
}

static void add_line(struct builder *b, location_message *l, uint64_t function, uint32_t line)
{
    Perftools__Profiles__Line *at = arena_take(&b->arena, sizeof *at);
    perftools__profiles__line__init(at);
    at->function_id = function;
    at->line = line;
    l->line[l->n_line++] = at;
}

/* Takes L, or one that is equal and there already. */
static uint64_t location_number(struct builder *b, const location_message *l)
{
    bool is_new;
    uint64_t *key = arena_array(&b->arena, 2 + 2 * l->n_line, sizeof *key);
    key[0] = l->mapping_id;
    key[1] = l->address;
    for (size_t i = 0; i < l->n_line; i++) {
        key[2 + 2 * i] = l->line[i]->function_id;
        key[3 + 2 * i] = (uint64_t)l->line[i]->line;
    }
    size_t i = intern(&b->locations, (const char *)key, (2 + 2 * l->n_line) * sizeof *key, &is_new);
    if (!is_new)
        return i + 1;
    location_message *kept = arena_take(&b->arena, sizeof *kept);
    *kept = *l;
    kept->id = i + 1;
    b->profile.location = cli_grow(b->profile.location, i, &b->cap_locations, sizeof *b->profile.location);
    b->profile.location[i] = kept;
    b->profile.n_location = i + 1;
    return i + 1;
}

/* The innermost first, as the format has them; inlined calls stand before the one that holds them. */
static uint64_t *make_locations(struct builder *b, const struct group *g, size_t *n)
{
    uint64_t *ids = arena_array(&b->arena, g->n_frames + 1, sizeof *ids);
    *n = 0;
    for (size_t i = 0; i < g->n_frames;) {
        location_message l = PERFTOOLS__PROFILES__LOCATION__INIT;
        l.line = arena_array(&b->arena, g->n_frames - i, sizeof *l.line);
        const struct frame *f;
        do {
            f = &g->frames[i++];
            add_line(b, &l, function_number(b, frame_name(b, f), f->file), f->line);
        } while (f->inlined && i < g->n_frames);
        l.mapping_id = mapping_number(b, f);
        l.address = l.mapping_id ? l.mapping_id * MODULE_RANGE + (f->offset & (MODULE_RANGE - 1)) : 0;
        ids[(*n)++] = location_number(b, &l);
    }
    if (!g->n_frames) {
        location_message l = PERFTOOLS__PROFILES__LOCATION__INIT;
        l.line = arena_array(&b->arena, 1, sizeof *l.line);
        add_line(b, &l, function_number(b, "[no stack]", ""), 0);
        ids[(*n)++] = location_number(b, &l);
    }
    return ids;
}

static Perftools__Profiles__Label *make_label(struct builder *b, const char *key, const char *value)
{
    Perftools__Profiles__Label *l = arena_take(&b->arena, sizeof *l);
    perftools__profiles__label__init(l);
    l->key = string_number(b, key);
    l->str = string_number(b, value);
    return l;
}

static void add_sample(struct builder *b, const struct report *r, const struct group *g, uint64_t *locations, size_t n,
                       const struct peer_share *s)
{
    sample_message *at = arena_take(&b->arena, sizeof *at);
    perftools__profiles__sample__init(at);
    at->n_location_id = n;
    at->location_id = locations;
    at->n_value = 2;
    at->value = arena_array(&b->arena, 2, sizeof *at->value);
    at->value[0] = (int64_t)s->count;
    at->value[1] = (int64_t)(s->age_ns / 1000000000u);
    at->label = arena_array(&b->arena, 3, sizeof *at->label);
    at->label[at->n_label++] = make_label(b, "kind", kind_name(g->kind));
    at->label[at->n_label++] = make_label(b, "exe", r->exe);
    if (s->name[0])
        at->label[at->n_label++] = make_label(b, "peer", s->name);
    b->profile.sample = cli_grow(b->profile.sample, b->profile.n_sample, &b->cap_samples, sizeof *b->profile.sample);
    b->profile.sample[b->profile.n_sample++] = at;
}

static void add_group(struct builder *b, const struct report *r, const struct group *g)
{
    struct peer_share *shares = arena_array(&b->arena, g->n_findings + 1, sizeof *shares);
    size_t n_locations;
    uint64_t *locations = make_locations(b, g, &n_locations);
    for (size_t i = 0; i < g->n_findings; i++) {
        const struct finding *f = &g->findings[i];
        peer_of(f, shares[i].name);
        shares[i].count = 1;
        shares[i].age_ns = r->now_ns > f->since_ns ? r->now_ns - f->since_ns : 0;
    }
    size_t kept = peer_join(shares, g->n_findings);
    for (size_t i = 0; i < kept; i++)
        add_sample(b, r, g, locations, n_locations, &shares[i]);
}

static void add_type(struct builder *b, Perftools__Profiles__ValueType **at, const char *type, const char *unit)
{
    *at = arena_take(&b->arena, sizeof **at);
    perftools__profiles__value_type__init(*at);
    (*at)->type = string_number(b, type);
    (*at)->unit = string_number(b, unit);
}

static void free_builder(struct builder *b)
{
    free(b->profile.sample);
    free(b->profile.mapping);
    free(b->profile.function);
    free(b->profile.location);
    intern_free(&b->strings);
    intern_free(&b->modules);
    intern_free(&b->functions);
    intern_free(&b->locations);
    arena_free(&b->arena);
}

char *pprof_encode(const struct model *models, size_t n, size_t *len)
{
    struct builder b = {.profile = PERFTOOLS__PROFILES__PROFILE__INIT};
    Perftools__Profiles__ValueType *types[2];
    string_number(&b, ""); /* number 0 */
    add_type(&b, &types[0], "stuck", "count");
    add_type(&b, &types[1], "age", "seconds");
    b.profile.n_sample_type = 2;
    b.profile.sample_type = types;
    b.profile.default_sample_type = types[0]->type;
    b.profile.time_nanos = (int64_t)now_real_ns();
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < models[i].report.n_groups; k++)
            add_group(&b, &models[i].report, &models[i].report.groups[k]);
    b.profile.n_string_table = b.strings.n;
    b.profile.string_table = arena_array(&b.arena, b.strings.n, sizeof *b.profile.string_table);
    for (size_t i = 0; i < b.strings.n; i++)
        b.profile.string_table[i] = (char *)b.strings.entries[i].bytes;
    *len = perftools__profiles__profile__get_packed_size(&b.profile);
    char *packed = arena_grow(NULL, *len + 1, 1);
    perftools__profiles__profile__pack(&b.profile, (uint8_t *)packed);
    free_builder(&b);
    return packed;
}

char *pprof_gzip(const struct model *models, size_t n, size_t *len)
{
    size_t plain_len;
    char *plain = pprof_encode(models, n, &plain_len);
    z_stream z = {.next_in = (Bytef *)plain, .avail_in = (uInt)plain_len};
    if (plain_len > UINT32_MAX / 2 || deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        exit(cli_fail("out of memory"));
    size_t room = deflateBound(&z, plain_len);
    char *packed = arena_grow(NULL, room, 1);
    z.next_out = (Bytef *)packed;
    z.avail_out = (uInt)room;
    if (deflate(&z, Z_FINISH) != Z_STREAM_END)
        exit(cli_fail("cannot compress the profile"));
    *len = z.total_out;
    deflateEnd(&z);
    free(plain);
    return packed;
}

#endif
