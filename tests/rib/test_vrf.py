"""VRFs: who imports what, what their own routes become, and a naive model of all of it."""

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from gobgp_trio.bgp.attr import make_attributes
from gobgp_trio.bgp.update import Update
from gobgp_trio.rib.adj_in import LoopCheck
from gobgp_trio.rib.rib import Rib
from gobgp_trio.rib.vrf import Vrf, VrfSettings
from gobgp_trio.types.attributes import AS_SEQUENCE, PathAttributes
from gobgp_trio.types.communities import parse_route_target
from gobgp_trio.types.family import Family
from gobgp_trio.types.path import BestChanges, Path, Source, SourceKind
from gobgp_trio.types.prefix import parse_prefix
from gobgp_trio.types.vpn import RD_OCTETS, parse_rd

V4, V6, VPN4, VPN6 = (
    Family.IPV4_UNICAST,
    Family.IPV6_UNICAST,
    Family.IPV4_VPN,
    Family.IPV6_VPN,
)
NET = parse_prefix("203.0.113.0/24")[1]
OTHER = parse_prefix("198.51.100.0/24")[1]
RT_A, RT_B, RT_C = (parse_route_target(f"65000:{number}") for number in (1, 2, 3))
RD_A, RD_B, RD_PE = parse_rd("65000:10"), parse_rd("65000:20"), parse_rd("65009:1")
PE = Source(SourceKind.PEER, "192.0.2.9", router_id=b"\x09" * 4, address=b"\xc0\0\2\x09")


def drive(steps: Iterator[None]) -> None:
    for _ in steps:
        pass


def make_rib() -> Rib:
    rib = Rib((V4, V6, VPN4, VPN6))
    rib.add_source(PE)
    return rib


def add_vrf(rib: Rib, name: str, rd: bytes, imports: list[bytes], exports: list[bytes]) -> Vrf:
    drive(rib.add_vrf(VrfSettings(name, rd, tuple(imports), tuple(exports))))
    return rib.vrfs[name]


def with_targets(*targets: bytes, med: int = 0, others: tuple[bytes, ...] = ()) -> PathAttributes:
    return make_attributes(
        origin=0, next_hop=b"\xc0\0\2\x09", med=med, extended_communities=(*others, *targets)
    )


def shown(vrf: Vrf, nlri: bytes = NET) -> list[tuple[str, bytes]]:
    """The paths of a prefix, best first: (source, distinguisher)."""
    return [(path.source.name, path.source.rd) for path in vrf.tables[V4].find(nlri)]


def ce(name: str, vrf: str) -> Source:
    return Source(SourceKind.PEER, name, is_ebgp=True, peer_as=65100, vrf=vrf)


def test_a_remote_route_is_imported_by_its_target_whatever_the_distinguisher() -> None:
    rib = make_rib()
    red = add_vrf(rib, "red", RD_A, [RT_A], [])
    blue = add_vrf(rib, "blue", RD_B, [RT_B], [])
    rib.announce(PE, VPN4, with_targets(RT_C, RT_A), [RD_PE + NET], 5.0)
    assert shown(red) == [("192.0.2.9", RD_PE)]
    assert shown(blue) == []
    assert red.tables[V6].find(NET) == ()


def test_a_route_that_loses_its_target_or_goes_leaves_the_vrf() -> None:
    rib = make_rib()
    red = add_vrf(rib, "red", RD_A, [RT_A], [])
    blue = add_vrf(rib, "blue", RD_B, [RT_B], [])
    rib.announce(PE, VPN4, with_targets(RT_A), [RD_PE + NET, RD_PE + OTHER], 5.0)
    rib.announce(PE, VPN4, with_targets(RT_B), [RD_PE + NET], 6.0)
    assert (shown(red), shown(blue)) == ([], [("192.0.2.9", RD_PE)])
    rib.withdraw(PE, VPN4, [RD_PE + NET, RD_PE + OTHER])
    assert (shown(red, OTHER), shown(blue)) == ([], [])


