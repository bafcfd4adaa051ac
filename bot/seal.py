"""What is secret and must be kept in the store: sealed with a key that lies in a file beside it."""

import logging
import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr

log = logging.getLogger(__name__)
REMEDY = "put the right key back, or add again what was sealed with it"


class BadKey(ValueError):
    """The key is missing, is none, or is not the one it was sealed with; the message says what to do."""


class Unreadable(ValueError):
    """A file that holds secrets cannot be read; the message says why."""


def seal(secret: SecretStr, key_file: Path) -> str:
    """Sealed for the store; the key is made if there is none yet. Raises BadKey."""
    if not key_file.exists():
        _make_key(key_file)
    return _key(key_file).encrypt(secret.get_secret_value().encode()).decode()


def unseal(sealed: str, key_file: Path) -> SecretStr:
    """What was sealed; raises BadKey."""
    try:
        return SecretStr(_key(key_file).decrypt(sealed).decode())
    except InvalidToken:
        raise BadKey(f"{key_file} is not the key this was sealed with: {REMEDY}") from None


def is_private(file: Path) -> bool:
    """Whether nobody but its owner and their group may read it."""
    return file.stat().st_mode & 0o007 == 0


def read_private(file: Path) -> str:
    """A file that holds secrets; raises Unreadable. The log has a warning where anybody may read it."""
    try:
        if not is_private(file):
            log.warning("%s holds secrets and anybody may read it: chmod 600 %s", file, file)
        return file.read_text("utf-8")
    except OSError as failure:
        raise Unreadable(failure.strerror or type(failure).__name__) from None
    except UnicodeDecodeError:
        raise Unreadable("it is not written in UTF-8") from None


def _key(file: Path) -> Fernet:
    try:
        return Fernet(file.read_bytes().strip())
    except OSError as failure:
        raise BadKey(f"the key {file} cannot be read: {failure.strerror}: {REMEDY}") from None
    except ValueError:
        raise BadKey(f"{file} holds no key: {REMEDY}") from None


def _make_key(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(Fernet.generate_key())
            out.flush()
            os.fsync(out.fileno())  # before anything is sealed with it
    except OSError as failure:
        raise BadKey(f"the key {file} cannot be made: {failure.strerror}") from None
