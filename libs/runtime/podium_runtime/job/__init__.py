"""The host of one stage of one run: a driver in a Job of Kubernetes."""

from podium_runtime.job.driver import drive

__all__ = ["drive"]
