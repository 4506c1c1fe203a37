"use strict";
// Shows the events of the page: a histogram to zoom, filters, and a list of which only the visible rows are elements.
// Text of events is only ever set as textContent.
(() => {
  const $ = (id) => document.getElementById(id);
  const [TIME, KIND, MESSAGE, SOURCE, DESTINATION, FLOW, PACKET, CAPTURE] = [0, 1, 2, 3, 4, 5, 6, 7];
  const events = JSON.parse($("events").textContent);
  const meta = JSON.parse($("meta").textContent);
  const ROW = 24;
  const LONG = new Set(["Message", "Capture"]);
  const COLOURS = ["#3b82d6", "#e0872f", "#3f9e5d", "#c8504f", "#8d6cc4", "#9b7455", "#d16fae", "#6f8f1f", "#1f9fb0",
    "#b59a10", "#5a6bd8", "#d9657d", "#4e8a8a", "#a25fd0", "#7d8a97"];

  const timed = events.findIndex((one) => one[TIME] === null) < 0 ? events.length
    : events.findIndex((one) => one[TIME] === null);
  const first = timed ? events[0][TIME] : 0;
  const last = timed ? events[timed - 1][TIME] + 1 : 1;
  const counts = new Map();
  for (const one of events) counts.set(one[KIND], (counts.get(one[KIND]) || 0) + 1);
  const kinds = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a) || (a < b ? -1 : 1));
  const colour = new Map(kinds.map((kind, place) => [kind, COLOURS[Math.min(place, COLOURS.length - 1)]]));
  const number = new Intl.NumberFormat("en-US");

  const state = { from: first, to: last, text: "", host: "", flow: "", off: new Set(), chosen: -1 };
  let shown = [];       // places of the events that pass the filters and are in the chosen time
  let matching = [];    // places of those that pass the filters
  let lower = null;     // lower-case text of each event, made when it is first needed

  const pad = (value, width) => String(value).padStart(width, "0");
  function moment(micros) {
    if (micros === null) return "no time";
    const millis = Math.floor(micros / 1000);
    return new Date(millis).toISOString().slice(0, 19).replace("T", " ") + "." + pad(micros - Math.floor(micros / 1e6) * 1e6, 6);
  }
  function span(micros) {
    const seconds = micros / 1e6;
    if (seconds < 1e-3) return `${Math.round(micros)} \u00b5s`;
    if (seconds < 1) return `${+(seconds * 1e3).toPrecision(3)} ms`;
    if (seconds < 120) return `${+seconds.toPrecision(3)} s`;
    if (seconds < 7200) return `${+(seconds / 60).toPrecision(3)} min`;
    return seconds < 172800 ? `${+(seconds / 3600).toPrecision(3)} h` : `${+(seconds / 86400).toPrecision(3)} d`;
  }
  function element(tag, name, text) {
    const made = document.createElement(tag);
    if (name) made.className = name;
    if (text !== undefined && text !== null) made.textContent = text;
    return made;
  }

  // filters ----------------------------------------------------------------------------------------------------------
  function texts() {
    lower ||= events.map((one) => `${one[KIND]} ${one[MESSAGE]} ${one[SOURCE] || ""} ${one[DESTINATION] || ""}`.toLowerCase());
    return lower;
  }
  function isHost(end, wanted) {
    if (!end) return false;
    const begin = end[0] === "[" ? 1 : 0;
    // an address, or its first parts: 10.0.0.2 is not the begin of 10.0.0.25
    const next = end[begin + wanted.length];
    return end.startsWith(wanted, begin) && (next === undefined || !/[0-9a-f]/.test(next) || !/[0-9a-f]$/.test(wanted));
  }
  function filter() {
    const words = state.text.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = words.filter((word) => word[0] !== "-" || word.length === 1);
    const unwanted = words.filter((word) => word[0] === "-" && word.length > 1).map((word) => word.slice(1));
    const all = words.length ? texts() : null;
    const host = state.host.trim().toLowerCase();
    matching = [];
    for (let place = 0; place < events.length; place++) {
      const one = events[place];
      if (state.off.has(one[KIND])) continue;
      if (state.flow && String(one[FLOW]) !== state.flow) continue;
      if (host && !isHost(one[SOURCE], host) && !isHost(one[DESTINATION], host)) continue;
      if (all && !(wanted.every((word) => all[place].includes(word)) && !unwanted.some((word) => all[place].includes(word)))) continue;
      matching.push(place);
    }
    zoomed();
  }
  function zoomed() {
    const whole = state.from <= first && state.to >= last;
    shown = whole ? matching : matching.filter((place) => {
      const time = events[place][TIME];
      return time !== null && time >= state.from && time < state.to;
    });
    $("list").scrollTop = 0;
    draw();
  }
  function zoom(from, to) {
    // at least ten microseconds, inside the whole time
    const least = 10;
    from = Math.max(first, Math.min(from, last - least));
    to = Math.min(last, Math.max(to, from + least));
    state.from = from;
    state.to = to;
    zoomed();
  }

  // charts -----------------------------------------------------------------------------------------------------------
  function prepared(canvas) {
    const scale = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const context = canvas.getContext("2d");
    context.scale(scale, scale);
    return [context, width, height];
  }
  const style = (name) => {
    const probe = element("span");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };
  function binned(places, from, to, bins) {
    const totals = new Uint32Array(bins);
    const parts = new Map();
    for (const place of places) {
      const time = events[place][TIME];
      if (time === null || time < from || time >= to) continue;
      const bin = Math.min(bins - 1, Math.floor(((time - from) / (to - from)) * bins));
      totals[bin]++;
      const kind = events[place][KIND];
      let own = parts.get(kind);
      if (!own) parts.set(kind, (own = new Uint32Array(bins)));
      own[bin]++;
    }
    return [totals, parts];
  }
  let bars = null;
  function histogram() {
    const [context, width, height] = prepared($("histogram"));
    const bins = Math.max(10, Math.floor(width / 5));
    const [totals, parts] = binned(matching, state.from, state.to, bins);
    const most = totals.reduce((a, b) => Math.max(a, b), 1);
    const step = width / bins, room = height - 18;
    bars = { bins, totals, parts, step };
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = style("--soft");
    context.fillText(`${number.format(most)} in ${span((state.to - state.from) / bins)}`, 6, 13);
    const base = new Float64Array(bins).fill(height);
    for (const kind of kinds) {
      const own = parts.get(kind);
      if (!own) continue;
      context.fillStyle = colour.get(kind);
      for (let bin = 0; bin < bins; bin++) {
        if (!own[bin]) continue;
        const tall = Math.max((own[bin] / most) * room, 0.75);
        base[bin] -= tall;
        context.fillRect(bin * step, base[bin], Math.max(step - 1, 1), tall);
      }
    }
    if (brush) {
      context.globalAlpha = 0.22;
      context.fillStyle = style("--accent");
      context.fillRect(Math.min(brush.at, brush.now), 0, Math.abs(brush.now - brush.at), height);
      context.globalAlpha = 1;
    }
  }
  function overview() {
    const [context, width, height] = prepared($("overview"));
    const bins = Math.max(10, Math.floor(width / 3));
    const [totals] = binned(matching, first, last, bins);
    const most = Math.log1p(totals.reduce((a, b) => Math.max(a, b), 1));
    context.fillStyle = style("--soft");
    totals.forEach((total, bin) => {
      const tall = (Math.log1p(total) / most) * (height - 3);
      if (total) context.fillRect((bin * width) / bins, height - tall, width / bins, tall);
    });
    const left = ((state.from - first) / (last - first)) * width;
    const right = ((state.to - first) / (last - first)) * width;
    context.globalAlpha = 0.25;
    context.fillStyle = style("--accent");
    context.fillRect(left, 0, Math.max(right - left, 2), height);
    context.globalAlpha = 1;
    context.strokeStyle = style("--accent");
    context.strokeRect(left + 0.5, 0.5, Math.max(right - left, 2) - 1, height - 1);
  }

  // list -------------------------------------------------------------------------------------------------------------
  function line(place) {
    const one = events[place];
    const made = element("div", "row");
    made.setAttribute("role", "row");
    made.dataset.place = place;
    if (place === state.chosen) made.setAttribute("aria-selected", "true");
    const name = element("span", "name");
    const dot = element("i", "dot");
    dot.style.background = colour.get(one[KIND]);
    name.append(dot, element("b", "", one[KIND]));
    const message = element("span", /\[fault: \w+\]$/.test(one[MESSAGE]) ? "fault" : "", one[MESSAGE]);
    message.title = one[MESSAGE];
    made.append(
      element("span", "time", moment(one[TIME])), name, message, element("span", "end", one[SOURCE]),
      element("span", "end", one[DESTINATION]), element("span", "number", one[FLOW]),
      element("span", "number", one[PACKET]),
    );
    return made;
  }
  function list() {
    const box = $("list");
    $("space").style.height = `${shown.length * ROW}px`;
    const begin = Math.max(0, Math.floor(box.scrollTop / ROW) - 8);
    const end = Math.min(shown.length, begin + Math.ceil(box.clientHeight / ROW) + 16);
    $("rows").style.transform = `translateY(${begin * ROW}px)`;
    $("rows").replaceChildren(...shown.slice(begin, end).map(line));
  }
  function detail() {
    const one = events[state.chosen];
    $("detail").hidden = !one;
    if (!one) return;
    const fields = [["Time (UTC)", moment(one[TIME])], ["Kind", one[KIND]], ["Message", one[MESSAGE]],
      ["Source", one[SOURCE]], ["Destination", one[DESTINATION]], ["Flow", one[FLOW]], ["Packet", one[PACKET]],
      ["Capture", one[CAPTURE] && `${one[CAPTURE]} ${meta.captures[one[CAPTURE]] || ""}`]];
    $("fields").replaceChildren(...fields.filter(([, value]) => value !== null && value !== undefined && value !== "")
      .flatMap(([label, value]) => [element("dt", "", label), element("dd", LONG.has(label) ? "long" : "", value)]));
    const actions = [];
    const action = (text, act) => {
      const made = element("button", "", text);
      made.type = "button";
      made.addEventListener("click", act);
      actions.push(made);
    };
    const address = (end) => end.replace(/^\[(.*)\]:\d+$/, "$1").replace(/^([\d.]+):\d+$/, "$1");
    if (one[FLOW] !== null) action(`Only flow ${one[FLOW]}`, () => set({ flow: String(one[FLOW]) }));
    for (const end of [one[SOURCE], one[DESTINATION]]) {
      if (end) action(`Only ${address(end)}`, () => set({ host: address(end) }));
    }
    action(`Only ${one[KIND]}`, () => set({ off: new Set(kinds.filter((kind) => kind !== one[KIND])) }));
    if (one[TIME] !== null) action("One minute around", () => zoom(one[TIME] - 3e7, one[TIME] + 3e7));
    if (one[CAPTURE] && one[FLOW] !== null) {
      actions.push(element("code", "", `netlake timeline --flow ${one[FLOW]} --capture ${one[CAPTURE]} --kinds all`));
    }
    $("actions").replaceChildren(...actions);
  }

  // all --------------------------------------------------------------------------------------------------------------
  function draw() {
    histogram();
    overview();
    list();
    $("begin").textContent = timed ? moment(state.from) : "";
    $("end").textContent = timed ? moment(state.to) : "";
    $("hint").textContent = `${span(state.to - state.from)}; drag to zoom, double-click for the whole time`;
    $("status").textContent = `${number.format(shown.length)} of ${number.format(events.length)} events`;
    $("status").dataset.shown = shown.length;
    $("reset").disabled = $("out").disabled = state.from <= first && state.to >= last;
  }
  function buttons() {
    $("kinds").replaceChildren(...kinds.map((kind) => {
      const made = element("button", "kind");
      made.type = "button";
      made.dataset.kind = kind;
      made.setAttribute("aria-pressed", String(!state.off.has(kind)));
      made.title = "Click: show or hide; double-click: only this kind";
      const dot = element("i", "dot");
      dot.style.background = colour.get(kind);
      made.append(dot, element("span", "", kind), element("span", "count", number.format(counts.get(kind))));
      made.addEventListener("click", () => {
        const off = new Set(state.off);
        if (!off.delete(kind)) off.add(kind);
        set({ off });
      });
      made.addEventListener("dblclick", () => set({ off: new Set(kinds.filter((other) => other !== kind)) }));
      return made;
    }));
  }
  function set(changes) {
    Object.assign(state, changes);
    for (const name of ["text", "host", "flow"]) if ($(name).value !== state[name]) $(name).value = state[name];
    for (const made of $("kinds").children) made.setAttribute("aria-pressed", String(!state.off.has(made.dataset.kind)));
    filter();
  }

  let brush = null;
  function brushed(canvas, begin, length, end) {
    const place = (event) => Math.max(0, Math.min(canvas.clientWidth, event.clientX - canvas.getBoundingClientRect().left));
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      brush = { canvas, at: place(event), now: place(event) };
    });
    canvas.addEventListener("pointermove", (event) => {
      if (brush && brush.canvas === canvas) {
        brush.now = place(event);
        if (canvas === $("histogram")) histogram();
      }
    });
    canvas.addEventListener("pointerup", () => {
      const done = brush;
      brush = null;
      if (!done || Math.abs(done.now - done.at) < 3) return draw();
      const time = (x) => begin() + (x / canvas.clientWidth) * length();
      zoom(Math.floor(time(Math.min(done.at, done.now))), Math.ceil(time(Math.max(done.at, done.now))));
    });
    canvas.addEventListener("dblclick", () => zoom(first, last));
  }
  function tip(event) {
    const box = $("tip");
    const x = event.clientX - $("histogram").getBoundingClientRect().left;
    const bin = bars && Math.floor(x / bars.step);
    if (!bars || !(bars.totals[bin] > 0)) return void (box.hidden = true);
    const width = (state.to - state.from) / bars.bins;
    const most = [...bars.parts].map(([kind, own]) => [kind, own[bin]]).filter(([, count]) => count)
      .sort((a, b) => b[1] - a[1]);
    const lines = most.slice(0, 8).map(([kind, count]) => `${kind}  ${number.format(count)}`);
    if (most.length > 8) lines.push(`${most.length - 8} more kinds`);
    box.textContent = [moment(Math.floor(state.from + bin * width)), ...lines].join("\n");
    box.hidden = false;
    box.style.left = `${Math.min(x + 30, $("histogram").clientWidth - box.offsetWidth)}px`;
  }

  brushed($("histogram"), () => state.from, () => state.to - state.from);
  brushed($("overview"), () => first, () => last - first);
  $("histogram").addEventListener("pointermove", tip);
  $("histogram").addEventListener("pointerleave", () => ($("tip").hidden = true));
  $("histogram").addEventListener("keydown", (event) => {
    const width = state.to - state.from;
    const shift = { ArrowLeft: -0.25, ArrowRight: 0.25 }[event.key];
    if (shift && width < last - first) {
      const from = Math.max(first, Math.min(state.from + shift * width, last - width));
      zoom(from, from + width);
    }
    if (event.key === "+") zoom(state.from + width / 4, state.to - width / 4);
    if (event.key === "-") zoom(state.from - width / 2, state.to + width / 2);
    if (event.key === "Escape") zoom(first, last);
  });
  let wait = 0;
  for (const name of ["text", "host", "flow"]) {
    $(name).addEventListener("input", () => {
      clearTimeout(wait);
      wait = setTimeout(() => set({ [name]: $(name).value }), events.length > 20000 ? 150 : 0);
    });
  }
  $("clear").addEventListener("click", () => set({ text: "", host: "", flow: "", off: new Set() }));
  $("reset").addEventListener("click", () => zoom(first, last));
  $("out").addEventListener("click", () => {
    const width = state.to - state.from;
    zoom(state.from - width / 2, state.to + width / 2);
  });
  $("list").addEventListener("scroll", list);
  $("rows").addEventListener("click", (event) => {
    const row = event.target.closest(".row");
    if (!row) return;
    state.chosen = Number(row.dataset.place);
    detail();
    list();
  });
  $("list").addEventListener("keydown", (event) => {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!move || state.chosen < 0) return;
    event.preventDefault();
    const at = shown.indexOf(state.chosen) + move;
    if (at < 0 || at >= shown.length) return;
    state.chosen = shown[at];
    const box = $("list");
    if (at * ROW < box.scrollTop) box.scrollTop = at * ROW;
    if ((at + 1) * ROW > box.scrollTop + box.clientHeight) box.scrollTop = (at + 1) * ROW - box.clientHeight;
    detail();
    list();
  });
  $("close").addEventListener("click", () => {
    state.chosen = -1;
    detail();
    list();
  });
  $("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
    root.dataset.theme = dark ? "light" : "dark";
    draw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(draw).observe($("charts"));
  new ResizeObserver(list).observe($("list"));

  $("about").textContent = meta.about;
  $("note").textContent = meta.note;
  $("note").hidden = !meta.note;
  buttons();
  filter();
})();
