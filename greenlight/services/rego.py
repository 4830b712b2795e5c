"""Ask a Rego policy: by the ``opa`` executable, or by regopy where that is installed.

Neither comes with greenlight.  The answer is ``data.greenlight.allow``, and only exactly
``true`` is yes: an undefined, a false or any other value is no.
"""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from greenlight.codes import Code
from greenlight.errors import MalformedError, StoreError
from greenlight.primitives.limits import MIB
from greenlight.primitives.text import escape

QUERY: Final = "data.greenlight.allow"
TIMEOUT: Final = 30.0  # seconds: a policy that takes longer decides nothing
_MAX_OUTPUT: Final = MIB
_UNDEFINED: Final = "undefined"  # what regopy prints where there is no answer


def ask(policy: Path, module: bytes, facts: Mapping[str, object]) -> bool:
    """Report whether a Rego policy allows what ``facts`` tell.

    Args:
        policy: The file, for messages.
        module: Its bytes, as they were read once.
        facts: The input document.

    Raises:
        StoreError: TOOL_MISSING: neither evaluator is installed.
        MalformedError: POLICY_MALFORMED: the policy does not evaluate.
    """
    opa = shutil.which("opa")
    if opa is not None:
        return _by_opa(opa, policy, module, facts)
    try:
        regopy = importlib.import_module("regopy")
    except ImportError as error:
        raise StoreError(
            Code.TOOL_MISSING,
            f"{escape(str(policy))} is Rego, and neither opa nor regopy is installed",
            hint="install opa, or regopy, or write the policy as YAML (docs/spec/policy.md)",
        ) from error
    return _by_regopy(regopy, policy, module, facts)


def _by_opa(opa: str, policy: Path, module: bytes, facts: Mapping[str, object]) -> bool:
    import tempfile  # noqa: PLC0415 - for this branch alone

    with tempfile.TemporaryDirectory(prefix="greenlight-") as folder:
        copy = Path(folder) / "policy.rego"  # the bytes that were read and whose digest is kept
        copy.write_bytes(module)
        argv = [opa, "eval", "--format=json", "--stdin-input", "--data", str(copy), QUERY]
        try:
            done = subprocess.run(  # noqa: S603 - the user's own evaluator
                argv,
                input=json.dumps(facts).encode("utf-8"),
                capture_output=True,
                timeout=TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _malformed(policy, f"{type(error).__name__}") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout)[:_MAX_OUTPUT].decode("utf-8", "replace")
        raise _malformed(policy, said)
    try:
        found: Any = json.loads(done.stdout[:_MAX_OUTPUT])
    except ValueError as error:
        raise _malformed(policy, "opa printed no JSON") from error
    return _is_true(found)


def _by_regopy(regopy: Any, policy: Path, module: bytes, facts: Mapping[str, object]) -> bool:
    try:
        interpreter = regopy.Interpreter()
        interpreter.add_module("policy", module.decode("utf-8"))
        interpreter.set_input(facts)
        # Bound to a variable: regopy gives no value at all for a rule that is false.
        said = str(interpreter.query(f"answer = {QUERY}")).strip()
        found: Any = None if said == _UNDEFINED else json.loads(said)
    except Exception as error:
        raise _malformed(policy, str(error)) from error
    # One result is printed by itself; several, or none, are no answer.
    bound = found.get("bindings") if isinstance(found, dict) else None
    return isinstance(bound, dict) and bound.get("answer") is True


def _is_true(found: Any) -> bool:
    rows = found.get("result", []) if isinstance(found, dict) else []
    values = [
        each.get("value")
        for row in rows
        if isinstance(row, dict)
        for each in row.get("expressions", [])
        if isinstance(each, dict)
    ]
    return len(values) == 1 and values[0] is True


def _malformed(policy: Path, said: str) -> MalformedError:
    short = " ".join(said.split())[:300]
    return MalformedError(Code.POLICY_MALFORMED, f"{escape(str(policy))}: {escape(short)}")
