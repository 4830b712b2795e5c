"""Every limit on input, each with its number and its reason.

What comes from outside is measured before it is parsed, so that hostile bytes
cost the reader no more than their own length.  A limit is part of format
version 1: what one greenlight seals, another must be able to read.
"""

from __future__ import annotations

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB

# Paths inside a packet (docs/spec/packet.md)
MAX_SEGMENT_BYTES: Final = 255  # NAME_MAX of ext4, XFS, APFS and NTFS: no file could hold more
MAX_PATH_BYTES: Final = 4096  # PATH_MAX of Linux; Git's fsck warns above it
MAX_PATH_DEPTH: Final = 32  # real packets have four; a walk needs no stack beyond this

# Packets
MAX_PACKET_FILES: Final = 100_000  # ten times the largest measured workload
MAX_PACKET_BYTES: Final = 64 * GIB  # evidence, not a disk image; 40 s to hash at 1.75 GB/s
MAX_FILE_BYTES: Final = 4 * GIB - 1  # what a Git pack entry and FAT hold without extensions
MAX_DOCUMENT_BYTES: Final = 16 * MIB  # a snapshot of 10,000 files takes 2.4 MiB
MAX_MANIFEST_BYTES: Final = 64 * MIB  # MAX_PACKET_FILES lines with paths of 600 bytes
MAX_TEXT_BYTES: Final = 512 * MIB  # all of a packet that is parsed: 22 documents, two lists
MAX_LINEAGE: Final = 1024  # packets that one packet depends on; 001 has two

# The seal
MAX_STATEMENT_BYTES: Final = 128 * KIB  # MAX_LINEAGE trees of 73 bytes, and eleven short values
MAX_SEAL_BYTES: Final = 4 * KIB  # detached Ed25519: under 400 bytes; leaves room for text lengths
MAX_PUBLIC_KEY_BYTES: Final = 1 * KIB  # one OpenSSH line with a comment
MAX_POST_QUANTUM_PUBLIC_BYTES: Final = 4 * KIB  # 1,776 characters of base64 and a comment
MAX_PRIVATE_KEY_BYTES: Final = 64 * KIB  # an Ed25519 key file is 0.5 KiB; ssh-agent caps at 256 KiB
MAX_KEY_ROUNDS: Final = 2048  # bcrypt_pbkdf of a key file: 20 s; ssh-keygen writes 16 or 24
MAX_ALLOWED_SIGNERS_BYTES: Final = 1 * MIB  # about 8,000 lines of 120 bytes
MAX_SSHSIG_BYTES: Final = 16 * KIB  # an armoured Ed25519 signature is under 0.4 KiB

# The ledger
MAX_ENTRY_BYTES: Final = 1 * MIB  # an entry names evidence, it does not hold it
MAX_RECORD_BYTES: Final = MAX_ENTRY_BYTES + 4 * KIB  # an entry with its index, links and time
MAX_CLAIMS: Final = 4096  # keys one entry may take; 001 reserves twenty tickets
MAX_FRONTIER_HASHES: Final = 63  # one for each bit of a size that fits int64
MAX_HEAD_BYTES: Final = 256  # origin, at most 19 digits, 44 characters of base64
MAX_NOTE_BYTES: Final = 64 * KIB  # a checkpoint takes 150 bytes, and 200 for each cosignature
MAX_NOTE_SIGNATURES: Final = 100  # what golang.org/x/mod/sumdb/note opens
MAX_RECEIPT_BYTES: Final = 8 * KIB  # an inclusion receipt: 63 hashes, header and signature
MAX_RECORDS_PER_COMMIT: Final = 4096  # so that a tree of records stays under 200 KiB
MAX_ENTRIES_PER_APPEND: Final = 100_000  # held in memory while they are placed: 2.5 KiB each

# Parsers
MAX_JSON_DEPTH: Final = 32  # documents have at most ten; far below Python's recursion limit
MAX_CBOR_DEPTH: Final = 16  # entries have at most five (CVE-2026-26209: nesting exhausts the stack)
MAX_YAML_DEPTH: Final = 32  # as JSON, since a lane is copied into a document
MAX_YAML_NODES: Final = 20_000  # a lane of 500 steps has 10,000; 0.5 s to read
MAX_LANE_PATTERNS: Final = 1024  # compared pair by pair, in a second; the lane of 001 has forty
MAX_LANE_BYTES: Final = 1 * MIB  # written by a person; the lane of 001 takes 20 KiB
MAX_SAFE_INTEGER: Final = 2**53 - 1  # RFC 8259 section 6: what every JSON reader holds exactly
MAX_INT64: Final = 2**63 - 1  # the same for CBOR: no bignums

# Execution
MAX_STEP_OUTPUT_BYTES: Final = GIB  # both streams together, held in memory; a lane may ask less
DEFAULT_STEP_OUTPUT_BYTES: Final = 16 * MIB  # both streams together; what a person may still read
MAX_WORKSPACE_FILES: Final = MAX_PACKET_FILES  # what changed must fit the packet that tells it
MAX_WORKSPACE_BYTES: Final = MAX_PACKET_BYTES  # likewise; a sparse file of an exbibyte ends here
