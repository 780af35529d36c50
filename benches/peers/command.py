"""Runs one command to its end and says what it took, as a line of JSON.

    command.py OUTPUT PROGRAM [ARGUMENT...]

Standard output goes to the file OUTPUT. The peak of resident memory is that of the process with its children.
"""

import json
import os
import sys
import time

output, *command = sys.argv[1:]
redirections = [
    (os.POSIX_SPAWN_OPEN, 1, output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
    (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
]
start = time.perf_counter()
child = os.posix_spawnp(command[0], command, os.environ, file_actions=redirections)
_, status, usage = os.wait4(child, 0)
seconds = time.perf_counter() - start
report = {
    "seconds": seconds,
    "cpu_seconds": usage.ru_utime + usage.ru_stime,
    "peak_rss_bytes": usage.ru_maxrss * 1024,
    "exit": os.waitstatus_to_exitcode(status),
}
print(json.dumps(report))
