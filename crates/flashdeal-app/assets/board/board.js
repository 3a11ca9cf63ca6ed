// The deal board: a guest of the public API. Whatever others wrote is put in by textContent.

const PAGE = 12; // deals per page
const WATCHED_MAX = 100; // deals in one live stream
const LOOKUPS_MAX = 4; // holds looked for at sign-in besides those remembered
const SPARE = 25; // requests that background traffic leaves to the buyer

const $ = (id) => document.getElementById(id);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const jitter = (ms) => ms * (0.85 + Math.random() * 0.3);
const on = (el, type, heard) => el.addEventListener(type, heard);
const put = (el, text) => {
	if (el.textContent !== text) el.textContent = text;
};

const count = new Intl.NumberFormat();
const decimal = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const money = (amount) => decimal.format(Number(amount));
const clockTime = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const at = (time) => clockTime.format(Date.parse(time) - serverNow() + Date.now()); // by the reader's clock
const when = (time) => dayTime.format(Date.parse(time)); // to the minute: what we think of the server's clock must not make 12:00 of it 11:59
const dayTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const units = (n) => (n === 1 ? '1 unit' : `${count.format(n)} units`);
function minutes(ms) {
	const s = Math.max(0, Math.ceil(ms / 1000));
	return [s / 60, s % 60].map((n) => String(Math.floor(n)).padStart(2, '0')).join(':');
}
function countdown(ms) {
	const s = Math.max(0, Math.ceil(ms / 1000));
	if (s < 3600) return minutes(ms);
	const time = [(s / 3600) % 24, (s / 60) % 60, s % 60].map((n) => String(Math.floor(n)).padStart(2, '0')).join(':');
	return s < 86_400 ? time : `${Math.floor(s / 86_400)} d ${time}`;
}
function whole(text) {
	const digits = text.replace(/[\s']/g, '');
	return /^\d{1,15}$/.test(digits) ? Number(digits) : null;
}
// randomUUID exists on https and localhost only; the board is opened by plain addresses too.
const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');

// Storage may be refused: then the page remembers until it is closed.
const memory = {};
function recall(key, otherwise, store = 'localStorage') {
	try {
		return JSON.parse(window[store].getItem(`flashdeal.${key}`)) ?? memory[key] ?? otherwise;
	} catch {
		return memory[key] ?? otherwise;
	}
}
function remember(key, value, store = 'localStorage') {
	memory[key] = value;
	try {
		window[store].setItem(`flashdeal.${key}`, JSON.stringify(value));
	} catch { /* see above */ }
}
function rememberIn(key, name, value) {
	const { [name]: _, ...others } = recall(key, {});
	remember(key, value ? { ...others, [name]: value } : others);
}
const holdKey = (deal) => JSON.stringify([buyer, deal.id]);
const keepHold = (deal) => rememberIn('holds', holdKey(deal), deal.hold);
const keepWait = (deal) => rememberIn('waits', holdKey(deal), deal.wait && { quantity: deal.wait.quantity });

const deals = new Map();
const all = () => [...deals.values()];
let buyer = recall('buyer', '');
let token = recall('token', '', 'sessionStorage');
let loaded = false;

/* The server's clock: each answer's Date bounds the difference to ours, ever closer */

let skew = { low: -Infinity, high: Infinity };
function noteClock(date, sent) {
	const at = Date.parse(date);
	if (!at) return;
	const low = at - Date.now();
	const high = at + 1500 - sent; // Date has no milliseconds, and servers renew it twice a second
	skew = { low: Math.max(skew.low, low), high: Math.min(skew.high, high) };
	if (skew.low > skew.high) skew = { low, high }; // one of the clocks was set
}
const serverNow = () => Date.now() + (skew.high < Infinity ? (skew.low + skew.high) / 2 : 0);
const leftOf = (hold) => Date.parse(hold.expiresAt) - serverNow();

/* Speaking to screen readers, never in a flood */

const spoken = [];
let speaking = false;
async function say(text, urgent) {
	spoken.push([text, urgent]);
	if (spoken.length > 5) spoken.shift();
	if (speaking) return;
	speaking = true;
	while (spoken.length) {
		const [next, now] = spoken.shift();
		const region = $(now ? 'announcer-urgent' : 'announcer');
		region.textContent = '';
		await sleep(60);
		region.textContent = next;
		await sleep(900);
	}
	speaking = false;
}
// Of stock only a change of kind is said.
const news = new Map();
setInterval(() => {
	if (!news.size) return;
	const lines = [...news].slice(0, 3).map(([deal, text]) => `${deal.name}: ${text}.`);
	if (news.size > 3) lines.push(`${news.size - 3} more deals changed.`);
	news.clear();
	say(lines.join(' '));
}, 4000);

/* Asking the server */

let budget = null;
let limitedUntil = 0;
const limited = () => Date.now() < limitedUntil;
const thrifty = () => budget && Date.now() < budget.until && budget.left <= SPARE;
const isDown = (status) => status === 0 || (status >= 502 && status <= 504);
const retryAfter = (response) => 1000 * (Number(response?.headers.get('retry-after')) || 0);
const forDeal = (id, rest = '') => `api/products/${encodeURIComponent(id)}${rest}`;
const asBuyer = () => `userId=${encodeURIComponent(buyer)}`;

// One request. `status` 0 is no answer; 429 is also what is not even sent while limited.
async function call(method, path, body, key) {
	if (limited()) return { status: 429 };
	const headers = { Accept: 'application/json' };
	if (body) headers['Content-Type'] = 'application/json';
	if (key) headers['Idempotency-Key'] = key;
	if (token) headers.Authorization = `Bearer ${token}`;
	const sent = Date.now();
	try {
		const response = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: 'no-store', signal: AbortSignal.timeout(10_000) });
		const { status } = response;
		noteClock(response.headers.get('date'), sent);
		noteBudget(response.headers);
		const data = await response.json().catch(() => null);
		if (status === 429) setLimited(retryAfter(response) || 30_000);
		if (status === 401 || status === 403) wantToken(status);
		if (isDown(status)) setDown(status);
		return { ok: response.ok, status, data, wait: retryAfter(response) };
	} catch {
		setDown(0);
		return { status: 0 };
	}
}
function noteBudget(headers) {
	const text = `${headers.get('ratelimit')};${headers.get('ratelimit-policy')}`;
	const [left, reset, quota] = ['r', 't', 'q'].map((name) => Number(new RegExp(`\\b${name}=(\\d+)`).exec(text)?.[1]));
	if (Number.isNaN(left)) return;
	budget = { left, until: Date.now() + (reset || 900) * 1000 };
	put($('budget'), `Requests left for this address: ${count.format(left)}${quota ? ` of ${count.format(quota)}` : ''}.`);
}
// Repeats what is safe to repeat, at most 6 times in 30 seconds.
async function insist(send, note) {
	const end = Date.now() + 30_000;
	for (let tries = 1; ; tries += 1) {
		const answer = await send();
		if (!isDown(answer.status)) return { ...answer, tries };
		const wait = Math.max(answer.wait ?? 0, jitter(Math.min(400 * 2 ** tries, 8000)));
		if (tries >= 6 || Date.now() + wait > end) return { ...answer, tries, unsettled: true };
		note(wait);
		await sleep(wait);
	}
}
function explain({ status, data }) {
	if (status === 429) return 'Not sent: too many requests. The notice below says when you can go on.';
	if (isDown(status)) return 'The server gives no answer at the moment.';
	const fields = data?.errors?.map((e) => `${e.field}: ${e.message}`).join('; ');
	const text = fields || data?.detail || data?.title || 'The server could not do that.';
	return status >= 500 && data?.requestId ? `${text} (request ${data.requestId})` : text;
}

