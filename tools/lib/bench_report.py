#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""bench_report.py FOLDER FIGURES...: what the benchmark has found, as FOLDER/bench.{json,md,svg}.

FIGURES are files of lines "kernel=6.1 mode=frames device=/dev/vhost-net way=tx ... worker=1989.9",
as tools/bench writes them. A row of the table is a ratio, this device to vhost-net, or what its
title says; vhost-net is given the ring on which it is best, this device the split one.
"""
import json
import sys
from statistics import median
from xml.sax.saxutils import escape

OURS, THEIRS = "/dev/vhost-net-alt", "/dev/vhost-net"
LESS, MORE = "less", "more"


def parse(line):
    figure = {}
    for word in line.split():
        key, value = word.split("=", 1)
        try:
            figure[key] = value if key == "kernel" else float(value) if "." in value else int(value)
        except ValueError:
            figure[key] = value
    return figure


class Figures:
    """All figures of one kernel."""

    def __init__(self, figures):
        self.figures = figures

    def of(self, unit, **keys):
        return [f[unit] for f in self.figures
                if unit in f and all(f.get(key) == value for key, value in keys.items())]

    def frames(self, device, ring="split", **keys):
        """Instructions a frame in the worker; the least of all rings where ring is None."""
        if ring:
            keys["ring"] = ring
        found = self.of("worker", device=device, mode="frames", **{"batch": 64, "form": "one", **keys})
        return min(found) if found else None

    def rate(self, device, **keys):
        found = self.of("rate", device=device, mode="rates", batch=1, **keys)
        return found[0] if found else None

    def guest(self, device, test):
        found = self.of("value", device=device, mode="guest", test=test)
        return median(found) if found else None

    def idle(self, device):
        found = self.of("idle_ns", device=device)
        return max(found) / 1e6 if found else None


def copied(**keys):
    return lambda f: (f.frames(OURS, to="tap", zerocopy="off", **keys),
                      f.frames(THEIRS, ring=None, to="tap", zerocopy="off", **keys))


def zerocopy(**keys):
    return lambda f: (f.frames(OURS, to="bridge", zerocopy="on", **keys),
                      f.frames(THEIRS, ring=None, to="bridge", zerocopy="on", **keys))


def zerocopy_unused(f):
    return (f.frames(OURS, to="bridge", zerocopy="on", way="tx", bytes=64),
            f.frames(OURS, to="bridge", zerocopy="off", way="tx", bytes=64))


def formats(way):
    return lambda f: (f.frames(OURS, ring="packed", to="tap", zerocopy="off", way=way, bytes=64),
                      f.frames(OURS, to="tap", zerocopy="off", way=way, bytes=64))


def one_at_a_time(**keys):
    return lambda f: (f.rate(OURS, polling="on", bytes=64, **keys),
                      f.rate(THEIRS, polling="off", bytes=64, **keys))


def guest(test):
    return lambda f: (f.guest(OURS, test), f.guest(THEIRS, test))


# Key, title, asked, hoped for, which is better, and the two figures.
ROWS = [
    ("tx-64", "TX 64 B, batch 64", 0.60, 0.45, LESS, copied(way="tx", bytes=64)),
    ("rx-64", "RX 64 B, batch 64", 0.50, 0.35, LESS, copied(way="rx", bytes=64)),
    ("tx-1500", "TX 1500 B, batch 64", 0.70, 0.55, LESS, copied(way="tx", bytes=1500)),
    ("rx-1500", "RX 1500 B, batch 64", 0.55, 0.40, LESS, copied(way="rx", bytes=1500)),
    ("tx-64-alone", "TX 64 B, batch 1", 0.80, 0.70, LESS, copied(way="tx", bytes=64, batch=1)),
    ("rx-64-alone", "RX 64 B, batch 1", 0.80, 0.70, LESS, copied(way="rx", bytes=64, batch=1)),
    ("tx-gso", "TX 64 KB, copied", 0.95, 0.80, LESS, copied(way="tx", bytes=65535)),
    ("tx-gso-indirect", "TX 64 KB, copied, 17 indirect", 0.95, 0.80, LESS,
     copied(way="tx", bytes=65535, form="indirect")),
    ("tx-gso-zerocopy", "TX 64 KB, zero-copy, to a bridge", 0.90, 0.60, LESS,
     zerocopy(way="tx", bytes=65535)),
    ("tx-gso-zerocopy-indirect", "the same, 17 indirect", 0.90, 0.60, LESS,
     zerocopy(way="tx", bytes=65535, form="indirect")),
    ("tx-64-zerocopy", "TX 64 B, zero-copy on / off, this device", 1.02, 1.00, LESS, zerocopy_unused),
    ("tx-packed", "TX 64 B, packed / split, this device", 1.05, 1.00, LESS, formats("tx")),
    ("rx-packed", "RX 64 B, packed / split, this device", 1.05, 1.00, LESS, formats("rx")),
    ("tx-polling", "packets/s, TX one at a time, polling", 1.5, 2.5, MORE,
     one_at_a_time(way="tx", wait="look")),
    ("tx-polling-interrupt", "the same, driver sleeps until interrupted", 1.5, 2.5, MORE,
     one_at_a_time(way="tx", wait="interrupt")),
    ("tcp-to", "nested guest: TCP stream to it", 1.0, 1.0, MORE, guest("stream-to")),
    ("tcp-from", "nested guest: TCP stream from it", 1.0, 1.0, MORE, guest("stream-from")),
    ("tcp-rr", "nested guest: TCP request and response", 1.0, 1.0, MORE, guest("rr")),
]


def reached(ratio, limit, better):
    return ratio <= limit if better == LESS else ratio >= limit


def rows_of(by_kernel):
    rows = []
    for key, title, asked, hoped, better, figures in ROWS:
        row = {"key": key, "title": title, "asked": asked, "hoped": hoped, "better": better, "kernels": {}}
        for kernel, of_kernel in by_kernel.items():
            ours, theirs = figures(of_kernel)
            ratio = ours / theirs if ours is not None and theirs else None
            row["kernels"][kernel] = {
                "ours": ours, "theirs": theirs,
                "ratio": None if ratio is None else round(ratio, 4),
                "reached": None if ratio is None else "hoped" if reached(ratio, hoped, better)
                else "asked" if reached(ratio, asked, better) else "no"}
        rows.append(row)
    return rows


def markdown(rows, kernels):
    def cell(found):
        if found["ratio"] is None:
            return "–"
        shown = f"{found['ratio']:.2f}"
        return f"**{shown}**" if found["reached"] == "no" else shown

    def limit(row, name):
        return f"{'≥ ' if row['better'] == MORE else ''}{row[name]:.2f}"

    lines = ["| this device / vhost-net | asked | hoped for |" + "".join(f" {k} |" for k in kernels),
             "|---|---|---|" + "---|" * len(kernels)]
    for row in rows:
        lines.append(f"| {row['title']} | {limit(row, 'asked')} | {limit(row, 'hoped')} |" +
                     "".join(f" {cell(row['kernels'][k])} |" for k in kernels))
    return "\n".join(lines) + "\n"


def svg(rows, kernels):
    """Bars to the right of 0, vhost-net's line at 1, a notch for what was asked."""
    colours = ["#4878a8", "#e09f3e", "#6a994e"]
    left, width, bar, gap, most = 300, 420, 11, 9, 3.0
    step = bar * len(kernels) + gap
    height = 60 + step * len(rows)

    def x(ratio):
        return left + min(ratio, most) / most * width

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 60} {height}" '
           'font-family="sans-serif" font-size="12" fill="#222">',
           f'<rect width="{left + width + 60}" height="{height}" fill="#fff"/>',
           '<text x="10" y="18" font-size="14">this device / vhost-net</text>']
    for number, kernel in enumerate(kernels):
        at = left + number * 110
        out.append(f'<rect x="{at}" y="8" width="{bar}" height="{bar}" fill="{colours[number % 3]}"/>'
                   f'<text x="{at + bar + 5}" y="18">Linux {escape(kernel)}</text>')
    at = left + len(kernels) * 110
    out.append(f'<path d="M{at} 6V21" stroke="#c1121f" stroke-width="2"/>'
               f'<text x="{at + 6}" y="18">asked</text>')
    for ratio in range(int(most) + 1):
        out.append(f'<path d="M{x(ratio):.1f} 40V{height - 10}" stroke="{"#222" if ratio == 1 else "#ddd"}"/>'
                   f'<text x="{x(ratio):.1f}" y="36" text-anchor="middle">{ratio}</text>')
    for number, row in enumerate(rows):
        top = 46 + number * step
        arrow = " ↑" if row["better"] == MORE else ""
        out.append(f'<text x="{left - 8}" y="{top + bar * len(kernels) / 2 + 4:.1f}" '
                   f'text-anchor="end">{escape(row["title"])}{arrow}</text>')
        for place, kernel in enumerate(kernels):
            ratio = row["kernels"][kernel]["ratio"]
            y = top + place * bar
            if ratio is None:
                out.append(f'<text x="{left + 4}" y="{y + bar - 2}" font-size="9" fill="#888">not measured</text>')
                continue
            out.append(f'<rect x="{left}" y="{y}" width="{x(ratio) - left:.1f}" height="{bar - 1}" '
                       f'fill="{colours[place % 3]}"/>'
                       f'<text x="{x(ratio) + 4:.1f}" y="{y + bar - 2}" font-size="10">{ratio:.2f}</text>')
        notch = x(row["asked"])
        out.append(f'<path d="M{notch:.1f} {top - 2}V{top + bar * len(kernels) + 1}" '
                   'stroke="#c1121f" stroke-width="2"/>')
    return "\n".join(out + ["</svg>"]) + "\n"


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    folder = sys.argv[1]
    figures = []
    for name in sys.argv[2:]:
        with open(name, encoding="ascii") as lines:
            figures += [parse(line) for line in lines if line.strip()]
    kernels = list(dict.fromkeys(f["kernel"] for f in figures))
    by_kernel = {k: Figures([f for f in figures if f["kernel"] == k]) for k in kernels}
    rows = rows_of(by_kernel)
    idle = {k: {"ours": f.idle(OURS), "theirs": f.idle(THEIRS)} for k, f in by_kernel.items()}
    report = {"schema": 1, "kernels": kernels, "rows": rows, "idle_ms_a_second": idle, "figures": figures}
    for suffix, text in (("json", json.dumps(report, indent=1) + "\n"),
                         ("md", markdown(rows, kernels)), ("svg", svg(rows, kernels))):
        with open(f"{folder}/bench.{suffix}", "w", encoding="utf-8") as out:
            out.write(text)


if __name__ == "__main__":
    main()
