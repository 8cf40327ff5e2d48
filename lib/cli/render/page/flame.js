/*
 * flame.js: the stuck sockets as a flame graph: the root above, the calls that opened them below.
 *
 * A click, or Enter, zooms into a frame, and the table shows the sites below it alone.
 */

const ROW = 20, NARROWEST = 1.5; /* pixels */

const flame = { root: null, zoomed: null, buttons: new Map() };

/* ---- the tree ---- */

function child(node, name, place, frame) {
    const key = `${name}\n${place}`;
    let next = node.children.get(key);
    if (!next) {
        next = { name, place, frame, parent: node, depth: node.depth + 1, count: 0, groups: [], children: new Map() };
        node.children.set(key, next);
    }
    return next;
}

function grow(which) {
    const root = { name: 'all', place: '', parent: null, depth: 0, count: 0, groups: [], children: new Map() };
    for (const group of groups) {
        const stack = which === 'eof' ? group.eofStack : group.stack;
        const path = [root];
        if (data.processes.length > 1)
            path.push(child(root, nameOf(group.of.exe), ''));
        if (!stack)
            path.push(child(path.at(-1), which === 'eof' ? '(saw no EOF)' : '(no stack)', ''));
        for (const frame of stack ? stack.frames.filter((frame) => !frame.other).reverse() : [])
            path.push(child(path.at(-1), frame.name, frame.file, frame));
        for (const node of path) {
            node.count += group.count;
            node.groups.push(group);
        }
    }
    return root;
}

/* ---- drawing ---- */

const share = (node) => `${((100 * node.count) / flame.root.count).toFixed(node.count * 10 < flame.root.count ? 1 : 0)} %`;
const says = (node) => [node.name, node.place, `${plural(node.count, 'socket')}, ${share(node)}`].filter((part) => part).join(', ');

function classOf(node) {
    const frame = node.frame;
    if (!frame || frame.library)
        return 'frame';
    if (frame.runtime)
        return 'frame own runtime';
    let sum = 0;
    for (const c of node.name.slice(0, 64))
        sum += c.codePointAt(0);
    return sum % 2 ? 'frame own odd' : 'frame own';
}

function drawNode(node, left, width, graph) {
    const about = says(node), aria = { role: 'treeitem', 'aria-label': about, 'aria-level': node.depth + 1 };
    const button = element('button', { type: 'button', class: classOf(node), tabindex: -1, title: about, ...aria }, node.name);
    button.style.left = `${100 * left}%`;
    button.style.width = `${100 * width}%`;
    button.style.top = `${ROW * node.depth}px`;
    button.node = node;
    flame.buttons.set(node, button);
    graph.append(button);
    flame.deepest = Math.max(flame.deepest, node.depth);
    return button;
}

function drawBelow(node, left, width, graph, narrowest) {
    drawNode(node, left, width, graph);
    const children = [...node.children.values()].sort((a, b) => b.count - a.count);
    for (const next of children) {
        const part = (width * next.count) / node.count;
        if (part < narrowest)
            break;
        drawBelow(next, left, part, graph, narrowest);
        left += part;
    }
}

function draw() {
    const graph = byId('flame-graph'), parts = document.createDocumentFragment();
    flame.buttons.clear();
    flame.deepest = 0;
    for (let node = flame.zoomed.parent; node; node = node.parent)
        drawNode(node, 0, 1, parts).classList.add('above');
    drawBelow(flame.zoomed, 0, 1, parts, NARROWEST / (graph.clientWidth || 1000));
    graph.replaceChildren(element('div', {}), parts);
    graph.firstChild.style.height = `${ROW * (flame.deepest + 1)}px`; /* the others are placed, and take no room */
    byId('flame-reset').disabled = flame.zoomed === flame.root;
    flame.buttons.get(flame.zoomed).tabIndex = 0;
    markFound(shownBy.text);
}

/* The frames that the search finds. */
function markFound(text) {
    for (const [node, button] of flame.buttons)
        button.classList.toggle('found', Boolean(text.trim()) && `${node.name}\n${node.place}`.toLowerCase().includes(text.trim()));
}

function zoom(node) {
    const hadFocus = byId('flame-graph').contains(document.activeElement);
    flame.zoomed = node;
    shownBy.zoom = node === flame.root ? null : new Set(node.groups);
    draw();
    refreshTable();
    if (hadFocus)
        flame.buttons.get(node).focus({ preventScroll: true });
}

/* ---- keys ---- */

/* The frame beside NODE in its row: BY 1 to the right, -1 to the left. */
function beside(node, by) {
    const row = [...flame.buttons.values()].filter((button) => button.node.depth === node.depth);
    row.sort((a, b) => parseFloat(a.style.left) - parseFloat(b.style.left));
    return row[row.findIndex((button) => button.node === node) + by]?.node;
}

function onFlameKey(event) {
    const node = event.target.node;
    if (!node)
        return;
    const below = [...node.children.values()].filter((next) => flame.buttons.has(next)).sort((a, b) => b.count - a.count)[0];
    const to = { ArrowUp: node.parent, ArrowDown: below, ArrowLeft: beside(node, -1), ArrowRight: beside(node, 1) }[event.key];
    if (event.key === 'Escape' && flame.zoomed.parent)
        zoom(flame.zoomed.parent);
    else if (to)
        flame.buttons.get(to).focus();
    if (event.key.startsWith('Arrow'))
        event.preventDefault();
}

function startFlame() {
    const graph = byId('flame-graph'), which = byId('flame-of');
    const begin = () => {
        flame.root = grow(which.value);
        zoom(flame.root);
    };
    byId('flame').hidden = false;
    if (!groups.some((group) => group.eofStack))
        which.closest('label').hidden = true;
    which.addEventListener('change', begin);
    byId('flame-reset').addEventListener('click', () => zoom(flame.root));
    graph.addEventListener('click', (event) => event.target.node && zoom(event.target.node));
    graph.addEventListener('keydown', onFlameKey);
    const tell = (event) => (byId('flame-says').textContent = event.target.node ? says(event.target.node) : '');
    graph.addEventListener('mouseover', tell);
    graph.addEventListener('focusin', tell);
    begin();
}
