// The dashboard: asks the API once a second, follows its event stream, and gives its commands.
// Whatever comes from the appliance is put into text and attributes only, never read as markup.
'use strict';

const SPAN_MS = 60000, POLL_MS = 1000, KEPT_EVENTS = 200;
const WEIGHT = { warning: 1, critical: 2 };
const SPEAKS = { active: true, sharing: true };
// Events of every slot or every due slot would bury the ones that explain a switch.
const QUIET = { prb_use: true, accepted: true };
const state = {
  token: sessionStorage.getItem('ranshift-token') || '', readOnly: false, heardAt: 0, started: 0, last: 0,
  appliance: null, before: null, cells: [], events: [], lanes: new Map(), stream: null,
};
const $ = id => document.getElementById(id);

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.map(String));
  return element;
}

function draw(name, attributes, text) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

const amount = n => Math.round(n).toLocaleString('en');
const percent = part => `${Math.round(part * 100)} %`;
const clock = ns => new Date(ns / 1e6).toISOString().slice(11, 23);
const short = (text, most) => [...text].length > most ? `${[...text].slice(0, most - 1).join('')}…` : text;
function rate(n, unit) {
  const [value, prefix] = n >= 1e9 ? [n / 1e9, 'G'] : n >= 1e6 ? [n / 1e6, 'M'] : n >= 1e3 ? [n / 1e3, 'k'] : [n, ''];
  return `${value.toFixed(value < 10 && prefix ? 2 : value < 100 && prefix ? 1 : 0)} ${prefix}${unit}`;
}
function ago(us) {
  if (us == null) return 'never heard';
  return us < 1e3 ? `heard ${us.toFixed(0)} µs ago` : us < 1e6 ? `heard ${(us / 1e3).toFixed(1)} ms ago` : `heard ${(us / 1e6).toFixed(1)} s ago`;
}
function span(ns) {
  const s = Math.floor(ns / 1e9);
  return s < 60 ? `${s} s` : s < 3600 ? `${Math.floor(s / 60)} min` : s < 86400 ? `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min` : `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`;
}
// Without an RU it is the L2 that is served.
const fixedSide = spec => spec.l2 && spec.l2 === spec.ru ? 'L2' : 'RU';
const takesOver = spec => spec.l2 ? 'at the first slot that nobody was given' : 'with its first C-plane';
const phyOf = (status, member) => status.fapi && status.fapi.phys.find(phy => phy.member === member.member);
const mode = m => m.mode === 'single' ? `${m.active} active` : `${m.source} and ${m.destination} sharing`;

// Asking

async function ask(path, options = {}) {
  const headers = { ...options.headers };
  if (state.token) headers.authorization = `Bearer ${state.token}`;
  const answer = await fetch(path, { cache: 'no-store', credentials: 'omit', ...options, headers });
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(problem.detail || problem.title || `the appliance answers ${answer.status}`), { status: answer.status, kind: problem.type });
}

async function poll() {
  const timeLimit = AbortSignal.timeout(5000);
  try {
    const [appliance, cells] = await Promise.all(['/api/v1/appliance', '/api/v1/cells'].map(async path => (await ask(path, { signal: timeLimit })).json()));
    if (appliance.started_ns !== state.started) begin(appliance);
    if (!state.appliance || appliance.at_ns > state.appliance.at_ns) state.before = state.appliance;
    Object.assign(state, { appliance, cells, heardAt: Date.now() });
    cells.forEach(remember);
    show();
  } catch (error) {
    silent(error);
  }
  setTimeout(poll, POLL_MS);
}

// A process that has been started anew counts everything, its events too, from the beginning.
function begin(appliance) {
  Object.assign(state, { started: appliance.started_ns, appliance: null, before: null, events: [], last: 0 });
  if (state.stream) state.stream.abort();
  follow(state.stream = new AbortController());
}

async function follow(stream) {
  try {
    const known = await (await ask('/api/v1/events?limit=100', { signal: stream.signal })).json();
    known.forEach(happened);
    while (!stream.signal.aborted) {
      await read(stream).catch(() => {});
      await new Promise(done => setTimeout(done, POLL_MS));
    }
  } catch (error) {
    if (!stream.signal.aborted) setTimeout(() => follow(stream), POLL_MS);
  }
}

// fetch, because EventSource cannot send the token.
async function read(stream) {
  const answer = await ask(`/api/v1/events/stream?after=${state.last}`, { signal: stream.signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ''; ;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith('data:')) continue;
      const event = JSON.parse(line.slice(5));
      if (event.id) happened(event);
    }
  }
}

