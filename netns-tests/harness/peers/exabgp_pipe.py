"""What ExaBGP runs beside itself: its events into a file, commands from a pipe to it.

Usage: exabgp_pipe.py COMMANDS EVENTS.  COMMANDS is a named pipe, one command a line.  Ends when
ExaBGP does.
"""

import os
import select
import sys
from pathlib import Path

commands = os.open(sys.argv[1], os.O_RDWR)  # for writing, too: so it never looks closed
with Path(sys.argv[2]).open("ab", buffering=0) as events:
    while True:
        readable, _, _ = select.select([0, commands], [], [])
        if commands in readable:
            os.write(1, os.read(commands, 4096))
        if 0 in readable:
            octets = os.read(0, 65536)
            if not octets:
                break
            events.write(octets)
