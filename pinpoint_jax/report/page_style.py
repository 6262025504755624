"""The look of the page of a demo: light and dark, wide and narrow."""

# What a page may load: its own style, pictures that are in it, nothing else.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

STYLE = '''
:root { color-scheme: light dark; --ink: #18222d; --soft: #566371;
  --paper: #fff; --card: #f5f7f9; --rule: #d5dce3; --sea: #e8eef4;
  --land: #c9d1d8; --accent: #1158c7; --truth: #b8380e;
  --c-raw_1nn: #7d838b; --c-geoclip_style: #b86200; --c-image_top1: #c7417b;
  --c-location_top1: #8847c9; --c-retrieval: #0a857d; --c-light: #c7417b;
  --c-linear: #7d838b; --c-region_prior: #8a6d00; --c-full: #1158c7;
  --c-new: #1158c7; --c-known: #0a857d; --c-street: #b86200;
  --e-0: #1158c7; --e-1: #2a9d8f; --e-2: #d08700; --e-3: #c22f2f }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ecf1; --soft: #a3afbb;
  --paper: #11161b; --card: #1a2128; --rule: #333d47; --sea: #18212a;
  --land: #3a4651; --accent: #7db0ff; --truth: #ff9a6b;
  --c-raw_1nn: #a0a8b1; --c-geoclip_style: #f0a545; --c-image_top1: #f48fb8;
  --c-location_top1: #c39bf5; --c-retrieval: #4fcabf; --c-light: #f48fb8;
  --c-linear: #a0a8b1; --c-region_prior: #d8bd4d; --c-full: #7db0ff;
  --c-new: #7db0ff; --c-known: #4fcabf; --c-street: #f0a545;
  --e-0: #5b9dff; --e-1: #2fd0b8; --e-2: #ffc233; --e-3: #ff5c5c } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif; overflow-wrap: break-word }
main { max-width: 78rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem }
h1 { font-size: 1.9rem; line-height: 1.2; margin: .4rem 0 .6rem }
h2 { font-size: 1.3rem; margin: 3rem 0 .3rem; line-height: 1.25 }
h3 { font-size: 1rem; margin: .2rem 0 .3rem }
p { margin: .5rem 0; max-width: 48rem } a { color: var(--accent) }
code { background: var(--card); overflow-wrap: anywhere }
small, .soft { color: var(--soft); font-size: .85rem }
.note { border-left: 4px solid var(--truth); background: var(--card);
  padding: .5rem .9rem; border-radius: 0 .4rem .4rem 0 }
.result { font-size: 1.12rem }
.tiles { display: grid; gap: 1rem; margin: 1.2rem 0;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 15rem), 1fr)) }
.tile, .card { background: var(--card); border-radius: .6rem;
  padding: .9rem 1rem; min-width: 0 }
.tile b { display: block; font-size: 2rem; line-height: 1.15;
  color: var(--accent); font-variant-numeric: tabular-nums }
.cards { display: grid; gap: 1.1rem; margin-top: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 33rem), 1fr)) }
.seen { display: grid; gap: .8rem; grid-template-columns: 2fr 3fr }
.seen > * { min-width: 0; margin: 0 }
.seen .drawn { aspect-ratio: 1 }
.map-side svg { border-radius: .4rem }
.pictures { display: grid; gap: .6rem; margin-top: .3rem;
  grid-template-columns: repeat(3, 1fr) }
figure { margin: 0; min-width: 0 }
img, .drawn { display: block; width: 100%; aspect-ratio: 1; height: auto;
  object-fit: cover; border-radius: .4rem; background: var(--rule) }
.drawn { color: var(--soft) }
figcaption { font-size: .8rem; line-height: 1.35; color: var(--soft);
  margin-top: .25rem }
dl { display: grid; grid-template-columns: auto 1fr; gap: .1rem .7rem;
  margin: .5rem 0 .6rem; font-size: .92rem } dt { color: var(--soft) }
dd { margin: 0; font-variant-numeric: tabular-nums }
.warn { color: var(--truth); font-size: .85rem; margin: .3rem 0 0 }
.plots { display: grid; gap: 1.4rem; margin-top: .8rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)) }
.plots figure { max-width: 28rem }
.maps { grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)) }
.maps figure { max-width: none }
.maps figure:first-child:nth-last-child(odd) { grid-column: 1 / -1 }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; margin: .5rem 0 0;
  padding: 0; list-style: none; font-size: .88rem }
.key svg { width: 26px; height: 12px; display: inline-block;
  vertical-align: -1px; margin-right: .35rem; overflow: visible }
svg { display: block; width: 100%; height: auto }
svg.land-shape { position: absolute; width: 0; height: 0 }
svg text { font: 12px system-ui, sans-serif; fill: var(--soft) }
svg text.value { fill: var(--ink); font-weight: 600 }
.axis, .tick { stroke: var(--soft); fill: none }
.grid { stroke: var(--rule); fill: none; stroke-width: 1 }
.line { fill: none; stroke: currentColor; stroke-width: 1.8;
  stroke-linejoin: round }
.line.thin { stroke-width: 1.2; opacity: .6 }
.dots { fill: none; stroke: currentColor; stroke-linecap: round;
  vector-effect: non-scaling-stroke; stroke-width: 3 }
.dots.faint { stroke-width: 3; opacity: .4 }
.dots.big { stroke-width: 7 } .dots.error { stroke-width: 3.2 }
.dots.other { color: var(--soft); stroke-width: 6 }
.bar { fill: currentColor } .bar.c-ideal { opacity: .35 }
.whisker { stroke: var(--ink); stroke-width: 1.1; fill: none; opacity: .75 }
.whisker[class*=c-] { stroke: currentColor }
.median { color: var(--ink); stroke-width: 2.6 }
.ideal-line { color: var(--soft); stroke-dasharray: 2 4 }
.paper { fill: var(--paper) }
.map { background: var(--sea) } .map .land { fill: var(--land) }
.heat { fill: var(--accent); stroke: none } .h-0 { opacity: .75 }
.h-1 { opacity: .42 } .h-2 { opacity: .2 }
.way { fill: none; stroke: var(--ink); stroke-width: 1.4;
  stroke-dasharray: 4 3 }
.answer { fill: var(--accent); stroke: var(--paper); stroke-width: 1 }
.truth { fill: none; stroke: var(--truth); stroke-width: 2.6 }
.c-raw_1nn { color: var(--c-raw_1nn) } .c-linear { color: var(--c-linear) }
.c-geoclip_style { color: var(--c-geoclip_style); stroke-dasharray: 7 3 }
.c-image_top1 { color: var(--c-image_top1); stroke-dasharray: 2 3 }
.c-location_top1 { color: var(--c-location_top1); stroke-dasharray: 8 3 2 3 }
.c-region_prior { color: var(--c-region_prior) }
.c-retrieval { color: var(--c-retrieval) }
.c-light { color: var(--c-light); stroke-dasharray: 4 2 }
.c-full { color: var(--c-full) } .line.c-full { stroke-width: 3 }
.c-ideal { color: var(--ink); stroke-dasharray: 1.5 3.5 }
.bar, .whisker, .dots, text { stroke-dasharray: none }
.c-new { color: var(--c-new) } .c-known { color: var(--c-known) }
.c-street { color: var(--c-street) } text[class*=c-] { fill: currentColor }
.e-0 { color: var(--e-0) } .e-1 { color: var(--e-1) }
.e-2 { color: var(--e-2) } .e-3 { color: var(--e-3) }
.c-0 { color: var(--c-new) } .c-1 { color: var(--c-street) }
.c-2 { color: var(--c-known) } .c-3 { color: var(--c-location_top1) }
.scroll { overflow-x: auto; margin: .8rem 0 }
table { border-collapse: collapse; font-size: .92rem }
th, td { padding: .4rem .8rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--rule); font-variant-numeric: tabular-nums }
thead th { vertical-align: bottom; color: var(--soft); font-weight: 600 }
tbody th { text-align: left; font-weight: 400; white-space: normal;
  min-width: 7.5rem; position: sticky; left: 0; background: var(--paper) }
summary { cursor: pointer; margin: .5rem 0 }
th:first-child { text-align: left }
td small, th small { display: block }
tr.main th, tr.main td { font-weight: 700 }
tr.main small { font-weight: 400 }
.verdict { font-weight: 600; color: var(--truth) }
@media (max-width: 40rem) { main { padding: 1rem .8rem 3rem }
  h1 { font-size: 1.5rem } th, td { padding: .35rem .5rem }
  .card { padding: .75rem } .tile b { font-size: 1.7rem }
  .dots.error { stroke-width: 2.2 } figcaption { font-size: .74rem }
  .pictures { gap: .4rem } }
'''
