"""What a declared undo says of itself: how long it may take, how it is read back, what it needs."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from pydantic import Field, ValidationError, model_validator

from gameday.errors import FaultError
from gameday.experiment.blocks import Block, Duration
from gameday.terms import WITHIN_S, Terms

Dictionary = dict[str, Any]


class UndoTerms(Block):
    """How a declared undo is played; beside these keys it is an activity."""

    within: Duration = Field(WITHIN_S, description="How long an attempt may take, its `verify` included.")
    verify: Dictionary | None = Field(
        None, description="The probe that reads it back: `provider` and `tolerance`."
    )
    poll: Duration | None = Field(None, description="How often `verify` is asked until it holds; else once.")
    settles: bool = Field(False, description="Whether others may begin while `verify` is polled.")
    needs: list[str] = Field(
        default_factory=list, description="Environment variables by name, files by absolute path."
    )

    @model_validator(mode="after")
    def _can_be_kept(self) -> UndoTerms:
        if self.verify is not None and not {"provider", "tolerance"} <= set(self.verify):
            raise ValueError("verify is a probe; write for example verify: {provider: …, tolerance: true}")
        if self.poll is not None and self.verify is None:
            raise ValueError("poll says how often to verify, and nothing does; write verify: as well")
        try:
            self.terms()
        except FaultError as error:
            raise ValueError(str(error)) from None
        return self

    def terms(self) -> Terms:
        """The terms that they are. Raises FaultError when nobody could keep them."""
        return Terms.agreed(self.within, self.poll, self.needs, settles=self.settles)


KEYS = tuple(UndoTerms.model_fields)


def terms_of(undo: Dictionary) -> UndoTerms:
    """What an undo says of itself. Raises ValidationError when it makes no sense."""
    return UndoTerms.model_validate({key: value for key, value in undo.items() if key in KEYS})


def undo_s(activity: Dictionary) -> float:
    """How many seconds an attempt at the undo of an activity may take; 0 when it declares none."""
    undo = activity.get("undo")
    if isinstance(undo, dict):
        with suppress(ValidationError):
            return terms_of(undo).within
    return 0.0


def activity_of(undo: Dictionary) -> Dictionary:
    """The undo without that: what Chaos Toolkit plays."""
    return {key: value for key, value in undo.items() if key not in KEYS}
