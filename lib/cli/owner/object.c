/* SPDX-License-Identifier: MIT */
/*
 * object.c: the properties of JavaScript objects in the heap of another process.
 *
 * Called by walk.c. An object has its properties in itself and in an array, where the descriptors of
 * its map say, or in a dictionary. From V8's sources: src/objects, of the versions that
 * core/v8_layout.c knows.
 */
#include "object.h"

#include <string.h>

#include "../../core/v8_name.h"

/* The same in all of these versions, and not exported. */
#define FUNCTION_CONTEXT_AFTER 8 /* behind the SharedFunctionInfo */
#define BOUND_TARGET 24
#define ARRAY_LENGTH 24
#define PAIR_GETTER 8
#define PROPERTIES_LENGTH_MASK 0x3ff /* beside it is the object's hash */
#define DESCRIPTORS_COUNT 8
#define DESCRIPTOR_BYTES 24
#define CONTEXT_VARIABLES 2 /* words that a context begins with */
#define MAX_PROPERTIES 1020 /* of an object without a dictionary */
#define MAX_DICTIONARY 4096 /* entries */
#define DICTIONARY_CAPACITY 2

static const struct fact {
    const char *name;
    size_t field;
} facts[] = {
#define FACT(field, name)                           \
    {                                               \
        name, offsetof(struct object_layout, field) \
    }
    FACT(map_words, "class_Map__instance_size_in_words__char"),
    FACT(map_first_word, "class_Map__inobject_properties_start_or_constructor_function_index__char"),
    FACT(map_bits, "class_Map__bit_field3__int"),
    FACT(map_descriptors, "class_Map__instance_descriptors__DescriptorArray|class_Map__instance_descriptors__Tagged_DescriptorArray_"),
    FACT(map_is_dictionary, "bit_field3_is_dictionary_map_shift"),
    FACT(map_own_mask, "bit_field3_number_of_own_descriptors_mask"),
    FACT(map_own_shift, "bit_field3_number_of_own_descriptors_shift"),
    FACT(properties, "class_JSReceiver__raw_properties_or_hash__Object|class_JSReceiver__raw_properties_or_hash__Tagged_Object_"),
    FACT(elements, "class_JSObject__elements__Object"),
    FACT(internal_fields, "class_JSObject__internal_fields__uintptr_t"),
    FACT(symbol_name, "class_Symbol__name__Object"),
    FACT(type_object, "type_JSObject__JS_OBJECT_TYPE"),
    FACT(type_array, "type_JSArray__JS_ARRAY_TYPE"),
    FACT(type_bound, "type_JSBoundFunction__JS_BOUND_FUNCTION_TYPE"),
    FACT(type_symbol, "type_Symbol__SYMBOL_TYPE"),
    FACT(type_properties, "type_PropertyArray__PROPERTY_ARRAY_TYPE"),
    FACT(type_descriptors, "type_DescriptorArray__DESCRIPTOR_ARRAY_TYPE"),
    FACT(type_strong_descriptors, "type_StrongDescriptorArray__STRONG_DESCRIPTOR_ARRAY_TYPE"),
    FACT(descriptors_first, "class_DescriptorArray__header_size__uintptr_t"),
    FACT(index_mask, "prop_index_mask"),
    FACT(index_shift, "prop_index_shift"),
    FACT(kind_mask, "prop_kind_mask"),
    FACT(location_mask, "prop_location_mask"),
    FACT(dictionary_prefix, "namedictionary_prefix_start_index"),
    FACT(dictionary_first, "namedictionaryshape_prefix_size"),
    FACT(dictionary_entry, "namedictionaryshape_entry_size"),
#undef FACT
};

/* What must be as it is taken to be. */
static const struct {
    const char *name;
    int32_t value;
} expected[] = {
    {"prop_desc_key", 0},
    {"prop_desc_details", 1},
    {"prop_desc_value", 2},
    {"prop_desc_size", 3},
    {"prop_kind_Data", 0},
    {"prop_location_Field", 0},
    {"namedictionaryshape_entry_size", 3},
    {"context_idx_scope_info", 0},
    {"context_min_slots", CONTEXT_VARIABLES},
};

bool object_layout_find(struct object_layout *o, v8_constant *get, void *arg)
{
    int32_t v;
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        if (!v8_layout_constant(get, arg, facts[i].name, (int32_t *)(void *)((char *)o + facts[i].field)))
            return false;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        if (!v8_layout_constant(get, arg, expected[i].name, &v) || v != expected[i].value)
            return false;
    return o->map_own_shift >= 0 && o->map_own_shift < 32 && o->index_shift >= 0 && o->index_shift < 32 && o->map_is_dictionary >= 0 &&
           o->map_is_dictionary < 32;
}

