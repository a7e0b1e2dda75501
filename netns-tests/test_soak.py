"""A few seconds of the soak: nothing of flaps, reloads and clients that vanish is left."""

import pytest

from scripts.soak_lib.__main__ import main


def test_a_short_soak_leaves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--minutes", "0.15"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "everything is as before"
    (downs,) = (line for line in lines if line.startswith("sessions that went down"))
    assert int(downs.split()[-1]) >= 1  # how many more, the machine decides
