// Line charts as SVG.

/** A chart: one place on the x axis for each label, and for each series a value, or none, at each place. */
export interface LineChart {
  title: string;
  labels: readonly string[];
  series: readonly { name: string; values: readonly (number | undefined)[] }[];
  /** Whether the y axis is logarithmic. Values of 0 or less are then left out. Default: false. */
  logarithmic?: boolean;
}

const size = { width: 860, height: 360 };
const plot = { left: 70, right: 590, top: 40, bottom: 290 };
const colours = ["#1b6ca8", "#c44536", "#3a7d44", "#8e5ea2", "#d08c1d", "#4a4e69"];

/** Draws it. */
export function lineChart({ title, labels, series, logarithmic = false }: LineChart): string {
  const shown = (value: number | undefined): value is number =>
    value !== undefined && Number.isFinite(value) && (!logarithmic || value > 0);
  const values = series.flatMap((one) => one.values.filter(shown));
  const ticks = logarithmic ? powersAround(values) : stepsUpTo(Math.max(0, ...values));
  const scale = (value: number) => (logarithmic ? Math.log10(value) : value);
  const [low, high] = [scale(ticks[0] ?? 0), scale(ticks.at(-1) ?? 1)];
  const x = (place: number) => plot.left + ((place + 0.5) * (plot.right - plot.left)) / Math.max(1, labels.length);
  const y = (value: number) => plot.bottom - ((scale(value) - low) * (plot.bottom - plot.top)) / (high - low);

  const grid = ticks.map(
    (tick) =>
      `<line x1="${plot.left}" x2="${plot.right}" y1="${at(y(tick))}" y2="${at(y(tick))}" stroke="#ddd"/>` +
      `<text x="${plot.left - 8}" y="${at(y(tick) + 4)}" text-anchor="end">${numberText(tick)}</text>`,
  );
  const places = labels.map(
    (label, place) => `<text transform="translate(${at(x(place))} ${plot.bottom + 16}) rotate(20)">${escapeXml(label)}</text>`,
  );
  const lines = series.map(({ name, values: of }, index) => {
    const colour = colours[index % colours.length];
    const points = of.flatMap((value, place) => (shown(value) ? [{ px: at(x(place)), py: at(y(value)), value }] : []));
    const dots = points.map(
      ({ px, py, value }) =>
        `<circle cx="${px}" cy="${py}" r="3" fill="${colour}"><title>${escapeXml(name)}: ${numberText(value)}</title></circle>`,
    );
    const path = points.map(({ px, py }) => `${px},${py}`).join(" ");
    const key = `<text x="${plot.right + 16}" y="${plot.top + 10 + index * 20}" fill="${colour}">${escapeXml(name)}</text>`;
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join("")}${key}`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
<text x="${plot.left}" y="22" font-size="15">${escapeXml(title)}</text>
${[...grid, ...places, ...lines].join("\n")}
</svg>
`;
}

/** Ones, twos and fives of the powers of ten, from at most the smallest to at least the largest value. */
function powersAround(values: readonly number[]): number[] {
  const [low, high] = values.length === 0 ? [1, 10] : [Math.min(...values), Math.max(...values)];
  const from = Math.floor(Math.log10(low));
  const powers = Array.from({ length: Math.ceil(Math.log10(high)) - from + 2 }, (_, i) => 10 ** (from + i));
  const all = powers.flatMap((one) => [one, 2 * one, 5 * one]);
  const start = Math.max(
    0,
    all.findLastIndex((tick) => tick <= low),
  );
  const end = all.findIndex((tick) => tick >= high && tick > (all[start] ?? 0));
  return all.slice(start, end + 1);
}

/** About five round steps from 0. */
function stepsUpTo(high: number): number[] {
  const rough = (high || 1) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  return Array.from({ length: Math.ceil((high || 1) / step) + 1 }, (_, i) => i * step);
}

function at(coordinate: number): number {
  return Math.round(coordinate * 10) / 10;
}

function numberText(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
