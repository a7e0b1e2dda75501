"""``gobgpd``: options, and the tasks of the daemon put together.

Tasks and what passes between them (arrows are synchronous calls unless a queue is named)::

    listeners --connections--> PeerManager --> one Peer each --UPDATEs--> Speaker --> Rib
    Rib --best changes--> coalescing map of each peer --its writer--> peer's socket
    Rib --best changes--> Exporter (dampener, planner --queue of one--> writer) --> kernel
    KernelMonitor --events--> Importer --> Rib
                  --events--> Exporter
    API handlers --> Speaker, PeerManager, Exporter, Importer
    signals --> reload, stop

Nothing here decides about routes.  What a failure takes down is in the modules named; a bug in one
of these tasks ends the process, loudly, and the kernel keeps its routes.
"""

import gc
import sys
from dataclasses import dataclass
from functools import partial

import click
import structlog
import trio
from setproctitle import setproctitle, setthreadtitle

from gobgp_trio.api.bridge.server import ApiAddressError, open_listeners, run_api
from gobgp_trio.api.service.methods import make_methods
from gobgp_trio.config.problems import ConfigError, FileUnreadable
from gobgp_trio.config.schema import Config
from gobgp_trio.config.toml import Loaded, load_config
from gobgp_trio.daemon.daemon import EXIT_API, Daemon, StartRefused
from gobgp_trio.daemon.groups import first_leaf
from gobgp_trio.daemon.logs import LEVELS, configure_logging
from gobgp_trio.version import VERSION

EXIT_CONFIG = 1
EXIT_FILE = 6
DEFAULT_API_HOSTS = "127.0.0.1:50051"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Options:
    """The command line."""

    config_file: str
    api_hosts: tuple[str, ...]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-f", "--config-file", default="", help="configuration file (TOML)")
@click.option(
    "--check", "-d", "--dry-run", "check", is_flag=True, help="check the configuration and exit"
)
@click.option(
    "--api-hosts",
    default=DEFAULT_API_HOSTS,
    show_default=True,
    help="where to serve the gRPC API: HOST:PORT and unix:///PATH, separated by commas",
)
@click.option(
    "-l", "--log-level", type=click.Choice(list(LEVELS)), default="info", show_default=True
)
@click.option("-p", "--log-plain", is_flag=True, help="log text instead of JSON")
@click.version_option(VERSION, prog_name="gobgpd", message="%(prog)s version %(version)s")
def main(config_file: str, check: bool, api_hosts: str, log_level: str, log_plain: bool) -> None:
    """BGP daemon that moves routes between BGP and the Linux kernel."""
    loaded = _load_or_exit(config_file)
    if check:
        for warning in loaded.warnings:
            click.echo(f"warning: {warning}")
        click.echo(f"{config_file or 'no configuration file'}: valid")
        return
    configure_logging(log_level, plain=log_plain)
    _become_gobgpd()
    for warning in loaded.warnings:
        log.warning("configuration", problem=str(warning))
    options = Options(config_file, tuple(host for host in api_hosts.split(",") if host.strip()))
    sys.exit(run(options, loaded.config))


def run(options: Options, config: Config) -> int:
    """Run the daemon to its end; the exit status."""
    _tame_collector()
    daemon = Daemon(config, options.config_file, partial(_start_api, options.api_hosts))
    exit_status = 0
    try:
        trio.run(daemon.run)
    except* StartRefused as refusals:
        refused = first_leaf(refusals)
        assert isinstance(refused, StartRefused)
        click.echo(f"gobgpd: {refused}", err=True)
        exit_status = refused.exit_status
    return exit_status


async def _start_api(hosts: tuple[str, ...], daemon: Daemon, nursery: trio.Nursery) -> None:
    try:
        listeners = open_listeners(hosts)
    except ApiAddressError as refused:
        raise StartRefused(str(refused), EXIT_API) from None
    await nursery.start(run_api, listeners, make_methods(daemon), _log_crash)


def _log_crash(where: str, error: BaseException) -> None:
    log.error("the API failed; this is a bug", where=where, exc_info=error)


def _load_or_exit(config_file: str) -> Loaded:
    if not config_file:
        return Loaded(Config())
    try:
        return load_config(config_file)
    except ConfigError as error:
        for problem in error.problems:
            click.echo(f"gobgpd: {problem}", err=True)
        sys.exit(EXIT_FILE if isinstance(error, FileUnreadable) else EXIT_CONFIG)


def _become_gobgpd() -> None:
    """Be found by ``pidof gobgpd`` and ``ps``, whatever interpreter runs us."""
    setproctitle(" ".join(["gobgpd", *sys.argv[1:]]))
    setthreadtitle("gobgpd")


def _tame_collector() -> None:
    """Keep the cyclic collector off the tables.

    They hold millions of objects and no cycles; walking them all is what a full collection does.
    Young objects are still collected, so few at a time that it takes some ms.  What exists now
    stays for ever: no need to look at it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 4, 1_000_000)
    sys.setswitchinterval(0.001)  # a kernel write that ends must not wait 5 ms for the lock
