/*
 * table.js: the sites as a table that sorts, filters and searches; each row opens its site.
 */

/* So many rows are drawn at once, and then the next, while nothing else is to be done. */
const ROWS_AT_ONCE = 100;

const shownBy = { sort: 'count', descending: true, text: '', kind: '', growing: false, zoom: null, waiting: [], drawing: 0 };

/* What a column sorts by, and whether its largest comes first. */
const SORTS = {
    count: [(g) => g.count, true],
    kind: [(g) => g.kind, false],
    where: [(g) => g.where, false],
    rate: [(g) => g.rate + (g.growing ? 1e-9 : 0), true],
    opened: [(g) => g.opened, true],
    closed: [(g) => g.closed, true],
    oldest: [(g) => g.oldest_s, true],
    process: [(g) => programOf(g.of), false],
};

/* ---- rows ---- */

function growthParts(group) {
    const words = group.rate ? rateWords(group.rate) : 'growing';
    const says = group.growing ? element('span', { class: 'grows' }, words) : group.steady ? 'steady (a pool?)' : null;
    return [element('div', { class: 'growth' }, group.growth ? sparkline(group) : null, says)];
}

function makeRow(group) {
    const button = element('button', { type: 'button', 'aria-expanded': 'false' }, group.where);
    button.addEventListener('click', () => (group.detail ? closeSite(group) : openSite(group)));
    group.button = button;
    const cells = [group.count, group.kind, [button, element('span', {}, group.place)], growthParts(group), group.opened, group.closed,
        duration(group.oldest_s), programOf(group.of)];
    return element('tr', {}, ...cells.map((cell) => element('td', {}, ...(Array.isArray(cell) ? cell : [cell]))));
}

/* ---- open and close ---- */

function remember(hash) {
    history.replaceState(null, '', hash ? `#${hash}` : location.pathname + location.search);
}

/* A narrow page shows fewer columns. */
const columnsShown = () => [...byId('sites').tHead.rows[0].cells].filter((cell) => cell.offsetWidth).length;

function fitDetails() {
    for (const cell of document.querySelectorAll('td.detail'))
        cell.colSpan = columnsShown();
}

function openSite(group) {
    group.detail = element('tr', {}, element('td', { class: 'detail', colspan: columnsShown() }, ...siteDetail(group)));
    group.row.after(group.detail);
    group.row.classList.add('open');
    group.button.setAttribute('aria-expanded', 'true');
    if (group.site)
        remember(group.variant ? `${group.site}-${group.variant}` : group.site);
}

function closeSite(group) {
    group.detail.remove();
    group.detail = null;
    group.row.classList.remove('open');
    group.button.setAttribute('aria-expanded', 'false');
    remember('');
}

/* The site of the address' last part: "#5f3a9c01d2e4b678", with "-1a2b3c4d" a variant of it. */
function openAddressed() {
    const [site, variant] = location.hash.slice(1).split('-');
    const group = site && groups.find((g) => g.site === site && (!variant || g.variant === variant));
    if (!group)
        return;
    while (!group.row)
        drawRows();
    if (!group.detail)
        openSite(group);
    group.row.scrollIntoView({ block: 'start' });
    group.button.focus({ preventScroll: true });
}

/* ---- what is shown ---- */

function words(group) {
    if (!group.words) {
        const { kind, how, site, variant, advice, ports_peer: towards } = group, { exe, pid, host } = group.of;
        const all = [kind, how, site, variant, advice, towards, exe, pid, host];
        for (const stack of [group.stack, group.eofStack, ...group.life.map(([, , stack]) => stacks[stack])])
            stack?.frames.forEach((frame) => all.push(frame.name, frame.place));
        for (const column of ['local', 'peer', 'tag'])
            all.push(...[group.sockets[column]].flat());
        group.words = all.join('\n').toLowerCase();
    }
    return group.words;
}

