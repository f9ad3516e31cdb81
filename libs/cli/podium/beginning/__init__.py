"""`podium init`: from somebody's own files to a pipeline file and a first dbt model."""
