"""Ways to put the same question: rewritten into one of them.

Each is anchored at the beginning or at the end of a question, for only there are its words no part of what is asked.
The text is tokens with single spaces between, the marks of sentences among them; what is code is one private character
each, which no pattern knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_I = re.IGNORECASE


def _rules(*rules: tuple[str, str]) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(pattern, _I), put) for pattern, put in rules)


_MARK = r"(?: [?.,;:!…])"
_HEAD = (
    r"(?:how|what|why|when|where|who|whom|whose|which|can|could|is|are|was|were|do|does|did|has|have|had|should|may|"
    r"must|might|will|would)\b"
)
_ASKED = r"(?= (?:how|what|why|when|where|who|whose|which|steps|ways?)\b)"
_YOU = r"(?:can|could|would|will) (?:you|someone|anyone|somebody|anybody)(?: please| kindly| possibly)?"
_TELL = (
    r"(?:tell|show|explain|help|advise|describe|teach|remind|clarify|let|walk|guide|give)"
    r"(?: to)?(?: me| us)?(?: know| understand| out| through)?"
)

CONTRACTIONS = _rules(
    (r"\bcan't(?!\S)|\bcannot(?!\S)|\bcant(?!\S)", "can not"),
    (r"\bwon't(?!\S)", "will not"),
    (r"\bshan't(?!\S)", "shall not"),
    (r"\b(do|does|did|is|are|was|were|has|have|had|would|could|should|must|need|might)n'?t(?!\S)", r"\1 not"),
    (r"\b(what|who|where|how|when|why|it|that|there|he|she)'s(?!\S)", r"\1 is"),
    (r"\bwhats(?!\S)", "what is"),
    (r"'re(?!\S)", " are"),
    (r"'m(?!\S)", " am"),
    (r"'ve(?!\S)", " have"),
    (r"'ll(?!\S)", " will"),
    (r"\b(i|you|we|they|he|she|it)'d(?= (?:like|love)\b)", r"\1 would"),
    (r"\be mail(s?)\b", r"email\1"),
    (r"\bwi fi\b", "wifi"),
    (r"\b(set|log|sign|back|shut|start|roll|check|clean) (up|in|out|on|off|down|back)(?!\S)", r"\1\2"),
    (r"\b(?:get|getting) rid of\b", "remove"),
    (r"\bin order to\b", "to"),
)
"""Said as one word or as two."""

OPENINGS = _rules(
    (rf"^(?:please|kindly|hi|hello|hey|thanks|thank you|excuse me|sorry)(?: there| all| everyone)?{_MARK}* ", ""),
    (rf"^(?:so|ok|okay|well){_MARK}+ ", ""),
    (rf"^(?:good (?:morning|afternoon|evening)|(?:a )?quick question|just wondering){_MARK}* ", ""),
    (rf"^{_YOU} {_TELL}{_MARK}*{_ASKED} ", ""),
    (rf"^{_TELL}{_MARK}*{_ASKED} ", ""),
    (rf"^(?:{_YOU} )?(?:please )?(?:tell|give) me (?:about )?(?=the \S+ of\b)", "what is "),
    (rf"^{_YOU}(?: please)? help me(?: to| with)? ", "how to "),
    (r"^help me(?: to)? ", "how to "),
    (
        (
            rf"^i (?:would|do|really|just|also)? ?(?:want|need|like|love|wish)(?: to)? "
            rf"(?:know|learn|understand|ask|find out|figure out|hear){_MARK}*{_ASKED} "
        ),
        "",
    ),
    (rf"^i (?:would|do|really|just)? ?(?:want|need|like|love|wish) to (?:know|ask){_MARK}+ ", ""),
    (rf"^i (?:am |was )?(?:wonder|wondering|curious|asking|not sure|unsure){_MARK}*{_ASKED} ", ""),
    (rf"^(?:do|would|does) (?:you|anyone|anybody|someone|somebody)(?: happen to)? know{_MARK}*{_ASKED} ", ""),
    (rf"^any (?:idea|ideas|tips|advice)(?: on| about)?{_MARK}*{_ASKED} ", ""),
)
"""Said before the question itself; with the space behind."""

ENDINGS = _rules(
    (rf"{_MARK}+$", ""),
    (rf"{_MARK}* (?:please|thanks|thank you|thx|cheers|thanks in advance|thanks a lot|thank you very much)$", ""),
    (rf"{_MARK}+ any (?:idea|ideas|tips|advice|help)(?: is appreciated| would be appreciated)?$", ""),
)
"""Said behind it."""

HEADS = _rules(
    # Of the parts of a sentence these alone are known to move as a whole.
    (rf"^((?:on|in|with|for|using|at|under|inside|if|before|after) [^,]+?) , ({_HEAD} .+)$", r"\2 \1"),
    (
        (
            r"^i (?:would like|want|need|wish|am trying|try|like) to (.+?)"
            rf"{_MARK}+ (?:and )?(?:how|how (?:do|can) i|how (?:do|can) i do (?:it|that|this))$"
        ),
        r"how to \1",
    ),
    (r"^how come ", "why "),
    (r"^how (?:do|can|could|would) (?:i|one) (?:go about )?", "how to "),
    (r"^how does one ", "how to "),
    (r"^what should i do to ", "how to "),
    (
        (
            r"^(?:what|which) (?:is|are|would be) (?:the |a )?"
            r"(?:(?:best|right|correct|proper|recommended|good|standard) )?"
            r"(?:ways?|steps?|methods?|procedures?|process|approach|instructions?)"
            r"(?: required| needed| necessary)? (?:to|for|of) "
        ),
        "how to ",
    ),
    (r"^(?:the )?(?:steps?|instructions?|best way|right way|ways?|procedure) (?:to|for) ", "how to "),
    (r"^((?:(?!how|what|why|when|where|who|which)\S+ )+?)how to$", r"how to \1"),
    (r"^where (?:can|do|could) i ", "where to "),
    (r"^(?:is it possible (?:for me )?to|am i able to|could i|is there (?:a|any) way to) ", "can i "),
    (r"^(?:may i|am i allowed to|is it allowed to|am i permitted to) ", "may i "),
    (r"^is it (?:ok|okay|fine|alright|all right)(?: for me)? to ", "is it ok to "),
    (r"^(?:do i (?:need|have) to|must i) ", "must i "),
    (r"^(?:what|which) (?:is|are) ", "what is "),
    (r"^what (?:is|are) (?:the )?(?:price|cost)s? (?:of|for) ", "how much is "),
    (r"^how much (?:do|does) (.+) costs?$", r"how much is \1"),
    (r"^what is the location of ", "where is "),
    (r"^(where (?:is|are|was|were) .+) (?:located|situated)$", r"\1"),
    (r"^how many (.+?) (?:are|is) there(?!\S)", r"how many \1"),
    (r"^what is the (?:total )?number of ", "how many "),
    (r"^how much time ", "how long "),
    (r"^((?:the )?(?:\S+ ){1,2}of(?: (?!(?:is|are|was|were|how|what|to)(?!\S))\S+){1,3})$", r"what is \1"),
    # Of an indirect question: `what the capital of France is`.
    (r"^(what|who|where) (the .+) (is|are|was|were)$", r"\1 \3 \2"),
    # Why isn't my card working: why is my card not working.
    (
        (
            r"^((?:why|how|when|where) )?"
            r"(do|does|did|is|are|was|were|has|have|had|can|could|will|would|should|must) not "
            r"((?:my|your|our|his|her|its|their|the|this|that) \S+|i|you|he|she|it|we|they) "
        ),
        r"\1\2 \3 not ",
    ),
)
"""How the question begins, and what is tied to that."""

_ENDS = "on|in|at|to|for|with|from|by|of|and|or|when|if|before|after|using|than|is|are|was|were"
_WHOSE = r"(?:my|your|our|his|her|its|their|this|that|the|a|an)"
POSSESSIVES = _rules((rf"((?:(?<!\S){_WHOSE} )?\S+)'s((?: (?!(?:{_ENDS})(?!\S))\S+)+)", r"\2 of \1"))
"""France's capital is the capital of France."""


def rewritten(said: str) -> str:
    """The same question in one of its forms.

    Args:
        said: Tokens with single spaces between.
    """
    said = _all(CONTRACTIONS)(said)
    for _ in range(3):
        before = said
        said = _all(ENDINGS)(_all(OPENINGS)(said))
        if said == before:
            break
    said = _all(ENDINGS)(_all(HEADS)(said))
    return " ".join(_all(POSSESSIVES)(said).split())


def _all(rules: tuple[tuple[re.Pattern[str], str], ...]) -> Callable[[str], str]:
    def apply(said: str) -> str:
        for pattern, put in rules:
            said = pattern.sub(put, said)
        return said

    return apply
