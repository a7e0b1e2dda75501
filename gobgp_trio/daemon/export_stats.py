"""What ``gobgp netlink export stats`` shows of the exporter's work."""

from dataclasses import dataclass


@dataclass(slots=True)
class ExportStats:
    """Counters since the daemon started; times in seconds since the epoch, 0 for never.

    Attributes:
        exported_count: routes added and replaced, repairs included.
        withdrawn_count: routes removed, flush included, clean-up at start not.
        errors_count: routes the kernel refused.
        repairs_count: routes of ours that somebody else removed or altered.
        last_error: the kernel's words, or why a next hop did not validate.
    """

    exported_count: int = 0
    withdrawn_count: int = 0
    errors_count: int = 0
    repairs_count: int = 0
    last_export_s: int = 0
    last_withdraw_s: int = 0
    last_error_s: int = 0
    last_error: str = ""

    def on_written(self, exported_count: int, withdrawn_count: int, wall_s: int) -> None:
        """The kernel took routes in or out."""
        if exported_count:
            self.exported_count += exported_count
            self.last_export_s = wall_s
        if withdrawn_count:
            self.withdrawn_count += withdrawn_count
            self.last_withdraw_s = wall_s

    def on_refused(self, count: int, text: str, wall_s: int) -> None:
        """The kernel refused routes."""
        self.errors_count += count
        self.last_error = text
        self.last_error_s = wall_s

    def on_invalid_nexthop(self, text: str, wall_s: int) -> None:
        """A next hop did not validate: worth showing, but no error."""
        self.last_error = text
        self.last_error_s = wall_s
