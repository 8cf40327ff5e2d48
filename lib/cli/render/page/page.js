/*
 * page.js: draws the page from its data, in the place of what stands there for readers without scripts.
 */

function onPageKey(event) {
    const search = byId('search'), isTyped = event.target.closest('input, select, textarea');
    if (event.key === '/' && !isTyped && !event.ctrlKey && !event.metaKey && !event.altKey) {
        search.focus();
        event.preventDefault();
    } else if (event.target === search && event.key === 'ArrowDown') {
        document.querySelector('#sites > tbody button')?.focus();
        event.preventDefault();
    }
}

function start() {
    startTable();
    startFlame();
    document.documentElement.classList.remove('starting');
    openAddressed();
    addEventListener('hashchange', openAddressed);
    document.addEventListener('keydown', onPageKey);
    byId('keys').hidden = false;
}

/* If anything fails, what stands here without scripts is all there. */
try {
    if (groups.length)
        start();
    document.documentElement.className = groups.length ? 'scripts' : '';
} catch (error) {
    document.documentElement.className = '';
    throw error;
}
