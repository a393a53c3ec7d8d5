"""A durable local queue: JSON lines on disk, drained to the server in the background, in order."""

from .settings import Spool
from .spooler import Spooler
from .status import Status

__all__ = ["Spool", "Spooler", "Status"]
