/* Every setting, grouped as TITAN's menus, out of the table that the build puts in: SETTINGS and SPANISH.
   A row: [name without group, heritage name, type, limits, default, when, help]. */
const MENUS = [['serial', 'port'], ['wan', 'uplink', 'ntp', 'sms'], ['mqtt', 'mqtt', 'http', 'ftp', 'tls', 'ha'], ['logger', 'logger'], ['meter', 'meter', 'iec102'], ['more']];
const known = new Set(MENUS.flatMap((each) => each.slice(1)));
const groupsOf = (menu) => (menu[0] === 'more' ? Object.keys(SETTINGS).filter((each) => !known.has(each)) : menu.slice(1).filter((each) => SETTINGS[each]));
const rowOf = new Map();
for (const [group, { rows }] of Object.entries(SETTINGS)) for (const row of rows) rowOf.set(group + '.' + row[0], row);

/* `IEC102_period3`, `COMM2_baudrate`, `mqtt.broker` -> our name. */
const heritage = new Map();
for (const [group, { first, count, rows }] of Object.entries(SETTINGS)) {
  for (const row of rows) {
    for (let n = 0; n < count; n++) {
      const index = first === null ? '' : String(first + n);
      const own = group + (index && '.' + index) + '.' + row[0];
      let old = row[1];
      if (index && n) old = old.startsWith('COMM_') ? 'COMM' + index + old.slice(4) : old + index;
      if (old) heritage.set(old.toLowerCase(), own);
      heritage.set(own, own);
    }
  }
}

function field(name, row, value) {
  const [, , type, limits, preset] = row;
  const id = 's-' + name;
  const given = { id, name, 'data-was': value, 'aria-describedby': id + '-help' };
  let input;
  if (type === 'bool') input = el('select', given, ['on', 'off'].map((each) => el('option', { value: each, selected: each === value }, t(each))));
  else if (type === 'choice') input = el('select', given, limits.split(',').map((each) => el('option', { selected: each === value }, each)));
  else if (type === 'secret' || type === 'code') input = el('input', { ...given, type: 'password', value: '', placeholder: value ? t('kept') : '', autocomplete: 'new-password', 'data-was': '' });
  else input = el('input', { ...given, value, inputmode: type === 'int' ? 'numeric' : null, spellcheck: 'false', autocapitalize: 'none' });
  /* A value that is none of the choices is kept: a broken setting never keeps the page from loading. */
  if (input.tagName === 'SELECT' && ![...input.options].some((each) => each.value === value)) input.prepend(el('option', { value, selected: true }, value || '\u2014'));
  const range = type === 'int' ? limits.replace(',', ' \u2026 ') : '';
  const help = (LANG && SPANISH[name.replace(/\.\d+\./, '.')]) || row[6];
  const notes = [help, range, type !== 'secret' && type !== 'code' && t('default', preset || '\u2014'), row[5] && t('when.' + row[5])].filter(Boolean).join(' \u00b7 ');
  const why = el('span.why', { id: id + '-why', role: 'alert' });
  /* An empty field leaves a secret as it is: to have none takes a word. */
  const none = type === 'secret' && value && el('button.plain', { type: 'button', onclick: () => { input.value = ''; input.dataset.was = value; input.placeholder = t('none'); } }, t('delete'));
  const made = el('div.set' + (value !== preset && type !== 'secret' && type !== 'code' ? '.diff' : ''), { 'data-name': name + ' ' + row[1] + ' ' + help }, el('label', { for: id }, name), none ? el('span.row', {}, input, none) : input, why, el('small', { id: id + '-help' }, notes));
  input.addEventListener('input', () => { input.removeAttribute('aria-invalid'); why.textContent = wrong(row, input.value); if (why.textContent) input.setAttribute('aria-invalid', 'true'); });
  return made;
}

