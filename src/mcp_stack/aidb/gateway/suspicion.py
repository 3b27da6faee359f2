"""How much a sentence of a description looks like an attempt to steer the model, weighed from many small signs.

Attacks come in ever new words, but they need the same parts: somebody to obey (the model), something of the user's, a
way out, silence, or another authority than the user's. An honest sentence has one or two of them; a sentence with many
is looked at by a person. Each kind of sign counts once, with its heaviest match; the weights are coarse on purpose, and
the threshold lies well above what published tools reach (docs/gateway.md).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from . import steering_words as words
from .steering import ordered, sentences
from .steering_words import any_of

THRESHOLD = 3.0
REMARK = 2.5
# Of a sentence that keeps data safe, that speaks of attacks, or that says what it is not.
GUARDS, STUDIES, DISCLAIMS = -2.0, -0.75, -1.5
# Of a heading such as `<IMPORTANT>`, or of an order to be silent, in the sentence before or after.
NEAR = 0.67


class Sign(NamedTuple):
    """A sign that something is wrong."""

    kind: str
    weight: float
    pattern: re.Pattern[str]


_MODELS = (
    r"(?:llms?|ai (?:agents?|models?|assistants?)|(?:the )?(?:assistant|language model|llm|ai)"
    r"|the (?:ai )?(?:model|agent))"
)

SIGNS = (
    # Somebody is told what to do.
    Sign(
        "orders-the-model",
        2,
        any_of(
            rf"\b{_MODELS}\b[^.;]{{0,25}}\b(?:must|shall|should|has to|have to|needs? to|is to|are to|will|may not)\b",
            rf"\b(?:notes?|instructions?|messages?|reminder|directives?|directions|memo|guidance|hints?) (?:to"
            rf"|for) (?:{_MODELS}|models|agents|assistants|you)\b",
        ),
    ),
    Sign(
        "orders-the-model",
        0.5,
        any_of(
            r"\byou (?:must|shall|have to|need to|are|will|may)\b",
            r"\byour (?:next|first|final|reply|replies|answers?|responses?|summary|output|instructions)\b",
            r"\b(?:start|begin|end|finish) (?:each|every|all|your|the)\b[^.;]{0,12}\b(?:reply|replies|answers?"
            r"|responses?|messages?)\b",
        ),
    ),
    Sign(
        "poses-as-system",
        1.5,
        any_of(
            r"</?(?:important|secret|system|instructions?|hidden|admin|override|directive)\b[^>]{0,40}>",
            r"\b(?:hidden|secret|internal|confidential) (?:directive|instruction|note|command|protocol|procedure"
            r"|rule)s?\b",
            r"(?:^|[\s\[({<#*])(?:system|developer|admin)(?: message)?\s*[:\]>}]\s",
        ),
    ),
    # Something of the user's or of the session's.
    Sign("secrets", 2, words.SECRET_FILE),
    Sign(
        "secrets",
        2,
        any_of(
            r"\bwallet\.dat\b|\bprocess\.env\b|\bos\.environ\b|\bsecrets?\.(?:json|ya?ml|toml)\b",
            r"(?-i:\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_(?:KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS)(?:_[A-Z]+)*\b)",
        ),
    ),
    Sign("secrets", 1.5, words.SECRET_THING),
    Sign(
        "secrets",
        1,
        any_of(
            r"\b(?:user'?s?|their|your|his|her) (?:\w+ )?(?:passwords?|pin|passphrase|credentials|api keys?|tokens?)\b",
            r"\bhome (?:directory|folder)\b|\b(?:ask|prompt)\b[^.;]{0,20}\bfor (?:their|the|his"
            r"|her)\b[^.;]{0,10}\bpassword\b",
        ),
    ),
    Sign(
        "data-of-the-user",
        1,
        any_of(
            r"\b(?:every|each|all|any)(?: of)?(?: the| their)? (?:prior |previous |generated |direct |private "
            r"|past |typed )?"
            r"(?:messages?|prompts?|passwords?|quer(?:y|ies)|conversations?|keystrokes?|e?mails?|documents?|files?)\b",
            r"\b(?:user|customer)'?s? (?:\w+ ){0,2}(?:messages?|prompts?|files?|documents?|data|details|emails?"
            r"|location|position|address|identity"
            r"|queries|conversation|contacts|input)\b",
            r"\b(?:incoming|outgoing) (?:e?-?mails?|messages?|calls)\b|\b(?:microphone|webcam|keystrokes)\b",
            r"\ba copy\b|\b(?:this|the) (?:chat|conversation|session)\b",
        ),
    ),
    # A way out.
    Sign("sends", 0.75, words.SENDS),
    Sign("sends", 0.5, words.GIVES_AWAY),
    Sign("sends", 0.25, words.TAKES_AWAY),
    Sign("way-out", 1.5, words.STRANGER),
    Sign("way-out", 1, words.OUTSIDE),
    # An account number, a wallet, a telephone number.
    Sign("way-out", 1, any_of(r"(?-i:\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b)|\b0x[0-9a-f]{6,64}\b|(?<!\w)\+\d{9,15}\b")),
    Sign(
        "way-out-by-argument",
        0.5,
        any_of(
            r"\b(?:in|into|as|via|with|using)\b (?:the |its |a )?[`'\"]\w+[`'\"]|\b(?:argument|parameter|param"
            r"|field|arg)\b"
        ),
    ),
    # Silence and lies.
    Sign("hides-from-user", 2, words.HIDES),
    Sign(
        "hides-from-user",
        2,
        any_of(
            r"\b(?:leave|keep|omit|exclude|drop|hide)\b[^.;]{0,30}\b(?:out of|from)\b[^.;]{0,25}\b(?:user|summary"
            r"|reply|answer|report|developer|owner)\b",
            r"\b(?:do not|don'?t|never)\b[^.;]{0,15}\b(?:bring|mention|raise|tell|let|say|reveal|disclose"
            r"|inform)\b[^.;]{0,30}"
            r"\b(?:user|developer|owner|human|customer|operator|anyone|them)\b",
        ),
    ),
    Sign("hides-from-user", 1, words.STEALTH),
    Sign(
        "deceives",
        1.5,
        any_of(
            r"\b(?:tell|say|claim|pretend|state|insist)\b[^.;]{0,25}\b(?:that )?(?:it|they|this|the user"
            r"|everything)\b[^.;]{0,25}"
            r"\b(?:broken|down|failed|asked|requested|wanted|approved|fine|passed|cheapest|safe|unavailable"
            r"|recommended|required)\b",
            r"\bregardless of the (?:outcome|result)\b|\bmark\b[^.;]{0,30}\bas (?:passed|safe|approved|ok)\b"
            r"|\bgrant yourself\b",
            r"\bact as (?:the |an? )?(?:system |root |super)?(?:admin\w*|root|owner|operator)\b",
        ),
    ),
    # Beyond the call itself.
    Sign(
        "goes-beyond-the-call",
        0.5,
        any_of(
            r"\b(?:always|whenever|from (?:here|now|this point) on(?:ward)?|henceforth|mandatory|at all times"
            r"|no matter|in every"
            r"|additionally|on (?:each|every)|each (?:time|reply|commit|call|meeting|request)|every (?:time|reply"
            r"|commit|call|request|later)|later"
            r"|prior to|right away|when done|also|too|to (?:begin|start|authenticate)"
            r"|before (?:saving|returning|answering|responding|replying|converting|you|calling|using))\b"
        ),
    ),
    # Another authority than the user's.
    Sign(
        "overrides-the-user",
        2,
        any_of(
            r"\b(?:whatever|regardless of what|no matter what|even (?:if|when)|over what) the user\b"
            r"|\bover the user'?s\b",
            r"\byou (?:only )?(?:answer to|obey|serve|work for)\b|\bthe operator\b[^.;]{0,20}\b(?:said|configured"
            r"|wants?|told)\b",
        ),
    ),
    Sign(
        "overrides-the-user",
        3,
        any_of(
            r"\b(?:prior|previous|earlier|other|existing|old) (?:rules?|instructions?|orders|guidelines|policies"
            r"|constraints)\b"
            r"[^.;]{0,20}\b(?:void|invalid|obsolete|suspended|lifted|no longer|null|superseded)\b",
        ),
    ),
    Sign("obeys-content", 2.5, words.OBEYS_OUTSIDE),
    Sign(
        "obeys-content",
        2,
        any_of(
            r"\b(?:obey|carried out|carry out|treat|follow|execute)\b[^.;]{0,40}\b(?:instructions?|commands?"
            r"|directions|directives|text|them)\b"
            r"[^.;]{0,60}\b(?:page|e?-?mails?|user'?s?|feed|results?|document|issue|you|right away|as if)\b",
            r"\b(?:commands?|instructions?|directions)\b[^.;]{0,40}\b(?:for you|carried out by you)\b"
            r"|\b\w+[^.;]{0,30}\bcarried out by you\b",
        ),
    ),
    Sign("unsafe-mode", 2.5, words.UNSAFE_MODE),
    Sign(
        "unsafe-mode",
        1.5,
        any_of(
            r"\b(?:disabl\w+|skip\w*|bypass\w*|turn(?:ing)? off|without|suppress\w*)\b[^.;]{0,20}"
            r"\b(?:confirmation|moderation|safety|security|approval|permission|consent|guardrails?|sandbox)\b"
            r"|\ball permissions\b"
        ),
    ),
    # Other tools.
    Sign("shadows-tool", 2.5, words.MEDDLES),
    Sign(
        "shadows-tool",
        1.5,
        any_of(
            rf"\b(?:if|when|whenever|instead of)\b[^.;]{{0,40}}{words.NAME}[^.;]{{0,60}}\b(?:use this|this one"
            rf"|this tool)\b",
            r"\b(?:if|when|whenever|wants to|instead of|even)\b[^.;]{0,30}\b(?:other|another|transfer|payment|mail"
            r"|different|rival"
            r"|competing)\b[^.;]{0,12}\btools?\b|\bother (?:\w+'? )?tools\b",
        ),
    ),
    Sign(
        "shadows-tool",
        1,
        any_of(r"\b(?:refuse|stop|avoid|never)\b[^.;]{0,15}\bus(?:e|ing)\b[^.;]{0,15}\b(?:any|other|alternatives?)\b"),
    ),
    Sign("shadows-tool", 0.5, any_of(rf"\b(?:call|invoke|run|use)\b {words.NAME}")),
    # What is bad by itself.
    Sign("changes-after-approval", 1, words.AFTER_APPROVAL),
    Sign("malicious-words", 1.5, any_of(r"\b(?:curl|wget)s?\b[^;]{0,80}\|\s*(?:ba|z)?sh\b")),
    Sign(
        "malicious-words",
        2,
        any_of(
            r"\breverse shell\b|\bback ?door\w*\b|\bpost-?install\b[^.;]{0,30}\b(?:curl|post|send|download)\w*"
            r"|\bexfil\w*\b",
            r"\barbitrary (?:shell )?commands?\b|\bkeylog\w*\b|\bransom\w*\b|\bspyware\b",
        ),
    ),
)


class Suspicion(NamedTuple):
    """How suspicious a text is.

    Attributes:
        weight: The sum of the signs of its most suspicious sentence.
        kinds: Which signs, the heaviest first.
        sentence: That sentence.
    """

    weight: float
    kinds: tuple[str, ...]
    sentence: str


def suspicion(text: str) -> Suspicion:
    """Weigh a text.

    Args:
        text: As a model reads it; bounded by the caller.
    """
    parts = sentences(text)
    signs = [_signs(sentence) for sentence in parts]
    worst = Suspicion(0.0, (), "")
    for place, (sentence, found) in enumerate(zip(parts, signs, strict=True)):
        near = signs[max(0, place - 1) : place + 2]
        weight = sum(found.values())
        for kind in ("poses-as-system", "hides-from-user"):
            weight += NEAR * (max(other.get(kind, 0.0) for other in near) - found.get(kind, 0.0))
        if weight > worst.weight:
            kinds = sorted((kind for kind in found if found[kind] > 0), key=lambda kind: -found[kind])
            worst = Suspicion(weight, tuple(kinds), sentence)
    return worst


def _signs(sentence: str) -> dict[str, float]:
    """The heaviest weight of each kind, and what speaks for the sentence as kinds of negative weight."""
    found: dict[str, float] = {}
    if not words.TO_THE_MODEL.search(sentence):
        if words.GUARDS.search(sentence):
            found["guards"] = GUARDS
        elif words.STUDIES.search(sentence):
            found["studies"] = STUDIES
        if found:
            sentence = words.QUOTED.sub("''", sentence)
    if words.DISCLAIMS.search(sentence):
        found["disclaims"] = DISCLAIMS
    if ordered(sentence):
        found["overrides-instructions"] = THRESHOLD
    secret = (0, 0)
    for sign in SIGNS:
        for match in sign.pattern.finditer(sentence):
            if sign.kind == "secrets":
                if sign.pattern is not words.SECRET_FILE and words.OWN_CREDENTIAL.search(sentence[: match.start()]):
                    continue
                secret = match.span()
            if sign.kind == "data-of-the-user" and secret[0] <= match.start() < secret[1]:
                continue
            found[sign.kind] = max(sign.weight, found.get(sign.kind, 0.0))
            break
    return found
