'use strict';
/* What every part of the page uses: elements, words, requests to the device, the log in, the router. */
const LANG = (navigator.language || 'en').slice(0, 2) === 'es' ? 1 : 0;
const t = (key, ...words) => {
  let text = TEXTS[key] ? TEXTS[key][LANG] : key;
  words.forEach((word, n) => { text = text.replace('%' + (n + 1), word); });
  return text;
};
const el = (tag, given, ...inner) => {
  const [name, ...classes] = tag.split('.');
  const made = document.createElement(name);
  if (classes.length) made.className = classes.join(' ');
  for (const [key, value] of Object.entries(given || {})) {
    if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, '');
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...inner.flat(9).filter((each) => each != null && each !== false));
  return made;
};
const one = (query) => document.querySelector(query);
const main = () => one('main');
const say = (text) => {
  one('#say').textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { one('#say').textContent = ''; }, 6000);
};

/* --- the device */

const here = { way: '', device: '', devices: [], status: {}, stop: null };

/* Why: in +MTXERR, or in the JSON of a reading that cannot be given. */
class Refused extends Error {
  constructor(answer) {
    let why = answer.why;
    for (const line of answer.lines || []) if (!why && line.startsWith('{')) try { why = JSON.parse(line).ERR; } catch (error) { why = ''; }
    super(why || t(here.way === 'broker' ? 'refused.why' : 'refused'));
    this.answer = answer;
  }
}

/* What was asked of one device is neither asked of another one that was chosen meanwhile nor shown as its own. */
const same = (device) => { if (device !== here.device) throw new Error(''); };

async function api(path, body, device = here.device) {
  const query = device ? '?device=' + encodeURIComponent(device) : '';
  same(device);
  const asked = body === undefined ? {} : {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
  };
  let got;
  try { got = await fetch('/api/' + path + query, asked); } catch (error) { throw new Error(t('unreachable')); }
  same(device);
  if (got.status === 401 && path !== 'login') {
    await login();
    return api(path, body, device);
  }
  const answer = await got.json().catch(() => ({}));
  if (!got.ok) throw new Refused(answer);
  return answer;
}

/* Lines of a command's answer. A device carries out one command after the other: so do we. */
let turn = Promise.resolve();
function at(command, ...lines) {
  const device = here.device;
  const asked = turn.then(async () => {
    const answer = await api('at', { text: [command.startsWith('AT') ? command : 'AT^MTXTUNNEL=' + command, ...lines].join('\n') }, device);
    if (!answer.ok) throw new Refused(answer);
    return answer.lines;
  });
  turn = asked.catch(() => 0);
  return asked;
}

/* `name: value` lines as an object of objects: a.b.c has its place. */
function tree(lines) {
  const found = {};
  for (const line of lines) {
    const cut = line.indexOf(': ');
    const path = (cut < 0 ? line.replace(/:$/, '') : line.slice(0, cut)).split('.');
    let place = found;
    for (const part of path.slice(0, -1)) {
      if (typeof place[part] !== 'object') place[part] = {};
      place = place[part];
    }
    place[path[path.length - 1]] = cut < 0 ? '' : line.slice(cut + 2);
  }
  return found;
}

/* Nobody is there: what asks again and again would keep the session for whoever comes. */
const IDLE = 840000;
let touched = Date.now();
for (const each of ['pointerdown', 'keydown', 'wheel']) window.addEventListener(each, () => { touched = Date.now(); }, { passive: true });

/* --- log in: the password never leaves the browser, and http:// has no crypto.subtle */