/* The notice at the foot: one at a time, the gravest first */

let down = null;
let tokenWanted = false;
let backUntil = 0;
const goneText = () => (down.status ? 'Not available at the moment.' : 'The server cannot be reached.');
function paintDock() {
	const show = (kind, title, text, action) => {
		$('banner').dataset.kind = kind;
		put($('banner-title'), title);
		put($('banner-text'), text);
		$('banner-action').hidden = !action;
		put($('banner-action'), action ?? '');
	};
	if (down) {
		const wait = Math.ceil((down.next - Date.now()) / 1000);
		show('offline', goneText(), wait > 0 ? `Trying again in ${wait}\u00a0s.` : 'Trying again…', 'Try now');
	} else if (limited()) show('limited', 'Too many requests from this address.', `You can go on in ${minutes(limitedUntil - Date.now())}.`);
	else if (tokenWanted) show('token', 'This server asks for an access token.', '', 'Enter token');
	else if (Date.now() < backUntil) show('back', 'You can go on.', live ? 'Numbers are up to date.' : '');
	else $('banner').dataset.kind = 'none';
}
setInterval(paintDock, 250);
on($('banner-action'), 'click', () => (down ? probe() : openToken()));

function setLimited(ms) {
	if (limited()) return;
	limitedUntil = Date.now() + ms;
	setTimeout(() => resume('You can go on.', true), ms + 50);
	say(`Too many requests from this address. You can go on in ${minutes(ms)}.`, true);
	paintAll();
}
// While the server is gone, its health is asked, which is free of the rate limit.
function setDown(status) {
	if (down) return void (down.status = status);
	down = { status, pause: 1000 };
	probeLater();
	say(`${goneText()} Trying again.`, true);
	paintAll();
}
function probeLater() {
	const pause = jitter(down.pause);
	down.pause = Math.min(down.pause * 2, 15_000);
	down.next = Date.now() + pause;
	down.timer = setTimeout(probe, pause);
	paintDock();
}
const health = () => fetch('health/ready', { cache: 'no-store', signal: AbortSignal.timeout(5000) }).then((r) => r.status, () => 0);
async function probe() {
	if (down.asking) return;
	clearTimeout(down.timer);
	Object.assign(down, { asking: true, next: 0 });
	const status = await health();
	Object.assign(down, { asking: false, status });
	if (isDown(status)) return probeLater();
	down = null;
	resume('The server is back.');
}
// After a limit there may be one request to spend: it is the buyer's, so the page asks for nothing on its own.
function resume(text, sparing) {
	backUntil = Date.now() + 3000;
	drops = 0;
	say(text);
	paintAll();
	resumeCheckouts();
	if (sparing) return void (live || (followTimer = setTimeout(follow, jitter(30_000), true)));
	budget = null;
	follow(true);
	refreshDeals();
	loadOrders();
	for (const deal of all()) if (deal.hold && !deal.busy) confirmHold(deal);
}

/* Access token: asked for only by a server that answers 401 or 403 */

function wantToken(status) {
	$('token-open').hidden = false;
	if (tokenWanted) return;
	tokenWanted = true;
	put($('token-note'), token ? `The token at hand was refused (${status}).` : '');
	say('This server asks for an access token.', true);
	paintDock();
}
function openToken() {
	$('token').value = token;
	$('token-dialog').showModal();
}
on($('token-open'), 'click', openToken);
on($('token-dialog'), 'close', () => {
	tokenWanted = false;
	if ($('token-dialog').returnValue !== 'save') return;
	token = $('token').value.trim().replace(/^bearer\s+/i, '');
	remember('token', token, 'sessionStorage');
	try { // the user is the token's `sub`: reading it saves typing, checking it is the server's business
		const bytes = atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/'));
		const { sub } = JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (c) => c.charCodeAt(0))));
		if (sub) setBuyer(sub);
	} catch { /* an opaque token */ }
	refreshDeals();
	loadOrders();
});

/* Live stock: one event stream for all deals; EventSource reconnects by itself */

let source = null;
let followed = '';
let live = false;
let idleSince = Date.now();
let drops = 0;
let followTimer;
let hiddenTimer;
function follow(now) {
	clearTimeout(followTimer);
	followTimer = setTimeout(openStream, now ? 0 : 250, now); // several changes at once are one stream
}
function openStream(again) {
	const ids = all().sort((a, b) => Boolean(b.hold) - Boolean(a.hold)).slice(0, WATCHED_MAX).map((d) => d.id).sort().join();
	if (!ids || document.hidden || limited() || (source && ids === followed && !again)) return;
	closeStream();
	followed = ids;
	source = new EventSource(`api/events?products=${ids}`);
	const opened = Date.now();
	source.onopen = () => setLive(true);
	on(source, 'stock', (e) => {
		const stock = JSON.parse(e.data);
		if (deals.has(stock.productId)) setStock(deals.get(stock.productId), stock);
	});
	source.onerror = () => {
		setLive(false);
		if (Date.now() - opened > 60_000) drops = 0;
		drops += 1;
		// Refused, or cut again and again: poll, and try a stream later.
		if (source.readyState === EventSource.CLOSED || (drops > 4 && !down)) {
			closeStream();
			followTimer = setTimeout(openStream, jitter(120_000), true);
		}
		if (!down) health().then((status) => isDown(status) && setDown(status));
	};
}
function closeStream() {
	source?.close();
	source = null;
	setLive(false);
}
function setLive(now) {
	if (live && !now) idleSince = Date.now();
	live = now;
	paintLink();
}
function paintLink() {
	const polling = loaded && Date.now() - idleSince > 3000;
	const kind = down ? 'offline' : live ? 'live' : polling ? 'polling' : 'connecting';
	$('connection').dataset.state = kind;
	put($('link-text'), { live: 'Live', polling: 'Polling', connecting: 'Connecting', offline: 'Offline' }[kind]);
}
on(document, 'visibilitychange', () => {
	clearTimeout(hiddenTimer);
	if (document.hidden) hiddenTimer = setTimeout(closeStream, 60_000); // a browser has few connections to one host
	else follow();
});