def test_one_peer_may_have_a_prefix_under_two_distinguishers() -> None:
    rib = make_rib()
    red = add_vrf(rib, "red", RD_A, [RT_A], [])
    rib.announce(PE, VPN4, with_targets(RT_A, med=7), [RD_PE + NET], 5.0)
    rib.announce(PE, VPN4, with_targets(RT_A, med=3), [RD_B + NET], 5.0)
    assert shown(red) == [("192.0.2.9", RD_B), ("192.0.2.9", RD_PE)]
    rib.withdraw(PE, VPN4, [RD_B + NET])
    assert shown(red) == [("192.0.2.9", RD_PE)]


def test_own_routes_carry_our_targets_and_no_others() -> None:
    rib = make_rib()
    red = add_vrf(rib, "red", RD_A, [], [RT_A, RT_B])
    site = b"\x00\x03\xfd\xe8\0\0\0\1"  # site of origin
    exported = red.export(with_targets(RT_C, others=(site,)))
    assert exported.extended_communities == (site, RT_A, RT_B)
    assert exported.next_hop == b"\xc0\0\2\x09"
    assert red.export(with_targets(RT_C, others=(site,))) is exported
    bare = add_vrf(rib, "bare", RD_B, [], [])
    assert bare.export(with_targets(RT_C)).extended_communities == ()


def test_a_neighbor_in_a_vrf_fills_the_vpn_table_and_its_own_vrf() -> None:
    rib = make_rib()
    red = add_vrf(rib, "red", RD_A, [], [RT_A])
    blue = add_vrf(rib, "blue", RD_B, [RT_A], [])
    customer = ce("10.0.0.2", "red")
    rib.add_source(customer)
    update = Update()
    update.reach.append((V4, make_attributes(origin=0, next_hop=b"\x0a\0\0\2"), [NET, OTHER]))
    rib.apply(customer, [red.to_vpn(update)], 5.0)
    assert [path.source for path in rib.tables[VPN4].find(RD_A + NET)] == [customer]
    assert shown(red) == [("10.0.0.2", RD_A)]
    assert shown(blue) == [("10.0.0.2", RD_A)]
    update = Update()
    update.unreach.append((V4, [NET]))
    update.end_of_rib = V4
    as_vpn = red.to_vpn(update)
    assert as_vpn.end_of_rib is VPN4
    rib.apply(customer, [as_vpn], 6.0)
    assert (shown(red), shown(blue)) == ([], [])
    drive(rib.remove_source(customer))
    assert len(rib.tables[VPN4].routes) == len(red.tables[V4].routes) == 0


def test_a_rejected_path_is_imported_nowhere() -> None:
    rib = Rib((V4, V6, VPN4, VPN6))
    rib.add_source(PE, LoopCheck(65000, b"\1\1\1\1", set()))
    red = add_vrf(rib, "red", RD_A, [RT_A], [])
    good = with_targets(RT_A)
    looped = make_attributes(
        origin=0,
        next_hop=b"\xc0\0\2\x09",
        as_path=((AS_SEQUENCE, (65001, 65000)),),
        extended_communities=(RT_A,),
    )
    rib.announce(PE, VPN4, good, [RD_PE + NET], 5.0)
    rib.announce(PE, VPN4, looped, [RD_PE + NET], 6.0)
    assert shown(red) == []


def test_a_soft_reset_reaches_the_vrfs() -> None:
    rib = Rib((V4, V6, VPN4, VPN6))
    clusters: set[bytes] = set()
    rib.add_source(PE, LoopCheck(65000, b"\1\1\1\1", clusters))
    red = add_vrf(rib, "red", RD_A, [RT_A], [])
    reflected = make_attributes(
        origin=0,
        next_hop=b"\xc0\0\2\x09",
        extended_communities=(RT_A,),
        others=((0x80, 10, b"\2\2\2\2"),),
    )
    rib.announce(PE, VPN4, reflected, [RD_PE + NET], 5.0)
    assert shown(red) == [("192.0.2.9", RD_PE)]
    clusters.add(b"\2\2\2\2")
    drive(rib.review(PE))
    assert shown(red) == []