function happened(event) {
  if (event.id <= state.last) return;
  state.last = event.id;
  if (QUIET[event.event]) return;
  state.events.unshift(event);
  state.events.length = Math.min(state.events.length, KEPT_EVENTS);
  showEvents();
}

// Showing

function silent(error) {
  if (error.status === 401) {
    locked('This appliance wants a token: enter it above.');
    $('token').focus();
  } else if (error.status) {
    locked(`The appliance refuses: ${error.message}`);
  } else if (!state.heardAt) {
    locked('No answer from the appliance. Trying again …');
  } else {
    document.body.dataset.state = 'gone';
    const since = new Date(state.heardAt).toISOString().slice(11, 19);
    $('verdict').textContent = `No answer since ${since} UTC (${Math.round((Date.now() - state.heardAt) / 1000)} s). What you see is from then.`;
  }
}

function locked(words) {
  document.body.dataset.state = 'locked';
  $('verdict').textContent = words;
}

function show() {
  const { appliance, before, cells } = state;
  verdict(cells, appliance);
  const load = Math.max(0, ...appliance.lcores.map(lcore => lcore.load));
  $('about').textContent = `${appliance.version} · up ${span(appliance.at_ns - appliance.started_ns)} · term ${appliance.term} · ledger ${appliance.ledger.balance === 0 ? 'balanced' : `off by ${appliance.ledger.balance}`} · busiest lcore ${percent(load)}`;
  showCells(cells);
  timeline();
  const seconds = before ? (appliance.at_ns - before.at_ns) / 1e9 : 0;
  const change = (now, then) => seconds > 0 && then !== undefined ? Math.max(0, now - then) / seconds : 0;
  const reasons = Object.entries(appliance.drops).sort((a, b) => b[1] - a[1]);
  rows('drops', ['reason', '>now', '>total'], reasons.map(([reason, total]) => [reason, rate(change(total, before && (before.drops[reason] || 0)), '/s'), amount(total)]), 'Nothing has been dropped.');
  rows('lcores', ['lcore', 'load', '>cycles/frame', '>longest gap', 'cells'], appliance.lcores.map(lcore => [`${lcore.lcore} on core ${lcore.core} (${lcore.idle})`, { meter: lcore.load }, lcore.cycles_per_frame == null ? '-' : amount(lcore.cycles_per_frame), `${amount(lcore.longest_gap_us)} µs`, lcore.cells.join(', ')]), 'No lcores.');
  const old = name => before && before.ports.find(port => port.port === name) || {};
  rows('ports', ['port', '>in', '', '>out', ''], appliance.ports.map(port => [
    port.port, rate(change(port.received, old(port.port).received), 'frame/s'), rate(8 * change(port.received_bytes, old(port.port).received_bytes), 'bit/s'),
    rate(change(port.sent, old(port.port).sent), 'frame/s'), rate(8 * change(port.sent_bytes, old(port.port).sent_bytes), 'bit/s')]), 'No ports.');
  const used = cells.flatMap(cell => cell.status.members.filter(member => member.prb_use).map(member => [cell.cell, member.member, member.role, { meter: member.prb_use.share }]));
  rows('use', ['cell', 'member', 'role', 'of the carrier'], used, 'No PRB use has been measured.');
}

// The one sentence that somebody woken at night reads first.
function verdict(cells, appliance) {
  const problems = [];
  let worst = 'good';
  const say = (how, words) => { problems.push(words); if (how === 'bad' || worst === 'good') worst = how; };
  for (const cell of cells) {
    const { level, words } = judge(cell);
    if (level !== 'good') say(level, `${cell.cell}: ${words}`);
  }
  if (appliance.ledger.balance !== 0) say('bad', `The ledger is off by ${appliance.ledger.balance}: frames ended without a reason.`);
  document.body.dataset.state = cells.length ? worst : 'warn';
  if (!cells.length) return void ($('verdict').textContent = 'No cells are configured. Add them to the configuration file and run `ranshift ctl apply FILE`.');
  const fine = `${cells.length === 1 ? 'The cell is' : `All ${cells.length} cells are`} served.`;
  $('verdict').textContent = problems.length ? problems.slice(0, 4).join('\n') + (problems.length > 4 ? `\nand ${problems.length - 4} more` : '') : fine;
}

