"""The bridge, seen by grpcio's client over loopback."""

import socket
import struct
import threading
from functools import partial
from pathlib import Path
from typing import Any

import betterproto
import grpc
import h2.connection
import pytest
import trio
from grpclib.const import Status

from gobgp_trio.api.bridge.server import ApiAddressError, close_listeners, open_listeners
from gobgp_trio.api.pb import api as pb
from gobgp_trio.api.service.method import Method, Pieces, RpcError, Streaming, Unary, Waiting
from gobgp_trio.api.wire import field_octets, field_text, frame_message


def get_bgp(_: pb.GetBgpRequest) -> betterproto.Message:
    return pb.GetBgpResponse(pb.Global(asn=65001, router_id="10.0.0.1"))


METHODS: dict[str, Method] = {"GetBgp": Unary(get_bgp)}


async def test_a_unary_call(serve_api: Any) -> None:
    async with serve_api(METHODS) as api:
        answer = await api.call("GetBgp")
    assert (getattr(answer, "global").asn, getattr(answer, "global").router_id) == (
        65001,
        "10.0.0.1",
    )
    assert api.crashes == []


async def test_a_unix_socket(serve_api: Any, tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    async with serve_api(METHODS, f"unix://{path}") as api:
        answer = await api.call("GetBgp")
        assert getattr(answer, "global").asn == 65001
    assert not path.exists()


async def test_a_call_that_waits_runs_in_trio(serve_api: Any) -> None:
    async def flush(_: pb.FlushNetlinkExportRequest) -> betterproto.Message:
        await trio.sleep(0.001)
        return pb.FlushNetlinkExportResponse()

    async with serve_api({"FlushNetlinkExport": Waiting(flush)}) as api:
        answer = await api.call("FlushNetlinkExport")
    assert answer.SerializeToString() == b""


async def test_an_rpc_without_a_method_is_refused_by_name(serve_api: Any) -> None:
    async with serve_api(METHODS) as api:
        assert await api.refusal("AddVrf") == ("UNIMPLEMENTED", "method AddVrf not implemented")
        assert await api.refusal("ListVrf") == ("UNIMPLEMENTED", "method ListVrf not implemented")
        with pytest.raises(grpc.RpcError) as caught:
            await trio.to_thread.run_sync(
                lambda: api.client.raw_unary("/api.GoBgpService/NoSuchThing")
            )
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert getattr(await api.call("GetBgp"), "global").asn == 65001
    assert api.crashes == []


async def test_refusals_keep_status_and_text(serve_api: Any) -> None:
    def refuse(_: pb.GetBgpRequest) -> betterproto.Message:
        raise RpcError("vrf röd not found")

    def refuse_stream(_: pb.ListPathRequest) -> Pieces:
        yield frame_message(field_octets(1, field_text(1, "10.0.0.0/8")))
        raise RpcError("enough", Status.INVALID_ARGUMENT)

    methods = {"GetBgp": Unary(refuse), "ListPath": Streaming(refuse_stream)}
    async with serve_api(methods) as api:
        assert await api.refusal("GetBgp") == ("UNKNOWN", "vrf röd not found")
        assert await api.refusal("ListPath") == ("INVALID_ARGUMENT", "enough")
    assert api.crashes == []


async def test_a_bug_ends_its_call_only_and_is_reported_once(serve_api: Any) -> None:
    def crash(_: pb.ListPeerRequest) -> Pieces:
        yield b""
        raise ZeroDivisionError("oops")

    async with serve_api(METHODS | {"ListPeer": Streaming(crash)}) as api:
        assert await api.refusal("ListPeer") == (
            "INTERNAL",
            "ListPeer failed inside gobgpd: ZeroDivisionError; its log has more",
        )
        assert getattr(await api.call("GetBgp"), "global").asn == 65001
    assert [(where, str(why)) for where, why in api.crashes] == [("ListPeer", "oops")]


async def test_malformed_requests_are_refused(serve_api: Any) -> None:
    async with serve_api(METHODS) as api:
        for octets in (b"\xff", b"\x0a\x05a", b"\x0d"):
            call = partial(api.client.raw_unary, "/api.GoBgpService/GetBgp", octets)
            with pytest.raises(grpc.RpcError) as caught:
                await trio.to_thread.run_sync(call)
            assert caught.value.code() is grpc.StatusCode.INTERNAL
            assert caught.value.details().startswith("malformed request: ")
    assert api.crashes == []


async def test_many_messages_in_each_piece(serve_api: Any) -> None:
    def list_path(_: pb.ListPathRequest) -> Pieces:
        for start in range(0, 10_000, 500):
            yield b"".join(
                frame_message(field_octets(1, field_text(1, str(number))))
                for number in range(start, start + 500)
            )

    async with serve_api({"ListPath": Streaming(list_path)}) as api:
        answers = await api.call("ListPath")
    assert [int(answer.destination.prefix) for answer in answers] == list(range(10_000))


async def test_others_run_between_two_pieces(serve_api: Any) -> None:
    turns = 0
    seen: list[int] = []

    def list_path(_: pb.ListPathRequest) -> Pieces:
        for _number in range(200):
            seen.append(turns)
            yield b""

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with serve_api({"ListPath": Streaming(list_path)}) as api, trio.open_nursery() as nursery:
        nursery.start_soon(count_turns)
        await api.call("ListPath")
        nursery.cancel_scope.cancel()
    assert seen[-1] - seen[0] >= 199


async def test_a_client_that_goes_away_ends_its_stream(serve_api: Any) -> None:
    closed = trio.Event()
    yielded = [0]

    def list_path(_: pb.ListPathRequest) -> Pieces:
        try:
            while True:
                yielded[0] += 1
                yield frame_message(field_octets(1, field_text(1, "x" * 1000))) * 30
        finally:
            closed.set()

    async with serve_api({"ListPath": Streaming(list_path)} | METHODS) as api:

        def take_one_and_leave() -> None:
            stream = api.client.raw_stream("ListPath")
            next(stream)
            stream.cancel()

        await trio.to_thread.run_sync(take_one_and_leave)
        with trio.fail_after(10):
            await closed.wait()
        assert getattr(await api.call("GetBgp"), "global").asn == 65001
    assert api.crashes == []


@pytest.mark.parametrize("is_reset", [True, False])
async def test_a_connection_that_breaks_ends_its_stream(serve_api: Any, is_reset: bool) -> None:
    closed = trio.Event()

    def list_path(_: pb.ListPathRequest) -> Pieces:
        try:
            while True:
                yield frame_message(field_octets(1, field_text(1, "x" * 1000)))
        finally:
            closed.set()

    async with serve_api({"ListPath": Streaming(list_path)} | METHODS) as api:
        host, port = api.target.split(":")
        stream = await trio.open_tcp_stream(host, int(port))
        http2 = h2.connection.H2Connection()
        http2.initiate_connection()
        headers = {
            ":method": "POST",
            ":scheme": "http",
            ":path": "/api.GoBgpService/ListPath",
            ":authority": api.target,
            "te": "trailers",
            "content-type": "application/grpc",
        }
        http2.send_headers(1, list(headers.items()))
        http2.send_data(1, frame_message(b""), end_stream=True)
        await stream.send_all(http2.data_to_send())
        received = 0
        while received < 10_000:
            received += len(await stream.receive_some())
        if is_reset:
            linger = struct.pack("ii", 1, 0)
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        stream.socket.close()
        with trio.fail_after(10):
            await closed.wait()
        assert getattr(await api.call("GetBgp"), "global").asn == 65001
    assert api.crashes == []


async def test_a_client_that_does_not_read_holds_nobody_up(serve_api: Any) -> None:
    taken = [0]

    def list_path(_: pb.ListPathRequest) -> Pieces:
        for _number in range(100_000):
            taken[0] += 1
            yield frame_message(field_octets(1, field_text(1, "x" * 1000))) * 30

    async with serve_api({"ListPath": Streaming(list_path)} | METHODS) as api:
        release = threading.Event()
        started = threading.Event()

        def stall() -> None:
            stream = api.client.raw_stream("ListPath")
            next(stream)
            started.set()
            release.wait(20)
            stream.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, stall)
            await trio.to_thread.run_sync(started.wait)
            assert getattr(await api.call("GetBgp"), "global").asn == 65001
            release.set()
        assert taken[0] < 100_000
    assert api.crashes == []


