"""The examples for trainers say what they promise, against the running service.

Those that need their trainer installed (TRL, SkyRL, rLLM) are run by `make interop`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import Service

EXAMPLES = Path(__file__).parents[2] / "examples" / "trainers"
NEED_THEIR_TRAINER = {"trl_grpo", "skyrl_env", "rllm_evaluator"}

SAID = {
    "openrlhf_http": "rewards [1.0], scores [1.0], extra_logs {'accuracy': [1.0], 'invalid': [0.0], 'error': [0.0]}\n",
    "slime_http": "reward 1.0\n",
    "verl_sandbox": "Success, stdout '6\\n'\n",
    "swift_plugin": "[1.0, 0.0, None]\n",
    "areal_reward": "1.0\nrejected: invalid",
    "verifiers_task": "1.0 {'touchstone/accuracy': 1.0, 'touchstone/format': 0.0, 'touchstone/correct': 1.0}\n",
    "verl_reward": "{'score': 1.0, 'acc': 1.0, 'graded': 1.0, 'invalid': 0.0, 'error': 0.0, 'accuracy': 1.0,",
    "nemo_gym_http": "{'reward': 1.0, 'mask_sample': False, 'failure_kind': None}\n{'reward': 0.0, 'mask",
    "open_instruct_http": "{'results': [1, 0], 'runtimes': [",
}


@pytest.mark.parametrize("name", sorted(SAID))
def test_an_example_says_what_it_promises(name: str, service: Service) -> None:
    """Run as its docstring says, in a process of its own."""
    environment = {**os.environ, "TOUCHSTONE_URL": service.url}
    command = [sys.executable, str(EXAMPLES / f"{name}.py")]
    said = subprocess.check_output(command, env=environment, text=True, timeout=60)
    assert said.startswith(SAID[name])


def test_every_example_is_run_somewhere() -> None:
    """One that is added is run here, or named as one that needs its trainer."""
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(SAID) | NEED_THEIR_TRAINER
