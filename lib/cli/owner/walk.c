/* SPDX-License-Identifier: MIT */
/*
 * walk.c: from the handle of a descriptor in a node process to the program's functions that hang on
 * the JavaScript object which owns it.
 *
 * Called by owner.c, twice for each descriptor. The names of properties are those of node's
 * lib/net.js, _tls_wrap.js, _http_*.js, dgram.js and events.js of node 18 to 26, and of the package
 * ws.
 */
#include "walk.h"

#include <stdlib.h>
#include <string.h>

#include "../../core/out.h"
#include "../../core/runtime_files.h"
#include "../../core/runtime_name.h"

#define MAX_WRAP 1024u    /* bytes of node's object in front of the handle in it */
#define INTERNAL_FIELDS 3 /* that may have the way back: one more in front of them since node 24 */
#define MAX_EMITTERS 16u
#define MAX_EVENTS 32u
#define MAX_LISTENERS 16u
#define MAX_BOUND 6u
#define TLS_VARIABLES 4u

/* Whether node's parser of HTTP reads from a socket. */
enum http { HTTP_NONE = 0, HTTP_PARSED, HTTP_LEFT /* no more: it was upgraded */ };

struct walk {
    const struct objects *o;
    uint64_t js; /* node's object for the handle */
    unsigned n_seen;
    uint64_t seen[MAX_EMITTERS];
    enum http http;
    bool bad; /* something was not as expected */
    struct owner_handlers *out;
};

/* ---- functions -------------------------------------------------------------------------------- */

static bool same_function(const struct v8_function *a, const struct v8_function *b)
{
    return a->line == b->line && a->column == b->column && strcmp(a->function, b->function) == 0 && strcmp(a->file, b->file) == 0;
}

/* Behind the entries of its sort; one of a package gives way when there are too many. */
static void enter(struct owner_handlers *out, const struct owner_handler *h)
{
    unsigned at = out->n;
    while (at > 0 && out->handler[at - 1].of_package && !h->of_package)
        at--;
    if (at == OWNER_HANDLERS)
        return;
    if (out->n == OWNER_HANDLERS)
        out->n--;
    memmove(&out->handler[at + 1], &out->handler[at], (out->n - at) * sizeof *h);
    out->handler[at] = *h;
    out->n++;
}

/* "server 'upgrade'"; of a function that is another event's already: "socket 'end', 'close'". */
static void put_event(struct owner_handler *h, const char *role, const char *event)
{
    size_t begin = strlen(h->on);
    struct out o = {.buf = h->on, .cap = sizeof h->on - 1, .len = begin};
    out_fmt(&o, begin ? ", '%s'" : "%s '%s'", begin ? event : role, event);
    h->on[o.len] = 0;
}

static bool begins_with(const char *s, const char *prefix) { return strncmp(s, prefix, strlen(prefix)) == 0; }

/* Takes FUNCTION. False: it is one of node's own. */
static bool take_function(struct walk *w, const char *role, const char *event, uint64_t function)
{
    const struct v8_heap *heap = &w->o->heap;
    struct owner_handler h = {.on = ""};
    uint64_t shared = v8_heap_field(heap, function, heap->layout->function_shared);
    if (!object_is_function(w->o, function) || v8_heap_certain_type(heap, shared) != heap->layout->type_shared) {
        w->bad = true;
        return true;
    }
    if (!v8_heap_script(heap, shared)) /* V8's own */
        return false;
    if (!v8_name_function(heap, shared, -1, &h.function)) {
        w->bad = true;
        return true;
    }
    enum runtime_code code = runtime_files_code(RUNTIME_JAVASCRIPT, h.function.file, h.function.function);
    if (code == RUNTIME_CODE_LIBRARY)
        return false;
    h.of_package = code == RUNTIME_CODE_PACKAGE;
    for (unsigned i = 0; i < w->out->n; i++) {
        struct owner_handler *twin = &w->out->handler[i];
        if (begins_with(twin->on, role) && twin->on[strlen(role)] == ' ' && same_function(&twin->function, &h.function)) {
            put_event(twin, role, event);
            return true;
        }
    }
    put_event(&h, role, event);
    enter(w->out, &h);
    return true;
}

/*
 * A listener as an emitter keeps it: a function, or a bound one. What once() has made is a function
 * of node's, bound or (since 24.22) not, which has the one that was given as its property.
 */
