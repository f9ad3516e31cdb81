"""A real broker on a folder of its own."""

import os
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

SCRIPT = str(Path(__file__).parents[1] / "scripts" / "broker")


@dataclass(frozen=True)
class Broker:
    """A broker that can be stopped or killed and started again, at the same address and with the same records."""

    folder: Path

    def start(self) -> None:
        subprocess.run([SCRIPT, "start", str(self.folder)], check=True, timeout=120)

    def stop(self) -> None:
        subprocess.run([SCRIPT, "stop", str(self.folder)], check=True, timeout=60)

    def kill(self) -> None:
        """Kill it, and wait until nobody listens on its port."""
        os.kill(int((self.folder / "pid").read_text()), signal.SIGKILL)
        host, port = self.address.split(":")
        while True:
            try:
                socket.create_connection((host, int(port)), 1).close()
            except OSError:
                return

    @property
    def address(self) -> str:
        return (self.folder / "bootstrap").read_text().strip()