/* Without a stream: one status at a time, at a pace that the budget bears */

const visible = new Set();
const watchVisible = new IntersectionObserver((entries) => {
	for (const { isIntersecting, target } of entries) visible[isIntersecting ? 'add' : 'delete'](target.dataset.productId);
});
function pollPace() {
	if (!budget || Date.now() > budget.until) return 20_000;
	if (thrifty()) return 120_000;
	return Math.min(120_000, Math.max(10_000, (budget.until - Date.now()) / (budget.left - SPARE)));
}
let polled = 0;
setInterval(() => {
	paintLink();
	if (live || down || limited() || document.hidden || Date.now() - idleSince < 3000) return;
	const near = all().filter((d) => visible.has(d.id) || d.hold).sort((a, b) => a.seen - b.seen);
	const pace = near[0]?.seen === 0 && !thrifty() ? 400 : pollPace();
	if (near.length && Date.now() - polled > pace) refreshStatus(near[0]);
}, 200);
async function refreshStatus(deal) {
	polled = deal.seen = Date.now();
	const { status, data } = await call('GET', forDeal(deal.id, '/status'));
	if (status === 200) setStock(deal, data);
}
const recheck = (deal) => live || thrifty() || refreshStatus(deal);

/* Deals */

function makeDeal(product) {
	const node = $('deal-template').content.firstElementChild.cloneNode(true);
	const ref = Object.fromEntries([...node.querySelectorAll('[data-ref], [data-testid]')].map((el) => [el.dataset.ref ?? el.dataset.testid, el]));
	const { id } = product;
	const deal = { id, node, ref, seen: 0, most: 0, kind: '', hold: null, busy: '', msg: null, retry: null, wait: null, asked: 0 };
	node.id = `deal-${id}`;
	node.dataset.productId = id;
	ref.name.id = `name-${id}`;
	ref.message.id = `msg-${id}`;
	for (const el of [node.firstElementChild, ref.hold]) el.setAttribute('aria-labelledby', ref.name.id);
	for (const el of node.querySelectorAll('button')) el.setAttribute('aria-describedby', ref.name.id);
	for (const el of node.querySelectorAll('input')) el.setAttribute('aria-describedby', `${ref.name.id} ${ref.message.id}`);
	on(ref.buy, 'submit', (e) => reserve(e, deal, ref.quantity));
	on(ref.changing, 'submit', (e) => reserve(e, deal, ref['hold-quantity']));
	on(ref.checkout, 'click', () => checkout(deal));
	on(ref.cancel, 'click', () => cancel(deal));
	on(ref.line, 'submit', (e) => join(e, deal));
	on(ref.leave, 'click', () => leave(deal));
	on(node, 'click', ({ target: { dataset: { step }, parentElement } }) => {
		if (!step) return;
		const input = parentElement.querySelector('input');
		input.value = Math.min(mostOf(deal), Math.max(1, (whole(input.value) ?? 0) + Number(step)));
		input.ariaInvalid = null;
		paint(deal);
		say(input.value);
	});
	on(node, 'input', ({ target }) => {
		target.ariaInvalid = null;
		paint(deal);
	});
	watchVisible.observe(node);
	return deal;
}
function addDeals(items, first) {
	const added = items.filter((p) => !deals.has(p.id)).map((product) => {
		const deal = makeDeal(product);
		deals.set(deal.id, deal);
		updateDeal(product);
		return deal;
	});
	$('deal-list').querySelectorAll('.ghost').forEach((g) => g.remove());
	$('deal-list')[first ? 'prepend' : 'append'](...added.map((d) => d.node));
	for (const { ref } of added) if (ref.desc.scrollHeight > ref.desc.clientHeight) ref.desc.tabIndex = 0;
	$('deals-empty').hidden = deals.size > 0;
	if (added.length) fillStockChoice();
	follow();
	return added;
}
function updateDeal(product) {
	const deal = deals.get(product.id);
	if (!deal) return;
	const { startsAt, endsAt, maxPerReservation } = product;
	if (startsAt !== deal.startsAt) deal.notBefore = 0;
	Object.assign(deal, { name: product.name, description: product.description ?? '', price: product.price, startsAt, endsAt, maxPerReservation });
	if (product.availableStock !== undefined) setStock(deal, product);
	paint(deal);
	tickSales();
}
function setStock(deal, { totalStock, reservedStock, availableStock }) {
	Object.assign(deal, { total: totalStock, reserved: reservedStock, available: availableStock, seen: Date.now() });
	deal.most = Math.max(deal.most, totalStock);
	if (deal.wait) askSoon(deal);
	if (!dirty.size) (document.hidden ? setTimeout : requestAnimationFrame)(paintDirty, 250);
	dirty.add(deal);
}
// Ten events a second for a hundred deals still paint once a frame.
const dirty = new Set();
function paintDirty() {
	const now = [...dirty];
	dirty.clear();
	now.forEach(paint);
	paintStockNote();
}
function paintAll() {
	deals.forEach(paint);
	paintDock();
	paintLink();
}

