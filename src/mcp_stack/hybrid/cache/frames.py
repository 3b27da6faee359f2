"""Ways to put the same question: rewritten into one of them.

Each is anchored at the beginning or at the end of a question, for only there are its words no part of what is asked.
The text is tokens with single spaces between, the marks of sentences among them; what is code is one private character
each, which no pattern knows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """What is put in the place of what.

    Attributes:
        hints: One of them stands in every text that the pattern matches; with `^` at its beginning. They spare time.
        pattern: What is replaced.
        put: By what.
    """

    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    put: str

    def may_match(self, lower: str) -> bool:
        """Whether a text in lower case has one of the hints."""
        return any(lower.startswith(hint[1:]) if hint[0] == "^" else hint in lower for hint in self.hints)


def _rules(*rules: tuple[str, str, str]) -> tuple[Rule, ...]:
    """Of hints with bars between, a pattern and what to put."""
    return tuple(
        Rule(tuple(hints.split("|")), re.compile(pattern, re.IGNORECASE), put) for hints, pattern, put in rules
    )


_MARK = r"(?: [?.,;:!…])"
_HEAD = (
    r"(?:how|what|why|when|where|who|whom|whose|which|can|could|is|are|was|were|do|does|did|has|have|had|should|may|"
    r"must|might|will|would)\b"
)
_ASKED = rf"{_MARK}*(?= (?:how|what|why|when|where|who|whose|which|steps|ways?)\b) "
_YOU = r"(?:can|could|would|will) (?:you|someone|anyone|somebody|anybody)(?: please| kindly| possibly)?"
_TELL = (
    r"(?:tell|show|explain|help|advise|describe|teach|remind|clarify|let|walk|guide|give)"
    r"(?: to)?(?: me| us)?(?: know| understand| out| through)?"
)
_I_WANT = r"i (?:(?:would|do|really|just|also) )?(?:want|need|like|love|wish)(?: to)?"
_WISH = r"(?:would like|want|need|wish|am trying|try|like)"
_WAY = (
    r"(?:(?:best|right|correct|proper|recommended|good|standard|easiest|simplest|usual|preferred) )?"
    r"(?:ways?|steps?|methods?|procedures?|process|approach|instructions?)(?: required| needed| necessary)?"
)
_HOW = r"(?:and )?(?:how|how (?:do|can) i|how (?:do|can) i do (?:it|that|this)|what should i do)"
_AUXILIARY = r"(?:do|does|did|is|are|was|were|has|have|had|can|could|will|would|should|must)"
_WHOSE = r"(?:my|your|our|his|her|its|their|the|this|that)"
_PREPOSITION = r"(?:on|in|with|for|using|at|under|inside|if|before|after)"
_OF_US = r"\b(?:i|me|my|mine|we|us|our|ours|you|your|yours)\b"
_TIME = "(year|month|week|day|date|time|decade|century)"
_NO_OBJECT = r"(?:is|are|was|were|how|what|to)(?!\S)"
_ENDS = (
    "(?:on|in|at|to|for|with|from|by|of|and|or|when|if|before|after|using|than|is|are|was|were|please|thanks|[?.,;:!…])"
)

CONTRACTIONS = _rules(
    ("cant|can't|cannot", r"\b(?:can't|cannot|cant)(?!\S)", "can not"),
    ("won't", r"\bwon't(?!\S)", "will not"),
    ("shan't", r"\bshan't(?!\S)", "shall not"),
    ("n't|nt", r"\b(do|does|did|is|are|was|were|has|have|had|would|could|should|must|need|might)n'?t(?!\S)", r"\1 not"),
    ("'s", r"\b(what|who|where|how|when|why|it|that|there|he|she)'s(?!\S)", r"\1 is"),
    ("whats", r"\bwhats(?!\S)", "what is"),
    ("'re", r"'re(?!\S)", " are"),
    ("'m", r"'m(?!\S)", " am"),
    ("'ve", r"'ve(?!\S)", " have"),
    ("'ll", r"'ll(?!\S)", " will"),
    ("'d", r"\b(i|you|we|they|he|she|it)'d(?= (?:like|love)\b)", r"\1 would"),
    ("e mail", r"\be mail(s?)\b", r"email\1"),
    ("wi fi", r"\bwi fi\b", "wifi"),
    (
        " up| in| out| on| off| down| back",
        r"\b(set|log|sign|back|shut|start|roll|check|clean) (up|in|out|on|off|down|back)(?!\S)",
        r"\1\2",
    ),
    (" rid of", r"\b(?:get|getting) rid of\b", "remove"),
    ("in order to", r"\bin order to\b", "to"),
)
"""Said as one word or as two."""

OPENINGS = _rules(
    (
        "^please|^kindly|^hi|^hello|^hey|^thank|^excuse|^sorry",
        rf"^(?:please|kindly|hi|hello|hey|thanks|thank you|excuse me|sorry)(?: there| all| everyone)?{_MARK}* ",
        "",
    ),
    ("^so|^ok|^well", rf"^(?:so|ok|okay|well){_MARK}+ ", ""),
    (
        "^good|^a |^quick|^just",
        rf"^(?:good (?:morning|afternoon|evening)|(?:a )?quick question|just wondering){_MARK}* ",
        "",
    ),
    ("^can|^could|^would|^will", rf"^{_YOU} {_TELL}{_ASKED}", ""),
    ("^tell|^show|^expl|^help|^advi|^desc|^teac|^remi|^clar|^let|^walk|^guide|^give", rf"^{_TELL}{_ASKED}", ""),
    (" me ", rf"^(?:{_YOU} )?(?:please )?(?:tell|give) me (?:about )?(?=(?:the )?(?:\S+ ){{1,2}}of\b)", "what is "),
    (" help me", rf"^{_YOU}(?: please)? help me(?: to| with)? ", "how to "),
    ("^help me", r"^help me(?: to)? ", "how to "),
    ("^i ", rf"^{_I_WANT} (?:know|learn|understand|ask|find out|figure out|hear){_ASKED}", ""),
    ("^i ", rf"^{_I_WANT} (?:know|ask){_MARK}+ ", ""),
    ("^i ", rf"^i (?:am |was )?(?:wonder|wondering|curious|asking|not sure|unsure){_ASKED}", ""),
    (" know", rf"^(?:do|would|does) (?:you|anyone|anybody|someone|somebody)(?: happen to)? know{_ASKED}", ""),
    ("^any ", rf"^any (?:idea|ideas|tips|advice)(?: on| about)?{_ASKED}", ""),
)
"""Said before the question itself; with the space behind."""

ENDINGS = _rules(
    (" ?| .| ,| ;| :| !| …", rf"{_MARK}+$", ""),
    (
        " please| thank| thx| cheers",
        rf"{_MARK}* (?:please|thanks|thank you|thx|cheers|thanks in advance|thanks a lot|thank you very much)$",
        "",
    ),
    (" any ", rf"{_MARK}+ any (?:idea|ideas|tips|advice|help)(?: is appreciated| would be appreciated)?$", ""),
)
"""Said behind it."""

HEADS = _rules(
    # Of the parts of a sentence these alone are known to move as a whole.
    (" , ", rf"^({_PREPOSITION} [^,]+?) , ({_HEAD} .+)$", r"\2 \1"),
    ("^i ", rf"^i {_WISH} to (.+?){_MARK}+ {_HOW}$", r"how to \1"),
    ("^how come", r"^how come ", "why "),
    ("^how ", r"^how (?:(?:do|can|could|would|might) (?:i|one)|i (?:can|could)) (?:go about )?", "how to "),
    # Anyone: where nothing else is said of the two who talk, and something is done to something.
    ("^how ", rf"^how (?:do|can|would) you (?!.*{_OF_US})(?=\S+ \S)", "how to "),
    ("^how does one", r"^how does one ", "how to "),
    ("^what ", r"^what (?:should|do|must) i (?:(?:have|need) to )?do to ", "how to "),
    (
        "^what |^which ",
        r"^(?:what|which) steps (?:do|must|should|can) i (?:(?:have|need) to )?(?:take|follow) to ",
        "how to ",
    ),
    (" through ", rf"^(?:{_YOU} )?(?:walk|guide|talk) me through (?=\S+ing\b)", "how to "),
    ("^is there", r"^is there (?:a|any) way to ", "how to "),
    ("^what|^which", rf"^(?:what|which) (?:is|are|would be) (?:the |a )?{_WAY} (?:to|for|of) ", "how to "),
    (
        "^the |^step|^instr|^best|^right|^way|^proc",
        r"^(?:the )?(?:steps?|instructions?|best way|right way|ways?|procedure) (?:to|for) ",
        "how to ",
    ),
    (" how", r"^((?:(?!how|what|why|when|where|who|which)\S+ )+?)how(?: to)?$", r"how to \1"),
    ("^where ", r"^where (?:can|do|could) i ", "where to "),
    (
        "^is it|^am i|^could",
        r"^(?:is it possible (?:for me )?to|am i able to|could i) ",
        "can i ",
    ),
    ("^may|^am i|^is it", r"^(?:may i|am i allowed to|is it allowed to|am i permitted to) ", "may i "),
    ("^is it", r"^is it (?:ok|okay|fine|alright|all right)(?: for me)? to ", "is it ok to "),
    ("^do i|^must i", r"^(?:do i (?:need|have) to|must i) ", "must i "),
    ("^what|^which", r"^(?:what|which) (?:is|are) ", "what is "),
    ("^what is", r"^what is (?:the )?(?:price|cost)s? (?:of|for) ", "how much is "),
    ("^how much", r"^how much (?:do|does) (.+) costs?$", r"how much is \1"),
    ("^what is the loc", r"^what is the location of ", "where is "),
    ("^where", r"^(where (?:is|are|was|were) .+) (?:located|situated)$", r"\1"),
    ("^how many", r"^how many (.+?) (?:are|is) there(?!\S)", r"how many \1"),
    ("^what is the", r"^what is the (?:total )?number of ", "how many "),
    ("^how much|^for how", r"^(?:how much time|for how long) ", "how long "),
    ("^in |^on |^at |^which", rf"^(?:(?:in|on|at) )?(?:what|which) {_TIME} ", r"what \1 "),
    (" of ", rf"^((?:the )?(?:\S+ ){{1,2}}of(?: (?!{_NO_OBJECT})\S+){{1,3}})$", r"what is \1"),
    # Of an indirect question: `what the capital of France is`.
    ("^what|^who|^where", rf"^(what|who|where) ((?:(?!{_HEAD})\S+ )+)(is|are|was|were)$", r"\1 \3 \2"),
    # Why isn't my card working: why is my card not working.
    (
        " not ",
        rf"^((?:(?:why|how|when|where) )?{_AUXILIARY}) not ({_WHOSE} \S+|i|you|he|she|it|we|they) ",
        r"\1 \2 not ",
    ),
)
"""How the question begins, and what is tied to that."""

POSSESSIVES = _rules(
    ("'s", rf"((?:(?<!\S)(?:{_WHOSE}|an?) )?\S+)'s((?: (?!{_ENDS}(?!\S))\S+)+)", r"\2 of \1"),
)
"""France's capital is the capital of France."""

_MOST_POLITE = 3


def rewritten(said: str) -> str:
    """The same question in one of its forms.

    Args:
        said: Tokens with single spaces between.
    """
    said = " ".join(_applied(POSSESSIVES, _applied(CONTRACTIONS, said)).split())
    for _ in range(_MOST_POLITE):
        before = said
        said = _applied(ENDINGS, _applied(OPENINGS, said))
        if said == before:
            break
    return " ".join(_applied(ENDINGS, _applied(HEADS, said)).split())


def _applied(rules: Sequence[Rule], said: str) -> str:
    lower = said.lower()
    for rule in rules:
        if rule.may_match(lower):
            changed = rule.pattern.sub(rule.put, said)
            if changed != said:
                said, lower = changed, changed.lower()
    return said
