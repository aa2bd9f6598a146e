/* The log, the trace, the console, import and backup, updates, a restart. */
part('log', async (place) => {
  const shown = el('div'), list = el('div');
  place.append(shown, list);
  const draw = async () => {
    const log = tree(await at('GETLOG'));
    shown.replaceChildren(card(t('log'), facts([[t('waiting'), log.depth], [t('oldest'), log.oldest], [t('newest'), log.newest], [t('lost'), log.dropped], [t('damaged'), log.damaged]])));
    const from = Math.max(1, (+log.newest || 0) - 19);
    const lines = await at('GETRECORDS,' + from + ',20');
    list.replaceChildren(card(t('records'), ...lines.reverse().map((line) => el('pre', {}, line))));
  };
  place.prepend(el('div.row', {}, el('button.plain', { onclick: doing(draw) }, t('again')), el('button.plain', {
    onclick: doing(async () => {
      const lines = await at('CLEARLOG');
      if (confirm(lines.join('\n') + '\n' + t('sure'))) { say((await at('CLEARLOG,YES')).join(' ') || 'OK'); await draw(); }
    }) }, t('clear'))));
  await draw();
});

/* Every frame on the meter's line with its meaning. It goes where this way can get it from. */
part('trace', async (place) => {
  const where = { device: 'file', cable: 'console', broker: 'topic' }[here.way];
  const out = el('pre', { role: 'log', tabindex: 0, 'aria-label': t('trace') }), state = el('p', { role: 'status' });
  let last, asked = 0, came = 0;
  const look = async () => {
    const mine = ++asked, got = await api('trace');
    if (mine < came) return; /* a later one was quicker */
    came = mine;
    if (!got.ok) throw new Refused(got);
    state.textContent = t(got.lines[0] === where ? 'trace.on' : 'trace.off');
    /* What comes is the end of it: what was there already ends with the lines that came last. */
    const lines = (got.trace || []).map((line) => line + '\n'), text = lines.join(''), cut = last ? text.lastIndexOf(last) : -1;
    const fresh = cut < 0 ? (last ? '\u2026\n' : '') + text : text.slice(cut + last.length);
    if (!text || !fresh) return;
    last = lines.slice(-3).join('');
    out.textContent = (out.textContent + fresh).slice(-2e5);
    out.scrollTop = out.scrollHeight;
  };
  const button = (to) => el('button' + (to === 'off' ? '.plain' : ''), { onclick: doing(async () => { await at('SETPARAM,iec102.trace,' + to); await look(); }) }, t(to === 'off' ? 'trace.end' : 'trace.begin'));
  place.append(el('p.dim', {}, t('trace.note')), el('div.row', {}, button(where), button('off')), state, el('section.card', {}, out));
  await poll(look, here.way === 'broker' ? 10000 : 2000);
});

part('console', async (place) => {
  await refresh();
  const out = el('pre', { role: 'log', tabindex: 0, 'aria-label': t('answer') }), line = el('input', { id: 'line', spellcheck: 'false', autocapitalize: 'none', size: 40, autocomplete: 'off' });
  const kept = JSON.parse(sessionStorage.getItem('lines') || '[]');
  let place_ = kept.length;
  line.addEventListener('keydown', (event) => {
    if (event.key !== 'ArrowUp' && event.key !== 'ArrowDown') return;
    event.preventDefault();
    place_ = Math.max(0, Math.min(kept.length, place_ + (event.key === 'ArrowUp' ? -1 : 1)));
    line.value = kept[place_] || '';
  });
  place.append(el('form.row', {
    onsubmit: async (event) => {
      event.preventDefault();
      const text = line.value.trim();
      if (!text) return;
      if (!/passw|clave|key|pin|secret|login/i.test(text)) { kept.push(text); sessionStorage.setItem('lines', JSON.stringify(kept.slice(-100))); }
      place_ = kept.length;
      line.value = '';
      out.append('> ' + text + '\n');
      try { out.append((await at(text)).map((each) => each + '\n').join('') + 'OK\n\n'); } catch (error) {
        out.append(((error.answer && error.answer.lines) || []).map((each) => each + '\n').join('') + 'ERROR ' + error.message + '\n\n');
      }
      out.scrollIntoView(false);
    } }, el('label', { for: 'line' }, t('command')), line, el('button', {}, t('send')), el('button.plain', { type: 'button', onclick: () => { line.value = 'HELP'; line.form.requestSubmit(); } }, t('help'))),
  el('p.dim', {}, t('console.note')), el('section.card', {}, out));
  line.focus();
});

part('device', async (place) => {
  const s = await refresh(), told = el('div', { 'aria-live': 'polite' });
  const text = el('textarea', { id: 'import', spellcheck: 'false' });
  const url = el('input', { id: 'url', size: 40, placeholder: 'https://\u2026/lector102.rel' });
  const bar = el('progress', { hidden: true, max: 1, value: 0, 'aria-label': t('update') }), done = el('p', { role: 'status' });
  place.append(
    card(t('import'), el('p.dim', {}, t('import.note')), el('label', { for: 'import' }, t('import.text')), text, el('div.row', {},
      el('button', { onclick: doing(async () => {
        const lines = text.value.split(/\r?\n/).filter((line) => line.trim()), values = {};
        for (const line of lines) {
          const cut = line.indexOf(':'), name = heritage.get(line.slice(0, cut).trim().toLowerCase());
          if (name) values[name] = line.slice(cut + 1).trim();
        }
        await save(values, told, 0, lines);
      }) }, t('take')),
      el('button.plain', { id: 'backup', onclick: doing(async () => {
        const lines = (await api('settings')).lines.filter((line) => !line.endsWith(': ***'));
        const link = el('a', { download: 'lector102-' + s.imei + '.txt', href: URL.createObjectURL(new Blob([lines.join('\n') + '\n'], { type: 'text/plain' })) });
        link.click();
        URL.revokeObjectURL(link.href);
      }) }, t('backup'))), told),
    card(t('update'), facts([[t('version'), s.version], [t('state'), s.update && s.update.state], [t('last.error'), s.update && s.update.error]]), el('div.row', {},
      el('span', {}, el('label', { for: 'url' }, t('address')), ' ', url),
      el('button', { onclick: doing(async () => {
        await at('UPDATE,' + url.value.trim());
        bar.hidden = false;
        for (let n = 0; n < 600; n++) {
          await sleep(2000);
          let lines;
          try { lines = await at('GETSTATUS,update'); } catch (error) { say(t('restarting')); continue; }
          const all = tree(lines), found = all.update || all;
          bar.max = +found.size || 1;
          bar.value = +found.bytes || 0;
          done.textContent = [found.state, size(+found.bytes || 0), found.error].filter(Boolean).join(' \u00b7 ');
          if (found.state === 'idle' || found.state === 'failed') break;
        }
        bar.hidden = true;
      }) }, t('update'))), bar, done),
    card(t('doctor'), el('button.plain', { id: 'doctor', onclick: doing(async () => { const lines = await at('DOCTOR'); one('#found').textContent = lines.join('\n'); }) }, t('doctor')), el('pre', { id: 'found' })),
    card(t('reboot'), el('button', { onclick: doing(async () => { if (confirm(t('sure'))) { await at('REBOOT'); say(t('restarting')); } }) }, t('reboot'))));
});

begin();