// What the server said of the clock outweighs what ours says.
const startsIn = ({ startsAt, notBefore }) => (startsAt ? Math.max(Date.parse(startsAt) - serverNow(), (notBefore ?? 0) - Date.now()) : 0);
const endsIn = ({ endsAt, endedAt }) => (endsAt ? (endsAt === endedAt ? 0 : Date.parse(endsAt) - serverNow()) : Infinity);
const mostOf = ({ maxPerReservation, hold }) => Math.max(maxPerReservation ?? 1_000_000, hold?.quantity ?? 0);
function kindOf(deal) {
	const { available, total } = deal;
	if (startsIn(deal) > 0) return 'upcoming';
	if (endsIn(deal) <= 0) return 'ended';
	if (available === undefined) return 'unknown';
	if (total === 0) return 'sold-out';
	if (available === 0) return 'all-held';
	return available <= 5 ? 'low' : 'available';
}
const FACE = { upcoming: 'soon', ended: 'over', 'sold-out': 'gone' };
const TAG = { upcoming: () => 'Soon', ended: () => 'Ended', unknown: () => 'Checking', 'sold-out': () => 'Sold out', 'all-held': () => 'All held', low: (d) => `Last ${d.available}`, available: () => 'On sale' };
function hintFor({ hold, endsAt, maxPerReservation }, kind) {
	if (hold) return [`Yours until ${at(hold.expiresAt)}. A change of quantity does not extend it.`, ''];
	if (kind === 'all-held') return ['Every unit is on hold for someone. Holds may lapse: worth waiting.', 'warn'];
	if (kind === 'sold-out') return ['Nothing left to sell.', ''];
	const most = maxPerReservation && `at most ${units(maxPerReservation)} each`;
	if (kind === 'upcoming') return [`Reserving opens here by itself${most ? `: ${most}` : ''}.`, ''];
	if (kind === 'ended') return ['Nobody can reserve any more.', ''];
	const terms = [most, endsAt && `until ${when(endsAt)}`].filter(Boolean).join(', ');
	if (terms) return [`On sale: ${terms}. You buy at checkout.`, ''];
	return ['Reserving holds units for you for a while. You buy at checkout.', ''];
}
function paint(deal) {
	const { node, ref, hold, busy } = deal;
	const kind = kindOf(deal);
	if (deal.kind && deal.kind !== 'unknown' && deal.kind !== kind) {
		news.set(deal, TAG[kind](deal));
		// A refusal of a moment ago must not contradict what is true by now.
		if (deal.msg?.[2] && (/out|ended/.test(kind) || /held|out|upcoming/.test(deal.kind))) deal.msg = null;
	}
	deal.kind = kind;
	node.dataset.state = kind;
	node.dataset.hold = /checkout|paying/.test(busy) ? 'paying' : hold ? 'held' : deal.lapsed ? 'lapsed' : 'none';
	node.classList.toggle('stale', Boolean(down));
	put(ref.name, deal.name);
	put(ref.desc, deal.description);
	put(ref.price, money(deal.price));
	put(ref.state, TAG[kind](deal));
	for (const name of ['available', 'reserved', 'total']) put(ref[name], deal[name] === undefined ? '–' : count.format(deal[name]));
	ref.counts.classList.toggle('long', deal.most >= 10_000_000);
	ref.free.style.width = `${(100 * deal.available) / deal.most || 0}%`;
	ref.held.style.width = `${(100 * deal.reserved) / deal.most || 0}%`;

	const face = hold ? 'hold' : (FACE[kind] ?? 'buy');
	const focused = ref.faces.dataset.face !== face && ref.faces.contains(document.activeElement);
	ref.faces.dataset.face = face;
	if (focused) (hold ? ref.hold : ref.message).focus({ preventScroll: true });

	if (kind === 'upcoming') {
		put(ref['starts-in'], countdown(startsIn(deal)));
		put(ref['starts-at'], when(deal.startsAt));
	} else if (kind === 'ended') put(ref['ended-at'], when(deal.endsAt));

	const [text, tone] = deal.msg ?? hintFor(deal, kind);
	put(ref.message, text);
	ref.message.dataset.tone = tone;
	const off = Boolean(busy) || limited();
	const n = whole(ref.quantity.value);
	put(ref.sum, n > 1 ? `Sum ${money(deal.price * n)}` : '');
	button(ref.reserve, busy === 'reserve' ? 'Reserving…' : 'Reserve', busy === 'reserve', off);
	paintLine(deal, kind, off);
	if (!hold) return;
	put(ref.holding, node.dataset.hold === 'paying' ? 'being paid for' : `${units(hold.quantity)} held for you`);
	button(ref.change, busy === 'reserve' ? 'Saving…' : 'Change', false, off || whole(ref['hold-quantity'].value) === hold.quantity);
	button(ref.checkout, busy === 'checkout' ? 'Checking out…' : `Check out ${money(deal.price * hold.quantity)}`, busy === 'checkout', off);
	button(ref.cancel, busy === 'cancel' ? 'Ending…' : 'Cancel', false, off);
	tickHold(deal);
}
// Whoever cannot have units now may stand in line for them.
function paintLine({ ref, hold, wait, busy, othersWait }, kind, off) {
	const shown = !hold && kind !== 'ended' && (wait || othersWait || /held|out|upcoming/.test(kind));
	if (shown) ref.line.hidden = false;
	const focused = !shown && ref.line.contains(document.activeElement);
	ref.line.classList.toggle('off', !shown);
	if (focused) ref.message.focus({ preventScroll: true });
	if (!shown) return;
	const before = wait && (wait.ahead === undefined ? '' : wait.ahead ? `: ${count.format(wait.ahead)} before you` : ': you are next');
	put(ref.waiting, wait ? `You wait for ${units(wait.quantity)}${before}.` : 'Who waits comes first when units are free.');
	const n = whole(ref['wait-quantity'].value);
	button(ref.join, busy === 'join' ? 'Joining…' : wait ? 'Change' : 'Wait for units', busy === 'join', off || n === wait?.quantity);
	ref.leave.classList.toggle('off', !wait);
	button(ref.leave, busy === 'leave' ? 'Leaving…' : 'Wait no more', busy === 'leave', off);
}
// A deal starts and ends by itself, as the second turns over.
let saleTimer = 0;
function tickSales() {
	clearTimeout(saleTimer);
	let next = 60_000;
	for (const deal of all()) {
		const [start, end] = [startsIn(deal), endsIn(deal)];
		if (start > 0 || kindOf(deal) !== deal.kind) paint(deal);
		if (start > 0) next = Math.min(next, start % 1000 || 1000);
		else if (end > 0) next = Math.min(next, end);
	}
	saleTimer = setTimeout(tickSales, next + 20);
}
// Buttons are switched off without `disabled`, which would throw the focus away.
function button(el, text, busy, off) {
	put(el, text);
	el.classList.toggle('busy', busy);
	el.ariaDisabled = off ? 'true' : null;
}
function tell(deal, text, tone, quiet) {
	deal.msg = [text, tone];
	if (!quiet) say(`${deal.name}: ${text}`, tone === 'bad');
	paint(deal);
}

