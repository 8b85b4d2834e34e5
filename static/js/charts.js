// Time series with uPlot. A [data-charts="id"] holds [data-chart="name"] boxes; the JSON script with that
// id holds {start, end, step, marks, charts: {name: [{name, colour, values}]}}, times in epoch seconds.
"use strict";

const DAY = 86400;
const drawn = new Set();

const two = (number) => String(number).padStart(2, "0");
const utc = (seconds) => new Date(seconds * 1000);
const clock = (time) => `${two(time.getUTCHours())}:${two(time.getUTCMinutes())}`;
const day = (time) => time.toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

function stamp(seconds, step) {
  const time = utc(seconds);
  if (step >= DAY) return day(time);
  return `${day(time)} ${clock(time)}${step < 60 ? `:${two(time.getUTCSeconds())}` : ""}`;
}

function tick(seconds, increment) {
  const time = utc(seconds);
  if (seconds % DAY === 0) return day(time);
  return increment < 60 ? `${clock(time)}:${two(time.getUTCSeconds())}` : clock(time);
}

function amount(value, unit) {
  if (value === null || value === undefined) return "–";
  if (unit === "ms") return value >= 1000 ? `${+(value / 1000).toPrecision(3)} s` : `${+value.toPrecision(3)} ms`;
  if (value >= 1e6) return `${+(value / 1e6).toPrecision(3)}M`;
  if (value >= 1e4) return `${+(value / 1e3).toPrecision(3)}k`;
  return value.toLocaleString("en");
}

