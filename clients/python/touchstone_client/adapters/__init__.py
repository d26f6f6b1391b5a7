"""One module per trainer, each with what that trainer takes as a reward function.

    trl, swift ─ whole batches, awaited ─▶ batch
    verl, verifiers, rllm ─ one sample at a time, awaited ┐
    areal, skyrl ─ one sample at a time, blocking         ┴▶ sample

What each trainer can be told of an item that was not graded differs, and is the first thing its module says. None of
them makes a number of a fault where the trainer has another way.
"""
