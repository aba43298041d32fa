"""The found network drawn as blocks from left to right: kernels as cells, skips as a thin line."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from audionas.core.arch import ArchSpec
from audionas.nn.edge import Edge
from audionas.report.html import Html, tag
from audionas.report.paint import hue, traits
from audionas.spaces._base import space_of

Shape = tuple[int, ...]  # (channels, frequency, frames)

_COLUMN, _GAP = 92, 24  # pixels: a block's width, the wire between two blocks
_PITCH = _COLUMN + _GAP
_ROW, _ROW_GAP = 64, 10
_FORK, _SUM = 8, 8  # a column's wires split this far before it and join this far behind it
_TOP = 34  # room for the choice's name
_STEPS = 46  # height of the staircase of frames under the blocks


def shapes(spec: ArchSpec) -> dict[str, tuple[Shape, Shape]]:
    """Shapes (channels, frequency, frames) before and after each choice, in the order of the network.

    The network runs on the meta device: shapes only, without arithmetic or random numbers.
    """
    found: dict[str, tuple[Shape, Shape]] = {}

    def note(edge: nn.Module, args: tuple[Tensor, ...], out: Tensor) -> None:
        assert isinstance(edge, Edge)
        found[edge.choice.name] = (tuple(args[0].shape[1:]), tuple(out.shape[1:]))

    with torch.device("meta"), torch.no_grad():
        net = space_of(spec).build(spec).eval()
        for module in net.modules():
            if isinstance(module, Edge):
                module.register_forward_hook(note)
        net(torch.zeros(1, spec.io.channels, spec.io.freq, spec.io.frames))
    return found


def draw(spec: ArchSpec) -> Html:
    """The drawing as one SVG; a network without choices is one block with the name of its space."""
    sizes = shapes(spec)
    names = [*sizes, *(name for name in spec.choices if name not in sizes)]
    survivors = [len(spec.choices[name]) for name in names] or [1]
    height = max(survivors) * (_ROW + _ROW_GAP)
    middle = _TOP + height / 2
    choices = [_choice(name, spec.choices[name], sizes.get(name), middle) for name in names]
    columns = [
        _plain("stem", f"from {spec.io.freq} × {spec.io.frames}", middle),
        *(choices or [_plain(spec.space, "no choices", middle)]),
        _plain("head", f"{spec.io.classes} classes", middle),
    ]
    parts = [_move(column, i * _PITCH) for i, column in enumerate(columns)]
    parts += [*_wires([1, *survivors, 1], middle), *_stairs(list(sizes.values()), _TOP + height + 14)]
    wide, tall = len(columns) * _PITCH - _GAP, _TOP + height + 14 + (_STEPS + 34 if sizes else 0)
    picture = tag(
        "svg", *parts, viewBox=f"-2 0 {wide + 4} {tall:.0f}", role="img", aria_label=_words(spec),
        class_="chart drawing", style=f"min-width:{0.78 * wide:.0f}px;max-width:{1.25 * wide:.0f}px",
    )  # fmt: skip
    return tag("div", picture, class_="scroll", tabindex=0)


def _words(spec: ArchSpec) -> str:
    return "; ".join(f"{name}: {' + '.join(options)}" for name, options in spec.choices.items()) or spec.space


def _choice(name: str, options: tuple[str, ...], size: tuple[Shape, Shape] | None, middle: float) -> Html:
    """One column: the choice's name, and its surviving options one below the other, summed."""
    stride = math.ceil(size[0][-1] / size[1][-1]) if size else 1
    top = middle - (len(options) * (_ROW + _ROW_GAP) - _ROW_GAP) / 2
    parts = [_text(_COLUMN / 2, 14, name, font_weight=650)]
    if stride > 1:
        parts.append(_text(_COLUMN / 2, 28, f"time ÷ {stride}", 10.5, "muted"))
    for row, option in enumerate(options):
        y = top + row * (_ROW + _ROW_GAP)
        parts += _fork(middle, y + _ROW / 2) if len(options) > 1 else []
        same = size is not None and size[0] == size[1]
        parts.append(_skip(y, same) if traits(option).skip else _block(option, y))
    if len(options) > 1:
        parts.append(
            tag("circle", cx=_COLUMN + _SUM, cy=middle, r=6, fill="var(--card)", stroke="var(--muted)")
        )
        parts.append(_text(_COLUMN + _SUM, middle + 4, "+", 12))
    return tag("g", *parts)


