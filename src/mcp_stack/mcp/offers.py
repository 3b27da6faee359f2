"""Resources, prompts and completions by the same rules as tools: strict, limited, and with errors of the contract.

A failure is a protocol error here, for the protocol has no results that are errors outside of tools: its message is
`CODE: what is wrong; what to do`, and its data names the code once more.
"""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from mcp.server import MCPServer
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.shared.exceptions import MCPError
from mcp.shared.uri_template import UriTemplate
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CompleteRequestParams,
    CompleteResult,
    Completion,
    GetPromptResult,
    Prompt,
    PromptArgument,
    PromptMessage,
    PromptReference,
    Resource,
    ResourceTemplate,
    TextContent,
)
from pydantic import ValidationError

from ..errors import InternalError, NotFoundError, StackError, UsageError
from ..trace import begin
from ..validation import checked_text
from .strict import described, encodable, strict_metadata

if TYPE_CHECKING:
    from mcp.server.mcpserver.context import Context
    from mcp.server.mcpserver.utilities.func_metadata import FuncMetadata
    from pydantic import AnyUrl

logger = logging.getLogger(__name__)

MAX_URI_CHARACTERS = 2000
MAX_VARIABLE_CHARACTERS = 500
# The protocol's bound.
MAX_COMPLETIONS = 100

Admit: TypeAlias = Callable[[str], Awaitable[None]]
"""Counts one request of the client that is named; raises RateLimitedError if it asks too often."""

Report: TypeAlias = Callable[[str, str, Exception], Awaitable[None]]
"""Told of a bug: the tool as `server.tool`, the incident's id, and the exception; never raises."""


@dataclass(frozen=True, slots=True)
class Text:
    """Content of a resource.

    Attributes:
        mime_type: Such as `text/markdown`.
    """

    text: str
    mime_type: str


Reader = TypeVar("Reader", bound=Callable[..., Awaitable[Text]])
Writer = TypeVar("Writer", bound=Callable[..., Awaitable[str]])
Completer: TypeAlias = Callable[[Mapping[str, str]], Awaitable[Iterable[str]]]
"""Gives every value that an argument may have, for the arguments given so far."""


@dataclass(frozen=True, slots=True)
class _Readable:
    """A kind of resource: its template, and what reads one."""

    template: ResourceTemplate
    pattern: UriTemplate
    read: Callable[..., Awaitable[Text]]


@dataclass(frozen=True, slots=True)
class _Writable:
    """A prompt, and what writes its message."""

    prompt: Prompt
    metadata: FuncMetadata
    write: Callable[..., Awaitable[str]]