function judge({ status }) {
  const speakers = status.members.filter(member => SPEAKS[member.role]);
  const lost = status.members.filter(member => member.lost || member.role === 'fenced');
  if (!speakers.length && status.waiting_for) return { level: 'bad', words: `nobody speaks: the failover waits for the first C-plane of ${status.waiting_for}. Fail over to another member, or readmit the fenced one.` };
  if (!speakers.length) return { level: 'bad', words: 'nobody may speak. Readmit a member or migrate to one.' };
  const dead = speakers.filter(member => member.lost);
  if (status.waiting_for) return { level: 'bad', words: `failing over, waiting for the first C-plane of ${status.waiting_for}.` };
  if (dead.length) return { level: 'bad', words: `${dead[0].member} is lost and nobody has taken over.` };
  if (!status.slot) return { level: 'warn', words: 'no traffic yet.' };
  const stopped = speakers.find(member => phyOf(status, member) && !phyOf(status, member).running);
  if (stopped) return { level: 'bad', words: `the PHY of ${stopped.member} is not running: ${status.fapi.l2} is not served.` };
  if (status.mode_cause === 'failover') return { level: 'warn', words: `served by ${speakers[0].member} since a failover.${lost.length ? ` ${lost[0].member} is ${lost[0].role === 'fenced' ? 'fenced' : 'lost'}: repair it, then readmit it.` : ''}` };
  if (lost.length) return { level: 'warn', words: `${lost[0].member} is ${lost[0].role === 'fenced' ? 'fenced' : 'lost'}.` };
  if (status.members.length > 1 && status.mode.mode === 'single' && !status.armed) return { level: 'warn', words: 'no standby is armed: a failure would not be taken over.' };
  return { level: 'good', words: '' };
}

function showCells(cells) {
  const cards = new Map([...$('cells').children].map(card => [card.dataset.cell, card]));
  for (const cell of cells) {
    let card = cards.get(cell.cell);
    cards.delete(cell.cell);
    if (!card) {
      card = make('article');
      card.dataset.cell = cell.cell;
      card.append(make('h3', {}, cell.cell), make('p', { class: 'who' }), make('p', { class: 'slot' }), draw('svg', { role: 'img' }), make('div', { class: 'choices' }));
      $('cells').append(card);
    }
    fill(card, cell);
  }
  cards.forEach(card => card.remove());
}

function fill(card, cell) {
  const { status, spec } = cell;
  card.className = judge(cell).level;
  card.querySelector('.who').textContent = mode(status.mode) + (status.next_mode ? ` → ${mode(status.next_mode)} from slot ${amount(status.next_mode.from_slot)}` : '');
  const slot = status.slot == null ? 'no slot yet' : `slot ${amount(status.slot)}${status.sfn ? ` · SFN ${status.sfn}` : ''}`;
  const fapi = status.fapi ? ` · ${status.fapi.l2} told ${status.fapi.last_slot ? `up to SFN ${status.fapi.last_slot}` : 'no slot yet'}, ${amount(status.fapi.made_up_slots)} slots made up` : '';
  card.querySelector('.slot').textContent = `${slot}${fapi} · ${status.armed ? `${status.armed} armed` : 'no standby armed'}${status.mode.mode === 'shared' ? ` · pattern ${short(status.pattern.slots, 24)}` : ''}`;
  topology(card.querySelector('svg'), cell);
  // Buttons are made anew only when they change: focus stays where it was.
  const others = status.members.filter(member => !SPEAKS[member.role] || status.mode.mode === 'shared' && member.member !== status.mode.source);
  const able = others.filter(member => member.role !== 'fenced' && member.member !== status.waiting_for);
  const choices = able.map(member => [status.waiting_for ? 'instead' : 'migrate', member.member]);
  if (status.armed && !status.waiting_for) choices.push(['failover', status.armed]);
  status.members.filter(member => member.role === 'fenced').forEach(member => choices.push(['readmit', member.member]));
  const key = JSON.stringify([choices, state.readOnly]);
  const place = card.querySelector('.choices');
  if (place.dataset.key === key) return;
  place.dataset.key = key;
  place.replaceChildren(...choices.map(([verb, member]) => {
    const words = { migrate: `Migrate to ${member}`, failover: 'Fail over', instead: `Fail over to ${member}`, readmit: `Readmit ${member}` }[verb];
    const button = make('button', { type: 'button', class: verb === 'failover' ? 'danger' : '', 'data-verb': verb, 'data-member': member }, words);
    button.disabled = state.readOnly;
    if (state.readOnly) button.title = 'This token may only read';
    button.onclick = () => command(spec, cell.cell, verb, member);
    return button;
  }));
}

