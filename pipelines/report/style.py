"""The report's style sheet: readable on screen, in the dark, and on paper."""

STYLE = """
:root{--ink:#1d2430;--soft:#5b6675;--line:#d9dee6;--page:#fff;--panel:#f5f7fa;
--critical:#8e1538;--high:#c8452b;--medium:#b7791f;--low:#2f6f9f;--informational:#6b7684}
@media (prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#9aa6b5;--line:#343d4a;--page:#14181f;
--panel:#1c222b;--critical:#e0587f;--high:#ee7b5f;--medium:#dba64d;--low:#6fb1df;
--informational:#95a1b0}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main,header,footer{max-width:1120px;margin:0 auto;padding:0 24px}
header{padding-top:36px}
h1{font-size:28px;line-height:1.2;margin:0 0 4px}
h2{font-size:19px;margin:40px 0 10px}
.soft,footer{color:var(--soft)}
footer{padding-top:36px;padding-bottom:36px;font-size:13px}
dl.tiles{display:flex;flex-wrap:wrap;gap:12px;margin:22px 0 0}
dl.tiles div{background:var(--panel);border:1px solid var(--line);border-radius:8px;
padding:10px 16px;min-width:118px}
dl.tiles dt{color:var(--soft);font-size:13px}
dl.tiles dd{margin:0;font-size:23px;font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}
caption{text-align:left;color:var(--soft);font-size:13px;padding-bottom:6px}
th,td{text-align:left;vertical-align:top;padding:7px 14px 7px 0;border-bottom:1px solid var(--line)}
th{font-size:13px;color:var(--soft);font-weight:600;white-space:nowrap}
td.number,th.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
td.time{white-space:nowrap;font-variant-numeric:tabular-nums}
td.name{min-width:15em}
td{overflow-wrap:anywhere}
tr.total td{font-weight:600}
.level{display:inline-block;min-width:74px;padding:1px 8px;border-radius:4px;font-size:12.5px;
border:1px solid currentColor;text-align:center;white-space:nowrap}
.critical{color:var(--critical)}.high{color:var(--high)}.medium{color:var(--medium)}
.low{color:var(--low)}.informational{color:var(--informational)}
.fill{fill:currentColor}
.chart{width:100%;height:auto;display:block}
.chart text{font-size:11.5px;fill:var(--soft)}
.chart .rule{stroke:var(--line)}
details summary{cursor:pointer;color:var(--soft);font-size:13px}
details dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 14px;margin:8px 0 4px;
font-size:13px}
details dt{color:var(--soft)}
details dd{margin:0;overflow-wrap:anywhere}
code{font:12.5px/1.45 ui-monospace,monospace}
ol.story{list-style:none;margin:0;padding:0;border-left:3px solid var(--line)}
ol.story>li{padding:0 0 16px 18px}
ol.story p{margin:0}
ol.story ul{list-style:none;margin:4px 0 0;padding:0;font-size:14px}
a{color:inherit}
.skip{position:absolute;left:-999px}
.skip:focus{position:static}
:target{background:var(--panel)}
@media print{body{font-size:11px}main,header,footer{max-width:none;padding:0}
h2{break-after:avoid}tr,li{break-inside:avoid}
details:not([open])>*{display:none}.skip{display:none}}
"""
