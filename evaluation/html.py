"""Sections as one HTML page that needs nothing else: no script, no address, no font. Pure."""

from collections.abc import Iterable, Sequence
from html import escape

from evaluation.sections import Bar, Chart, Section

_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem }
table { border-collapse: collapse; display: block; overflow-x: auto }
th, td { border-bottom: 1px solid #8886; padding: .2rem .8rem .2rem 0; text-align: left }
td { font-variant-numeric: tabular-nums; white-space: nowrap }
figure { display: inline-block; margin: 0 2rem 1rem 0 }
figcaption { font-weight: 600 }
svg { display: block }
svg text { fill: currentColor; font-size: 12px }
.bad { color: #c33 }
"""
_CONTENT = "default-src 'none'; style-src 'unsafe-inline'"

_LABEL, _SCALE, _VALUE = 150, 240, 50
"""Pixels for a bar's name, for the value 1, and for the number behind it."""
_STEP, _THICK = 22, 14


def page(
    title: str, parts: Iterable[tuple[str, str, Sequence[Section]]], bad: Sequence[str]
) -> str:
    """The page: of each part its title, a line about it, its sections; above them what is bad."""
    body = [f"<h1>{escape(title)}</h1>"]
    if bad:
        body.append(f'<ul class="bad">{"".join(f"<li>{escape(one)}</li>" for one in bad)}</ul>')
    for name, about, sections in parts:
        body.append(f"<h2>{escape(name)}</h2><p>{escape(about)}</p>")
        body += map(_section, sections)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_CONTENT}">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(body)}</body></html>\n"
    )


def _section(section: Section) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in section.head)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in section.rows
    )
    return (
        f"<h3>{escape(section.title)}</h3><p>{escape(section.note)}</p>"
        f"{''.join(map(_chart, section.charts))}"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _chart(chart: Chart) -> str:
    width, height = _LABEL + _SCALE + _VALUE, _STEP * len(chart.bars) + 4
    bars = "".join(_bar(bar, place * _STEP + 4) for place, bar in enumerate(chart.bars))
    return (
        f"<figure><figcaption>{escape(chart.title)}</figcaption>"
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img" '
        f'aria-label="{escape(chart.title)}">{bars}</svg></figure>'
    )


def _bar(bar: Bar, top: int) -> str:
    value, colour = bar.value, "#8a8f98" if bar.anchor else "#2f6fde"
    middle = top + _THICK // 2
    low, high = _LABEL + _SCALE * value.low, _LABEL + _SCALE * value.high
    name = bar.label if len(bar.label) <= 22 else f"{bar.label[:21]}…"  # noqa: PLR2004 - fits _LABEL
    return (
        f'<text x="0" y="{top + 11}">{escape(name)}</text>'
        f'<rect x="{_LABEL}" y="{top}" width="{_SCALE * value.mean:.1f}" height="{_THICK}" '
        f'fill="{colour}"/>'
        f'<path d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 4}v8'
        f'M{high:.1f} {middle - 4}v8" stroke="currentColor" fill="none"/>'
        f'<text x="{_LABEL + _SCALE + 8}" y="{top + 11}">{value.mean:.3f}</text>'
    )