/* What can be seen without the device; it has the last word. */
function wrong(row, value) {
  const [, , type, limits] = row;
  if (type === 'int' && !/^\s*\d+\s*$/.test(value)) return t('bad.number');
  if (type === 'int') { const [low, high] = limits.split(',').map(Number); if (+value < low || +value > high) return t('bad.range', low, high); }
  if (/^\d+$/.test(limits) && value.length > +limits) return t('bad.long', limits);
  /* As firmware/config/check.py has them. */
  const none = { word: /[ ,;"+#/\\]/, topic: /[+#]/ }[type];
  if (none && none.test(value)) return t('bad.letters', type === 'word' ? ', ; " + # / \\' : '+ #');
  return '';
}

async function stored() {
  const found = {};
  for (const line of (await api('settings')).lines) {
    const cut = line.indexOf(':');
    const name = cut > 0 && heritage.get(line.slice(0, cut).trim().toLowerCase());
    if (name) found[name] = line.slice(cut + 1).trim();
  }
  return found;
}

/* What SAVECONFIG answered: which field a refusal is about, and the code a change of the way wants. */
async function save(values, place, lasts, lines = Object.entries(values).map(([name, value]) => name + ': ' + value)) {
  const told = el('div');
  place.replaceChildren(told);
  try {
    const answer = await at('SAVECONFIG', ...lines);
    told.append(el('p.yes', {}, t('saved')), ...answer.map((line) => el('p', {}, line)));
    const code = answer.map((line) => /^confirm: (\S+) within (\d+)/.exec(line)).find(Boolean);
    const when = Object.keys(values).map((name) => (rowOf.get(name.replace(/\.\d+\./, '.')) || [])[5]);
    if (code) trial(told, values, +code[2], code[1]);
    else if (when.includes('way') || when.includes('link')) trial(told, values, +lasts || 10, '');
    else if (when.includes('restart')) told.append(reboot());
    return true;
  } catch (error) {
    told.append(fault(error));
    for (const name of Object.keys(values)) {
      const input = document.getElementById('s-' + name);
      if (input && error.message.includes(name)) {
        input.setAttribute('aria-invalid', 'true');
        document.getElementById('s-' + name + '-why').textContent = error.message;
        input.focus();
      }
    }
    return false;
  }
}

/* The new way is tried so long: with a code CONFIRM over it makes it stay, else that the broker is reached. Where it
   did not, the old values come back. */
function trial(place, values, minutes, code) {
  const end = Date.now() + minutes * 6e4, left = el('strong'), rest = el('div');
  const settled = (word) => { clearInterval(timer); left.textContent = t(word); rest.remove(); };
  const names = Object.keys(values), way = names.some((name) => name.startsWith('uplink.'));
  rest.append(...[
    (code ? here.way !== 'device' : here.way === 'cable') && el('button', { onclick: doing(async () => { await at(code ? 'CONFIRM,' + code : 'CONFIRM'); settled('confirmed'); }) }, t('confirm')),
    el('p', {}, !code ? t('trial.link') : here.way === 'device' || names.includes('mqtt.broker') ? t('confirm.where', 'AT^MTXTUNNEL=CONFIRM,' + code) : ''),
    way ? reboot() : ''].filter(Boolean));
  const tick = async () => {
    const s = Math.max(0, Math.round((end - Date.now()) / 1000));
    left.textContent = t('trial.left', Math.floor(s / 60) + ':' + String(s % 60).padStart(2, '0'));
    if (s) return;
    settled('trial.over');
    const shown = names.find((name) => !['secret', 'code'].includes((rowOf.get(name.replace(/\.\d+\./, '.')) || [])[2]));
    const have = shown && await stored().catch(() => ({}));
    if (have && have[shown] === values[shown]) settled('confirmed');
  };
  const timer = setInterval(tick, 1000);
  tick();
  place.append(el('div.card', {}, el('p', {}, left), rest));
}

const reboot = () => el('p', {}, t('needs.restart') + ' ', el('button.plain', { onclick: doing(async () => { await at('REBOOT'); say(t('restarting')); }) }, t('reboot')));

part('settings', async (place, wanted = 'serial', nth) => {
  const menu = MENUS.find((each) => each[0] === wanted) || MENUS[0];
  place.append(el('div.row', { role: 'group', 'aria-label': t('settings') }, MENUS.map(([name]) => el('a', { href: '#settings/' + name, 'aria-current': name === menu[0] && 'true' }, t('menu.' + name)))));
  const search = el('input', { type: 'search', id: 'search' });
  const differs = el('input', { type: 'checkbox', id: 'differs' });
  const form = el('form'), told = el('div', { 'aria-live': 'polite' });
  place.append(el('div.row', {}, el('span', {}, el('label', { for: 'search' }, t('search')), ' ', search), el('span', {}, differs, ' ', el('label', { for: 'differs' }, t('differs')))), form, told);
  form.append(el('p.dim', {}, t('loading')));
  const have = await stored();
  const draw = () => {
    const searched = search.value.trim().toLowerCase();
    const parts = [];
    for (const group of searched ? Object.keys(SETTINGS) : groupsOf(menu)) {
      const { first, count, rows } = SETTINGS[group];
      for (let n = 0; n < count; n++) {
        const index = first === null ? '' : '.' + (first + n);
        if (group === 'meter' && n && have[`meter.${n}.enabled`] !== 'on' && nth !== String(n)) continue;
        const fields = rows.map((row) => {
          const name = group + index + '.' + row[0];
          return field(name, row, have[name] === undefined ? row[4] : have[name]);
        }).filter((each) => (!searched || each.dataset.name.toLowerCase().includes(searched)) && (!differs.checked || each.classList.contains('diff')));
        if (fields.length) parts.push(el('section.card', {}, el('h2', {}, t('group.' + group) + (index ? ' ' + (first + n) : '')), ...fields));
      }
    }
    const next = [1, 2, 3, 4, 5, 6, 7].find((n) => have[`meter.${n}.enabled`] !== 'on');
    form.replaceChildren(...parts, parts.length ? '' : el('p', {}, t('nothing')),
      el('div.row', {}, el('button', { id: 'save' }, t('save')), menu[0] === 'meter' && next && el('a', { href: '#settings/meter/' + next }, t('add.meter'))));
  };
  search.addEventListener('input', draw);
  differs.addEventListener('change', draw);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const values = {};
    /* What the device refused may be good now, with another field: it decides again. */
    for (const input of form.querySelectorAll('[name][aria-invalid]')) input.dispatchEvent(new Event('input'));
    for (const input of form.querySelectorAll('[name]')) if (input.value !== input.dataset.was) values[input.name] = input.value.trim();
    if (!Object.keys(values).length) { say(t('no.change')); return; }
    if (form.querySelector('[aria-invalid=true]')) { form.querySelector('[aria-invalid=true]').focus(); say(t('look.at')); return; }
    const button = one('#save');
    button.disabled = true;
    if (await save(values, told, have['device.trial'])) Object.assign(have, values), draw();
    else button.disabled = false;
  });
  draw();
});
