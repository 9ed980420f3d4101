"""The web app around tgvig_core: one file a step, figures and reports as pure functions, one worker for the heavy jobs."""