static void take_listener(struct walk *w, const char *role, const char *event, uint64_t value)
{
    for (unsigned depth = 0; depth < MAX_BOUND; depth++) {
        uint64_t target = object_bound_target(w->o, value), given = object_get(w->o, value, "listener");
        if (!target && take_function(w, role, event, value))
            return;
        if (!target && !given)
            return;
        value = given ? given : target;
    }
}

/* ---- emitters --------------------------------------------------------------------------------- */

struct event_of {
    char name[OBJECT_KEY];
    uint64_t value; /* a listener, or an array of them */
};

struct events {
    const struct walk *walk;
    enum http http;
    unsigned n;
    struct event_of event[MAX_EVENTS];
};

/* A server of HTTP has listeners that cannot be called for a connection any more, or not yet. */
static bool is_idle(enum http http, const char *event)
{
    static const char *const parsed[] = {"request", "checkContinue", "checkExpectation", "dropRequest"};
    bool of_parser = false;
    for (size_t i = 0; i < sizeof parsed / sizeof *parsed; i++)
        of_parser |= strcmp(event, parsed[i]) == 0;
    if (http == HTTP_PARSED)
        return strcmp(event, "upgrade") == 0 || strcmp(event, "connect") == 0;
    return http == HTTP_LEFT && of_parser;
}

static bool take_event(void *arg, const char *key, uint64_t value, bool accessor)
{
    struct events *e = arg;
    const struct objects *o = e->walk->o;
    int type = v8_heap_certain_type(&o->heap, value);
    if (accessor || key[0] == '@' || (type >= 0 && type < o->layout.type_object)) /* undefined: its last listener is gone */
        return true;
    if (is_idle(e->http, key))
        return true;
    memcpy(e->event[e->n].name, key, strlen(key) + 1);
    e->event[e->n++].value = value;
    return e->n < MAX_EVENTS;
}

/* In whatever order a dictionary has them, the answer is the same. */
static int by_name(const void *a, const void *b) { return strcmp(((const struct event_of *)a)->name, ((const struct event_of *)b)->name); }

static void take_listeners(struct walk *w, const char *role, const struct event_of *e)
{
    if (v8_heap_certain_type(&w->o->heap, e->value) != w->o->layout.type_array) {
        take_listener(w, role, e->name, e->value);
        return;
    }
    for (uint32_t i = 0; i < MAX_LISTENERS; i++) {
        uint64_t one = object_element(w->o, e->value, i);
        if (!one)
            break;
        take_listener(w, role, e->name, one);
    }
}

/* Takes the listeners of OBJECT, which is of ROLE. False: it was done before, or is none. */
static bool take_emitter(struct walk *w, const char *role, uint64_t object)
{
    struct events e;
    if (!object_is(w->o, object))
        return false;
    for (unsigned i = 0; i < w->n_seen; i++)
        if (w->seen[i] == object)
            return false;
    if (w->n_seen == MAX_EMITTERS)
        return false;
    w->seen[w->n_seen++] = object;
    uint64_t events = object_get(w->o, object, "_events");
    e.walk = w;
    e.http = strcmp(role, "server") == 0 ? w->http : HTTP_NONE;
    e.n = 0;
    if (object_is(w->o, events) && !object_properties(w->o, events, take_event, &e))
        w->bad = true;
    qsort(e.event, e.n, sizeof *e.event, by_name);
    for (unsigned i = 0; i < e.n; i++)
        take_listeners(w, role, &e.event[i]);
    return true;
}

/* ---- what a socket belongs to ----------------------------------------------------------------- */

struct links {
    uint64_t handle, server, own_server, message, websocket, tls, state, connection_key, parser;
};

static bool take_link(void *arg, const char *key, uint64_t value, bool accessor)
{
    static const struct {
        const char *key;
        size_t at;
    } known[] = {
        {"_handle", offsetof(struct links, handle)},       {"@kHandle", offsetof(struct links, handle)},
        {"server", offsetof(struct links, server)},        {"_server", offsetof(struct links, own_server)},
        {"_httpMessage", offsetof(struct links, message)}, {"@websocket", offsetof(struct links, websocket)},
        {"_tlsOptions", offsetof(struct links, tls)},      {"@state symbol", offsetof(struct links, state)},
        {"parser", offsetof(struct links, parser)},        {"_connectionKey", offsetof(struct links, connection_key)},
    };
    for (size_t i = 0; !accessor && i < sizeof known / sizeof *known; i++)
        if (strcmp(key, known[i].key) == 0)
            *(uint64_t *)(void *)((char *)arg + known[i].at) = value;
    return true;
}

/*
 * The socket with these links has the handle that the walk began at, itself or below TLS. The handle
 * is its property @kHandle since node 20, _handle before.
 */
