"""Page frame, style sheet and script of the report. All of it is inlined: no network is needed."""

from string import Template

# The content policy makes the promise checkable: a browser refuses any request the page might make.
PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data: blob:; \
style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>$style</style>
</head>
<body>
<main>
$body
</main>
<script>$plotly</script>
<script>$script</script>
</body>
</html>
""")

STYLE = """
:root {
  --paper: #fbfbfa; --panel: #ffffff; --ink: #23272e; --muted: #626a76; --line: #e2e5e9;
  --accent: #0072b2; --wrong: #b84e00; --right: #00734f; --notice: #fff6e0; --notice-line: #e69f00;
  --heat: #ffffff #e6f1f7 #b2d5e8 #4c9cc9 #0072b2;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --panel: #1c2026; --ink: #e4e7eb; --muted: #9aa3af; --line: #323842;
    --accent: #56b4e9; --wrong: #f0883e; --right: #3fc79a; --notice: #2c2614;
    --notice-line: #b98300; --heat: #1c2026 #21323d #2d4a5c #3f82a8 #56b4e9;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main { max-width: 1060px; margin: 0 auto; padding: 2.5rem 1.25rem 5rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .6rem; overflow-wrap: anywhere; }
h2 {
  font-size: 1.35rem; margin: 3rem 0 .8rem; padding-top: .8rem; border-top: 1px solid var(--line);
}
h3 { font-size: 1.05rem; margin: 1.8rem 0 .6rem; }
p { max-width: 46rem; }
.muted, figcaption, .card small { color: var(--muted); }
.chips {
  display: flex; flex-wrap: wrap; gap: .4rem; padding: 0; margin: 0 0 1rem; list-style: none;
}
.chips li {
  border: 1px solid var(--line); border-radius: 1rem; padding: .1rem .7rem; font-size: .85rem;
  background: var(--panel); overflow-wrap: anywhere;
}
.notice {
  max-width: none; background: var(--notice); border-left: 4px solid var(--notice-line);
  padding: .7rem 1rem; border-radius: .3rem;
}
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(12rem, 1fr)); gap: .8rem; }
.card {
  background: var(--panel); border: 1px solid var(--line); border-radius: .6rem;
  padding: .8rem 1rem;
}
.card b {
  display: block; font-size: 1.9rem; line-height: 1.25; font-variant-numeric: tabular-nums;
}
.card:first-child b { color: var(--accent); }
.card span { font-size: .85rem; font-weight: 600; overflow-wrap: anywhere; }
.card small { display: block; font-size: .8rem; line-height: 1.4; }
.scroll { overflow-x: auto; margin: .8rem 0; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .35rem 1.1rem .35rem 0; }
td {
  border-top: 1px solid var(--line); overflow-wrap: break-word; min-width: 5rem; max-width: 32rem;
}
th { color: var(--muted); font-weight: 600; white-space: nowrap; }
.plot, .pair {
  background: var(--panel); border: 1px solid var(--line); border-radius: .6rem; margin: 1rem 0;
}
.plot { padding: .4rem; }
.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: .8rem; }
.pair { margin: 0; padding: .7rem; font-size: .85rem; }
.pair div { display: grid; grid-template-columns: 1fr 1fr; gap: .5rem; }
.pair img {
  width: 100%; aspect-ratio: 1; object-fit: contain; display: block; border-radius: .25rem;
}
.pair img.low { image-rendering: pixelated; }
.pair div span { color: var(--muted); font-size: .75rem; }
.pair figcaption { margin-top: .4rem; line-height: 1.4; overflow-wrap: anywhere; }
.pair strong { color: var(--wrong); }
.pair.right strong { color: var(--right); }
details summary { cursor: pointer; color: var(--accent); margin: .8rem 0; }
@media print { .plot, .pair, .card { break-inside: avoid; } }
"""

# Figures are drawn in the page's own colours, and again when the reader switches to dark or light.
SCRIPT = """
const figures = [...document.querySelectorAll(".plot")].map(place => {
  const figure = JSON.parse(place.querySelector("script").textContent);
  return {place: place.querySelector("div"), data: figure.data, layout: figure.layout};
});
// From plotly.js 4 on, a button that uploads the data is there unless it is refused.
const config = {responsive: true, displaylogo: false, showSendToCloud: false};
function draw() {
  const style = getComputedStyle(document.documentElement);
  const colour = name => style.getPropertyValue(name).trim();
  for (const {place, data, layout} of figures) {
    const template = layout.template.layout;
    template.font.color = colour("--ink");
    template.paper_bgcolor = "rgba(0,0,0,0)";
    Object.assign(template.modebar, {
      bgcolor: "rgba(0,0,0,0)", color: colour("--muted"), activecolor: colour("--accent"),
    });
    template.hoverlabel = {bgcolor: colour("--panel"), font: {color: colour("--ink")}};
    for (const axis of [template.xaxis, template.yaxis]) {
      axis.gridcolor = colour("--line");
      axis.linecolor = colour("--muted");
    }
    const heat = colour("--heat").split(" ");
    for (const trace of data.filter(trace => trace.type === "heatmap"))
      trace.colorscale = trace.colorscale.map(([share], step) => [share, heat[step]]);
    Plotly.react(place, data, layout, config);
  }
}
draw();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
"""
