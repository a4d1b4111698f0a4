"""What the engine logs, to standard error: its log in the run's folder, once it is clean of secrets."""

from __future__ import annotations

import json
import logging

TEXT = "%(asctime)s %(levelname)s %(message)s"


class AsJson(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        told = {
            "asctime": self.formatTime(record),
            "levelname": record.levelname,
            "module": record.module,
            "lineno": record.lineno,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["exc_info"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False, default=str)


def begin(level: str, form: str) -> None:
    """Log from this level on, such as `info`. form: `string` or `json`."""
    handler = logging.StreamHandler()
    handler.setFormatter(AsJson() if form == "json" else logging.Formatter(TEXT))
    logging.basicConfig(level=level.upper(), handlers=[handler])
