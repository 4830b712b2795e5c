"""``greenlight ledger`` and ``greenlight witness``: the ledger as a transparency log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from greenlight.cli.answer import Answer, Fault
from greenlight.cli.commands.log import entries as entry_lines
from greenlight.cli.exit_codes import Exit
from greenlight.cli.outputs import write_output
from greenlight.cli.surroundings import clock, signer_of, store_of
from greenlight.cli.upkeep import written_store
from greenlight.cli.values import Values
from greenlight.cli.verdicts import finding_lines
from greenlight.codes import Code
from greenlight.errors import MalformedError, UsageError
from greenlight.model.checkpoint import Checkpoint
from greenlight.model.head import Head
from greenlight.primitives.limits import MAX_NOTE_BYTES
from greenlight.services.checkpointing import cosign as cosign_checkpoint
from greenlight.services.checkpointing import make_checkpoint, read_checkpoint
from greenlight.services.initialising import require_store
from greenlight.services.ledgers import (
    Asked,
    LedgerVerdict,
    inclusion_receipt,
    prove_consistency,
    prove_inclusion,
    show_record,
    statement_of,
    verify_ledger,
)
from greenlight.services.reading import read_bounded


def log(arguments: Values) -> Answer:
    """List the entries, newest first."""
    return entry_lines(arguments)


def show(arguments: Values) -> Answer:
    """Show a record."""
    with store_of(arguments) as store:
        require_store(store)
        shown = show_record(store, arguments.record)
    data = shown.to_dict()
    body = json.dumps(data["body"], indent=2, ensure_ascii=False, sort_keys=True)
    lines = [
        f"record {data['index']}  {data['kind'] or '?'}  {data['time']}",
        f"  uuid      {data['uuid']}",
        f"  actor     {data['actor']}",
        f"  leaf      {data['leaf']}",
    ]
    if shown.entry is not None:
        lines += [f"  claim     {claim}" for claim in shown.entry.claims]
    if shown.void is not None:
        lines.append(f"  VOID      {shown.void.code}: {shown.void.reason}")
    lines += [f"  {line}" for line in body.splitlines()]
    return Answer(data, tuple(lines))


def verify(arguments: Values) -> Answer:
    """Verify the ledger: exit 1 where it is too short, 2 where its integrity is broken."""
    asked = Asked(
        least=arguments.min or 1,
        since=_since(arguments.since) if arguments.since else None,
        checkpoint=read_checkpoint(arguments.checkpoint) if arguments.checkpoint else None,
        witnesses=arguments.witnesses or 0,
        max_age=timedelta(hours=arguments.max_age) if arguments.max_age else None,
    )
    with store_of(arguments) as store:
        require_store(store)
        verdict = verify_ledger(store, asked, clock=clock)
    code, fault = Exit.OK, None
    if verdict.findings:
        first = verdict.findings[0]
        code = Exit.CHAIN_BROKEN
        fault = Fault(first.code, f"the ledger is not whole: {len(verdict.findings)} findings")
    elif verdict.too_short:
        code = Exit.REJECTED
        fault = Fault(
            Code.LEDGER_TOO_SHORT,
            f"{verdict.head.size} entries, and {asked.least} were asked for",
        )
    return Answer(verdict.to_dict(), tuple(_verdict_lines(verdict)), exit=code, fault=fault)


def _verdict_lines(verdict: LedgerVerdict) -> Iterator[str]:
    word = "BROKEN" if verdict.findings else "INTACT"
    yield f"{word}  {verdict.head.size} entries of {verdict.head.origin}"
    yield f"  root         {verdict.head.root.hex()}"
    yield f"  verified     {verdict.verified} records now"
    yield f"  breaks       {verdict.breaks}"
    yield f"  order        {verdict.order}"
    yield f"  collisions   {verdict.collisions}"
    yield f"  void         {len(verdict.voids)}"
    yield f"  checkpoints  {verdict.checkpoints}"
    yield from finding_lines(verdict.findings)


def _since(path: Path) -> Checkpoint | Head:
    """Read a checkpoint that was verified before, or an unsigned head that one remembered."""
    data = read_bounded(path, MAX_NOTE_BYTES)
    try:
        return Head.decode(data)
    except MalformedError:
        return read_checkpoint(path)


def prove(arguments: Values) -> Answer:
    """Prove that a record is in the ledger, or that an older ledger is."""
    if (arguments.consistency is None) == (arguments.record is None):
        raise UsageError(Code.USAGE, "name either a record, or --consistency with a size or file")
    with store_of(arguments) as store:
        require_store(store)
        if arguments.consistency is not None:
            old, head, proof = prove_consistency(store, _old(arguments.consistency))
            data = {
                "origin": head.origin,
                "old_size": old.size,
                "old_root": old.root.hex(),
                "size": head.size,
                "root": head.root.hex(),
                "proof": [each.hex() for each in proof],
            }
            lines = (
                f"consistent  {old.size} records are the first of {head.size}",
                *(f"  {each.hex()}" for each in proof),
            )
            return Answer(data, lines)
        proven = prove_inclusion(store, arguments.record, arguments.size)
        if arguments.receipt or arguments.statement:
            receipt = inclusion_receipt(store, signer_of(arguments), proven)
            if arguments.receipt:
                write_output(arguments.receipt, receipt)
            if arguments.statement:
                write_output(arguments.statement, statement_of(proven, receipt))
        if arguments.leaf:
            write_output(arguments.leaf, proven.record)
    lines = (
        f"included  record {proven.index} of {proven.head.size}",
        f"  root  {proven.head.root.hex()}",
        *(f"  {each.hex()}" for each in proven.proof),
    )
    return Answer(proven.to_dict(), lines)


def _old(text: str) -> Head | int:
    if text.isascii() and text.isdigit() and len(text) < 19:  # noqa: PLR2004 - digits of an int64
        return int(text)
    found = _since(Path(text))
    return found.head if isinstance(found, Checkpoint) else found


def checkpoint(arguments: Values) -> Answer:
    """Sign the ledger as it is."""
    with written_store(arguments) as store:
        require_store(store)
        made = make_checkpoint(store, signer_of(arguments), clock=clock)
        if arguments.out:
            write_output(arguments.out, made.checkpoint.encode())
    head = made.checkpoint.head
    data = {
        "origin": head.origin,
        "size": head.size,
        "root": head.root.hex(),
        "record": made.record,
        "checkpoint": made.checkpoint.encode().decode("utf-8"),
    }
    lines = (f"signed  {head.size} records, root {head.root.hex()}", f"  record  {made.record}")
    return Answer(data, lines)


def export(arguments: Values) -> Answer:
    """Export the ledger as tiles."""
    from greenlight.services.tiles import export_tiles  # noqa: PLC0415 - fsspec takes a while

    with store_of(arguments) as store:
        require_store(store)
        done = export_tiles(store, arguments.url)
    head = done.checkpoint.head
    data = {
        "url": done.url,
        "size": head.size,
        "root": head.root.hex(),
        "written": done.written,
        "there": done.there,
    }
    lines = (
        f"exported  {head.size} records to {done.url}",
        f"  tiles  {done.written} written, {done.there} were there",
    )
    return Answer(data, lines)


def cosign(arguments: Values) -> Answer:
    """Cosign a checkpoint as a witness."""
    given = read_checkpoint(arguments.checkpoint)
    with store_of(arguments) as store:
        require_store(store)
        done = cosign_checkpoint(
            store, signer_of(arguments), given, folder=arguments.state, clock=clock
        )
    encoded = done.checkpoint.encode()
    if arguments.out:
        write_output(arguments.out, encoded)
    head, before = done.checkpoint.head, done.before
    data = {
        "origin": head.origin,
        "size": head.size,
        "root": head.root.hex(),
        "seen_before": None if before is None else before.size,
        "checkpoint": encoded.decode("utf-8"),
    }
    seen = "nothing before" if before is None else f"it goes on from {before.size} records"
    if arguments.out:
        return Answer(data, (f"cosigned  {head.size} records; {seen}",))
    return Answer(data, tuple(encoded.decode("utf-8").splitlines()))
