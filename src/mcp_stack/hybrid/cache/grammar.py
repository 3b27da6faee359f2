"""The closed classes of English that a question is read by."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _numbered(text: str, start: int = 0, step: int = 1) -> dict[str, int]:
    return {word: start + step * place for place, word in enumerate(text.split())}


def _named(text: str) -> dict[str, str]:
    """Lines of `name: words`, as the name of each word."""
    lines = [line.partition(":") for line in text.strip().splitlines()]
    return {word: name.strip() for name, _, words in lines for word in words.split()}


NUMBERS = {
    **_numbered(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen"
    ),
    **_numbered("twenty thirty forty fifty sixty seventy eighty ninety", 20, 10),
    "dozen": 12,
}
SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
# First and second have other meanings too, and are words like any other.
ORDINALS = _numbered("third fourth fifth sixth seventh eighth ninth tenth", 3)
UNITS = _named(
    """
    kb: kb kilobyte kilobytes
    mb: mb megabyte megabytes
    gb: gb gigabyte gigabytes
    tb: tb terabyte terabytes
    ms: ms millisecond milliseconds
    s: s sec secs second seconds
    min: min mins minute minutes
    h: h hr hrs hour hours
    d: d day days
    week: week weeks
    month: month months
    year: year years
    mm: mm millimeter millimeters millimetre millimetres
    cm: cm centimeter centimeters centimetre centimetres
    m: m meter meters metre metres
    km: km kilometer kilometers kilometre kilometres
    mile: mile miles
    foot: foot feet ft
    inch: inch inches
    g: g gram grams
    kg: kg kilo kilos kilogram kilograms
    lb: lb lbs pound pounds
    oz: oz ounce ounces
    ml: ml milliliter milliliters millilitre millilitres
    l: l liter liters litre litres
    cup: cup cups
    %: % percent
    $: $ usd dollar dollars
    €: € eur euro euros
    £: £ gbp
    """
)
NEGATIONS = _words("not no never without neither nor none nobody nothing nowhere")
PREPOSITIONS = _named(
    """
    to: to into onto towards toward
    from: from
    with: with using via
    ~: in on at for of about inside within
    vs: vs versus
    """
) | {
    each: each
    for each in _words("before after over under above below between than by off out up down during since until without")
}
"""By the direction that they give; `~` for none."""
DETERMINERS = _words("a an the this that these those my your our his her their its some any")
PERSONS = _named(
    """
    my: my mine our ours
    your: your yours
    his: his he him
    her: her hers she
    their: their theirs they them
    """
)
EMPTY = (
    _words(
        """
        i me you we us it they them myself yourself itself one ones someone somebody anyone anybody
        am is are was were be been being do does did doing done have has had having
        can could may might will would shall should must ought
        and but so if then that as there here also too just simply actually really basically exactly properly
        correctly please kindly still already yet ever now currently right well
        what which who whom whose when where why how whether
        ll re ve able possible way ways
        to into onto towards toward from with using via in on at for of about inside within vs versus between than by
        """
    )
    | DETERMINERS
    | PERSONS.keys()
    | (NEGATIONS - {"without"})
)
"""Words without content. Prepositions whose opposite asks for something else are not among them."""
BEFORE_A_VERB = EMPTY | _words("need needs want wants try trying like going used help order wish hope required")
"""After these, `to` begins a verb and tells no direction."""
MEASURES = _words("many much long often far old big large high fast tall deep heavy soon")
"""After `how`: questions of their own kind."""
AUXILIARIES = _words(
    "am is are was were do does did have has had can could may might will would shall should must need"
)
MAY = _words("can could may might")
MUST = _words("should must need shall ought")
PAST = _words("did was were had")
FUTURE = _words("will shall")
CLOSED = (
    EMPTY
    | AUXILIARIES
    | NEGATIONS
    | PREPOSITIONS.keys()
    | _words(
        """
        all every each both either neither many much few several most more less least fewer only even except unless
        or nor because although though while once twice again ever always often sometimes rarely seldom daily
        another other same such own whose first second last next previous half whole
        minute minutes hour hours day days week weeks month months year years seconds today tomorrow yesterday
        across along among around against behind beside beyond despite down near outside past per through throughout
        upon he she him her hers his mine ours theirs yours
        """
    )
)
"""Words that nothing else stands for: those that tie a sentence together, count, or tell a time."""
TURNING = AUXILIARIES | MAY | MUST | NEGATIONS | _words("how what which who whom whose why when where be been")
"""Words that make another question of the same words of content."""
PRONOUNS = _words("i you he she it we they me him her us them")
ENGLISH = _words(
    """
    the how what why when where which who does are can should my your and with for to is whats what's where's who's
    i if of this that it not from there you
    """
)
"""None of them is a word of another language that is written much."""
