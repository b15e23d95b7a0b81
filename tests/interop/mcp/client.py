"""The official Python client of MCP, headless, with client credentials. Its settings are in the environment. It prints
one JSON object for each step. examples/mcp-server/tests/mcp/client.rs starts it."""

import json
import os
from contextlib import asynccontextmanager

import anyio
import httpx2
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

URL = os.environ["MCP_URL"]


class Memory:
    """The token storage of the SDK."""

    tokens = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return None

    async def set_client_info(self, client_info):
        raise AssertionError("the client is registered already")


def http_client():
    """With a fixed token, or with only an id and a secret."""
    if token := os.environ.get("MCP_TOKEN"):
        return httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"})
    provider = ClientCredentialsOAuthProvider(
        server_url=URL,
        storage=Memory(),
        client_id=os.environ["MCP_CLIENT_ID"],
        client_secret=os.environ["MCP_CLIENT_SECRET"],
        issuer=os.environ["MCP_ISSUER"],
        scope=os.environ.get("MCP_SCOPE"),
    )
    return httpx2.AsyncClient(auth=provider)


def causes(error):
    """A task group raises a group of errors."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(causes(inner) for inner in error.exceptions)
    return f"{type(error).__name__}: {error}"


def told(step, **what):
    print(json.dumps({"step": step, **what}), flush=True)


@asynccontextmanager
async def connected():
    async with http_client() as http, Client(streamable_http_client(URL, http_client=http)) as client:
        yield client


async def call(client, tool, arguments):
    result = await client.call_tool(tool, arguments)
    if result.is_error:
        raise RuntimeError(result.content[0].text)
    return result.content[0].text


async def main():
    step = "connect"
    try:
        async with connected() as client:
            told(step, ok="")
            step = "list"
            tools = await client.list_tools()
            told(step, ok=" ".join(sorted(tool.name for tool in tools.tools)))
            for tool, arguments in [("whoami", {}), ("write_note", {"text": "from Python"}), ("read_notes", {})]:
                step = tool
                told(step, ok=await call(client, tool, arguments))
            step = "close"
    except Exception as error:
        told(step, error=causes(error))


anyio.run(main)
