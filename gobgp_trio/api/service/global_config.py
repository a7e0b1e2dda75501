"""GetBgp."""

from gobgp_trio.api.pb import api as pb
from gobgp_trio.api.service.view import DaemonView
from gobgp_trio.config.schema import SelectionOptions
from gobgp_trio.types.prefix import format_address

# What this API has always answered for an address that is not set.
NO_ADDRESS = "invalid IP"


def _selection_message(options: SelectionOptions) -> pb.RouteSelectionOptionsConfig:
    return pb.RouteSelectionOptionsConfig(
        always_compare_med=options.always_compare_med,
        ignore_as_path_length=options.ignore_as_path_length,
        external_compare_router_id=options.external_compare_router_id,
    )


class GlobalMethods:
    """RPCs about the speaker as a whole."""

    def __init__(self, view: DaemonView) -> None:
        self._view = view

    def get_bgp(self, _request: pb.GetBgpRequest) -> pb.GetBgpResponse:
        """The global configuration; AS number 0 when BGP was not started."""
        found = self._view.config.global_
        if found is None:
            return pb.GetBgpResponse(pb.Global(router_id=NO_ADDRESS))
        message = pb.Global(
            asn=found.as_,
            router_id=format_address(found.router_id),
            listen_port=found.port,
            listen_addresses=list(found.listen_addresses),
        )
        if found.selection != SelectionOptions():  # else the field stays off the wire
            message.route_selection_options = _selection_message(found.selection)
        return pb.GetBgpResponse(message)
