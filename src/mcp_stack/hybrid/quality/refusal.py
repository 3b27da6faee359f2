"""An answer that refuses, or says that it does not know."""

# ruff: noqa: RUF001 - typographic signs are what is looked for

from __future__ import annotations

import re

from .findings import Finding
from .text import prose, words_of

# Longer answers that begin like a refusal go on to help: "I can't run it here, but this is how".
MAX_OTHER_WORDS = 45

_SORRY = (
    r"i['’]?\s?a?m (?:(?:very|really|so|truly) )?(?:sorry|afraid)"
    r"|i apologi[sz]e|my apologies|apologies|unfortunately|sorry"
    r"|as an? (?:ai|assistant|language model)"
    r"|lo siento|désolée?|je suis désolée?|leider|es tut mir leid|mi dispiace|desculpe|lamento|het spijt me|helaas"
)
_APOLOGY = re.compile(rf"^(?:{_SORRY})[^.!?\n]{{0,60}}?[,.;:!]\s*(?:(?:but|aber|mais|pero)\s+)?", re.IGNORECASE)
_CANNOT = (
    r"(?:can(?:no|['’]?)t|can not|could(?: not|n['’]?t)|['’]?(?: a)?m (?:not able|unable|not allowed|not permitted) to"
    r"|am (?:not able|unable|not allowed|not permitted) to|won['’]?t|will not"
    r"|must (?:decline|refuse)|(?:have|need) to decline)"
)
_HELP = (
    r"(?:answer|help|assist|provide|comply|fulfil|do that|discuss|continue|determine|tell|say|share|create|generate"
    r"|engage|support|give|offer|access|find|respond|be sure)"
)
_TELLING = r"(?:contain|mention|say|provide|include|answer|specify)"
_KNOWING = r"(?:know|have (?:any|enough|sufficient|the|that|access|specific|reliable|information)\b)"
# How people and models refuse, one line a way or a language.
_WAYS = (
    rf"\bi (?:really |simply |honestly )?(?:do|did)(?: not|n['’]?t) (?:actually |really )?{_KNOWING}",
    rf"\bi\s?{_CANNOT}(?: \w+)? ?(?:to )?{_HELP}\b",
    r"\bi(?: am|['’]m) (?:not sure|not certain|uncertain)\b",
    r"\bi have no (?:idea|information)\b",
    r"\bthere(?: is|['’]s) (?:not enough|no|insufficient) (?:information|context|data)\b",
    rf"\b(?:passages?|context|documents?|information)(?: provided| given)? do(?:es)?(?: not|n['’]t) {_TELLING}\b",
    r"\b(?:this|that|the) (?:question|request) can(?:not|['’]?t) be (?:answered|fulfilled)\b",
    r"\bno lo s[ée]\b|\bno puedo (?:ayudar|responder|proporcionar|contestar)|\bno tengo (?:suficiente )?informaci[oó]n",
    r"\bje ne (?:sais|peux|connais|dispose|suis) pas\b",
    r"\bje n['’]ai pas (?:assez|suffisamment|acc[eè]s|d['’]information)",
    r"\bich (?:weiß|weiss) (?:es |das |die antwort )?(?:leider )?nicht\b",
    r"\bich habe (?:leider |dazu )*keine (?:informationen|ahnung)",
    r"\bich kann [^.!?\n]{0,60}nicht[^.!?\n]{0,20}(?:beantworten|helfen|antworten)",
    r"\bnon (?:lo so|posso (?:aiut|rispond|forn)\w*|ho (?:abbastanza )?informazioni)\b",
    r"\bn[ãa]o (?:sei|posso (?:ajudar|responder|fornecer)|tenho (?:informa|acesso)\w*)\b",
    r"\bik (?:weet het niet|kan (?:je |u )?(?:daar)?(?:niet|geen) \w+)\b",
    r"я не (?:знаю|могу (?:помочь|ответить|предоставить))|не могу (?:ответить|помочь)",
    r"我不知道|我无法|我無法|我不能|很?抱歉，?我|わかりません|分かりません|お答えできません|お手伝いできません",
    r"모르겠습니다|답변할 수 없습니다|도와드릴 수 없습니다|لا أعرف|لا أستطيع|لا يمكنني|मुझे नहीं पता|मैं नहीं जानता",
    r"\bnie (?:wiem|mogę (?:pomóc|odpowiedzieć))\b|\bbilmiyorum\b|\byardımcı olamam\b",
)
_REFUSING = re.compile("|".join(_WAYS), re.IGNORECASE)
# Somebody else's words.
_QUOTED = re.compile(r"“[^”\n]{1,200}”|\"[^\"\n]{1,200}\"|(?<!\w)'[^\n]{1,100}?'(?!\w)")
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s*|\n+")
_OFFER = re.compile(
    r"\b(?:let me know|feel free|please (?:provide|share|give|consult|check|contact|ask|rephrase|try)"
    r"|if you (?:can|could|have|provide|need|would)|is there anything|how else|more (?:context|details|information)"
    r"|i['’]d be happy|i would recommend)\b",
    re.IGNORECASE,
)


def refusal(answer: str) -> Finding | None:
    """Whether the answer as a whole refuses.

    Args:
        answer: What was answered. A refusal in the midst of an answer that helps is none.
    """
    text = prose(answer[:4000]).strip()
    if len(text) < len(answer[:4000].strip()) * 0.5:
        return None  # more code than words
    begin = _QUOTED.sub(" ", _APOLOGY.sub("", text, count=1))
    first = 0
    other = 0
    for number, sentence in enumerate(each for each in _SENTENCE_END.split(begin) if each.strip()):
        if _REFUSING.search(sentence):
            first = first or number + 1
        elif not _OFFER.search(sentence):
            other += max(len(words_of(sentence)), len(sentence) // 12)
    if not first or first > 2 or other > MAX_OTHER_WORDS:
        return None
    # What comes with it weighs: nothing at all is a plain refusal.
    return Finding("refusal", 1.0 if other <= 20 else 0.8, "is a refusal")
