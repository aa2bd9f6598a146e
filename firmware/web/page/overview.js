/* What a visitor wants to know first: problems with what to do, live values, what waits, the link, the clock. */
const list = (group) => Object.values(group || {}).filter((each) => typeof each === 'object');

/* Lines of DOCTOR as {text, help}: what has a line `  do: …` behind it is a problem. */
function findings(lines) {
  const found = [];
  for (const line of lines) {
    if (line.startsWith('  ') && found.length) found[found.length - 1].help = line.trim().replace(/^do: /, '');
    else found.push({ text: line, help: '' });
  }
  return found;
}

/* A reading as rows of a table; the bits of Q are what the meter called invalid (docs/json.md). */
const BITS = ['VABA', 'VABRI', 'VABRC', 'PAT PRT FPT', 'PAF1 PRF1 FPF1', 'PAF2 PRF2 FPF2', 'PAF3 PRF3 FPF3', 'IF1 TF1', 'IF2 TF2', 'IF3 TF3'];
function values(record) {
  const marked = BITS.filter((_, bit) => (record.Q || 0) >> bit & 1).join(' ').split(' ');
  marked.push(...record.BAD || []);
  const rows = Object.entries(record).filter(([key]) => !['IMEI', 'P', 'TYPE', 'Q', 'BAD'].includes(key));
  return el('table', {}, el('tbody', {}, rows.map(([key, value]) => el('tr', {},
    el('th', { scope: 'row' }, key, TEXTS['v.' + key] && el('span.dim', {}, ' ' + t('v.' + key))),
    el('td.n' + (marked.includes(key) ? '.no' : ''), {}, typeof value === 'number' ? number(value) : Array.isArray(value) ? value.join(' ') : String(value),
      marked.includes(key) && ' ' + t('invalid'))))));
}
/* A record of logger.profile extended in the keys of the other form. */
const TOTALS = { AI: 'active_import', AE: 'active_export', R1: 'reactive_q1', R2: 'reactive_q2', R3: 'reactive_q3', R4: 'reactive_q4' };
function plain(record) {
  if (!record || record.FORM !== 'extended') return record;
  const found = { ID: record.ID, TYPE: record.TYPE, TS: record.TS, BAD: [] };
  const put = (key, each, times) => { if (each) { found[key] = Math.round(each.value * (times || 1)); if (!each.valid) found.BAD.push(key); } };
  if (record.end) { found.DT = record.end; for (const key in TOTALS) put(key, record[TOTALS[key]]); }
  const { totals = {}, power = {}, phases = {} } = record;
  put('VABA', totals.active_import);
  put('VABRI', totals.reactive_q1);
  put('VABRC', totals.reactive_q4);
  for (const [n, name] of [['T', 'total'], ['F1', 'l1'], ['F2', 'l2'], ['F3', 'l3']]) {
    const w = power[name] || {}, e = phases[name] || {};
    put('PA' + n, w.active);
    put('PR' + n, w.reactive);
    put('FP' + n, w.power_factor, 1000);
    put('I' + n, e.current, 10);
    put('T' + n, e.voltage, 10);
  }
  return found;
}
const records = (lines) => lines.map((line) => { try { return plain(JSON.parse(line)); } catch (error) { return null; } }).filter(Boolean);
/* Lines of GETRECORDS. */
const logged = (lines) => records(lines.map((line) => line.slice(line.indexOf(' ') + 1)));
const meters = () => list(here.status.meters);

part('overview', async (place) => {
  const problems = el('div', { 'aria-live': 'polite' }), live = el('div'), state = el('div.grid');
  place.append(problems, live, state);
  const found = new Map();
  let asked = 0, from = 0;
  await poll(async () => {
    const s = await refresh();
    const log = s.log || {}, mqtt = s.mqtt || {}, link = s.link || {}, start = s.start || {};
    const drift = meters().filter((each) => each.drift && each.drift !== 'null').map((each) => each.id + ' ' + each.drift + ' s').join(', ');
    state.replaceChildren(
      card(t('deliveries'), ...Object.entries(s.deliveries || { mqtt: { ...mqtt, waiting: log.depth, lost: log.lost } }).filter(([name, each]) => name === 'mqtt' || each.state !== 'off').map(([name, each]) => facts([
        [name.toUpperCase(), el('span' + (each.connected === 'true' || each.state === 'idle' ? '.yes' : '.no'), {}, each.state || t('off'))],
        [t('waiting'), each.waiting], [t('delivered'), each.delivered], [t('lost'), each.lost], [t('last.error'), each.last_error]])), facts([[t('damaged'), log.damaged]])),
      card(t('link'), facts([[t('way'), link.uplink], ['IP', link.ip], [t('operator'), link.operator], [t('technology'), link.technology], [t('signal'), link.signal],
        [t('data'), s.data && s.data.month && t('data.used', size(s.data.today), size(s.data.month)) + (+s.data.limit ? ' ' + t('data.of', s.data.limit) : '')]])),
      card(t('clock'), facts([[t('now'), moment(+s.utc)], [t('source'), s.clock], [t('drift'), drift]])),
      card(t('device'), facts([['IMEI', s.imei], [t('version'), s.version], [t('started'), s.reset], [t('mode'), start.mode], [t('heap'), s.heap && number(s.heap)], [t('update'), s.update && s.update.state], [t('crash'), s.crash !== 'none' && s.crash]])));
    /* What was read last of each meter stands in the log, delivered or not; else the device may know it. */
    const newest = +log.newest || 0;
    from = Math.max(1, from, newest - 3 * meters().length - 8);
    if (from <= newest) for (const each of logged(await at('GETRECORDS,' + from + ',100'))) if (each.TYPE === 'IEC102') found.set(each.ID, each);
    from = newest + 1;
    for (const { id, last_ok } of meters()) if (+last_ok && !found.has(id)) try { found.set(id, records(await at('GETIEC102,' + id))[0] || null); } catch (error) { found.set(id, null); }
    live.replaceChildren(...meters().map((each) => card(each.id, el('p.dim', {}, t('read.state', each.reads, each.errors, moment(+each.last_ok)), +each.next > 0 && ' ' + t('read.next', moment(+each.next))),
      each.last_error && el('p.no', {}, each.last_error), found.get(each.id) && values(found.get(each.id)))));
    if (!meters().length) live.replaceChildren(card(t('meters'), el('p', {}, t('no.meter'), ' ', el('a', { href: '#settings/meter' }, t('settings')))));
    if (asked++ % 12 === 0) {
      try {
        const bad = findings(await at('DOCTOR')).filter((each) => each.help);
        problems.replaceChildren(...bad.map((each) => el('div.card.bad', {}, el('strong', {}, each.text), el('p', {}, t('do') + ' ' + each.help))));
        if (!bad.length) problems.replaceChildren(el('p.yes', {}, t('no.problems')));
      } catch (error) { problems.replaceChildren(fault(error)); }
    }
  }, here.way === 'broker' ? 60000 : 5000);
});
