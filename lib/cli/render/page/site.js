/*
 * site.js: one site, opened: what to do, the life of its sockets, their growth, the sockets.
 */

const FRAMES_SHOWN = 8, SOCKETS_SHOWN = 8;

/* ---- growth ---- */

/*
 * The path of a count that stays from each point to the next: POINTS are [age, count], oldest first.
 * The line, and the area below it.
 */
function steps(points, width, height) {
    const oldest = points[0][0] || 1, most = Math.max(1, ...points.map(([, count]) => count));
    const x = (age) => ((1 - age / oldest) * width).toFixed(1), y = (count) => ((1 - count / most) * height).toFixed(1);
    let line = '';
    for (const [age, count] of points)
        line += line ? `H${x(age)}V${y(count)}` : `M0,${y(count)}`;
    line += `H${width}`;
    return { line, under: `${line}V${height}H0Z`, most, oldest };
}

function drawSteps(picture, points, width, height) {
    const path = steps(points, width, height);
    picture.append(svg('path', { class: 'under', d: path.under }), svg('path', { class: 'count', d: path.line }));
    return path;
}

function sparkline(group) {
    const picture = svg('svg', { class: 'spark', width: 64, height: 16, viewBox: '0 -1 64 18', 'aria-hidden': 'true' });
    drawSteps(picture, group.growth, 64, 16);
    return picture;
}

function chart(group) {
    const picture = svg('svg', { class: 'chart', viewBox: '0 0 1000 100', preserveAspectRatio: 'none', role: 'img' });
    for (const y of [0, 50, 100])
        picture.append(svg('line', { x1: 0, x2: 1000, y1: y, y2: y }));
    const { most, oldest } = drawSteps(picture, group.growth, 1000, 100), first = group.growth[0][1];
    const says = `${first} stuck ${duration(oldest)} ago, ${group.growth.at(-1)[1]} at the last look, at most ${most}`;
    picture.setAttribute('aria-label', says);
    return element('figure', {},
        element('h3', {}, 'Stuck sockets over time'),
        element('div', { class: 'axis dim' }, element('span', {}, `${most}`)),
        picture,
        element('div', { class: 'axis dim' }, element('span', {}, `${duration(oldest)} ago`), element('span', {}, 'last look')));
}

/* ---- life ---- */

function frameItem(frame, isOwn) {
    const item = element('li', { class: isOwn ? 'guilty' : frame.library ? 'library' : null },
        element('code', { class: 'name' }, frame.name), element('span', { class: 'file code' }, frame.place));
    if (frame.heading)
        item.prepend(element('div', { class: 'part' }, frame.heading));
    if (frame.source != null) {
        const line = /:(\d+)$/.exec(frame.place)?.[1] ?? '';
        item.append(element('pre', { class: 'source' }, element('span', {}, `${line} | `), frame.source.trim()));
    }
    return item;
}

function stackList(stack) {
    const items = stack.frames.map((frame, i) => frameItem(frame, i === stack.own));
    const lastOwn = stack.frames.findLastIndex((frame) => !frame.library);
    const shown = Math.max(stack.own + 1, Math.min(FRAMES_SHOWN, lastOwn + 1));
    const list = element('ol', { class: 'frames' }, ...items.slice(0, shown));
    if (items.length <= shown)
        return [list];
    return [list, element('details', {}, element('summary', {}, plural(items.length - shown, 'more frame')),
        element('ol', { class: 'frames' }, ...items.slice(shown)))];
}

function life(group) {
    const shown = (stack) => (stack?.frames.length ? stackList(stack) : []);
    return element('ol', { class: 'life' }, ...group.life.map(([heading, , stack]) =>
        element('li', {}, element('div', { class: 'event' }, heading), ...shown(stacks[stack]))));
}

/* ---- facts ---- */

function forecastWords(group) {
    const when = (seconds) => (seconds > 0 ? `in ${duration(seconds)}` : 'now');
    const words = [];
    if (group.fd_limit != null)
        words.push(`limit of ${group.fd_limit} descriptors ${when(group.fd_limit_in_s)}`);
    if (group.ports != null)
        words.push(`${group.ports} local ports towards ${group.ports_peer ?? 'its peer'} ${when(group.ports_in_s)}`);
    return words.join('; ');
}

function growthWords(group) {
    if (!group.growing)
        return group.steady ? 'steady (a pool?)' : 'none seen';
    return group.rate ? `growing, about ${rateWords(group.rate)}` : 'growing';
}

