"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const store = `dimsum-audit-${data.audit}-${data.reader}`;
  const pairs = data.kind === "pairs";
  const positions = new Map(data.items.map((item, index) => [item.item, index]));
  const MOST_UNDO = 1000;
  let state = { answers: {}, position: 0, undo: [] };
  let cursor = 0;

  // ---- what is asked of an item: slots "faithful", or "1.faithful" of the second output

  const slotsOf = (item) => pairs
    ? data.questions.map((question) => question.name)
    : item.outputs.flatMap((_, index) => data.questions.map((q) => `${index}.${q.name}`));

  const answerOf = (item) => state.answers[item.item] || { values: {}, note: "" };

  // A pair is valid only if every other answer is yes.
  const failed = (item) => pairs && data.questions.some(
    (q) => q.name !== "valid" && answerOf(item).values[q.name] === false);

  const valueOf = (item, slot) => {
    if (slot === "valid" && pairs && failed(item)) return false;
    const value = answerOf(item).values[slot];
    return value === undefined ? null : value;
  };

  const open = (item) => slotsOf(item).filter((slot) => valueOf(item, slot) === null);
  const current = () => data.items[state.position];

  // ---- keeping

  const warn = (text) => { $("warning").textContent = text; $("warning").hidden = !text; };

  const save = () => {
    try {
      localStorage.setItem(store, JSON.stringify(state));
    } catch (error) {
      warn("This browser keeps nothing: download your answers before you close the page.");
    }
  };

  const usable = (found) => found && typeof found.answers === "object" && found.answers !== null
    && Array.isArray(found.undo) && data.items[found.position] !== undefined;

  const load = () => {
    try {
      const found = JSON.parse(localStorage.getItem(store));
      if (usable(found)) state = found;
    } catch (error) {
      warn("Earlier answers could not be read from this browser.");
    }
  };

  const change = (item, edit, cursorBefore) => {
    const before = state.answers[item.item];
    state.undo.push({ item: item.item, before: before === undefined ? null : before, cursor: cursorBefore });
    state.undo = state.undo.slice(-MOST_UNDO);
    const after = { values: { ...answerOf(item).values }, note: answerOf(item).note };
    edit(after);
    state.answers[item.item] = after;
    save();
  };

  const answer = (slot, value) => {
    const item = current();
    const slots = slotsOf(item);
    if (slot === "valid" && failed(item)) return;
    change(item, (after) => { after.values[slot] = value; }, slots.indexOf(slot));
    const rest = open(item);
    const later = rest.find((one) => slots.indexOf(one) > slots.indexOf(slot));
    if (rest.length) cursor = slots.indexOf(later || rest[0]);
    else cursor = slots.indexOf(slot);
    show();
  };

  const undo = () => {
    const last = state.undo.pop();
    if (!last) { say("There is nothing to undo."); return; }
    if (last.all) {
      state.answers = last.all;
    } else {
      if (last.before === null) delete state.answers[last.item];
      else state.answers[last.item] = last.before;
      state.position = positions.get(last.item);
    }
    save();
    show();
    cursor = last.cursor || 0;
    mark();
    say("Undone.");
  };

  // ---- moving

  const go = (position) => {
    if (position < 0 || position >= data.items.length) return;
    state.position = position;
    cursor = 0;
    save();
    show(true);
    window.scrollTo(0, 0);
  };

  const next = () => {
    const size = data.items.length;
    for (let step = 1; step <= size; step += 1) {
      const position = (state.position + step) % size;
      if (open(data.items[position]).length) { go(position); return; }
    }
    if (open(current()).length) say("This item is the only one left.");
    else say("Every item is answered: download your answers.");
  };

  // ---- showing

  const say = (text) => { $("said").textContent = text; };

  const make = (tag, attributes, ...content) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...content);
    return element;
  };

  const questionRow = (item, slot, question) => {
    const fixed = slot === "valid" && failed(item);
    const label = make("span", { class: "words", id: `label-${slot}` }, question.label,
      make("small", {}, fixed ? "No, since another answer is no." : question.words));
    const choices = make("span", { class: "choices" });
    for (const one of data.values) {
      const button = make("button", {
        type: "button",
        "data-slot": slot,
        "data-value": String(one.value),
        "aria-pressed": String(valueOf(item, slot) === one.value),
      }, one.label);
      button.disabled = fixed;
      button.addEventListener("click", () => answer(slot, one.value));
      choices.append(button);
    }
    return make("div", { class: "question", role: "group", "aria-labelledby": `label-${slot}`, "data-slot": slot }, label, choices);
  };

  const outputBlock = (item, text, index) => {
    const block = make("section", { class: "output" });
    const name = pairs ? "Target" : `Output ${index + 1} of ${item.outputs.length}`;
    const rows = make("div", { class: "questions" });
    for (const question of data.questions) {
      rows.append(questionRow(item, pairs ? question.name : `${index}.${question.name}`, question));
    }
    block.append(make("p", { class: "side" }, name), make("p", { class: "text", dir: "auto" }, text || "(nothing)"), rows);
    return block;
  };

  const mark = () => {
    const slot = slotsOf(current())[cursor];
    for (const row of document.querySelectorAll(".question")) {
      row.setAttribute("aria-current", String(row.dataset.slot === slot));
    }
    const marked = document.querySelector('.question[aria-current="true"]');
    if (marked && !pairs) marked.scrollIntoView({ block: "nearest" });
  };

  const show = (fresh) => {
    const item = current();
    const focused = document.activeElement && document.activeElement.dataset;
    const again = focused && focused.value !== undefined ? [focused.slot, focused.value] : null;
    $("position").textContent = `${state.position + 1} of ${data.items.length}`;
    $("task").textContent = item.task;
    $("hint").textContent = pairs ? data.hints[item.task] || "" : "Judge each output by itself: 1 no, 2 partly, 3 yes";
    $("source").textContent = item.source;
    $("note").value = answerOf(item).note;
    const texts = pairs ? [item.target] : item.outputs;
    $("outputs").replaceChildren(...texts.map((text, index) => outputBlock(item, text, index)));
    if (again) {
      const same = [...document.querySelectorAll("button[data-slot]")]
        .find((one) => one.dataset.slot === again[0] && one.dataset.value === again[1]);
      if (same) same.focus({ preventScroll: true });
    }
    if (fresh) {
      const first = open(item)[0];
      cursor = first === undefined ? 0 : slotsOf(item).indexOf(first);
      say("");
    }
    const done = data.items.filter((one) => open(one).length === 0).length;
    $("done-bar").max = data.items.length;
    $("done-bar").value = done;
    $("done").textContent = `${done} of ${data.items.length} answered`;
    $("back").disabled = state.position === 0;
    $("undo").disabled = state.undo.length === 0;
    mark();
    if (done === data.items.length) say("Every item is answered: download your answers.");
  };

  // ---- files

  const lineOf = (item) => {
    const head = { audit: data.audit, reader: data.reader, item: item.item, task: item.task, source: item.source };
    const note = answerOf(item).note;
    if (pairs) {
      const values = Object.fromEntries(data.questions.map((q) => [q.name, valueOf(item, q.name)]));
      return { ...head, target: item.target, ...values, note };
    }
    const answers = item.outputs.map((_, index) => Object.fromEntries(
      data.questions.map((q) => [q.name, valueOf(item, `${index}.${q.name}`)])));
    return { ...head, outputs: item.outputs, answers, note };
  };

  const text = () => data.items.map((item) => JSON.stringify(lineOf(item)) + "\n").join("");

  const download = () => {
    const address = URL.createObjectURL(new Blob([text()], { type: "application/x-ndjson" }));
    const link = make("a", { href: address, download: `answers-reader-${data.reader}.jsonl` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
    const rest = data.items.filter((one) => open(one).length).length;
    say(rest ? `Downloaded; ${rest} items are still open.` : "Downloaded.");
  };

  const allowed = new Set(data.values.map((one) => one.value));

  const taken = (row) => {
    const found = { values: {}, note: typeof row.note === "string" ? row.note : "" };
    const put = (slot, value) => { if (allowed.has(value)) found.values[slot] = value; };
    if (pairs) data.questions.forEach((q) => put(q.name, row[q.name]));
    else (row.answers || []).forEach((one, index) => data.questions.forEach((q) => put(`${index}.${q.name}`, one[q.name])));
    return found;
  };

  const restore = (content) => {
    const rows = [];
    try {
      for (const line of content.split("\n")) if (line.trim()) rows.push(JSON.parse(line));
    } catch (error) {
      say("That file is not JSONL; nothing was changed.");
      return;
    }
    if (rows.some((row) => row.audit !== data.audit || row.reader !== data.reader || !positions.has(row.item))) {
      say("That file holds answers to another sheet; nothing was changed.");
      return;
    }
    state.undo.push({ all: state.answers });
    state.answers = { ...state.answers };
    for (const row of rows) {
      const found = taken(row);
      if (Object.keys(found.values).length || found.note) state.answers[row.item] = found;
    }
    save();
    show(true);
    say(`Read ${rows.length} items; undo brings the earlier answers back.`);
  };

  // ---- events

  $("back").addEventListener("click", () => go(state.position - 1));
  $("next").addEventListener("click", next);
  $("undo").addEventListener("click", undo);
  $("export").addEventListener("click", download);
  $("import").addEventListener("change", async (event) => {
    const file = event.target.files[0];
    if (file) restore(await file.text());
    event.target.value = "";
  });
  $("note").addEventListener("change", (event) => {
    const item = current();
    if (event.target.value !== answerOf(item).note) {
      change(item, (after) => { after.note = event.target.value; }, cursor);
      $("undo").disabled = false;
    }
  });
  window.addEventListener("storage", (event) => {
    if (event.key === store && event.newValue) { load(); show(true); say("Answers of another tab were read."); }
  });

  const byKey = new Map(data.values.map((one) => [one.key, one.value]));
  const move = (step) => {
    cursor = Math.min(Math.max(cursor + step, 0), slotsOf(current()).length - 1);
    mark();
  };
  const keys = {
    ArrowUp: () => move(-1),
    ArrowDown: () => move(1),
    ArrowLeft: () => go(state.position - 1),
    ArrowRight: () => go(state.position + 1),
    Enter: next,
    u: undo,
    m: () => $("note").focus(),
    g: () => { $("guideline").open = !$("guideline").open; },
  };
  document.addEventListener("keydown", (event) => {
    const target = event.target;
    if (target === $("note")) {
      if (event.key === "Escape") target.blur();
      return;
    }
    if ((event.ctrlKey || event.metaKey) && event.key === "z") { event.preventDefault(); undo(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" && target.closest("button, summary, input")) return;
    if (byKey.has(event.key)) {
      event.preventDefault();
      answer(slotsOf(current())[cursor], byKey.get(event.key));
    } else if (keys[event.key]) {
      event.preventDefault();
      keys[event.key]();
    }
  });

  load();
  if (window.matchMedia("(max-width: 40rem)").matches) $("guideline").open = false;
  show(true);
})();