// RU or L2, the box and the members: a solid line for who may speak, a dashed one for who only listens.
function topology(svg, { spec, status }) {
  const step = 46, height = Math.max(1, status.members.length) * step + 8, middle = height / 2;
  svg.setAttribute('viewBox', `0 0 380 ${height}`);
  svg.setAttribute('aria-label', `${spec.ru}: ${status.members.map(member => `${member.member} ${member.role}`).join(', ')}`);
  const parts = [
    draw('rect', { class: 'box', x: 1, y: middle - 18, width: 78, height: 36, rx: 5 }),
    draw('text', { x: 40, y: middle - 2, class: 'mid' }, short(spec.ru, 10)), draw('text', { x: 40, y: middle + 12, class: 'mid soft' }, fixedSide(spec)),
    draw('path', { class: 'flow soft-stroke', d: `M 80 ${middle} H 112` }),
    draw('rect', { class: 'box', x: 113, y: 4, width: 62, height: height - 8, rx: 5 }), draw('text', { x: 144, y: middle + 4, class: 'mid soft' }, 'ranshift'),
  ];
  status.members.forEach((member, index) => {
    const y = index * step + step / 2 + 4, colour = `m${index % 8}`, role = member.role;
    parts.push(draw('path', { class: `flow ${colour} ${role}`, d: `M 185 ${y} H 236` }));
    parts.push(draw('path', { class: `tip ${colour} ${role}`, d: `M 244 ${y} l -9 -5 v 10 z` }));
    if (SPEAKS[role]) parts.push(draw('path', { class: `tip ${colour}`, d: `M 177 ${y} l 9 -5 v 10 z` }));
    if (role === 'fenced') parts.push(draw('text', { x: 188, y: y + 4, class: 'mid bad' }, '✕'));
    parts.push(draw('rect', { class: `box ${colour} ${role}`, x: 247, y: y - 19, width: 132, height: 38, rx: 5 }));
    parts.push(draw('text', { x: 254, y: y - 4 }, short(member.member, 11)), draw('text', { x: 373, y: y - 4, class: role === 'fenced' || member.lost ? 'end bad' : 'end' }, member.lost && role !== 'fenced' ? 'lost' : role));
    const phy = phyOf(status, member), idle = phy && !phy.running ? ', PHY not running' : '';
    parts.push(draw('text', { x: 254, y: y + 12, class: 'soft' }, `${ago(member.heard_us_ago)}${idle || (member.in_step || role === 'fenced' ? '' : ', not in step')}`));
  });
  svg.replaceChildren(...parts);
}

// History: [from, to, role] of each member, in the appliance's time.
function remember(cell) {
  const { status, spec } = cell, at = status.at_ns / 1e6;
  const since = status.slot == null ? at : at - (status.slot - status.mode_since_slot) * spec.slot_us / 1e3;
  for (const member of status.members) {
    const key = JSON.stringify([cell.cell, member.member]);
    const lane = state.lanes.get(key) || [];
    const last = lane[lane.length - 1];
    if (last && last.role === member.role) last.to = at;
    else {
      // The first look shows since when this has been so; later ones, when the switch was on air.
      const from = last ? Math.max(last.from, Math.min(at, Math.max(since, last.to))) : Math.min(at, since);
      if (last) last.to = from;
      lane.push({ from, to: at, role: member.role });
    }
    state.lanes.set(key, lane.filter(part => part.to > at - SPAN_MS));
  }
}

function timeline() {
  const now = state.appliance.at_ns / 1e6, left = 150, width = 1000, x = at => left + (width - left - 6) * Math.min(1, Math.max(0, (at - now + SPAN_MS) / SPAN_MS));
  const parts = [];
  let y = 4;
  for (const cell of state.cells) {
    const top = y;
    y += 16;
    parts.push(draw('text', { x: 0, y: top + 24 }, short(cell.cell, 12)));
    cell.status.members.forEach((member, index) => {
      parts.push(draw('text', { x: left - 8, y: y + 9, class: 'end soft' }, short(member.member, 10)));
      for (const part of state.lanes.get(JSON.stringify([cell.cell, member.member])) || []) {
        const speaks = SPEAKS[part.role];
        const bar = draw('rect', { class: `lane m${index % 8} ${part.role}`, x: x(part.from), y: speaks ? y : y + 3, width: Math.max(1, x(part.to) - x(part.from)), height: speaks ? 11 : 5 });
        bar.append(draw('title', {}, `${member.member} ${part.role}`));
        parts.push(bar);
      }
      y += 14;
    });
    // What matters most is drawn last, over what happened at the same time.
    const marked = state.events.filter(event => event.cell === cell.cell && event.at_ns / 1e6 > now - SPAN_MS);
    for (const event of marked.sort((a, b) => (WEIGHT[a.severity] || 0) - (WEIGHT[b.severity] || 0))) {
      const at = event.at_ns / 1e6;
      const mark = draw('path', { class: `happened ${event.severity}`, d: `M ${x(at)} ${top + 14} l -5 -9 h 10 z` });
      mark.append(draw('title', {}, `${clock(event.at_ns)} ${event.message}`));
      parts.push(mark);
    }
    y += 6;
    parts.push(draw('path', { class: 'grid', d: `M 0 ${y} H ${width}` }));
    y += 2;
  }
  for (let s = 0; s <= 60; s += 10) parts.push(draw('text', { x: x(now - s * 1000), y: y + 14, class: s === 0 ? 'end soft' : 'mid soft' }, s === 0 ? 'now' : `-${s} s`));
  const svg = draw('svg', { viewBox: `0 0 ${width} ${y + 20}`, role: 'img', 'aria-label': 'Roles over the last 60 seconds' });
  svg.append(...parts);
  $('timeline').replaceChildren(svg);
  $('history').hidden = !state.cells.length;
}

