"""A dictionary in parts: everything a dictionary does, and walks while it changes."""

from hypothesis import given
from hypothesis import strategies as st

from gobgp_trio.rib.shards import Shards

# Keys of the first part, the second and the last.
KEYS = [bytes((24, 10, number, last)) for last in (0x00, 0x10, 0xFF) for number in range(4)]


def fill(keys: list[bytes]) -> Shards[int]:
    shards: Shards[int] = Shards()
    for value, key in enumerate(keys, 1):
        shards[key] = value
    return shards


def test_keys_are_spread_by_their_last_octet_over_parts_of_growing_size() -> None:
    shards = fill([bytes((24, 10, 0, last)) for last in range(256)])

    assert [len(part) for part in shards.parts] == [16, 16, 17, 18, 19, 21, 21, 23, 24, 26, 27, 28]
    assert len(fill([b"\0", b"\x08\x0a"])) == 2  # the default route has one octet


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(KEYS), st.integers(1, 9))))
def test_it_is_a_dictionary(events: list[tuple[bool, bytes, int]]) -> None:
    shards: Shards[int] = Shards()
    plain: dict[bytes, int] = {}
    for is_set, key, value in events:
        if is_set:
            shards[key] = plain[key] = value
        else:
            assert shards.pop(key) == plain.pop(key, None)
    assert len(shards) == len(plain)
    assert {key: shards.get(key) for key in KEYS} == {key: plain.get(key) for key in KEYS}
    assert [key in shards for key in KEYS] == [key in plain for key in KEYS]
    assert dict(entry for entries in shards.slices(2) for entry in entries) == plain


def test_a_popped_slice_crosses_parts_and_has_at_most_its_count() -> None:
    shards = fill(KEYS)

    assert [len(shards.pop_slice(5)) for _ in range(4)] == [5, 5, 2, 0]
    assert len(shards) == 0


def test_slices_take_what_changes_meanwhile() -> None:
    shards = fill(KEYS[:8])
    slices = shards.slices(3)

    assert next(slices) == [(KEYS[0], 1), (KEYS[1], 2), (KEYS[2], 3)]
    shards.pop(KEYS[3])
    shards[KEYS[4]] = 50
    shards.pop(KEYS[5])
    shards[KEYS[9]] = 9
    assert list(slices) == [[(KEYS[4], 50), (KEYS[6], 7)], [(KEYS[7], 8), (KEYS[9], 9)]]