function isShown(group) {
    return (!shownBy.kind || group.kind === shownBy.kind) && (!shownBy.growing || group.growing) &&
        (!shownBy.zoom || shownBy.zoom.has(group)) &&
        shownBy.text.split(/\s+/).every((part) => !part || words(group).includes(part));
}

function showCounts(shown) {
    const stuck = shown.reduce((sum, group) => sum + group.count, 0);
    byId('shown').textContent = shown.length === groups.length ? `${plural(groups.length, 'row')}, ${plural(stuck, 'socket')}`
        : `${shown.length} of ${plural(groups.length, 'row')}, ${plural(stuck, 'socket')}`;
}

function compare(a, b) {
    const key = SORTS[shownBy.sort][0], x = key(a), y = key(b);
    const order = x < y ? -1 : x > y ? 1 : 0;
    return (shownBy.descending ? -order : order) || a.number - b.number;
}

/* The next rows of those that are to be shown. */
function drawRows() {
    const rows = document.createDocumentFragment();
    notLater(shownBy.drawing);
    for (const group of shownBy.waiting.splice(0, ROWS_AT_ONCE)) {
        group.row ??= makeRow(group);
        rows.append(...[group.row, group.detail].filter((row) => row));
    }
    byId('sites').tBodies[0].append(rows);
    if (shownBy.waiting.length)
        shownBy.drawing = later(drawRows);
}

function refreshTable() {
    const shown = groups.filter(isShown).sort(compare);
    shownBy.waiting = shown;
    showCounts(shown);
    byId('sites').tBodies[0].replaceChildren();
    drawRows();
    for (const head of byId('sites').tHead.rows[0].cells)
        if (head.dataset.key === shownBy.sort)
            head.setAttribute('aria-sort', shownBy.descending ? 'descending' : 'ascending');
        else
            head.removeAttribute('aria-sort');
}

/* ---- controls ---- */

function sortBy(key) {
    shownBy.descending = shownBy.sort === key ? !shownBy.descending : SORTS[key][1];
    shownBy.sort = key;
    refreshTable();
}

function makeHeads() {
    for (const head of byId('sites').tHead.rows[0].cells) {
        const button = element('button', { type: 'button' }, head.textContent);
        button.addEventListener('click', () => sortBy(head.dataset.key));
        head.scope = 'col';
        head.replaceChildren(button);
    }
}

function makeFilters() {
    for (const kind of new Set(groups.map((group) => group.kind)))
        byId('kind').append(element('option', { value: kind }, kind));
    byId('search').addEventListener('input', (event) => {
        shownBy.text = event.target.value.toLowerCase();
        refreshTable();
        markFound(shownBy.text);
    });
    byId('kind').addEventListener('change', (event) => {
        shownBy.kind = event.target.value;
        refreshTable();
    });
    byId('growing').addEventListener('change', (event) => {
        shownBy.growing = event.target.checked;
        refreshTable();
    });
    byId('filters').hidden = false;
}

/* From row to row, and out of an open site. */
function onTableKey(event) {
    const row = event.target.closest('#sites > tbody > tr');
    const open = groups.find((group) => row && (group.row === row || group.detail === row));
    const buttons = [...document.querySelectorAll('#sites > tbody > tr > :nth-child(3) > button')], at = buttons.indexOf(event.target);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (event.key === 'Escape' && open?.detail) {
        closeSite(open);
        open.button.focus();
    } else if (at >= 0 && buttons[to]) {
        buttons[to].focus();
        event.preventDefault();
    }
}

/* startFlame, which comes next, draws the rows. */
function startTable() {
    byId('sites').tBodies[0].replaceChildren();
    makeHeads();
    makeFilters();
    byId('sites').addEventListener('keydown', onTableKey);
    addEventListener('resize', fitDetails);
    addEventListener('beforeprint', () => {
        while (shownBy.waiting.length)
            drawRows();
    });
}
