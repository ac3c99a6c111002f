"""Running jobs: pools, attempts, leases, child processes."""
