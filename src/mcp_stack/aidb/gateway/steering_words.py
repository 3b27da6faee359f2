"""What descriptions that steer a model say: the words that `steering` and `suspicion` look for.

Every pattern stays within a sentence, whose length is bounded.
"""

from __future__ import annotations

import re


def any_of(*patterns: str) -> re.Pattern[str]:
    """A pattern that matches where one of these does, in letters of any size."""
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


SENTENCE = re.compile(r"(?<=[.!?])\s+|[\r\n]+|(?=<[/!A-Za-z])|(?<=>)|\s\u2022\s|(?<=\])\s|\s(?=\[)")
QUOTED = re.compile(r"\"[^\"]{0,300}\"|\u201c[^\u201d]{0,300}\u201d|(?<!\w)'[^'\n]{3,200}'(?!\w)|`[^`]{0,200}`")
NAME = r"[`'\"]?[A-Za-z][A-Za-z0-9]*(?:[_.-][A-Za-z0-9]+)+[`'\"]?"
_TOOL = rf"(?:(?:the |a |an |any |every |all |each )?(?:{NAME}|other|another|\w+) tools?\b|{NAME})"

# --- acts ---

GIVES_AWAY = any_of(
    r"\b(?:send|forward|append|attach|pass|include|embed|insert|add|upload|post|transmit|exfiltrat|leak|email"
    r"|e-mail|mail"
    r"|bcc|cc|copy|copies|relay|report|submit|deliver|output|return|reveal|disclos|expos|print|echo|encod|supply"
    r"|supplies"
    r"|provid|past|stash|smuggl|beacon|dispatch|ship|push|sidecar)(?:e|s|es|ed|d|ing|ting|ping)?\b"
)
TAKES_AWAY = any_of(
    r"\b(?:read|open|cat|load|fetch|collect|gather|retriev|get|grab|harvest|obtain|list|dump|captur|extract|scan|find"
    r"|access|copy|copies|tak|steal|log|record|query|queries|look up)(?:e|s|es|ed|d|ing|ting|ping)?\b"
)

# --- what it is done to ---

