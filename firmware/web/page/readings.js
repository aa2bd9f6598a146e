/* The last values of each kind, pictures of the load curve and of power, closings by tariff, FORCE READ. */
const KINDS = [['', 'k.now'], ['_TAVC', 'k.tavc'], ['_CTAVM2', 'k.closings', 45], ['_LC', 'k.curve', 2], ['_EV', 'k.events', 31], ['_CLOCK', 'k.clock'], ['_ID', 'k.id'], ['_PC', 'k.power'], ['_CFG', 'k.cfg']];
const LOOK = 400;
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/* h,m,d,M,yy of a moment, in the meter's local time as the browser has it. */
const words = (date) => [date.getHours(), date.getMinutes(), date.getDate(), date.getMonth() + 1, date.getFullYear() % 100].join(',');
const stamp = (text) => (typeof text === 'number' ? text * (text < 1e11 ? 1000 : 1) : Date.parse(String(text).replace(/-[01]$/, '')));
const curve = (found) => picture(t('k.curve'), series(found, Object.keys(TOTALS)), 'kWh / kvarh');

/* One line a series: [{name, points: [[ms, value]…]}]. */
function picture(title, series, unit) {
  const all = series.flatMap((each) => each.points);
  if (all.length < 2) return el('p.dim', {}, t('too.few'));
  const W = 720, H = 220, L = 56, R = 8, T = 10, B = 26;
  const x0 = Math.min(...all.map((p) => p[0])), x1 = Math.max(...all.map((p) => p[0])) || x0 + 1;
  const top = Math.max(...all.map((p) => p[1]), 1), low = Math.min(0, ...all.map((p) => p[1]));
  const x = (v) => L + (v - x0) / (x1 - x0 || 1) * (W - L - R), y = (v) => T + (top - v) / (top - low || 1) * (H - T - B);
  const svg = (tag, given, ...inner) => {
    const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [key, value] of Object.entries(given)) made.setAttribute(key, value);
    made.append(...inner);
    return made;
  };
  const marks = [0, 1, 2, 3, 4];
  const drawn = svg('svg', { viewBox: `0 0 ${W} ${H}`, role: 'img', 'aria-label': t('picture', title, series.map((each) => each.name).join(', '), number(top), unit) },
    ...marks.map((n) => { const v = low + (top - low) * n / 4; return svg('path', { d: `M${L} ${y(v)}H${W - R}`, stroke: 'var(--line)', fill: 'none' }); }),
    ...marks.map((n) => { const v = low + (top - low) * n / 4; return svg('text', { x: L - 6, y: y(v) + 4, 'text-anchor': 'end' }, number(Math.round(v * 10) / 10)); }),
    ...marks.map((n) => { const v = x0 + (x1 - x0) * n / 4; return svg('text', { x: x(v), y: H - 6, 'text-anchor': ['start', 'middle', 'middle', 'middle', 'end'][n] }, new Date(v).toLocaleString([], { day: '2-digit', month: '2-digit', hour: '2-digit', minute: '2-digit' })); }),
    ...series.map((each, n) => svg('path', { d: 'M' + each.points.map((p) => `${x(p[0]).toFixed(1)} ${y(p[1]).toFixed(1)}`).join('L'), stroke: `var(--${'abcd'[n % 4]})`, 'stroke-width': 2, 'stroke-dasharray': ['', '6 3', '2 3', '8 3 2 3'][n % 4], fill: 'none' })));
  return el('figure', {}, drawn, el('figcaption.dim', {}, series.map((each, n) => each.name + ' ' + ['\u2014', '- -', '\u00b7\u00b7\u00b7', '-\u00b7-'][n % 4]).join('   '), unit && ' (' + unit + ')'));
}

/* Numbers that come again in each record, against their times. */
function series(found, keys) {
  return keys.map((key) => ({ name: key, points: found.filter((each) => typeof each[key] === 'number').map((each) => [stamp(each.DT || each.TS), each[key]]).filter((p) => !isNaN(p[0])).sort((a, b) => a[0] - b[0]) })).filter((each) => each.points.length);
}

function table(found) {
  const keys = [...new Set(found.flatMap(Object.keys))].filter((key) => !['IMEI', 'P', 'TYPE', 'ID'].includes(key));
  return el('table', {}, el('thead', {}, el('tr', {}, keys.map((key) => el('th', { scope: 'col' }, key)))),
    el('tbody', {}, found.map((each) => el('tr', {}, keys.map((key) => el(typeof each[key] === 'number' ? 'td.n' : 'td', {}, each[key] === undefined ? '' : typeof each[key] === 'object' ? JSON.stringify(each[key]) : String(each[key])))))));
}

/* A keyboard scrolls it, too. */
const wide = (inner) => el('div.wide', { tabindex: 0, role: 'region', 'aria-label': t('records') }, inner);

