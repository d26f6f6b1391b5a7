"""Other services' wire formats, so that their callers change a URL and nothing else: one file a caller.

Each file keeps its caller's shapes and habits of error; what is graded or run goes through the same rooms as
/v1/grade. `body` reads a request, `label` finds out what to judge, `text` takes a chat's markers off, `rows` grades,
`runs` runs a program as it is. Nothing here knows a component or a grader.
"""

from fastapi import APIRouter

from app.compat import eval_protocol, llamafactory, nemo_gym, open_instruct, openrlhf, piston, sandbox_fusion, slime

router = APIRouter(tags=["compat"])
for caller in (openrlhf, slime, llamafactory, sandbox_fusion, nemo_gym, open_instruct, piston, eval_protocol):
    router.include_router(caller.router)
