// The deal board: a guest of the public API, without a framework and without a build step.
// Everything a server or a person wrote is put in by textContent.

const PAGE = 12; // deals per page; without a live stream each costs a status request
const WATCHED_MAX = 100; // deals in one live stream
const LOOKUPS_MAX = 4; // holds asked for at sign-in that this browser does not remember
const QUIET_BELOW = 25; // requests of the budget that background traffic leaves to the buyer
const $ = (id) => document.getElementById(id);

/* Numbers, times, storage */

const count = new Intl.NumberFormat();
const money = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const clockTime = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dayTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const jitter = (ms) => ms * (0.85 + Math.random() * 0.3);
const units = (n) => (n === 1 ? '1 unit' : `${count.format(n)} units`);

/** Money keeps the digits the server wrote: a sum may need more than a float has. */
const MONEY = new Set(['price', 'unitPrice', 'total']);
const parse = (text) =>
  JSON.parse(text, (key, value, context) =>
    MONEY.has(key) && typeof value === 'number' && context?.source ? context.source : value);
function cents(amount) {
  const digits = /^(-?\d+)(?:\.(\d{1,2})0*)?$/.exec(String(amount));
  if (digits) return BigInt(digits[1] + (digits[2] ?? '').padEnd(2, '0'));
  return Number.isFinite(Number(amount)) ? BigInt(Math.round(Number(amount) * 100)) : null;
}
function formatCents(value) {
  if (value === null) return '–';
  const digits = String(value).padStart(3, '0');
  return money.format(`${digits.slice(0, -2)}.${digits.slice(-2)}`);
}
const formatMoney = (amount) => formatCents(cents(amount));
const formatTimes = (amount, n) => {
  const one = cents(amount);
  return formatCents(one === null ? null : one * BigInt(n));
};
function formatLeft(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const pad = (n) => String(n).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  return `${hours ? `${hours}:` : ''}${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`;
}
/** A whole number as people type it, or null. */
function whole(text) {
  const digits = text.trim().replace(/[\s\u00a0\u202f']/g, '');
  return /^\d{1,15}$/.test(digits) ? Number(digits) : null;
}
/** randomUUID exists on https and localhost only; the board is also opened by plain address. */
const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');

const memory = new Map();
function recall(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? 'null') ?? otherwise;
  } catch {
    return memory.get(key) ?? otherwise;
  }
}
function remember(key, value) {
  memory.set(key, value);
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch { /* private windows may refuse: the page then remembers until it is closed */ }
}

/* What the page knows */

const deals = new Map();
const visible = new Set();
const state = {
  buyer: recall('flashdeal.buyer', ''),
  token: '',
  nextCursor: null,
  loaded: false,
  fresh: [],
  limitedUntil: 0,
  down: null,
  budget: null,
  tokenAsked: false,
  live: false,
};
try {
  state.token = sessionStorage.getItem('flashdeal.token') ?? '';
} catch { /* no storage: the token lives as long as the page */ }

const holdsOf = (user) => recall('flashdeal.holds', {})[user] ?? {};
function rememberHold(user, productId, hold) {
  const all = recall('flashdeal.holds', {});
  const mine = { ...all[user] };
  if (hold) mine[productId] = hold;
  else delete mine[productId];
  if (Object.keys(mine).length) all[user] = mine;
  else delete all[user];
  remember('flashdeal.holds', all);
}
/** A checkout outlives a reload: until its outcome is known, its key is kept and the same request is repeated. */
const paying = () => recall('flashdeal.paying', {});
function rememberPaying(reservationId, entry) {
  const all = paying();
  if (entry) all[reservationId] = entry;
  else delete all[reservationId];
  remember('flashdeal.paying', all);
}

/* The server's clock. Each answer's Date bounds the difference to ours; the bounds meet within a few answers. */

const skew = { low: -Infinity, high: Infinity };
function sampleClock(date, sent, received) {
  const at = Date.parse(date ?? '');
  if (Number.isNaN(at)) return;
  const low = at - received;
  const high = at + 1500 - sent; // Date drops the milliseconds, and servers refresh it twice a second
  skew.low = Math.max(skew.low, low);
  skew.high = Math.min(skew.high, high);
  if (skew.low > skew.high) Object.assign(skew, { low, high }); // one of the clocks was set
}
const serverNow = () => Date.now() + (Number.isFinite(skew.low) ? (skew.low + skew.high) / 2 : 0);

/* Speaking: to everyone by text in place, to screen readers by two live regions that are never flooded */

const spoken = [];
let speaking = false;
async function say(text, urgent = false) {
  spoken.push([text, urgent]);
  if (spoken.length > 5) spoken.shift();
  if (speaking) return;
  speaking = true;
  while (spoken.length) {
    const [next, now] = spoken.shift();
    const region = $(now ? 'urgent' : 'polite');
    region.textContent = '';
    await sleep(60);
    region.textContent = next;
    await sleep(900);
  }
  speaking = false;
}
/** Stock changes are said once every few seconds, and only a change of kind, not of every number. */
const stockNews = new Map();
setInterval(() => {
  if (!stockNews.size) return;
  const news = [...stockNews].slice(0, 3).map(([id, text]) => `${deals.get(id)?.name ?? 'A deal'}: ${text}.`);
  if (stockNews.size > 3) news.push(`${stockNews.size - 3} more deals changed.`);
  stockNews.clear();
  say(news.join(' '));
}, 4000);

/* Asking the server */

const wakers = new Set();
const limited = () => Date.now() < state.limitedUntil;
function retryAfter(headers) {
  const value = headers?.get('retry-after');
  if (!value) return null;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000;
  const until = Date.parse(value);
  return Number.isNaN(until) ? null : Math.max(0, until - serverNow());
}
function readBudget(headers) {
  const now = headers.get('ratelimit') ?? '';
  const policy = headers.get('ratelimit-policy') ?? '';
  const find = (text, ...names) => Number(names.map((n) => new RegExp(`\\b${n}=(\\d+)`).exec(text)?.[1]).find(Boolean) ?? NaN);
  const left = find(now, 'r', 'remaining');
  if (Number.isNaN(left)) return;
  const quota = find(`${policy};${now}`, 'q', 'limit');
  const reset = find(now, 't', 'reset');
  state.budget = { left, quota, until: Date.now() + (Number.isNaN(reset) ? 900 : reset) * 1000 };
  const all = Number.isNaN(quota) ? '' : ` of ${count.format(quota)}`;
  $('budget').textContent = `Requests left for this address: ${count.format(left)}${all}.`;
}
const thrifty = () => state.budget && Date.now() < state.budget.until && state.budget.left <= QUIET_BELOW;
const headersFor = (extra) => (state.token ? { ...extra, Authorization: `Bearer ${state.token}` } : extra);

/** Notes what every answer tells besides its body: clock, budget, limit, missing token. */
function noteAnswer(response, sent) {
  sampleClock(response.headers.get('date'), sent, Date.now());
  readBudget(response.headers);
  if (response.status === 429) setLimited(retryAfter(response.headers) ?? 30_000);
  if (response.status === 401 || response.status === 403) askForToken(response.status);
}

