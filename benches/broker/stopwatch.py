"""What a load took."""

import time


class Stopwatch:
    """Time that has passed, and what this process took of the processors in it, with all its threads."""

    def __init__(self) -> None:
        self.start, self.cpu_start = time.perf_counter(), time.process_time()

    def read(self) -> dict:
        return {
            "seconds": time.perf_counter() - self.start,
            "cpu_seconds": time.process_time() - self.cpu_start,
        }
