"""The cluster that KUBECONFIG names, and what keeps a command from it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from aiohttp import ClientError
from kubernetes_asyncio import config
from kubernetes_asyncio.client import ApiClient, Configuration
from podium_contracts.errors import PodiumError, TerminalError, TransientError
from podium_runtime.cluster import Cluster, Refused

from podium.ending import EXIT_INTERRUPTED

Result = TypeVar("Result")
NamespaceOption = Annotated[str, typer.Option("--namespace", "-n", help="By default the context's.")]
ContextOption = Annotated[
    str, typer.Option("--context", help="Of the kubeconfig; by default the current one.")
]
UNREACHABLE = (ClientError, TimeoutError, OSError)
UNAUTHORIZED, FORBIDDEN, NOT_FOUND, BUSY, BROKEN = 401, 403, 404, 429, 500


def ask(namespace: str, context: str, work: Callable[[Cluster, str], Awaitable[Result]]) -> Result:
    """Return what work makes of a cluster and a namespace.

    Raises:
        TerminalError: there is no cluster to ask, or it refuses.
        TransientError: it does not answer.
        Exit: somebody pressed Ctrl-C.
    """
    try:
        return asyncio.run(_asked(namespace, context, work))
    except KeyboardInterrupt:
        raise typer.Exit(EXIT_INTERRUPTED) from None


async def _asked(namespace: str, context: str, work: Callable[[Cluster, str], Awaitable[Result]]) -> Result:
    configuration = Configuration()
    home = await _configure(configuration, context)
    cluster = Cluster(ApiClient(configuration))
    try:
        return await work(cluster, namespace or home)
    except Refused as refused:
        raise in_words(refused, namespace or home) from refused
    except BrokenPipeError:
        raise
    except UNREACHABLE as error:
        raise TransientError(
            f"the API server at {configuration.host} does not answer: {str(error) or type(error).__name__}",
            hint="see whether `kubectl get nodes` does; KUBECONFIG and --context say which cluster",
        ) from error
    finally:
        await cluster.close()


async def _configure(configuration: Configuration, context: str) -> str:
    """Set up how the cluster is reached, as kubectl does; return the namespace that is meant where none is named."""
    try:
        loader = await config.load_kube_config(context=context or None, client_configuration=configuration)
    except config.ConfigException as error:
        raise TerminalError(
            f"no cluster: {error}", hint="let KUBECONFIG name a kubeconfig, and --context a context in it"
        ) from error
    current = loader.current_context or {}
    return str(current.get("context", {}).get("namespace") or "default")


def in_words(refused: Refused, namespace: str) -> PodiumError:
    """Return what a refusal of the API server means."""
    said = f"the API server says: {refused.message}"
    match refused.status:
        case status if status == BUSY or status >= BROKEN:
            return TransientError(said, hint="try again")
        case status if status == UNAUTHORIZED:
            return TerminalError(
                "the API server does not know who you are", hint="log in: `kubectl get pods` must work"
            )
        case status if status == FORBIDDEN:
            return TerminalError(
                said, hint=f"ask for these rights in namespace {namespace}: docs/how-to/kubectl.md lists them"
            )
        case status if status == NOT_FOUND:
            return TerminalError(
                "this cluster has no Podium",
                hint="install it: helm install podium-crds and podium; --context names another cluster",
            )
    return TerminalError(said)