const words32 = [];
(() => {
  for (let n = 2, have = 0; have < 64; n++) {
    let prime = true;
    for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false;
    if (prime) words32[have++] = [(Math.pow(n, 1 / 3) % 1) * 4294967296 | 0, (Math.pow(n, 1 / 2) % 1) * 4294967296 | 0];
  }
})();
function sha256(bytes) {
  const size = (bytes.length + 72) >> 6 << 6, data = new Uint8Array(size), view = new DataView(data.buffer);
  data.set(bytes);
  data[bytes.length] = 128;
  view.setUint32(size - 4, bytes.length * 8);
  const hash = words32.slice(0, 8).map((each) => each[1]), w = new Int32Array(64);
  const turn32 = (x, n) => (x >>> n) | (x << (32 - n));
  for (let block = 0; block < size; block += 64) {
    for (let i = 0; i < 64; i++) {
      if (i < 16) { w[i] = view.getInt32(block + 4 * i); continue; }
      const a = w[i - 15], b = w[i - 2];
      w[i] = w[i - 16] + w[i - 7] + (turn32(a, 7) ^ turn32(a, 18) ^ (a >>> 3)) + (turn32(b, 17) ^ turn32(b, 19) ^ (b >>> 10));
    }
    let [a, b, c, d, e, f, g, h] = hash;
    for (let i = 0; i < 64; i++) {
      const x = h + (turn32(e, 6) ^ turn32(e, 11) ^ turn32(e, 25)) + ((e & f) ^ (~e & g)) + words32[i][0] + w[i] | 0;
      const y = (turn32(a, 2) ^ turn32(a, 13) ^ turn32(a, 22)) + ((a & b) ^ (a & c) ^ (b & c)) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, d + x | 0, c, b, a, x + y | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((each, i) => { hash[i] = hash[i] + each | 0; });
  }
  const out = new DataView(new ArrayBuffer(32));
  hash.forEach((each, i) => out.setInt32(4 * i, each));
  return new Uint8Array(out.buffer);
}
const bytesOf = (text) => new TextEncoder().encode(text);
const join = (a, b) => { const both = new Uint8Array(a.length + b.length); both.set(a); both.set(b, a.length); return both; };
/* As firmware/config/password.py seals a password, and the answer to a challenge with that. */
function proof(password, salt, rounds, challenge) {
  let digest = bytesOf(salt);
  for (let n = 0; n < rounds; n++) digest = sha256(join(digest, bytesOf(password)));
  const sealed = '$1$' + salt + btoa(String.fromCharCode(...digest.slice(0, 15)));
  return [...sha256(bytesOf(challenge + sealed))].map((each) => each.toString(16).padStart(2, '0')).join('');
}

function login() {
  if (login.asked) return login.asked;
  login.asked = new Promise((done) => {
    const password = el('input', { type: 'password', id: 'password', autocomplete: 'current-password' });
    const why = el('p.no', { role: 'alert' });
    const form = el('form', {
      onsubmit: async (event) => {
        event.preventDefault();
        try {
          const asked = await api('login');
          await api('login', asked.plain ? { password: password.value } : { proof: proof(password.value, asked.salt, asked.rounds, asked.challenge) });
        } catch (error) {
          why.textContent = error.answer && error.answer.wait ? t('login.wait', error.answer.wait) : t('login.wrong');
          password.select();
          return;
        }
        login.asked = null;
        done();
        show();
      },
    }, el('h2', {}, t('login')), el('label', { for: 'password' }, t('login.password')), ' ', password, ' ', el('button', {}, t('login')), why,
    here.way === 'device' && location.protocol === 'http:' && el('p.dim', {}, t('login.plain')));
    main().replaceChildren(form);
    password.focus();
  });
  return login.asked;
}

/* --- the parts of the page: #name */

const PARTS = {};
const part = (name, draw) => { PARTS[name] = draw; };

async function show() {
  if (here.stop) here.stop();
  here.stop = null;
  const [name, ...rest] = decodeURIComponent(location.hash.slice(1) || 'overview').split('/');
  const wanted = PARTS[name] ? name : 'overview';
  one('nav').replaceChildren(...Object.keys(PARTS).map((each) => el('a', { href: '#' + each, 'aria-current': each === wanted && 'page' }, t(each))),
    here.way === 'device' ? el('button.plain', { id: 'logout', onclick: doing(async () => { await api('logout', {}); location.reload(); }) }, t('logout')) : '');
  document.title = t(wanted) + ' - lector102';
  const place = el('div');
  main().replaceChildren(place);
  try { await PARTS[wanted](place, ...rest); } catch (error) { place.append(fault(error)); }
}

const fault = (error) => el('div.card.bad', { role: 'alert' }, el('strong', {}, error.message));
/* Do something slow: the button waits, what goes wrong is told. */
const doing = (work) => async (event) => {
  const button = event.target.closest('button');
  if (button) button.disabled = true;
  try { await work(event); } catch (error) { say(error.message); }
  if (button) button.disabled = false;
};
const facts = (pairs) => el('dl', {}, pairs.filter((each) => each[1] !== undefined && each[1] !== '' && each[1] !== null && each[1] !== false).map(([key, value]) => [el('dt', {}, key), el('dd', {}, value)]));
const card = (title, ...inner) => el('section.card', {}, title && el('h2', {}, title), ...inner);
const moment = (seconds) => (seconds > 0 ? new Date(seconds * 1000).toLocaleString() : t('never'));
const number = (value) => Number(value).toLocaleString();
const size = (bytes) => (bytes < 1e6 ? number(Math.round(bytes / 1e3)) + ' kB' : number(Math.round(bytes / 1e5) / 10) + ' MB');
const poll = (work, ms) => {
  let over = false, timer;
  const again = async () => {
    try { if (Date.now() - touched < IDLE) await work(); } catch (error) { say(error.message); }
    if (!over) timer = setTimeout(again, ms);
  };
  here.stop = () => { over = true; clearTimeout(timer); };
  return again();
};

async function refresh() {
  here.status = tree((await api('status')).lines);
  one('#who').textContent = [here.status.imei, here.status.version, t('way.' + here.way)].filter(Boolean).join(' \u00b7 ');
  return here.status;
}

async function begin() {
  document.documentElement.lang = LANG ? 'es' : 'en';
  one('.skip').textContent = t('skip');
  try {
    const about = await api('about');
    here.way = about.way;
    here.devices = about.devices || [];
    if (here.devices.length) {
      here.device = here.devices[0];
      const pick = one('#pick');
      pick.hidden = here.devices.length < 2;
      pick.querySelector('span').textContent = t('device');
      const list = pick.querySelector('select');
      list.append(...here.devices.map((each) => el('option', {}, each)));
      list.addEventListener('change', () => { here.device = list.value; one('#who').textContent = ''; show(); });
    }
  } catch (error) {
    main().replaceChildren(fault(error));
    return;
  }
  window.addEventListener('hashchange', () => { show(); main().focus(); });
  show();
}
