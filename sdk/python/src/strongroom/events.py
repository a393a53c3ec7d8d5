"""Events: what a producer submits. The rules are the server's; see the page on the event format.

A member that is `None` is left out. An event may also be any mapping with the members' names, which is sent as it is.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Dict, Mapping, Optional, Sequence, Union

STREAMS = ("audit", "discovery", "tool")

Label = Union[str, int]
Time = Union[datetime, str]


@dataclass(frozen=True)
class Actor:
    """Who did it. `type` is `user`, `service`, `agent`, `system` or `anonymous`; the last two need no `id`."""

    type: str
    id: Optional[str] = None
    name: Optional[str] = None
    email: Optional[str] = None
    ip: Optional[str] = None
    user_agent: Optional[str] = None
    auth_method: Optional[str] = None
    credential_id: Optional[str] = None


@dataclass(frozen=True)
class Target:
    """What it was done to."""

    type: str
    id: str
    name: Optional[str] = None


@dataclass(frozen=True)
class ErrorDetails:
    """Why it did not succeed; only beside the outcomes `failure` and `denied`."""

    code: Optional[Label] = None
    message: Optional[str] = None
    status: Optional[Label] = None


@dataclass(frozen=True)
class Event:
    """One event. `stream` is `audit`, `discovery` or `tool`, and decides which of the later members are taken.

    `outcome` (`success`, `failure`, `denied`, `unknown`) is required, but for an operation that begins. `event_id` and
    `occurred_at` are filled in when they are absent: a new UUID version 7, and the present moment.
    """

    stream: str
    tenant: str
    actor: Union[Actor, Mapping[str, Any]]
    action: str
    outcome: Optional[str] = None
    target: Union[Target, Mapping[str, Any], None] = None
    event_id: Optional[str] = None
    occurred_at: Optional[Time] = None
    error: Union[ErrorDetails, Mapping[str, Any], None] = None
    source: Optional[str] = None
    external_id: Optional[str] = None
    request_id: Optional[str] = None
    trace_id: Optional[str] = None
    evidence: Optional[str] = None
    retention_until: Optional[Time] = None
    metadata: Optional[Mapping[str, Any]] = None
    # audit
    changes: Optional[Mapping[str, Any]] = None
    # discovery
    conversation_id: Optional[str] = None
    message_id: Optional[str] = None
    parent_message_id: Optional[str] = None
    message_role: Optional[str] = None
    message_version: Optional[Label] = None
    content: Union[str, Mapping[str, Any], Sequence[Any], None] = None
    attachments: Optional[Sequence[Mapping[str, Any]]] = None
    model: Optional[Mapping[str, Any]] = None
    tool_call: Optional[Mapping[str, Any]] = None
    resume_id: Optional[str] = None
    # tool
    tool: Optional[str] = None
    duration_ms: Union[int, float, None] = None
    in_size: Optional[int] = None
    out_size: Optional[int] = None
    input_hash: Optional[str] = None
    graph_run_id: Optional[str] = None
    graph_node: Optional[str] = None
    job_id: Optional[str] = None


EventLike = Union[Event, Mapping[str, Any]]


def members(event: EventLike) -> Dict[str, Any]:
    """The event's members as a dictionary of its own, which may be changed."""
    if isinstance(event, Event):
        return _present(event)
    if isinstance(event, Mapping):
        return {name: plain(value) for name, value in event.items()}
    raise TypeError("an event is a strongroom.Event or a mapping of its members")


def _present(value: Union[Event, Actor, Target, ErrorDetails]) -> Dict[str, Any]:
    found = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
    return {name: plain(member) for name, member in found if member is not None}


def plain(value: Any) -> Any:
    """One of our own classes as a dictionary; anything else as it is."""
    return _present(value) if isinstance(value, (Actor, Target, ErrorDetails)) else value
