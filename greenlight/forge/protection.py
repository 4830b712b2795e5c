"""Read the live rules of a branch: classic protection, and rulesets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.forge.client import Forge, ForgeError
from greenlight.model.live_rules import CLASSIC, LiveCheck, LiveRules
from greenlight.primitives.text import escape

_NOT_PROTECTED: Final = "Branch not protected"  # in so many words; any other 404 may hide it
_UNSEEN: Final = (Code.FORGE_FORBIDDEN, Code.FORGE_NOT_FOUND)


def read_rules(forge: Forge, repository: str, branch: str) -> LiveRules:
    """Return what guards a branch now.

    Args:
        forge: Whom to ask.
        repository: ``owner/name``.
        branch: Empty for the default branch.

    Raises:
        StoreError: FORGE_…: nothing can be said of it.
    """
    owner, name = repository.split("/")
    if not branch:
        branch = _text(forge.get("repos", owner, name), "default_branch", "the repository")
    unread: list[str] = []
    classic = _classic(forge, owner, name, branch, unread)
    checks = list(_classic_checks(classic))
    force = _enabled(classic, "allow_force_pushes")
    deletions = _enabled(classic, "allow_deletions")
    if classic is None:
        force = deletions = None
    ruled = list(_rules(forge, owner, name, branch))
    kinds = {rule.get("type") for rule in ruled}
    checks += _ruled_checks(forge, owner, name, ruled)
    return LiveRules(
        branch=branch,
        protected=bool(classic) or bool(ruled),
        checks=tuple(checks),
        force_pushes=False if "non_fast_forward" in kinds else _or_open(force, classic, unread),
        deletions=False if "deletion" in kinds else _or_open(deletions, classic, unread),
        unread=tuple(unread),
    )


def _or_open(
    word: bool | None, classic: Mapping[str, Any] | None, unread: list[str]
) -> bool | None:
    """Return whether something is allowed that no rule forbids: where nothing does, it is."""
    if unread:
        return None
    return True if classic is None else word


def _classic(
    forge: Forge, owner: str, name: str, branch: str, unread: list[str]
) -> Mapping[str, Any] | None:
    """Return the classic protection; None where there is none; what is not known goes to unread."""
    try:
        return _object(
            forge.get("repos", owner, name, "branches", branch, "protection"), "protection"
        )
    except StoreError as error:
        said = error.said if isinstance(error, ForgeError) else ""
        if error.code is Code.FORGE_NOT_FOUND and _NOT_PROTECTED in said:
            return None
        if error.code not in _UNSEEN:
            raise
        return _outside(forge, owner, name, branch, unread, error)


def _outside(  # noqa: PLR0913, PLR0917 - a branch, and why it is looked at from outside
    forge: Forge, owner: str, name: str, branch: str, unread: list[str], why: StoreError
) -> Mapping[str, Any] | None:
    """Return what everybody may see of a classic protection, in the same shape.

    Raises:
        StoreError: Not even that.
    """
    seen = _object(forge.get("repos", owner, name, "branches", branch), "branch")
    if seen.get("protected") is False:
        return None
    said = seen.get("protection")
    required = said.get("required_status_checks") if isinstance(said, dict) else None
    if not isinstance(required, dict):
        unread.append(f"branch protection: {why}")
        return {}
    level = required.get("enforcement_level")
    if level == "off":
        return {"required_status_checks": None}
    bound = True if level == "everyone" else False if level == "non_admins" else None
    return {
        "required_status_checks": required,
        "enforce_admins": None if bound is None else {"enabled": bound},
        "allow_force_pushes": None,
        "allow_deletions": None,
    }


def _classic_checks(classic: Mapping[str, Any] | None) -> Iterator[LiveCheck]:
    required = None if classic is None else classic.get("required_status_checks")
    if not isinstance(required, dict):
        return
    admins = _enabled(classic, "enforce_admins")
    apps = {
        _text(row, "context", "required check"): row.get("app_id")
        for row in _list(required.get("checks"), "checks")
    }
    said = _list(required.get("contexts"), "contexts")
    contexts = [each for each in said if not isinstance(each, str) or each not in apps]
    for context in (*contexts, *apps):
        if not isinstance(context, str):
            raise StoreError(Code.FORGE_NOT_JSON, "the forge's contexts are no texts")
        app = apps.get(context)
        yield LiveCheck(context, CLASSIC, app if _is_app(app) else None, admins)


def _rules(forge: Forge, owner: str, name: str, branch: str) -> Iterator[Mapping[str, Any]]:
    """Yield the rules of active rulesets that apply to a branch: the forge leaves out others."""
    for rule in forge.pages("repos", owner, name, "rules", "branches", branch):
        if isinstance(rule, dict):
            yield rule


def _ruled_checks(
    forge: Forge, owner: str, name: str, rules: list[Mapping[str, Any]]
) -> Iterator[LiveCheck]:
    for rule in rules:
        if rule.get("type") != "required_status_checks":
            continue
        parameters = rule.get("parameters")
        rows = parameters.get("required_status_checks") if isinstance(parameters, dict) else None
        title, admins = _ruleset(forge, owner, name, rule.get("ruleset_id"))
        for row in _list(rows, "required checks"):
            context, app = _text(row, "context", "required check"), row.get("integration_id")
            yield LiveCheck(context, title, app if _is_app(app) else None, admins)


def _ruleset(forge: Forge, owner: str, name: str, number: object) -> tuple[str, bool | None]:
    """Return a ruleset's name, and whether nobody may pass it by; None where that is hidden."""
    title = f"ruleset {number}"
    if type(number) is not int:
        return "a ruleset", None
    try:
        seen = _object(
            forge.get("repos", owner, name, "rulesets", str(number), includes_parents="true"),
            "ruleset",
        )
    except StoreError as error:
        if error.code not in _UNSEEN:
            raise
        return title, None
    actors = seen.get("bypass_actors")  # left out for those who may not see it
    bound = not actors if isinstance(actors, list) else None
    shown = seen.get("name")
    return f"ruleset {escape(shown)[:100]}" if isinstance(shown, str) else title, bound


def _enabled(holder: Mapping[str, Any] | None, name: str) -> bool | None:
    """Return a switch of the API, ``{"enabled": true}``; None where it does not say."""
    found = None if holder is None else holder.get(name)
    word = found.get("enabled") if isinstance(found, dict) else found
    return word if isinstance(word, bool) else None


def _is_app(number: object) -> bool:
    return type(number) is int and number > 0  # -1 stands for any


def _list(value: object, what: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list) or any(isinstance(each, list) for each in value):
        raise StoreError(Code.FORGE_NOT_JSON, f"the forge's {what} are no list")
    return value


def _object(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise StoreError(Code.FORGE_NOT_JSON, f"the forge's {what} is no object")
    return value


def _text(value: object, name: str, what: str) -> str:
    found = _object(value, what).get(name)
    if not isinstance(found, str) or not found:
        raise StoreError(Code.FORGE_NOT_JSON, f"the forge's {what} has no {name}")
    return found
