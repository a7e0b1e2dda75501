"""An API client that shares nothing with our code: grpcio, and classes made by protobuf."""

import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
import trio
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

from gobgp_trio.api.bridge.server import open_listeners, run_api
from gobgp_trio.api.service.method import Method
from gobgp_trio.api.service.methods import make_methods
from tests.api.fake_daemon import FakeDaemon

ROOT = Path(__file__).parents[2]
SERVICE = "api.GoBgpService"


class Client:
    """Calls RPCs by name with requests given as keyword arguments; blocking."""

    def __init__(self, target: str, pool: descriptor_pool.DescriptorPool) -> None:
        self._channel = grpc.insecure_channel(target)
        self._pool = pool

    def message(self, name: str) -> Any:
        """A message class, by its name in package ``api``."""
        return message_factory.GetMessageClass(self._pool.FindMessageTypeByName(f"api.{name}"))

    def call(self, rpc: str, **request: Any) -> Any:
        """The answer, or the list of answers of a stream."""
        method = self._pool.FindServiceByName(SERVICE).FindMethodByName(rpc)
        answer = message_factory.GetMessageClass(method.output_type)
        make = self._channel.unary_stream if method.server_streaming else self._channel.unary_unary
        remote = make(
            f"/{SERVICE}/{rpc}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        result = remote(self.message(f"{rpc}Request")(**request), timeout=30)
        return list(result) if method.server_streaming else result

    def raw_stream(self, rpc: str, request: bytes = b"") -> Any:
        """A stream's messages as octets, one by one."""
        return self._channel.unary_stream(f"/{SERVICE}/{rpc}")(request, timeout=30)

    def raw_unary(self, path: str, request: bytes = b"") -> bytes:
        octets: bytes = self._channel.unary_unary(path)(request, timeout=30)
        return octets

    def close(self) -> None:
        self._channel.close()


@dataclass
class Api:
    """A served API and a client of it.

    Attributes:
        crashes: what the bridge reported.
    """

    client: Client
    target: str
    crashes: list[tuple[str, BaseException]] = field(default_factory=list)

    async def call(self, rpc: str, **request: Any) -> Any:
        return await trio.to_thread.run_sync(lambda: self.client.call(rpc, **request))

    async def refusal(self, rpc: str, **request: Any) -> tuple[str, str]:
        """Status and message of a call that is refused."""
        with pytest.raises(grpc.RpcError) as caught:
            await self.call(rpc, **request)
        return caught.value.code().name, caught.value.details()


ServeApi = Callable[..., AbstractAsyncContextManager[Api]]


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> descriptor_pool.DescriptorPool:
    """The API's descriptors, from ``proto/``."""
    output = tmp_path_factory.mktemp("descriptors") / "api"
    sources = sorted(map(str, (ROOT / "proto" / "api").glob("*.proto")))
    command = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={ROOT / 'proto'}"]
    subprocess.run([*command, f"--descriptor_set_out={output}", *sources], check=True)
    files = {
        file.name: file
        for file in descriptor_pb2.FileDescriptorSet.FromString(output.read_bytes()).file
    }
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)

    def add(name: str) -> None:
        file = files.pop(name, None)
        if file is not None:
            for dependency in file.dependency:
                add(dependency)
            pool.Add(file)

    for name in list(files):
        add(name)
    return pool


@pytest.fixture
def serve_api(pool: descriptor_pool.DescriptorPool) -> Iterator[ServeApi]:
    """Serve methods for the length of a ``with`` block."""
    clients: list[Client] = []

    @asynccontextmanager
    async def serve(methods: dict[str, Method], target: str = "127.0.0.1:0") -> AsyncIterator[Api]:
        listeners = open_listeners([target])
        if not target.startswith("unix:"):
            target = f"127.0.0.1:{listeners[0].getsockname()[1]}"
        api = Api(Client(target, pool), target)
        clients.append(api.client)
        async with trio.open_nursery() as nursery:
            await nursery.start(
                run_api, listeners, methods, lambda where, why: api.crashes.append((where, why))
            )
            yield api
            await trio.to_thread.run_sync(api.client.close)
            nursery.cancel_scope.cancel()

    yield serve
    for client in clients:
        client.close()


@pytest.fixture
def daemon() -> FakeDaemon:
    """What ``api`` serves."""
    return FakeDaemon()


@pytest.fixture
async def api(serve_api: ServeApi, daemon: FakeDaemon) -> AsyncIterator[Api]:
    """Every method, served from ``daemon``."""
    async with serve_api(make_methods(daemon)) as served:
        yield served
        assert served.crashes == []
