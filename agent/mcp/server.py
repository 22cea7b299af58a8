"""The toolbox over the Model Context Protocol, on stdin and stdout, by the official `mcp` package."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

import anyio
from anyio.to_thread import run_sync
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, TextContent, Tool

from agent.mcp.session import Session
from agent.mcp.tools import SERVED
from tools.errors import AgentError, BudgetSpent

_INSTRUCTIONS = """\
Find out what makes a neuron of a language model fire. Name a neuron as L5N131. A token's activation is raw; the neuron
fires where it is above `fires_above`. Look with `top` and `read`, write one sentence of at most 25 words, and check it
with `score`, on text that you were not shown. Without an LLM behind this server, `score`, `simulate` and `search` read
sentences such as: Fires on "import". Fires strongly on modals, weakly on "not" right after forms of be. `explain` does
all of it by itself. Every call costs units of a budget that the whole session shares; each answer says how many are
left."""


def server_of(session: Session) -> Server[Any]:
    """A server that lists the tools and passes calls on to a session."""

    async def list_tools(_context: Any, _params: Any) -> ListToolsResult:
        return ListToolsResult(
            tools=[
                Tool(name=name, description=served.description, input_schema=served.schema())
                for name, served in SERVED.items()
            ]
        )

    async def call_tool(_context: Any, params: CallToolRequestParams) -> CallToolResult:
        try:
            # in a thread, so that the client gets answers to its pings meanwhile
            found = await run_sync(session.call, params.name, dict(params.arguments or {}))
        except (AgentError, BudgetSpent) as error:
            return CallToolResult(content=[TextContent(type="text", text=str(error))], is_error=True)
        text = json.dumps(found, ensure_ascii=False)
        return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=found)

    return Server(
        "neuron-agent",
        version=version("neuron-agent"),
        instructions=_INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def serve(session: Session) -> None:
    """Serve until the client closes stdin. What libraries print on stdout meanwhile goes to stderr."""

    async def serving() -> None:
        server = server_of(session)
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())

    try:
        anyio.run(serving)
    finally:
        session.close()
