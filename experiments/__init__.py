"""Binaries, a page each, and their configs."""

import signal
import sys

if sys.argv[:1] == ['-m']:
  # A binary is being started: until its launcher takes over, Ctrl-C ends it as
  # SIGTERM does, without a traceback through half an import.
  signal.signal(signal.SIGINT, signal.SIG_DFL)
