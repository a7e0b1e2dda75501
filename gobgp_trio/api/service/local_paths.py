"""AddPath and DeletePath: routes that are originated here."""

from uuid import uuid4

import betterproto
import trio
from grpclib.const import Status

from gobgp_trio.api.pb import api as pb
from gobgp_trio.api.service.families import read_family
from gobgp_trio.api.service.method import RpcError
from gobgp_trio.api.service.path_reader import AttributesReader, read_route_key
from gobgp_trio.api.service.view import DaemonView, require_started
from gobgp_trio.types.family import Family

# Routes withdrawn in one turn: a few ms.
SLICE_ROUTES = 500

RouteKey = tuple[Family, bytes]


class LocalPathMethods:
    """RPCs about local paths, and the identities that AddPath gave them."""

    def __init__(self, view: DaemonView) -> None:
        self._view = view
        self._attributes = AttributesReader()
        self._key_of: dict[bytes, RouteKey] = {}
        self._uuid_of: dict[RouteKey, bytes] = {}

    def add_path(self, request: pb.AddPathRequest) -> pb.AddPathResponse:
        """Originate a route, or withdraw it when the path says so; the path's new identity.

        Raises:
            RpcError: BGP was not started, or the path cannot be originated.
        """
        require_started(self._view)
        _require_global(request.table_type, request.vrf_id)
        if not betterproto.serialized_on_wire(request.path):
            raise RpcError("path is missing", Status.INVALID_ARGUMENT)
        path = request.path
        if path.source_asn and not path.source_id:
            raise RpcError("source_asn without source_id")
        family, nlri = read_route_key(path)
        if path.is_withdraw:
            self._delete((family, nlri))
            return pb.AddPathResponse()
        attributes = self._attributes.read(path, family)
        self._view.speaker.add_local_path(family, nlri, attributes)
        return pb.AddPathResponse(self._name((family, nlri)))

    async def delete_path(self, request: pb.DeletePathRequest) -> pb.DeletePathResponse:
        """Withdraw the route of an identity or of a path, or all local routes of a family.

        A route that is not there is no error.

        Raises:
            RpcError: BGP was not started, or there is no such identity.
        """
        require_started(self._view)
        _require_global(request.table_type, request.vrf_id)
        if request.uuid:
            key = self._key_of.get(request.uuid)
            if key is None:
                raise RpcError("can't find a specified path")
            self._delete(key)
        elif betterproto.serialized_on_wire(request.path):
            self._delete(read_route_key(request.path))
        else:
            await self._delete_all(request)
        return pb.DeletePathResponse()

    async def _delete_all(self, request: pb.DeletePathRequest) -> None:
        families = list(self._view.speaker.rib.tables)
        if int(request.family.afi) or int(request.family.safi):
            families = [read_family(request.family)]
        speaker = self._view.speaker
        for family in families:
            accepted = speaker.rib.adj_in(speaker.local, family).accepted
            for entries in accepted.slices(SLICE_ROUTES):
                nlris = [nlri for nlri, _ in entries]
                speaker.rib.withdraw(speaker.local, family, nlris)
                for nlri in nlris:
                    self._forget((family, nlri))
                await trio.lowlevel.checkpoint()

    def _delete(self, key: RouteKey) -> None:
        self._view.speaker.delete_local_path(*key)
        self._forget(key)

    def _name(self, key: RouteKey) -> bytes:
        """A new identity for a route; the one it had before is void."""
        self._forget(key)
        identity = uuid4().bytes
        self._key_of[identity] = key
        self._uuid_of[key] = identity
        return identity

    def _forget(self, key: RouteKey) -> None:
        identity = self._uuid_of.pop(key, None)
        if identity is not None:
            del self._key_of[identity]


def _require_global(table_type: pb.TableType, vrf: str) -> None:
    if table_type not in (pb.TableType.UNSPECIFIED, pb.TableType.GLOBAL) or vrf:
        raise RpcError("only the global table takes paths", Status.UNIMPLEMENTED)