@pytest.mark.parametrize(
    "octets",
    [b"GET / HTTP/1.1\r\n\r\n", bytes(64), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 40],
)
async def test_octets_that_are_no_http2_end_their_connection_only(
    serve_api: Any, octets: bytes
) -> None:
    async with serve_api(METHODS) as api:
        host, port = api.target.split(":")
        stream = await trio.open_tcp_stream(host, int(port))
        async with stream:
            await stream.send_all(octets)
            with trio.move_on_after(0.5):
                try:
                    while await stream.receive_some():
                        pass
                except trio.BrokenResourceError:
                    pass  # a reset is an end, too
        assert getattr(await api.call("GetBgp"), "global").asn == 65001


async def test_the_end_ends_open_calls(serve_api: Any) -> None:
    waiting = trio.Event()
    cancelled = []

    async def flush(_: pb.FlushNetlinkExportRequest) -> betterproto.Message:
        waiting.set()
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            cancelled.append(True)
            raise
        raise AssertionError("unreachable")

    outcome: list[str] = []

    def call(api: Any) -> None:
        try:
            api.client.call("FlushNetlinkExport")
        except (grpc.RpcError, ValueError) as error:  # ValueError: our channel is closed already
            outcome.append(type(error).__name__)

    methods = {"FlushNetlinkExport": Waiting(flush)}
    async with trio.open_nursery() as nursery, serve_api(methods) as api:
        nursery.start_soon(trio.to_thread.run_sync, call, api)
        await waiting.wait()
    assert cancelled == [True]
    assert len(outcome) == 1