def _block(option: str, y: float) -> Html:
    """A box in its kernel's colour: k cells, the kernel's width as a number, its extras, its full name."""
    kernel, _, extras = traits(option)
    colour = f"var(--{hue(option)})"
    box = tag("rect", x=0, y=y, width=_COLUMN, height=_ROW, rx=7, fill="var(--card)")
    tint = {"x": 0, "y": y, "width": _COLUMN, "height": _ROW, "rx": 7, "fill": colour, "stroke": colour}
    cell = min(7.0, (_COLUMN - 20) / max(kernel, 1) - 1.6)
    left = (_COLUMN - kernel * (cell + 1.6) + 1.6) / 2
    cells = [
        tag("rect", x=left + i * (cell + 1.6), y=y + 9, width=cell, height=7, rx=1.2, fill=colour)
        for i in range(kernel)
    ]
    label = f"k{kernel}" if kernel else option
    width = 9 * len(label) + 2 + sum(_badge_width(word) + 5 for word in extras)
    x = (_COLUMN - width) / 2
    words = [_text(x, y + 38, label, 15, font_weight=700, text_anchor="start")]
    x += 9 * len(label) + 7
    for word in extras:
        words.append(_badge(word, x, y + 24.5, colour))
        x += _badge_width(word) + 5
    name = _text(_COLUMN / 2, y + 55, option, 10.5, "muted")
    return tag("g", tag("title", option), box, tag("rect", fill_opacity=0.16, **tint), *cells, *words, name)


def _badge_width(word: str) -> float:
    return 6.6 * len(word) + 9


def _badge(word: str, x: float, y: float, colour: str) -> Html:
    filled = word == "SE"
    box = {"x": x, "y": y, "width": _badge_width(word), "height": 17, "rx": 8.5, "stroke": colour}
    fill = "var(--ink)" if filled else "none"
    ink = "card" if filled else "ink"
    text = _text(x + _badge_width(word) / 2, y + 12.5, word, 10.5, ink, font_weight=650)
    return tag("g", tag("rect", fill=fill, **box), text)


def _skip(y: float, same: bool) -> Html:
    """A thin straight line; where the shape changes it is labelled as a 1x1 convolution."""
    middle = y + _ROW / 2
    words = "skip" if same else "skip, 1 × 1 conv"
    line = tag("line", x1=0, x2=_COLUMN, y1=middle, y2=middle, stroke="var(--muted)", stroke_dasharray="4 3")
    return tag("g", tag("title", words), line, _text(_COLUMN / 2, middle - 7, words, 10.5, "muted"))


def _plain(name: str, note: str, middle: float) -> Html:
    y = middle - _ROW / 2
    box = {"x": 0, "y": y, "width": _COLUMN, "height": _ROW, "rx": 7, "stroke": "var(--line)"}
    words = (
        _text(_COLUMN / 2, y + 29, name, 13, font_weight=650),
        _text(_COLUMN / 2, y + 46, note, 10.5, "muted"),
    )
    return tag("g", tag("rect", fill="var(--faint)", **box), *words)


def _stairs(sizes: list[tuple[Shape, Shape]], low: float) -> list[Html]:
    """The frames after the stem and after each choice, under their columns."""
    after = [sizes[0][0], *(size for _, size in sizes)] if sizes else []
    return [_step(size, after[0], i * _PITCH, low) for i, size in enumerate(after)]


def _step(size: Shape, first: Shape, x: float, low: float) -> Html:
    """One stair: its height is the share of frames left, with channels and frames below it."""
    tall = max(2.0, _STEPS * size[-1] / first[-1])
    stair = {"x": x, "y": low + _STEPS - tall, "width": _COLUMN, "height": tall, "rx": 2}
    middle = x + _COLUMN / 2
    channels = f"{size[0]} ch" if size[1] == 1 else f"{size[0]} × {size[1]}"
    frames = _text(middle, low + _STEPS + 15, f"{size[-1]} frames", 11)
    words = (frames, _text(middle, low + _STEPS + 29, channels, 10.5, "muted"))
    return tag("g", tag("rect", fill="var(--accent)", fill_opacity=0.22, **stair), *words)


def _fork(middle: float, y: float) -> list[Html]:
    """Wires from the column's entry to a row and from the row to the sum."""
    fork = f"M{-_FORK} {middle:g}C-2 {middle:g} -6 {y:g} 0 {y:g}"
    merge = f"M{_COLUMN} {y:g}C{_COLUMN + 6} {y:g} {_COLUMN + 2} {middle:g} {_COLUMN + _SUM} {middle:g}"
    return [tag("path", d=bend, fill="none", stroke="var(--muted)") for bend in (fork, merge)]


def _wires(survivors: list[int], y: float) -> list[Html]:
    """The wires between columns; where several options survive they end at the fork and begin at the sum."""
    wires = []
    for i, (here, after) in enumerate(pairwise(survivors)):
        x1 = i * _PITCH + _COLUMN + (_SUM + 6 if here > 1 else 0)
        x2 = (i + 1) * _PITCH - (_FORK if after > 1 else 0)
        wires.append(tag("line", x1=x1, x2=max(x1, x2), y1=y, y2=y, stroke="var(--muted)"))
    return wires


def _move(part: Html, x: float) -> Html:
    return tag("g", part, transform=f"translate({x:g} 0)")


def _text(x: float, y: float, words: str, points: float = 12, colour: str = "ink", **look: object) -> Html:
    look = {"font_size": points, "fill": f"var(--{colour})", "text_anchor": "middle", **look}
    return tag("text", words, x=x, y=y, **look)