/* Like v8_heap_field, for offsets that come from a table. */
static uint64_t field(const struct objects *o, uint64_t object, int32_t offset) { return v8_heap_field(&o->heap, object, offset); }

static bool byte_of(const struct objects *o, uint64_t map, int32_t offset, unsigned *v)
{
    const uint8_t *p = v8_heap_bytes(&o->heap, map - 1 + (uint64_t)offset, 1);
    if (p)
        *v = *p;
    return p;
}

bool object_is(const struct objects *o, uint64_t object) { return v8_heap_certain_type(&o->heap, object) >= o->layout.type_object; }

bool object_is_function(const struct objects *o, uint64_t object)
{
    int type = v8_heap_certain_type(&o->heap, object);
    return type >= o->heap.layout->type_function && type <= o->heap.layout->last_function;
}

/* The name of a property, which is a string or a symbol. False: it is neither, or too long. */
static bool read_key(const struct objects *o, uint64_t name, char key[OBJECT_KEY])
{
    int type = v8_heap_type(&o->heap, name);
    if (type == o->layout.type_symbol) {
        key[0] = '@';
        return v8_name_string(&o->heap, field(o, name, o->layout.symbol_name), key + 1, OBJECT_KEY - 1);
    }
    return type >= 0 && v8_name_string(&o->heap, name, key, OBJECT_KEY);
}

/* ---- without a dictionary --------------------------------------------------------------------- */

struct shape {
    uint64_t descriptors, properties;
    unsigned n, first_word, inside; /* properties; where those in the object begin, and how many fit */
};

/* Where property INDEX of OBJECT is; 0: not where it should be. */
static uint64_t value_at(const struct objects *o, uint64_t object, const struct shape *s, unsigned index)
{
    if (index < s->inside)
        return field(o, object, (int32_t)(8 * (s->first_word + index)));
    if (v8_heap_certain_type(&o->heap, s->properties) != o->layout.type_properties)
        return 0;
    uint64_t length = field(o, s->properties, o->heap.layout->array_length);
    index -= s->inside;
    if (!v8_is_smi(length) || index >= (unsigned)(v8_smi(length) & PROPERTIES_LENGTH_MASK))
        return 0;
    return field(o, s->properties, o->heap.layout->array_data + (int32_t)(8 * index));
}

static bool read_shape(const struct objects *o, uint64_t object, uint64_t map, uint32_t bits, struct shape *s)
{
    unsigned words;
    uint32_t counts;
    s->descriptors = field(o, map, o->layout.map_descriptors);
    s->properties = field(o, object, o->layout.properties);
    s->n = (bits & (uint32_t)o->layout.map_own_mask) >> o->layout.map_own_shift;
    int type = v8_heap_certain_type(&o->heap, s->descriptors);
    if ((type != o->layout.type_descriptors && type != o->layout.type_strong_descriptors) || s->n > MAX_PROPERTIES ||
        !v8_heap_half(&o->heap, s->descriptors - 1 + DESCRIPTORS_COUNT, &counts) || s->n > (counts & 0xffff) ||
        !byte_of(o, map, o->layout.map_words, &words) || !byte_of(o, map, o->layout.map_first_word, &s->first_word) ||
        s->first_word > words)
        return false;
    s->inside = words - s->first_word;
    return true;
}

static bool each_of_shape(const struct objects *o, uint64_t object, const struct shape *s, object_each *each, void *arg)
{
    char key[OBJECT_KEY];
    for (unsigned i = 0; i < s->n; i++) {
        int32_t at = o->layout.descriptors_first + (int32_t)(DESCRIPTOR_BYTES * i);
        uint64_t name = field(o, s->descriptors, at), details = field(o, s->descriptors, at + 8), value;
        if (!v8_is_smi(details) || !v8_is_object(name))
            return false;
        uint32_t d = (uint32_t)v8_smi(details);
        bool accessor = d & (uint32_t)o->layout.kind_mask, inside = d & (uint32_t)o->layout.location_mask;
        if (inside)
            value = field(o, s->descriptors, at + 16);
        else
            value = value_at(o, object, s, (d & (uint32_t)o->layout.index_mask) >> o->layout.index_shift);
        if (v8_is_object(value) && read_key(o, name, key) && !each(arg, key, value, accessor))
            return true;
    }
    return true;
}

/* ---- a dictionary ------------------------------------------------------------------------------ */