/* Closings: one table a tariff, as object 20 is the total and 21 to 29 are the periods. */
function closings(found) {
  const tariffs = new Map();
  for (const record of found) {
    for (const each of record.CTAVM2 || [record]) {
      const { DO, object, FORM, TYPE, TS, P, IMEI, ID, ...rest } = each, key = DO === undefined ? object : DO;
      tariffs.set(key, [...(tariffs.get(key) || []), { ...rest, IMEI, P, TYPE, ID }]);
    }
  }
  return [...tariffs].sort((a, b) => a[0] - b[0]).map(([key, rows]) => [el('h3', {}, key === 20 ? t('tariff.total') : t('tariff', key > 20 && key < 30 ? 'P' + (key - 20) : key)), wide(table(rows))]);
}

function drawn(kind, found) {
  const inner = [];
  if (kind === '_LC') inner.push(curve(found));
  if (found.length === 1 && !kind) inner.push(values(found[0]));
  else if (kind === '_CTAVM2') inner.push(closings(found));
  else if (found.length) inner.push(wide(table(found)));
  inner.push(el('details', {}, el('summary', {}, 'JSON'), el('pre', {}, found.map((each) => JSON.stringify(each)).join('\n'))));
  return inner;
}

async function ask(id, kind, days, progress) {
  const to = new Date(), from = new Date(to - days * 864e5);
  await at('SETIEC102' + kind + ',' + id + (days ? ',' + words(from) + ',' + words(to) : ''));
  for (let n = 0; n < 120; n++) {
    progress.textContent = t('reading', n);
    await sleep(1000);
    try { return records(await at('GETIEC102' + kind + ',' + id)); } catch (error) {
      const code = error.answer && error.answer.code;
      if (code === 7) continue;
      /* More than one answer holds: what there is is shown. */
      if (code === 10) { say(error.message); return records(error.answer.lines); }
      throw error;
    }
  }
  throw new Error(t('too.long'));
}

part('readings', async (place) => {
  await refresh();
  if (!meters().length) { place.append(card(t('meters'), el('p', {}, t('no.meter')))); return; }
  const id = el('select', { id: 'meter' }, meters().map((each) => el('option', {}, each.id)));
  const kind = el('select', { id: 'kind' }, KINDS.map(([name, word]) => el('option', { value: name }, t(word))));
  const days = el('input', { id: 'days', type: 'number', min: 1, max: 400, value: 1, size: 4 });
  const progress = el('p', { role: 'status' }), shown = el('div'), bar = el('progress', { hidden: true, 'aria-label': t('force') });
  const of = () => KINDS.find((each) => each[0] === kind.value);
  const give = (found) => { shown.replaceChildren(card(t(of()[1]) + ' ' + id.value, ...(found.length ? drawn(kind.value, found) : [el('p', {}, t('nothing'))]))); progress.textContent = t('records.n', found.length); };
  const last = async () => { try { give(records(await at('GETIEC102' + kind.value + ',' + id.value))); } catch (error) { shown.replaceChildren(el('p.dim', {}, error.message)); } };
  const span = el('span', {}, el('label', { for: 'days' }, t('days')), ' ', days);
  const choose = () => { span.hidden = !of()[2]; days.value = of()[2] || 1; progress.textContent = ''; last(); };
  id.addEventListener('change', choose);
  kind.addEventListener('change', choose);
  const slow = async (work) => { bar.hidden = false; try { const found = await work(); if (found) give(found); else progress.textContent = ''; } catch (error) { progress.textContent = ''; shown.replaceChildren(fault(error)); } bar.hidden = true; };
  place.append(el('div.row', {}, el('span', {}, el('label', { for: 'meter' }, t('meter')), ' ', id), el('span', {}, el('label', { for: 'kind' }, t('kind')), ' ', kind), span),
    el('div.row', {},
      el('button', { id: 'force', onclick: doing(() => { kind.value = ''; span.hidden = true; progress.textContent = t('reading', 0); return slow(async () => records(await at('FORCEREAD,' + id.value))); }) }, t('force')),
      el('button.plain', { id: 'ask', onclick: doing(() => slow(() => ask(id.value, kind.value, of()[2] ? +days.value : 0, progress))) }, t('read.now')),
      el('button.plain', { id: 'power', onclick: doing(() => slow(() => history(id.value, shown))) }, t('history'))),
    progress, bar, shown);
  choose();
});

/* Power, and the load curve where it is kept, as the log has them: of its last records, in pieces. */
async function history(id, shown) {
  const newest = +tree(await at('GETLOG')).newest || 0, found = [];
  let from = Math.max(1, newest - LOOK + 1);
  while (from <= newest) {
    const lines = await at('GETRECORDS,' + from + ',50');
    if (!lines.length) break;
    from = parseInt(lines[lines.length - 1], 10) + 1;
    found.push(...logged(lines).filter((each) => each.ID === id));
  }
  const of = (type) => found.filter((each) => each.TYPE === type);
  shown.replaceChildren(card(t('history') + ' ' + id, picture(t('power'), series(of('IEC102'), ['PAT', 'PRT']), 'kW / kvar'),
    of('IEC102_LC').length > 0 && curve(of('IEC102_LC')), el('p.dim', {}, t('records.n', found.length))));
}
