"""`mcp-stack demo`: the main job, start to end, as a user's client would do it.

It uses a data folder of its own, which goes when it ends: the demonstration leaves no trace, and two of them can run
side by side.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from ..aidb.knowledge.chunking import title_of
from ..composition import Stack
from ..errors import NotFoundError, StackError, UnavailableError
from ..settings import load_settings
from ..settings.layers import variables
from .clients import client_config

if TYPE_CHECKING:
    from mcp.client import Client

CHECKOUT = Path(__file__).parents[3]
QUESTION = "When does the local model answer, and when is Claude asked?"
NEED = "add a text file to my notes so that I can ask about it later"
TASK = "Write greet.py so that the tests pass: greet(name) returns 'Hello, NAME!'."
SECONDS_FOR_THE_TASK = 120
MOST_LINES = 24

_TEST = """\
import unittest

from greet import greet


class GreetTest(unittest.TestCase):
    def test_it_greets_by_name(self):
        self.assertEqual(greet("Ada"), "Hello, Ada!")


unittest.main()
"""

# Stands in for a coding agent: a program that reads the prompt and edits the working folder. Like many an agent it
# gets it wrong the first time, and right once it has read what the tests said.
_AGENT = """\
import pathlib
import sys

prompt = sys.stdin.read()
learned = "AssertionError" in prompt
body = 'return f"Hello, {name}!"' if learned else 'return "Hello!"'
pathlib.Path("greet.py").write_text(f"def greet(name):\\n    {body}\\n")
print("fixed the greeting" if learned else "wrote a first version")
"""


def demo(docs: str, question: str) -> int:
    """Run the demonstration.

    Args:
        docs: A folder of Markdown; empty for the project's own documents.
        question: What to ask about it; empty for one that fits the documents.

    Returns:
        0 if every step did what it should.

    Raises:
        NotFoundError: There is no such folder.
        StackError: A step failed; says which.
    """
    console = Console(highlight=False)
    # `make -C` runs elsewhere than the user stands: the Makefile says where that is.
    chosen = Path(os.environ.get("DEMO_FROM") or Path.cwd(), Path(docs).expanduser()).resolve() if docs else None
    if chosen is not None and not any(chosen.rglob("*.md")) and not any(chosen.rglob("*.txt")):
        raise NotFoundError(f"{chosen} has no Markdown", "name a folder of Markdown files: make demo DOCS=path")
    with tempfile.TemporaryDirectory(prefix="mcp-stack-demo-") as temporary:
        work = Path(temporary)
        documents = chosen or _own_documents(work)
        # 0 seconds: the worker ends with the servers, for its data folder is about to go.
        environment = {
            **{name: value for name, value in os.environ.items() if _is_shown(name)},
            "MCP_STACK_CONFIG": str(work),
            "MCP_STACK_DATA": str(work / "data"),
            "MCP_STACK_SECURITY__ALLOWED_ROOTS": json.dumps([str(documents), str(work)]),
            "MCP_STACK_JOBS__LINGER_SECONDS": "0",
            "MCP_STACK_RALPH__BACKENDS__COMMAND": json.dumps([sys.executable, str(work / "agent.py")]),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        }
        try:
            asyncio.run(_run(console, documents, work, environment, question or _question_about(chosen)))
        except BaseExceptionGroup as group:
            # The client's task groups wrap what went wrong once for each server.
            raise _innermost(group) from group
        finally:
            _wait_until_released(work / "data")
    return 0


def _question_about(documents: Path | None) -> str:
    """A question that the documents should be able to answer."""
    if documents is None:
        return QUESTION
    files = sorted(documents.rglob("*.md"), key=lambda file: (file.stem.lower() != "readme", len(file.parts), file))
    title = title_of(files[0].read_text(encoding="utf-8", errors="replace")) if files else documents.name
    return f"What should I know about {title}?"


def _innermost(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one exception inside of groups."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _is_shown(variable: str) -> bool:
    """Whether a variable of the user's reaches the demonstration: its stores are its own, and nothing is paid for."""
    if variable in variables() or variable.startswith("MCP_STACK_"):
        return variable.startswith(("MCP_STACK_LLM__LOCAL__", "MCP_STACK_EMBEDDINGS__"))
    return True