/** One request. `status` 0 is no answer at all; 429 is also what is not even sent while limited. */
async function call(method, path, { body, key } = {}) {
  if (limited()) return { status: 429, data: null, headers: null };
  const headers = headersFor({ Accept: 'application/json' });
  if (body) headers['Content-Type'] = 'application/json';
  if (key) headers['Idempotency-Key'] = key;
  const sent = Date.now();
  try {
    const response = await fetch(path, {
      method, headers, body: body && JSON.stringify(body), cache: 'no-store', signal: AbortSignal.timeout(10_000),
    });
    noteAnswer(response, sent);
    const text = await response.text();
    let data = null;
    try {
      data = parse(text);
    } catch { /* an answer from something in between: its status says enough */ }
    if (isDown(response.status)) setDown('unavailable');
    return { status: response.status, data, headers: response.headers };
  } catch {
    setDown('unreachable');
    return { status: 0, data: null, headers: null };
  }
}
const isDown = (status) => status === 0 || (status >= 502 && status <= 504);
const forDeal = (id, rest = '') => `api/products/${encodeURIComponent(id)}${rest}`;

/** Repeats a request that is safe to repeat (same key or idempotent by nature), at most 6 times in 30 seconds. */
async function insist(send, note) {
  const end = Date.now() + 30_000;
  for (let tries = 1; ; tries += 1) {
    const answer = await send();
    if (!isDown(answer.status)) return { ...answer, tries };
    const asked = retryAfter(answer.headers);
    const wait = Math.max(asked ?? 0, jitter(Math.min(400 * 2 ** tries, 8000)));
    if (tries >= 6 || Date.now() + wait > end) return { ...answer, tries, unsettled: true };
    note(wait, tries);
    await (asked === null ? Promise.race([sleep(wait), new Promise((wake) => wakers.add(wake))]) : sleep(wait));
  }
}

/** The words for an answer that is not a success. */
function explain(answer) {
  const { status, data } = answer;
  if (status === 429) return `Too many requests from this address. You can go on in ${formatLeft(state.limitedUntil - Date.now())}.`;
  if (status === 401) return 'This needs an access token.';
  if (status === 403) return 'This access token does not allow that.';
  if (status === 404 && data?.code === 'product_not_found') return 'This deal is not there any more.';
  if (isDown(status)) return 'The server gives no answer at the moment.';
  const fields = (data?.errors ?? []).map((e) => `${e.field}: ${e.message}`).join('; ');
  const text = fields || data?.detail || data?.title || 'The server could not do that.';
  return status >= 500 && data?.requestId ? `${text} (request ${data.requestId})` : text;
}

/* The notice at the foot: one at a time, the gravest first; it lies over the page and moves nothing */

let backUntil = 0;
function paintDock() {
  const dock = $('dock');
  const show = (kind, title, text, action) => {
    if (dock.dataset.kind !== kind) dock.dataset.kind = kind;
    put($('dock-title'), title);
    put($('dock-text'), text);
    $('dock-act').hidden = !action;
    if (action) put($('dock-act'), action);
  };
  const now = Date.now();
  if (state.down) {
    const wait = Math.max(0, Math.ceil((state.down.next - now) / 1000));
    const again = state.down.asking || !wait ? 'Trying again…' : `Trying again in ${wait} s.`;
    if (state.down.kind === 'unreachable') show('offline', 'The server cannot be reached.', `Numbers may be old. ${again}`, 'Try now');
    else show('offline', 'Not available at the moment.', `Nothing is lost. ${again}`, 'Try now');
  } else if (limited()) {
    show('limited', 'Too many requests from this address.', `You can go on in ${formatLeft(state.limitedUntil - now)}.`, '');
  } else if (state.tokenAsked) {
    show('token', 'This server asks for an access token.', '', 'Enter token');
  } else if (now < backUntil) {
    show('back', 'All is well again.', 'Numbers are up to date.', '');
  } else if (dock.dataset.kind !== 'none') {
    dock.dataset.kind = 'none';
  }
}
function setLimited(ms) {
  const before = limited();
  state.limitedUntil = Math.max(state.limitedUntil, Date.now() + Math.max(ms, 1000));
  if (before) return;
  say(`Too many requests from this address. You can go on in ${formatLeft(ms)}.`, true);
  const wait = () => {
    if (limited()) return void setTimeout(wait, Math.min(state.limitedUntil - Date.now() + 50, 60_000));
    backUntil = Date.now() + 3000;
    state.budget = null;
    say('You can go on.');
    paintAll();
    afterPause();
  };
  wait();
  paintAll();
}
$('dock-act').addEventListener('click', () => {
  if (state.down) state.down.probe();
  else if (state.tokenAsked) openToken();
});

/** Asks /health/ready, which is free of the rate limit, with growing pauses until it answers well. */
function setDown(kind) {
  if (state.down) {
    state.down.kind = kind;
    return;
  }
  const down = { kind, next: 0, asking: false, timer: 0, pause: 1000 };
  down.probe = async () => {
    if (down.asking) return;
    clearTimeout(down.timer);
    down.asking = true;
    paintDock();
    let status = 0;
    try {
      status = (await fetch('health/ready', { cache: 'no-store', signal: AbortSignal.timeout(5000) })).status;
    } catch { /* still unreachable */ }
    down.asking = false;
    if (!isDown(status)) return recovered();
    down.kind = status === 0 ? 'unreachable' : 'unavailable';
    wait();
  };
  const wait = () => {
    const pause = jitter(down.pause);
    down.pause = Math.min(down.pause * 2, 15_000);
    down.next = Date.now() + pause;
    down.timer = setTimeout(down.probe, pause);
    paintDock();
  };
  state.down = down;
  wait();
  say(kind === 'unreachable' ? 'The server cannot be reached. Trying again.' : 'The server is not available at the moment. Trying again.', true);
  paintAll();
}
function recovered() {
  state.down = null;
  backUntil = Date.now() + 3000;
  say('The server is back.');
  for (const wake of wakers) wake();
  wakers.clear();
  paintAll();
  afterPause();
}
/** After an outage or a limit: read again what may have changed meanwhile. */
function afterPause() {
  stream.restart();
  refreshDeals();
  loadOrders();
  for (const deal of deals.values()) if (deal.hold) confirmHold(deal);
  resumeCheckouts();
}

/* Access token */

function askForToken(status) {
  $('token-open').hidden = false;
  if (state.tokenAsked || $('token-box').open) return;
  state.tokenAsked = true;
  put($('token-note'), state.token ? `The token at hand was refused (${status}).` : '');
  say('This server asks for an access token.', true);
  paintDock();
}
function openToken() {
  $('token').value = state.token;
  $('token-box').showModal();
}
$('token-open').addEventListener('click', openToken);
$('token-box').addEventListener('close', () => {
  state.tokenAsked = false;
  if ($('token-box').returnValue !== 'save') return paintDock();
  state.token = $('token').value.trim().replace(/^bearer\s+/i, '');
  try {
    sessionStorage.setItem('flashdeal.token', state.token);
  } catch { /* kept by the page alone */ }
  const subject = tokenSubject(state.token);
  if (subject) setBuyer(subject);
  paintDock();
  afterPause();
});
/** With tokens the user is the token's `sub`. Reading it saves typing; checking it is the server's business. */
function tokenSubject(token) {
  try {
    const bytes = Uint8Array.from(atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)).sub ?? '';
  } catch {
    return '';
  }
}