class OfferingServer(MCPServer[Any]):
    """A server that offers resources, prompts and completions.

    Attributes:
        admit: Counts requests that are limited; set by whoever runs the server.
        report: Told of bugs; set by whoever runs the server.
    """

    admit: Admit | None = None
    report: Report | None = None

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, **options)
        self._readables: list[_Readable] = []
        self._listing: Callable[[], Awaitable[Sequence[Resource]]] | None = None
        self._prompts: dict[str, _Writable] = {}
        self._completers: dict[tuple[str, str], Completer] = {}

    # --- declaring ----------------------------------------------------------------------------------------------

    def declare_resource(self, template: str, title: str, *, mime_type: str) -> Callable[[Reader], Reader]:
        """Register an async function that reads resources; its arguments are the template's variables.

        Args:
            template: Address with variables in braces, RFC 6570.
            title: For people.
            mime_type: What most of them are.
        """

        def register(function: Reader) -> Reader:
            described_template = ResourceTemplate(
                uri_template=template,
                name=function.__name__,
                title=title,
                description=_docstring(function),
                mime_type=mime_type,
            )
            self._readables.append(_Readable(described_template, UriTemplate.parse(template), function))
            return function

        return register

    def declare_listing(self, function: Callable[[], Awaitable[Sequence[Resource]]]) -> None:
        """Register what lists the resources that are worth a look; the others are found by their templates."""
        self._listing = function

    def declare_prompt(self, name: str, title: str) -> Callable[[Writer], Writer]:
        """Register an async function that writes a prompt's message; its arguments, all texts, are the prompt's.

        Args:
            name: Of the prompt.
            title: For people.
        """

        def register(function: Writer) -> Writer:
            metadata = strict_metadata(function)
            schema = metadata.arg_model.model_json_schema()
            arguments = [
                PromptArgument(
                    name=argument,
                    description=part.get("description"),
                    required=argument in schema.get("required", []),
                )
                for argument, part in schema.get("properties", {}).items()
            ]
            prompt = Prompt(name=name, title=title, description=_docstring(function), arguments=arguments)
            self._prompts[name] = _Writable(prompt, metadata, function)
            return function

        return register

    def declare_completion(self, *places: tuple[str, str]) -> Callable[[Completer], Completer]:
        """Register what completes arguments.

        Args:
            places: The name of a prompt or the template of a resource, and the argument.
        """

        def register(function: Completer) -> Completer:
            self._completers |= dict.fromkeys(places, function)
            self._lowlevel_server.add_request_handler("completion/complete", CompleteRequestParams, self._complete)
            return function

        return register

    # --- serving ------------------------------------------------------------------------------------------------

    async def list_resources(self) -> list[Resource]:
        """See `MCPServer.list_resources`."""
        if self._listing is None:
            return []
        async with self._handled("resources/list"):
            return list(await self._listing())

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        """See `MCPServer.list_resource_templates`."""
        return [readable.template for readable in self._readables]

    async def read_resource(
        self,
        uri: AnyUrl | str,
        context: Context[Any, Any] | None = None,  # noqa: ARG002 - the signature is the SDK's
    ) -> Iterable[ReadResourceContents]:
        """See `MCPServer.read_resource`."""
        async with self._handled("resources/read", uri=str(uri)[:MAX_URI_CHARACTERS]):
            address = checked_text("uri", str(uri), MAX_URI_CHARACTERS)
            for readable in self._readables:
                variables = readable.pattern.match(address)
                if variables is None:
                    continue
                values = {
                    name: checked_text(name, str(value), MAX_VARIABLE_CHARACTERS) for name, value in variables.items()
                }
                content = await readable.read(**values)
                return [ReadResourceContents(content=content.text, mime_type=content.mime_type)]
            known = ", ".join(readable.template.uri_template for readable in self._readables) or "none"
            raise NotFoundError(f"there is no resource {address[:80]!r}", f"the addresses of {self.name} are {known}")

    async def list_prompts(self) -> list[Prompt]:
        """See `MCPServer.list_prompts`."""
        return [writable.prompt for writable in self._prompts.values()]

    async def get_prompt(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        context: Context[Any, Any] | None = None,  # noqa: ARG002 - the signature is the SDK's
    ) -> GetPromptResult:
        """See `MCPServer.get_prompt`."""
        async with self._handled("prompts/get", prompt=name[:80]):
            writable = self._prompt(name)
            try:
                checked = writable.metadata.validate_arguments(arguments or {})
            except ValidationError as error:
                problem = described(error.errors(include_url=False), "prompt")
                raise UsageError(problem, f"see the arguments of {name}") from error
            text = await writable.metadata.call_fn(writable.write, True, checked, {})
            message = PromptMessage(role="user", content=TextContent(type="text", text=text))
            return GetPromptResult(description=writable.prompt.description, messages=[message])

    async def _complete(self, context: Any, params: CompleteRequestParams) -> CompleteResult:
        del context
        # Asked with every letter that is typed: it does not count towards the client's limit.
        async with self._handled("completion/complete", limited=False):
            if isinstance(params.ref, PromptReference):
                place, arguments = params.ref.name, self._prompt(params.ref.name).metadata.arg_model.model_fields
                known = set(arguments)
            else:
                place, known = params.ref.uri, self._variables(params.ref.uri)
            argument = params.argument.name
            if argument not in known:
                raise UsageError(
                    f"{place[:80]} has no argument {argument[:80]!r}", f"it has {', '.join(sorted(known)) or 'none'}"
                )
            typed = checked_text(argument, params.argument.value, MAX_VARIABLE_CHARACTERS, required=False)
            completer = self._completers.get((place, argument))
            given = (params.context.arguments if params.context else None) or {}
            values = completed(await completer(given), typed) if completer else []
            return CompleteResult(
                completion=Completion(
                    values=values[:MAX_COMPLETIONS], total=len(values), has_more=len(values) > MAX_COMPLETIONS
                )
            )

    def _prompt(self, name: str) -> _Writable:
        if (writable := self._prompts.get(name)) is None:
            known = ", ".join(self._prompts) or "none"
            raise NotFoundError(f"{self.name} has no prompt {name[:80]!r}", f"it has {known}")
        return writable

    def _variables(self, template: str) -> set[str]:
        for readable in self._readables:
            if readable.template.uri_template == template:
                return set(readable.pattern.variable_names)
        known = ", ".join(readable.template.uri_template for readable in self._readables) or "none"
        raise NotFoundError(f"{self.name} has no template {template[:80]!r}", f"it has {known}")

    @asynccontextmanager
    async def _handled(self, method: str, *, limited: bool = True, **told: str) -> AsyncIterator[None]:
        """Admit a request, and turn what goes wrong with it into an error of the protocol.

        Args:
            method: Of the protocol.
            limited: It counts towards the client's limit.
            told: Goes into the error's data.
        """
        begin()
        try:
            if limited and self.admit is not None:
                await self.admit(client())
            yield
        except MCPError:
            raise
        except StackError as error:
            logger.info("%s refused: %s", method, error)
            raise protocol_error(error, **told) from error
        except Exception as error:
            incident = uuid.uuid4().hex[:12]
            logger.exception("%s failed, incident %s", method, incident)
            if self.report is not None:
                await self.report(f"{self.name}.{method}", incident, error)
            raise protocol_error(InternalError(incident), **told) from error


def completed(names: Iterable[str], typed: str) -> list[str]:
    """The names that go on as typed, then those that have it somewhere in them; each in the order of the alphabet.

    Args:
        names: All there are.
        typed: So far; the case of letters does not count.
    """
    wanted = typed.casefold()
    folded = sorted({name: name.casefold() for name in names}.items(), key=lambda pair: (pair[1], pair[0]))
    first = [name for name, text in folded if text.startswith(wanted)]
    return first + [name for name, text in folded if wanted in text and not text.startswith(wanted)]


def protocol_error(error: StackError, **told: str) -> MCPError:
    """The error as a client sees it outside of tools.

    Args:
        error: What is wrong.
        told: What it is about, for the error's data.
    """
    asked_wrongly = isinstance(error, UsageError | NotFoundError)
    data = {"code": error.code, **{key: encodable(value) for key, value in told.items()}}
    return MCPError(INVALID_PARAMS if asked_wrongly else INTERNAL_ERROR, encodable(str(error)), data=data)


def client() -> str:
    """Who asks, for the limits: over stdio a server has one client, who started it. Machines may share the buckets."""
    return f"stdio:{os.uname().nodename}:{os.getpid()}"


def _docstring(function: Callable[..., Any]) -> str:
    return " ".join((function.__doc__ or "").split())