def test_consumers_of_a_vrf_hear_of_it_alone() -> None:
    rib = make_rib()
    add_vrf(rib, "red", RD_A, [RT_A], [])
    add_vrf(rib, "blue", RD_B, [RT_B], [])
    heard: list[tuple[str, Family, BestChanges]] = []
    everything: list[tuple[str, Family, list[bytes]]] = []

    def on_red(family: Family, changes: BestChanges) -> None:
        heard.append(("red", family, changes))

    rib.subscribe(on_red, "red")
    rib.subscribe_unicast(lambda vrf, family, changes: everything.append((vrf, family, [*changes])))
    rib.announce(PE, VPN4, with_targets(RT_A), [RD_PE + NET], 5.0)
    rib.announce(PE, VPN4, with_targets(RT_B), [RD_PE + OTHER], 5.0)
    rib.announce(PE, V4, with_targets(), [OTHER], 5.0)
    ((_, family, changes),) = heard
    assert (family, list(changes)) == (V4, [NET])
    assert everything == [("red", V4, [NET]), ("blue", V4, [OTHER]), ("", V4, [OTHER])]
    rib.unsubscribe(on_red, "red")
    rib.withdraw(PE, VPN4, [RD_PE + NET])
    assert len(heard) == 1


def test_a_vrf_made_later_finds_what_is_there() -> None:
    rib = make_rib()
    rib.announce(PE, VPN4, with_targets(RT_A), [RD_PE + NET], 5.0)
    red = add_vrf(rib, "red", RD_A, [RT_A], [])
    assert shown(red) == [("192.0.2.9", RD_PE)]
    assert red.tables[V4].find(NET)[0].received_s == 5.0


def test_a_vrf_that_is_removed_takes_its_own_routes_along() -> None:
    rib = make_rib()
    red = add_vrf(rib, "red", RD_A, [RT_A], [RT_B])
    blue = add_vrf(rib, "blue", RD_B, [RT_B], [])
    local = Source(SourceKind.LOCAL, "local", vrf="red")
    rib.add_source(local)
    rib.announce(local, VPN4, red.export(with_targets()), [RD_A + NET], 5.0)
    rib.announce(PE, VPN4, with_targets(RT_A), [RD_PE + OTHER], 5.0)
    told: list[tuple[str, list[tuple[bytes, Path | None]]]] = []
    rib.subscribe_unicast(lambda vrf, _, changes: told.append((vrf, [*changes.items()])))
    assert shown(blue) == [("local", RD_A)]
    drive(rib.remove_vrf("red"))
    assert list(rib.vrfs) == ["blue"]
    assert shown(blue) == []
    assert sorted(told) == [
        ("blue", [(NET, None)]),
        ("red", [(OTHER, None)]),
        ("red", [(NET, None)]),
    ]
    assert [nlri[:RD_OCTETS] for nlri, _ in _entries(rib)] == [RD_PE]
    again = add_vrf(rib, "red", RD_A, [RT_A], [])
    assert shown(again, OTHER) == [("192.0.2.9", RD_PE)]


def _entries(rib: Rib) -> list[tuple[bytes, object]]:
    return [entry for entries in rib.tables[VPN4].routes.slices() for entry in entries]


# --- a naive model -----------------------------------------------------------------------------

NAMES = ("red", "blue")
TARGETS = (RT_A, RT_B, RT_C)
OPERATIONS = st.one_of(
    st.tuples(
        st.just("announce"),
        st.sampled_from(("pe1", "pe2", "red", "blue")),
        st.sampled_from((RD_PE, RD_A, RD_B)),
        st.sampled_from((NET, OTHER)),
        st.sets(st.sampled_from(TARGETS), max_size=2),
        st.integers(0, 3),
    ),
    st.tuples(
        st.just("withdraw"),
        st.sampled_from(("pe1", "pe2", "red", "blue")),
        st.sampled_from((RD_PE, RD_A, RD_B)),
        st.sampled_from((NET, OTHER)),
    ),
    st.tuples(
        st.just("vrf"), st.sampled_from(NAMES), st.sets(st.sampled_from(TARGETS), max_size=2)
    ),
    st.tuples(st.just("no vrf"), st.sampled_from(NAMES)),
    st.tuples(st.just("peer goes"), st.sampled_from(("pe1", "pe2"))),
)
RD_OF = {"red": RD_A, "blue": RD_B}