/* Live stock: one stream for all deals. Read by fetch, since EventSource cannot send a token nor see Retry-After. */

const stream = {
  abort: null, timer: 0, failures: 0, lastId: '', ids: '', pause: 1000,
  restart(delay = 0) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), delay);
  },
  stop() {
    clearTimeout(this.timer);
    this.abort?.abort();
    this.abort = null;
    setLive(false);
  },
  /** Follows the set of deals on the page; several changes at once are one reconnect. */
  follow() {
    if (this.wanted() !== this.ids) this.restart(250);
  },
  wanted() {
    const ids = [...deals.values()].sort((a, b) => Number(Boolean(b.hold)) - Number(Boolean(a.hold))).map((d) => d.id);
    return ids.slice(0, WATCHED_MAX).sort().join(',');
  },
  async open() {
    this.abort?.abort();
    this.abort = null;
    const ids = this.wanted();
    this.ids = ids;
    if (!ids || document.hidden) return setLive(false);
    if (limited()) return setLive(false); // the end of the limit starts it again
    const abort = new AbortController();
    this.abort = abort;
    const opened = Date.now();
    let wait = null;
    let idle = 0;
    const watch = () => {
      clearTimeout(idle);
      idle = setTimeout(() => abort.abort('silent'), 45_000); // three keep-alives missed
    };
    watch();
    try {
      const headers = headersFor({ Accept: 'text/event-stream' });
      if (this.lastId) headers['Last-Event-ID'] = this.lastId;
      const response = await fetch(`api/events?products=${ids}`, { headers, cache: 'no-store', signal: abort.signal });
      noteAnswer(response, opened);
      if (response.ok && response.headers.get('content-type')?.startsWith('text/event-stream')) {
        setLive(true);
        await this.read(response.body, watch);
      } else {
        response.body?.cancel();
        wait = retryAfter(response.headers);
        if (isDown(response.status)) setDown('unavailable');
        else if (response.status !== 429) wait ??= 300_000; // no stream here: numbers are polled
      }
    } catch { /* cut, silent or replaced */ }
    clearTimeout(idle);
    if (this.abort !== abort) return;
    this.abort = null;
    setLive(false);
    if (Date.now() - opened > 30_000) this.failures = 0;
    this.failures += 1;
    this.restart(Math.max(wait ?? 0, this.pause, jitter(Math.min(500 * 2 ** this.failures, 60_000))));
    if (this.failures > 1 && wait === null) checkReachable();
  },
  async read(body, alive) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    let event = { name: 'message', data: [] };
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      alive();
      const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop();
      for (const line of lines) {
        if (line === '') {
          if (event.name === 'stock' && event.data.length) takeStock(event.data.join('\n'));
          event = { name: 'message', data: [] };
          continue;
        }
        const [, field, text] = /^([^:]*)(?:: ?)?(.*)$/.exec(line) ?? [];
        if (field === 'event') event.name = text;
        else if (field === 'data') event.data.push(text);
        else if (field === 'id') this.lastId = text;
        else if (field === 'retry' && /^\d+$/.test(text)) this.pause = Math.min(Number(text), 60_000);
      }
    }
  },
};
function takeStock(text) {
  try {
    const stock = JSON.parse(text);
    const deal = deals.get(stock.productId);
    if (deal) setStock(deal, stock);
  } catch { /* an event of a later version */ }
}
let notLiveSince = Date.now();
function setLive(live) {
  if (state.live && !live) notLiveSince = Date.now();
  state.live = live;
  paintLink();
}
function paintLink() {
  const kind = state.down ? 'offline' : state.live ? 'live' : Date.now() - notLiveSince > 3000 && state.loaded ? 'polling' : 'connecting';
  if ($('link-state').dataset.state === kind) return;
  $('link-state').dataset.state = kind;
  put($('link-text'), { live: 'Live', polling: 'Updated at times', connecting: 'Connecting', offline: 'Offline' }[kind]);
}
/** A cut stream alone does not say whether the server is gone; the health route does, at no cost. */
async function checkReachable() {
  if (state.down) return;
  try {
    const response = await fetch('health/ready', { cache: 'no-store', signal: AbortSignal.timeout(5000) });
    if (isDown(response.status)) setDown('unavailable');
  } catch {
    setDown('unreachable');
  }
}
document.addEventListener('visibilitychange', () => {
  clearTimeout(hiddenTimer);
  if (document.hidden) hiddenTimer = setTimeout(() => document.hidden && stream.stop(), 60_000);
  else if (!stream.abort && state.loaded) stream.restart();
});
let hiddenTimer = 0;

/* Without a stream: one status at a time, at a pace that the budget bears */

function pollPace() {
  if (!state.budget || Date.now() >= state.budget.until) return 20_000;
  const spare = state.budget.left - QUIET_BELOW;
  return spare <= 0 ? 120_000 : Math.min(120_000, Math.max(10_000, (state.budget.until - Date.now()) / spare));
}
let lastPoll = 0;
setInterval(() => {
  paintLink();
  if (state.live || state.down || limited() || document.hidden || Date.now() - notLiveSince < 3000) return;
  const onScreen = [...deals.values()].filter((d) => visible.has(d.id) || d.hold);
  const unknown = onScreen.find((d) => d.available === null && !d.asked);
  const next = unknown ?? (Date.now() - lastPoll > pollPace() && onScreen.sort((a, b) => a.seen - b.seen)[0]);
  if (!next || (unknown && Date.now() - lastPoll < 400)) return;
  lastPoll = Date.now();
  refreshStatus(next);
}, 200);
async function refreshStatus(deal) {
  deal.asked = true;
  deal.seen = Date.now();
  const answer = await call('GET', forDeal(deal.id, '/status'));
  if (answer.status === 200) setStock(deal, answer.data);
  else if (answer.status !== 404) deal.asked = false;
}
const refreshIfNotLive = (deal) => {
  if (!state.live && !thrifty()) refreshStatus(deal);
};

/* Deals */

const onScreen = new IntersectionObserver((entries) => {
  for (const entry of entries) visible[entry.isIntersecting ? 'add' : 'delete'](entry.target.dataset.productId);
}, { rootMargin: '100px' });