let nextCursor = null;
let fresh = [];
// Every deal that is shown, not the newest alone. New deals wait for a click, since they would move the page.
async function refreshDeals() {
	const most = loaded ? Math.min(deals.size + PAGE, WATCHED_MAX) : PAGE;
	const { status, data } = await call('GET', `api/products?limit=${most}`);
	if (status !== 200) return false;
	if (!loaded) {
		loaded = true;
		$('deal-list').removeAttribute('aria-busy');
		moreFrom(data);
		signIn();
		return true;
	}
	data.items.forEach(updateDeal);
	// Ids rise with time: what is not shown and lies before where the shown ones end is older, not new.
	fresh = data.items.filter((p) => !deals.has(p.id) && (!nextCursor || p.id > nextCursor));
	if (!deals.size) showFresh();
	paintFresh();
	return true;
}
function moreFrom(page) {
	nextCursor = page.nextCursor;
	$('load-more').hidden = !nextCursor;
	return addDeals(page.items);
}
function paintFresh() {
	$('show-new').classList.toggle('on', fresh.length > 0);
	put($('show-new'), `Show ${fresh.length} new`);
}
function showFresh() {
	const added = addDeals(fresh, true);
	fresh = [];
	paintFresh();
	return added;
}
on($('show-new'), 'click', () => showFresh()[0]?.ref.quantity.focus());
on($('refresh'), 'click', async () => {
	if (limited()) return void say(explain({ status: 429 }), true);
	if (await refreshDeals()) say(fresh.length ? $('show-new').textContent : 'Up to date.');
	loadOrders();
});
on($('load-more'), 'click', async () => {
	const { status, data } = await call('GET', `api/products?limit=${PAGE}&cursor=${encodeURIComponent(nextCursor)}`);
	if (status !== 200) return;
	const added = moreFrom(data);
	added[0]?.ref.quantity.focus();
	say(`${added.length} older deals shown.`);
});
setInterval(() => document.hidden || down || limited() || thrifty() || refreshDeals(), 90_000);

/* The buyer */

function fieldNote(input, text, tone) {
	const note = $(input.getAttribute('aria-describedby'));
	note.dataset.hint ??= note.textContent;
	put(note, text || note.dataset.hint);
	note.dataset.tone = tone ?? '';
	input.ariaInvalid = tone === 'bad' ? 'true' : null;
}
function refuseName(text) {
	fieldNote($('buyer-name'), text, 'bad');
	$('buyer-name').focus();
}
function setBuyer(name) {
	buyer = name;
	remember('buyer', name);
	$('buyer-name').value = name;
	fieldNote($('buyer-name'), name && `You are buying as ${name}.`, name && 'good');
	for (const deal of all()) {
		Object.assign(deal, { hold: null, msg: null, lapsed: false, retry: null, wait: null, othersWait: false });
		paint(deal);
	}
	showOrders([]);
	tick();
	if (loaded) signIn();
}
on($('buyer-form'), 'submit', (e) => {
	e.preventDefault();
	const name = $('buyer-name').value;
	if (!name.trim()) return refuseName('Type a name first.');
	if (name !== buyer) setBuyer(name);
	say(`You are buying as ${name}.`);
});
// Finds this buyer's holds: those remembered, and a few more where units are on hold at all.
async function signIn() {
	const user = buyer;
	if (!user) return;
	loadOrders();
	for (const [key, hold] of Object.entries(recall('holds', {}))) {
		const [owner, id] = JSON.parse(key);
		if (owner !== user) continue;
		if (!deals.has(id)) {
			const { status, data } = await call('GET', forDeal(id));
			if (status === 200) addDeals([data], true);
		}
		const deal = deals.get(id);
		if (user !== buyer || !deal || deal.hold) continue;
		setHold(deal, hold);
		if (deal.hold) confirmHold(deal);
	}
	for (const [key, wait] of Object.entries(recall('waits', {}))) {
		const [owner, id] = JSON.parse(key);
		const deal = deals.get(id);
		if (owner !== user || user !== buyer || !deal || deal.hold) continue;
		setWait(deal, wait);
		askWait(deal);
	}
	resumeCheckouts();
	await sleep(1500); // the stream tells first where any unit is on hold
	const maybe = all().filter((d) => d.reserved && !d.hold).slice(0, LOOKUPS_MAX);
	for (const deal of maybe) if (user === buyer && !deal.hold && !thrifty()) await confirmHold(deal);
}

/* Holds */

function setHold(deal, hold) {
	const before = deal.hold;
	deal.hold = hold && { ...hold };
	if (hold) {
		Object.assign(deal, { lapsed: false, othersWait: false });
		if (deal.wait) setWait(deal, null);
		const same = before?.reservationId === hold.reservationId;
		deal.hold.span = same ? before.span : (hold.span ?? leftOf(hold));
		if (!same) deal.warned = leftOf(hold) > 60_000 ? 60 : 59;
		if (!same || before.quantity !== hold.quantity) deal.ref['hold-quantity'].value = hold.quantity;
	}
	keepHold(deal);
	paint(deal);
	tick();
}
async function confirmHold(deal) {
	const user = buyer;
	const answer = await call('GET', forDeal(deal.id, `/reserve?${asBuyer()}`));
	if (user !== buyer || deal.busy === 'checkout') return answer;
	if (answer.status === 200 && leftOf(answer.data) > 0) {
		if (deal.wait) return yourTurn(deal, answer.data), answer;
		if (!deal.hold) deal.msg = null;
		setHold(deal, answer.data);
	} else if (answer.status === 404 && deal.hold) {
		setHold(deal, null);
		tell(deal, 'Your hold is gone: it ended or was paid for elsewhere.', 'warn');
		loadOrders();
	}
	return answer;
}
function tickHold(deal) {
	const { ref, hold, node } = deal;
	const left = leftOf(hold);
	const paying = node.dataset.hold === 'paying';
	put(ref.countdown, paying ? 'Paying…' : minutes(left));
	ref.countdown.classList.toggle('soon', !paying && left < 15_000);
	ref.drain.style.transform = paying ? 'none' : `scaleX(${Math.max(0, Math.min(1, left / hold.span))})`;
	if (paying) return;
	if (left <= 0) return lapse(deal);
	for (const [at, text] of [[60, 'one minute'], [15, '15 seconds']]) {
		if (left > at * 1000 || deal.warned < at) continue;
		deal.warned = at - 1;
		say(`${deal.name}: your hold ends in ${text}.`, at === 15);
	}
}
function lapse(deal) {
	const { quantity, expiresAt } = deal.hold;
	deal.hold = null;
	deal.lapsed = true;
	keepHold(deal);
	tell(deal, `Your hold lapsed at ${at(expiresAt)}. ${quantity === 1 ? 'Its unit is' : `Its ${units(quantity)} are`} free for everyone again.`, 'warn');
	setTimeout(() => {
		if (deal.hold || deal.busy) return;
		confirmHold(deal); // our clock may run ahead of the server's
		recheck(deal);
	}, 1500);
}
// Ticks as the seconds turn over, so that none is skipped or shown twice.
let tickTimer = 0;
function tick() {
	clearTimeout(tickTimer);
	for (const deal of all()) if (deal.hold) tickHold(deal);
	const held = all().filter((d) => d.hold).sort((a, b) => leftOf(a.hold) - leftOf(b.hold));
	const next = held.find((d) => d.node.dataset.hold === 'held');
	$('next-hold').classList.toggle('on', Boolean(next));
	if (next) {
		$('next-hold').hash = next.node.id;
		put($('next-hold-time'), minutes(leftOf(next.hold)));
	}
	if (held.length) tickTimer = setTimeout(tick, 20 + Math.min(...held.map((d) => Math.max(0, leftOf(d.hold)) % 1000 || 250)));
}

