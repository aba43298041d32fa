"""Labels and file names that would be more than text somewhere: a terminal, a shell, Markdown, a chart."""

import re

HOSTILE = (
    "a\x1b[31mb",
    "x](http://e)",
    "![i](http://e/p.png)",
    "<script>alert(1)</script>",
    "<http://e>",
    "`` `x` ``",
    "a`b|c\\|d",
    "# head",
    "$\\frac{",
    "$x^2$",
    "\u202egpj.wav",
    "a;touch pwned",
    "$(touch pwned)",
    'nope:X"; touch pwned; echo "',
    "[red]",
    ":warning:",
    "*b* _i_ __init__ ~~s~~ fair_nas",
    "&lt; &amp;",
    "a\nerror: b\r\tc",
    "\x7f\x85\u2028\u2066",
    "sch\udcfcssel",
    "-rf",
    "_unknown_",
)
_UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def unseen(text: str) -> list[str]:
    """The characters of a text that a terminal would obey or nobody sees; newlines are none of them."""
    return _UNSEEN.findall(text)
