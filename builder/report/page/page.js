"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const PAGE = 25;
  const counted = (n) => n.toLocaleString("en");

  function pairTable() {
    const form = byId("filters");
    if (!form) return;
    const body = byId("pair-table").tBodies[0];
    const drawn = [...body.rows];
    const texts = new Map(drawn.map((row) => [
      row, [...row.querySelectorAll(".text")].map((cell) => cell.textContent).join(" ").toLowerCase(),
    ]));
    const filters = [...form.querySelectorAll("[data-filter]")];
    const more = byId("more");
    let shown = PAGE;

    function render() {
      const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
      const fits = (row) =>
        filters.every((f) => !f.value || row.dataset[f.dataset.filter] === f.value) &&
        words.every((word) => texts.get(row).includes(word));
      const order = byId("order").value;
      const rows = [...drawn];
      if (order) {
        rows.sort((a, b) => a.getAttribute("data-" + order) - b.getAttribute("data-" + order));
      }
      body.append(...rows);
      let fitting = 0;
      for (const row of rows) {
        const fit = fits(row);
        row.hidden = !fit || fitting >= shown;
        if (fit) fitting += 1;
      }
      const visible = Math.min(shown, fitting);
      byId("found").textContent = fitting
        ? `${counted(fitting)} of ${counted(drawn.length)} pairs fit; ${counted(visible)} are shown`
        : "No pair fits.";
      more.hidden = fitting <= shown;
    }

    const again = () => { shown = PAGE; render(); };
    form.hidden = false;
    form.addEventListener("input", again);
    form.addEventListener("submit", (event) => event.preventDefault());
    more.addEventListener("click", () => {
      const first = [...body.rows].filter((row) => !row.hidden).length;
      shown += PAGE;
      render();
      const next = [...body.rows].filter((row) => !row.hidden)[first];
      if (next) { next.tabIndex = -1; next.focus(); }
    });
    render();
  }

  function explorer() {
    const data = byId("curves");
    if (!data) return;
    const curves = JSON.parse(data.textContent);
    const rule = byId("rule");
    const slider = byId("threshold");
    const svg = byId("curve");
    const LEFT = 46, RIGHT = 430, TOP = 14, BOTTOM = 160;

    const node = (name, attributes, text) => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", name);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
      if (text !== undefined) made.textContent = text;
      svg.append(made);
    };
    const change = (value, base) => {
      if (!base) return "";
      const percent = Math.round((100 * (value - base)) / base);
      return percent ? ` (${percent > 0 ? "+" : "−"}${Math.abs(percent)} %)` : " (as it stands)";
    };

    function draw() {
      const curve = curves[rule.value];
      const at = Number(slider.value);
      const now = curve.values.indexOf(curve.now);
      const first = curve.values[0], last = curve.values[curve.values.length - 1];
      const top = Math.max(...curve.kept, 1);
      const x = (value) => LEFT + ((RIGHT - LEFT) * (value - first)) / (last - first);
      const y = (count) => BOTTOM - ((BOTTOM - TOP) * count) / top;
      const points = curve.values.map((value, i) => `${x(value).toFixed(1)},${y(curve.kept[i]).toFixed(1)}`);
      svg.replaceChildren();
      node("path", { class: "area", d: `M${LEFT},${BOTTOM}L${points.join("L")}L${RIGHT},${BOTTOM}Z` });
      node("line", { class: "axis", x1: LEFT, x2: RIGHT, y1: BOTTOM, y2: BOTTOM });
      node("line", { class: "now", x1: x(curve.now), x2: x(curve.now), y1: TOP, y2: BOTTOM });
      node("polyline", { class: "line", points: points.join(" ") });
      node("circle", { class: "dot", cx: x(curve.values[at]), cy: y(curve.kept[at]), r: 5 });
      node("text", { x: LEFT - 6, y: TOP + 4, "text-anchor": "end" }, counted(top));
      node("text", { x: LEFT - 6, y: BOTTOM, "text-anchor": "end" }, "0");
      node("text", { x: LEFT, y: BOTTOM + 18 }, String(first));
      node("text", { x: RIGHT, y: BOTTOM + 18, "text-anchor": "end" }, String(last));
      const side = curve.end === "min" ? "at least" : "at most";
      const value = curve.values[at];
      slider.setAttribute("aria-valuetext", `${side} ${value}`);
      byId("explained").textContent =
        `${curve.shown} ${side} ${value}: ${counted(curve.kept[at])} ${curve.plural}` +
        `${change(curve.kept[at], curve.kept[now])}; ${counted(curve.total[at])} pairs in all` +
        `${change(curve.total[at], curve.total[now])}.`;
    }

    function choose() {
      const curve = curves[rule.value];
      slider.max = String(curve.values.length - 1);
      slider.value = String(curve.values.indexOf(curve.now));
      draw();
    }

    byId("explorer-controls").hidden = false;
    rule.addEventListener("input", choose);
    slider.addEventListener("input", draw);
    choose();
  }

  pairTable();
  explorer();
})();
