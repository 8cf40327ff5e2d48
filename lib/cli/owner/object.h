/* SPDX-License-Identifier: MIT */
/*
 * object.h: the properties of JavaScript objects in the heap of another process.
 *
 * Nothing that is read is trusted: what is not as expected has no properties. Accessors are not
 * called. Pure.
 */
#ifndef SOCKLEAK_CLI_OWNER_OBJECT_H
#define SOCKLEAK_CLI_OWNER_OBJECT_H

#include "../../core/v8_heap.h"

/* What v8_layout.h leaves out: offsets, types and shifts, as V8 exports them. */
struct object_layout {
    int32_t map_words, map_first_word, map_bits, map_descriptors, map_is_dictionary, map_own_mask, map_own_shift;
    int32_t properties, elements, internal_fields, symbol_name;
    int32_t type_object, type_array, type_bound, type_symbol, type_properties, type_descriptors, type_strong_descriptors;
    int32_t descriptors_first, index_mask, index_shift, kind_mask, location_mask;
    int32_t dictionary_prefix, dictionary_first, dictionary_entry;
};
bool object_layout_find(struct object_layout *o, v8_constant *get, void *arg);

struct objects {
    struct v8_heap heap;
    struct object_layout layout;
};

#define OBJECT_KEY 96u /* of a property, with its NUL */

/* OBJECT is one of JavaScript. */
bool object_is(const struct objects *o, uint64_t object);
bool object_is_function(const struct objects *o, uint64_t object);
/*
 * Calls EACH for the properties that OBJECT itself has, with name and value; the name of a symbol
 * is its description behind an @. For an accessor VALUE is its pair, and IS_ACCESSOR is set. Stops
 * when EACH returns false. False: OBJECT is not as expected; EACH may have been called nevertheless.
 */
typedef bool object_each(void *arg, const char *key, uint64_t value, bool is_accessor);
bool object_properties(const struct objects *o, uint64_t object, object_each *each, void *arg);
/* The value of property KEY, no accessor; 0: OBJECT itself has none. */
uint64_t object_get(const struct objects *o, uint64_t object, const char *key);
/* The getter of property KEY; 0: it has none. */
uint64_t object_getter(const struct objects *o, uint64_t object, const char *key);
/* Element I of an array; 0: OBJECT is no array, or has no such element. */
uint64_t object_element(const struct objects *o, uint64_t object, uint32_t i);
/* What a bound function calls; 0: OBJECT is none. */
uint64_t object_bound_target(const struct objects *o, uint64_t object);
/* Variable I, from 0, of the context that FUNCTION was made in; 0: there is none. */
uint64_t object_variable(const struct objects *o, uint64_t function, uint32_t i);

#endif
