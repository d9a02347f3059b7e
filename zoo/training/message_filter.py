"""A filter for messages of Lightning that need no action."""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def filter_messages() -> Iterator[None]:
    """Suppress Lightning's warnings about intended behavior, and its tips, within the context."""
    logger = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    logger.addFilter(is_not_tip)
    before, threading.excepthook = threading.excepthook, report_unless_disk
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*exists and is not empty")
        warnings.filterwarnings("ignore", ".*have no `validation_step`")  # GANs have none
        warnings.filterwarnings("ignore", ".*does not have many workers")  # slices of one array
        warnings.filterwarnings("ignore", ".*no pre-optimization state")  # hooks run after the step
        warnings.filterwarnings("ignore", ".*LeafSpec.*")
        warnings.filterwarnings("ignore", module="lightning.pytorch.cli")  # its own calls
        try:
            yield
        finally:
            logger.removeFilter(is_not_tip)
            threading.excepthook = before


def report_unless_disk(args: threading.ExceptHookArgs) -> None:
    """A `threading.excepthook` without OSErrors of loggers, which the training also raises."""
    if not isinstance(args.exc_value, OSError):
        threading.__excepthook__(args)


def is_not_tip(record: logging.LogRecord) -> bool:
    """Whether a log record is not one of Lightning's tips."""
    return "Tip:" not in record.getMessage()
