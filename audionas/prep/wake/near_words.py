"""Words that sound like a keyword: candidates by spelling and from a list, ordered by their phonemes."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from audionas.core.errors import UserError
from audionas.prep.voices import Engine, phonemes

# Common English words with many different sounds; they also make the sentences of long negatives.
_TEXT = """
a able about above accept across act add after again age ago agree air alarm all alone along always amber
among and animal answer any apple april area arm around arrive art ask august autumn away baby back bag ball
banana bank basket bath beach bear beautiful because become bed before begin behind believe bell below
beside best better between big bird bitter black blue board boat body book border borrow both bottle bottom
box boy branch bread break breakfast bridge bright bring brother brown build burn busy butter button buy
call camera candle capital captain car card careful carry castle catch cause central century certain chair
change cheap chicken child choose church circle city class clean clever climb clock close cloud coat coffee
cold collect colour combine come comfort comment common commuter company compare complete compose concert
consider container continue cook cool copper corner correct cost could count country couple course cover
create cross cup curtain customer dance danger dark daughter day december decide deep deliver desk detail
dinner direct doctor dog dollar door double doubt down dream dress drink drive drop dry during each early
earth east easy eat eight elect electric eleven empty end engine english enjoy enough enter evening every
exact example except excite expect explain eye face fact fair fall family far farm fast father february feel
few field fifteen fight figure find fine finger finish fire first fish five floor flower fly follow food
foot forest forget form forty forward four friday friend from front fruit full future game garden gentle
girl give glass go gold good great green ground group grow guess guitar hair half hammer hand happen happy
hard harvest hat have head hear heart heavy hello help here high hill history hold holiday home hope horse
hospital hot hour house how hundred hurry ice idea if important in inside interest island jacket january
jelly journey juice july jump june just keep kettle key kind king kitchen knee knife know ladder lamp
language large last late laugh lead learn leave left leg lemon lesson letter level library lift light like
line lion listen little live long look lose loud love low lunch machine make man many map march market
matter may meal mean measure meat meet member metal middle mile milk million mind minute mirror mister
modern moment monday money month moon more morning most mother motor mountain mouth move much museum music
must name narrow nature near neck need never new next nice night nine nobody noise north nose nothing notice
november now number ocean october of offer office often oil old on once one onion only open orange order
other our out outside over own page paint pair paper parent park part party pass past pay pencil people
pepper perfect perhaps person picture piece place plan plant plastic plate play please pocket point police
poor popular possible potato power present pretty price prince private problem produce promise proper public
pull purple push put quarter queen question quick quiet quite radio rain reach read ready real reason
receive record red remember repeat report rest return rice rich ride right ring river road rock roof room
round rule run sad safe salt same sand saturday save say school science sea season second secret see sell
send sentence september serious seven several shadow shape share sharp sheep ship shirt shoe shop short
should shoulder show shut sign silver simple since sing sister sit six size skin sky sleep slow small smell
smile smoke smooth snow so soap soft soldier some son song soon sorry sound soup south space speak special
spell spend spoon sport spring square stand star start station stay steal step still stone stop store storm
story straight strange street strong student study such sudden sugar summer sun sunday supper sure surprise
sweet swim table take talk tall taste teach team tell ten than thank that the then there thick thin thing
think thirty this those thousand three through throw thursday ticket tie tiger time tired to today together
tomorrow tongue too tooth top touch towel tower town train travel tree trouble true trust try tuesday turn
twelve twenty two under understand until up use usual valley very view village violin visit voice wait walk
wall want warm wash waste watch water way wear weather wednesday week weight welcome well west wet what
wheel when where which while white who whole why wide wife wild will wind window winter wish with without
woman wonder wood word work world write wrong yard year yellow yes yesterday yet you young your zero
"""
WORDS = tuple(_TEXT.split())
_ALIKE = ("bp", "dt", "gk", "fv", "sz", "mn", "lr", "iey", "aeou", "cks", "wv", "jg", "h")  # letters


class Near(NamedTuple):
    """A word, and the number of phonemes in which it differs from the keyword."""

    word: str
    distance: int


def near(
    keyword: str,
    count: int,
    engine: Engine,
    words: Iterable[str] = WORDS,
    *,
    least: int = 2,
    accent: str = "en-us",
) -> list[Near]:
    """The `count` candidates nearest to the keyword in `accent`, nearest first; none contains the keyword.

    Candidates are `words` and similar spellings. Only one of those that sound the same is taken. At least
    `least` phonemes differ: a single difference may be another accent.
    """
    wanted = keyword.lower()
    texts = list(dict.fromkeys([*(word.lower() for word in words), *spelt_alike(wanted)]))
    own, *others = phonemes([wanted, *texts], engine, accent)
    found: dict[tuple[str, ...], Near] = {}
    for text, sound in zip(texts, others, strict=True):
        if sound and not _within(own, sound) and distance(own, sound) >= least:
            found.setdefault(sound, Near(text, distance(own, sound)))
    return sorted(found.values(), key=lambda each: (each.distance, each.word))[:count]


def spelt_alike(keyword: str) -> list[str]:
    """The keyword's words alone, its beginnings and ends, and spellings without or with a similar letter."""
    found = [*keyword.split(), *(keyword[:cut] for cut in range(3, len(keyword)))]
    found += [keyword[cut:] for cut in range(1, len(keyword) - 2)]
    for place, letter in enumerate(keyword):
        before, after = keyword[:place], keyword[place + 1 :]
        found.append(before + after)
        for alike in _ALIKE:
            if letter in alike:
                found += [before + other + after for other in alike if other != letter]
    whole = (text.strip() for text in found)
    return [text for text in dict.fromkeys(whole) if text and text != keyword]


def distance(one: Sequence[str], other: Sequence[str]) -> int:
    """The fewest insertions, deletions and substitutions from one to the other (Levenshtein)."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def _within(part: Sequence[str], whole: Sequence[str]) -> bool:
    """True where `part` appears in `whole` without a gap."""
    return any(whole[i : i + len(part)] == part for i in range(len(whole) - len(part) + 1))


def require_words(words: Path | None, language: str, near_count: int, *hours: float) -> None:
    """Raise UserError where words are needed in a language without built-in words."""
    if words is None and language.split("-")[0] != "en" and (near_count or any(hours)):
        raise UserError(
            f"--language {language}: the built-in words are English",
            hint="Give --words FILE, one word per line, or --near 0 --sentences 0 without --espeak-hours.",
        )