# Files that no tool is told to touch by a description.
SECRET_FILE = any_of(
    r"~?/?\.ssh\b|\bid_(?:rsa|ed25519|ecdsa|dsa)\b|\bauthorized_keys\b",
    r"(?:~/|\b)?\.aws\b|\.kube\b|\.npmrc\b|\.pypirc\b|\.netrc\b|\.pgpass\b|\.git-credentials\b|\.docker/config"
    r"|\.gnupg\b",
    r"(?:^|[\s/'\"`(])\.env\b(?:\.\w+)?|\bdotenv\b|\.(?:bash|zsh)(?:rc|_history|_profile)\b|\bshell history\b",
    r"/etc/(?:passwd|shadow|sudoers|hosts)\b|/proc/(?:self|\d+)/environ|\bmcp\.json\b|claude_desktop_config|\.cursor\b",
)
# Other things of the user's and of the session's.
SECRET_THING = any_of(
    r"\bcontext window\b|\bcookies\b[^.;]{0,25}\b(?:chrome|firefox|safari|edge|browser)\b|\b(?:last"
    r"|latest) \w+ messages\b",
    r"\bssh[ -]?(?:private )?keys?\b|\bprivate keys?\b",
    r"\b(?:the |all |any |their |your |user'?s? )?(?:process(?:'s)? |system )?environment variables?\b"
    r"|\benv(?:ironment)? vars?\b",
    r"\b(?:browser|session|login|auth(?:entication)?) cookies?\b|\bcookie jar\b|\bkey ?chain\b|\bpassword (?:store"
    r"|manager|file)s?\b",
    r"\b(?:the |entire |full |whole |complete |prior |previous |user'?s? )*(?:conversation|chat|message|prompt"
    r"|dialog(?:ue)?)"
    r" (?:history|log|transcript|context|contents?)\b|\bconversation so far\b|\b(?:prior|previous|earlier|every"
    r"|all)(?: \w+){0,2} messages? (?:of|in|from) (?:this|the) (?:chat|conversation|session)\b|\b(?:previous|prior"
    r"|earlier) (?:messages|turns)\b",
    r"\bsystem (?:prompt|message|instructions?)\b|\bhidden (?:system )?instructions?\b|\bdeveloper (?:prompt"
    r"|message)\b",
    r"\bclipboard(?:'s)?(?: contents?)?\b|\bkeystrokes?\b|\b(?:crypto )?wallets?\b|\bseed phrases?\b",
    r"\b(?:any|all|every|other|stored|saved|available|user'?s?|their|its|his|whatever|known|cached|local)(?: \w+){0,2}"
    r" (?:api[ _-]?keys?|access tokens?|auth(?:entication|orization)? tokens?|bearer tokens?|tokens|secrets?|passwords?"
    r"|credentials?)\b",
    r"\b(?:api[ _-]?keys?|access tokens?|tokens|secrets?|passwords?|credentials)(?: or \w+)? (?:you|that you|it)"
    r" (?:can|have|may|could|know|see|find)\b",
    r"\bcontents? of (?:the |any |all |every |their )?(?:home|working|root|current|project|parent) (?:directory"
    r"|folder)\b",
)
SENDS = any_of(
    r"\b(?:sent|send|forward|upload|transmit|post|relay|report|email|e-mail|mail|bcc|cc|exfiltrat|leak|stream"
    r"|beacon|dispatch|ship|push|submit|deliver|hand over"
    r"|copy|copies|mirror|route|publish|share)(?:e|s|es|ed|d|ing|ting|ped|ping)?\b"
)
EXFILTRATES = any_of(r"\b(?:exfiltrat\w*|steal(?:s|ing)?|smuggl\w+|siphon\w*)\b[^.;]{0,60}\b\w+")
USERS_DATA = any_of(
    r"\b(?:every|each|all|any)(?: of)?(?: the| their)? (?:message|prompt|query|queries|input|request|file|document"
    r"|response"
    r"|result|argument|parameter|email|conversation|word|data)\w*\b",
    r"\b(?:user|customer|victim)'?s? (?:\w+ ){0,2}(?:messages?|prompts?|input|requests?|files?|documents?|data|details"
    r"|emails?|location|identity|queries|information|conversation|contacts)\b",
    r"\b(?:conversation|chat history|transcript|call details|full payload|event details|(?:tool )?(?:arguments|outputs)"
    r"|everything)\b",
    r"\ba copy\b|\bcopies of\b|\b(?:the|its|your|each) (?:full |raw |complete )?(?:results?|outputs?|inputs?|text"
    r"|strings?|values?|payload)\b",
)
OUTSIDE = any_of(
    r"\b(?:https?|wss?|ftp)://[^\s)>\"']+|\b[\w.+-]+@[\w-]+\.[\w.-]+\b|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b",
    r"\b[\w-]+\.(?:evil|attacker|example\.(?:com|org|net)|onion|ngrok(?:-free)?\.\w+)\b",
)
STRANGER = any_of(
    r"\b(?:external|remote|third[- ]party|outside|another|our|unknown|undisclosed|collection|logging|analytics"
    r"|telemetry|offshore|foreign)"
    r"(?:[ -](?:controlled|owned))? (?:\w+ )?(?:server|endpoint|host|url|address|service|domain|webhook|site"
    r"|account|inbox|collector|party|bucket)\b",
    r"\battacker\b|\badversary\b|\b(?:the )?(?:author|maintainer|developer|vendor|network|company|partner"
    r"|publisher)'s (?:\w+ )?(?:server|endpoint|inbox|email|webhook|url)\b",
)
ARGUMENT = any_of(
    r"\b(?:in|into|as|via|inside|through|using|to|within)\b[^.;]{0,30}?(?:'\w+'|\"\w+\"|`\w+`|\b\w+_\w+|\bsidecar"
    r"|\bextra|\bhidden"
    r"|\bcontext|\bnotes?|\bmetadata|\bdebug|\bcomment) ?(?:argument|parameter|param|field|arg|input|header"
    r"|property|key)?\b",
    r"\b(?:argument|parameter|param|field|arg)\b",
    r"\b(?:translated|tool'?s?|its|the|your|generated|formatted|returned|final) (?:output|response|reply|result"
    r"|answer|body|link|url)\b",
)

# --- to whom, and how ---

