"""What every unit test runs under: one hypothesis profile.

Rule: a property must not fail because the machine is busy, so there is no deadline, and a run on a
build server draws the same examples every time (new ones are found on developers' machines).
"""

import os

from hypothesis import settings

settings.register_profile("default", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("default")