def _own_documents(work: Path) -> Path:
    """The project's README and docs, copied together."""
    folder = work / "documents"
    folder.mkdir()
    for source in [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]:
        if source.is_file():
            shutil.copy(source, folder)
    if not any(folder.iterdir()):
        raise NotFoundError(
            "this installation has no documents of its own", "name a folder: mcp-stack demo --docs PATH"
        )
    return folder


async def _run(console: Console, documents: Path, work: Path, environment: dict[str, str], question: str) -> None:
    console.print(Panel.fit("[bold]mcp-stack[/]: the main job, on embedded stores, without any account"))
    async with AsyncExitStack() as stack:
        clients = await _start_servers(console, stack, environment)
        await _import(console, clients["aidb"], documents)
        first = await _ask(console, clients["aidb"], "3  Ask a question", question)
        second = await _ask(console, clients["aidb"], "4  Ask the same again", question, brief=True)
        if first["cached"] or not second["cached"]:
            raise UnavailableError("the second answer should have come from the cache", "see the log above")
        await _discover(console, clients["aidb"])
        await _complete_task(console, clients["ralph-wiggum"], work)
        await _sum_up(console, clients["hybrid-coordinator"])
    console.print("\n[bold green]Done.[/] Connect your AI client with [bold]mcp-stack clients claude-desktop[/] (or")
    console.print("claude-code, cursor, continue); [bold]mcp-stack doctor[/] says what else you can add.")


async def _start_servers(console: Console, stack: AsyncExitStack, environment: dict[str, str]) -> dict[str, Client]:
    from mcp.client import Client  # noqa: PLC0415 - heavy: imported on first use
    from mcp.client.stdio import StdioServerParameters  # noqa: PLC0415 - heavy: imported on first use

    _heading(console, "1  Start the servers of mcp.json over stdio")
    file = CHECKOUT / "mcp.json"
    # An installation from a wheel has no mcp.json: it shows what it would print for a client.
    config = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else client_config("claude-desktop")
    configured = config["mcpServers"]
    start = time.perf_counter()

    @asynccontextmanager
    async def started(name: str) -> AsyncIterator[Client]:
        parameters = StdioServerParameters(**configured[name], env=environment)
        async with Client(parameters) as client:
            yield client

    clients: dict[str, Client] = {}
    for name in configured:
        client = clients[name] = await stack.enter_async_context(started(name))
        tools = [tool.name for tool in (await client.list_tools()).tools]
        _table(console, {f"✓ {name:<18}": ", ".join(tools)})
    console.print(f"   [dim]{len(clients)} servers in {time.perf_counter() - start:.1f} s[/]")
    return clients


async def _import(console: Console, aidb: Client, documents: Path) -> None:
    _heading(console, f"2  Import {documents}")

    async def progress(done: float, total: float | None, name: str | None) -> None:
        console.print(f"   [dim]{done:.0f}/{total or 0:.0f}[/] {escape(name or '')}")

    start = time.perf_counter()
    imported = await _call(aidb, "import_document", {"path": str(documents)}, progress)
    console.print(
        f"   [green]✓[/] {imported['documents']} documents, {imported['chunks']} passages "
        f"[dim]in {time.perf_counter() - start:.1f} s[/]"
    )
    for note in [*imported["notes"], *imported["skipped"][:5]]:
        console.print(f"   [yellow]![/] {escape(note)}")


async def _ask(console: Console, aidb: Client, heading: str, question: str, *, brief: bool = False) -> dict[str, Any]:
    _heading(console, heading)
    console.print(f"   [bold]{escape(question)}[/]\n")
    answer = await _call(aidb, "query", {"query": question, "limit": 3})
    if brief:
        console.print("   [dim]the same answer[/]\n")
    else:
        _print_answer(console, answer["response"])
    _table(
        console,
        {
            "sources": "\n".join(f"{each['title']} ({Path(each['source']).name})" for each in answer["sources"]),
            "route": "cache (a hit)" if answer["cached"] else answer["route"],
            "why": "; ".join(answer["reasons"]),
            "confidence": f"{answer['confidence']:.2f}",
            "latency": f"{answer['latency_ms']:.1f} ms",
            "cost": f"${answer['cost']:.6f}",
        },
    )
    return answer