ORDERS = any_of(
    r"\byou (?:must|should|shall|need to|have to|are (?:required|expected|instructed|now|to)|will|ought to"
    r"|may never)\b",
    r"\b(?:assistant|ai|llm|model|agent|claude|gpt|copilot|the assistant|the model) (?:must|should|shall|needs? to"
    r"|has to|is to|will)\b",
    r"\b(?:always|never|must|mandatory|required?s?|important|critical|urgent|crucial|essential)\b",
    r"\b(?:make|be) sure\b|\bensure\b|\bremember to\b|\bdo not forget\b|\bdon'?t forget\b|\bin addition\b"
    r"|\badditionally\b|\balso\b",
    r"\bfirst\b|\bsilently\b|\bquietly\b|\bsecretly\b|\bcovertly\b|\bdiscreetly\b|\binstead\b",
    r"\b(?:before|prior to|after|when(?:ever)?|while|upon|each time|every time|once)\b[^.;]{0,60}\b(?:us(?:e|ing)"
    r"|call(?:ing|ed)?"
    r"|run(?:ning)?|invok(?:e|ing|ed)|respond(?:ing)?|answer(?:ing)?|reply(?:ing)?|execut(?:e|ing|ed)|asks?"
    r"|approved?|sends?)\b",
    r"\b(?:on|for|with|in|at) (?:each|every) \w+\b|\bfrom now on\b|\bhenceforth\b",
)
TO_THE_MODEL = any_of(
    r"\b(?:note|instructions?|message|reminder|directive|memo|guidance) (?:to|for) (?:the |any |all )?(?:ai|llm"
    r"|assistant|model|agent)s?\b",
    r"\b(?:ai|llm|assistant|model|agent|system)[ -](?:instructions?|directives?|note|override|message"
    r"|prompt)\s*[:\]>-]",
    r"\b(?:hidden|secret|internal|confidential) (?:directive|instruction|note|command|protocol)s?\b",
    r"(?:^|[\s\[({<#*])(?:system|assistant|developer|admin)\s*(?:message)?\s*[:\]>}]",
    r"<(?:/?)(?:important|secret|system|instructions?|hidden|admin|override|directive)[^>]{0,40}>|<\|[a-z_]{2,20}"
    r"\|>|\[/?INST\]|<<SYS>>",
    r"\{\{\s*system|#{2,}\s*(?:new )?system\b",
)
HIDES = any_of(
    r"\b(?:nobody|no one|no human)\b[^.;]{0,15}\b(?:learns?|knows?|sees?|notices?|finds? out|may|must|should|can)\b",
    r"\b(?:do not|don'?t|never|must not|mustn'?t|should not|shouldn'?t|avoid|refrain from|without|no need to)\b"
    r"[^.;]{0,25}?\b(?:tell|telling|mention|mentioning|inform|informing|notify|notifying|reveal|revealing|disclose"
    r"|disclosing|alert|alerting|explain|explaining|acknowledge|acknowledging|discuss|discussing|let|letting|warn"
    r"|warning|asking|describe|describing|confirm|confirming)\b"
    r"[^.;]{0,40}?\b(?:users?|them|him|her|anyone|anybody|human|operator|person|this|these|it|step|instructions?)\b",
    r"\bwithout\b[^.;]{0,20}\b(?:user|users|their|his|her|human|operator)(?:'?s)?\b[^.;]{0,15}"
    r"\b(?:knowledge|consent|noticing|notice|awareness|knowing|seeing)\b",
    r"\b(?:keep|kept|hide|hidden|hiding|conceal|concealed|concealing|invisible|unseen|unnoticed|secret)\b[^.;]{0,25}?"
    r"\b(?:from|to|by) (?:the |any )?(?:user|users|human|operator|them|person|owner)\b",
    r"\b(?:user|users|human|operator|person|they) (?:must|should|need|can|may|does|do|will|is|are)(?:n'?t"
    r"| not)(?: to)?(?: be)?"
    r" (?:know|see|aware|told|informed|notified|notice|learn|find out|asked|bothered)\b",
)
ORDERS_SILENCE = any_of(
    r"\b(?:do not|don'?t|never|must not|should not)\b[^.;]{0,12}\b(?:tell|mention|inform|notify|reveal|disclose"
    r"|alert|explain|let)\b"
    r"[^.;]{0,40}\b(?:to (?:the )?(?:user|anyone|anybody|human)|user|users|anyone|anybody|them|human)\b",
    r"\bwithout\b[^.;]{0,6}\b(?:telling|informing|asking)\b[^.;]{0,6}\b(?:the )?users?\b[^.;]{0,40}\b(?:and|but"
    r"|then|,)",
    r"\b(?:users?|human|operator|person) (?:must|should|may|can)(?:n'?t| not) (?:be (?:told|aware|informed)|know"
    r"|see|notice|learn|find out)\b",
)
STEALTH = any_of(r"\b(?:silently|quietly|secretly|covertly|discreetly|stealthily|surreptitiously|invisibly)\b")

