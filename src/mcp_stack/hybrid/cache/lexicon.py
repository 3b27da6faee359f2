"""Which words mean the same, and which the opposite.

Synonyms and opposites are WordNet 3.1's (`words/README.md` says which part of it). Beside them stand a few words of the
trades that WordNet does not know or joins by hypernyms alone, and the prefixes that turn a word around.
"""

from __future__ import annotations

import functools
import re
from importlib import resources

# Everyday words of computing and of services, where WordNet has no common synset.
_MORE_SYNONYMS = """
delete remove erase
fix repair solve resolve troubleshoot
show display list view see
create make generate
setup configure
start launch begin
run execute
get obtain fetch retrieve receive
change modify alter update edit
use utilize utilise employ
error issue problem bug failure
fast quick rapid
buy purchase
big large
film movie
car automobile
photo picture image
folder directory
app application
program application
repo repository
db database
config configuration
dir directory
docs documentation
js javascript
ts typescript
py python
k8s kubernetes
postgres postgresql
mongo mongodb
golang go
usa us america
uk britain
tv television
fridge refrigerator
bike bicycle
email mail
phone telephone
find locate
choose select pick
close shut
check verify
link connect
allow permit
need require
explain describe
function method
happen occur
cost price
clear empty
copy duplicate
job task
speed velocity
"""

_MORE_OPPOSITES = """
enable disable
on off
in out
up down
over under
above below
inside outside
before after
with without
from to
install uninstall
upload download
upgrade downgrade
import export
encrypt decrypt
encode decode
compress decompress
push pull
open close
lock unlock
start stop
start end
begin end
buy sell
lend borrow
read write
send receive
deposit withdraw
login logout
credit debit
client server
input output
source target
source destination
sync async
public private
local remote
upstream downstream
frontend backend
horizontal vertical
row column
increase reduce
increase decrease
raise lower
grow shrink
add remove
add subtract
add delete
attach detach
mount unmount
subscribe unsubscribe
expand collapse
show hide
create delete
create destroy
save discard
accept reject
approve reject
approve deny
allow block
allow deny
allow forbid
grant revoke
win lose
pass fail
first last
minimum maximum
min max
most least
more less
more fewer
always never
hot cold
freeze thaw
boil freeze
heat cool
early late
old new
cheap expensive
left right
top bottom
north south
east west
buyer seller
parent child
ascending descending
asc desc
synchronous asynchronous
positive negative
legal illegal
gain lose
arrive depart
"""

# One word turns into its opposite by the prefix, or by exchanging the one for the other (in-crease, de-crease).
_TURNING = ("un", "dis", "non", "in", "im", "ir", "il", "de", "anti", "mis", "a", "dys")
_EXCHANGED = (
    ("en", "dis"),
    ("in", "de"),
    ("in", "ex"),
    ("im", "ex"),
    ("up", "down"),
    ("over", "under"),
    ("pre", "post"),
    ("inter", "intra"),
    ("macro", "micro"),
    ("maxi", "mini"),
    ("multi", "single"),
    ("hyper", "hypo"),
    ("pro", "anti"),
    ("as", "des"),
    ("a", "de"),
    ("en", "de"),
    ("com", "decom"),
    ("syn", "asyn"),
    ("in", "out"),
    ("on", "off"),
    ("for", "back"),
    ("sub", "super"),
)
_SHORTEST_ROOT = 3
_DERIVED = re.compile(r"(?:ations?|itions?|ions?|ments?|ances?|ences?|als?|ly|ness|ings?)$")
_SHORTEST_DERIVED_ROOT = 5
_GRADE = re.compile(r"(?<=[a-z]{3})(?:er|est)$")
_DOUBLED = re.compile(r"([bdfgklmnprtvz])\1$")
_BRITISH = (
    (re.compile(r"(?<=[a-z]{2})our(?=$|s$|ed$|ing$|ful$|ite$|able$)"), "or"),
    (re.compile(r"is(?=e$|es$|ed$|ing$|ation$|ations$|er$)"), "iz"),
)


