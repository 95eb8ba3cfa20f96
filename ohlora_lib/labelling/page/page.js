// The labelling page. The server's log is the truth: every request is kept (also over a reload)
// until the server has confirmed it, and the server tells what other tabs have answered.
"use strict";

const $ = (id) => document.getElementById(id);
const SKIP = "skip";
const PRELOADED = 8; // pictures ahead; with these one can go on a little without the server
const CELLS = 25, COLUMNS = 5;
const RETRY = 1500, POLL = 10000, TIMEOUT = 10000; // ms

const state = {
  session: null, // what the server said at the start
  steps: [], places: new Map(), // the questions, and where each is
  status: null, revision: 0,
  index: -1, // the step on show
  mode: "single",
  shownAt: 0, // ms
  pending: [], // requests that the server has not confirmed, oldest first
  history: [], // own answers that can be taken back: {key, items: [{step, before}]}
  sending: false, problem: null,
  grid: { attribute: null, value: 1, cells: [], focus: 0 },
};
const pictures = new Map(); // id -> <img>, loaded ahead

// ---- requests that must not get lost

const prefix = () => `ohlora ${state.session.population} `;

function stored() {
  const names = Object.keys(localStorage).filter((name) => name.startsWith(prefix()));
  return names.sort().map((name) => ({ name, ...JSON.parse(localStorage.getItem(name)) }));
}

let serial = 0;
function enqueue(path, body, restore = []) {
  const order = `${Date.now()}`.padStart(15, "0") + `${serial++}`.padStart(6, "0");
  const request = { name: prefix() + order + body.key, path, body, restore };
  try {
    localStorage.setItem(request.name, JSON.stringify({ path, body, restore }));
  } catch { /* full or forbidden: it is still kept as long as the page is open */ }
  state.pending.push(request);
  send();
}

function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");
}

async function call(path, body) {
  const options = { signal: AbortSignal.timeout(TIMEOUT), cache: "no-store" };
  if (body) {
    Object.assign(options, {
      method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" },
    });
  }
  let response, reply;
  try {
    response = await fetch(path, options);
    reply = await response.json();
  } catch {
    throw { kind: "gone" };
  }
  if (!response.ok) throw { kind: "refused", code: response.status, reason: reply.error };
  return reply;
}

