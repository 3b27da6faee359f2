"""What a tool is for in one word, told by its name and its description; the configuration of its server goes first."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

from ...ports.tools import KnownTool
from .terms import terms

GENERAL = "general"
# A word in the name says more than one in the description.
NAME_WEIGHT = 3
# One word in passing makes no category.
LEAST_SCORE = 2
# Beyond that a description is about details.
CHARACTERS_READ = 400

_WORDS = {
    "files": "file files directory directories folder path disk upload download rename filesystem archive zip",
    "documents": "document pdf docx word excel spreadsheet workbook worksheet slide slides powerpoint presentation csv "
    "markdown page docs report sheet cell",
    "web": "web url http https website webpage browser browse navigate crawl scrape fetch html click screenshot dom",
    "search": "search query lookup find results engine google bing wikipedia",
    "code": "code git repository repo commit branch pull merge compile debug function class refactor github gitlab "
    "package npm pypi test python javascript source",
    "databases": "database sql table row column schema postgres postgresql mysql sqlite mongodb redis collection index",
    "communication": "email mail message chat slack discord telegram sms send inbox channel reply notification contact",
    "calendar": "calendar event meeting schedule appointment reminder time timezone date clock availability",
    "tasks": "task todo issue ticket project kanban board sprint jira backlog milestone assignee",
    "knowledge": "knowledge memory note notes entity relation graph remember recall embedding vector paper arxiv "
    "citation research literature",
    "media": "image picture photo video audio music song speech voice transcribe thumbnail camera movie film playlist "
    "subtitle podcast",
    "finance": "stock price market crypto currency exchange invoice payment bank portfolio ticker dividend trading "
    "financial earnings balance",
    "travel": "map location geocode route directions flight hotel travel trip weather forecast airport train ticket "
    "restaurant latitude longitude distance address",
    "health": "health medical drug patient disease symptom nutrition recipe food fitness clinical gene protein diet",
    "games": "game player match steam chess pokemon minecraft valorant league score leaderboard",
    "news": "news headline article trending rss feed press",
    "shopping": "product shop shopping cart order buy store catalog amazon seller deal coupon",
    "system": "process cpu shell terminal command execute server container docker kubernetes pod deploy cluster logs "
    "monitor metric network host port environment",
    "security": "security vulnerability password secret encrypt decrypt hash certificate malware permission token",
    "data": "chart plot visualize statistics calculate math equation formula average regression dataset convert unit "
    "number analysis analyze",
    "language": "translate translation dictionary language grammar spelling summarize sentiment synonym definition",
}


def category_of(tool: KnownTool) -> str:
    """The category that most of its words belong to; `general` if none stands out.

    Args:
        tool: As its server lists it.
    """
    scores: Counter[str] = Counter()
    words = _by_stem()
    for stem in set(terms(f"{tool.tool} {tool.title}")):
        for category in words.get(stem, ()):
            scores[category] += NAME_WEIGHT
    for stem in set(terms(f"{tool.server} {tool.description[:CHARACTERS_READ]}")):
        for category in words.get(stem, ()):
            scores[category] += 1
    best = max(scores, key=lambda category: (scores[category], category), default=GENERAL)
    return best if scores[best] >= LEAST_SCORE else GENERAL


@lru_cache(maxsize=1)
def _by_stem() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for category, words in _WORDS.items():
        for stem in dict.fromkeys(terms(words)):
            found.setdefault(stem, []).append(category)
    return found
