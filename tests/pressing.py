"""Ctrl-C at every step of what the main thread does, one after the other."""

import dis
import signal
import sys
from pathlib import Path


class Pressing:
    """Presses Ctrl-C, `times` times, at the first step within its block that was not tried before.

    looked_at(path): whether the steps of a file count. Steps are those at which Python looks for signals: where a
    function begins, after a call and a jump back.
    """

    def __init__(self, looked_at, times=1):
        self.looked_at, self.times, self.tried = looked_at, times, set()
        self.pressed = self.returned = False

    def __enter__(self):
        self.pressed = False
        sys.settrace(self._begun)

    def __exit__(self, *exception):
        sys.settrace(None)

    def _begun(self, frame, event, argument):
        if not self.looked_at(Path(frame.f_code.co_filename)):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        before, self.returned = "RESUME", False

        def step(frame, event, argument):
            nonlocal before
            if event == "opcode":
                looks = before.startswith(("RESUME", "CALL", "JUMP_BACKWARD")) and not self.returned
                before, self.returned = dis.opname[frame.f_code.co_code[frame.f_lasti]], False
                if looks and not self.pressed:
                    self._press(frame)
            # After the return of a function in Python it does not look.
            self.returned = event == "return"
            return step

        return step

    def _press(self, frame):
        caller = frame.f_back
        here = frame.f_code, frame.f_lasti, caller.f_code, caller.f_lasti
        if here not in self.tried:
            self.tried.add(here)
            self.pressed = True
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)