async function send() {
  if (state.sending) return;
  state.sending = true;
  while (state.pending.length) {
    const request = state.pending[0];
    render();
    try {
      const news = await call(request.path, { ...request.body, since: state.revision });
      state.pending.shift();
      localStorage.removeItem(request.name);
      state.problem = null;
      await receive(news, request);
    } catch (problem) {
      if (!problem.kind) throw problem;
      if (problem.code === 400) { // no use in sending it again; a server with other options may take it
        state.pending.shift();
        say(`Not saved: ${problem.reason}. It is kept in this browser and sent again when the page is reloaded.`);
        await reload();
        continue;
      }
      state.problem = problem;
      render();
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
  }
  state.sending = false;
  render();
}

async function poll() {
  if (state.sending || document.hidden || !state.session) return;
  try {
    const news = await call(`api/changes?since=${state.revision}`);
    const back = state.problem;
    state.problem = null;
    if (!state.sending) await receive(news);
    if (back) retryPictures();
  } catch (problem) {
    if (!problem.kind) throw problem;
    state.problem = problem;
  }
  render();
}

async function receive(news, request = null) {
  if (news.queue !== state.session.queue || news.revision < state.revision) return reload();
  state.revision = news.revision;
  state.status = news.status;
  state.warning = news.warning;
  const shown = state.steps[state.index];
  const open = shown && shown.value === null;
  for (const change of news.changes) {
    const place = state.places.get(placeOf(change));
    if (place !== undefined) state.steps[place].value = change.value;
  }
  replayPending();
  if (news.moved) say(news.moved);
  if (request?.path === "api/undo" && news.moved) return reload(); // it was not taken back
  if (request?.body.waits && news.back) show(state.places.get(placeOf(news.back)) ?? nextOpen(0));
  if (state.mode === "single" && open && shown === state.steps[state.index] && shown.value !== null) {
    if (!news.moved) say("Answered in another tab; moved on.");
    show(nextOpen(state.index));
  }
  if (state.mode === "finished" && nextOpen(0) >= 0) show(nextOpen(0));
  if (state.mode === "grid" && state.grid.cells.some((cell) => cell.step.value !== null)) fillGrid();
  retryPictures();
  render();
}

function replayPending() { // what is not confirmed yet still counts on this page
  for (const { body, restore } of state.pending) {
    const items = (body.items || []).map((item) => ({ ...item, repeat: body.kind === "repeat" }));
    for (const item of [...items, ...restore]) {
      const place = state.places.get(placeOf(item));
      if (place !== undefined) state.steps[place].value = item.value;
    }
  }
}

const placeOf = ({ id, attribute, repeat }) => `${id} ${attribute} ${Boolean(repeat)}`;

async function reload() {
  let session;
  for (;;) {
    try {
      session = await call("api/session");
      break;
    } catch (problem) {
      if (!problem.kind) throw problem;
      state.problem = problem;
      render();
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
  }
  const first = state.session === null;
  Object.assign(state, {
    session, steps: session.steps, revision: session.revision, status: session.status,
    warning: session.warning, problem: null, history: [],
  });
  state.places = new Map(session.steps.map((step, place) => [placeOf(step), place]));
  if (first) {
    document.title = `${session.population} · labelling`;
    $("title").textContent = `Labelling · ${session.population}`;
    state.grid.attribute = session.attributes[0].name;
    state.pending = stored();
  }
  replayPending();
  state.mode === "grid" ? fillGrid() : show(nextOpen(0));
  if (first) send();
}

// ---- questions

const wording = (name) => state.session.attributes.find((item) => item.name === name);
const word = (name, value) => value === SKIP ? "skipped" : value ? wording(name).yes : wording(name).no;
const suggestion = (step) => step.score === null ? null : Number(step.score >= 0.5);

function isOpen(step) {
  if (step.value !== null) return false;
  if (!step.repeat) return true;
  const first = state.steps[state.places.get(placeOf({ ...step, repeat: false }))].value;
  return first !== null && first !== SKIP; // asked again only once it was answered
}

function nextOpen(from) {
  const count = state.steps.length;
  for (let ahead = 0; ahead < count; ahead++) {
    const place = (from + ahead) % count;
    if (isOpen(state.steps[place])) return place;
  }
  return -1;
}

function show(place) {
  state.mode = place < 0 ? "finished" : "single";
  state.index = place;
  state.shownAt = performance.now();
  if (place >= 0) preload(place);
  render();
}

function preload(place) {
  const wanted = new Set();
  for (let ahead = place; ahead < state.steps.length && wanted.size < PRELOADED; ahead++) {
    if (ahead === place || isOpen(state.steps[ahead])) wanted.add(state.steps[ahead].id);
  }
  if (place > 0) wanted.add(state.steps[place - 1].id);
  for (const id of pictures.keys()) if (!wanted.has(id)) pictures.delete(id);
  for (const id of wanted) picture(id);
}

function picture(id) {
  if (!pictures.has(id)) {
    const image = new Image();
    image.alt = "the picture to label";
    image.draggable = false;
    image.onload = () => { image.dataset.loaded = "1"; if (shownId() === id) { state.shownAt = performance.now(); render(); } };
    image.onerror = () => { image.dataset.failed = "1"; if (shownId() === id) render(); };
    image.src = `image/${id}`;
    pictures.set(id, image);
  }
  return pictures.get(id);
}

const shownId = () => state.mode === "single" && state.index >= 0 ? state.steps[state.index].id : null;

function retryPictures() {
  for (const [id, image] of [...pictures]) {
    if (image.dataset.failed) { pictures.delete(id); picture(id); }
  }
  for (const image of $("cells").querySelectorAll("img[data-failed]")) {
    delete image.dataset.failed;
    image.src = `${image.src.split("?")[0]}?${Date.now()}`;
  }
}

function give(kind, items, seconds) {
  const key = newKey();
  state.history.push({ key, items: items.map(({ step }) => ({ step, before: step.value })) });
  for (const { step, value } of items) step.value = value;
  say(null, items.length === 1
    ? [`${items[0].step.attribute}: `, word(items[0].step.attribute, items[0].value)]
    : [`${items[0].step.attribute}: `, `${items.length} pictures`]);
  enqueue("api/answer", {
    key, kind, seconds: Math.round(seconds) / 1000,
    items: items.map(({ step, value }) => ({ id: step.id, attribute: step.attribute, value })),
  });
}

function answer(value) {
  const step = state.steps[state.index];
  if (state.mode !== "single" || !step) return;
  const { loaded, failed } = picture(step.id).dataset;
  const damaged = failed && !state.problem;
  if (!loaded && !(damaged && value === SKIP)) return; // nobody can have seen it
  const kind = step.repeat ? "repeat" : step.value === null ? "first" : "move";
  give(kind, [{ step, value }], performance.now() - state.shownAt);
  show(nextOpen(state.index + 1));
}

function judge(accept) {
  const step = state.steps[state.index];
  if (state.mode === "single" && step && step.score !== null) {
    answer(accept ? suggestion(step) : 1 - suggestion(step));
  }
}

function undo() {
  const entry = state.history.pop();
  const key = newKey();
  if (!entry) return enqueue("api/undo", { key, undoes: null, waits: true }); // of an earlier visit
  for (const { step, before } of entry.items) step.value = before;
  say("Taken back.");
  const restore = entry.items.map(({ step, before }) =>
    ({ id: step.id, attribute: step.attribute, repeat: step.repeat, value: before }));
  enqueue("api/undo", { key, undoes: entry.key }, restore);
  if (state.mode === "grid") fillGrid();
  else show(state.steps.indexOf(entry.items[0].step));
}

function move(direction) {
  if (state.mode === "finished") return direction < 0 && show(state.steps.length - 1);
  for (let place = state.index + direction; place >= 0 && place < state.steps.length; place += direction) {
    if (state.steps[place].value !== null || isOpen(state.steps[place])) return show(place);
  }
}

function review() {
  const place = state.steps.findIndex((step, at) => step.value === SKIP && at > state.index);
  const any = place >= 0 ? place : state.steps.findIndex((step) => step.value === SKIP);
  if (any >= 0) show(any);
}

// ---- the grid

function enterGrid() {
  if (state.mode === "single") state.grid.attribute = state.steps[state.index].attribute;
  state.mode = "grid";
  state.grid.value = null;
  fillGrid();
}

function leaveGrid() {
  show(nextOpen(0));
}

function gridAttribute(name) {
  Object.assign(state.grid, { attribute: name, value: null });
  fillGrid();
}

function fillGrid() {
  const { grid } = state;
  const open = (name) => state.steps.filter((step) => step.attribute === name && !step.repeat && step.value === null);
  const names = state.session.attributes.map((item) => item.name);
  if (!open(grid.attribute).length) grid.attribute = names.find((name) => open(name).length);
  if (!grid.attribute) {
    grid.attribute = names[0];
    return show(nextOpen(0));
  }
  const steps = open(grid.attribute).slice(0, CELLS);
  if (grid.value === null) { // the commoner answer so far
    const { answered, yes } = state.status.attributes[grid.attribute];
    grid.value = Number(yes * 2 >= answered);
  }
  grid.cells = steps.map((step) => ({ step, except: false }));
  grid.focus = 0;
  state.shownAt = performance.now();
  $("cells").replaceChildren(...grid.cells.map((cell, place) => {
    const button = document.createElement("button"), image = new Image(), text = document.createElement("span");
    image.onload = () => { image.dataset.loaded = "1"; };
    image.onerror = () => { image.dataset.failed = "1"; };
    image.alt = `picture ${place + 1}`;
    image.src = `image/${cell.step.id}`;
    button.append(image, text);
    button.onclick = () => { grid.focus = place; toggle(place); };
    return button;
  }));
  render();
  focusCell(0);
}

function toggle(place) {
  state.grid.cells[place].except = !state.grid.cells[place].except;
  render();
}

function focusCell(place) {
  const { grid } = state;
  grid.focus = Math.max(0, Math.min(grid.cells.length - 1, place));
  render();
  $("cells").children[grid.focus]?.focus();
}

function useModel() {
  for (const cell of state.grid.cells) {
    if (cell.step.score !== null) cell.except = suggestion(cell.step) !== state.grid.value;
  }
  render();
}

const valueOf = (cell) => cell.except ? 1 - state.grid.value : state.grid.value;

function confirmGrid() {
  const loaded = [...$("cells").querySelectorAll("img")].every((image) => image.dataset.loaded);
  if (!loaded || !state.grid.cells.length) return;
  const items = state.grid.cells.map((cell) => ({ step: cell.step, value: valueOf(cell) }));
  give("first", items, performance.now() - state.shownAt);
  fillGrid();
}

// ---- what is seen

let message = null, lastAnswer = null;
function say(text, last = null) {
  message = text;
  if (last) lastAnswer = last;
  render();
}

function render() {
  renderBanner();
  if (!state.session) return;
  for (const mode of ["single", "grid", "finished"]) $(mode).hidden = state.mode !== mode;
  renderProgress();
  ({ single: renderSingle, grid: renderGrid, finished: renderFinished })[state.mode]();
  $("open-undo").disabled = !state.revision && !state.history.length;
  $("open-grid").disabled = state.mode === "finished";
  const last = $("last");
  last.replaceChildren();
  if (message) last.append(message);
  else if (lastAnswer) {
    const strong = document.createElement("b");
    strong.textContent = lastAnswer[1];
    const place = state.problem ? " · kept here" : state.pending.length ? " · saving …" : " · saved";
    last.append(lastAnswer[0], strong, place);
  }
  $("file").textContent = `${state.session.csv} · ${state.session.annotator}`;
}

function renderBanner() {
  const { problem, pending } = state;
  const kept = pending.filter((request) => request.path === "api/answer").length;
  const what = kept === 0 ? "Nothing is lost." : kept === 1
    ? "1 answer is kept here and sent when that is solved."
    : `${kept} answers are kept here and sent when that is solved.`;
  let text = state.warning || "";
  if (problem?.kind === "gone") text = `The labelling server does not answer: start it again with the same command. ${what}`;
  else if (problem?.code === 403) text = `This address has ended: open the one that ohlora label printed. ${what}`;
  else if (problem?.code === 507) text = `Not saved (${problem.reason}): make room on the disk. ${what}`;
  else if (problem) text = `The labelling server has a problem (${problem.reason}). ${what}`;
  $("banner").textContent = text;
  $("banner").hidden = !text;
}

const amount = (number) => number.toLocaleString("en");

function renderProgress() {
  const { done, images, per_minute: rate, minutes_left: left } = state.status;
  $("done").textContent = `${amount(done)} of ${amount(images)}`;
  const parts = ["pictures"];
  if (rate) {
    parts.push(`${rate < 10 ? rate.toFixed(1) : Math.round(rate)} a minute`);
    const minutes = Math.ceil(left);
    if (minutes) parts.push(minutes < 60 ? `${minutes} min left` : `${Math.floor(minutes / 60)} h ${minutes % 60} min left`);
  }
  $("speed").textContent = parts.join(" · ");
  $("bar").setAttribute("aria-valuemax", images);
  $("bar").setAttribute("aria-valuenow", done);
  $("bar").firstElementChild.style.width = `${(100 * done) / images}%`;
}

function renderAnswers(container, words, chosen) {
  for (const button of container.children) { // kept, and with them the keyboard's focus
    const value = Number(button.dataset.value);
    button.lastElementChild.textContent = value ? words.yes : words.no;
    button.setAttribute("aria-pressed", chosen === value);
  }
}

function renderSingle() {
  const step = state.steps[state.index], words = wording(step.attribute);
  const image = picture(step.id);
  $("picture").replaceChildren(image.dataset.loaded ? image
    : image.dataset.failed ? "The picture cannot be loaded." : "");
  $("question").textContent = words.question;
  renderAnswers($("answers"), words, step.value);
  $("chips").replaceChildren(...(state.session.attributes.length < 2 ? [] : state.session.attributes.map(({ name }) => {
    const chip = document.createElement("span");
    const place = state.places.get(placeOf({ ...step, attribute: name }));
    const value = state.steps[place].value;
    chip.textContent = value === null ? name : `${name}: ${word(name, value)}`;
    chip.classList.toggle("now", name === step.attribute);
    return chip;
  })));
  $("suggestion").hidden = step.score === null;
  if (step.score !== null) {
    $("suggested").textContent = word(step.attribute, suggestion(step));
    $("score").textContent = Math.max(step.score, 1 - step.score).toFixed(2);
  }
}

function renderGrid() {
  const { grid } = state, words = wording(grid.attribute);
  $("grid-question").textContent = words.question;
  const several = state.session.attributes.length > 1;
  $("grid-attributes").replaceChildren(...(several ? state.session.attributes.map(({ name }) => {
    const button = document.createElement("button");
    button.textContent = name;
    button.setAttribute("aria-pressed", name === grid.attribute);
    button.onclick = () => gridAttribute(name);
    return button;
  }) : []));
  renderAnswers($("defaults"), words, grid.value);
  grid.cells.forEach((cell, place) => {
    const button = $("cells").children[place];
    button.classList.toggle("except", cell.except);
    button.setAttribute("aria-pressed", cell.except);
    button.tabIndex = place === grid.focus ? 0 : -1;
    button.lastElementChild.textContent = word(grid.attribute, valueOf(cell));
  });
  $("confirm-count").textContent = `${grid.cells.length}`;
  $("use-model").hidden = !grid.cells.some((cell) => cell.step.score !== null);
}

function setDefault(value) {
  state.grid.value = value;
  render();
}

function fillTable(table) {
  const rows = [["", "yes", "no", "skipped", "open", "asked again", "alike", "Cohen's κ"]];
  for (const { name, yes: yesWord, no: noWord } of state.session.attributes) {
    const { answered, yes, skipped, open } = state.status.attributes[name];
    const { pairs, share, kappa } = state.status.agreement[name];
    rows.push([name, `${amount(yes)} ${yesWord}`, `${amount(answered - yes)} ${noWord}`, amount(skipped), amount(open),
      amount(pairs), share === null ? "–" : `${Math.round(100 * share)} %`, kappa === null ? "–" : kappa.toFixed(2)]);
  }
  table.replaceChildren(...rows.map((cells, at) => {
    const row = document.createElement("tr");
    row.append(...cells.map((text) => {
      const cell = document.createElement(at ? "td" : "th");
      cell.textContent = text;
      return cell;
    }));
    return row;
  }));
}

function renderFinished() {
  const { attributes, images } = state.status;
  const skipped = Object.values(attributes).reduce((sum, item) => sum + item.skipped, 0);
  const missing = skipped === 1 ? "1 was skipped, and its picture is" : `${amount(skipped)} were skipped, and their pictures are`;
  $("finished-text").textContent = `Every question on ${amount(images)} pictures has an answer`
    + (skipped ? `; ${missing} not among the labels yet. ` : ". ")
    + `The labels are in ${state.session.csv}; name that file as labels.csv of ${state.session.population} in the configuration.`;
  fillTable($("finished-table"));
  $("review").disabled = !skipped;
}

function toggleHelp() {
  if ($("help").open) return $("help").close();
  fillTable($("help-table"));
  $("help").showModal();
}

// ---- keys and buttons

const SINGLE = {
  1: () => answer(1), 2: () => answer(0), a: () => judge(true), x: () => judge(false),
  " ": () => answer(SKIP), ArrowLeft: () => move(-1), ArrowRight: () => move(1),
  g: enterGrid, Home: () => show(nextOpen(0)),
};
const GRID = {
  1: () => setDefault(1), 2: () => setDefault(0), a: useModel, x: () => toggle(state.grid.focus),
  " ": () => toggle(state.grid.focus), Enter: confirmGrid, g: leaveGrid, Escape: leaveGrid,
  ArrowLeft: () => focusCell(state.grid.focus - 1), ArrowRight: () => focusCell(state.grid.focus + 1),
  ArrowUp: () => focusCell(state.grid.focus - COLUMNS), ArrowDown: () => focusCell(state.grid.focus + COLUMNS),
  n: () => {
    const names = state.session.attributes.map((item) => item.name);
    gridAttribute(names[(names.indexOf(state.grid.attribute) + 1) % names.length]);
  },
};
const FINISHED = { r: review, ArrowLeft: () => move(-1) };

document.addEventListener("keydown", (event) => {
  if (!state.session) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key === "?") {
    event.preventDefault();
    return toggleHelp();
  }
  if ($("help").open) return;
  const back = key === "Backspace" || (key === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey);
  if (!back && (event.ctrlKey || event.metaKey || event.altKey)) return;
  const focused = document.activeElement;
  const onButton = focused instanceof HTMLButtonElement && focused.parentElement !== $("cells");
  if (onButton && (key === " " || key === "Enter")) return; // presses that button
  const action = back ? undo : { single: SINGLE, grid: GRID, finished: FINISHED }[state.mode][key];
  if (!action) return;
  event.preventDefault();
  if (event.repeat && !key.startsWith("Arrow")) return; // a key held down is one answer
  message = null;
  action();
});

const BUTTONS = {
  "open-undo": undo, "open-help": toggleHelp,
  "open-grid": () => state.mode === "grid" ? leaveGrid() : enterGrid(),
  accept: () => judge(true), reject: () => judge(false), skip: () => answer(SKIP),
  previous: () => move(-1), next: () => move(1), confirm: confirmGrid, "use-model": useModel,
  leave: leaveGrid, review, "look-back": () => move(-1),
};
for (const button of $("answers").children) button.onclick = () => answer(Number(button.dataset.value));
for (const button of $("defaults").children) button.onclick = () => setDefault(Number(button.dataset.value));
for (const [id, action] of Object.entries(BUTTONS)) $(id).onclick = () => { message = null; action(); };
// after a click with the mouse, keys mean questions again, not the button
document.addEventListener("click", (event) => {
  if (event.detail && document.activeElement instanceof HTMLButtonElement && state.mode !== "grid") document.activeElement.blur();
});
document.addEventListener("visibilitychange", poll);
window.addEventListener("focus", poll);
setInterval(poll, POLL);
reload();