// One action at a time for each deal.
async function act(deal, kind, work) {
	if (deal.busy) return;
	if (limited()) return tell(deal, explain({ status: 429 }), 'warn');
	const user = buyer;
	Object.assign(deal, { busy: kind, msg: null });
	paint(deal);
	try {
		const finish = await work((ms) => tell(deal, `No answer yet. Trying again in ${Math.ceil(ms / 1000)}\u00a0s; it counts once.`, 'warn', true));
		deal.busy = '';
		if (user === buyer) await finish();
	} finally {
		deal.busy = '';
		paint(deal);
		tick();
	}
}
function reserve(event, deal, input) {
	event.preventDefault();
	const quantity = whole(input.value);
	if (quantity === deal.hold?.quantity) return;
	if (!buyer) return refuseName('Choose a name first.');
	if (!quantity) return refuseQuantity(deal, input, 'must be a whole number of at least 1.');
	if (quantity > mostOf(deal)) return refuseQuantity(deal, input, `must be at most ${count.format(mostOf(deal))}.`);
	const had = deal.hold; // when they pressed: by the answer the page may have heard of what they asked for
	act(deal, 'reserve', async (note) => {
		const body = { userId: buyer, quantity };
		const same = JSON.stringify(body);
		if (deal.retry?.same !== same) deal.retry = { same, key: newKey() };
		const answer = await insist(() => call('POST', forDeal(deal.id, '/reserve'), body, deal.retry.key), note);
		return () => reserved(deal, answer, input, quantity, had);
	});
}
function refuseQuantity(deal, input, text) {
	input.ariaInvalid = 'true';
	input.focus();
	tell(deal, `The quantity ${text}`, 'bad');
}
function reserved(deal, answer, input, wanted, had) {
	const { status, data } = answer;
	if (answer.unsettled) return tell(deal, 'No answer. Press again: the same request counts once.', 'bad');
	if (status !== 429) deal.retry = null;
	if (answer.ok) {
		setHold(deal, data);
		const until = at(data.expiresAt);
		tell(deal, had ? `You now hold ${units(data.quantity)}, still until ${until}.` : `${units(data.quantity)} held for you until ${until}.`, 'good');
		return recheck(deal);
	}
	if (data?.code === 'insufficient_stock') return refused(deal, data, wanted);
	if (/^sale_|^limit_/.test(data?.code)) return refusedByTerms(deal, answer, input);
	if (data?.code === 'checkout_in_progress') return payingElsewhere(deal);
	const broken = (field) => data?.errors?.find((e) => e.field === field)?.message;
	if (broken('quantity')) return refuseQuantity(deal, input, `${broken('quantity')}.`);
	if (broken('userId')) refuseName(`The name ${broken('userId')}.`);
	tell(deal, explain(answer), status === 429 ? 'warn' : 'bad');
}
function refused(deal, { reason, availableStock }, wanted) {
	const kept = deal.hold ? ' Your hold stays as it was.' : '';
	let text = 'Every unit is on hold just now. Holds may lapse: worth another try.';
	deal.othersWait = reason === 'waiting_list';
	if (reason === 'sold_out') text = 'Sold out: nothing is left to sell.';
	else if (deal.othersWait) text = 'Others wait for units, and it is their turn first. You can wait, too.';
	else if (deal.total < wanted) text = `Only ${units(deal.total)} left in all.`;
	else if (availableStock) text = `Only ${units(availableStock)} free just now; the rest is on hold and may come back.`;
	tell(deal, text + kept, 'warn');
	deal.msg.push('refusal');
	recheck(deal);
}
// The page knew other terms, or its clock is off.
function refusedByTerms(deal, { data, wait }, input) {
	const { code, startsAt, endsAt, maxPerReservation } = data;
	const kept = deal.hold ? ' Your hold stays as it was.' : '';
	if (code === 'limit_per_reservation') {
		deal.maxPerReservation = maxPerReservation;
		return refuseQuantity(deal, input, `must be at most ${count.format(maxPerReservation)}.${kept}`);
	}
	if (code === 'sale_ended') Object.assign(deal, { endsAt, endedAt: endsAt });
	else Object.assign(deal, { startsAt, notBefore: Date.now() + wait });
	tell(deal, (code === 'sale_ended' ? 'The sale has ended.' : 'The sale has not started yet.') + kept, 'warn');
	deal.msg.push('refusal');
	tickSales();
}
async function payingElsewhere(deal) {
	deal.busy = 'paying';
	tell(deal, 'This hold is being paid for elsewhere. Waiting for the outcome…', 'warn');
	for (const pause of [2000, 4000, 8000]) {
		await sleep(pause);
		if ((await confirmHold(deal)).status === 404) return;
	}
	tell(deal, 'Still in progress. Check out again: it sells once.', 'warn');
}
function cancel(deal) {
	act(deal, 'cancel', async (note) => {
		const answer = await insist(() => call('DELETE', forDeal(deal.id, `/reserve?${asBuyer()}`)), note);
		return () => {
			const gone = answer.status === 404 && answer.data?.code === 'no_reservation';
			if (answer.data?.code === 'checkout_in_progress') return payingElsewhere(deal);
			if (answer.status !== 200 && !gone) return tell(deal, answer.unsettled ? 'No answer. Press Cancel again: repeating it is safe.' : explain(answer), 'bad');
			setHold(deal, null);
			if (gone && answer.tries === 1) tell(deal, 'The hold had ended already.', 'warn');
			else tell(deal, 'Hold cancelled. Its units are free for everyone again.', 'good');
			recheck(deal);
		};
	});
}
// A checkout outlives a reload: until its outcome is known, its key is kept and the same request is repeated.
function checkout(deal, hold = deal.hold) {
	if (hold) act(deal, 'checkout', async (note) => {
		const body = { userId: buyer, reservationId: hold.reservationId };
		const key = recall('paying', {})[hold.reservationId]?.key ?? newKey();
		rememberIn('paying', hold.reservationId, { id: deal.id, user: buyer, key });
		tell(deal, 'Checking out. What began in time finishes.', '', true);
		for (let looks = 0; ; looks += 1) {
			const answer = await insist(() => call('POST', forDeal(deal.id, '/checkout'), body, key), note);
			const busy = answer.data?.code === 'checkout_in_progress';
			if (busy && looks < 5) {
				tell(deal, 'This checkout is in progress. Waiting for the outcome…', 'warn', looks > 0);
				await sleep(jitter(1500));
				continue;
			}
			if (!busy && !answer.unsettled && ![401, 403, 429].includes(answer.status)) rememberIn('paying', hold.reservationId, null);
			return () => checkedOut(deal, answer);
		}
	});
}
function checkedOut(deal, answer) {
	const { status, data } = answer;
	if (answer.ok) {
		setHold(deal, null);
		tell(deal, `Bought: ${units(data.quantity)} for ${money(data.total)}. Thank you.`, 'good');
		showOrders([data, ...shownOrders.filter((o) => o.orderId !== data.orderId)], data.orderId);
		recheck(deal);
	} else if (data?.code === 'no_reservation') {
		setHold(deal, null);
		tell(deal, 'The hold had ended before this checkout: nothing was sold.', 'bad');
		loadOrders();
	} else if (data?.code === 'checkout_in_progress') tell(deal, 'Still in progress. Check out again: it sells once.', 'warn');
	else if (answer.unsettled) tell(deal, 'No answer yet. It is repeated when the server is back, and sells once.', 'bad');
	else tell(deal, explain(answer), status === 429 ? 'warn' : 'bad');
}
function resumeCheckouts() {
	for (const [reservationId, { id, user }] of Object.entries(recall('paying', {}))) {
		if (user === buyer && deals.has(id)) checkout(deals.get(id), { reservationId });
	}
}
on(window, 'storage', ({ key }) => {
	if (key !== 'flashdeal.holds') return;
	const holds = recall('holds', {}); // another tab of this buyer
	for (const deal of all()) {
		if (!deal.busy && holds[holdKey(deal)]?.quantity !== deal.hold?.quantity) confirmHold(deal);
	}
});