function makeDeal(product) {
  const node = $('deal-template').content.firstElementChild.cloneNode(true);
  const ref = Object.fromEntries([...node.querySelectorAll('[data-ref]')].map((el) => [el.dataset.ref, el]));
  const deal = {
    id: product.id, name: product.name, description: product.description ?? '', price: product.price,
    total: product.totalStock ?? null, reserved: product.reservedStock ?? null, available: product.availableStock ?? null,
    most: product.totalStock ?? 0, seen: 0, asked: false, kind: '', hold: null, busy: '', msg: null, lapsed: false, keys: {}, node, ref,
  };
  node.id = `deal-${deal.id}`;
  node.dataset.productId = deal.id;
  ref.name.id = `name-${deal.id}`;
  ref.msg.id = `msg-${deal.id}`;
  ref.buyQty.id = `qty-${deal.id}`;
  ref.buyLabel.htmlFor = ref.buyQty.id;
  node.firstElementChild.setAttribute('aria-labelledby', ref.name.id);
  for (const input of [ref.buyQty, ref.holdQty]) input.setAttribute('aria-describedby', ref.msg.id);
  ref.buy.addEventListener('submit', (e) => (e.preventDefault(), reserve(deal, ref.buyQty)));
  ref.change.addEventListener('submit', (e) => (e.preventDefault(), reserve(deal, ref.holdQty)));
  ref.checkout.addEventListener('click', () => checkout(deal));
  ref.cancel.addEventListener('click', () => cancel(deal));
  ref.more.addEventListener('click', () => {
    ref.more.setAttribute('aria-expanded', String(node.classList.toggle('open')));
  });
  node.addEventListener('click', (e) => {
    const step = e.target.closest('[data-step]');
    if (!step) return;
    const input = step.parentElement.querySelector('input');
    const value = (whole(input.value) ?? 0) + Number(step.dataset.step);
    input.value = String(Math.min(1_000_000, Math.max(1, value)));
    input.dispatchEvent(new Event('input', { bubbles: true }));
    say(input.value);
  });
  node.addEventListener('input', (e) => {
    e.target.removeAttribute('aria-invalid');
    paint(deal);
  });
  onScreen.observe(node);
  return deal;
}
const put = (el, text) => {
  if (el.textContent !== text) el.textContent = text;
};

/** Adds deals the page does not have yet; `first` puts them before the others. */
function addDeals(items, first = false) {
  const added = items.filter((p) => p?.id && !deals.has(p.id)).map(makeDeal);
  for (const deal of added) deals.set(deal.id, deal);
  const list = $('deal-list');
  list.querySelectorAll('.ghost').forEach((g) => g.remove());
  list[first ? 'prepend' : 'append'](...added.map((d) => d.node));
  added.forEach(paint);
  for (const { ref } of added) {
    ref.more.classList.toggle('on', ref.desc.scrollHeight > ref.desc.clientHeight + 2 || ref.name.scrollHeight > ref.name.clientHeight + 2);
  }
  $('deals-empty').hidden = deals.size > 0;
  list.hidden = deals.size === 0;
  fillStockChoice();
  stream.follow();
  return added;
}
function updateDeal(product) {
  const deal = deals.get(product.id);
  if (!deal) return;
  Object.assign(deal, { name: product.name, description: product.description ?? '', price: product.price });
  if (product.availableStock !== undefined) setStock(deal, product);
  else if (!state.live && product.totalStock !== deal.total) deal.seen = 0;
  paint(deal);
}
function setStock(deal, { totalStock, reservedStock, availableStock }) {
  Object.assign(deal, { total: totalStock, reserved: reservedStock, available: availableStock, asked: true, seen: Date.now() });
  deal.most = Math.max(deal.most, totalStock);
  schedule(deal);
}

/** Ten events a second and a hundred deals still paint once a frame. */
const dirty = new Set();
function schedule(deal) {
  if (!dirty.size) {
    const run = () => {
      const now = [...dirty];
      dirty.clear();
      now.forEach(paint);
      paintStockNote();
    };
    if (document.hidden) setTimeout(run, 250);
    else requestAnimationFrame(run);
  }
  dirty.add(deal);
}
function paintAll() {
  deals.forEach(paint);
  paintDock();
  paintLink();
}

const kindOf = (deal) => {
  if (deal.available === null) return 'unknown';
  if (deal.total === 0) return 'sold-out';
  if (deal.available === 0) return 'all-held';
  return deal.available <= Math.min(5, Math.ceil(deal.most / 4)) ? 'low' : 'available';
};
const KIND_TEXT = {
  unknown: () => 'Checking',
  'sold-out': () => 'Sold out',
  'all-held': () => 'All held',
  low: (d) => `Last ${count.format(d.available)}`,
  available: () => 'On sale',
};
/** What the message line says when nothing has happened. */
function hintFor(deal, kind) {
  if (deal.hold) return [`Yours until ${clockTime.format(new Date(deal.hold.expiresAt))}. Changing the number does not move the end.`, ''];
  if (kind === 'all-held') return ['Every unit is on hold for someone. Holds may lapse: worth waiting, the number above moves by itself.', 'warn'];
  if (kind === 'sold-out') return ['Nothing left to sell.', ''];
  return ['Reserving holds units for you for a while. You pay only at checkout.', ''];
}

function paint(deal) {
  const { node, ref, hold } = deal;
  const kind = kindOf(deal);
  if (deal.kind && deal.kind !== 'unknown' && deal.kind !== kind) noteKind(deal, kind);
  deal.kind = kind;
  node.dataset.state = kind;
  node.dataset.hold = deal.busy === 'checkout' || deal.busy === 'paying' ? 'paying' : hold ? 'held' : deal.lapsed ? 'lapsed' : 'none';
  node.classList.toggle('stale', Boolean(state.down));
  put(ref.name, deal.name);
  put(ref.desc, deal.description);
  put(ref.price, formatMoney(deal.price));
  put(ref.tag, KIND_TEXT[kind](deal));
  for (const [el, n] of [[ref.available, deal.available], [ref.reserved, deal.reserved], [ref.total, deal.total]]) {
    put(el, n === null ? '–' : count.format(n));
  }
  ref.total.closest('dl').classList.toggle('long', deal.most >= 10_000_000);
  const share = (n) => `${deal.most ? (100 * (n ?? 0)) / deal.most : 0}%`;
  ref.free.style.width = share(deal.available);
  ref.held.style.width = share(deal.reserved);

  const face = hold ? 'hold' : kind === 'sold-out' ? 'gone' : 'buy';
  const hadFocus = ref.faces.dataset.face !== face && ref.faces.contains(document.activeElement);
  ref.faces.dataset.face = face;
  if (hadFocus) (hold ? ref.hold : ref.msg).focus({ preventScroll: true });

  const [text, tone] = deal.msg ?? hintFor(deal, kind);
  put(ref.msgText, text);
  ref.msg.dataset.tone = tone;
  paintBuy(deal);
  if (hold) paintHold(deal);
}
function paintBuy(deal) {
  const { ref } = deal;
  const n = whole(ref.buyQty.value);
  put(ref.sum, n && n > 1 ? `Sum ${formatTimes(deal.price, n)}` : '');
  ref.buyLess.setAttribute('aria-label', `One fewer of ${deal.name}`);
  ref.buyPlus.setAttribute('aria-label', `One more of ${deal.name}`);
  put(ref.reserve, deal.busy === 'reserve' ? 'Reserving…' : 'Reserve');
  ref.reserve.setAttribute('aria-label', `${ref.reserve.textContent} ${deal.name}`);
  setBusy(ref.reserve, deal.busy === 'reserve', Boolean(deal.busy) || limited());
}
function paintHold(deal) {
  const { ref, hold, busy } = deal;
  const isPaying = busy === 'checkout' || busy === 'paying';
  ref.hold.setAttribute('aria-label', `Your hold: ${units(hold.quantity)} of ${deal.name}`);
  put(ref.holding, isPaying ? 'being paid for' : `${units(hold.quantity)} held for you`);
  ref.holdQty.setAttribute('aria-label', `Held quantity of ${deal.name}`);
  ref.holdLess.setAttribute('aria-label', `One fewer of ${deal.name}`);
  ref.holdPlus.setAttribute('aria-label', `One more of ${deal.name}`);
  put(ref.set, busy === 'reserve' ? 'Saving…' : 'Change');
  put(ref.checkout, busy === 'checkout' ? 'Checking out…' : `Check out ${formatTimes(deal.price, hold.quantity)}`);
  put(ref.cancel, busy === 'cancel' ? 'Ending…' : 'Cancel');
  ref.set.setAttribute('aria-label', `Change the held quantity of ${deal.name}`);
  ref.checkout.setAttribute('aria-label', `${ref.checkout.textContent}: ${units(hold.quantity)} of ${deal.name}`);
  ref.cancel.setAttribute('aria-label', `Cancel the hold on ${deal.name}`);
  const off = Boolean(busy) || limited();
  setBusy(ref.set, busy === 'reserve', off || whole(ref.holdQty.value) === hold.quantity);
  setBusy(ref.checkout, busy === 'checkout', off);
  setBusy(ref.cancel, busy === 'cancel', off);
  tickHold(deal);
}
function setBusy(button, busy, off) {
  button.classList.toggle('busy', busy);
  if (off) button.setAttribute('aria-disabled', 'true');
  else button.removeAttribute('aria-disabled');
}
function noteKind(deal, kind) {
  const text = {
    'sold-out': 'sold out', 'all-held': 'every unit is on hold', low: `only ${units(deal.available)} left to reserve`, available: `${units(deal.available ?? 0)} available`,
  }[kind];
  if (text) stockNews.set(deal.id, text);
}
/** Puts the outcome of an action where it was asked for, and says it. */
function tell(deal, text, tone, { quiet = false } = {}) {
  deal.msg = text ? [text, tone] : null;
  if (text && !quiet) say(`${deal.name}: ${text}`, tone === 'bad');
  paint(deal);
}