function facts(group) {
    const eof = { read: 'the program saw it', unread: 'not read yet', mixed: 'seen of some, not of others' };
    const rows = [
        ['site', [group.site ?? 'not known', group.variant ? `variant ${group.variant}` : ''].join(' ')],
        ['process', programOf(group.of) + (group.of.host ? ` on ${group.of.host}` : '')],
        ['kind', group.how ? `${group.kind}, ${group.how}` : group.kind],
        ['sockets', `${group.count} stuck; its site has opened ${group.opened} and closed ${group.closed}`],
        ['stuck for', group.count > 1 ? `${duration(group.youngest_s)} to ${duration(group.oldest_s)}` : duration(group.oldest_s)],
        ['growth', growthWords(group)],
        ['runs out', forecastWords(group)],
        ['EOF', eof[group.eof] ?? 'not known whether it was seen'],
    ];
    return element('dl', { class: 'facts' }, ...rows.filter(([, value]) => value).flatMap(([name, value]) =>
        [element('dt', {}, name), element('dd', {}, value)]));
}

/* Where the clipboard is not to be had the text is selected: one key copies it. */
async function copy(code, button) {
    try {
        await navigator.clipboard.writeText(`${code.textContent}\n`);
        button.textContent = 'Copied';
    } catch {
        getSelection().selectAllChildren(code);
        button.textContent = 'Selected';
    }
}

function suppression(group) {
    if (!group.suppression)
        return [];
    const code = element('code', {}, group.suppression.map((n) => data.suppression_parts[n]).join(' < '));
    const button = element('button', { type: 'button' }, 'Copy');
    button.addEventListener('click', () => copy(code, button));
    return [element('h3', {}, 'As a suppression'), element('div', { class: 'suppress' }, code, button)];
}

/* ---- sockets ---- */

/* Of the NTH socket; a member that is no list is that of all. */
function socketValue(group, nth, name) {
    const column = group.sockets[name];
    return (Array.isArray(column) ? column[nth] : column) ?? '';
}

function socketRow(group, nth) {
    const of = (name) => socketValue(group, nth, name), time = (name) => (of(name) === '' ? '' : duration(of(name)));
    const bytes = of('received') === '' && of('sent') === '' ? '' : `${of('received')} / ${of('sent')}`;
    const eof = group.eof === 'mixed' ? { read: 'seen', unread: 'not seen' }[of('eof')] ?? '' : '';
    const cells = [of('fd'), of('local'), of('peer'), of('state'), time('stuck_s'), time('age_s'), of('unread') || '', bytes, of('tid'),
        eof, of('tag')];
    return element('tr', {}, ...cells.map((text) => element('td', { class: typeof text === 'number' ? 'n' : 'name' }, `${text}`)));
}

/* Columns that say nothing are left out. */
function dropEmptyColumns(table) {
    const rows = [...table.rows];
    for (let i = rows[0].cells.length - 1; i >= 0; i--)
        if (rows.slice(1).every((row) => !row.cells[i].textContent))
            rows.forEach((row) => row.deleteCell(i));
}

function socketTable(group, shown) {
    const heads = ['fd', 'local', 'peer', 'state', 'stuck for', 'open for', 'unread', 'received / sent', 'thread', 'EOF', 'tag'];
    const head = element('tr', {}, ...heads.map((text) => element('th', { scope: 'col' }, text)));
    const rows = Array.from({ length: Math.min(shown, group.sockets.n) }, (_, nth) => socketRow(group, nth));
    const table = element('table', {}, element('thead', {}, head), element('tbody', {}, ...rows));
    dropEmptyColumns(table);
    return table;
}

function sockets(group) {
    const section = element('div', { class: 'sockets' }, element('h3', {}, 'Sockets'), socketTable(group, SOCKETS_SHOWN));
    const listed = group.sockets.n, rest = group.count - listed;
    if (listed > SOCKETS_SHOWN) {
        const button = element('button', { type: 'button' }, `All ${listed}`);
        button.addEventListener('click', () => {
            section.querySelector('table').replaceWith(socketTable(group, listed));
            button.remove();
        });
        section.append(button);
    }
    if (rest > 0)
        section.append(element('p', { class: 'dim' }, `and ${rest} more`));
    return section;
}

/* ---- the whole ---- */

function siteDetail(group) {
    return [
        group.advice ? element('p', { class: 'fix' }, `Fix: ${group.advice}`) : null,
        element('div', { class: 'parts' },
            element('div', {}, element('h3', {}, 'Life'), life(group)),
            element('div', {}, group.growth ? chart(group) : null, element('h3', {}, 'Facts'), facts(group), ...suppression(group))),
        group.sockets.n ? sockets(group) : null,
    ].filter((part) => part);
}
