"""Arguments of the `mcp-stack` command, and its errors."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .. import __version__
from ..errors import StackError
from .servers import SERVERS
from .startup import started


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: Without the program's name; those of the process by default.

    Returns:
        The exit status: 0 for success, 1 for a finding or a failure, 2 for a wrong argument or setting.
    """
    chosen = _parsed(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(chosen)
    except StackError as error:
        print(f"mcp-stack: {error}", file=sys.stderr)
        return 2 if error.code == "INVALID_INPUT" else 1
    except KeyboardInterrupt:
        return 130


def _run(chosen: argparse.Namespace) -> int:  # noqa: PLR0911, PLR0912 - one command a line
    if chosen.command != "serve":
        started()
    # Each command imports what it needs: `serve` must answer within a second.
    match chosen.command:
        case "serve":
            from .serve import serve  # noqa: PLC0415 - only this command needs it

            return serve(chosen.server, legacy=chosen.stdio_legacy, log_level=chosen.log_level)
        case "worker":
            from .worker import work  # noqa: PLC0415 - only this command needs it

            return work(chosen.log_level, on_demand=chosen.on_demand)
        case "ask":
            from .ask import ask  # noqa: PLC0415 - only this command needs it

            return ask(
                chosen.question,
                session_id=chosen.session,
                force_route=chosen.route,
                max_cost_usd=chosen.max_cost,
            )
        case "config":
            from .config import show_config  # noqa: PLC0415 - only this command needs it

            return show_config(as_json=chosen.json)
        case "doctor":
            from .doctor import diagnose  # noqa: PLC0415 - only this command needs it

            return diagnose()
        case "manifests":
            from .manifests import check_manifests, write_manifests  # noqa: PLC0415 - only this command needs it

            return check_manifests(chosen.folder) if chosen.check else write_manifests(chosen.folder)
        case "migrate":
            from .migrate import migrate_database  # noqa: PLC0415 - only this command needs it

            return migrate_database()
        case "clients":
            from .clients import show_client_config  # noqa: PLC0415 - only this command needs it

            return show_client_config(chosen.client)
        case "skills":
            from .skills import run_skills  # noqa: PLC0415 - only this command needs it

            return run_skills(chosen)
        case "issues":
            from .issues import run_issues  # noqa: PLC0415 - only this command needs it

            return run_issues(chosen)
        case "models":
            from .models import run_models  # noqa: PLC0415 - only this command needs it

            return run_models(chosen)
        case "agents":
            from .agents import run_agents  # noqa: PLC0415 - only this command needs it

            return run_agents(chosen)
        case "tasks":
            from .tasks import run_tasks  # noqa: PLC0415 - only this command needs it

            return run_tasks(chosen)
        case "tools":
            from .tools import run_tools  # noqa: PLC0415 - only this command needs it

            return run_tools(chosen)
        case "documents":
            from .documents import run_documents  # noqa: PLC0415 - only this command needs it

            return run_documents(chosen)
        case _:
            from .demo import demo  # noqa: PLC0415 - only this command needs it

            return demo(chosen.docs, chosen.question)


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments; what follows `tools add ... --` is a command, whose options are none of ours."""
    words: list[str] = []
    if list(arguments[:2]) == ["tools", "add"] and "--" in arguments:
        at = arguments.index("--")
        arguments, words = arguments[:at], list(arguments[at + 1 :])
    return _parser().parse_args(arguments, argparse.Namespace(words=words))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mcp-stack", description="Native MCP servers: one stack for your AI client.")
    parser.add_argument("--version", action="version", version=f"mcp-stack {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="run one server over stdio; AI clients call this")
    serve.add_argument("server", choices=SERVERS)
    serve.add_argument(
        "--stdio-legacy", action="store_true", help="refuse server/discover, for clients that then shake hands"
    )
    _add_log_level(serve)

    worker = commands.add_parser("worker", help="one more worker for this machine's jobs, until it is told to end")
    worker.add_argument(
        "--on-demand",
        action="store_true",
        help="be the one that servers start themselves: one a machine, which ends when nobody needs it",
    )
    _add_log_level(worker)

    asked = commands.add_parser("ask", help="answer a question here, by the cache, the local model or Claude")
    asked.add_argument("question", nargs="+", help="- reads it from standard input")
    asked.add_argument("--session", default="", help="a conversation that it belongs to")
    asked.add_argument("--route", default="", choices=("local", "remote"), help="default: what fits")
    asked.add_argument("--max-cost", type=float, default=0, metavar="USD", help="most that the answer may cost")

    config = commands.add_parser("config", help="show every setting and where it comes from")
    config.add_argument("--json", action="store_true", help="as one JSON object")

    commands.add_parser("doctor", help="say what is installed, what is missing and how to get it")
    commands.add_parser("migrate", help="bring the database's schema up to date")

    manifests = commands.add_parser("manifests", help="write tool_manifests/ from the live tools")
    manifests.add_argument("--check", action="store_true", help="change nothing, fail if they are out of date")
    manifests.add_argument("--folder", default="", help="where they are (default: tool_manifests of the checkout)")

    clients = commands.add_parser("clients", help="print the configuration for an AI client")
    clients.add_argument("client", choices=("claude-desktop", "claude-code", "cursor", "continue"))

    _add_documents(commands.add_parser("documents", help="what is in the knowledge base, and what must stay there"))
    _add_models(commands.add_parser("models", help="local models: what is here, what suits this machine, downloads"))
    _add_agents(commands.add_parser("agents", help="coding agents of Ralph Wiggum: what is here, and installing them"))
    _add_tasks(commands.add_parser("tasks", help="tasks of coding agents, and the approvals that they wait for"))
    _add_tools(commands.add_parser("tools", help="tools of other MCP servers, and the approval of changed ones"))
    _add_skills(commands.add_parser("skills", help="import skills, and approve those that the model may use"))
    _add_issues(commands.add_parser("issues", help="what went wrong, and what became of it"))

    demo = commands.add_parser("demo", help="the main job, start to end, on a folder of documents")
    demo.add_argument("--docs", default="", help="a folder of Markdown (default: the project's own documents)")
    demo.add_argument("--question", default="", help="what to ask about it")
    return parser


def _add_documents(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listed = actions.add_parser("list", help="documents, the newest first")
    listed.add_argument("--collection", default="")
    listed.add_argument("--title", default="", help="a part of it")
    listed.add_argument("--source", default="", help="its beginning")
    listed.add_argument("--limit", type=int, default=20)
    actions.add_parser("pin", help="never collect a document as garbage").add_argument("id")
    actions.add_parser("unpin", help="collect it like any other").add_argument("id")
    actions.add_parser("delete", help="remove a document and everything that hangs on it").add_argument("id")


def _add_models(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="known models and those that are here, with their measured speed")
    pulled = actions.add_parser("pull", help="download a model; continues where it was cut off")
    pulled.add_argument("name", nargs="?", default="", help="default: the one that suits this machine")
    pulled.add_argument("--url", default="", help="another address of a GGUF file (https)")
    pulled.add_argument("--sha256", default="", help="what its checksum must be (default: what the hub tells)")
    pulled.add_argument("--again", action="store_true", help="also if it is here")
    located = actions.add_parser("path", help="where a model's file is")
    located.add_argument("name", nargs="?", default="", help="default: the one that is used")


def _add_agents(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="every backend, its version, and how to get it")
    installed = actions.add_parser("install", help="install agents into the data folder")
    installed.add_argument("names", nargs="+", metavar="NAME", help="of backends; all for every one")


def _add_tasks(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="the newest tasks").add_argument("--state", default="")
    actions.add_parser("show", help="how a task stands, and what it asks").add_argument("id")
    logged = actions.add_parser("log", help="what happened to a task")
    logged.add_argument("id")
    logged.add_argument("iteration", nargs="?", type=int, default=0, help="with its diff and output")
    approved = actions.add_parser("approve", help="show what a task asks, and let it go on")
    approved.add_argument("id")
    approved.add_argument("--note", default="", help="why; kept in the log")
    approved.add_argument("--yes", action="store_true", help="do not ask")
    rejected = actions.add_parser("reject", help="cancel a task that asks")
    rejected.add_argument("id")
    rejected.add_argument("--note", default="", help="why; kept in the log")
    steered = actions.add_parser("steer", help="tell the agent something with its next iteration")
    steered.add_argument("id")
    steered.add_argument("guidance", nargs="+")
    actions.add_parser("cancel", help="end a task and its agent").add_argument("id")
    resumed = actions.add_parser("resume", help="let a task go on; its limits count anew")
    resumed.add_argument("id")
    resumed.add_argument("--max-iterations", type=int, help="0 for no limit (default: as before)")
    resumed.add_argument("--max-minutes", type=float, help="0 for no limit (default: as before)")
    resumed.add_argument("--max-cost", type=float, metavar="USD", help="0 for no limit (default: as before)")
    rolled = actions.add_parser("rollback", help="bring a task's branch back to an iteration")
    rolled.add_argument("id")
    rolled.add_argument("iteration", type=int, help="the last one to keep; 0 keeps none")


def _add_tools(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listed = actions.add_parser("list", help="every tool, resource and prompt that is known")
    listed.add_argument("server", nargs="?", default="", help="only of this server")
    listed.add_argument("--status", default="", help="only those, such as quarantined")
    listed.add_argument("--json", action="store_true", help="as one JSON list")
    different = actions.add_parser("diff", help="what changed since it was approved, and what the scan found")
    different.add_argument("names", nargs="*", metavar="SERVER[.TOOL]", help="default: all that are quarantined")
    approved = actions.add_parser("approve", help="show what changed, and have it called again")
    approved.add_argument("names", nargs="+", metavar="SERVER[.TOOL]")
    approved.add_argument("--yes", action="store_true", help="do not ask")
    added = actions.add_parser(
        "add",
        help="write a server into mcp.json, and list it",
        epilog="For a server that is started: mcp-stack tools add NAME [options] -- COMMAND ARGUMENTS",
    )
    added.add_argument("name")
    added.add_argument("--url", default="", help="where it listens")
    added.add_argument(
        "--transport", default="", choices=("http", "sse"), help="default: http, unless the url says sse"
    )
    added.add_argument("--env", action="append", default=[], metavar="NAME[=VALUE]", help="without a value: ours")
    added.add_argument("--header", action="append", default=[], metavar="NAME=VALUE", help="${NAME} is a variable")
    added.add_argument("--category", default="", help="of its tools")
    added.add_argument("--replace", action="store_true", help="take the place of a server of that name")
    refreshed = actions.add_parser("refresh", help="connect to servers and list them now")
    refreshed.add_argument("servers", nargs="*", metavar="SERVER", help="default: all that are configured")
    given = actions.add_parser("category", help="give a tool a category")
    given.add_argument("name", metavar="SERVER.TOOL")
    given.add_argument("category")


def _add_skills(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    brought = actions.add_parser("import", help="a folder with SKILL.md, or all such folders below one")
    brought.add_argument("path")
    listed = actions.add_parser("list", help="every skill with its status")
    listed.add_argument("--status", default="", choices=("pending", "approved", "rejected"))
    actions.add_parser("show", help="a skill, and what differs from what was approved").add_argument("slug")
    approved = actions.add_parser("approve", help="show what is pending, and let the model find it")
    approved.add_argument("slug")
    approved.add_argument("--yes", action="store_true", help="do not ask")
    actions.add_parser("reject", help="keep a skill from the model").add_argument("slug")


def _add_issues(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    statuses = ("open", "in_progress", "resolved", "closed")
    listed = actions.add_parser("list", help="issues, the gravest first")
    listed.add_argument("--severity", default="", choices=("P0", "P1", "P2"))
    listed.add_argument("--status", default="", choices=statuses)
    listed.add_argument("--category", default="")
    listed.add_argument("--limit", type=int, default=20)
    actions.add_parser("show", help="all that is known of an issue").add_argument("id")
    updated = actions.add_parser("update", help="change its status, or add a note")
    updated.add_argument("id")
    updated.add_argument("--status", default="", choices=statuses)
    updated.add_argument("--note", default="", help="what was done; with --status resolved, the fix")


def _add_log_level(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--log-level", default="WARNING", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