async function loadDeals(cursor) {
  const answer = await call('GET', `api/products?limit=${PAGE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
  if (answer.status !== 200) return null;
  state.nextCursor = answer.data.nextCursor ?? null;
  $('more').hidden = !state.nextCursor;
  return answer.data.items ?? [];
}
async function firstLoad() {
  const items = await loadDeals();
  if (!items) {
    setTimeout(() => state.loaded || state.down || limited() || firstLoad(), 5000);
    return;
  }
  state.loaded = true;
  $('deal-list').setAttribute('aria-busy', 'false');
  addDeals(items);
  stream.restart();
  signIn();
}
/** Known deals are brought up to date in place; new ones wait for a click, since they would move the page. */
async function refreshDeals() {
  if (!state.loaded) return firstLoad();
  const answer = await call('GET', `api/products?limit=${PAGE}`);
  if (answer.status !== 200) return answer;
  const items = answer.data.items ?? [];
  items.forEach(updateDeal);
  state.fresh = items.filter((p) => !deals.has(p.id));
  if (!deals.size) showFresh();
  paintFresh();
  return answer;
}
function paintFresh() {
  const n = state.fresh.length;
  $('show-new').classList.toggle('on', n > 0);
  put($('show-new'), n ? `Show ${n === 1 ? '1 new deal' : `${n} new deals`}` : '');
}
function showFresh() {
  const added = addDeals(state.fresh, true);
  state.fresh = [];
  paintFresh();
  return added;
}
$('show-new').addEventListener('click', () => {
  const [first] = showFresh();
  first?.ref.buyQty.focus();
});
$('refresh').addEventListener('click', async () => {
  if (limited()) return void say(explain({ status: 429 }), true);
  const before = state.fresh.length;
  const answer = await refreshDeals();
  if (answer?.status === 200) say(state.fresh.length > before ? $('show-new').textContent : 'The deals are up to date.');
  loadOrders();
});
$('more').addEventListener('click', async () => {
  const button = $('more');
  if (button.getAttribute('aria-disabled')) return;
  setBusy(button, true, true);
  const items = await loadDeals(state.nextCursor);
  setBusy(button, false, false);
  const added = addDeals(items ?? []);
  if (added.length) {
    added[0].ref.buyQty.focus();
    say(`${added.length} older deals shown.`);
  }
});
setInterval(() => {
  if (!document.hidden && !state.down && !limited() && !thrifty()) refreshDeals();
}, 90_000);

/* The buyer */

function fieldNote(input, text, tone) {
  const note = $(input.getAttribute('aria-describedby'));
  put(note, text || note.dataset.hint || '');
  note.classList.toggle('bad', tone === 'bad');
  note.classList.toggle('good', tone === 'good');
  if (tone === 'bad') input.setAttribute('aria-invalid', 'true');
  else input.removeAttribute('aria-invalid');
}
function setBuyer(name) {
  state.buyer = name;
  remember('flashdeal.buyer', name);
  $('buyer-name').value = name;
  fieldNote($('buyer-name'), name ? `You are buying as ${name}.` : '', name ? 'good' : '');
  for (const deal of deals.values()) {
    Object.assign(deal, { hold: null, msg: null, lapsed: false, keys: {} });
    paint(deal);
  }
  $('order-list').replaceChildren();
  if (state.loaded) signIn();
}
$('buyer-form').addEventListener('submit', (e) => {
  e.preventDefault();
  const name = $('buyer-name').value;
  if (!name.trim()) {
    fieldNote($('buyer-name'), 'Type a name first.', 'bad');
    $('buyer-name').focus();
    return;
  }
  if (name !== state.buyer) setBuyer(name);
  say(`You are buying as ${name}.`);
});
function needBuyer() {
  if (state.buyer) return false;
  fieldNote($('buyer-name'), 'Choose a name first: holds and orders are kept under it.', 'bad');
  $('buyer-name').focus();
  return true;
}
/** Finds the holds of this buyer: those this browser remembers, and a few more where units are on hold at all. */
async function signIn() {
  const user = state.buyer;
  if (!user) return void paintOrdersNote();
  resumeCheckouts();
  loadOrders();
  const known = holdsOf(user);
  for (const [id, hold] of Object.entries(known)) {
    if (!deals.has(id)) {
      const answer = await call('GET', forDeal(id));
      if (answer.status === 200) addDeals([answer.data], true);
    }
    const deal = deals.get(id);
    if (!deal || user !== state.buyer) continue;
    if (!deal.hold && !deal.busy) setHold(deal, hold);
    confirmHold(deal);
  }
  await sleep(1500); // the stream tells first where any unit is on hold
  let lookups = 0;
  for (const deal of [...deals.values()]) {
    if (user !== state.buyer || thrifty() || lookups >= LOOKUPS_MAX) return;
    if (known[deal.id] || deal.hold || !deal.reserved) continue;
    lookups += 1;
    await confirmHold(deal);
  }
}

/* Holds */

function setHold(deal, hold) {
  const before = deal.hold;
  if (!hold) {
    deal.hold = null;
    rememberHold(state.buyer, deal.id, null);
  } else {
    const left = Date.parse(hold.expiresAt) - serverNow();
    const span = before?.reservationId === hold.reservationId ? before.span : Math.max(hold.span ?? 0, left);
    const { reservationId, quantity, expiresAt } = hold;
    deal.hold = { reservationId, quantity, expiresAt, span };
    deal.lapsed = false;
    if (before?.reservationId !== reservationId || before.quantity !== quantity) deal.ref.holdQty.value = String(quantity);
    rememberHold(state.buyer, deal.id, deal.hold);
    if (!before) deal.warned = left > 60_000 ? 0 : 1;
  }
  paint(deal);
  paintNextHold();
  tickFast();
}
/** Asks the server for one's hold; only it knows. */
async function confirmHold(deal) {
  const user = state.buyer;
  const answer = await call('GET', forDeal(deal.id, `/reserve?userId=${encodeURIComponent(user)}`));
  if (user !== state.buyer || deal.busy === 'checkout') return answer;
  if (answer.status === 200) {
    if (Date.parse(answer.data.expiresAt) > serverNow()) {
      if (!deal.hold && deal.lapsed) deal.msg = null;
      setHold(deal, answer.data);
    }
  } else if (answer.status === 404 && deal.hold) {
    setHold(deal, null);
    tell(deal, 'Your hold is not there any more: it ended or was paid for elsewhere.', 'warn');
    loadOrders();
  }
  return answer;
}
function tickHold(deal) {
  const { ref, hold } = deal;
  const left = Date.parse(hold.expiresAt) - serverNow();
  if (deal.busy === 'checkout' || deal.busy === 'paying') {
    put(ref.timer, 'Paying…');
    ref.timer.classList.remove('soon');
    ref.drain.style.transform = 'none';
    return;
  }
  put(ref.timer, formatLeft(left));
  ref.timer.classList.toggle('soon', left < 15_000);
  ref.drain.style.transform = `scaleX(${Math.max(0, Math.min(1, left / (hold.span || 1)))})`;
  if (left <= 60_000 && left > 15_000 && deal.warned < 1) {
    deal.warned = 1;
    say(`${deal.name}: your hold ends in one minute.`);
  } else if (left <= 15_000 && left > 0 && deal.warned < 2) {
    deal.warned = 2;
    say(`${deal.name}: your hold ends in 15 seconds.`, true);
  }
  if (left <= 0) lapse(deal);
}
function lapse(deal) {
  const { quantity, expiresAt } = deal.hold;
  deal.lapsed = true;
  deal.msg = null;
  setHold(deal, null);
  tell(deal, `Your hold lapsed at ${clockTime.format(new Date(expiresAt))}. ${quantity === 1 ? 'Its unit is' : `Its ${units(quantity)} are`} free for everyone again.`, 'warn');
  setTimeout(() => {
    if (deal.hold || deal.busy || limited()) return;
    confirmHold(deal); // our clock may run ahead of the server's
    refreshIfNotLive(deal);
  }, 1500);
}
function paintNextHold() {
  const [next] = [...deals.values()].filter((d) => d.hold && !d.busy).sort((a, b) => Date.parse(a.hold.expiresAt) - Date.parse(b.hold.expiresAt));
  $('next-hold').classList.toggle('on', Boolean(next));
  if (!next) return;
  $('next-hold').hash = `deal-${next.id}`;
  put($('next-hold-time'), formatLeft(Date.parse(next.hold.expiresAt) - serverNow()));
}
/** Ticks when a second turns over rather than at an interval of our own, so no second is skipped or shown twice. */
let tickTimer = 0;
function tickFast() {
  clearTimeout(tickTimer);
  const ends = [];
  for (const deal of deals.values()) {
    if (deal.hold) tickHold(deal);
    if (deal.hold) ends.push(Date.parse(deal.hold.expiresAt) - serverNow());
  }
  paintNextHold();
  if (ends.length) tickTimer = setTimeout(tickFast, Math.max(20, Math.min(...ends.map((ms) => (ms > 0 ? ms % 1000 : 250))) + 5));
}
setInterval(paintDock, 250);

async function act(deal, kind, work) {
  if (deal.busy) return;
  if (limited()) return tell(deal, explain({ status: 429 }), 'warn');
  deal.busy = kind;
  paint(deal);
  paintNextHold();
  try {
    await work();
  } finally {
    deal.busy = '';
    paint(deal);
    tickFast();
  }
}
const waiting = (deal) => (ms) => tell(deal, `No answer yet. Trying again in ${Math.ceil(ms / 1000)} s; it counts once.`, 'warn', { quiet: true });

function reserve(deal, input) {
  const quantity = whole(input.value);
  if (deal.hold && quantity === deal.hold.quantity) return;
  if (needBuyer()) return;
  if (!quantity) {
    input.setAttribute('aria-invalid', 'true');
    input.focus();
    return tell(deal, 'The quantity must be a whole number of at least 1.', 'bad');
  }
  return act(deal, 'reserve', async () => {
    const body = { userId: state.buyer, quantity };
    const same = JSON.stringify(body);
    const key = deal.keys.reserve?.same === same ? deal.keys.reserve.key : newKey();
    deal.keys.reserve = { same, key };
    deal.msg = null;
    const answer = await insist(() => call('POST', forDeal(deal.id, '/reserve'), { body, key }), waiting(deal));
    if (state.buyer !== body.userId) return;
    if (answer.unsettled) return tell(deal, 'No answer. Press again to repeat the same request: it counts once.', 'bad');
    if (answer.status !== 429) delete deal.keys.reserve;
    reserved(deal, answer, input, quantity);
  });
}
function reserved(deal, answer, input, wanted) {
  const { status, data } = answer;
  if (status === 200 || status === 201) {
    const had = deal.hold;
    deal.busy = '';
    setHold(deal, data);
    const until = clockTime.format(new Date(data.expiresAt));
    if (status === 201 || !had) tell(deal, `${units(data.quantity)} held for you until ${until}.`, 'good');
    else tell(deal, `You now hold ${units(data.quantity)}, still until ${until}.`, 'good');
    return refreshIfNotLive(deal);
  }
  if (status === 409 && data?.code === 'insufficient_stock') return refused(deal, data, wanted);
  if (status === 409 && data?.code === 'checkout_in_progress') return payingElsewhere(deal);
  if (status === 404 && data?.code === 'no_reservation') setHold(deal, null);
  const errors = data?.errors ?? [];
  const user = errors.find((e) => e.field === 'userId');
  if (user) {
    fieldNote($('buyer-name'), `Name: ${user.message}.`, 'bad');
    $('buyer-name').focus();
  }
  const number = errors.find((e) => e.field === 'quantity');
  if (number) {
    input.setAttribute('aria-invalid', 'true');
    input.focus();
    return tell(deal, `The quantity ${number.message}.`, 'bad');
  }
  tell(deal, user ? 'The buyer name above was not accepted.' : explain(answer), status === 429 ? 'warn' : 'bad');
}
function refused(deal, { reason, availableStock }, wanted) {
  const kept = deal.hold ? ' Your hold stays as it was.' : '';
  if (!state.live && typeof availableStock === 'number') {
    const total = reason === 'sold_out' ? 0 : Math.max(deal.total ?? 0, availableStock);
    setStock(deal, { totalStock: total, reservedStock: total - availableStock, availableStock });
  }
  if (reason === 'sold_out') tell(deal, `Sold out: nothing is left to sell.${kept}`, 'bad');
  else if (deal.total !== null && deal.total < wanted) tell(deal, `There are only ${units(deal.total)} left in all.${kept}`, 'warn');
  else if (!availableStock) tell(deal, `Every unit is on hold for someone just now. Holds may lapse: worth another try.${kept}`, 'warn');
  else tell(deal, `Only ${units(availableStock)} free just now; the rest is on hold and may come back.${kept}`, 'warn');
  refreshIfNotLive(deal);
}
/** Another request is paying for this hold: wait for its outcome with a few gentle looks. */
async function payingElsewhere(deal) {
  tell(deal, 'This hold is being paid for by another request of yours. Waiting for its outcome…', 'warn');
  deal.busy = 'paying';
  paint(deal);
  for (const pause of [2000, 4000, 8000]) {
    await sleep(pause);
    const answer = await confirmHold(deal);
    if (answer.status === 404 || !deal.hold) {
      tell(deal, 'That checkout is through: see your orders.', 'good');
      return loadOrders();
    }
  }
  tell(deal, 'Still being paid for. Check out repeats that checkout safely: it sells once.', 'warn');
}

function cancel(deal) {
  return act(deal, 'cancel', async () => {
    const user = state.buyer;
    deal.msg = null;
    const answer = await insist(() => call('DELETE', forDeal(deal.id, `/reserve?userId=${encodeURIComponent(user)}`)), waiting(deal));
    if (user !== state.buyer) return;
    if (answer.status === 200 || (answer.status === 404 && answer.tries > 1)) {
      setHold(deal, null);
      tell(deal, 'Hold cancelled. Its units are free for everyone again.', 'good');
      refreshIfNotLive(deal);
    } else if (answer.status === 404) {
      setHold(deal, null);
      tell(deal, 'There was no hold left to cancel: it had ended already.', 'warn');
    } else if (answer.status === 409) {
      await payingElsewhere(deal);
    } else {
      tell(deal, answer.unsettled ? 'No answer. Press Cancel again: repeating it is safe.' : explain(answer), 'bad');
    }
  });
}

function checkout(deal) {
  const hold = deal.hold;
  if (!hold) return;
  return act(deal, 'checkout', async () => {
    const userId = state.buyer;
    const key = paying()[hold.reservationId]?.key ?? newKey();
    rememberPaying(hold.reservationId, { productId: deal.id, userId, key });
    deal.msg = null;
    tell(deal, 'Checking out. A checkout that began in time finishes, whatever the countdown says.', '', { quiet: true });
    const answer = await payUntilSettled(deal, { userId, reservationId: hold.reservationId }, key);
    if (state.buyer === userId) checkedOut(deal, hold, answer);
  });
}
async function payUntilSettled(deal, body, key) {
  for (let looks = 0; ; looks += 1) {
    const answer = await insist(() => call('POST', forDeal(deal.id, '/checkout'), { body, key }), waiting(deal));
    const inProgress = answer.status === 409 && answer.data?.code === 'checkout_in_progress';
    if (!inProgress || looks >= 5) {
      const settled = !answer.unsettled && !inProgress && ![401, 403, 429].includes(answer.status);
      if (settled) rememberPaying(body.reservationId, null);
      return answer;
    }
    tell(deal, 'A checkout of this hold is in progress. Waiting for its outcome…', 'warn', { quiet: looks > 0 });
    await sleep(jitter(1500));
  }
}
function checkedOut(deal, hold, answer) {
  const { status, data } = answer;
  deal.busy = '';
  if (status === 200 || status === 201) {
    setHold(deal, null);
    tell(deal, `Bought: ${units(data.quantity)} for ${formatMoney(data.total)}. Thank you.`, 'good');
    showOrders([data, ...shownOrders.filter((o) => o.orderId !== data.orderId)], data.orderId);
    return refreshIfNotLive(deal);
  }
  if (status === 404) {
    setHold(deal, null);
    return tell(deal, 'The hold had ended before this checkout began. Nothing was sold to you.', 'bad');
  }
  if (status === 409 && data?.code === 'insufficient_stock') setHold(deal, null);
  if (status === 409 && data?.code === 'checkout_in_progress') {
    return tell(deal, 'The checkout is still in progress. Press Check out again to see its outcome: it sells once.', 'warn');
  }
  if (answer.unsettled) return tell(deal, 'No answer yet. The checkout is repeated when the server is back, and sells once.', 'bad');
  tell(deal, explain(answer), status === 429 ? 'warn' : 'bad');
}
/** Checkouts whose outcome a reload or an outage left open are repeated under their own key. */
function resumeCheckouts() {
  for (const [reservationId, entry] of Object.entries(paying())) {
    if (entry.userId !== state.buyer) continue;
    const deal = deals.get(entry.productId);
    if (!deal || deal.busy) continue;
    const hold = deal.hold ?? holdsOf(entry.userId)[entry.productId];
    if (!hold || hold.reservationId !== reservationId) {
      settleQuietly(deal, reservationId, entry);
      continue;
    }
    if (!deal.hold) deal.hold = hold;
    checkout(deal);
  }
}
async function settleQuietly(deal, reservationId, { userId, key }) {
  const answer = await payUntilSettled(deal, { userId, reservationId }, key);
  if (state.buyer === userId && answer.data?.orderId) checkedOut(deal, null, answer);
}

/* Orders */

let shownOrders = [];
const names = new Map();
async function loadOrders() {
  const user = state.buyer;
  if (!user || limited()) return paintOrdersNote();
  const answer = await call('GET', `api/orders?userId=${encodeURIComponent(user)}&limit=8`);
  if (user !== state.buyer) return;
  if (answer.status === 200) showOrders(answer.data.items ?? []);
  else if (answer.status === 400) fieldNote($('buyer-name'), explain(answer), 'bad');
  else paintOrdersNote('The orders could not be read just now.');
}
function paintOrdersNote(text) {
  const empty = state.buyer ? 'No orders yet under this name.' : 'Choose a buyer name to see your orders.';
  put($('orders-note'), text ?? (shownOrders.length ? '' : empty));
}
function showOrders(orders, freshId) {
  shownOrders = orders.slice(0, 8);
  $('order-list').replaceChildren(...shownOrders.map((order) => {
    const make = (tag, text, className) => Object.assign(document.createElement(tag), { textContent: text, className: className ?? '' });
    const row = make('li', '', order.orderId === freshId ? 'fresh' : '');
    row.dataset.testid = 'order';
    row.dataset.orderId = order.orderId;
    const name = deals.get(order.productId)?.name ?? names.get(order.productId);
    const title = make('strong', name ?? `Deal …${order.productId.slice(-6)}`);
    title.title = title.textContent;
    const when = make('time', dayTime.format(new Date(order.createdAt)));
    when.dateTime = order.createdAt;
    const small = make('small', '');
    small.append(when);
    row.append(title, make('b', formatMoney(order.total), 'num'), small, make('small', `${count.format(order.quantity)} × ${formatMoney(order.unitPrice)}`, 'num'));
    return row;
  }));
  paintOrdersNote();
  nameOrders();
}
/** Names of deals that are not on the page: a few, once. */
async function nameOrders() {
  const missing = [...new Set(shownOrders.map((o) => o.productId))].filter((id) => !deals.has(id) && !names.has(id)).slice(0, 3);
  if (!missing.length || thrifty()) return;
  for (const id of missing) {
    names.set(id, undefined);
    const answer = await call('GET', forDeal(id));
    if (answer.status === 200) names.set(id, answer.data.name);
  }
  if (missing.some((id) => names.get(id))) showOrders(shownOrders);
}

/* Managing */

/** Shows what the server said about a form at its fields; true if it was a success. */
function formAnswer(form, result, answer, success) {
  const fields = [...form.elements].filter((el) => el.name && el.hasAttribute('aria-describedby'));
  fields.forEach((el) => fieldNote(el, ''));
  const show = (text, tone) => {
    put(result, text);
    result.classList.toggle('bad', tone === 'bad');
    result.classList.toggle('good', tone === 'good');
    say(text, tone === 'bad');
  };
  if (answer.status >= 200 && answer.status < 300) {
    show(success, 'good');
    return true;
  }
  const errors = answer.data?.errors ?? [];
  const atFields = errors.filter((e) => fields.some((el) => el.name === e.field));
  for (const error of atFields) fieldNote(fields.find((el) => el.name === error.field), sentence(error.message), 'bad');
  fields.find((el) => el.getAttribute('aria-invalid'))?.focus();
  if (isDown(answer.status)) show('No answer. It may or may not have been done: look at the deals before you repeat it.', 'bad');
  else if (atFields.length) show(`Please correct ${atFields.length === 1 ? 'the marked field' : 'the marked fields'}.`, 'bad');
  else show(explain(answer), 'bad');
  return false;
}
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');
const invalid = (errors) => ({ status: 400, data: { errors } });
async function submitting(form, work) {
  const buttons = [...form.querySelectorAll('button')];
  if (buttons.some((b) => b.getAttribute('aria-disabled'))) return;
  buttons.forEach((b) => setBusy(b, b === (form.submitted ?? buttons[0]), true));
  try {
    await work();
  } finally {
    buttons.forEach((b) => setBusy(b, false, false));
  }
}

$('create-form').addEventListener('submit', (e) => {
  e.preventDefault();
  const form = e.target;
  const { name, description, price, totalStock } = Object.fromEntries(new FormData(form));
  const stock = whole(totalStock);
  const amount = price.trim().replace(/^(\d+),(\d{1,2})$/, '$1.$2');
  const errors = [];
  if (!name.trim()) errors.push({ field: 'name', message: 'a name is needed' });
  if (!/^\d+(\.\d+)?$/.test(amount)) errors.push({ field: 'price', message: 'a number like 19.90' });
  if (stock === null) errors.push({ field: 'totalStock', message: 'a whole number, 0 or more' });
  if (errors.length) return formAnswer(form, $('create-result'), invalid(errors));
  submitting(form, async () => {
    // The price goes as typed: a decimal string never passes through a float.
    const body = { name, price: amount, totalStock: stock, ...(description && { description }) };
    const answer = await call('POST', 'api/products', { body });
    if (!formAnswer(form, $('create-result'), answer, `On sale: ${answer.data?.name ?? name}.`)) return;
    const known = { reservedStock: 0, availableStock: answer.data.totalStock };
    addDeals([{ ...known, ...answer.data }], true);
    form.reset();
    form.elements.name.focus();
  });
});

function fillStockChoice() {
  const select = $('s-deal');
  const chosen = select.value;
  select.replaceChildren(...[...deals.values()].sort((a, b) => (a.id < b.id ? 1 : -1)).map((d) => new Option(d.name.length > 60 ? `${d.name.slice(0, 59)}…` : d.name, d.id)));
  if (deals.has(chosen)) select.value = chosen;
  paintStockNote();
}
function paintStockNote() {
  const deal = deals.get($('s-deal').value);
  if ($('s-deal').getAttribute('aria-invalid')) return;
  put($('s-deal-note'), deal && deal.total !== null ? `${count.format(deal.total)} left in all${deal.reserved === null ? '' : `, ${count.format(deal.reserved)} on hold`}.` : 'Choose a deal.');
}
$('s-deal').addEventListener('change', () => {
  for (const el of [$('s-deal'), $('s-units')]) fieldNote(el, '');
  put($('stock-result'), '');
  paintStockNote();
});
$('stock-form').addEventListener('submit', (e) => {
  e.preventDefault();
  const form = e.target;
  const deal = deals.get($('s-deal').value);
  const amount = whole($('s-units').value);
  const way = Number(e.submitter?.value ?? 1);
  form.submitted = e.submitter;
  const errors = [];
  if (!deal) errors.push({ field: 'deal', message: 'choose a deal' });
  if (!amount) errors.push({ field: 'addStock', message: 'a whole number of at least 1' });
  if (errors.length) return formAnswer(form, $('stock-result'), invalid(errors));
  submitting(form, async () => {
    const answer = await call('PATCH', forDeal(deal.id), { body: { addStock: way * amount } });
    if (answer.status === 409 && answer.data?.code === 'insufficient_stock') {
      const free = answer.data.availableStock;
      const detail = typeof free === 'number' ? `only ${units(free)} can be taken away; the rest is on hold` : 'held units cannot be taken away';
      answer.data.errors = [{ field: 'addStock', message: detail }];
    }
    const done = way > 0 ? `${units(amount)} added to ${deal.name}.` : `${units(amount)} taken away from ${deal.name}.`;
    if (formAnswer(form, $('stock-result'), answer, done)) {
      updateDeal(answer.data);
      refreshIfNotLive(deal);
      $('s-units').value = '';
    }
    paintStockNote();
  });
});

/* Another tab of the same buyer moves this one along */

addEventListener('storage', (e) => {
  if (e.key === 'flashdeal.buyer') {
    const name = recall('flashdeal.buyer', '');
    if (name !== state.buyer) setBuyer(name);
  } else if (e.key === 'flashdeal.holds') {
    const mine = holdsOf(state.buyer);
    for (const deal of deals.values()) {
      if (deal.busy) continue;
      const there = mine[deal.id];
      if (there && there.quantity !== deal.hold?.quantity) setHold(deal, there);
      else if (!there && deal.hold) {
        deal.hold = null;
        deal.msg = null;
        paint(deal);
        loadOrders();
      }
    }
    tickFast();
  }
});

setBuyer(state.buyer);
firstLoad();
