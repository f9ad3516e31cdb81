"""The operator: PipelineRuns become StageRuns, and those become Jobs."""