# --- whole attacks ---

_RULES_OF_OTHERS = (
    r"(?:instructions?|rules?|prompts?|constraints?|guidelines?|polic(?:y|ies)|directives?|directions?|guardrails?"
    r"|restrictions?"
    r"|safeguards?|safety (?:checks?|rules?|filters?|measures?|training)|programming|commands?|orders"
    r"|system (?:prompt|message)s?)"
)
# Only as an order; see _is_ordered.
OVERRIDE = any_of(
    r"\b(?:ignore|disregard|forget)\b what(?:ever)? (?:(?:was|is|the user|they|users?) )?(?:has |have "
    r"|had )?(?:asked|said|wants?|requested|told)\b",
    r"\b(?:rules?|guidelines|polic(?:y|ies)|restrictions|safeguards|safety \w+|instructions)\b[^.;]{0,12}\b(?:is"
    r"|are)\b[^.;]{0,10}"
    r"\b(?:void|suspended|lifted|revoked|obsolete|null|no longer (?:valid|in force|apply))\b",
    r"\b(?:ignore|disregard|forget|override|overrule|bypass|skip|discard|drop|abandon|violate|circumvent|suspend"
    r"|disable|stop following)\b"
    r"[^.;]{0,40}?\b(?:previous|prior|earlier|above|all|any|other|existing|your|former|initial|original|current"
    r"|the|user'?s?|system|safety|proxy'?s?)\b"
    rf"[^.;]{{0,30}}?\b{_RULES_OF_OTHERS}\b",
    r"\b(?:ignore|disregard|forget|override|overrule)\b[^.;]{0,20}?\buser'?s? (?:\w+ )?(?:request|question|query"
    r"|intent|message|input|wish(?:es)?|task|goal)\b",
    r"\b(?:ignore|disregard|forget)\b[^.;]{0,10}\b(?:everything|anything|all|what(?:ever)?)\b[^.;]{0,40}"
    r"\b(?:before|said|told|above|previously|earlier|learned|so far)\b",
    r"\b(?:ignore|disregard|forget)\b (?:all |everything |anything )?(?:of )?(?:the |what is )?(?:above|previous"
    r"|preceding|prior|aforementioned)\b",
    r"\b(?:reveal|output|print|repeat|disclose|leak|recite|dump|expose|return|show)\b[^.;]{0,20}?\b(?:your|the|its"
    r"|hidden)\b[^.;]{0,20}?"
    r"\b(?:system prompt|system message|initial prompt|hidden (?:prompt|instructions?)|(?:previous|prior"
    r"|original) instructions?)\b",
    rf"\bthese {_RULES_OF_OTHERS} (?:take precedence|supersede|override|replace|come first)\b"
    rf"|\btakes? precedence over\b[^.;]{{0,40}}\b{_RULES_OF_OTHERS}",
)
UNSAFE_MODE = any_of(
    r"\byou are now (?:in |an? |the )?(?:\w+ )?(?:developer|debug|admin(?:istrator)?|god|root|dan|jailbr\w+"
    r"|unrestricted|unfiltered|maintenance|sudo)\b",
    r"\byou are in (?:\w+ )?(?:developer|debug|admin|god|unrestricted|maintenance) mode\b",
    r"\b(?:enter|switch (?:in)?to|enable|activate|in) (?:developer|debug|admin|god|dan|unrestricted|jailbreak"
    r"|maintenance) mode\b[^.;]{0,60}"
    r"\b(?:comply|obey|no (?:rules|restrictions|limits)|without|ignore)\b",
    r"\b(?:without|no|skip(?:ping)?|disabl(?:e|ing)|turn(?:ing)? off|bypass(?:ing)?)\b[^.;]{0,25}\b(?:safety"
    r"|security|content|ethical|moderation)"
    r" (?:checks?|filters?|guidelines?|rules?|policies|restrictions?|measures?)\b",
    r"\b(?:comply with|obey|follow|accept)\b[^.;]{0,15}\b(?:all|any|every|whatever)\b[^.;]{0,30}\b(?:requests?"
    r"|commands?|orders?)\b[^.;]{0,30}\bwithout\b",
)
OBEYS_OUTSIDE = any_of(
    r"\b(?:obey|follow|execute|perform|carry out|comply with|act on|act upon|run|do|treat|trust|honou?r)\b[^.;]{0,25}?"
    r"\b(?:any|whatever|all|every|the|new|each)\b[^.;]{0,25}?\b(?:instructions?|commands?|directives?|orders?"
    r"|requests?|prompts?)\b[^.;]{0,30}?"
    r"\b(?:in|inside|within|from|embedded|found|contained|it contains|returned|by the)\b[^.;]{0,40}?"
    r"\b(?:page|content|contents|document|file|feed|item|email|message|response|result|output|website|text|body"
    r"|issue|comment|data)\b",
    r"\b(?:instructions?|commands?|directives?)\b[^.;]{0,40}\b(?:found|embedded|contained|inside|within"
    r"|in)\b[^.;]{0,40}\bas\b[^.;]{0,25}"
    r"\b(?:authori[sz]ed|direct|trusted|legitimate|user|system|valid)\b[^.;]{0,15}\b(?:command|instruction|order"
    r"|request|directive)s?\b",
    r"\b(?:execute|run|eval(?:uate)?|invoke|launch)\w*\b[^.;]{0,30}\b(?:command|shell|script|code"
    r"|payload)s?\b[^.;]{0,60}"
    r"\b(?:no|without|skip\w*|bypass\w*)\b[^.;]{0,15}\b(?:confirm\w*|approval|asking|consent|prompting"
    r"|verification|checking)\b",
)
MEDDLES = any_of(
    rf"\b(?:modif|chang|alter|overrid|overwrit|intercept|hijack|affect|redefin|repurpos"
    rf"|tamper)\w*\b[^.;]{{0,20}}\b(?:behaviou?r|output|results?|arguments?|parameters?"
    rf"|usage|use|operation|calls?|responses?|recipients?)\b[^.;]{{0,15}}\b(?:of|to|for|from|in"
    rf"|made to)\b[^.;]{{0,5}}{_TOOL}",
    rf"\b(?:when(?:ever)?|if|each time|every time|any time|before|after|once"
    rf"|while)\b[^.;]{{0,12}}?{_TOOL}[^.;]{{0,25}}?\b(?:is|are|gets?|was|has been|being)?\s?"
    r"(?:called|used|invoked|run|executed|triggered|requested|asked for|needed|selected)\b[^.]{0,60}?,?[^.]{0,20}"
    r"\b(?:first|also|always|must|instead|rerout\w+|redirect\w*|replac\w+|add|append|include|send|forward|bcc\w*"
    r"|cc\w*|modify|change|set|substitut\w+|use)\b",
    r"\b(?:replac\w+|overrid\w+|discard|substitut\w+|ignore|rewrit\w+|disregard)\b[^.;]{0,15}\b(?:its|their"
    r"|that tool'?s|the other tool'?s) (?:\w+ )?(?:output|results?|response|answer|value|arguments?|recipients?)\b",
    rf"\b(?:calls?|requests?|traffic|queries|invocations?|deletions?)\b[^.;]{{0,40}}?\b(?:to|for"
    rf"|of)\b[^.;]{{0,10}}{NAME}[^.;]{{0,30}}\b(?:must|should|will|are|is|be)\b[^.;]{{0,20}}"
    r"\b(?:rerouted|redirected|intercepted|routed|sent|proxied|replaced|forwarded)\b",
    rf"\b(?:supersed|supplant|replac|overrid)\w*\b[^.;:]{{0,15}}{NAME}[^.]{{0,20}}?[:;,-][^.]{{0,30}}\b(?:route"
    rf"|send|direct|redirect|use|call|forward)\b",
    rf"\b(?:do not|don'?t|never|stop|avoid|refrain from)\b[^.;]{{0,12}}\b(?:us(?:e|ing)|call(?:ing)?|trust(?:ing)?"
    rf"|invok(?:e|ing))\b[^.;]{{0,6}}{NAME}[^.]{{0,60}}"
    r"\b(?:instead|this (?:tool|one)|here|always)\b",
    r"\b(?:reroute|redirect|swap|change|replace|set|rewrite|modify"
    r"|override)\w*\b[^.;]{0,15}\b(?:the )?(?:destination|recipient|payee|beneficiary|target|sender|receiving)\b"
    r"[^.;]{0,15}\b(?:account|address|wallet|number|email|iban|to)\b",
)
AFTER_APPROVAL = any_of(
    r"\b(?:once|after|when|as soon as|following|post[- ]|upon|until)\b[^.;]{0,40}?\b(?:approv\w+|review\w*|trusted"
    r"|vetted|accepted|whitelist\w*|audit\w*|installed|pinned|recorded)\b"
)
BEFORE_OTHER_TOOLS = any_of(
    r"\b(?:before|prior to)\b[^.;]{0,15}\b(?:us(?:e|ing)|call(?:ing)?|run(?:ning)?|invok(?:e"
    r"|ing))\b[^.;]{0,15}\b(?:any|all|every|other|another)\b[^.;]{0,15}\btools?\b"
)
TURNS_BAD = any_of(
    r"\b(?:arbitrary|shell|malicious|hidden|payload|exfiltrat\w*|silently|secretly|swap\w*|backdoor|reverse shell"
    r"|steal\w*|different (?:description|behaviou?r)"
    r"|upload\w*|clipboard|ssh keys?|credentials?|data[- ]exfil\w*|second stage|true (?:function|purpose|behaviou?r))\b"
)