/* The waiting list: the page asks when the stock moves, and now and then; when called, a hold is there */

function setWait(deal, wait) {
	const before = deal.wait;
	deal.wait = wait;
	if (wait && before?.quantity !== wait.quantity) deal.ref['wait-quantity'].value = wait.quantity;
	keepWait(deal);
	paint(deal);
}
function join(event, deal) {
	event.preventDefault();
	const input = deal.ref['wait-quantity'];
	const quantity = whole(input.value);
	if (quantity === deal.wait?.quantity) return;
	if (!buyer) return refuseName('Choose a name first.');
	if (!quantity) return refuseQuantity(deal, input, 'must be a whole number of at least 1.');
	if (quantity > mostOf(deal)) return refuseQuantity(deal, input, `must be at most ${count.format(mostOf(deal))}.`);
	act(deal, 'join', async (note) => {
		const answer = await insist(() => call('POST', forDeal(deal.id, '/waitlist'), { userId: buyer, quantity }), note);
		return () => {
			const { data, status } = answer;
			if (answer.unsettled) return tell(deal, 'No answer. Press again: you wait once.', 'bad');
			if (/^sale_|^limit_/.test(data?.code)) return refusedByTerms(deal, answer, input);
			if (!answer.ok) return tell(deal, explain(answer), status === 429 ? 'warn' : 'bad');
			setWait(deal, data);
			tell(deal, `You wait for ${units(data.quantity)}. Units are held for you here when it is your turn.`, 'good');
			askSoon(deal);
		};
	});
}
function leave(deal) {
	if (deal.wait) act(deal, 'leave', async (note) => {
		const answer = await insist(() => call('DELETE', forDeal(deal.id, `/waitlist?${asBuyer()}`)), note);
		return () => {
			const gone = answer.status === 404;
			if (answer.status !== 200 && !gone) return tell(deal, answer.unsettled ? 'No answer. Press again: repeating it is safe.' : explain(answer), 'bad');
			setWait(deal, null);
			tell(deal, 'You wait no more.', 'good');
			if (gone) confirmHold(deal); // perhaps it was their turn just then
		};
	});
}
async function askWait(deal) {
	const user = buyer;
	deal.asked = Date.now();
	const { status, data } = await call('GET', forDeal(deal.id, `/waitlist?${asBuyer()}`));
	if (user !== buyer || !deal.wait || deal.busy) return;
	if (status === 200 && !data.called) setWait(deal, data);
	else if (status === 200) yourTurn(deal, data);
	else if (status === 404) {
		setWait(deal, null);
		tell(deal, 'You wait no more: your turn has come and gone, or the sale is over.', 'warn');
	}
}
function yourTurn(deal, hold) {
	setHold(deal, hold);
	tell(deal, `It is your turn: ${units(hold.quantity)} held for you until ${at(hold.expiresAt)}.`, 'good');
}
// Some requests are always left to the buyer.
function askSoon(deal) {
	const pause = thrifty() ? 60_000 : 2000;
	deal.asking ??= setTimeout(() => {
		deal.asking = null;
		if (deal.wait && !down && !limited()) askWait(deal);
	}, Math.max(400, deal.asked + pause - Date.now()));
}
setInterval(() => {
	if (down || limited() || document.hidden) return;
	const waiting = all().filter((d) => d.wait && Date.now() - d.asked > Math.max(10_000, pollPace())).sort((a, b) => a.asked - b.asked);
	if (waiting.length) askWait(waiting[0]);
}, 1000);

/* Orders */