function showEvents() {
  const items = state.events.map(event => {
    const item = make('li', { class: event.severity });
    item.append(make('time', {}, clock(event.at_ns)), make('b', {}, event.cell || 'appliance'), make('span', {}, event.message));
    return item;
  });
  $('events').replaceChildren(...(items.length ? items : [make('li', { class: 'none' }, 'Nothing yet.')]));
}

function rows(id, headings, cells, nothing) {
  const table = $(id);
  const line = (name, row) => {
    const tr = make('tr');
    row.forEach((cell, index) => {
      const right = headings[index].startsWith('>') || headings[index] === '';
      const td = make(name, right ? { class: 'n' } : {});
      if (cell.meter === undefined) td.textContent = name === 'th' ? cell.replace('>', '') : cell;
      else td.append(make('meter', { value: Math.min(1, cell.meter), high: 0.8 }), ` ${percent(cell.meter)}`);
      tr.append(td);
    });
    return tr;
  };
  if (!cells.length) return table.replaceChildren(line('td', [nothing]));
  table.replaceChildren(line('th', headings), ...cells.map(row => line('td', row)));
}

// Commanding

async function command(spec, cell, verb, member) {
  const [question, consequence, body, yes, path = verb] = {
    migrate: [`Migrate ${cell} to ${member}?`, `From the next slot on, only ${member} may speak to ${spec.ru}.`, { to: member }, 'Migrate'],
    failover: [`Fail ${cell} over to ${member}?`, `The active member is fenced at once; ${member} takes over ${takesOver(spec)}.`, {}, 'Fail over'],
    instead: [`Fail ${cell} over to ${member}?`, `The failover waits no longer for another member; ${member} takes over ${takesOver(spec)}.`, { to: member }, 'Fail over', 'failover'],
    readmit: [`Readmit ${member} to ${cell}?`, 'It becomes a standby, or speaks at once if a failover from it still waits.', { member }, 'Readmit'],
  }[verb];
  if (!await confirmed(question, consequence, yes)) return;
  try {
    const answer = await ask(`/api/v1/cells/${encodeURIComponent(cell)}/${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    const { boundary_slot } = await answer.json();
    say(`${cell}: ${{ migrate: `${member} is active`, failover: `fails over to ${member}`, instead: `fails over to ${member}`, readmit: `${member} may take part again` }[verb]} from slot ${amount(boundary_slot)}${path === 'failover' ? ' at the earliest' : ''}.`);
  } catch (error) {
    if (error.kind === '/problems/role') state.readOnly = true;
    say(`${cell}: ${error.status ? `refused: ${error.message}` : 'no answer: whether it was done is not known.'}`, true);
  }
}

function confirmed(question, consequence, yes) {
  const dialog = $('ask');
  $('question').textContent = question;
  $('consequence').textContent = consequence;
  $('yes').textContent = yes;
  dialog.showModal();
  // Not by its close event, which may come when the next question is open already.
  return new Promise(done => {
    dialog.querySelector('form').onsubmit = event => done(event.submitter?.value === 'yes');
    dialog.oncancel = () => done(false);
  });
}

function say(words, bad = false) {
  $('said').hidden = false;
  $('said').className = bad ? 'bad' : '';
  $('said').textContent = words;
}

$('access').onsubmit = event => {
  event.preventDefault();
  state.token = $('token').value.trim();
  sessionStorage.setItem('ranshift-token', state.token);
  state.readOnly = false;
  // Who may follow has changed with the token.
  state.started = 0;
};
$('token').value = state.token;
for (const role of ['active', 'sharing', 'standby', 'fenced']) $('legend').append(make('i', { class: `l-${role}` }), role);
$('legend').append(make('i', { hidden: '' }), '   ▼ event (point at it for its cause)');
showEvents();
poll();