# --- what is said of attacks, not done ---

# The tool keeps data safe ...
GUARDS = any_of(
    r"\b(?:detect|flag|block|prevent|redact|mask|sanitiz|sanitis|filter(?:s|ing)? out|guard|protect|defend|warn"
    r"|refus|reject)\w*\b",
    r"\b(?:scans|checks|looks|tests|searches|monitors|watches|scanning|checking|searching)\b[^.;]{0,40}\b(?:for"
    r"|whether|against)\b",
    r"\b(?:find(?:s|ing)? leaked|committed by mistake|such as|examples? of|known as)\b",
    r"\b(?:secrets?|security|vulnerability|injection|leak|malware|phishing|compliance)[ -]"
    r"(?:scanner|scanning|testing|detection|detector|linter|checker|audit)\b",
)
# ... or has to do with texts about attacks.
STUDIES = any_of(
    r"\b(?:identif|classif|explain|describ|analy[sz]|demonstrat|simulat|illustrat|educat|teach|train|audit"
    r"|stud(?:y|ies))\w*\b",
    r"\b(?:documentation|sample|mock|research|corpus|dataset|lint|scans? (?:text|prompts?))\b",
)
DISCLAIMS = any_of(
    r"\b(?:not|never)\b[^.;]{0,60}\bwithout (?:(?:the )?(?:user|human)|explicit|prior)\b|\brather than\b"
    r"|\bnot (?:an? )?(?:attack|command|instruction|payload)\b|\bno hidden\b|\bonly as\b|\bnot as\b|\bdoes not\b"
    r"|\bdoesn'?t\b|\bnever\b(?=[^.;]{0,20}\b(?:reads?|sends?|stores?|shares?|logs?|leaves?)\b)"
    r"|\bre-?approv\w+\b|\blegitimate(?:ly)?\b|\btransparent(?:ly)?\b"
)

# A secret that the tool itself works with: `using your private key`, `set SERVICE_TOKEN`.
OWN_CREDENTIAL = re.compile(
    r"\b(?:using|with|via|by|given|configured|provided|supplied|needs?|requires?|set|export|through"
    r"|defaults? to)\b[^.;]{0,25}$",
    re.IGNORECASE,
)
