"""A client of the Touchstone reward service, and the reward functions that RL trainers take.

    tasks ─ dataset columns and labels to what an item is judged against
    client, async_client ─ the two clients; what they share: grade, jobs, retry, wire, settings, results, errors
    adapters ─ one module per trainer, none of which imports its trainer before it is asked to

httpx is all it needs, with sniffio, which httpcore is slow without.
"""

from touchstone_client.async_client import AsyncClient, AsyncJob
from touchstone_client.client import Client, Job
from touchstone_client.errors import BadAnswer, NotGraded, Refused, TouchstoneError, Unavailable
from touchstone_client.grade import Item
from touchstone_client.results import Cause, Component, Graded, JobState, Result, Summary, Verdict
from touchstone_client.retry import Patience
from touchstone_client.select import Choice
from touchstone_client.settings import Settings

__all__ = [
    "AsyncClient",
    "AsyncJob",
    "BadAnswer",
    "Cause",
    "Choice",
    "Client",
    "Component",
    "Graded",
    "Item",
    "Job",
    "JobState",
    "NotGraded",
    "Patience",
    "Refused",
    "Result",
    "Settings",
    "Summary",
    "TouchstoneError",
    "Unavailable",
    "Verdict",
]