static bool leads_back(const struct walk *w, const struct links *l)
{
    return l->handle == w->js || object_get(w->o, l->handle, "_parent") == w->js || object_get(w->o, l->state, "handle") == w->js;
}

/* A ServerResponse has its request; else it is a ClientRequest, which may have a response. */
static void take_message(struct walk *w, uint64_t message)
{
    uint64_t request = object_get(w->o, message, "req");
    if (object_is(w->o, request)) {
        take_emitter(w, "response", message);
        take_emitter(w, "request", request);
        return;
    }
    if (!take_emitter(w, "request", message))
        return;
    take_emitter(w, "response", object_get(w->o, message, "res"));
    take_emitter(w, "agent", object_get(w->o, message, "agent"));
}

static void take_links(struct walk *w, const struct links *l)
{
    w->http = object_is(w->o, l->parser) ? HTTP_PARSED : l->parser ? HTTP_LEFT : HTTP_NONE;
    take_emitter(w, "websocket", l->websocket);
    take_message(w, l->message);
    take_emitter(w, "server", l->server);
    take_emitter(w, "server", l->own_server);
    take_emitter(w, "server", object_get(w->o, l->tls, "server"));
}

/*
 * The TLSSocket above a plain one is held by the functions that node gives the handle's property
 * "reading", which were made in its presence.
 */
static uint64_t find_tls(const struct walk *w, struct links *l)
{
    uint64_t getter = object_getter(w->o, w->js, "reading");
    for (uint32_t i = 0; object_is_function(w->o, getter) && i < TLS_VARIABLES; i++) {
        uint64_t socket = object_variable(w->o, getter, i);
        *l = (struct links){0};
        if (object_is(w->o, socket) && object_properties(w->o, socket, take_link, l) && l->tls &&
            object_get(w->o, l->handle, "_parent") == w->js)
            return socket;
    }
    return 0;
}

/* ---- the handle -------------------------------------------------------------------------------- */

/* The JavaScript object of WRAP, which leads back to it; 0: it is not as expected. */
static uint64_t object_of_wrap(const struct objects *o, uint64_t wrap, uint64_t persistent)
{
    uint64_t slot, js;
    if (!v8_heap_word(&o->heap, wrap + persistent, &slot) || !v8_heap_word(&o->heap, slot, &js) || !object_is(o, js))
        return 0;
    for (int32_t i = 0; i < INTERNAL_FIELDS; i++)
        if (v8_heap_field(&o->heap, js, o->layout.internal_fields + 8 * i) == wrap)
            return js;
    return 0;
}

/* Reads for a walk, and notes that it read all that it wanted to. */
struct reader {
    const struct v8_heap *heap;
    bool missed;
};

static const void *read_and_note(void *arg, uint64_t a, size_t n)
{
    struct reader *r = arg;
    const void *p = v8_heap_bytes(r->heap, a, n);
    r->missed |= !p;
    return p;
}

static void walk(struct walk *w, uint64_t wrap, uint64_t persistent)
{
    struct links l = {0}, above;
    w->js = object_of_wrap(w->o, wrap, persistent);
    uint64_t owner = w->js ? object_get(w->o, w->js, "@owner_symbol") : 0;
    if (!object_is(w->o, owner) || !object_properties(w->o, owner, take_link, &l) || !leads_back(w, &l)) {
        w->bad = true;
        return;
    }
    take_emitter(w, l.connection_key ? "server" : "socket", owner);
    uint64_t tls = find_tls(w, &above);
    if (tls && take_emitter(w, "socket", tls))
        take_links(w, &above);
    take_links(w, &l);
}

bool walk_handle(const struct objects *o, uint64_t handle, uint64_t wrap, uint64_t persistent, struct owner_handlers *out)
{
    struct reader reader = {.heap = &o->heap};
    const struct objects noted = {.heap = {.layout = o->heap.layout, .at = read_and_note, .arg = &reader}, .layout = o->layout};
    struct walk w = {.o = &noted, .out = out};
    memset(out, 0, sizeof *out);
    if (handle <= wrap || handle - wrap > MAX_WRAP)
        return false;
    walk(&w, wrap, persistent);
    return !w.bad && !reader.missed;
}

bool walk_same(const struct owner_handlers *a, const struct owner_handlers *b)
{
    if (a->n != b->n)
        return false;
    for (unsigned i = 0; i < a->n; i++)
        if (strcmp(a->handler[i].on, b->handler[i].on) != 0 || !same_function(&a->handler[i].function, &b->handler[i].function))
            return false;
    return true;
}
