"""From declarations to Prefect deployments: what is wanted, what stands on the server, the difference, and making it so."""
