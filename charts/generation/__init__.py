"""What is generated from the contracts for Kubernetes: custom resource definitions, and the pages that describe them."""
