"""Address families between the API and the tables."""

from gobgp_trio.api.pb import api as pb
from gobgp_trio.api.service.method import RpcError
from gobgp_trio.types.family import Family, find_family


def family_message(family: Family) -> pb.Family:
    """The API's form of a family."""
    return pb.Family(afi=pb.FamilyAfi(family.afi), safi=pb.FamilySafi(family.safi))


def read_family(message: pb.Family) -> Family:
    """The family a request names.

    Raises:
        RpcError: it is none that we have tables for.
    """
    family = find_family(int(message.afi), int(message.safi))
    if family not in (Family.IPV4_UNICAST, Family.IPV6_UNICAST):
        if family is not None:
            name = family.config_name
        else:
            name = f"AFI {int(message.afi)} SAFI {int(message.safi)}"
        raise RpcError(f"address family: {name} not supported")
    return family
