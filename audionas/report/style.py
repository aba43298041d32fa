"""The report's style sheet: light and dark by the reader's setting, and fit for paper."""

# Hues of kernels 3, 5, 7, 9 follow Okabe and Ito's set, which stays apart under colour blindness.
_LIGHT = """
  --page: #f6f5f2; --card: #ffffff; --ink: #1b212c; --muted: #5a6373; --line: #dfe1e6; --faint: #eeeff2;
  --accent: #2b5fc7; --second: #b4561f; --good: #14743f; --bad: #b92c26;
  --k3: #3a96d4; --k5: #16966f; --k7: #df951a; --k9: #c44a7c; --other: #7e62c6; --skip: #8a92a0;
"""
_DARK = """
  --page: #12151b; --card: #1a1f28; --ink: #e6e9ef; --muted: #9aa4b4; --line: #333b48; --faint: #252c37;
  --accent: #7ea6f4; --second: #ec9a62; --good: #5cc98c; --bad: #f4837c;
  --k3: #5fb2ea; --k5: #3dbf95; --k7: #efb04a; --k9: #e878a5; --other: #a993ea; --skip: #8f99a8;
"""

CSS = f"""
:root {{ color-scheme: light dark; {_LIGHT} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_DARK} }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }}
main {{ max-width: 1120px; margin: 0 auto; padding: 40px 24px 64px; }}
h1 {{ font-size: 2.1rem; line-height: 1.15; margin: .15em 0 .2em; letter-spacing: -.02em;
  overflow-wrap: anywhere; }}
h2 {{ font-size: 1.25rem; margin: 0 0 4px; letter-spacing: -.01em; }}
h3 {{ font-size: 1rem; margin: 24px 0 8px; }}
code, pre {{ font: .86em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }}
.eyebrow {{ color: var(--muted); font-size: .8rem; letter-spacing: .08em;
  text-transform: uppercase; margin: 0; }}
.lead, .facts {{ color: var(--muted); margin: 0 0 16px; max-width: 76ch; }}
.steps {{ display: flex; flex-wrap: wrap; gap: 6px; padding: 0; margin: 14px 0 22px; list-style: none; }}
.steps li {{ border: 1px solid var(--line); border-radius: 99px; padding: 1px 12px; font-size: .82rem;
  color: var(--muted); }}
.steps .done {{ color: var(--good); border-color: currentColor; }}
section {{ background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 22px 24px 24px;
  margin: 0 0 18px; }}
.tiles {{ display: flex; flex-wrap: wrap; gap: 1px; background: var(--line); overflow: hidden;
  border: 1px solid var(--line); border-radius: 10px; margin: 0 0 18px; }}
.tiles div {{ background: var(--card); padding: 16px 18px; flex: 1 1 132px; }}
.tiles .wide {{ flex: 2 1 250px; }}
.tiles dt {{ color: var(--muted); font-size: .82rem; }}
.tiles dd {{ margin: 0; font-size: .82rem; color: var(--muted); overflow-wrap: anywhere; }}
.tiles dd.value {{ font-size: 1.45rem; line-height: 1.45; color: var(--ink); font-weight: 650;
  letter-spacing: -.02em; white-space: nowrap; }}
.tiles .wide dd.value {{ font-size: 2.3rem; line-height: 1.15; }}
.pair {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(460px, 100%), 1fr));
  gap: 24px 32px; align-items: end; }}
.pair.top {{ align-items: start; }}
.pair > * {{ min-width: 0; }} .pair .bar {{ width: 52px; }}
.scroll {{ overflow-x: auto; max-width: 100%; }}
.grid {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(min(300px, 100%), 1fr));
  gap: 22px 26px; }}
.small {{ grid-template-columns: repeat(auto-fill, minmax(140px, 1fr)); gap: 16px; }}
figure {{ margin: 0; min-width: 0; break-inside: avoid; }}
figcaption {{ font-size: .86rem; color: var(--muted); margin-bottom: 4px; min-height: 1.5em; }}
figcaption b {{ color: var(--ink); margin-right: .5em; }}
.chart {{ display: block; width: 100%; height: auto; overflow: visible; }}
.chart * {{ stroke-linejoin: round; }}
svg text {{ font-family: inherit !important; font-variant-numeric: tabular-nums; }}
.legend {{ display: flex; flex-wrap: wrap; gap: 4px 16px; padding: 0; margin: 0 0 16px; list-style: none;
  font-size: .84rem; }}
.swatch {{ display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .4em; }}
table {{ border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; width: 100%; }}
th, td {{ padding: 5px 12px 5px 0; border-bottom: 1px solid var(--faint); text-align: right;
  white-space: nowrap;
  font-weight: 400; }}
th:first-child {{ text-align: left; }}
thead th {{ color: var(--muted); font-size: .8rem; border-color: var(--line); }}
tfoot th, tfoot td {{ font-weight: 650; border-bottom: 0; border-top: 1px solid var(--line); }}
td small {{ color: var(--muted); }}
.wrap {{ display: inline-block; min-width: 30ch; white-space: normal; overflow-wrap: anywhere;
  text-align: left; }}
.bar {{ display: inline-block; width: 90px; height: 8px; background: var(--faint); border-radius: 4px;
  overflow: hidden; margin-left: 8px; }}
.bar i {{ display: block; height: 100%; border-radius: 4px; }}
.plot text {{ fill: var(--muted); font-size: 11px; }} .plot .name {{ font-size: 12px; }}
.plot .grid {{ stroke: var(--faint); }} .plot .base {{ stroke: var(--line); }}
.plot .limit {{ stroke: var(--bad); stroke-dasharray: 4 4; }}
.plot .edge {{ fill: none; stroke: var(--accent); stroke-width: 1.6; stroke-opacity: .7; }}
.plot .others circle {{ fill: var(--muted); fill-opacity: .35; }}
.plot .above circle {{ fill: transparent; stroke: var(--muted); stroke-opacity: .6; }}
.plot g circle:hover {{ fill: var(--ink); fill-opacity: 1; }}
.plot .dot {{ fill: var(--dot, var(--accent)); stroke: var(--card); stroke-width: 1.5; }}
.plot .ring {{ fill: none; stroke: var(--dot, var(--accent)); stroke-width: 1.5; }}
.plot .strong text {{ fill: var(--ink); font-weight: 650; paint-order: stroke; stroke: var(--card);
  stroke-width: 3px; }}
.plot .late {{ visibility: var(--reading, hidden); }}
.readings {{ display: grid; font-size: .88rem; margin: 12px 0 0; }}
.readings p {{ grid-area: 1 / 1; margin: 0; visibility: var(--reading, hidden);
  overflow-wrap: anywhere; }}
.front:not(:has([class^="strong"]:hover, tr:hover)) .readings .knee {{ --reading: visible; }}
.front tr {{ background: var(--row, transparent); }} .front tr:target {{ background: var(--faint); }}
.front th:last-child, .front td:last-child {{ text-align: left; padding-left: 12px; white-space: normal; }}
.front td code {{ display: block; min-width: 40ch; color: var(--muted); overflow-wrap: anywhere; }}
.rows {{ max-height: 36rem; overflow-y: auto; }}
.rows thead th {{ position: sticky; top: 0; background: var(--card); }}
.cells {{ display: flex; flex-wrap: wrap; gap: 1px; margin: 2px 0; }}
.cells i {{ width: 8px; height: 16px; border-radius: 1px; }}
.example {{ border-top: 4px solid; padding-top: 6px; font-size: .84rem; overflow-wrap: anywhere; }}
.example img {{ display: block; width: 100%; height: 92px; border-radius: 4px; margin: 6px 0 4px; }}
.example figcaption {{ margin: 0; line-height: 1.35; }}
.right {{ border-color: var(--good); }} .wrong {{ border-color: var(--bad); }}
.right strong {{ color: var(--good); }} .wrong strong {{ color: var(--bad); }}
pre {{ background: var(--faint); border-radius: 6px; padding: 12px 14px; overflow-x: auto;
  margin: 0 0 14px; }}
pre.command {{ white-space: pre-wrap; overflow-wrap: anywhere; }}
details {{ margin-top: 14px; }}
summary {{ cursor: pointer; color: var(--accent); font-size: .9rem; margin-bottom: 8px; }}
dl.facts {{ display: grid; grid-template-columns: max-content 1fr; gap: 2px 18px; font-size: .88rem; }}
dl.facts dd {{ margin: 0; color: var(--ink); overflow-wrap: anywhere; }}
@media (max-width: 520px) {{
  main {{ padding: 22px 12px 40px; }} section {{ padding: 16px 14px 18px; }} h1 {{ font-size: 1.6rem; }}
  .tiles div {{ padding: 12px 14px; }}
}}
@media print {{
  :root {{ {_LIGHT} --page: #ffffff; print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
  body {{ font-size: 10.5pt; }} main {{ padding: 0; max-width: none; }}
  h2, h3, .lead, .legend {{ break-after: avoid; }}
  section {{ border: 0; padding: 8px 0; }} .tiles, tr, .drawing, dl {{ break-inside: avoid; }}
  .scroll {{ overflow: visible; max-height: none; }} .drawing {{ min-width: 0 !important; }}
}}
"""
