"""Who can be chosen on the console: readers with their tokens, and patients, from a file the demonstration writes."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Reader(_Part):
    """A persona: its name, who it is in words, and its token."""

    name: str
    title_fr: str
    title_en: str
    token: SecretStr


class Patient(_Part):
    """A sample patient: its short name, and its INS as system and value."""

    name: str
    system: str
    value: str


class Cast(_Part):
    """``mailbox``: where the embedded mailboxes are shown, empty where there is none."""

    readers: tuple[Reader, ...]
    patients: tuple[Patient, ...]
    mailbox: str = ""

    @classmethod
    def read(cls, file: Path) -> Cast:
        """Read the file. Raises ValueError when it is not there or not of this form; it quotes no token."""
        try:
            return cls.model_validate_json(file.read_bytes())
        except (OSError, ValidationError) as error:
            raise ValueError(f"the console's file cannot be read: {type(error).__name__}") from None

    def reader(self, name: str) -> Reader | None:
        """The reader of a name."""
        return next((reader for reader in self.readers if reader.name == name), None)

    def patient(self, name: str) -> Patient | None:
        """The patient of a short name."""
        return next((patient for patient in self.patients if patient.name == name), None)
