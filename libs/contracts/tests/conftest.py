"""Settings of the property tests."""

from hypothesis import HealthCheck, settings

# A busy machine is no defect of what is tested.
settings.register_profile("podium", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("podium")
