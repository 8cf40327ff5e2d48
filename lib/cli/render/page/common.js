/*
 * common.js: the data of the page, and what all parts draw with.
 *
 * The page's scripts are one: common, site, table, flame, page. No markup is ever made of data: names
 * become text nodes and attributes' values, whatever they hold.
 */
'use strict';

const FLAG_LIBRARY = 1, FLAG_RUNTIME = 2, FLAG_OR = 8;

const data = JSON.parse(document.getElementById('data').textContent);

const frames = data.frames.map(([name, place, flags = 0, source, heading]) => ({
    name: name || place || '??',
    place: name ? place : '',
    file: place.replace(/:\d+$/, ''), /* lines of one function are one frame of the graph */
    library: Boolean(flags & FLAG_LIBRARY),
    runtime: Boolean(flags & FLAG_RUNTIME),
    other: Boolean(flags & FLAG_OR), /* of a second stack, where it is not known which is the socket's */
    source,
    heading,
}));

/* named: of the frame that names the stack in a line; own: of the program's first one, or -1. */
const stacks = data.stacks.map(([named, own, ...numbers]) => ({ named, own, frames: numbers.map((n) => frames[n]) }));

/* The two that called the frame which names STACK, as far as they are the program's, and not all of it. */
function callersIn(stack) {
    const callers = stack?.frames.slice(stack.named + 1).filter((frame) => !frame.library && frame.name !== 'main') ?? [];
    return callers.slice(0, 2).map((frame) => ` ← ${frame.name}`).join('');
}

const groups = data.groups.map((group, number) => {
    const stack = stacks[group.stack], where = stack?.frames[stack.named];
    return {
        ...group,
        number,
        stack,
        eofStack: stacks[group.eof_stack],
        of: data.processes[group.process],
        where: where?.name ?? '(no stack)',
        place: (where?.place ?? '') + callersIn(stack),
        rate: group.rate_per_minute ?? 0,
    };
});

const byId = (id) => document.getElementById(id);

/* element('td', { class: 'n' }, 'text', child, ...); what is null or undefined is left out. */
function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes))
        if (value != null)
            made.setAttribute(key, value);
    made.append(...children.filter((child) => child != null));
    return made;
}

function svg(name, attributes) {
    const made = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes))
        made.setAttribute(key, value);
    return made;
}

const plural = (n, word) => `${n.toLocaleString('en')} ${word}${n === 1 ? '' : 's'}`;

/* As the text report writes it: "812 s", "17 min", "5 h 20 min", "3 d 2 h". */
function duration(seconds) {
    const s = Math.floor(seconds), minutes = Math.floor(s / 60), hours = Math.floor(minutes / 60), days = Math.floor(hours / 24);
    const two = (a, unit, b, smaller) => (b ? `${a} ${unit} ${b} ${smaller}` : `${a} ${unit}`);
    if (s < 1000)
        return `${s} s`;
    if (s < 3600)
        return `${minutes} min`;
    return days ? two(days, 'd', hours % 24, 'h') : two(hours, 'h', minutes % 60, 'min');
}

/* A rate in the first unit in which it is at least one. */
function rateWords(perMinute) {
    for (const [unit, factor] of [['a minute', 1], ['an hour', 60]])
        if (perMinute * factor >= 1)
            return `${(perMinute * factor).toFixed(perMinute * factor < 10 ? 1 : 0)} ${unit}`;
    return `${(perMinute * 1440).toFixed(1)} a day`;
}

const nameOf = (path) => path?.split('/').pop() || '?';
const programOf = (process) => `${nameOf(process.exe)} (${process.pid})`;

/* When nothing else is to be done; not every browser tells that. */
const later = globalThis.requestIdleCallback ?? ((what) => setTimeout(what, 30));
const notLater = globalThis.cancelIdleCallback ?? clearTimeout;