def _print_answer(console: Console, text: str) -> None:
    """The answer, wrapped to the window and cut where it gets long."""
    width = min(console.width, 100) - 6
    lines = [part for line in text.splitlines() for part in (textwrap.wrap(line, width) or [""])]
    for line in lines[:MOST_LINES]:
        console.print(f"   [dim]│[/] {escape(line)}")
    if len(lines) > MOST_LINES:
        console.print(f"   [dim]│ … {len(lines) - MOST_LINES} more lines[/]")
    console.print()


def _table(console: Console, rows: dict[str, str]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(f"   {name}", escape(value))
    console.print(table)


async def _discover(console: Console, aidb: Client) -> None:
    _heading(console, "5  Which tool fits a sentence?")
    console.print(f"   [bold]{NEED}[/]\n")
    found = await _call(aidb, "discover_tools", {"query": NEED, "limit": 3})
    _table(console, {f"{tool['score']:.2f}  {tool['name']}": tool["summary"] for tool in found["tools"]})
    console.print(f"   [dim]{found['total']} tools known, {found['tokens_saved']} tokens saved against listing them[/]")


async def _complete_task(console: Console, ralph: Client, work: Path) -> None:
    _heading(console, "6  Let Ralph finish a small task in a git repository")
    console.print(f"   [bold]{TASK}[/]\n")
    repository = work / "repository"
    repository.mkdir()
    (repository / "test_greet.py").write_text(_TEST, encoding="utf-8")
    (work / "agent.py").write_text(_AGENT, encoding="utf-8")
    identity = ["-c", "user.name=demo", "-c", "user.email=demo@localhost"]
    for arguments in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "A failing test"]):
        subprocess.run(["git", *arguments], cwd=repository, check=True, capture_output=True)  # noqa: ASYNC221, S603, S607 - three quick calls of the user's own git
    submitted = await _call(
        ralph,
        "submit_task",
        {
            "task": TASK,
            "workspace": str(repository),
            "backend": "command",
            "verify": [shlex.join([sys.executable, "-B", "test_greet.py"])],
            "max_iterations": 5,
        },
    )
    task = {"task_id": submitted["task_id"]}
    seen = -1
    deadline = time.monotonic() + SECONDS_FOR_THE_TASK
    status = await _call(ralph, "task_status", task)
    while status["state"] in ("queued", "running", "retrying") and time.monotonic() < deadline:
        if status["iteration"] != seen:
            seen = status["iteration"]
            console.print(f"   [dim]{status['state']}, iteration {seen}[/]")
        status = await _call(ralph, "task_status", {**task, "wait_seconds": 5})
    result = await _call(ralph, "task_result", task)
    if result["state"] != "completed":
        raise UnavailableError(f"the task ended as {result['state']}: {result['summary']}", "see the log above")
    console.print(f"   [green]✓[/] {escape(result['summary'])}")
    _table(
        console,
        {
            "iterations": f"{result['iterations']}, exit codes {', '.join(result['exit_codes'])}",
            "changed": f"{result['files_modified']} files, {result['lines_changed']} lines",
            "branch": result["branch"],
        },
    )


async def _sum_up(console: Console, hybrid: Client) -> None:
    stats = await _call(hybrid, "routing_stats", {})
    _heading(console, "7  What it came to")
    console.print(
        f"   {stats['total_queries']} queries, {stats['cached']} from the cache, "
        f"{stats['average_latency_ms']:.1f} ms on average, ${stats['total_cost']:.6f}"
    )


async def _call(client: Client, tool: str, arguments: dict[str, Any], progress: Any = None) -> dict[str, Any]:
    """The structured result of a tool.

    Raises:
        StackError: The tool answered with an error.
    """
    result = await client.call_tool(tool, arguments, progress_callback=progress)
    if result.is_error or not isinstance(result.structured_content, dict):
        text = " ".join(getattr(part, "text", "") for part in result.content)
        raise UnavailableError(f"{tool} failed: {text}", "run `mcp-stack doctor`")
    return result.structured_content


def _heading(console: Console, text: str) -> None:
    console.print(f"\n[bold cyan]{escape(text)}[/]")


def _wait_until_released(data: Path) -> None:
    """Wait until the detached worker and PostgreSQL are gone, so that their folder can be removed."""
    if not data.is_dir():
        return
    try:
        asyncio.run(Stack(load_settings({"MCP_STACK_DATA": str(data), "MCP_STACK_CONFIG": str(data)})).shut_down())
    except StackError as error:
        print(f"mcp-stack: {error}", file=sys.stderr)