// The colour that a class gives to text: the tokens' values, light or dark.
function colour(box, name) {
  const probe = document.createElement("i");
  probe.className = name;
  probe.hidden = true;
  box.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

// Bars stand on each other: what is drawn first is the sum of all, and each later one covers its part.
function stacked(series) {
  const sums = [];
  series.forEach(({ values }, place) => {
    sums.push(values.map((value, at) => (value ?? 0) + (place ? sums[place - 1][at] : 0)));
  });
  return sums.reverse();
}

function tooltip(box, data, series, unit) {
  const tip = document.createElement("div");
  tip.className = "plot-tip";
  tip.hidden = true;
  box.append(tip);
  return (plot) => {
    const { idx, left } = plot.cursor;
    tip.hidden = idx === null || idx === undefined || left < 0 || !box.matches(":hover");
    if (tip.hidden) return;
    const time = data.start + idx * data.step;
    const heading = document.createElement("b");
    heading.textContent = `${stamp(time, data.step)} UTC`;
    const lines = series.map((one) => {
      const line = document.createElement("span");
      const sign = document.createElement("i");
      sign.className = one.colour;
      const value = document.createElement("span");
      value.className = "num";
      value.textContent = amount(one.values[idx], unit);
      line.append(sign, one.name, value);
      return line;
    });
    const marks = data.marks.filter((mark) => mark.time >= time && mark.time < time + data.step).map((mark) => {
      const line = document.createElement("span");
      line.className = "c6";
      line.textContent = mark.label;
      return line;
    });
    tip.replaceChildren(heading, ...lines, ...marks);
    const edge = plot.over.offsetLeft + left;
    const isRight = left > plot.over.clientWidth / 2;
    tip.style.left = `${isRight ? edge - tip.offsetWidth - 12 : edge + 12}px`;
    tip.style.top = `${plot.over.offsetTop + 8}px`;
  };
}

// Deployments: a dashed line each, behind the series.
function marks(plot, data, accent) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = accent;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const mark of data.marks) {
    const x = Math.round(plot.valToPos(mark.time, "x", true));
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

// A drag chooses a new range for all charts: it becomes the page's address.
function zoom(plot, data) {
  if (plot.select.width < 4) return;
  const at = (left) => data.start + Math.floor((plot.posToVal(left, "x") - data.start) / data.step) * data.step;
  const start = at(plot.select.left);
  const end = at(plot.select.left + plot.select.width) + data.step;
  const url = new URL(location.href);
  url.searchParams.set("from", start);
  url.searchParams.set("to", Math.min(end, data.end));
  url.searchParams.delete("live");
  const address = url.pathname + url.search;
  htmx.ajax("GET", address, { target: "#analytics", select: "#analytics", swap: "outerHTML", push: address });
}

function axis(box, extra) {
  const font = `11px ${getComputedStyle(box).fontFamily}`;
  const line = colour(box, "plot-line");
  return {
    stroke: colour(box, "plot-text"),
    font,
    grid: { stroke: line, width: 1 },
    ticks: { show: false },
    border: { show: false },
    ...extra,
  };
}

// A value with none on either side has no line, and would not be seen at all: it gets a point.
function lone(plot, at, isShown) {
  if (isShown) return null;
  const values = plot.data[at];
  const isEmpty = (place) => values[place] === null || values[place] === undefined;
  return [...values.keys()].filter((place) => !isEmpty(place) && isEmpty(place - 1) && isEmpty(place + 1));
}

function options(box, data, series) {
  const { kind, unit } = box.dataset;
  const ordered = kind === "bars" ? [...series].reverse() : series;
  const paths = kind === "bars" ? uPlot.paths.bars({ size: [0.82, 48], align: 1 }) : uPlot.paths.linear();
  const accent = colour(box, "plot-mark");
  return {
    width: box.clientWidth,
    height: box.clientHeight,
    padding: [12, 20, 0, 0],
    tzDate: (seconds) => uPlot.tzDate(utc(seconds), "Etc/UTC"),
    legend: { show: false },
    cursor: {
      sync: { key: "traffic", setSeries: false },
      drag: { x: true, y: false, setScale: false },
      points: { show: kind === "lines", size: 6 },
      y: false,
    },
    scales: {
      x: { range: () => [data.start, data.end] },
      y: { range: (plot, low, high) => [0, high ? high * 1.1 : 1] },
    },
    axes: [
      axis(box, {
        size: 26,
        space: 64,
        grid: { show: false },
        values: (plot, splits, place, space, increment) =>
          splits.map((split) => tick(split, increment)),
      }),
      axis(box, {
        size: 54,
        space: 36,
        incrs: unit ? undefined : [1, 2, 5].flatMap((base) => [...Array(10).keys()].map((power) => base * 10 ** power)).sort((a, b) => a - b),
        values: (plot, splits) => splits.map((split) => amount(split, unit)),
      }),
    ],
    series: [
      {},
      ...ordered.map((one) => {
        const ink = colour(box, one.colour);
        return kind === "bars"
          ? { fill: ink, width: 0, paths, points: { show: false } }
          : { stroke: ink, width: 1.75, paths, points: { size: 4, fill: ink, filter: lone } };
      }),
    ],
    hooks: {
      drawClear: [(plot) => marks(plot, data, accent)],
      setCursor: [tooltip(box, data, series, unit)],
      setSelect: [(plot) => zoom(plot, data)],
    },
  };
}

function draw(box, data) {
  const series = data.charts[box.dataset.chart];
  const times = Array.from({ length: (data.end - data.start) / data.step }, (_, at) => data.start + at * data.step);
  const values = box.dataset.kind === "bars" ? stacked(series) : series.map((one) => one.values);
  box.replaceChildren();
  const plot = new uPlot(options(box, data, series), [times, ...values], box);
  plot.box = box;
  drawn.add(plot);
}

function drawAll(root) {
  for (const plot of drawn) {
    if (plot.box.isConnected && !root.contains(plot.box)) continue;
    plot.destroy();
    drawn.delete(plot);
  }
  const holders = root.matches("[data-charts]") ? [root] : root.querySelectorAll("[data-charts]");
  for (const holder of holders) {
    const data = JSON.parse(document.getElementById(holder.dataset.charts).textContent);
    for (const box of holder.querySelectorAll("[data-chart]")) draw(box, data);
  }
}

document.addEventListener("htmx:load", (event) => drawAll(event.detail.elt));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll(document.body));
addEventListener("resize", () => {
  for (const plot of drawn) plot.setSize({ width: plot.box.clientWidth, height: plot.box.clientHeight });
});

// Nothing is replaced under someone's eyes: a chart being read or zoomed, an open table, a focused link.
document.addEventListener("htmx:beforeRequest", (event) => {
  const { elt } = event.detail;
  if (elt.id === "figures" && elt.matches(":has(.plot:hover, details[open], :focus-visible)")) event.preventDefault();
});

// A poll that fails is said where "Live" stands, until one gets through.
function sayLive(isLive) {
  for (const live of document.querySelectorAll("[data-live]")) live.hidden = !isLive;
  for (const late of document.querySelectorAll("[data-late]")) late.hidden = isLive;
}
for (const [name, isLive] of [["htmx:sendError", false], ["htmx:responseError", false], ["htmx:afterSwap", true]]) {
  document.addEventListener(name, (event) => {
    if (event.detail.target?.id === "figures") sayLive(isLive);
  });
}