# --- sockets -----------------------------------------------------------------------------------


def test_a_taken_port_is_one_line() -> None:
    (first,) = open_listeners(["127.0.0.1:0"])
    port = first.getsockname()[1]
    with pytest.raises(ApiAddressError) as caught:
        open_listeners([f"127.0.0.1:{port}"])
    assert str(caught.value) == (
        f"the API cannot listen on 127.0.0.1:{port}: Address already in use"
    )
    close_listeners([first])


def test_a_refused_target_leaves_nothing_open() -> None:
    (first,) = open_listeners(["127.0.0.1:0"])
    port = first.getsockname()[1]
    close_listeners([first])
    with pytest.raises(ApiAddressError):
        open_listeners([f"127.0.0.1:{port}", "127.0.0.1:no"])
    close_listeners(open_listeners([f"127.0.0.1:{port}"]))


@pytest.mark.parametrize("target", ["127.0.0.1", "127.0.0.1:", "127.0.0.1:70000", "nonsense"])
def test_targets_that_make_no_sense(target: str) -> None:
    with pytest.raises(ApiAddressError, match=f"wanted an API address .* found '{target}'"):
        open_listeners([target])


def test_a_port_alone_listens_on_every_address() -> None:
    listeners = open_listeners([":0"])
    assert listeners[0].getsockname()[0] in ("0.0.0.0", "::")
    close_listeners(listeners)


def test_a_socket_file_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    listeners = open_listeners([f"unix://{path}"])
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    close_listeners(listeners)
    assert not path.exists()


def test_a_socket_file_in_use_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    first = open_listeners([f"unix://{path}"])
    with pytest.raises(ApiAddressError, match="Address already in use"):
        open_listeners([f"unix://{path}"])
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    close_listeners(first)


def test_a_file_that_is_no_socket_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("text")
    with pytest.raises(ApiAddressError, match="Address already in use"):
        open_listeners([f"unix:{path}"])
    assert path.read_text() == "text"