/*
 * A hash table: an array that begins with some numbers, of which one is how many entries it has room
 * for, and goes on with name, value and details of each.
 */
static bool each_of_dictionary(const struct objects *o, uint64_t table, object_each *each, void *arg)
{
    const struct v8_layout *l = o->heap.layout;
    char key[OBJECT_KEY];
    int32_t first = o->layout.dictionary_prefix + o->layout.dictionary_first, entry = o->layout.dictionary_entry;
    uint64_t length = field(o, table, l->array_length), room = field(o, table, l->array_data + 8 * DICTIONARY_CAPACITY);
    if (v8_heap_certain_type(&o->heap, table) < 0 || !v8_is_smi(length) || !v8_is_smi(room) || v8_smi(room) < 1 ||
        v8_smi(room) > MAX_DICTIONARY || (v8_smi(room) & (v8_smi(room) - 1)) || v8_smi(length) != first + v8_smi(room) * entry)
        return false;
    for (int32_t i = 0; i < v8_smi(room); i++) {
        int32_t at = l->array_data + 8 * (first + i * entry);
        uint64_t name = field(o, table, at), value = field(o, table, at + 8), details = field(o, table, at + 16);
        if (!v8_is_object(name) || !v8_is_object(value) || !v8_is_smi(details) || !read_key(o, name, key))
            continue; /* a free entry has another sort of name */
        if (!each(arg, key, value, (uint32_t)v8_smi(details) & (uint32_t)o->layout.kind_mask))
            return true;
    }
    return true;
}

bool object_properties(const struct objects *o, uint64_t object, object_each *each, void *arg)
{
    uint64_t map = field(o, object, 0);
    uint32_t bits;
    struct shape s;
    if (!object_is(o, object) || !v8_heap_half(&o->heap, map - 1 + (uint64_t)o->layout.map_bits, &bits))
        return false;
    if (bits >> o->layout.map_is_dictionary & 1)
        return each_of_dictionary(o, field(o, object, o->layout.properties), each, arg);
    return read_shape(o, object, map, bits, &s) && each_of_shape(o, object, &s, each, arg);
}

/* ---- single ones ------------------------------------------------------------------------------- */

struct wanted {
    const char *key;
    bool accessor;
    uint64_t value;
};

static bool is_wanted(void *arg, const char *key, uint64_t value, bool accessor)
{
    struct wanted *w = arg;
    if (accessor != w->accessor || strcmp(key, w->key) != 0)
        return true;
    w->value = value;
    return false;
}

uint64_t object_get(const struct objects *o, uint64_t object, const char *key)
{
    struct wanted w = {.key = key};
    return object_properties(o, object, is_wanted, &w) ? w.value : 0;
}

uint64_t object_getter(const struct objects *o, uint64_t object, const char *key)
{
    struct wanted w = {.key = key, .accessor = true};
    return object_properties(o, object, is_wanted, &w) ? field(o, w.value, PAIR_GETTER) : 0;
}

uint64_t object_element(const struct objects *o, uint64_t object, uint32_t i)
{
    const struct v8_layout *l = o->heap.layout;
    if (v8_heap_certain_type(&o->heap, object) != o->layout.type_array)
        return 0;
    uint64_t n = field(o, object, ARRAY_LENGTH), elements = field(o, object, o->layout.elements);
    uint64_t room = field(o, elements, l->array_length);
    if (!v8_is_smi(n) || v8_heap_certain_type(&o->heap, elements) != l->type_fixed || !v8_is_smi(room) || (int64_t)i >= v8_smi(n) ||
        (int64_t)i >= v8_smi(room))
        return 0;
    return field(o, elements, l->array_data + (int32_t)(8 * i));
}

uint64_t object_bound_target(const struct objects *o, uint64_t object)
{
    return v8_heap_certain_type(&o->heap, object) == o->layout.type_bound ? field(o, object, BOUND_TARGET) : 0;
}

uint64_t object_variable(const struct objects *o, uint64_t function, uint32_t i)
{
    uint64_t context = field(o, function, o->heap.layout->function_shared + FUNCTION_CONTEXT_AFTER);
    uint64_t n = field(o, context, o->heap.layout->array_length);
    if (!object_is_function(o, function) || !v8_is_smi(n) || v8_smi(n) > MAX_PROPERTIES || (int64_t)i + CONTEXT_VARIABLES >= v8_smi(n))
        return 0;
    return field(o, context, o->heap.layout->array_data + (int32_t)(8 * (i + CONTEXT_VARIABLES)));
}
