"""Whether the entries of an audit still hang together, and where they do not."""

from dataclasses import dataclass

from sqlalchemy import Row
from sqlmodel import Session, col, select

from models.audit import AuditEntry, AuditHead, digest_of
from models.store import table_of

_entries = table_of(AuditEntry)
AT_ONCE = 1000


@dataclass(frozen=True)
class Finding:
    """What is wrong with an entry: changed, missing, or beyond the end."""

    seq: int
    what: str


@dataclass(frozen=True)
class Chain:
    """A community's audit as it was looked through; `digest` is its last, to be kept elsewhere."""

    community_id: int
    seq: int
    digest: str
    findings: tuple[Finding, ...]


def check_audit(db: Session, community_id: int) -> Chain:
    """Look through every entry of a community; the session sees one moment of the store throughout."""
    head = db.exec(select(AuditHead).where(col(AuditHead.community_id) == community_id)).first()
    last, sealed = (head.seq, head.digest) if head else (0, "")
    seq, digest, findings = 0, "", list[Finding]()
    while page := _after(db, community_id, seq):
        for row in page:
            if row.seq != seq + 1:
                findings.append(Finding(seq + 1, "missing"))
            elif digest_of(dict(row._mapping), digest) != row.digest:
                findings.append(Finding(row.seq, "changed"))
            seq, digest = row.seq, row.digest
            if seq == last + 1:
                findings.append(Finding(seq, "beyond the end"))
    if seq < last:
        findings.append(Finding(seq + 1, "missing"))
    if seq == last and digest != sealed:
        findings.append(Finding(seq, "changed"))
    return Chain(community_id, last, sealed, tuple(findings))


def digest_at(db: Session, community_id: int, seq: int) -> str | None:
    """The digest of one entry; None where there is none."""
    this = select(AuditEntry.digest).where(AuditEntry.community_id == community_id, AuditEntry.seq == seq)
    return db.exec(this).first()


def _after(db: Session, community_id: int, seq: int) -> list[Row[tuple[object, ...]]]:
    here = _entries.select().where(_entries.c.community_id == community_id, _entries.c.seq > seq)
    return list(db.connection().execute(here.order_by(_entries.c.seq).limit(AT_ONCE)))
