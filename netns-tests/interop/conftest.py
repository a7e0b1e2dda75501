"""The scene of these tests, made once, and what is kept of each test for the table."""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from harness.namespace import Lab
from interop.matrix import PEERS, Cell
from interop.scene import Place, Scene, Spot

SHOWN_LINES = 40
Key = pytest.StashKey[set[Cell]]
FAILED_CELLS: Key = Key()
PASSED_CELLS: Key = Key()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-interop-table", action="store_true", help="put this run into docs/interop.md"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "interop_row(row): fills this row of docs/interop.md")
    config.stash[PASSED_CELLS] = set()
    config.stash[FAILED_CELLS] = set()


@pytest.hookimpl(tryfirst=True)  # before the processes sort tests by their groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process runs all of them, in order: they share the scene, and the table comes last."""
    folder = Path(__file__).parent
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("interop"))


@pytest.fixture(scope="session", autouse=True)
def peers_are_installed() -> None:
    """A missing peer is a failure of every test, as in all of these tests."""
    for peer in PEERS.values():
        if not peer.binary.exists():
            pytest.fail(f"{peer.binary} is missing")


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """All peers, started; in the end our daemon must stop as it should."""
    with Lab(tmp_path_factory.mktemp("interop")) as lab:
        made = Scene(lab)
        yield made
        made.daemon.stop()


@pytest.fixture
def spot(kind: str, place: Place) -> Spot:
    """The peer that a test is about, by its parameters."""
    return Spot(kind, place)


@pytest.fixture
def passed_cells(request: pytest.FixtureRequest) -> set[Cell]:
    """The cells whose tests have all passed up to now."""
    stash = request.config.stash
    passed, failed = stash[PASSED_CELLS], stash[FAILED_CELLS]
    return passed - failed


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Notes the cell; a failure shows the logs of the peer that the test was about."""
    report = yield
    mark = item.get_closest_marker("interop_row")
    arguments = getattr(item, "funcargs", {})
    kind = arguments.get("kind")
    if mark is not None and kind is not None and (report.when == "call" or report.failed):
        cells = item.config.stash[PASSED_CELLS if report.passed else FAILED_CELLS]
        cells.add((mark.args[0], kind))
    spot, scene = arguments.get("spot"), arguments.get("scene")
    if report.failed and isinstance(spot, Spot) and isinstance(scene, Scene):
        for file in scene.logs_of(spot):
            if file.is_file():
                lines = file.read_text(errors="replace").splitlines()[-SHOWN_LINES:]
                report.sections.append((file.name, "\n".join(lines)))
    return report