class World:
    """A RIB and what should be in its VRFs, worked out from the VPN table anew each time."""

    def __init__(self) -> None:
        self.rib = Rib((V4, V6, VPN4, VPN6))
        self.sources: dict[str, Source] = {}
        self.told: dict[tuple[str, bytes], Path | None] = {}
        self.rib.subscribe_unicast(self._note)

    def _note(self, vrf: str, _: Family, changes: BestChanges) -> None:
        self.told.update({(vrf, nlri): path for nlri, path in changes.items()})

    def source(self, name: str) -> Source | None:
        if name in NAMES and name not in self.rib.vrfs:
            return None
        if name not in self.sources:
            vrf = name if name in NAMES else ""
            self.sources[name] = Source(SourceKind.PEER, name, router_id=name.encode()[:4], vrf=vrf)
            self.rib.add_source(self.sources[name])
        return self.sources[name]

    def act(self, operation: tuple[object, ...]) -> None:
        match operation:
            case ("announce", str(name), bytes(rd), bytes(nlri), set(targets), int(med)):
                source = self.source(name)
                if source is not None:
                    attributes = with_targets(*sorted(targets), med=med)
                    rd = RD_OF.get(name, rd)
                    self.rib.announce(source, VPN4, attributes, [rd + nlri], 1.0)
            case ("withdraw", str(name), bytes(rd), bytes(nlri)):
                source = self.source(name)
                if source is not None:
                    self.rib.withdraw(source, VPN4, [RD_OF.get(name, rd) + nlri])
            case ("vrf", str(name), set(targets)) if name not in self.rib.vrfs:
                add_vrf(self.rib, name, RD_OF[name], sorted(targets), [])
            case ("no vrf", str(name)) if name in self.rib.vrfs:
                drive(self.rib.remove_vrf(name))
                self.sources.pop(name, None)
            case ("peer goes", str(name)) if name in self.sources:
                drive(self.rib.remove_source(self.sources.pop(name)))

    def check(self) -> None:
        for vrf in self.rib.vrfs.values():
            wanted: dict[bytes, set[tuple[str, bytes, int | None]]] = {}
            for key, held in _entries(self.rib):
                for path in held if isinstance(held, tuple) else (held,):
                    assert isinstance(path, Path)
                    targets = set(path.attributes.extended_communities)
                    is_ours = path.source.vrf == vrf.name
                    if is_ours or targets & set(vrf.settings.import_rts):
                        fact = (path.source.name, key[:RD_OCTETS], path.attributes.med)
                        wanted.setdefault(key[RD_OCTETS:], set()).add(fact)
            found = {
                nlri: {
                    (path.source.name, path.source.rd, path.attributes.med)
                    for path in vrf.tables[V4].find(nlri)
                }
                for nlri in (NET, OTHER)
            }
            assert {nlri: facts for nlri, facts in found.items() if facts} == wanted
            for nlri in (NET, OTHER):
                assert self.told.get((vrf.name, nlri)) is vrf.tables[V4].find_best(nlri)
        for name in NAMES:
            if name not in self.rib.vrfs:
                assert all(self.told.get((name, nlri)) is None for nlri in (NET, OTHER))


@settings(max_examples=150, deadline=None)
@given(st.lists(OPERATIONS, max_size=25))
def test_vrfs_hold_what_the_model_says(operations: list[tuple[object, ...]]) -> None:
    world = World()
    for operation in operations:
        world.act(operation)
        world.check()
