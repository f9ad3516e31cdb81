"""What every Podium host needs: settings, bus, telemetry, retries."""
