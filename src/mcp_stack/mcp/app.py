"""An MCP server whose tools are strict and whose errors follow the contract."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.resolve import Resolve, build_resolver_plans, resolve_arguments
from mcp.server.mcpserver.tools.base import Tool
from mcp.server.mcpserver.utilities.context_injection import find_context_parameter
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, InputRequiredResult, TextContent, ToolAnnotations
from pydantic import BaseModel, Field, ValidationError

from .. import __version__
from ..errors import InternalError, NotFoundError, StackError, UsageError
from ..trace import begin, current
from .offers import Admit, OfferingServer, Report, client
from .schema import inlined
from .strict import described, encodable, strict_metadata

if TYPE_CHECKING:
    from mcp.server.mcpserver.context import Context
    from mcp.server.mcpserver.resolve import Elicit

logger = logging.getLogger(__name__)

ToolFunction = TypeVar("ToolFunction", bound=Callable[..., Awaitable[BaseModel]])


class StrictTool(Tool):
    """A tool that refuses unknown and wrong-typed arguments and reports errors as `CODE: problem; remedy`.

    Attributes:
        admit: Awaited before each call; None where calls are not limited.
        report: Awaited after a call that failed by a bug.
    """

    admit: Admit | None = Field(default=None, exclude=True)
    report: Report | None = Field(default=None, exclude=True)

    async def run(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False) -> Any:
        """Run the tool; every failure becomes an `is_error` result.

        Args:
            arguments: As the client sent them.
            context: The request.
            convert_result: Give a `CallToolResult` rather than what the function returned.
        """
        begin()
        try:
            return await self._run(arguments, context, convert_result)
        except MCPError:
            raise
        except StackError as error:
            logger.info("%s refused: %s", self.name, error)
            return error_result(error)
        except ToolError as error:
            # The client asked its user something for us, and sent back what does not fit the question.
            logger.info("%s got a wrong answer: %s", self.name, error)
            return error_result(UsageError("the client's answer does not fit what its user was asked", "try again"))
        except Exception as error:
            incident = uuid.uuid4().hex[:12]
            logger.exception("%s failed, incident %s", self.name, incident, exc_info=error)
            if self.report is not None:
                await self.report(self.name, incident, error)
            return error_result(InternalError(incident))

    async def _run(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool) -> Any:
        try:
            validated = self.fn_metadata.validate_arguments(arguments)
        except ValidationError as error:
            raise UsageError(described(error.errors(include_url=False)), f"see the schema of {self.name}") from error
        current().mark("validated")
        if self.admit is not None:
            await self.admit(client())
            current().mark("admitted")
        passed: dict[str, Any] = {self.context_kwarg: context} if self.context_kwarg else {}
        if self.resolved_params:
            answers = await resolve_arguments(self.resolved_params, self.resolver_plans, validated, context)
            if isinstance(answers, InputRequiredResult):
                return answers  # the client asks its user, and calls again with the answers
            passed |= {name: getattr(answer, "data", None) for name, answer in answers.items()}
        result = await self.fn_metadata.call_fn(self.fn, self.is_async, validated, passed)
        if not convert_result:
            return result
        converted = self.fn_metadata.convert_result(result)
        return converted if isinstance(result, CallToolResult) else _terse(converted)


class StackServer(OfferingServer):
    """An MCP server of the stack.

    Args:
        name: As clients know it.
        title: For people.
        instructions: When to use which of its tools; under 2,000 characters, for clients cut it there.
    """

    def __init__(self, name: str, *, title: str, instructions: str) -> None:
        super().__init__(name, title=title, instructions=instructions, version=__version__, log_level="WARNING")

    async def _admit(self, client: str) -> None:
        if self.admit is not None:
            await self.admit(client)

    async def _report(self, tool: str, incident: str, error: Exception) -> None:
        if self.report is not None:
            await self.report(f"{self.name}.{tool}", incident, error)

    def declare(
        self,
        title: str,
        *,
        read_only: bool = False,
        destructive: bool = False,
        idempotent: bool = False,
        open_world: bool = False,
        limited: bool = True,
        asks: Mapping[str, Callable[..., Awaitable[Elicit[Any] | None]]] | None = None,
    ) -> Callable[[ToolFunction], ToolFunction]:
        """Register an async function as a tool; its name, docstring and types are the tool's.

        Args:
            title: For people.
            read_only: It changes nothing.
            destructive: It may delete or overwrite.
            idempotent: Calling it twice changes no more than calling it once.
            open_world: It reaches beyond the stack (a remote model, a coding agent).
            limited: Its calls count towards the client's rate limit; not so for what clients ask again and again.
            asks: Arguments that the client's user gives rather than the client, each with what asks for it. The
                argument is what the user sent back, or None if the user declined or was not asked.
        """

        def register(function: ToolFunction) -> ToolFunction:
            tool = _strict_tool(
                function,
                title,
                ToolAnnotations(
                    title=title,
                    read_only_hint=read_only,
                    destructive_hint=destructive,
                    idempotent_hint=idempotent,
                    open_world_hint=open_world,
                ),
                asks or {},
            )
            tool.admit = self._admit if limited else None
            tool.report = self._report
            self._tool_manager._tools[tool.name] = tool  # the SDK adds functions, not Tools
            return function

        return register

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None) -> Any:
        """Call a tool by name; an unknown name is an error result, like every other failure."""
        if self._tool_manager.get_tool(name) is None:
            known = ", ".join(tool.name for tool in self._tool_manager.list_tools())
            return error_result(NotFoundError(f"{self.name} has no tool {name[:80]!r}", f"it has {known}"))
        return await super().call_tool(name, arguments, context)


def _terse(result: Any) -> Any:
    """The result with its text as JSON without white space: models read the text, and pay for every token of it."""
    if isinstance(result, CallToolResult) and result.structured_content is not None:
        text = json.dumps(result.structured_content, ensure_ascii=False, separators=(",", ":"))
        result.content = [TextContent(type="text", text=text)]
    return result


def error_result(error: StackError) -> CallToolResult:
    """The error as a client sees it."""
    return CallToolResult(content=[TextContent(type="text", text=encodable(str(error)))], is_error=True)


def client_name(context: Context[Any, Any]) -> str:
    """What the client calls itself."""
    parameters = context.session.client_params
    name = parameters.client_info.name if parameters is not None else ""
    return " ".join(name.split())[:80] or "a client"


def _strict_tool(
    function: Callable[..., Any], title: str, annotations: ToolAnnotations, asks: Mapping[str, Callable[..., Any]]
) -> StrictTool:
    """What `Tool.from_function` makes, with a strict model of the arguments and plain schemas."""
    context = find_context_parameter(function)
    metadata = strict_metadata(function, [*([context] if context else []), *asks])
    resolved = {name: (Resolve(ask), True) for name, ask in asks.items()}
    if metadata.output_schema is not None:
        metadata.output_schema = inlined(metadata.output_schema)
    return StrictTool(
        fn=function,
        name=function.__name__,
        title=title,
        description=" ".join((function.__doc__ or "").split()),
        parameters=inlined(metadata.arg_model.model_json_schema()),
        fn_metadata=metadata,
        is_async=True,
        context_kwarg=context,
        resolved_params=resolved,
        resolver_plans=build_resolver_plans(resolved, set(metadata.arg_model.model_fields)),
        annotations=annotations,
    )