let shownOrders = [];
async function loadOrders() {
	const user = buyer;
	if (!user || limited()) return;
	const answer = await call('GET', `api/orders?${asBuyer()}&limit=8`);
	if (user !== buyer) return;
	if (answer.status === 200) showOrders(answer.data.items);
	else if (answer.status === 400) fieldNote($('buyer-name'), explain(answer), 'bad');
}
function showOrders(orders, freshId) {
	shownOrders = orders.slice(0, 8);
	const make = (tag, text, className = '') => Object.assign(document.createElement(tag), { textContent: text, className });
	$('order-list').replaceChildren(...shownOrders.map((order) => {
		const row = make('li', '', order.orderId === freshId ? 'fresh' : '');
		Object.assign(row.dataset, { testid: 'order', orderId: order.orderId });
		const when = make('time', dayTime.format(new Date(order.createdAt)));
		when.dateTime = order.createdAt;
		row.append(
			make('strong', deals.get(order.productId)?.name ?? `Deal …${order.productId.slice(-6)}`), make('b', money(order.total), 'num'),
			when, make('small', `${count.format(order.quantity)} × ${money(order.unitPrice)}`, 'num'),
		);
		return row;
	}));
	put($('orders-note'), orders.length ? '' : buyer ? 'No orders yet under this name.' : 'Choose a buyer name to see your orders.');
}

/* Managing */

// Problems are shown at their fields, the rest under the form.
function formAnswer(form, answer, success) {
	const fields = [...form.elements].filter((el) => el.matches('[aria-describedby]'));
	const result = form.querySelector('.result');
	const show = (text) => {
		put(result, text);
		result.dataset.tone = answer.ok ? 'good' : 'bad';
		say(text, !answer.ok);
		return answer.ok;
	};
	fields.forEach((el) => fieldNote(el));
	if (answer.ok) return show(success);
	if (isDown(answer.status)) return show('No answer: it may have been done. Look before you repeat it.');
	for (const { field, message } of answer.data?.errors ?? []) {
		const at = fields.find((el) => el.name === field);
		if (at) fieldNote(at, message, 'bad');
	}
	const [first] = fields.filter((el) => el.matches('[aria-invalid]'));
	first?.focus();
	return show(first ? 'Please correct the marked fields.' : explain(answer));
}
function onSubmit(id, problems, send) {
	let busy = false;
	on($(id), 'submit', async (e) => {
		e.preventDefault();
		const form = e.target;
		const errors = problems(form.elements).filter(([wrong]) => wrong).map(([, field, message]) => ({ field, message }));
		if (errors.length) return formAnswer(form, { status: 400, data: { errors } });
		if (busy) return;
		busy = true;
		e.submitter?.classList.add('busy');
		try {
			await send(form, e.submitter);
		} finally {
			busy = false;
			e.submitter?.classList.remove('busy');
		}
	});
}
const dotted = (text) => text.trim().replace(/^(\d+),(\d{1,2})$/, '$1.$2');
const instant = (input) => Date.parse(input.value); // typed by the reader's clock
const noInstant = (input) => input.validity.badInput || input.validity.rangeOverflow || (input.value && Number.isNaN(instant(input)));
onSubmit('create-form', ({ name, price, totalStock, startsAt, endsAt, maxPerReservation }) => [
	[!name.value.trim(), 'name', 'a name is needed'],
	[!/^\d+(\.\d+)?$/.test(dotted(price.value)), 'price', 'a number like 19.90'],
	[whole(totalStock.value) === null, 'totalStock', 'a whole number'],
	[noInstant(startsAt), 'startsAt', 'a date and a time before the year 9999'],
	[noInstant(endsAt), 'endsAt', 'a date and a time before the year 9999'],
	[startsAt.value && endsAt.value && instant(endsAt) <= instant(startsAt), 'endsAt', 'later than the start'],
	[maxPerReservation.value.trim() && !whole(maxPerReservation.value), 'maxPerReservation', 'a whole number of at least 1'],
], async (form) => {
	const { name, description, price, totalStock, startsAt, endsAt, maxPerReservation } = form.elements;
	// The price goes as typed: a decimal string never passes through a float.
	const body = { name: name.value, price: dotted(price.value), totalStock: whole(totalStock.value) };
	if (description.value) body.description = description.value;
	for (const input of [startsAt, endsAt]) if (input.value) body[input.name] = new Date(instant(input)).toISOString();
	if (maxPerReservation.value.trim()) body.maxPerReservation = whole(maxPerReservation.value);
	const answer = await call('POST', 'api/products', body);
	const told = startsIn(answer.data ?? {}) > 0 ? 'Planned' : 'On sale';
	if (!formAnswer(form, answer, `${told}: ${body.name.trim()}.`)) return;
	addDeals([{ reservedStock: 0, availableStock: answer.data.totalStock, ...answer.data }], true);
	form.reset();
	name.focus();
});

function fillStockChoice() {
	const chosen = $('restock-deal').value;
	const shown = [...$('deal-list').children].map((node) => deals.get(node.dataset.productId));
	$('restock-deal').replaceChildren(...shown.map((d) => new Option(d.name.slice(0, 60), d.id)));
	if (chosen) $('restock-deal').value = chosen;
	paintStockNote();
}
function paintStockNote() {
	const deal = deals.get($('restock-deal').value);
	if (deal?.total !== undefined) fieldNote($('restock-deal'), `${count.format(deal.total)} left in all, ${count.format(deal.reserved)} on hold.`);
}
on($('restock-deal'), 'change', paintStockNote);
onSubmit('restock-form', ({ deal, addStock }) => [
	[!deal.value, 'deal', 'choose a deal'],
	[!whole(addStock.value), 'addStock', 'a whole number of at least 1'],
], async (form, submitter) => {
	const deal = deals.get($('restock-deal').value);
	const amount = whole($('restock-units').value);
	const away = submitter?.value === '-1';
	const answer = await call('PATCH', forDeal(deal.id), { addStock: away ? -amount : amount });
	if (answer.data?.code === 'insufficient_stock') {
		const free = answer.data.availableStock;
		answer.data.errors = [{ field: 'addStock', message: free >= 0 ? `only ${units(free)} can be taken away` : 'held units cannot be taken away' }];
	}
	if (formAnswer(form, answer, `${units(amount)} ${away ? 'taken from' : 'added to'} ${deal.name}.`)) {
		updateDeal(answer.data);
		$('restock-units').value = '';
	}
	paintStockNote();
});

setBuyer(buyer);
refreshDeals();
setInterval(() => loaded || down || limited() || refreshDeals(), 5000);