@functools.lru_cache(maxsize=16_384)
def root(word: str) -> str:
    """What the inflections of a word share: `caches`, `caching` and `cached` are `cach`.

    Args:
        word: In lower case.
    """
    for pattern, spelling in _BRITISH:
        word = pattern.sub(spelling, word)
    for ending, least, put in (
        ("ies", 5, "y"),
        ("ied", 5, "y"),
        ("sses", 6, "ss"),
        ("shes", 6, "sh"),
        ("ches", 6, "ch"),
        ("xes", 5, "x"),
        ("ing", 6, ""),
        ("eed", 99, ""),
        ("ed", 5, ""),
        ("s", 4, ""),
    ):
        if len(word) >= least and word.endswith(ending):
            if ending == "s" and word.endswith(("ss", "us", "is")):
                break
            word = word[: -len(ending)] + put
            break
    if len(word) > 3:
        word = _DOUBLED.sub(r"\1", word)
        word = word.removesuffix("e")
    return word


def same_meaning(first: str, second: str) -> bool:
    """Whether one word may stand for the other: an inflection, a derivation or a synonym."""
    one, other = root(first), root(second)
    if one == other:
        return True
    if opposite(first, second):
        return False
    if _derivation(first) == _derivation(second):
        return True
    if _are_synonyms(one, other):
        return True
    grades = _GRADE.search(first), _GRADE.search(second)
    if grades[0] is None or grades[1] is None or grades[0].group() != grades[1].group():
        return False
    return any(_are_synonyms(one, other) for one in _positives(first) for other in _positives(second))


def _are_synonyms(one: str, other: str) -> bool:
    groups = _synonyms()
    return not groups.get(one, _NONE).isdisjoint(groups.get(other, _NONE))


def _positives(word: str) -> tuple[str, str]:
    """What a comparative or a superlative may be of: `biggest` of `big`, `happiest` of `happy`."""
    bare = _GRADE.sub("", word)
    return root(_DOUBLED.sub(r"\1", bare)), root(re.sub("i$", "y", bare))


def opposite(first: str, second: str) -> bool:
    """Whether one word means the contrary of the other."""
    one, other = root(first), root(second)
    if one == other:
        return False
    if other in _opposites().get(one, _NO_WORDS):
        return True
    short, long = sorted((one, other), key=len)
    if len(short) >= _SHORTEST_ROOT and any(long == prefix + short for prefix in _TURNING):
        return True
    for prefix, exchanged in _EXCHANGED:
        for a, b in ((one, other), (other, one)):
            rest = a[len(prefix) :]
            if len(rest) >= _SHORTEST_ROOT and a.startswith(prefix) and b == exchanged + rest:
                return True
    return one.endswith(("ful", "less")) and other.endswith(("ful", "less")) and _bare(one) == _bare(other)


def _bare(word: str) -> str:
    return word.removesuffix("ful").removesuffix("less")


@functools.lru_cache(maxsize=16_384)
def _derivation(word: str) -> str:
    """The root of a derived word: `installation` is `install`."""
    bare = _DERIVED.sub("", word)
    return root(bare) if len(bare) >= _SHORTEST_DERIVED_ROOT else root(word)


_NONE: frozenset[int] = frozenset()
_NO_WORDS: frozenset[str] = frozenset()


@functools.cache
def _synonyms() -> dict[str, frozenset[int]]:
    """The groups that a root belongs to."""
    groups: dict[str, set[int]] = {}
    for number, line in enumerate([*_lines("synonyms"), *_MORE_SYNONYMS.split("\n")]):
        for word in line.split():
            groups.setdefault(root(word), set()).add(number)
    return {word: frozenset(numbers) for word, numbers in groups.items()}


@functools.cache
def _opposites() -> dict[str, frozenset[str]]:
    """What is contrary to a root."""
    found: dict[str, set[str]] = {}
    for line in [*_lines("opposites"), *_MORE_OPPOSITES.split("\n")]:
        if line:
            one, other = map(root, line.split())
            found.setdefault(one, set()).add(other)
            found.setdefault(other, set()).add(one)
    return {word: frozenset(words) for word, words in found.items()}


def _lines(name: str) -> list[str]:
    return resources.files(__package__).joinpath("words", f"{name}.txt").read_text(encoding="utf-8").split("\n")
